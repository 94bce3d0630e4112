"""The highest maximum of the multilevel likelihood, from several starts.

The one likelihood of multilevel models, with its derivatives.

Climb the multilevel likelihood over variances that may not be negative.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from waistats._format import counted
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import ConvergenceError
from waistats.meta.multilevel._blocks import Batch
from waistats.meta.multilevel._data import Problem


class Evaluation(NamedTuple):
    """Log-likelihood with its derivatives, one for each of B vectors of variances.

    Attributes
    ----------
    log_likelihood : array, shape (B,)
        Without constants.
    score : array, shape (B, L)
        First derivatives.
    expected, observed : array, shape (B, L, L)
        Information about the variances.
    complete : array, shape (B, L)
        Expected information about each were the coefficients known.
    beta : array, shape (B, p)
        Generalised least-squares coefficients.
    vcov : array, shape (B, p, p)
        Inverse of X'M^-1X.
    quadratic : array, shape (B,)
        Weighted residual sum of squares y'Py.
    """

    log_likelihood: FloatArray
    score: FloatArray
    expected: FloatArray
    observed: FloatArray
    complete: FloatArray
    beta: FloatArray
    vcov: FloatArray
    quadratic: FloatArray


def pick(at: Evaluation, which: BoolArray | IntArray) -> Evaluation:
    """Return the evaluations of some of the vectors."""
    return Evaluation(*(values[which] for values in at))


def join(parts: list[Evaluation]) -> Evaluation:
    """Return several sets of evaluations as one."""
    return Evaluation(*(np.concatenate(values) for values in zip(*parts, strict=True)))


class _Solved(NamedTuple):
    """One batch at n vectors of variances; the columns are A = [Z R], R = [X y]."""

    weight: FloatArray  # (n, m, s): D, the inverse of spread + variance of single rows
    variance: FloatArray  # (n, m, q): S, the variance of each group
    inner: FloatArray  # (n, m, q, q): I + Z'DZ S
    projected: FloatArray  # (n, m, q, c): Z'WA
    solved: FloatArray  # (n, m, s, c): WA
    log_det: FloatArray  # (n,)
    once: FloatArray  # (n, r, r): R'WR, summed over blocks


class _Sums(NamedTuple):
    """Sums over blocks at n vectors of variances, with S_l = Z_l Z_l'."""

    twice: FloatArray  # (n, L, r, r): R'W S_l W R
    thrice: FloatArray  # (n, L, L, r, r): R'W S_l W S_h W R
    trace: FloatArray  # (n, L): tr(W S_l)
    pairs: FloatArray  # (n, L, L): tr(W S_l W S_h)


def _divide(A: FloatArray, B: FloatArray) -> FloatArray:
    """Return A^-1 B of stacks of matrices."""
    if A.shape[-1] == 1:
        return B / A
    return np.linalg.solve(A, B).astype(np.float64, copy=False)


def _solve(batch: Batch, sigma2: FloatArray, row_level: bool) -> _Solved:
    """Apply W = M^-1 by Woodbury: WA = D(A - Z S Z'WA), Z'WA = (I + Z'DZ S)^-1 Z'DA."""
    q, A = batch.n_groups, batch.columns
    spread = batch.spread[None]
    if row_level:
        spread = spread + sigma2[:, -1, None, None]
    D = np.where(batch.real, 1 / spread, 0.0)
    S = (batch.level @ sigma2[:, : batch.level.shape[2]].T).transpose(2, 0, 1)
    log_det: FloatArray = np.log(spread).sum(axis=(1, 2), where=batch.real)
    if not q:
        WA = D[..., None] * A
        empty = np.zeros((*S.shape[:2], 0, A.shape[2]))
        return _Solved(D, S, empty[..., :0], empty, WA, log_det, (A.mT @ WA).sum(1))
    Z = A[..., :q]
    ZDA = Z.mT @ (D[..., None] * A)
    inner = np.eye(q) + ZDA[..., :q] * S[..., None, :]
    projected = _divide(inner, ZDA)
    small = np.log(inner[..., 0, 0]) if q == 1 else np.linalg.slogdet(inner)[1]
    predicted = S[..., None] * projected
    rest = A - Z @ predicted
    WA = D[..., None] * rest
    # two sums of squares, so that nothing cancels where S is large
    once = rest[..., q:].mT @ WA[..., q:] + projected[..., q:].mT @ predicted[..., q:]
    return _Solved(
        D, S, inner, projected, WA, log_det + small.sum(axis=1), once.sum(axis=1)
    )


def _sums(batch: Batch, solved: _Solved, row_level: bool) -> _Sums:
    """Return what the derivatives need."""
    n, m, q, c = solved.projected.shape
    level, r = batch.level, c - q
    C = level.shape[2]
    L = C + row_level
    twice, thrice = np.zeros((n, L, r, r)), np.zeros((n, L, L, r, r))
    trace, pairs = np.zeros((n, L)), np.zeros((n, L, L))
    by_level = level.reshape(m * q, C)
    N, NR = solved.projected[..., :q], solved.projected[..., q:]
    # (n, m q, C r): Z'WR, for each level with the rows of all others set to 0
    apart = level[..., None] * NR[..., None, :]
    flat = apart.reshape(n, m * q, C * r).mT
    if q:
        twice[:, :C] = (flat @ NR.reshape(n, -1, r)).reshape(n, C, r, r)
        moved = N @ apart.reshape(n, -1, q, C * r)
        product = flat @ moved.reshape(n, -1, C * r)
        thrice[:, :C, :C] = product.reshape(n, C, r, C, r).swapaxes(2, 3)
        trace[:, :C] = np.diagonal(N, axis1=2, axis2=3).reshape(n, -1) @ by_level
        pairs[:, :C, :C] = by_level.T @ (N**2 @ level).reshape(n, -1, C)
    if row_level:
        w, WA, Z = solved.weight, solved.solved, batch.columns[..., :q]
        WZ, WR = WA[..., :q], WA[..., q:]
        wWR = w[..., None] * WR
        rows = WR.reshape(n, -1, r)
        twice[:, -1] = rows.mT @ rows
        thrice[:, -1, -1] = rows.mT @ wWR.reshape(n, -1, r)
        trace[:, -1] = w.sum(axis=(1, 2))
        pairs[:, -1, -1] = (w**2).sum(axis=(1, 2))
        if q:
            wZ = w[..., None] * Z
            ZwWR = Z.mT @ wWR
            right = np.concatenate(
                [ZwWR, wZ.mT @ wZ, wZ.mT @ (w[..., None] * wZ)], axis=-1
            )
            shrunk = solved.variance[..., None] * _divide(solved.inner, right)
            squared, cubed = shrunk[..., r : r + q], shrunk[..., r + q :]
            thrice[:, -1, -1] -= (ZwWR.mT @ shrunk[..., :r]).sum(axis=1)
            trace[:, -1] -= np.trace(squared, axis1=2, axis2=3).sum(axis=1)
            pairs[:, -1, -1] += (squared * squared.mT).sum(axis=(1, 2, 3))
            pairs[:, -1, -1] -= 2 * np.trace(cubed, axis1=2, axis2=3).sum(axis=1)
            crossing = flat @ (WZ.mT @ WR).reshape(n, -1, r)
            thrice[:, :C, -1] = crossing.reshape(n, C, r, r)
            thrice[:, -1, :C] = thrice[:, :C, -1].mT
            across = (WZ**2).sum(axis=2).reshape(n, -1) @ by_level
            pairs[:, :C, -1] = pairs[:, -1, :C] = across
    return _Sums(twice, thrice, trace, pairs)


def _add(arrays: list[FloatArray]) -> FloatArray:
    return arrays[0] if len(arrays) == 1 else np.sum(arrays, axis=0)


class _Profiled(NamedTuple):
    """The likelihood with the coefficients at their best."""

    log_likelihood: FloatArray
    vcov: FloatArray
    beta: FloatArray
    quadratic: FloatArray


def _profiled(problem: Problem, solved: list[_Solved]) -> _Profiled:
    p = problem.p
    log_det = _add([part.log_det for part in solved])
    once = _add([part.once for part in solved])
    B = np.linalg.inv(once[:, :p, :p]).astype(np.float64, copy=False)
    beta = (B @ once[:, :p, p:])[..., 0]
    quadratic = once[:, p, p] - (once[:, :p, p] * beta).sum(axis=1)
    value = -0.5 * (log_det + quadratic)
    if problem.restricted:
        value = value + 0.5 * np.linalg.slogdet(B)[1]
    return _Profiled(value, B, beta, quadratic)


def log_likelihood(problem: Problem, sigma2: FloatArray) -> FloatArray:
    """Return the log-likelihood without constants at each row of ``sigma2``."""
    solved = [_solve(batch, sigma2, problem.row_level) for batch in problem.batches]
    return _profiled(problem, solved).log_likelihood


def evaluate(problem: Problem, sigma2: FloatArray) -> Evaluation:
    r"""Return the log-likelihood and its derivatives at each row of ``sigma2``.

    Parameters
    ----------
    problem : Problem
        The data.
    sigma2 : array of shape (n, L)
        Variances in the problem's unit.

    Notes
    -----
    With :math:`W = M^{-1}` and :math:`P = W - WX(X'WX)^{-1}X'W`, the score of the
    restricted likelihood is :math:`\tfrac12[y'PZ_lZ_l'Py - \mathrm{tr}(PZ_lZ_l')]`, the
    expected information :math:`\tfrac12\mathrm{tr}(PZ_lZ_l'PZ_hZ_h')`, and the observed
    one :math:`y'PZ_lZ_l'PZ_hZ_h'Py` less the expected. Full likelihood: W for P in the
    traces. In every block W is a diagonal matrix and a few columns, so that nothing
    larger than (rows of a block) x (groups in it) is ever made.
    """
    p = problem.p
    solved = [_solve(batch, sigma2, problem.row_level) for batch in problem.batches]
    value, B, beta, quadratic = _profiled(problem, solved)
    parts = [
        _sums(batch, part, problem.row_level)
        for batch, part in zip(problem.batches, solved, strict=True)
    ]
    sums = _Sums(*(_add(list(values)) for values in zip(*parts, strict=True)))
    # a residual is the contrast (-beta, 1) of the columns [X y]
    e = np.concatenate([-beta, np.ones((len(beta), 1))], axis=1)
    fitted = (sums.twice @ e[:, None, :, None])[..., 0]
    moved = fitted[..., :p]
    working = e[:, None, None, None] @ sums.thrice @ e[:, None, None, :, None]
    trace, pairs = sums.trace, sums.pairs
    if problem.restricted:
        BQ = B[:, None] @ sums.twice[..., :p, :p]
        trace = trace - np.trace(BQ, axis1=2, axis2=3)
        triple = (B[:, None, None] * sums.thrice[..., :p, :p]).sum(axis=(3, 4))
        pairs = pairs - 2 * triple + (BQ[:, :, None] * BQ.mT[:, None]).sum(axis=(3, 4))
    return Evaluation(
        log_likelihood=value,
        score=0.5 * ((fitted * e[:, None]).sum(axis=2) - trace),
        expected=0.5 * pairs,
        observed=working[..., 0, 0] - moved @ B @ moved.mT - 0.5 * pairs,
        complete=0.5 * np.diagonal(sums.pairs, axis1=1, axis2=2),
        beta=beta,
        vcov=B,
        quadratic=quadratic,
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
    result: FloatArray = np.divide(
        sigma2, -step, out=np.full(sigma2.shape, np.inf), where=step < 0
    )
    return result


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
    result: FloatArray = np.maximum(found.x, 0.0)
    return result


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
            f"The variances of {name} did not converge after "
            f"{counted(found.n_steps, 'step')} of scoring and a bounded search. Check "
            "yi and V for values of very different size, or leave out a level."
        )
    return found


def _highest(found: Maxima) -> Maxima:
    height = found.at.log_likelihood
    if found.converged.any():
        height = np.where(found.converged, height, -np.inf)
    return found.pick(np.argmax(height, keepdims=True))
