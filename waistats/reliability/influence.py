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


def alpha_gradient(covariance: FloatArray) -> FloatArray:
    """Return the derivative (..., m, m) of alpha by the covariance matrix."""
    m = covariance.shape[-1]
    total = covariance.sum(axis=(-2, -1))[..., None, None]
    trace = np.trace(covariance, axis1=-2, axis2=-1)[..., None, None]
    return m / (m - 1) * (trace - total * np.eye(m)) / total**2


def standardized_alpha_gradient(covariance: FloatArray) -> FloatArray:
    """Return the derivative (..., m, m) of standardized alpha by the covariances."""
    m = covariance.shape[-1]
    matrix = correlation(covariance)
    sd = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    row_sums = matrix.sum(axis=-1) - 1
    pairs = m * (m - 1)
    mean_r = row_sums.sum(axis=-1)[..., None, None] / pairs
    # dr_jk = ds_jk / (sd_j sd_k) - r_jk (ds_jj / s_jj + ds_kk / s_kk) / 2
    by_r = 1 / (sd[..., :, None] * sd[..., None, :])
    index = np.arange(m)
    by_r[..., index, index] = -row_sums / sd**2
    return m / (1 + (m - 1) * mean_r) ** 2 / pairs * by_r


def pairwise_influence(values: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return influences on a function of covariances made by pairwise deletion.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        Responses of everyone who answered something; NaN where missing.
    gradient : ndarray, shape (m, m)
        Symmetric derivative at the pairwise covariance matrix.

    Returns
    -------
    ndarray, shape (n,)
        Each covariance moves only with those who have both items, n / n_jk times as
        much; with complete data this is ``gradient_influence``.
    """
    answered = ~np.isnan(values)
    present = answered.astype(np.float64)
    mean = np.nansum(values, axis=0) / present.sum(axis=0)
    centred = np.where(answered, values - mean, 0.0)
    pair_n = present.T @ present
    weight = gradient * len(values) / pair_n
    # mean of item j (row) among those who also have item k (column)
    means = centred.T @ present / pair_n
    products = centred.T @ centred / pair_n - means * means.T
    quadratic = np.einsum("ij,jk,ik->i", centred, weight, centred, optimize=True)
    cross = (centred * (present @ (weight * means.T).T)).sum(axis=1)
    constant = np.einsum(
        "ij,jk,ik->i",
        present,
        weight * (means * means.T - products),
        present,
        optimize=True,
    )
    influence: FloatArray = quadratic - 2 * cross + constant
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
