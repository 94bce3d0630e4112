"""Influence functions: distribution-free variances and covariances of coefficients.

A coefficient moves by about ``influence[i] / n`` when respondent i is added, so the
columns of several coefficients give their sampling covariance whatever the
distribution of the responses: the delta method with the distribution-free covariance
matrix of the sample covariances.
"""

import numpy as np

from waistats.arrays import BoolArray, FloatArray
from waistats.reliability.moments import correlation


def alpha_influence(values: FloatArray) -> FloatArray:
    """Return the influence of each respondent on alpha, shape (..., n).

    Parameters
    ----------
    values : ndarray, shape (..., n, m)
        Complete responses.

    Returns
    -------
    ndarray, shape (..., n)
        Influences; they sum to zero. NaN where the total does not vary.
    """
    n, m = values.shape[-2:]
    centred = values - values.mean(axis=-2, keepdims=True)
    total = centred.sum(axis=-1)
    squares = np.einsum("...ij,...ij->...i", centred, centred)
    with np.errstate(invalid="ignore", divide="ignore"):
        item_sum = squares.sum(axis=-1, keepdims=True) / (n - 1)
        variance = (total**2).sum(axis=-1, keepdims=True) / (n - 1)
        return m / (m - 1) * (item_sum * total**2 - variance * squares) / variance**2


def gradient_influence(values: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return influences on any smooth function of the covariance matrix.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        Complete responses.
    gradient : ndarray, shape (m, m)
        Symmetric derivative: the function moves by ``trace(gradient @ dS)``.

    Returns
    -------
    ndarray, shape (n,)
        ``c'Gc - mean(c'Gc)`` with c the centred responses; it sums to zero.
    """
    centred = values - values.mean(axis=0)
    form = np.einsum("ij,jk,ik->i", centred, gradient, centred, optimize=True)
    influence: FloatArray = form - form.mean()
    return influence


def standardized_alpha_influence(values: FloatArray) -> FloatArray:
    """Return the influence of each respondent on standardized alpha, shape (n,)."""
    n, m = values.shape
    centred = values - values.mean(axis=0)
    covariance = centred.T @ centred / (n - 1)
    matrix = correlation(covariance)
    z = centred / np.sqrt(np.diagonal(covariance))
    pairs = m * (m - 1)
    mean_r = (matrix.sum() - m) / pairs
    # each r_jk moves by z_j z_k - r_jk (z_j^2 + z_k^2) / 2; here averaged over pairs
    row_sums = matrix.sum(axis=1) - 1
    average = (z.sum(axis=1) ** 2 - (z**2).sum(axis=1) - z**2 @ row_sums) / pairs
    influence: FloatArray = m / (1 + (m - 1) * mean_r) ** 2 * average
    return influence


def influence_variance(influence: FloatArray) -> FloatArray:
    """Return the variance (...) of a coefficient from its influences (..., n)."""
    n = influence.shape[-1]
    return (influence**2).sum(axis=-1) / (n * (n - 1))


def influence_covariance(
    influences: FloatArray, present: BoolArray | None = None
) -> FloatArray:
    """Return the sampling covariance (q, q) of coefficients from the same people.

    Parameters
    ----------
    influences : ndarray, shape (n, q)
        A column for each coefficient.
    present : ndarray of bool, shape (n, q), optional
        Who is behind each coefficient; everyone by default. Coefficients covary only
        through the people they share.

    Returns
    -------
    ndarray, shape (q, q)
        ``F'F / (n (n - 1))`` when everyone is present.
    """
    if present is None:
        sizes = np.full(influences.shape[1], float(len(influences)))
        columns = influences
    else:
        sizes = present.sum(axis=0).astype(np.float64)
        columns = np.where(present, influences, 0.0)
    scaled = columns / np.sqrt(sizes * (sizes - 1))
    return scaled.T @ scaled
