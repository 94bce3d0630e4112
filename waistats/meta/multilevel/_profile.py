"""Profile-likelihood intervals and likelihood-ratio tests of variance components."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from waistats._areas import chi2_ppf
from waistats._typing import FloatArray, IntArray
from waistats.errors import ConvergenceError
from waistats.meta.multilevel._data import Problem
from waistats.meta.multilevel._likelihood import (
    Maxima,
    climb,
    evaluate,
    starting_values,
)

MAX_STEPS = 100
TOLERANCE = 1e-11

# s of shape (n,), for the roots numbered by (n,) -> profile likelihood and its slope
_Curve: TypeAlias = Callable[[FloatArray, IntArray], tuple[FloatArray, FloatArray]]


def component_limits(problem: Problem, found: Maxima, drop: float) -> FloatArray:
    """Return the profile limits of each variance, shape (L, 2), in its unit.

    Parameters
    ----------
    problem : Problem
        The data.
    found : Maxima
        The maximum, as a batch of one.
    drop : float
        Twice the log-likelihood that the interval may lose: a chi-square quantile.
    """
    L = problem.n_levels
    best = found.sigma2[0]
    level = np.tile(np.arange(L), 2)
    last = np.tile(best, (2 * L, 1))
    mine = level[:, None] == np.arange(L)

    def curve(s: FloatArray, roots: IntArray) -> tuple[FloatArray, FloatArray]:
        fixed = mine[roots]
        warm, cold = (
            np.where(fixed, s[:, None], start)
            for start in (last[roots], np.tile(best, (len(s), 1)))
        )
        at = _better(climb(problem, _both(warm, cold), fixed=_both(fixed, fixed)))
        last[roots] = at.sigma2
        return at.at.log_likelihood, at.at.score[fixed]

    information = np.diagonal(found.at.expected[0])
    return _limits(curve, best, information, found, drop)


def total_limits(problem: Problem, found: Maxima, drop: float) -> FloatArray:
    """Return the profile limits of the sum of the variances, shape (2,)."""
    best = found.sigma2[0]
    L, total = problem.n_levels, best.sum()
    shares = best / total if total > 0 else np.full(L, 1 / L)
    last = np.tile(shares, (2, 1))

    def curve(s: FloatArray, roots: IntArray) -> tuple[FloatArray, FloatArray]:
        even = np.full((len(s), L), 1 / L)
        at = _better(
            climb(problem, _both(last[roots], even) * _both(s, s)[:, None], total=True)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            share = at.sigma2 / s[:, None]
        last[roots] = np.where(s[:, None] > 0, share, last[roots])
        inside = at.sigma2 > 0
        inside[~inside.any(axis=1)] = True
        slope = np.where(inside, at.at.score, 0).sum(axis=1) / inside.sum(axis=1)
        return at.at.log_likelihood, slope

    information = found.at.expected[0].sum(keepdims=True).reshape(1) / L**2
    values: FloatArray = _limits(curve, np.array([total]), information, found, drop)[0]
    return values


def _both(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.concatenate([first, second])


def _better(found: Maxima) -> Maxima:
    """Return the higher of the two maxima of each root."""
    half = len(found.sigma2) // 2
    height = found.at.log_likelihood.reshape(2, half)
    which = np.arange(half) + half * np.argmax(height, axis=0)
    chosen = found.pick(which)
    if not chosen.converged.all():
        raise ConvergenceError(
            "A profile likelihood did not converge; the variance components are valid, but "
            "their intervals are not available. A level with few groups may be the cause."
        )
    return chosen


def _limits(
    curve: _Curve,
    best: FloatArray,
    information: FloatArray,
    found: Maxima,
    drop: float,
) -> FloatArray:
    """Return where the profile has lost ``drop / 2``, shape (m, 2)."""
    m = best.size
    top = float(found.at.log_likelihood[0])

    def loss(s: FloatArray, roots: IntArray) -> tuple[FloatArray, FloatArray]:
        height, slope = curve(s, roots)
        return 2 * (top - height) - drop, -2 * slope * s

    limits = np.zeros(2 * m)
    lower = np.flatnonzero(best > 0)
    if lower.size:
        lower = lower[loss(np.zeros(lower.size), lower)[0] > 0]
    roots = np.concatenate([lower, m + np.arange(m)])
    outward = np.where(roots < m, 1 / 3, 3.0)
    centre = np.tile(best, 2)[roots]
    width = 2 / np.sqrt(np.tile(information, 2)[roots])
    limits[roots] = _crossings(
        loss,
        roots,
        start=np.where(roots < m, centre / 3, centre + width),
        inner=centre,
        outward=outward,
    )
    return limits.reshape(2, m).T


def _crossings(
    loss: _Curve,
    roots: IntArray,
    *,
    start: FloatArray,
    inner: FloatArray,
    outward: FloatArray,
) -> FloatArray:
    """Solve loss(s) = 0 for s > 0; it is negative inside and positive outwards."""
    s, inner, outer = start.copy(), inner.copy(), np.zeros(len(start))
    value, slope = loss(s, roots)
    for _ in range(MAX_STEPS):
        inside = value < 0
        inner, outer = np.where(inside, s, inner), np.where(inside, outer, s)
        open_ = (inner == 0) | (outer == 0)
        if not open_.any():
            break
        s = np.where(open_, np.where(inside, s * outward, s / outward), s)
        index = np.flatnonzero(open_)
        value[index], slope[index] = loss(s[index], roots[index])
    active = np.arange(len(s))
    for _ in range(MAX_STEPS):
        if not active.size:
            return s
        here, low = s[active], np.minimum(inner, outer)[active]
        high = np.maximum(inner, outer)[active]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            # Newton on the logarithm of the variance
            step = here * np.exp(-value[active] / slope[active])
        good = np.isfinite(step) & (step > low) & (step < high)
        new = np.where(good, step, np.sqrt(low * high))
        s[active] = new
        value[active], slope[active] = loss(new, roots[active])
        inside = value[active] < 0
        inner[active] = np.where(inside, new, inner[active])
        outer[active] = np.where(inside, outer[active], new)
        near = np.abs(np.log(new / here)) < TOLERANCE
        active = active[~(near | (np.abs(value[active]) < TOLERANCE))]
    raise ConvergenceError(
        "The limits of a profile likelihood did not converge; the variance components "
        "are valid, but their intervals are not available."
    )


def without_component(problem: Problem) -> FloatArray:
    """Return the highest log-likelihood with each variance at 0, shape (L,)."""
    starts = starting_values(problem)
    heights = []
    for level in range(problem.n_levels):
        fixed = np.zeros(starts.shape, dtype=bool)
        fixed[:, level] = True
        found = climb(problem, np.where(fixed, 0.0, starts), fixed=fixed)
        heights.append(found.at.log_likelihood[found.converged].max())
    return np.array(heights)


def q_limits(problem: Problem, conf_level: float) -> tuple[float, float]:
    """Return the Q-profile limits of a single variance, in the problem's unit.

    Exact where the model has one level: y'Py falls in the variance and is chi-square
    on k - p degrees of freedom at its true value.
    """
    from scipy.optimize import brentq

    df = problem.k - problem.p
    tail = (1 - conf_level) / 2

    def excess(s: float, target: float) -> float:
        return float(evaluate(problem, np.array([[s]])).quadratic[0]) - target

    def solve(target: float) -> float:
        if excess(0.0, target) <= 0:
            return 0.0
        high = 1.0
        while excess(high, target) > 0:
            high *= 4
        return float(brentq(excess, 0.0, high, args=(target,), xtol=1e-300, rtol=1e-14))

    return solve(float(chi2_ppf(1 - tail, df))), solve(float(chi2_ppf(tail, df)))
