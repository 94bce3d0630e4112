"""Maximum of the multilevel likelihood over variances that may not be negative."""

from dataclasses import dataclass

import numpy as np

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.errors import ConvergenceError
from waistats.meta.problem import Problem
from waistats.meta.restricted import (
    Evaluation,
    evaluate,
    join,
    log_likelihood,
    pick,
)

MOST_NUMBERS = 2_000_000
INNER_SHARES = (0.03, 0.2, 0.5, 0.8)
SMALLEST_INFORMATION = 1e-9
MAX_STEPS = 200
MAX_HALVINGS = 40
# a Newton step shorter than this many standard errors has converged quadratically
NEWTON_TOLERANCE = 1e-6
SCORING_TOLERANCE = 1e-10
# so near the top, a step that does not climb or shorten the next meets only rounding
ROUNDING = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Maxima:
    """Constrained maxima, one for each start; variances in the problem's unit."""

    sigma2: FloatArray
    at: Evaluation
    converged: BoolArray
    n_steps: int

    def pick(self, which: BoolArray | IntArray) -> "Maxima":
        """Return some of the maxima."""
        return Maxima(
            sigma2=self.sigma2[which],
            at=pick(self.at, which),
            converged=self.converged[which],
            n_steps=self.n_steps,
        )


def starting_values(problem: Problem) -> FloatArray:
    """Return the local maxima on a grid of variances, shape (n, L)."""
    L = problem.n_levels
    low, high = sorted(max(value, 0.05) for value in problem.excess)
    count = {1: 8, 2: 6, 3: 5}.get(L, 3)
    values = np.append(0.0, np.geomspace(0.1 * low, high, count - 1))
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
    peaks = points[peak.ravel()]
    # a start of exactly 0 would have to leave the boundary first
    return np.maximum(peaks, 0.01 * values[1])


def inner_starts(sigma2: FloatArray) -> FloatArray:
    """Return starts that give variances at 0 a share of the total, shape (n, L)."""
    total = sigma2.sum()
    starts = [
        np.where(np.arange(sigma2.size) == level, share * total, (1 - share) * sigma2)
        for level in np.flatnonzero(sigma2 == 0)
        for share in INNER_SHARES
    ]
    return np.reshape(starts, (-1, sigma2.size))


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


def _direction(
    at: Evaluation, free: BoolArray, total: bool
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return the step, its length in standard errors, and whether it is Newton's."""
    L = free.shape[1]
    both = free[:, :, None] & free[:, None, :]
    variance = np.diagonal(at.expected, axis1=1, axis2=2)
    size = np.sqrt(np.where(variance > 0, variance, 1.0))
    unit = size[:, :, None] * size[:, None, :]
    observed = np.where(both, at.observed / unit, np.eye(L))
    expected = np.where(both, at.expected / unit, np.eye(L))
    newton = np.linalg.eigvalsh(observed)[:, 0] > 1e-4
    information = np.where(
        newton[:, None, None], observed, expected + 1e-10 * np.eye(L)
    )
    right = np.stack([np.where(free, at.score / size, 0), np.where(free, 1 / size, 0)])
    solved = np.linalg.solve(information, right.transpose(1, 2, 0))
    step = solved[..., 0]
    if total:
        # the sum stays as it is: take off the part of the step that would change it
        change, give = solved[..., 0] / size, solved[..., 1] / size
        share = np.divide(
            change.sum(axis=1),
            give.sum(axis=1),
            out=np.zeros(len(change)),
            where=free.any(axis=1),
        )
        step = solved[..., 0] - share[:, None] * solved[..., 1]
    length = np.sqrt(np.maximum((step * right[0]).sum(axis=1), 0))
    return step / size, length, newton


def _reach(sigma2: FloatArray, step: FloatArray) -> FloatArray:
    """Return for each variance the share of the step at which it would be 0."""
    return np.divide(sigma2, -step, out=np.full(sigma2.shape, np.inf), where=step < 0)


def _uphill(
    at: Evaluation, sigma2: FloatArray, held: BoolArray, total: bool
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return a feasible direction: no variance at 0 is pushed below it."""
    level = np.zeros((len(sigma2), 1))
    if total:
        inside = (sigma2 > 0) & ~held
        count = np.maximum(inside.sum(axis=1, keepdims=True), 1)
        level = np.where(inside, at.score, 0).sum(axis=1, keepdims=True) / count
    free = ~held & ((sigma2 > 0) | (at.score > level))
    while True:
        step, length, newton = _direction(at, free, total)
        pushed = free & (sigma2 <= 0) & (step < 0)
        if not pushed.any():
            return np.where(free, step, 0.0), length, newton
        free = free & ~pushed


def _search(
    problem: Problem,
    sigma2: FloatArray,
    at: Evaluation,
    step: FloatArray,
    sure: BoolArray,
) -> tuple[FloatArray, Evaluation, BoolArray]:
    """Take each step, or the longest of its halves that climbs.

    ``sure`` steps are so short that rounding decides; they are taken as they are.
    """
    reach = _reach(sigma2, step)
    share = np.minimum(reach.min(axis=1), 1.0)
    new = np.maximum(sigma2 + share[:, None] * step, 0.0)
    new[reach <= share[:, None]] = 0.0
    there = evaluate(problem, new)
    floor = at.log_likelihood - 1e-13 * np.abs(at.log_likelihood)
    failed = ~(sure | (there.log_likelihood >= floor))
    for _ in range(MAX_HALVINGS):
        if not failed.any():
            break
        index = np.flatnonzero(failed)
        share[index] /= 2
        new[index] = sigma2[index] + share[index, None] * step[index]
        trial = evaluate(problem, new[index])
        there = Evaluation(*(values.copy() for values in there))
        for values, better in zip(there, trial, strict=True):
            values[index] = better
        failed[index] = ~(trial.log_likelihood >= floor[index])
    if failed.any():
        new[failed] = sigma2[failed]
        there = Evaluation(
            *(
                np.where(failed.reshape(-1, *[1] * (values.ndim - 1)), old, values)
                for values, old in zip(there, at, strict=True)
            )
        )
    return new, there, ~failed


def climb(
    problem: Problem,
    start: FloatArray,
    *,
    fixed: BoolArray | None = None,
    total: bool = False,
) -> Maxima:
    """Climb from each start by scoring with step-halving.

    Newton's step where the observed information is positive definite, Fisher's where
    it is not. A variance that reaches 0 stays there for as long as its score is not
    positive.

    Parameters
    ----------
    problem : Problem
        The data.
    start : array of shape (n, L)
        Starts.
    fixed : array of bool, shape (n, L), optional
        Variances that keep their starting value.
    total : bool, default False
        Keep the sum of each start.
    """
    sigma2 = np.array(start, dtype=float)
    held = np.zeros(sigma2.shape, dtype=bool) if fixed is None else fixed
    at = evaluate(problem, sigma2)
    active = np.arange(len(sigma2))
    converged = np.zeros(len(sigma2), dtype=bool)
    last = np.full(len(sigma2), np.inf)
    done: list[tuple[IntArray, FloatArray, Evaluation]] = []
    steps = 0
    while active.size and steps < MAX_STEPS:
        steps += 1
        step, length, newton = _uphill(at, sigma2, held, total)
        small = length < np.where(newton, NEWTON_TOLERANCE, SCORING_TOLERANCE)
        whole = (_reach(sigma2, step) >= 1).all(axis=1)
        sigma2, at, climbed = _search(problem, sigma2, at, step, small)
        stalled = whole & (length < ROUNDING) & (length > 0.5 * last)
        finished = (small & whole) | stalled | ~climbed
        if finished.any():
            index = active[finished]
            converged[index] = (climbed | (length < ROUNDING))[finished]
            done.append((index, sigma2[finished], pick(at, finished)))
            go = ~finished
            active, sigma2, held, at = active[go], sigma2[go], held[go], pick(at, go)
            length = length[go]
        last = length
    done.append((active, sigma2, at))
    order = np.argsort(np.concatenate([index for index, _, _ in done]))
    return Maxima(
        sigma2=np.concatenate([values for _, values, _ in done])[order],
        at=pick(join([part for _, _, part in done]), order),
        converged=converged,
        n_steps=steps,
    )


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
    if (found.sigma2 == 0).any() and found.sigma2.any() and problem.n_levels > 1:
        # a maximum on the boundary may hide a higher one inside
        inside = _highest(climb(problem, inner_starts(found.sigma2[0])))
        if inside.at.log_likelihood[0] > found.at.log_likelihood[0]:
            found = inside
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
    return found.pick(np.argmax(found.at.log_likelihood, keepdims=True))
