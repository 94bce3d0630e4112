"""Sums of items by study -> moments by study, the same in memory and from a query.

Alpha needs no more than n, the sums and squares of the items and the square of the
total; only coefficients of the whole covariance matrix need cross-products.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from waistats._typing import FloatArray, IntArray
from waistats.reliability._moments import (
    SumArray,
    covariance_from_sums,
    variance_from_sums,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summary:
    """Moments of one scale in k samples, from complete respondents.

    Attributes
    ----------
    n, n_excluded : ndarray of int, shape (k,)
        Respondents with every item answered, and the others.
    mean, item_variance : ndarray, shape (k, m)
        Means and variances of the items.
    total_variance : ndarray, shape (k,)
        Variance of the sum of the items.
    covariance : ndarray, shape (k, m, m), or None
        Covariances, where cross-products were asked for.
    """

    n: IntArray
    n_excluded: IntArray
    mean: FloatArray
    item_variance: FloatArray
    total_variance: FloatArray
    covariance: FloatArray | None = None

    @property
    def holds_nan(self) -> bool:
        """Whether a NaN among the answers got past an engine's test for it."""
        return bool((np.isnan(self.total_variance) & (self.n > 1)).any())


def summary_from_sums(
    *,
    n: IntArray,
    n_excluded: IntArray,
    sums: SumArray,
    squares: SumArray,
    total_square: SumArray,
    products: SumArray | None = None,
    origin: FloatArray | float = 0.0,
) -> Summary:
    """Return moments from sums over complete respondents.

    Parameters
    ----------
    n, n_excluded : ndarray of int, shape (k,)
        Complete respondents and the others.
    sums, squares : ndarray, shape (k, m)
        Sums and sums of squares of the items, less ``origin``.
    total_square : ndarray, shape (k,)
        Sum of squares of the total of the items, less their origins.
    products : ndarray, shape (k, m, m), optional
        Cross-products.
    origin : float or ndarray, shape (m,)
        What was taken off the answers before summing.

    Returns
    -------
    Summary
        Means are NaN without respondents, variances with fewer than two.
    """
    total = sums.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = origin + np.where(n > 0, 1.0, np.nan)[:, None] * sums / n[:, None]
    return Summary(
        n=n,
        n_excluded=n_excluded,
        mean=mean,
        item_variance=variance_from_sums(n, sums, squares),
        total_variance=variance_from_sums(n, total, total_square),
        covariance=None
        if products is None
        else covariance_from_sums(n, sums, products),
    )


def summarise(
    values: FloatArray, codes: IntArray, n_samples: int, *, products: bool = False
) -> Summary:
    """Return moments of each sample from responses in memory.

    Parameters
    ----------
    values : ndarray, shape (N, m)
        Responses; NaN where missing.
    codes : ndarray of int, shape (N,)
        Sample of each respondent, 0 ... n_samples - 1.
    n_samples : int
        Number of samples k.
    products : bool
        Whether covariances are needed.
    """
    m = values.shape[1]
    # any origin near the answers keeps the squares small
    first = values[:1000]
    answered = np.isfinite(first)
    sums = np.where(answered, first, 0.0).sum(axis=0)
    origin = np.round(sums / np.maximum(answered.sum(axis=0), 1))
    total = values.sum(axis=1)
    kept = np.isfinite(total)
    given = np.bincount(codes, minlength=n_samples)
    if not kept.all():
        values, codes = values[kept], codes[kept]
    n = np.bincount(codes, minlength=n_samples)

    def summed(column: FloatArray) -> FloatArray:
        return np.asarray(
            np.bincount(codes, weights=column, minlength=n_samples), dtype=np.float64
        )

    centred = [values[:, j] - origin[j] for j in range(m)]
    sums = np.column_stack([summed(column) for column in centred])
    squares = np.column_stack([summed(column * column) for column in centred])
    cross = None
    if products:
        cross = np.empty((n_samples, m, m))
        for j in range(m):
            for k in range(j, m):
                cross[:, j, k] = cross[:, k, j] = summed(centred[j] * centred[k])
    score = sum(centred, start=np.zeros(len(values)))
    return summary_from_sums(
        n=n.astype(np.int64),
        n_excluded=(given - n).astype(np.int64),
        sums=sums,
        squares=squares,
        total_square=summed(score * score),
        products=cross,
        origin=origin,
    )


def joined(parts: Sequence[Summary]) -> Summary:
    """Return the moments of several batches of samples, one after the other."""

    def stacked(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Summary(
        n=stacked("n"),
        n_excluded=stacked("n_excluded"),
        mean=stacked("mean"),
        item_variance=stacked("item_variance"),
        total_variance=stacked("total_variance"),
        covariance=None if parts[0].covariance is None else stacked("covariance"),
    )
