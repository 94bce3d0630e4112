"""Limits of alpha: published cases, exact identities, and where they are undefined."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from waistats import ModelError, cronbach_alpha, reliability_by_study
from waistats.reliability import _intervals as iv
from waistats.reliability._moments import alpha_gradient

# alpha, items, n: limits by Hakstian-Whalen, Bonett, Bonett with bias, Feldt
CASES = [
    (
        0.91,
        36,
        84,
        (0.87918, 0.93507),
        (0.87724, 0.93402),
        (0.87870, 0.93480),
        (0.88003, 0.93551),
    ),
    (
        0.79,
        12,
        54,
        (0.69448, 0.86319),
        (0.68626, 0.85944),
        (0.69207, 0.86204),
        (0.69675, 0.86406),
    ),
    (
        0.93,
        4,
        231,
        (0.91415, 0.94377),
        (0.91351, 0.94334),
        (0.91389, 0.94359),
        (0.91400, 0.94366),
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_checked_cases(case):
    alpha, m, n, hakstian_whalen, bonett, corrected, feldt = case
    for found, expected in [
        (iv.hakstian_whalen_limits(alpha, n, m), hakstian_whalen),
        (iv.bonett_limits(alpha, n, m), bonett),
        (iv.bonett_limits(alpha, n, m, bias="bonett"), corrected),
        (iv.feldt_limits(alpha, n, m), feldt),
    ]:
        np.testing.assert_allclose(found, expected, atol=5.1e-6)


def test_feldt_is_statpsychs_published_interval():
    found = iv.feldt_limits(0.85, 89, 7)
    np.testing.assert_allclose(found, (0.7971, 0.8932), atol=5e-5)


def test_feldt_quantiles_are_those_of_f():
    low, high = iv.feldt_limits(0.7, 30, 12, 0.9)
    assert low == pytest.approx(1 - 0.3 * stats.f.ppf(0.95, 29, 29 * 11), rel=1e-12)
    assert high == pytest.approx(1 - 0.3 * stats.f.ppf(0.05, 29, 29 * 11), rel=1e-12)


def test_variances_of_checked_cases():
    assert iv.bonett_variance(84, 36) == pytest.approx(0.02508710801, rel=1e-9)
    assert iv.bonett_se(0.91, 84, 36) ** 2 == pytest.approx(2.032055749e-4, rel=1e-9)
    assert iv.hakstian_whalen_variance(-0.2, 20, 4) == pytest.approx(
        0.0180293027206, rel=1e-10
    )
    se = iv.hakstian_whalen_se(0.79, 54, 12)
    slope = (1 - 0.79) ** (-2 / 3) / 3
    assert (se * slope) ** 2 == pytest.approx(1.6296558983e-3, rel=1e-9)


def test_exact_bias_is_smaller_for_short_scales():
    assert iv.bonett_bias(30, 4, "exact") == pytest.approx(-0.0233, abs=5e-5)
    assert iv.bonett_bias(30, 4, "bonett") == pytest.approx(-0.0339, abs=5e-5)
    assert iv.bonett_bias(30, 4, "none") == 0
    with pytest.raises(ModelError, match="did you mean 'exact'"):
        iv.bonett_bias(30, 4, "exakt")


def test_exact_bias_is_the_mean_error_in_a_simulation():
    rng = np.random.default_rng(8)
    # -ln(1 - alpha) misses its population value by the log of an F variate
    error = np.log(rng.f(29, 29 * 3, size=200_000))
    assert error.mean() == pytest.approx(
        iv.bonett_bias(30, 4, "exact"), abs=4 * error.std() / np.sqrt(200_000)
    )


def test_two_respondents_have_no_bonett_interval():
    assert np.isnan(iv.bonett_limits(0.5, 2, 4)).all()
    assert np.isfinite(iv.feldt_limits(0.5, 2, 4)).all()


def test_normal_theory_of_parallel_items_is_the_textbook_value():
    # compound symmetry: variance 2 m (1 - alpha)^2 / ((m - 1) n)
    m, r = 6, 0.4
    covariance = np.full((m, m), r) + (1 - r) * np.eye(m)
    alpha = m * r / (1 + (m - 1) * r)
    expected = np.sqrt(2 * m / ((m - 1) * 50)) * (1 - alpha)
    found = iv.normal_theory_se(covariance, alpha_gradient(covariance), 50)
    assert found == pytest.approx(expected, rel=1e-12)


def test_normal_theory_is_van_zyls_closed_form():
    values = np.random.default_rng(0).normal(size=(50, 6)).cumsum(axis=1)
    s = np.cov(values.T)
    m, total, trace = 6, s.sum(), np.trace(s)
    inner = total * (np.trace(s @ s) + trace**2) - 2 * trace * (s @ s).sum()
    expected = np.sqrt(2 * m**2 / ((m - 1) ** 2 * total**3) * inner / 50)
    found = iv.normal_theory_se(s, alpha_gradient(s), 50)
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("scale", ["raw", "bonett"])
def test_wald_limits_are_exact_on_their_scale(scale):
    low, high = iv.wald_limits(0.8, 0.05, 0.9, scale)
    z = stats.norm.ppf(0.95)
    if scale == "raw":
        assert (low, high) == pytest.approx((0.8 - 0.05 * z, 0.8 + 0.05 * z))
    else:
        t = -np.log1p(-0.8)
        assert -np.log1p(-low) == pytest.approx(t - z * 0.05 / 0.2)
        assert -np.log1p(-high) == pytest.approx(t + z * 0.05 / 0.2)


def test_perfect_alpha_has_limits_of_one():
    for limits in (
        iv.feldt_limits(1.0, 20, 5),
        iv.bonett_limits(1.0, 20, 5),
        iv.hakstian_whalen_limits(1.0, 20, 5),
        iv.wald_limits(1.0, 0.0, 0.95, "bonett"),
    ):
        assert tuple(map(float, limits)) == (1, 1)


@settings(max_examples=60, deadline=None)
@given(
    alpha=st.floats(-2, 0.99),
    n=st.integers(3, 2000),
    m=st.integers(2, 40),
    level=st.floats(0.5, 0.99),
)
def test_limits_hold_the_estimate_below_one_and_widen(alpha, n, m, level):
    for method in (iv.feldt_limits, iv.bonett_limits, iv.hakstian_whalen_limits):
        low, high = method(alpha, n, m, level)
        wider_low, wider_high = method(alpha, n, m, (1 + level) / 2)
        assert wider_low < low < high < wider_high
    low, high = iv.bonett_limits(alpha, n, m, level)
    assert low < alpha < high < 1


def test_limits_are_vectorised():
    alpha, n, m = np.array([0.91, 0.79]), np.array([84, 54]), np.array([36, 12])
    for method in (iv.feldt_limits, iv.bonett_limits, iv.hakstian_whalen_limits):
        low, high = method(alpha, n, m)
        for i in range(2):
            assert (low[i], high[i]) == method(alpha[i], n[i], m[i])


def test_a_limit_above_one_is_said():
    """SIMULATED: 14 people, four items that say nearly the same."""
    rng = np.random.default_rng(3)
    answers = rng.normal(size=(14, 1)) + 0.3 * rng.normal(size=(14, 4))
    items = pd.DataFrame(np.round(answers), columns=list("abcd"))
    found = cronbach_alpha(items, ci="adf")
    said = [note for note in found.notes if "upper limit is above 1" in note]
    assert (found.ci_high > 1, len(said)) == (True, 1)
    table = reliability_by_study(
        items.assign(study="A"), study="study", items=list("abcd"), ci="adf"
    )
    assert said[0] in table["note"].iloc[0]
    other = cronbach_alpha(items, ci="adf", scale="bonett")
    assert other.ci_high < 1
    assert not any("above 1" in note for note in other.notes)
