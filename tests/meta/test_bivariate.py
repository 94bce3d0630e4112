"""The bivariate model: its likelihood, derivatives, maximum and profile."""

import numpy as np
import pytest
from spread_made import simulated

from waistats import ConvergenceError, effect_sizes
from waistats.meta import _unstructured, bivariate
from waistats.meta.bivariate import (
    evaluate,
    maximise,
    no_slope_likelihood,
    prepare,
    slope_likelihood,
)
from waistats.rg._spread_rows import sampling_blocks


def problem(seed: int = 0, k: int = 15, **kwargs):
    table = effect_sizes(simulated(k, 0.4, 0.2, seed, **kwargs))
    y = np.column_stack([table["yi"], 2 * np.log(table["score_sd"])])
    X = np.column_stack([np.ones(k), np.linspace(-1, 1, k)])
    return prepare(y, sampling_blocks(table), X)


def test_derivatives():
    data = problem()
    theta, h = np.array([1.3, 0.4, 2.0]), 1e-5
    steps = h * np.eye(3)
    up = [evaluate(data, theta + step) for step in steps]
    down = [evaluate(data, theta - step) for step in steps]
    at = evaluate(data, theta)
    slope = [(a.value - b.value) / (2 * h) for a, b in zip(up, down, strict=True)]
    np.testing.assert_allclose(at.score, slope, rtol=1e-6)
    bend = [(a.score - b.score) / (2 * h) for a, b in zip(up, down, strict=True)]
    np.testing.assert_allclose(at.hessian, bend, rtol=1e-6, atol=1e-7)


def test_likelihood_against_dense_matrices():
    data = problem()
    k, p = data.X.shape
    theta = np.array([1.3, -0.4, 2.0])
    M = np.zeros((2 * k, 2 * k))
    for i in range(k):
        M[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = data.V[i] + theta[[[0, 1], [1, 2]]]
    X = np.zeros((2 * k, 2 * p))
    X[::2, :p] = X[1::2, p:] = data.X
    W = np.linalg.inv(M)
    B = X.T @ W @ X
    y = data.y.ravel()
    b = np.linalg.solve(B, X.T @ W @ y)
    r = y - X @ b
    dense = np.linalg.slogdet(M)[1] + np.linalg.slogdet(B)[1] + r @ W @ r
    at = evaluate(data, theta)
    assert at.value == pytest.approx(-dense / 2, rel=1e-12)
    np.testing.assert_allclose(at.beta.ravel(), b, rtol=1e-10)
    np.testing.assert_allclose(at.cov, np.linalg.inv(B), rtol=1e-9)
    whole = np.linalg.slogdet(X.T @ X)[1] / 2 - (k - p) * np.log(2 * np.pi * data.unit)
    assert data.constant == pytest.approx(whole)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [4, 12])
def test_maximum_beats_a_grid(seed, k):
    data = problem(seed, k)
    best = maximise(data)
    sd = np.append(0, np.geomspace(0.02, 1.5, 14)) / np.sqrt(data.unit)
    grid = [
        evaluate(data, np.array([a * a, rho * a * b, b * b])).value
        for a in sd
        for b in sd
        for rho in (-1, -0.8, -0.3, 0, 0.3, 0.8, 1)
    ]
    assert best.log_likelihood >= max(grid) + data.constant - 1e-9
    assert np.linalg.eigvalsh(best.sigma)[0] > -1e-12


def test_profile_meets_the_maximum():
    data = problem(2)
    best = maximise(data)
    at = bivariate.slope_of(best)
    assert slope_likelihood(data, at) == pytest.approx(best.log_likelihood, abs=1e-9)
    for other in (-5, 0, at - 0.1, at + 0.1, 40):
        assert slope_likelihood(data, other) <= best.log_likelihood + 1e-9
        assert slope_likelihood(data, other) >= no_slope_likelihood(data) - 1e-9
    low, high = bivariate.slope_limits(data, best, 3.841458820694124)
    for end in (low, high):
        fall = 2 * (best.log_likelihood - slope_likelihood(data, end))
        assert fall == pytest.approx(3.841458820694124, abs=1e-6)


def test_no_convergence_is_an_error(monkeypatch):
    monkeypatch.setattr(_unstructured, "MAX_STEPS", 1)
    with pytest.raises(ConvergenceError, match="15 studies did not converge"):
        maximise(problem())
