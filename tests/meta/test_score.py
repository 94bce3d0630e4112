"""The score of tau2: its parts, and the proofs that a likelihood has one maximum."""

import numpy as np
import pytest

from waistats.meta import _tau2_search as search
from waistats.meta._linalg import log_likelihood, weighted_fit
from waistats.meta._score import Score, falls_beyond, is_single, prove_single
from waistats.meta.tau2 import estimate_tau2, new_score


def of(y, v, X, method="REML"):
    """Return a score and its parts at 0, effects centred as `estimate_tau2` does."""
    size = y.shape[1]
    r = weighted_fit(y, v, X, np.zeros(size)).r
    score = new_score(r, v, X, np.full(size, float(len(y))), method)
    return score, score.at(np.zeros(size))


def maxima(y, v, X, method, points=500):
    """Return how many maxima each likelihood has on a fine grid, (B,): 0 included."""
    score, _ = of(y, v, X, method)
    low, top = v.min(0) / 1e3, np.maximum(10 * y.var(0), 10 * v.max(0))
    grid = [np.zeros(y.shape[1])]
    grid += [low * (top / low) ** q for q in np.linspace(0, 1, points)]
    up = np.array([score.rises(score.at(t)) for t in grid])
    return (~up[0]).astype(int) + (up[:-1] & ~up[1:]).sum(0)


def hostile(rng, k, size):
    """Return data sets many of which have two maxima: a precise cluster, a wide one."""
    few = rng.integers(1, k, size)
    precise = np.arange(k)[:, None] < few
    small, far = 10 ** rng.uniform(-4, -1, size), rng.uniform(1, 20, size)
    v = np.where(precise, small, 1.0) * np.exp(rng.normal(0, 0.4, (k, size)))
    sd = np.where(precise, rng.uniform(0, 1, size) * np.sqrt(v), np.sqrt(v + far))
    return rng.normal(size=(k, size)) * sd, v


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("p", [1, 3])
def test_parts_are_those_of_the_matrix(method, p):
    rng = np.random.default_rng(7)
    y, v = rng.normal(size=(9, 4)), rng.uniform(0.01, 2, (9, 4))
    X = np.column_stack([np.ones(9), rng.normal(size=(9, p - 1))])
    score, _ = of(y, v, X, method)
    t = np.array([0, 0.01, 0.3, 5])
    at = score.at(t)
    for b in range(4):
        W = np.diag(1 / (v[:, b] + t[b]))
        P = W - W @ X @ np.linalg.inv(X.T @ W @ X) @ X.T @ W
        q = [y[:, b] @ np.linalg.matrix_power(P, j) @ y[:, b] for j in (1, 2, 3)]
        R = P if method == "REML" else W
        expected = [*q, np.trace(R), np.trace(R @ R), 9 / np.trace(W)]
        found = [getattr(at, n)[b] for n in ("q1", "q2", "q3", "t1", "t2", "scale")]
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_equal_variances_need_one_step():
    rng = np.random.default_rng(2)
    y, v = rng.normal(0, 0.5, (12, 50)), np.full((12, 50), 0.03)
    score, at_zero = of(y, v, np.ones((12, 1)))
    expected = y.var(0, ddof=1) - 0.03
    np.testing.assert_allclose(score.step(at_zero), expected, rtol=1e-9)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("p", [1, 2])
def test_no_likelihood_of_several_maxima_is_called_single(method, p):
    """Adversarial sets: in all that have several maxima no proof may succeed."""
    rng = np.random.default_rng([p, len(method)])
    several = called = 0
    for k in (3, 4, 6, 10, 25):
        for _ in range(4):
            y, v = hostile(rng, k, 150)
            X = np.column_stack([np.ones(k), rng.normal(size=(k, p - 1))])
            many = maxima(y, v, X, method) > 1
            several += int(many.sum())
            score, at_zero = of(y, v, X, method)
            with np.errstate(all="ignore"):
                found = search.find_zero(score, score.step(at_zero), at_zero)
                proven = found.single | prove_single(score, found.tau2, at_zero)
                # at any other tau2 the proof must fail too
                for t in 10.0 ** np.arange(-4, 2):
                    here = score.at(np.full(150, t))
                    proven |= is_single(here, np.full(150, t), at_zero.t1)
            assert not (proven & many).any()
            called += int((proven & ~many).sum())
    assert several > 100
    assert called > 500


def test_highest_of_several_maxima_is_found():
    rng = np.random.default_rng(8)
    beaten = several = 0
    for k in (3, 5, 8, 15):
        X = np.ones((k, 1))
        y, v = hostile(rng, k, 400)
        several += int((maxima(y, v, X, "REML", 300) > 1).sum())
        found = estimate_tau2(y, v, X, "REML")

        def value(t, y=y, v=v, X=X):
            return log_likelihood(weighted_fit(y, v, X, t), restricted=True)

        low, top = v.min(0) / 1000, np.maximum(4 * y.var(0), v.max(0))
        grid = [low * (top / low) ** q for q in np.linspace(0, 1, 200)]
        best = np.max([value(t) for t in (np.zeros(400), *grid)], axis=0)
        reached = value(found.tau2)
        beaten += int((best > reached + 1e-7 * (1 + np.abs(reached))).sum())
    assert several > 50
    # two maxima closer in height than the search's own grid shows
    assert beaten <= 2


def test_falls_beyond_is_right_about_everything_beyond():
    rng = np.random.default_rng(5)
    claimed = 0
    for k in (3, 5, 12):
        y, v = hostile(rng, k, 300)
        score, _ = of(y, v, np.ones((k, 1)))
        for t in 10.0 ** np.arange(-5, 1):
            at = score.at(np.full(300, t))
            claim = falls_beyond(at.q1, at.t1, at.t2) > 0
            claimed += int(claim.sum())
            later = [np.full(300, t * 1.05**j) for j in range(200)]
            up = np.array([score.rises(score.at(s)) for s in later])
            rise = (~up[:-1] & up[1:]).any(0)
            assert not (claim & rise).any()
    assert claimed > 1000


def test_ordinary_data_need_no_grid(monkeypatch):
    """SIMULATED samples of 30 to 300 people: 999 of 1,000 are proven on the way."""
    asked = []
    inner = search.prove_single

    def counted(score: Score, *rest):
        asked.append(len(score.k))
        return inner(score, *rest)

    monkeypatch.setattr(search, "prove_single", counted)
    rng = np.random.default_rng(1)
    for k in (10, 20, 50):
        for tau in (0, 0.1, 0.2, 0.5):
            v = 2 * 12 / (11 * (rng.integers(30, 300, (k, 1000)) - 2))
            y = rng.normal(size=v.shape) * np.sqrt(v + tau**2)
            estimate_tau2(y, v, np.ones((k, 1)), "REML")
    assert sum(asked) <= 120  # of 12,000
