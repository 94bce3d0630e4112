"""Covariances that influence diagnostics compare with, of either kind of model."""

import numpy as np
from scipy import sparse

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.meta.blocks import connect, padded_rows
from waistats.meta.many import scale_factor
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.result import MetaResult
from waistats.meta.sandwich import working_blocks
from waistats.meta.sums import cross, inverse, weighted_fit
from waistats.sensitivity.refit import Refits, included


def deleted_factor(
    result: MetaResult | MultilevelResult, keep: BoolArray, deleted: Refits
) -> FloatArray:
    """Return the Knapp-Hartung factor of every refit; 1 without it."""
    if isinstance(result, MultilevelResult) or result.small_sample == "wald":
        return np.ones(keep.shape[1])
    X = result.design.X
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = weighted_fit(*included(result, keep), X, deleted.tau2)
        factor = scale_factor(fit.rss, deleted.k - X.shape[1], result.small_sample)
    return np.where(deleted.k == 1, 1.0, factor)


def covariance_at(result: MetaResult | MultilevelResult, deleted: Refits) -> FloatArray:
    """Return the covariance of b of all rows at the variances of each refit."""
    if isinstance(result, MultilevelResult):
        return _at_components(result, deleted.sigma2)
    X = result.design.X
    total = result.effects.vi[:, None] + deleted.tau2
    with np.errstate(invalid="ignore"):
        if result.weights is None:
            return inverse(cross(X, 1 / total))
        a = result.weights
        bread = np.linalg.inv(X.T @ (a[:, None] * X))
        meat = cross(X, a[:, None] ** 2 * total)
        return np.einsum("pq,qrb,rs->psb", bread, meat, bread)


def _at_components(result: MultilevelResult, sigma2: FloatArray) -> FloatArray:
    p, size = len(result.beta), sigma2.shape[1]
    out = np.full((p, p, size), np.nan)
    for j in np.flatnonzero(np.isfinite(sigma2).all(axis=0)):
        MX = whitened_design(result, sigma2[:, j])
        out[:, :, j] = np.linalg.inv(result.design.X.T @ MX)
    return out


def whitened_design(result: MultilevelResult, sigma2: FloatArray) -> FloatArray:
    """Return the rows of M^-1 X at given variances, (k, p)."""
    X = result.design.X
    out = np.empty_like(X)
    for rows in padded_rows(connect(result.V, result.codes[0])):
        M = working_blocks(rows, result.V, list(result.codes), sigma2)
        real = rows >= 0
        out[rows[real]] = np.linalg.solve(M, X[rows] * real[..., None])[real]
    return out


def leverages(result: MetaResult | MultilevelResult) -> FloatArray:
    """Return the diagonal of the hat matrix, (k,)."""
    X = result.design.X
    if isinstance(result, MultilevelResult):
        AX = whitened_design(result, result.sigma2)
    else:
        a = result.weights
        AX = (1 / (result.effects.vi + result.tau2) if a is None else a)[:, None] * X
    return np.einsum("kp,kp->k", X @ np.linalg.inv(X.T @ AX), AX)


def error_covariance(
    result: MetaResult | MultilevelResult, deleted: Refits, j: int, rows: IntArray
) -> FloatArray:
    """Return the marginal covariance of some rows at the variances of a refit."""
    if isinstance(result, MetaResult):
        return np.diag(result.effects.vi[rows] + deleted.tau2[j])
    codes = list(result.codes)
    V: sparse.csr_array = result.V
    return working_blocks(rows[None, :], V, codes, deleted.sigma2[:, j])[0]
