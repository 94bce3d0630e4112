"""Variances of published ICC and omega: METHODS 12.5, simulation, other laws."""

import numpy as np
import pytest

from waistats import DataError, ModelError
from waistats._published_variances import (
    icc_form,
    icc_log_variance,
    icc_variance,
    omega_variance,
)
from waistats.reliability._ratings import icc_of, mean_squares
from waistats.reliability.omega import omega_total

LOADINGS = [0.8, 0.7, 0.6, 0.5, 0.7, 0.6]


def test_checked_values_of_iccs():
    assert icc_variance(0.6, 60, 3) == pytest.approx(0.004375, abs=5e-7)
    assert icc_variance(0.6, 60, 3, "1,1") == pytest.approx(0.004351, abs=5e-7)
    assert icc_log_variance(50, 3) == pytest.approx(0.0625)
    exact = icc_log_variance(50, 3, exact=True)
    assert exact == pytest.approx(0.0622784685, abs=5e-11)
    assert icc_log_variance(50, 3, "1,k", exact=True) == pytest.approx(
        0.0618619754, abs=5e-11
    )
    found = icc_variance(0.6, 60, 4, "2,1", rater_share=0.1)
    assert found == pytest.approx(0.00560135593, abs=5e-12)


def test_agreement_from_consistency():
    # targets .6, raters .1, error .3: consistency is .6 / .9
    known = icc_variance(0.6, 60, 4, "2,1", rater_share=0.1)
    assert icc_variance(0.6, 60, 4, "2,1", consistency=0.6 / 0.9) == pytest.approx(
        known
    )


@pytest.mark.parametrize("form", ["1,1", "3,1", "1,k", "3,k", "2,1", "2,k"])
def test_it_is_the_standard_error_of_the_mean_squares(form):
    """At the population's mean squares the delta method is the same."""
    n, k, q = 60, 4, 0.1
    rng = np.random.default_rng(3)
    values = rng.normal(size=(n, k))
    squares = mean_squares(values)
    error, raters = (0.3, q) if form[0] != "1" else (0.4, 0.0)
    within = error
    population = type(squares)(
        targets=k * 0.6 + error,
        raters=n * raters + error,
        residual=error,
        within=within,
        n=n,
        k=k,
    )
    estimate, se = icc_of(population, form)
    share = {"rater_share": q} if form.startswith("2") else {}
    assert icc_variance(estimate, n, k, form, **share) == pytest.approx(se**2, rel=1e-9)


def test_checked_values_of_omega():
    omega, variance = omega_variance(LOADINGS, 200)
    assert omega == pytest.approx(0.816863588, abs=5e-10)
    assert variance == pytest.approx(0.000379770009, rel=1e-8)
    omega, variance = omega_variance([0.9, 0.8, 0.5, 0.3], 150)
    assert omega == pytest.approx(0.738770686, abs=5e-10)
    assert variance == pytest.approx(0.000866470052, rel=1e-8)
    # METHODS 9.2's gradient: items in their own metric
    assert omega_variance(LOADINGS, 200, sds=np.ones(6))[1] == pytest.approx(
        0.000400, abs=5e-7
    )


def test_raw_omega_is_that_of_omega_total():
    """Published loadings and SDs give back the normal-theory standard error."""
    rng = np.random.default_rng(8)
    values = rng.normal(size=(250, 1)) * [2, 1, 0.5, 1] + rng.normal(size=(250, 4))
    found = omega_total(values, ci="normal-theory")
    loadings = found.loadings["loading"].to_numpy()
    # the sd that the model implies, divisor n
    sds = values.std(axis=0)
    omega, variance = omega_variance(loadings, 250, sds=sds)
    assert omega == pytest.approx(found.estimate, rel=1e-9)
    assert np.sqrt(variance) == pytest.approx(found.se, rel=1e-7)


def test_forms_as_tables_spell_them():
    spelled = [
        "ICC(3,1)",
        "3,1",
        "icc3",
        "ICC(3)",
        "ICC 3, 1",
        "ICC(2,k)",
        "ICC2k",
        "x",
    ]
    assert [icc_form(text) for text in spelled] == [
        *["3,1"] * 5,
        *["2,k"] * 2,
        None,
    ]


def test_what_is_refused():
    with pytest.raises(ModelError, match="rater_share=, or consistency="):
        icc_variance(0.6, 60, 4, "2,1")
    with pytest.raises(ModelError, match="two raters"):
        icc_variance(0.6, 60, 2, "2,1", rater_share=0.1)
    with pytest.raises(DataError, match="below 1, but is 1; n must be at least 2"):
        icc_variance(1.0, 1, 4)
    with pytest.raises(DataError, match="must lie between -1 and 1"):
        omega_variance([1.2, 0.5, 0.6], 100)
    with pytest.raises(ModelError, match="at least 3 items"):
        omega_variance([0.5, 0.6], 100)
