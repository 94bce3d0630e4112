"""Covariance of dependent alphas: checked values, identities, and a simulation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import DataError, ModelError
from waistats.reliability._moments import alpha_influence, alpha_of, mean_and_covariance
from waistats.reliability._resampling import resampled_covariances
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.covariance import alpha_covariance

FILE = Path(__file__).parents[1] / "reference" / "fixture_items_60x5.csv"


@pytest.fixture(scope="module")
def fixture() -> pd.DataFrame:
    return pd.read_csv(FILE)


def test_checked_values_of_overlapping_scales(fixture):
    found = alpha_covariance({"short": fixture.iloc[:, :3], "total": fixture})
    assert found.estimate == pytest.approx([0.530289608177, 0.706150815670])
    expected = [[0.00790803279, 0.00476242208], [0.00476242208, 0.00450459219]]
    np.testing.assert_allclose(found.raw, expected, rtol=1e-8)
    assert found.correlation[0, 1] == pytest.approx(0.797932055876)
    bonett = [[0.0358433113, 0.0345043003], [0.0345043003, 0.0521682778]]
    np.testing.assert_allclose(found.bonett, bonett, rtol=1e-8)
    root = [[0.00240649923, 0.00198129405], [0.00198129405, 0.00256200703]]
    np.testing.assert_allclose(found.hakstian_whalen, root, rtol=1e-8)
    np.testing.assert_array_equal(found.matrix("bonett"), found.bonett)
    with pytest.raises(ModelError, match="measure must be one of"):
        found.matrix("fisher")


def test_checked_value_of_disjoint_scales(fixture):
    found = alpha_covariance({"a": fixture.iloc[:, :2], "b": fixture.iloc[:, 2:]})
    assert found.raw[0, 1] == pytest.approx(0.0036889, abs=5e-8)


@pytest.mark.parametrize("missing", ["listwise", "pairwise", "em"])
def test_the_diagonal_is_the_adf_variance(fixture, missing):
    holes = fixture.astype(float)
    holes.iloc[:6, 4] = holes.iloc[7:12, 0] = np.nan
    scales = {"a": holes.iloc[:, :3], "b": holes}
    found = alpha_covariance(scales, missing=missing)
    for j, items in enumerate(scales.values()):
        one = cronbach_alpha(items, ci="adf", missing=missing)
        assert found.raw[j, j] == pytest.approx(one.se**2, rel=1e-10)
        assert (found.n[j], found.n_items[j]) == (one.n, one.n_items)
        assert found.estimate[j] == one.estimate


def test_the_frame_has_a_row_a_pair(fixture):
    found = alpha_covariance({"a": fixture.iloc[:, :3], "b": fixture})
    frame = found.to_frame()
    assert list(zip(frame["scale_1"], frame["scale_2"], strict=True)) == [
        ("a", "a"),
        ("a", "b"),
        ("b", "b"),
    ]
    assert frame["covariance"].tolist() == [
        found.raw[0, 0],
        found.raw[0, 1],
        found.raw[1, 1],
    ]
    assert "Sampling covariance of 2 alphas" in str(found)


def test_raters_of_the_same_dyads_are_matched_by_index(fixture):
    client = fixture.set_axis([f"d{i}" for i in range(60)])
    therapist = client.sample(frac=1, random_state=1).add([0, 1, 0, 1, 0])[:50]
    found = alpha_covariance({"client": client, "therapist": therapist})
    assert found.n.tolist() == [60, 50]
    assert found.n_shared[0, 1] == 50
    assert found.notes[0] == "Matched by index: 60 respondents, 50 with every scale."
    there = client.index.isin(therapist.index)
    one = alpha_influence(client.to_numpy(float))[there]
    other = alpha_influence(client[there].to_numpy(float))
    expected = (one * other).sum() / np.sqrt(60 * 59 * 50 * 49)
    assert found.raw[0, 1] == pytest.approx(expected)
    alone = alpha_covariance({"client": client, "therapist": client + 1})
    assert alone.correlation[0, 1] == pytest.approx(1)


def test_different_people_have_no_covariance(fixture):
    holes = fixture.astype(float)
    first, second = holes.copy(), holes.copy()
    first.iloc[:30] = np.nan
    second.iloc[30:] = np.nan
    found = alpha_covariance({"a": first, "b": second})
    assert found.raw[0, 1] == 0
    assert found.n_shared[0, 1] == 0


def test_what_cannot_be_matched_is_refused(fixture):
    values = fixture.to_numpy()
    with pytest.raises(DataError, match="rows differ: a 60, b 50"):
        alpha_covariance({"a": values, "b": values[:50]})
    moved = fixture.set_axis(range(100, 160))
    with pytest.raises(DataError, match="no respondent is in the index of every"):
        alpha_covariance({"a": fixture, "b": moved})
    with pytest.raises(DataError, match="arrays cannot be matched"):
        alpha_covariance({"a": fixture, "b": moved, "c": values})
    twice = fixture.set_axis([1, 1, *range(2, 60)])
    with pytest.raises(DataError, match=r"scale b: .* but 1 occur more than once"):
        alpha_covariance({"a": fixture, "b": twice})
    with pytest.raises(DataError, match="scale b: at least 2 items"):
        alpha_covariance({"a": fixture, "b": fixture[["V1"]]})
    with pytest.raises(DataError, match=r"scale b: .*does not vary"):
        alpha_covariance({"a": fixture, "b": fixture * 0})
    copies = pd.DataFrame({"x": fixture["V1"], "y": fixture["V1"]})
    with pytest.raises(DataError, match="scale b: alpha is exactly 1"):
        alpha_covariance({"a": fixture, "b": copies})
    with pytest.raises(ModelError, match="needs a mapping"):
        alpha_covariance(fixture)


@pytest.mark.parametrize("ceiling", [False, True])
def test_the_covariance_is_that_of_repeated_samples(ceiling):
    """The mean of the estimates against the covariance over SIMULATED samples."""
    rng = np.random.default_rng(20)
    runs, n, m = 3000, 200, 6
    values = 0.8 * rng.normal(size=(runs, n, 1)) + rng.normal(size=(runs, n, m))
    if ceiling:
        values = np.digitize(values, [-2.5, -1.8, -1.0, -0.2]).astype(float)
    parts = [values[..., :3], values[..., 3:], values]
    alphas = np.stack([alpha_of(mean_and_covariance(v)[1]) for v in parts], axis=1)
    log = -np.log(1 - alphas)
    influence = np.stack([alpha_influence(v) for v in parts], axis=-1)
    raw = np.einsum("rip,riq->rpq", influence, influence) / (n * (n - 1))
    slope = 1 / (1 - alphas)
    predicted = (raw * slope[:, :, None] * slope[:, None, :]).mean(axis=0)
    deviations = log - log.mean(axis=0)
    products = deviations[:, :, None] * deviations[:, None, :]
    observed = products.mean(axis=0)
    error = products.std(axis=0) / np.sqrt(runs)
    assert (np.abs(observed - predicted) < 3 * error).all()
    assert observed[0, 2] > 10 * error[0, 2]


@pytest.mark.parametrize("ceiling", [False, True])
def test_the_covariance_is_that_of_the_bootstrap(ceiling):
    """Respondents of one SIMULATED sample, resampled."""
    rng = np.random.default_rng(33)
    n, m, draws = 1500, 5, 3000
    values = 0.8 * rng.normal(size=(n, 1)) + rng.normal(size=(n, m))
    if ceiling:
        values = np.digitize(values, [-2.5, -1.8, -1.0, -0.2]).astype(float)
    scales = {"first": values[:, :2], "last": values[:, 2:], "all": values}
    predicted = alpha_covariance(scales).bonett
    covariance = resampled_covariances(values, draws, 1)
    parts = [covariance[:, :2, :2], covariance[:, 2:, 2:], covariance]
    log = np.stack([-np.log(1 - alpha_of(part)) for part in parts], axis=1)
    deviations = log - log.mean(axis=0)
    products = deviations[:, :, None] * deviations[:, None, :]
    error = products.std(axis=0) / np.sqrt(draws)
    assert (np.abs(products.mean(axis=0) - predicted) < 3 * error).all()
