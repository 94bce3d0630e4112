"""The highest maximum of the multilevel likelihood, from several starts."""

import numpy as np

from waistats.arrays import BoolArray, FloatArray
from waistats.errors import ConvergenceError
from waistats.meta.ascent import Maxima, climb
from waistats.meta.problem import Problem
from waistats.meta.restricted import evaluate, log_likelihood

MOST_NUMBERS = 2_000_000
INNER_SHARES = (0.03, 0.2, 0.5, 0.8)
EDGE_SHARES = (0.6, 0.8, 1.0, 1.2)
NEARLY_AS_HIGH = 1.0
SMALLEST_INFORMATION = 1e-9


def starting_values(problem: Problem) -> FloatArray:
    """Return several vectors of variances from which to climb, shape (n, L).

    The local maxima on a grid, and the best points with nothing at a level.
    """
    L = problem.n_levels
    # 1 is the size of the sampling variances
    low, high = min(1.0, *problem.excess), max(1.0, *problem.excess)
    count = {1: 9, 2: 7, 3: 5}.get(L, 3)
    values = np.append(0.0, np.geomspace(0.1 * max(low, 0.1), 2 * high, count - 1))
    axes = np.meshgrid(*[values] * L, indexing="ij")
    points = np.stack([axis.ravel() for axis in axes], axis=1)
    chunk = max(1, MOST_NUMBERS // sum(batch.columns.size for batch in problem.batches))
    height = np.concatenate(
        [
            log_likelihood(problem, points[i : i + chunk])
            for i in range(0, len(points), chunk)
        ]
    ).reshape([values.size] * L)
    # peaks along every axis, saddles of the grid among them: a start too many is cheap
    peak = np.ones(height.shape, dtype=bool)
    for axis in range(L):
        edge = np.full_like(height.take([0], axis), -np.inf)
        rise = np.diff(height, axis=axis, prepend=edge, append=edge)
        peak &= rise.take(range(count), axis) >= 0
        peak &= rise.take(range(1, count + 1), axis) <= 0
    edge = np.zeros_like(peak)
    edge[(0,) * L] = True
    for axis in range(L):
        face = height.take(0, axis)
        best = [int(i) for i in np.unravel_index(np.argmax(face), face.shape)]
        best.insert(axis, 0)
        edge[tuple(best)] = True
    # the edge matters where it is not left at once
    others = points[(edge & ~peak).ravel()]
    if not len(others):
        return points[peak.ravel()]
    stays = (evaluate(problem, others).score <= 0) | (others > 0)
    return np.concatenate([points[peak.ravel()], others[stays.all(axis=1)]])


def inner_starts(sigma2: FloatArray) -> FloatArray:
    """Return starts that free each variance at 0, shape (n, L).

    It gets a share of the total, or the size of the sampling variances.
    """
    levels, total = np.arange(sigma2.size), sigma2.sum()
    starts = []
    for level in np.flatnonzero(sigma2 == 0):
        starts.append(np.where(levels == level, 0.5, sigma2))
        if total > 0:
            starts += [
                np.where(levels == level, share * total, (1 - share) * sigma2)
                for share in INNER_SHARES
            ]
    return np.reshape(starts, (-1, sigma2.size))


def edge_starts(problem: Problem, found: Maxima) -> FloatArray:
    """Return starts with one variance at 0 that are nearly as high, shape (n, L)."""
    sigma2, L = found.sigma2[0], problem.n_levels
    total = sigma2.sum()
    starts = []
    for level in np.flatnonzero(sigma2 > 0) if L > 1 else []:
        rest = np.where(np.arange(L) == level, 0.0, np.maximum(sigma2, 1e-3 * total))
        points = np.outer(EDGE_SHARES, rest * total / rest.sum())
        height = log_likelihood(problem, points)
        if height.max() > found.at.log_likelihood[0] - NEARLY_AS_HIGH:
            starts.append(points[np.argmax(height)])
    return np.reshape(starts, (-1, L))


def estimable(problem: Problem) -> BoolArray:
    """Say which variances the data can tell from the design and from outer levels.

    A level of one group, or whose groups are columns of the design, has no restricted
    information, and two levels may have the same.
    """
    L = problem.n_levels
    at = evaluate(problem, np.ones((1, L)))
    left = at.expected[0] / np.sqrt(np.outer(at.complete[0], at.complete[0]))
    found = np.zeros(L, dtype=bool)
    for level in range(L):
        pivot = left[level, level]
        if pivot > SMALLEST_INFORMATION:
            found[level] = True
            left = left - np.outer(left[:, level], left[level]) / pivot
    return found


def _bounded(problem: Problem, start: FloatArray) -> FloatArray:
    """Return the maximum found by a bounded quasi-Newton search."""
    from scipy.optimize import minimize

    def loss(sigma2: FloatArray) -> tuple[float, FloatArray]:
        at = evaluate(problem, sigma2[None])
        return -float(at.log_likelihood[0]), -at.score[0]

    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * start.size,
        options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-12},
    )
    return np.maximum(found.x, 0.0)


def maximise(problem: Problem, *, name: str = "the model") -> Maxima:
    """Return the highest maximum over several starts, as a batch of one.

    Parameters
    ----------
    problem : Problem
        The data.
    name : str
        What the error calls the fit.

    Raises
    ------
    ConvergenceError
        If neither scoring nor the bounded search converges.
    """
    if problem.n_levels == 0:
        return climb(problem, np.zeros((1, 0)))
    found = _highest(climb(problem, starting_values(problem)))
    # a maximum on the edge may hide a higher one inside, and the other way round
    best = found.sigma2[0]
    more = np.concatenate([inner_starts(best), edge_starts(problem, found)])
    if len(more):
        other = _highest(climb(problem, more))
        higher = other.at.log_likelihood[0] > found.at.log_likelihood[0]
        if higher and other.converged[0]:
            found = other
    if not found.converged[0]:
        found = climb(problem, _bounded(problem, found.sigma2[0])[None])
    if not found.converged[0]:
        raise ConvergenceError(
            f"The variances of {name} did not converge after {found.n_steps} steps of "
            "scoring and a bounded search. Check yi and V for values of very different "
            "size, or leave out a level."
        )
    return found


def _highest(found: Maxima) -> Maxima:
    height = found.at.log_likelihood
    if found.converged.any():
        height = np.where(found.converged, height, -np.inf)
    return found.pick(np.argmax(height, keepdims=True))
