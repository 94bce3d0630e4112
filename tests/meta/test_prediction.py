"""Prediction intervals that carry the uncertainty of tau2 (METHODS 12.7)."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, special, stats

from waistats import ModelError, fit_meta, fit_meta_many
from waistats.meta._linalg import weighted_fit
from waistats.meta._prediction import calibrated, confidence_distribution, predictive

CESD_N = np.array([103, 64, 118, 401, 215, 51, 175, 311, 492])
CESD_ALPHA = np.array([0.93, 0.91, 0.94, 0.89, 0.90, 0.89, 0.86, 0.91, 0.90])
ONE = np.ones((1, 1))


@pytest.mark.parametrize(
    ("y", "v", "mass", "limits"),
    [
        (
            [2.1, 2.4, 2.3, 2.0, 2.6],
            [0.02, 0.03, 0.01, 0.025, 0.04],
            0.1039791883,
            [1.619196385, 2.926678620],
        ),
        (
            [2.2, 2.3, 2.25],
            [0.02, 0.03, 0.02],
            0.9034247,
            [2.039061743, 2.450028460],
        ),
        (
            -np.log(1 - CESD_ALPHA),
            2 * 20 / (19 * (CESD_N - 2)),
            5.2254e-5,
            [1.797116510, 2.921754332],
        ),
    ],
)
def test_checked_cases(y, v, mass, limits):
    found = predictive(np.array(y), np.array(v), np.ones((len(y), 1)))
    assert found.mass_at_zero == pytest.approx(mass, rel=1e-4)
    low, high = found.limits(ONE, 0.95)
    assert [low[0], high[0]] == pytest.approx(limits, abs=5e-9)


def test_without_sampling_error_it_is_the_t_interval():
    y = np.random.default_rng(1).normal(2, 0.4, 7)
    low, high = predictive(y, np.full(7, 1e-12), np.ones((7, 1))).limits(ONE, 0.9)
    half = stats.t.ppf(0.95, 6) * y.std(ddof=1) * np.sqrt(1 + 1 / 7)
    assert low[0] == pytest.approx(y.mean() - half, rel=1e-6)
    assert high[0] == pytest.approx(y.mean() + half, rel=1e-6)


def _adaptive_cdf(x, y, v, X, row):
    """Return the predictive cdf by adaptive quadrature and dense matrices."""
    k, p = X.shape

    def at(tau2):
        W = np.diag(1 / (v + tau2))
        C = np.linalg.inv(X.T @ W @ X)
        b = C @ X.T @ W @ y
        r = y - X @ b
        return r @ W @ r, row @ b, row @ C @ row

    Q0, mean, se2 = at(0.0)
    rest = stats.chi2.cdf(Q0, k - p)
    zero = (1 - rest) * stats.norm.cdf((x - mean) / np.sqrt(se2))

    def inner(u):
        target = stats.chi2.ppf(u, k - p)
        top = 1.0
        while at(top)[0] > target:
            top *= 4
        tau2 = optimize.brentq(lambda t: at(t)[0] - target, 0, top, xtol=1e-15)
        _, mean, se2 = at(tau2)
        return stats.norm.cdf((x - mean) / np.sqrt(tau2 + se2))

    whole, _ = integrate.quad(inner, 0, rest, epsabs=1e-9, limit=200)
    return zero + whole


def test_with_moderators_it_agrees_with_adaptive_quadrature():
    rng = np.random.default_rng(7)
    k = 9
    X = np.column_stack([np.ones(k), rng.normal(size=k)])
    v = rng.uniform(0.01, 0.06, k)
    y = X @ [2.0, 0.2] + rng.normal(0, 0.2, k) + rng.normal(0, np.sqrt(v))
    row = np.array([1.0, 0.7])
    low, high = predictive(y, v, X).limits(row[None], 0.95)
    assert _adaptive_cdf(low[0], y, v, X, row) == pytest.approx(0.025, abs=2e-7)
    assert _adaptive_cdf(high[0], y, v, X, row) == pytest.approx(0.975, abs=2e-7)


def test_probabilities_and_limits_are_one_distribution():
    rng = np.random.default_rng(3)
    y, v = rng.normal(2, 0.3, 8), rng.uniform(0.01, 0.1, 8)
    found = predictive(y, v, np.ones((8, 1)))
    low, high = found.limits(ONE, 0.95)
    above = found.above(ONE, np.array([low[0], high[0]]))
    assert above[0] == pytest.approx([0.975, 0.025], abs=1e-12)


def test_it_moves_and_stretches_with_the_data():
    rng = np.random.default_rng(4)
    y, v, X = rng.normal(0, 0.3, 6), rng.uniform(0.01, 0.1, 6), np.ones((6, 1))
    low, high = (a[0] for a in predictive(y, v, X).limits(ONE, 0.95))
    moved = predictive(5 + 3 * y, 9 * v, X).limits(ONE, 0.95)
    assert moved[0][0] == pytest.approx(5 + 3 * low, rel=1e-10)
    assert moved[1][0] == pytest.approx(5 + 3 * high, rel=1e-10)


def test_equal_weights_of_the_user_are_the_plain_mean():
    rng = np.random.default_rng(5)
    y, v, X = rng.normal(0, 0.3, 6), np.full(6, 0.04), np.ones((6, 1))
    own = predictive(y, v, X, weights=np.full(6, 2.5)).limits(ONE, 0.95)
    assert own[0] == pytest.approx(predictive(y, v, X).limits(ONE, 0.95)[0])
    uneven = predictive(y, v, X, weights=np.arange(1.0, 7.0))
    assert np.allclose(uneven.beta, np.average(y, weights=np.arange(1.0, 7.0)))


def test_very_many_studies_that_differ_too_little_have_no_confidence_beyond_0():
    """P(chi2 < Q(0)) is no number a computer holds; the interval is the mean's."""
    rng = np.random.default_rng(1)
    v = rng.uniform(0.01, 0.05, 20_000)
    y = 2 + 0.6 * rng.normal(size=len(v)) * np.sqrt(v)
    X = np.ones((len(v), 1))
    tau2, weight = confidence_distribution((y - y.mean())[:, None], v[:, None], X)
    assert weight[0] == pytest.approx(1)
    assert (tau2 == 0).all()


def test_effects_that_are_all_equal_leave_the_common_effect_interval():
    found = predictive(np.ones(4), np.full(4, 0.1), np.ones((4, 1)))
    assert found.mass_at_zero == 1
    low, high = found.limits(ONE, 0.95)
    half = 1.959963984540054 * np.sqrt(0.1 / 4)
    assert [low[0], high[0]] == pytest.approx([1 - half, 1 + half])


def coverage(k, tau, runs, rng, sv=0.2):
    """Return how often the interval holds the true value of a new population."""
    v = sv**2 / np.exp(rng.normal(0, 0.7, (k, runs)))
    y = rng.normal(0, tau, (k, runs)) + rng.normal(size=(k, runs)) * np.sqrt(v)
    X, new = np.ones((k, 1)), rng.normal(0, tau, runs)
    tau2, weight = confidence_distribution(y, v, X)
    m = len(tau2)
    fit = weighted_fit(np.tile(y, (1, m)), np.tile(v, (1, m)), X, tau2.ravel())
    mean, var = (a.reshape(m, runs) for a in (fit.b[0], fit.C[0, 0]))
    cdf = (weight * special.ndtr((new - mean) / np.sqrt(var + tau2))).sum(axis=0)
    return float(((cdf > 0.025) & (cdf < 0.975)).mean())


@pytest.mark.parametrize(
    ("k", "ratio"), [(3, 2.0), (5, 1.0), (10, 0.7), (30, 0.5), (70, 0.4), (100, 0.33)]
)
def test_coverage_of_simulated_studies(k, ratio):
    rng = np.random.default_rng(100 + k)
    parts = [coverage(k, 0.2 * ratio, 150, rng) for _ in range(10)]
    # the promise is .93; two standard errors of 1,500 runs are .013
    assert np.mean(parts) > 0.93 - 0.013


def test_an_interval_takes_about_a_millisecond():
    y = -np.log(1 - CESD_ALPHA)
    v, X = 2 * 20 / (19 * (CESD_N - 2)), np.ones((9, 1))
    times = []
    for _ in range(30):
        start = time.perf_counter()
        predictive(y, v, X).limits(ONE, 0.95)
        times.append(time.perf_counter() - start)
    # an idle machine needs a third of a millisecond; others may be busy
    assert min(times) < 1e-3


@pytest.mark.parametrize("kind", ["confidence-distribution", "metafor"])
def test_limits_of_many_data_sets_are_those_of_each(kind):
    rng = np.random.default_rng(6)
    y, v = rng.normal(2, 0.2, (4, 20)), rng.uniform(0.01, 0.1, (4, 20))
    include = rng.random((4, 20)) < np.array([0.2, 0.5, 1, 1])[:, None]
    found = fit_meta_many(y, v, include=include, prediction=kind, conf_level=0.9)
    for i, used in enumerate(include):
        table = pd.DataFrame({"yi": y[i, used], "vi": v[i, used]})
        table["study_id"] = [f"S{j}" for j in range(len(table))]
        row = fit_meta(table).predict(
            back_transform=False, prediction=kind, conf_level=0.9
        )
        one = row[["pi_low", "pi_high"]].to_numpy()[0]
        assert [found.pi_low[i], found.pi_high[i]] == pytest.approx(one, rel=1e-9)
    assert {"pi_low", "pi_high"} <= set(found.to_frame())
    assert "pi_low" not in fit_meta_many(y, v).to_frame()
    alone = fit_meta_many(y[:1], v[:1], include=np.arange(20) < 1, prediction=kind)
    assert np.isnan(alone.pi_low).all()


def test_limits_of_many_fits_are_those_of_means():
    with pytest.raises(ModelError, match="leave X out"):
        fit_meta_many([1.0, 2.0], [0.1, 0.1], np.ones((2, 1)), prediction="metafor")


def _posterior_above(c, y, v, X, row):
    """Return a probability under the reference prior, by adaptive quadrature."""
    s2 = 1 / np.mean(1 / v)

    def at(tau):
        W = np.diag(1 / (v + tau**2))
        A = X.T @ W @ X
        b = np.linalg.solve(A, X.T @ W @ y)
        r = y - X @ b
        logs = np.log(v + tau**2).sum() + np.linalg.slogdet(A)[1] + r @ W @ r
        density = np.exp(-0.5 * logs) * tau / np.sqrt(s2 + tau**2)
        sd = np.sqrt(tau**2 + row @ np.linalg.solve(A, row))
        return density, density * stats.norm.sf((c - row @ b) / sd)

    options = {"epsabs": 0, "epsrel": 1e-10, "limit": 400}
    whole, part = (
        integrate.quad(lambda tau, i=i: at(tau)[i], 0, np.inf, **options)[0]
        for i in (0, 1)
    )
    return part / whole


@pytest.mark.parametrize(("k", "p"), [(3, 1), (5, 1), (12, 2)])
def test_calibrated_probabilities_agree_with_adaptive_quadrature(k, p):
    rng = np.random.default_rng(k)
    X = np.column_stack([np.ones(k), rng.normal(size=(k, p - 1))])
    v = rng.uniform(0.01, 0.06, k)
    y = 2 + rng.normal(0, 0.2, k) + rng.normal(0, np.sqrt(v))
    row = np.append(1.0, np.full(p - 1, 0.7))
    cuts = np.array([1.5, 2.0, 2.4])
    found = calibrated(y, v, X).above(row[None], cuts)[0]
    own = [_posterior_above(c, y, v, X, row) for c in cuts]
    np.testing.assert_allclose(found, own, rtol=1e-7)


def test_calibrated_probabilities_move_with_the_data_and_mirror():
    rng = np.random.default_rng(8)
    y, v, X = rng.normal(0, 0.3, 6), rng.uniform(0.01, 0.1, 6), np.ones((6, 1))
    cuts = np.array([-0.4, 0.1])
    found = calibrated(y, v, X).above(ONE, cuts)
    moved = calibrated(5 + 3 * y, 9 * v, X).above(ONE, 5 + 3 * cuts)
    np.testing.assert_allclose(moved, found, rtol=1e-9)
    mirrored = calibrated(-y, v, X).above(ONE, -cuts)
    np.testing.assert_allclose(mirrored, 1 - found, rtol=1e-9)


def test_calibrated_probabilities_of_extreme_data():
    rng = np.random.default_rng(1)
    v = rng.uniform(0.01, 0.05, 5_000)
    y = 2 + 0.6 * rng.normal(size=len(v)) * np.sqrt(v)
    X = np.ones((len(v), 1))
    assert calibrated(y, v, X).above(ONE, np.array([1.9]))[0, 0] > 0.99
    equal = calibrated(np.ones(4), np.full(4, 0.1), np.ones((4, 1)))
    assert equal.above(ONE, np.array([1.0]))[0, 0] == pytest.approx(0.5)
    uneven = calibrated(y[:6], v[:6], X[:6], weights=np.arange(1.0, 7.0))
    assert np.allclose(uneven.beta, np.average(y[:6], weights=np.arange(1.0, 7.0)))
