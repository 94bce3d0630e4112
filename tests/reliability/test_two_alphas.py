"""The exact law of two alphas: checked values, brute quadrature, simulation."""

import numpy as np
import pytest
from scipy import integrate, stats

from waistats.reliability._two_alphas import (
    TwoAlphas,
    difference_limits,
    p_value,
    ratio_limits,
)


def two(a1, n1, m1, a2, n2, m2) -> TwoAlphas:
    return TwoAlphas(alpha1=a1, n1=n1, m1=m1, alpha2=a2, n2=n2, m2=m2)


# METHODS 12.1, computed independently there
CHECKED = [
    ((0.5, 10, 2, 0.9, 10, 2), 0.1059318),
    ((0.1, 6, 2, 0.95, 6, 2), 0.0410679),
    ((0.2, 8, 2, 0.95, 8, 2), 0.0176566),
    ((0.80, 50, 10, 0.85, 80, 10), 0.3033589),
    ((0.93, 60, 12, 0.88, 40, 36), 0.0836078),
]


@pytest.mark.parametrize(("given", "expected"), CHECKED)
def test_checked_p_values_in_either_order(given, expected):
    assert p_value(two(*given)) == pytest.approx(expected, abs=5e-8)
    back = p_value(two(*given[3:], *given[:3]))
    assert back == pytest.approx(p_value(two(*given)), rel=1e-12)


def test_checked_limits_of_the_ratio():
    assert ratio_limits(two(0.5, 10, 2, 0.9, 10, 2), 0.95) == pytest.approx(
        (0.7023295, 35.59583), rel=2e-7
    )
    assert ratio_limits(two(0.80, 50, 10, 0.85, 80, 10), 0.95) == pytest.approx(
        (0.7695091, 2.248035), rel=2e-7
    )


def test_small_p_against_adaptive_quadrature():
    given = two(0.95, 300, 36, 0.90, 400, 12)
    ratio = np.exp(given.log_ratio)
    first, second = stats.f(299 * 35, 299), stats.f(399 * 11, 399)

    def inner(x: float) -> float:
        return float(first.cdf(ratio * x) * second.pdf(x))

    below, _ = integrate.quad(inner, 0.3, 3, epsabs=0, epsrel=1e-10, limit=500)
    assert p_value(given) == pytest.approx(2 * below, rel=1e-7)
    assert p_value(given) < 1e-9


@pytest.mark.parametrize("given", [case for case, _ in CHECKED])
def test_the_difference_leaves_out_zero_where_the_test_rejects(given):
    alphas = two(*given)
    level = 1 - p_value(alphas)
    low, high = difference_limits(alphas, level)
    assert min(abs(low), abs(high)) < 1e-8
    low, high = difference_limits(alphas, 0.95)
    assert low < alphas.alpha1 - alphas.alpha2 < high


@pytest.mark.slow
def test_limits_hold_the_truth_as_often_as_they_say():
    """Parallel normal items, population alphas .8 and .9, n = 12 and 20."""
    rng = np.random.default_rng(12)
    n1, m1, n2, m2, runs = 12, 4, 20, 8, 300
    rest1 = 0.2 * stats.f(n1 - 1, (n1 - 1) * (m1 - 1)).ppf(rng.random(runs)) ** -1
    rest2 = 0.1 * stats.f(n2 - 1, (n2 - 1) * (m2 - 1)).ppf(rng.random(runs)) ** -1
    ratio, difference = 0, 0
    for r1, r2 in zip(rest1, rest2, strict=True):
        alphas = two(1 - r1, n1, m1, 1 - r2, n2, m2)
        low, high = ratio_limits(alphas, 0.9)
        ratio += low <= 2.0 <= high
        low, high = difference_limits(alphas, 0.9)
        difference += low <= -0.1 <= high
    # three standard errors of .9 in 300 runs are .052
    assert abs(ratio / runs - 0.9) < 0.052
    assert abs(difference / runs - 0.9) < 0.052
