"""The one likelihood of multilevel models, with its derivatives."""

from typing import NamedTuple

import numpy as np

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.meta.blocks import Batch
from waistats.meta.problem import Problem


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
