"""Omega total against lavaan and psych; the factor kernel against itself."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats import ConvergenceError, DataError, ModelError
from waistats.reliability._factor import fit_minres, fit_ml, implied_covariance
from waistats.reliability.omega import (
    DENOMINATORS,
    MATRICES,
    METHODS,
    OmegaForm,
    omega_total,
)

HERE = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((HERE / "coefficients.json").read_text(encoding="utf-8"))
DATA = json.loads((HERE / "coefficients_data.json").read_text(encoding="utf-8"))
REVERSED = json.loads((HERE / "coefficients_models.json").read_text(encoding="utf-8"))
FIXTURE = pd.read_csv(HERE / "fixture_items_60x5.csv")
ITEMS = {"fixture": FIXTURE, "ceiling": np.array(DATA["ceiling"], dtype=float)}


@pytest.mark.parametrize("name", ITEMS)
def test_omega_is_lavaans(name):
    expected = REFERENCE["omega"][name]
    robust = omega_total(ITEMS[name])
    normal = omega_total(ITEMS[name], ci="normal-theory")
    assert robust.estimate == pytest.approx(expected["omega"], abs=2e-7)
    # lavaan's own optimum is good to about 1e-7
    assert robust.se == pytest.approx(expected["se_robust"], rel=1e-6)
    assert normal.se == pytest.approx(expected["se_normal"], rel=1e-6)
    communality = robust.loadings["communality"]
    lam = np.array(expected["loadings"])
    theta = np.array(expected["uniquenesses"])
    np.testing.assert_allclose(communality, lam**2 / (lam**2 + theta), atol=1e-6)


def test_check_numbers_of_the_fixture():
    assert omega_total(FIXTURE).estimate == pytest.approx(0.7124553, abs=5e-8)
    assert omega_total(FIXTURE).se == pytest.approx(0.0704193, abs=1e-7)
    observed = omega_total(FIXTURE, denominator="observed")
    assert observed.estimate == pytest.approx(0.7078849, abs=5e-8)
    result = omega_total(FIXTURE)
    half = 1.959963984540054 * result.se / (1 - result.estimate)
    assert result.ci_low == pytest.approx(1 - (1 - result.estimate) * np.exp(half))
    assert result.ci_high == pytest.approx(1 - (1 - result.estimate) * np.exp(-half))


@pytest.mark.parametrize("name", ITEMS)
def test_minres_is_lavaans_unweighted_least_squares(name):
    expected = REFERENCE["minres"][name]
    result = omega_total(ITEMS[name], method="minres", matrix="correlation")
    assert result.estimate == pytest.approx(expected["omega"], abs=1e-6)
    np.testing.assert_allclose(
        result.loadings["loading"], expected["loadings"], atol=2e-6
    )
    # psych stops its search early
    observed = omega_total(
        ITEMS[name], method="minres", matrix="correlation", denominator="observed"
    )
    assert observed.estimate == pytest.approx(
        REFERENCE["psych_omega_one"][name], abs=2e-3
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("denominator", DENOMINATORS)
def test_gradient_is_the_derivative(method, matrix, denominator):
    form = OmegaForm(method=method, matrix=matrix, denominator=denominator)
    lam = np.array([0.3, 0.9, 1.4, 0.7, 2.0])
    s = implied_covariance(lam[:, None], np.array([0.8, 0.5, 1.2, 0.6, 3.0]))
    gradient = form.gradient(s, form.fit(s))
    change = np.random.default_rng(3).normal(size=s.shape)
    change = (change + change.T) * 1e-5
    up, down = s + change, s - change
    slope = (form.value(up, form.fit(up)) - form.value(down, form.fit(down))) / 2
    assert (gradient * change).sum() == pytest.approx(slope, rel=1e-5)


@given(st.integers(0, 10_000), st.integers(3, 9))
@settings(max_examples=30, deadline=None)
def test_a_true_model_is_found_again(seed, m):
    rng = np.random.default_rng(seed)
    lam = rng.uniform(0.3, 0.9, m) * rng.choice([1, 2.0], m)
    theta = rng.uniform(0.3, 2, m)
    s = implied_covariance(lam[:, None], theta)
    for fitter in (fit_ml, fit_minres):
        fit = fitter(s)
        assert fit.converged
        np.testing.assert_allclose(fit.loadings[:, 0], lam, atol=1e-7)
        np.testing.assert_allclose(fit.uniquenesses, theta, atol=1e-6)


def test_one_call_fits_many_matrices():
    rng = np.random.default_rng(4)
    values = rng.normal(size=(6, 80, 1)) + rng.normal(size=(6, 80, 5))
    s = np.array([np.cov(v.T) for v in values]).reshape(2, 3, 5, 5)
    for fitter in (fit_ml, fit_minres):
        batch = fitter(s)
        assert batch.loadings.shape == (2, 3, 5, 1)
        alone = fitter(s[1, 2])
        np.testing.assert_allclose(batch.loadings[1, 2], alone.loadings, atol=1e-8)


def test_units_and_order_of_items_do_not_matter():
    base = omega_total(FIXTURE)
    turned = omega_total(FIXTURE.iloc[:, ::-1] * 7 + 3)
    assert turned.estimate == pytest.approx(base.estimate, abs=1e-9)
    assert turned.se == pytest.approx(base.se, abs=1e-9)


def test_bootstrap_is_reproducible_and_near_the_delta_method():
    items = ITEMS["ceiling"]
    first = omega_total(items, ci="bootstrap", n_resamples=600, seed=5)
    again = omega_total(items, ci="bootstrap", n_resamples=600, seed=5)
    assert (first.se, first.ci_low, first.ci_high) == (
        again.se,
        again.ci_low,
        again.ci_high,
    )
    # 600 draws: se of the se is about 3 %
    assert first.se == pytest.approx(omega_total(items).se, rel=0.12)


def test_an_opposite_loading_is_named_and_keeps_its_standard_error():
    """Reversing one item turns the sign of one loading: omega's robust error is known.

    lavaan 0.6-14, cfa(std.lv = TRUE, se = "robust.sem") and := of omega.
    """
    items = FIXTURE.assign(V2=6 - FIXTURE["V2"])
    result = omega_total(items)
    assert any("opposite sign: V2" in note for note in result.notes)
    assert any("Runs against the other items: V2" in note for note in result.notes)
    expected = REVERSED["omega_reversed"]
    assert result.estimate == pytest.approx(expected["estimate"], rel=1e-5)
    assert result.se == pytest.approx(expected["se"], rel=1e-4)
    drawn = omega_total(items, ci="bootstrap", n_resamples=1000)
    assert drawn.se == pytest.approx(result.se, rel=0.25)


def test_heywood_case_is_flagged():
    s = np.array([[1, 0.8, 0.7], [0.8, 1, 0.3], [0.7, 0.3, 1.0]])
    rng = np.random.default_rng(6)
    z = rng.normal(size=(50, 3))
    z = np.linalg.qr(z - z.mean(0))[0]
    items = z @ np.linalg.cholesky(s).T
    result = omega_total(items)
    assert any("Heywood" in note for note in result.notes)
    assert np.isnan(result.se)


def test_constant_item_is_left_out_with_a_note():
    result = omega_total(FIXTURE.assign(V6=3))
    assert result.n_items == 5
    assert result.estimate == pytest.approx(omega_total(FIXTURE).estimate)
    assert "Excluded because everyone gave the same answer: V6." in result.notes


def test_missing_answers():
    holes = FIXTURE.astype(float).mask(
        np.random.default_rng(7).random(FIXTURE.shape) < 0.05
    )
    whole = holes.dropna()
    listwise = omega_total(holes)
    assert (listwise.n, listwise.n_excluded) == (len(whole), 60 - len(whole))
    assert listwise.estimate == pytest.approx(omega_total(whole).estimate)
    pairwise = omega_total(holes, missing="pairwise")
    assert pairwise.n < 60
    assert any("Pairwise" in note for note in pairwise.notes)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(DataError, match="at least 3 items"):
        omega_total(FIXTURE[["V1", "V2"]])
    with pytest.raises(DataError, match="copies or sums of one another: V1, V6"):
        omega_total(FIXTURE.assign(V6=FIXTURE["V1"]))
    with pytest.raises(ModelError, match="method must be one of"):
        omega_total(FIXTURE, method="pca")
    with pytest.raises(ModelError, match="n_resamples"):
        omega_total(FIXTURE, ci="bootstrap", n_resamples=3)
    sad = np.array([[1, 0.4, 0.4], [0.4, 1, -0.4], [0.4, -0.4, 1]])
    z = np.random.default_rng(8).normal(size=(40, 3))
    z = np.linalg.qr(z - z.mean(0))[0]
    with pytest.raises(ConvergenceError, match="decreases below zero without limit"):
        omega_total(z @ np.linalg.cholesky(sad).T)
