"""Climb the multilevel likelihood over variances that may not be negative."""

from dataclasses import dataclass

import numpy as np

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.meta.problem import Problem
from waistats.meta.restricted import (
    Evaluation,
    evaluate,
    join,
    pick,
)

# share of the expected information below which the observed is no guide to the top
FLATTEST = 1e-4
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


def _direction(
    at: Evaluation, free: BoolArray, total: bool
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return the step, its length in standard errors, and whether it is Newton's."""
    L = free.shape[1]
    variance = np.diagonal(at.expected, axis1=1, axis2=2)
    size = np.sqrt(np.where(variance > 0, variance, 1.0))
    # information and score in standard errors; what is held has curvature 1, score 0
    kept = free[:, :, None] * np.eye(L) / size[:, :, None]
    fill = ~free[:, :, None] * np.eye(L)
    if total:
        normal = np.where(free, 1 / size, 0.0)
        norm = np.sqrt((normal**2).sum(axis=1, keepdims=True))
        normal = np.divide(normal, norm, out=normal, where=norm > 0)
        across = normal[:, :, None] * normal[:, None, :]
        kept, fill = (np.eye(L) - across) @ kept, fill + across
    observed = kept @ at.observed @ kept.mT + fill
    expected = kept @ at.expected @ kept.mT + fill
    newton = np.linalg.eigvalsh(observed)[:, 0] > FLATTEST
    information = np.where(
        newton[:, None, None], observed, expected + 1e-10 * np.eye(L)
    )
    right = kept @ at.score[:, :, None]
    step = kept.mT @ np.linalg.solve(information, right)
    length = np.sqrt(np.maximum((step * at.score[:, :, None]).sum(axis=(1, 2)), 0))
    return step[..., 0], length, newton


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
    last, stretch = np.full(len(sigma2), np.inf), np.full(len(sigma2), 0.5)
    done: list[tuple[IntArray, FloatArray, Evaluation]] = []
    steps = 0
    while active.size and steps < MAX_STEPS:
        steps += 1
        step, length, newton = _uphill(at, sigma2, held, total)
        small = length < np.where(newton, NEWTON_TOLERANCE, SCORING_TOLERANCE)
        whole = (_reach(sigma2, step) >= 1).all(axis=1)
        # Fisher's steps are short where the top is flat, so each is twice as bold
        stretch = np.where(newton | small, 1.0, 2 * np.minimum(stretch, 500))
        sigma2, at, climbed = _search(
            problem, sigma2, at, stretch[:, None] * step, small
        )
        stalled = whole & newton & (length < ROUNDING) & (length > 0.5 * last)
        finished = (small & whole) | stalled | ~climbed
        if finished.any():
            index = active[finished]
            converged[index] = (climbed | (length < ROUNDING))[finished]
            done.append((index, sigma2[finished], pick(at, finished)))
            go = ~finished
            active, sigma2, held, at = active[go], sigma2[go], held[go], pick(at, go)
            length, stretch = length[go], stretch[go]
        last = length
    done.append((active, sigma2, at))
    order = np.argsort(np.concatenate([index for index, _, _ in done]))
    return Maxima(
        sigma2=np.concatenate([values for _, values, _ in done])[order],
        at=pick(join([part for _, _, part in done]), order),
        converged=converged,
        n_steps=steps,
    )
