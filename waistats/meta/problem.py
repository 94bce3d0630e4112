"""Data of a multilevel model, rescaled and cut into blocks, ready to evaluate."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from waistats.arrays import FloatArray, IntArray
from waistats.meta.blocks import Batch, cut


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Problem:
    """Data of a model with covariance V + sum of sigma2_l Z_l Z_l', ready to evaluate.

    Outcome, V and design are rescaled so that the numbers are near 1; ``unit`` is the
    variance that counts as 1, ``start`` the least-squares fit that was taken off, and
    ``triangle`` turns coefficients of the orthonormal design into those of X.
    """

    batches: tuple[Batch, ...]
    row_level: bool
    k: int
    p: int
    n_levels: int
    restricted: bool
    unit: float
    start: FloatArray
    triangle: FloatArray
    excess: tuple[float, float]
    Q: float
    typical_variance: float


def prepare(
    y: FloatArray,
    X: FloatArray,
    V: sparse.csr_array,
    codes: list[IntArray],
    *,
    restricted: bool = True,
) -> Problem:
    """Rescale the data and cut them into blocks.

    Parameters
    ----------
    y : array of shape (k,)
        Outcome.
    X : array of shape (k, p)
        Design of full column rank.
    V : sparse array of shape (k, k)
        Sampling covariance.
    codes : list of int arrays of shape (k,)
        Groups of each level, outermost first, no two alike.
    restricted : bool, default True
        Restricted (REML) rather than full (ML) likelihood.
    """
    k, p = X.shape
    orthonormal, triangle = np.linalg.qr(X)
    orthonormal, triangle = orthonormal * np.sqrt(k), triangle / np.sqrt(k)
    variance = V.diagonal()
    unit = float(np.exp(np.log(variance).mean()))
    start = orthonormal.T @ y / k
    residual = (y - orthonormal @ start) / np.sqrt(unit)
    batches, row_level = cut(residual, orthonormal, V / unit, codes)
    Q, trace = _without_effects(batches, p)
    df = max(k - p, 1)
    plain = float(residual @ residual) / df - float(variance.mean()) / unit
    return Problem(
        batches=batches,
        row_level=row_level,
        k=k,
        p=p,
        n_levels=len(codes),
        restricted=restricted,
        unit=unit,
        start=start,
        triangle=triangle,
        excess=(max((Q - df) / trace, 0.0), max(plain, 0.0)),
        Q=Q,
        typical_variance=(k - p) / trace * unit,
    )


def _without_effects(batches: tuple[Batch, ...], p: int) -> tuple[float, float]:
    """Return Q = y'Py and tr P with W = V^-1."""
    once = np.zeros((p + 1, p + 1))
    twice, trace = once.copy(), 0.0
    for batch in batches:
        R = batch.columns[batch.real][:, batch.n_groups :]
        w = 1 / batch.spread[batch.real]
        once += (R.T * w) @ R
        twice += (R.T * w**2) @ R
        trace += float(w.sum())
    beta = np.linalg.solve(once[:p, :p], once[:p, p])
    Q = float(once[p, p] - once[:p, p] @ beta)
    trace -= float(np.trace(np.linalg.solve(once[:p, :p], twice[:p, :p])))
    return max(Q, 0.0), trace
