"""Polychoric correlations, ordinal alpha and omega, against lavaan and psych."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import special
from scipy.stats import multivariate_normal

from waistats import DataError, ModelError
from waistats.reliability._polychoric import (
    bivariate_normal_cdf,
    cell_probabilities,
    cell_slopes,
    fit_pairs,
    polychoric,
    polychoric_influence,
)
from waistats.reliability._resampling import resampled_counts
from waistats.reliability.ordinal import (
    categories,
    nearest_definite,
    ordinal_alpha,
    ordinal_omega,
    ordinal_sample,
    resampled_polychorics,
)

HERE = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((HERE / "coefficients.json").read_text(encoding="utf-8"))
DATA = json.loads((HERE / "coefficients_data.json").read_text(encoding="utf-8"))
ITEMS = {name: np.array(DATA[name], float) for name in ("ceiling", "mixed", "missing")}


def fitted(items, **options):
    return polychoric(*categories(np.asarray(items, float)), **options)


def simulated(seed, n=300, m=5, strength=1.0, cuts=(-1.5, -0.5, 0.4, 1.2)):
    rng = np.random.default_rng(seed)
    latent = strength * rng.normal(size=(n, 1)) + rng.normal(size=(n, m))
    return np.digitize(latent, cuts)


@pytest.mark.parametrize("name", ITEMS)
def test_correlations_are_lavaans_and_psychs(name):
    found = fitted(ITEMS[name])
    expected = REFERENCE["polychoric"][name]
    assert found.converged.all()
    # lavaan stops at about 1e-5, psych's line search at about 1e-4
    np.testing.assert_allclose(found.correlation, expected["lavaan"], atol=2e-5)
    np.testing.assert_allclose(found.correlation, expected["psych"], atol=2e-4)


def test_thresholds_are_lavaans():
    expected = REFERENCE["polychoric"]["ceiling"]["thresholds"]
    found = fitted(ITEMS["ceiling"]).thresholds[:, 1:-1]
    np.testing.assert_allclose(found.ravel(), list(expected.values()), atol=1e-12)


def test_correction_for_empty_cells_is_psychs():
    found = fitted(ITEMS["ceiling"], correct=0.5)
    assert found.empty_cells > 0
    expected = np.array(REFERENCE["polychoric_corrected"])
    np.testing.assert_allclose(found.correlation, expected, atol=5e-4)
    # psych divides the corrected counts by the n from before the correction
    first, second = found.pairs
    n = len(ITEMS["ceiling"])

    def thresholds(counts):
        below = special.ndtri(np.cumsum(counts, axis=-1)[:, :-1] / n)
        return np.pad(below, ((0, 0), (1, 1)), constant_values=(-np.inf, np.inf))

    rows, columns = found.tables.sum(-1), found.tables.sum(-2)
    rho, _ = fit_pairs(found.tables, thresholds(rows), thresholds(columns))
    np.testing.assert_allclose(rho, expected[first, second], atol=1e-4)


@pytest.mark.parametrize("name", ITEMS)
def test_the_score_is_zero_at_the_estimate(name):
    found = fitted(ITEMS[name])
    first, second = found.pairs
    a, b = found.thresholds[first], found.thresholds[second]
    rho = found.correlation[first, second]
    slopes, cells = cell_slopes(a, b, rho), cell_probabilities(a, b, rho)
    ratio = np.where(found.tables > 0, slopes / np.where(cells > 0, cells, 1), 0)
    score = (found.tables * ratio).sum((1, 2))
    np.testing.assert_allclose(score, 0, atol=1e-7)


@given(
    st.floats(-4, 4), st.floats(-4, 4), st.floats(-0.9999, 0.9999), st.integers(0, 1)
)
@settings(max_examples=60, deadline=None)
def test_bivariate_normal_cdf(h, k, rho, zero):
    h = 0.0 if zero else h
    found = float(bivariate_normal_cdf(h, k, rho))
    swapped = float(bivariate_normal_cdf(k, h, rho))
    # P(X < h) splits into Y < k and Y >= k
    rest = float(bivariate_normal_cdf(h, -k, -rho))
    assert found == pytest.approx(swapped, abs=1e-14)
    assert found + rest == pytest.approx(special.ndtr(h), abs=1e-14)
    assert -1e-15 <= found <= 1


@pytest.mark.parametrize(
    ("h", "k", "rho"),
    [(0, 0, 0.3), (0, 1, 0.5), (-1, 0, -0.7), (1.2, -0.4, 0.97), (-3, -2, -0.9)],
)
def test_bivariate_normal_cdf_is_scipys(h, k, rho):
    expected = multivariate_normal.cdf([h, k], cov=[[1, rho], [rho, 1]], abseps=1e-13)
    assert float(bivariate_normal_cdf(h, k, rho)) == pytest.approx(expected, abs=1e-10)


def test_known_probability_of_a_quadrant():
    expected = 0.25 + np.arcsin(0.6) / (2 * np.pi)
    assert float(bivariate_normal_cdf(0.0, 0.0, 0.6)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["ceiling", "mixed"])
def test_ordinal_omega_is_lavaans_with_its_standard_error(name):
    expected = REFERENCE["ordinal_omega"][name]
    found = ordinal_omega(ITEMS[name], ci="adf")
    n = found.n
    assert found.estimate == pytest.approx(expected["omega"], abs=2e-5)
    np.testing.assert_allclose(
        found.loadings["loading"], expected["loadings"], atol=5e-5
    )
    # lavaan divides the squared influences by n, waistats by n - 1; its derivative of
    # the loadings takes the model as true, waistats' is exact
    assert found.se * np.sqrt((n - 1) / n) == pytest.approx(expected["se"], rel=3e-3)


@pytest.mark.parametrize("name", ["ceiling", "mixed"])
def test_ordinal_alpha_is_the_delta_method_on_lavaans_matrix(name):
    expected = REFERENCE["ordinal_alpha"][name]
    found = ordinal_alpha(ITEMS[name], ci="adf")
    n = found.n
    assert found.estimate == pytest.approx(expected["alpha"], abs=1e-5)
    assert found.se * np.sqrt((n - 1) / n) == pytest.approx(expected["se"], rel=1e-3)


def test_influence_is_what_happens_when_a_person_is_counted_more():
    codes, size = categories(simulated(1, n=600, m=4).astype(float))
    base = polychoric(codes, size)
    gradient = np.ones((4, 4)) - np.eye(4)
    influence = polychoric_influence(base, gradient)
    assert influence.sum() == pytest.approx(0, abs=1e-6)
    # information is the sample's, so agreement is to the order of its own error
    deleted = [
        polychoric(np.delete(codes, i, axis=0), size).correlation.sum()
        for i in range(60)
    ]
    moved = (base.correlation.sum() - np.array(deleted)) * 599
    assert np.corrcoef(moved, influence[:60])[0, 1] > 0.99


def test_bootstrap_agrees_with_influence_functions():
    items = simulated(2)
    delta = ordinal_alpha(items)
    drawn = ordinal_alpha(items, ci="bootstrap", n_resamples=500, seed=3)
    assert drawn.se == pytest.approx(delta.se, rel=0.12)
    again = ordinal_alpha(items, ci="bootstrap", n_resamples=500, seed=3)
    assert (drawn.ci_low, drawn.ci_high) == (again.ci_low, again.ci_high)


def test_blocks_of_pairs_draw_the_same_people(monkeypatch):
    fit = ordinal_sample(simulated(4, n=60, m=4)).fit
    whole = resampled_polychorics(fit, 100, 5)
    monkeypatch.setattr("waistats.reliability.ordinal._BLOCK", 1)
    np.testing.assert_array_equal(whole, resampled_polychorics(fit, 100, 5))


def test_normal_data_give_back_the_correlation():
    items = simulated(6, n=20_000, m=3)
    np.testing.assert_allclose(fitted(items).correlation[0, 1:], 0.5, atol=0.02)


def test_two_categories_are_the_tetrachoric_correlation():
    # all four quadrants of a table with equal margins: r = sin(pi/2 (4 p - 1))
    items = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], [40, 10, 10, 40], axis=0)
    expected = np.sin(np.pi / 2 * (4 * 0.4 - 1))
    assert fitted(items).correlation[0, 1] == pytest.approx(expected, abs=1e-9)


def test_copies_of_an_item_are_said_to_be_at_the_limit():
    items = simulated(7, m=3)
    items[:, 1] = items[:, 0]
    found = ordinal_alpha(items)
    assert any("limit of one: 1 with 2" in note for note in found.notes)
    assert np.isfinite(found.estimate)


def test_smoothing_is_said():
    bad = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    better, changed = nearest_definite(bad)
    assert changed
    assert np.linalg.eigvalsh(better)[0] > 0
    np.testing.assert_allclose(np.diagonal(better), 1)
    items = simulated(8, n=12, m=9)
    with pytest.raises(
        DataError, match=r"correlations are inconsistent.*correct=0.5.*smooth=True"
    ):
        ordinal_alpha(items)
    found = ordinal_alpha(items, smooth=True, ci="adf")
    assert any("smoothed" in note for note in found.notes)
    assert np.isnan(found.se)
    assert any("No standard error" in note for note in found.notes)
    good, changed = nearest_definite(np.eye(3))
    assert not changed
    np.testing.assert_array_equal(good, np.eye(3))


def test_pairwise_uses_every_answer():
    items = ITEMS["missing"]
    pairwise = ordinal_alpha(items, missing="pairwise")
    listwise = ordinal_alpha(items)
    assert listwise.n == int((~np.isnan(items)).all(1).sum())
    assert pairwise.n > listwise.n
    assert pairwise.se < listwise.se


def test_relabelling_categories_changes_nothing():
    items = simulated(9)
    other = np.array([-3.0, 0.0, 1.0, 10.0, 11.0])[items]
    assert ordinal_alpha(items).estimate == ordinal_alpha(other).estimate


def test_what_cannot_be_used_is_refused():
    rng = np.random.default_rng(10)
    with pytest.raises(DataError, match="at most 20 ordered categories"):
        ordinal_alpha(rng.normal(size=(50, 4)))
    with pytest.raises(ModelError, match="correct must be at least 0"):
        ordinal_alpha(simulated(11), correct=-1)
    with pytest.raises(ModelError, match="missing must be one of"):
        ordinal_alpha(simulated(11), missing="em")
    with pytest.raises(DataError, match="at least 3 items"):
        ordinal_omega(simulated(11)[:, :2])
    with pytest.raises(ModelError, match="ci must be one of"):
        ordinal_omega(simulated(11), ci="feldt")


def rare(n: int, seed: int) -> np.ndarray:
    """SIMULATED answers, more than half at the ceiling and few in the lowest category."""
    rng = np.random.default_rng(seed)
    lam = np.linspace(0.5, 0.8, 6)
    latent = rng.normal(size=(n, 1)) * lam
    latent = latent + rng.normal(size=(n, 6)) * np.sqrt(1 - lam**2)
    return np.digitize(latent, [-1.8, -1.3, -0.8, -0.2])


def test_rare_categories_take_the_jackknife_by_default():
    few = ordinal_alpha(rare(80, 1), smooth=True)
    assert few.ci == "jackknife"
    assert ordinal_omega(rare(80, 1), smooth=True).ci == "jackknife"
    even = np.digitize(rare(400, 2), [1, 3])
    assert ordinal_alpha(even).ci == "adf"
    assert ordinal_omega(even).ci == "adf"
    assert ordinal_alpha(rare(80, 1), ci="adf", smooth=True).ci in ("adf", "")


def test_binary_items_of_sixty_people_get_a_standard_error():
    rng = np.random.default_rng(6)
    values = (rng.normal(size=(60, 1)) + rng.normal(size=(60, 5)) > -0.3).astype(float)
    found = ordinal_alpha(values, correct=0.5)
    assert found.se > 0
    assert found.ci_low < found.estimate < found.ci_high
    drawn = ordinal_alpha(values, correct=0.5, ci="bootstrap")
    assert found.se == pytest.approx(drawn.se, rel=0.4)


@pytest.mark.slow
def test_coverage_with_rare_categories():
    """The delta method covers .88 at n = 60, the default .95.

    200 SIMULATED samples: three standard errors of .95 are .046.
    """
    lam = np.linspace(0.5, 0.8, 6)
    r = np.outer(lam, lam)
    np.fill_diagonal(r, 1.0)
    truth = 6 / 5 * (1 - 6 / r.sum())
    hits = {"auto": 0, "adf": 0}
    runs = 200
    for seed in range(runs):
        for ci in hits:
            found = ordinal_alpha(rare(60, seed), ci=ci, smooth=True)
            hits[ci] += found.ci_low <= truth <= found.ci_high
    assert abs(hits["auto"] / runs - 0.95) < 0.046
    assert hits["adf"] / runs < hits["auto"] / runs - 0.03


@pytest.mark.parametrize("correct", [0.0, 0.5])
def test_the_bootstrap_corrects_empty_cells_as_the_fit_does(correct):
    """Each resample's matrix is the fit to the people who were drawn."""
    items = np.minimum(simulated(7, n=40, m=4), 3)
    codes, size = categories(items)
    fit = polychoric(codes, size, correct=correct)
    assert fit.empty_cells > 0
    found = resampled_polychorics(fit, 12, 5)
    draw = int(np.random.default_rng(5).integers(2**63))
    (counts,) = resampled_counts(len(codes), 12, draw)
    for matrix, times in zip(found, counts, strict=True):
        drawn = np.repeat(codes, times.astype(int), axis=0)
        again = polychoric(drawn, size, correct=correct).correlation
        np.testing.assert_allclose(matrix, again, atol=2e-5)
