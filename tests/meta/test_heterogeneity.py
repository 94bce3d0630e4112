"""Intervals and standard errors of the heterogeneity variance, by dense matrices."""

import numpy as np
import pytest
from scipy import stats

from waistats.meta._heterogeneity import (
    intervals_frame,
    profile_Q,
    tau2_se,
    typical_variance,
)


@pytest.fixture(scope="module", params=[1, 2])
def problem(request):
    """SIMULATED effects of 14 studies, with one or two coefficients."""
    rng = np.random.default_rng(request.param)
    v = rng.uniform(0.02, 0.3, 14)
    X = np.column_stack([np.ones(14), np.linspace(-1, 1, 14)])[:, : request.param]
    return rng.normal(0, np.sqrt(v + 0.3)), v, X


def projection(v, X, tau2):
    """The matrix P of the textbook."""
    W = np.diag(1 / (v + tau2))
    return W - W @ X @ np.linalg.solve(X.T @ W @ X, X.T @ W)


def test_limits_are_where_Q_meets_the_quantiles(problem):
    y, v, X = problem
    low, high = profile_Q(y, v, X, 0.9)
    assert 0 < low < high
    df = X.shape[0] - X.shape[1]
    for end, at in ((low, 0.95), (high, 0.05)):
        Q = y @ projection(v, X, end) @ y
        assert stats.chi2.cdf(Q, df) == pytest.approx(at, abs=1e-9)


def test_less_variable_than_chance_gives_an_empty_set():
    v, X = np.full(10, 0.5), np.ones((10, 1))
    assert profile_Q(np.linspace(0, 1e-3, 10), v, X, 0.95) == (0, 0)


def test_the_typical_variance_is_that_of_higgins_and_thompson(problem):
    y, v, X = problem
    trace = np.trace(projection(v, X, 0))
    assert typical_variance(y, v, X) == pytest.approx(np.subtract(*X.shape) / trace)
    w = 1 / v
    theirs = (len(w) - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum())
    assert typical_variance(y, v, X[:, :1]) == pytest.approx(theirs)


def test_I2_and_H2_have_the_limits_of_tau2():
    frame = intervals_frame(0.3, 75.0, 4.0, (0.1, 0.9), 0.1)
    for end, tau2 in (("ci_low", 0.1), ("ci_high", 0.9)):
        row = frame[end]
        assert row["tau2"] == tau2
        assert row["tau"] == pytest.approx(tau2**0.5)
        assert row["I2"] == pytest.approx(100 * tau2 / (tau2 + 0.1))
        assert row["H2"] == pytest.approx((tau2 + 0.1) / 0.1)


def test_standard_errors_are_of_expected_information(problem):
    y, v, X = problem
    P = projection(v, X, 0.3)
    reml = np.sqrt(2 / np.trace(P @ P))
    assert tau2_se(y, v, X, 0.3, "REML") == pytest.approx(reml, rel=1e-9)
    ml = np.sqrt(2 / np.sum(1 / (v + 0.3) ** 2))
    assert tau2_se(y, v, X, 0.3, "ML") == pytest.approx(ml, rel=1e-9)
    few = slice(0, X.shape[1])
    assert np.isnan(tau2_se(y[few], v[few], X[few], 0.3, "REML"))
