r"""Reliability of the sum of ordered answers under a one-factor model (Green & Yang).

The answers are cut from normal variables with polychoric correlations. The sum's
variance, and the part of it that the factor makes, follow from bivariate normal
probabilities at the thresholds.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from waistats._typing import BoolArray, FloatArray
from waistats.errors import ConvergenceError, DataError
from waistats.reliability._polychoric import (
    LARGEST,
    Polychoric,
    bivariate_normal_cdf,
    cell_scores,
    finite,
    normal_density,
)

_ITERATIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersonScores:
    """Each person's influence on thresholds and polychoric correlations.

    Attributes
    ----------
    thresholds : ndarray of shape (n, m, K - 1)
        Influence on the inner thresholds; zero where a threshold is infinite.
    correlations : ndarray of shape (n, pairs)
        Influence on the correlations, thresholds estimated first.
    """

    thresholds: FloatArray
    correlations: FloatArray


def person_scores(fit: Polychoric) -> PersonScores:
    """Return influences whose sums of squares over n squared are variances.

    Two-step estimation (Muthen, 1984), all pairs at once; ``polychoric_influence``
    gives the same for one function of the correlations.
    """
    first, second = fit.pairs
    n, size = len(fit.codes), fit.thresholds.shape[1] - 1
    one_hot = fit.codes[..., None] == np.arange(size)
    answered = one_hot.any(-1)
    below = np.cumsum(one_hot, axis=-1)[..., :-1]
    count = answered.sum(0)
    share_below = below.sum(0) / count[:, None]
    inner = fit.thresholds[:, 1:-1]
    usable = np.isfinite(inner)
    density = normal_density(inner)
    away = (below - share_below) * answered[..., None] * (n / count)[:, None]
    by_threshold = np.where(usable, away / np.where(usable, density, 1.0), 0.0)
    cells = cell_scores(fit)
    safe = np.maximum(fit.codes, 0)
    both = answered[:, first] & answered[:, second]
    pairs = np.arange(len(first))
    score = cells.ratio[pairs, safe[:, first], safe[:, second]] * both
    score *= n / cells.counts
    score -= np.einsum(
        "npt,pt->np", by_threshold[:, first], cells.by_row, optimize=True
    )
    score -= np.einsum(
        "npt,pt->np", by_threshold[:, second], cells.by_column, optimize=True
    )
    return PersonScores(thresholds=by_threshold, correlations=score / cells.information)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OneFactor:
    """Standardized loadings of one factor by (diagonally weighted) least squares.

    Attributes
    ----------
    loadings : ndarray of shape (..., m)
        Loadings with a positive sum.
    converged : ndarray of bool of shape (...)
        Whether the steps ended.
    """

    loadings: FloatArray
    converged: BoolArray


def fit_one_factor(r: FloatArray, weights: FloatArray) -> OneFactor:
    """Fit r_jk = l_j l_k by weighted least squares, many matrices at once.

    Parameters
    ----------
    r : ndarray of shape (..., m, m)
        Correlations.
    weights : ndarray of shape (..., m, m)
        Weight of each correlation, symmetric; 1 for unweighted least squares.
    """
    m = r.shape[-1]
    lead = r.shape[:-2]
    batch = r.reshape(-1, m, m)
    off = np.broadcast_to(weights, r.shape).reshape(-1, m, m) * (1 - np.eye(m))
    # the size of the weights does not matter to the loadings
    off = off / off.mean(axis=(-1, -2), keepdims=True)
    values, vectors = np.linalg.eigh(batch)
    lam = vectors[..., -1] * 0.8 * np.sqrt(np.maximum(values[..., -1:], 0.05))
    index = np.arange(m)
    value = _misfit(batch, off, lam)
    converged = np.zeros(len(batch), dtype=bool)
    damping = np.full(len(batch), 1e-3)
    for _ in range(_ITERATIONS):
        residual = off * (batch - lam[:, :, None] * lam[:, None, :])
        slope = (residual @ lam[..., None])[..., 0]
        hessian = off * lam[:, :, None] * lam[:, None, :]
        diagonal = (off @ (lam**2)[..., None])[..., 0]
        # Gauss-Newton: the second derivatives without residuals
        # an item whose weights meet loadings of zero has nothing on its diagonal
        hessian[:, index, index] = diagonal * (1 + damping[:, None]) + 1e-10
        step = np.linalg.solve(hessian, slope[..., None])[..., 0]
        new = lam + step
        found = _misfit(batch, off, new)
        better = found <= value + 1e-15 * (1 + value)
        lam = np.where(better[:, None], new, lam)
        value = np.where(better, np.minimum(found, value), value)
        damping = np.where(better, damping / 10, np.maximum(damping, 1e-6) * 10)
        small = np.abs(slope).max(axis=-1) < 1e-11 * m
        converged |= small | (better & (np.abs(step).max(axis=-1) < 1e-11))
        if converged.all() or (damping > 1e12).all():
            break
    sign = np.where(lam.sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
    return OneFactor(
        loadings=(lam * sign).reshape(*lead, m), converged=converged.reshape(lead)
    )


def _misfit(r: FloatArray, off: FloatArray, lam: FloatArray) -> FloatArray:
    residual = r - lam[:, :, None] * lam[:, None, :]
    found: FloatArray = (off * residual**2).sum(axis=(-1, -2)) / 2
    return found


def loading_derivatives(
    r: FloatArray, weights: FloatArray, lam: FloatArray
) -> FloatArray:
    """Return derivatives (m, pairs) of the loadings by the correlations."""
    m = len(lam)
    off = weights * (1 - np.eye(m))
    residual = off * (r - np.outer(lam, lam))
    hessian = off * np.outer(lam, lam) - residual
    np.fill_diagonal(hessian, off @ lam**2)
    first, second = np.triu_indices(m, 1)
    right = np.zeros((m, len(first)))
    pair = np.arange(len(first))
    right[first, pair] = off[first, second] * lam[second]
    right[second, pair] = off[first, second] * lam[first]
    try:
        return np.asarray(np.linalg.solve(hessian, right), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        raise ConvergenceError(
            "the one-factor model of the polychoric correlations is not identified. "
            "Check the keys of the items (audit_keys)."
        ) from error


def categorical_variances(
    thresholds: FloatArray, correlation: FloatArray
) -> FloatArray:
    """Return covariances (..., m, m) of answers cut at thresholds.

    Parameters
    ----------
    thresholds : ndarray of shape (..., m, K + 1)
        From ``-inf`` to ``inf``; answers are 0 ... K - 1.
    correlation : ndarray of shape (..., m, m)
        Correlations of the normal variables; the diagonal is taken as it is, so that a
        communality there gives the factor's part of the variance.
    """
    inner = finite(thresholds[..., 1:-1])
    m = inner.shape[-2]
    first, second = np.triu_indices(m)
    rho = np.clip(correlation[..., first, second], -LARGEST, LARGEST)
    both = bivariate_normal_cdf(
        inner[..., first, :, None], inner[..., second, None, :], rho[..., None, None]
    )
    below = special.ndtr(inner).sum(axis=-1)
    sums = both.sum(axis=(-1, -2)) - below[..., first] * below[..., second]
    found = np.empty((*sums.shape[:-1], m, m))
    found[..., first, second] = found[..., second, first] = sums
    return found


def own_variances(thresholds: FloatArray) -> FloatArray:
    """Return variances (..., m) of answers 0 ... K - 1 cut at thresholds."""
    at_least = special.ndtr(-finite(thresholds[..., 1:-1]))
    # an answer counts the thresholds below it, and i**2 is the sum of 2j - 1 up to i
    steps = 2 * np.arange(1, at_least.shape[-1] + 1) - 1
    found: FloatArray = (at_least * steps).sum(axis=-1) - at_least.sum(axis=-1) ** 2
    return found


def green_yang(
    thresholds: FloatArray, correlation: FloatArray, loadings: FloatArray
) -> FloatArray:
    r"""Return categorical omega (...).

    Parameters
    ----------
    thresholds : ndarray of shape (..., m, K + 1)
        Normal thresholds.
    correlation : ndarray of shape (..., m, m)
        Polychoric correlations, for the variance of the sum.
    loadings : ndarray of shape (..., m)
        Standardized loadings, for the part that is the factor's.
    """
    m = loadings.shape[-1]
    model = loadings[..., :, None] * loadings[..., None, :]
    true = categorical_variances(thresholds, model).sum(axis=(-1, -2))
    whole = categorical_variances(thresholds, correlation)
    index = np.arange(m)
    whole[..., index, index] = own_variances(thresholds)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: FloatArray = true / whole.sum(axis=(-1, -2))
    return found


def green_yang_gradient(
    thresholds: FloatArray, correlation: FloatArray, loadings: FloatArray
) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    """Return omega and its derivatives by thresholds, correlations and loadings.

    Returns
    -------
    omega : float
    by_threshold : ndarray of shape (m, K - 1)
    by_correlation : ndarray of shape (pairs,)
    by_loading : ndarray of shape (m,)
    """
    m = len(loadings)
    index = np.arange(m)
    model = np.outer(loadings, loadings)
    true = categorical_variances(thresholds, model)
    whole = categorical_variances(thresholds, correlation)
    whole[index, index] = own_variances(thresholds)
    top, bottom = true.sum(), whole.sum()
    if not bottom > 1e-12 * np.trace(whole):
        raise DataError(
            "the sum of the answers has no variance by these polychoric correlations, so "
            "categorical omega is not defined. Check the keys of the items (audit_keys)."
        )
    omega = float(top / bottom)
    slope_true = _by_correlation(thresholds, model)
    slope_whole = _by_correlation(thresholds, correlation)
    first, second = np.triu_indices(m, 1)
    by_correlation = -omega * 2 * slope_whole[first, second] / bottom
    by_loading = 2 * (slope_true @ loadings) / bottom
    by_threshold = (
        _by_threshold(thresholds, model, own=False)
        - omega * _by_threshold(thresholds, correlation, own=True)
    ) / bottom
    return omega, by_threshold, by_correlation, by_loading


def _by_correlation(thresholds: FloatArray, correlation: FloatArray) -> FloatArray:
    """Return derivatives (m, m) of covariances of answers by the correlations."""
    inner = finite(thresholds[:, 1:-1])
    rho = np.clip(correlation, -LARGEST, LARGEST)[:, :, None, None]
    h, k = inner[:, None, :, None], inner[None, :, None, :]
    room = (1 - rho) * (1 + rho)
    with np.errstate(under="ignore", over="ignore"):
        density = np.exp(-(h**2 + k**2 - 2 * rho * h * k) / (2 * room))
    found: FloatArray = (density / (2 * np.pi * np.sqrt(room))).sum(axis=(-1, -2))
    return found


def _by_threshold(
    thresholds: FloatArray, correlation: FloatArray, *, own: bool
) -> FloatArray:
    """Return derivatives (m, K - 1) of the sum of all covariances of answers.

    ``own`` takes the diagonal as the answers' own variances.
    """
    inner = finite(thresholds[:, 1:-1])
    m, size = inner.shape
    density = normal_density(inner)
    rho = np.clip(correlation, -LARGEST, LARGEST)[:, :, None, None]
    root = np.sqrt((1 - rho) * (1 + rho))
    # P(other below its threshold | own at it)
    given = special.ndtr(
        (inner[None, :, None, :] - rho * inner[:, None, :, None]) / root
    ).sum(axis=-1)
    below = special.ndtr(inner).sum(axis=-1)
    change = density[:, None, :] * (given - below[None, :, None])
    index = np.arange(m)
    total = 2 * change.sum(axis=1)
    if own:
        total -= 2 * change[index, index]
        above = size - below
        steps = 2 * np.arange(1, size + 1) - 1
        total += -density * (steps - 2 * above[:, None])
    found: FloatArray = np.where(np.isfinite(thresholds[:, 1:-1]), total, 0.0)
    return found
