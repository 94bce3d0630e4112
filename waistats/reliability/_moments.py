"""Influence functions: distribution-free variances and covariances of coefficients.

A coefficient moves by about ``influence[i] / n`` when respondent i is added, so the
columns of several coefficients give their sampling covariance whatever the
distribution of the responses: the delta method with the distribution-free covariance
matrix of the sample covariances.

One covariance kernel for every path: n, means and cross-products.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from waistats._typing import BoolArray, FloatArray, IntArray

# sums of whole numbers are kept as whole numbers
SumArray: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Counts, means and covariances of items, for one sample or a batch of them.

    Attributes
    ----------
    n : int or ndarray of int, shape (...)
        Respondents behind the covariances; with pairwise deletion the smallest count
        of any pair.
    mean : ndarray, shape (..., m)
        Item means.
    covariance : ndarray, shape (..., m, m)
        Item covariances, divisor n - 1.
    n_excluded : int or ndarray of int, shape (...)
        Respondents left out.
    n_most : int or ndarray of int, shape (...)
        The largest count of any pair; ``n`` unless deletion was pairwise.
    """

    n: int | IntArray
    mean: FloatArray
    covariance: FloatArray
    n_excluded: int | IntArray = 0
    n_most: int | IntArray = 0

    @property
    def item_variance(self) -> FloatArray:
        """Variances of the items, shape (..., m)."""
        return np.diagonal(self.covariance, axis1=-2, axis2=-1)

    @property
    def total_variance(self) -> FloatArray:
        """Variance of the sum of the items, shape (...)."""
        found: FloatArray = self.covariance.sum(axis=(-2, -1))
        return found


def complete(values: FloatArray) -> BoolArray:
    """Return which respondents answered every item, shape (..., n)."""
    return np.asarray(~np.isnan(values).any(axis=-1))


def mean_and_covariance(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return means (..., m) and covariances (..., m, m) of complete (..., n, m) data.

    Fewer than two respondents give covariances of NaN.
    """
    n, m = values.shape[-2:]
    if n < 2:
        lead = values.shape[:-2]
        return np.full((*lead, m), np.nan), np.full((*lead, m, m), np.nan)
    mean, away = centred(values)
    products = np.swapaxes(away, -1, -2) @ away
    return mean, products / (n - 1)


def centred(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return means (..., m) and deviations (..., n, m) from them, also of large numbers.

    The mean of numbers near 1e15 is rounded to some tenths; its rounding is the mean of
    the deviations, and taken off where the first respondent shows that it may matter.
    """
    n = values.shape[-2]
    # a product is several times as fast as a mean over rows
    mean = np.ones(n) @ values / n
    away = values - mean[..., None, :]
    if away.size and np.abs(away[..., 0, :]).max() < 1e-8 * np.abs(mean).max():
        rest = away.mean(axis=-2)
        mean, away = mean + rest, away - rest[..., None, :]
    return mean, away


def listwise_moments(values: FloatArray) -> Moments:
    """Return the moments of the respondents who answered every item.

    ``n`` is counted here, where the covariance is computed, so that every interval
    uses the number of respondents that was really used.
    """
    total = values.sum()
    kept = values if np.isfinite(total) else values[complete(values)]
    mean, covariance = mean_and_covariance(kept)
    n = len(kept)
    return Moments(
        n=n,
        mean=mean,
        covariance=covariance,
        n_excluded=len(values) - n,
        n_most=n,
    )


def pairwise_moments(values: FloatArray) -> Moments:
    """Return moments with each covariance from the respondents who have both items.

    Each covariance uses the means of its own respondents, as R's
    ``cov(use = "pairwise")`` does. Item means use all answers of the item.
    """
    answered = ~np.isnan(values)
    some = answered.any(axis=1)
    counts = answered.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.where(
            counts > 0, np.nansum(values, axis=0) / np.maximum(counts, 1), np.nan
        )
    present = answered.astype(np.float64)
    centred = np.where(answered, values - mean, 0.0)
    pair_n = present.T @ present
    # sum of item j over those who also have item k
    sums = centred.T @ present
    enough = pair_n > 1
    size = np.where(enough, pair_n, np.nan)
    covariance = (centred.T @ centred - sums * sums.T / size) / (size - 1)
    off_diagonal = pair_n[~np.eye(len(mean), dtype=bool)]
    return Moments(
        n=int(off_diagonal.min(initial=len(values))),
        mean=mean,
        covariance=covariance,
        n_excluded=int((~some).sum()),
        n_most=int(off_diagonal.max(initial=0)),
    )


def covariance_from_sums(n: IntArray, sums: SumArray, products: SumArray) -> FloatArray:
    """Return covariances (..., m, m) from sums (..., m) and cross-products.

    Sums of whole numbers stay whole until the division, so they lose nothing however
    large. What rounding leaves of a variance of zero is set to zero.
    """
    size = np.asarray(n)[..., None, None]
    spread = _spread(size, products, sums[..., :, None], sums[..., None, :])
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = np.where(size > 1, spread / (size - 1.0), np.nan)
    squares = np.diagonal(products, axis1=-2, axis2=-1)
    flat = variance_from_sums(n, sums, squares) == 0
    covariance[flat[..., :, None] | flat[..., None, :]] = 0.0
    return covariance


def variance_from_sums(n: IntArray, sums: SumArray, squares: SumArray) -> FloatArray:
    """Return variances (..., m) from sums and sums of squares of the same shape."""
    size = np.asarray(n)
    size = size.reshape(size.shape + (1,) * (sums.ndim - size.ndim))
    spread = _spread(size, squares, sums, sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        if squares.dtype.kind == "f":
            spread = np.where(spread <= 1e-13 * squares, 0.0, spread)
        return np.where(size > 1, spread / (size - 1.0), np.nan)


def _spread(
    size: IntArray, products: SumArray, left: SumArray, right: SumArray
) -> FloatArray:
    """Return products - left * right / size, exact up to the division."""
    if products.dtype.kind == "f":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(products - left * right / size)
    largest = int(size.max(initial=1)) * int(np.abs(products).max(initial=1))
    if largest >= 2**62:
        size, products = size.astype(object), products.astype(object)
        left, right = left.astype(object), right.astype(object)
    whole = (size * products - left * right).astype(np.float64)
    found: FloatArray = whole / np.maximum(size.astype(np.float64), 1.0)
    return found


def correlation(covariance: FloatArray) -> FloatArray:
    """Return the correlations (..., m, m) of a covariance matrix.

    An item without variance has correlations of NaN.
    """
    sd = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    scale = np.where(sd > 0, sd, np.nan)
    matrix: FloatArray = covariance / (scale[..., :, None] * scale[..., None, :])
    index = np.arange(covariance.shape[-1])
    matrix[..., index, index] = np.where(sd > 0, 1.0, np.nan)
    return matrix


def against_scale(covariance: FloatArray, n: int) -> BoolArray:
    """Return which items (m,) correlate negatively with the rest of their scale.

    Parameters
    ----------
    covariance : ndarray of shape (m, m)
        Covariances of keyed items.
    n : int
        Respondents behind them.

    Returns
    -------
    ndarray of bool
        True for the smaller part of the items on one side of the first principal
        axis, as far as they correlate with the sum of the others, keyed by that axis,
        beyond twice the standard error of no correlation. All False for two items.

    Notes
    -----
    The axis finds the key also where half of the items are reversed, where *every*
    item-rest correlation is negative.
    """
    m = len(covariance)
    none = np.zeros(m, dtype=bool)
    if m < 3 or n < 4 or not np.isfinite(covariance).all():
        return none
    sd = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    if (covariance >= 0).all() or not (sd > 0).sum() > 2:
        return none
    scale = np.where(sd > 0, sd, np.inf)
    r = covariance / np.outer(scale, scale)
    axis = np.linalg.eigh(r)[1][:, -1]
    against = axis < 0
    if 2 * against.sum() > m or (2 * against.sum() == m and against[0]):
        against = axis > 0
    signs = np.where(against, -1.0, 1.0)
    keyed = r * np.outer(signs, signs)
    own = np.diagonal(keyed)
    with_total = keyed.sum(axis=1)
    rest = with_total.sum() - 2 * with_total + own
    with np.errstate(invalid="ignore", divide="ignore"):
        strength = (with_total - own) / np.sqrt(np.where(rest > 0, rest, np.nan))
    return np.asarray(against & (strength > 2 / np.sqrt(n)))


def alpha_of(covariance: FloatArray) -> FloatArray:
    """Return Cronbach's alpha (...) of covariances (..., m, m)."""
    m = covariance.shape[-1]
    return alpha_from_variances(
        np.trace(covariance, axis1=-2, axis2=-1), covariance.sum(axis=(-2, -1)), m
    )


def alpha_from_variances(
    item_variances: FloatArray, total_variance: FloatArray, n_items: int
) -> FloatArray:
    """Return alpha from the sum of item variances and the variance of the total.

    NaN where the total does not vary, to within rounding.
    """
    total = np.asarray(total_variance, dtype=np.float64)
    safe = np.where(total > 1e-12 * np.asarray(item_variances), total, np.nan)
    return n_items / (n_items - 1) * (1 - item_variances / safe)


def standardized_alpha_of(covariance: FloatArray) -> FloatArray:
    """Return alpha (...) of the correlation matrix of covariances (..., m, m)."""
    return alpha_of(correlation(covariance))


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
    away = centred(values)[1]
    total = away.sum(axis=-1)
    squares = np.einsum("...ij,...ij->...i", away, away)
    with np.errstate(invalid="ignore", divide="ignore"):
        item_sum = squares.sum(axis=-1, keepdims=True) / (n - 1)
        variance = (total**2).sum(axis=-1, keepdims=True) / (n - 1)
        found: FloatArray = (
            m / (m - 1) * (item_sum * total**2 - variance * squares) / variance**2
        )
        return found


# respondents from whom the strain of an interval is judged
_ENOUGH = 1000


def variance_strain(*samples: FloatArray) -> tuple[float, float]:
    """Return the distribution-free variance of alpha over Bonett's, and its error.

    Parameters
    ----------
    *samples : ndarray, shape (n, m)
        Complete answers of each sample; of more than 2,000 respondents every second,
        third ... is taken, which is enough to judge.

    Returns
    -------
    ratio, error : float
        Over all samples; NaN where no sample has an alpha below 1.
    """
    each = np.concatenate([np.empty(0), *map(_strain_terms, samples)])
    if not len(each):
        return np.nan, np.nan
    return float(each.mean()), float(each.std() / np.sqrt(len(each)))


def _strain_terms(values: FloatArray) -> FloatArray:
    """Return what each respondent adds to the ratio of a sample, its mean."""
    part = values[:: max(1, len(values) // _ENOUGH)]
    n, m = part.shape
    if n < 10:
        return np.empty(0)
    away = centred(part)[1]
    squares = np.einsum("ij,ij->i", away, away)
    total = (away @ np.ones(m)) ** 2
    item_sum, variance = squares.sum(), total.sum()
    if not variance > 1e-12 * item_sum:
        return np.empty(0)
    rest = 1 - m / (m - 1) * (1 - item_sum / variance)
    if not rest > 1e-12:
        return np.empty(0)
    influence = m / (m - 1) * (item_sum * total / variance - squares) / variance / rest
    return np.asarray(influence**2 * (m - 1) / (2 * m) * (n - 1) * (n - 2))


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
    away = centred(values)[1]
    form = np.einsum("ij,jk,ik->i", away, gradient, away, optimize=True)
    influence: FloatArray = form - form.mean()
    return influence


def alpha_gradient(covariance: FloatArray) -> FloatArray:
    """Return the derivative (..., m, m) of alpha by the covariance matrix."""
    m = covariance.shape[-1]
    total = covariance.sum(axis=(-2, -1))[..., None, None]
    trace = np.trace(covariance, axis1=-2, axis2=-1)[..., None, None]
    found: FloatArray = m / (m - 1) * (trace - total * np.eye(m)) / total**2
    return found


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
    found: FloatArray = m / (1 + (m - 1) * mean_r) ** 2 / pairs * by_r
    return found


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
    found: FloatArray = (influence**2).sum(axis=-1) / (n * (n - 1))
    return found


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
    found: FloatArray = scaled.T @ scaled
    return found
