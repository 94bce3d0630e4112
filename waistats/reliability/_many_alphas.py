"""Tests of several alphas: Feldt, Woodruff and Salih's, and the jackknife's."""

from collections.abc import Sequence

import numpy as np
from scipy import special

from waistats._format import counted
from waistats._typing import FloatArray
from waistats.errors import DataError
from waistats.measures import bonett_bias, transform
from waistats.reliability._resampling import alphas_without_each


def cube_root_test(
    alpha: FloatArray,
    n: FloatArray,
    n_items: FloatArray,
    correlation: FloatArray | None = None,
) -> tuple[float, int, float]:
    r"""Return chi-square, df and p of equal alphas by Feldt, Woodruff and Salih (1987).

    Parameters
    ----------
    alpha, n, n_items : ndarray of shape (K,)
        Alphas with their respondents and items.
    correlation : ndarray of shape (K, K), optional
        Correlations of the totals, where all come from the same people.

    Notes
    -----
    With :math:`x=(1-a)^{-1/3}` and :math:`\tilde n=n(m-1)/(m+1)`, the variance of x is
    :math:`2/[9(\tilde n-1)(1-a)^{2/3}]`, and the covariance of two
    :math:`2r^2/[9(\tilde n-1)(1-a_1)^{1/3}(1-a_2)^{1/3}]` with the harmonic mean of the
    items in :math:`\tilde n`; the squared deviations of x from their mean over mean
    variance less mean covariance follow chi-square on K - 1.
    """
    x = (1 - alpha) ** (-1 / 3)
    items = n_items if correlation is None else _harmonic(n_items)
    size = n * (items - 1) / (items + 1)
    if np.any(size <= 1):
        raise DataError(
            "Feldt, Woodruff and Salih's test needs n (m - 1) / (m + 1) above 1 for n "
            "respondents and m items."
        )
    scale = 2 / (9 * (size - 1))
    variance = scale * x**2
    mean_variance = variance.mean()
    if correlation is not None:
        upper = np.triu_indices(len(alpha), 1)
        covariance = (scale.mean() * np.outer(x, x) * correlation**2)[upper]
        mean_variance = mean_variance - covariance.mean()
    statistic = float(((x - x.mean()) ** 2).sum() / mean_variance)
    df = len(alpha) - 1
    return statistic, df, float(special.chdtrc(df, statistic))


def normal_covariance(
    n: float, n_items: FloatArray, correlation: FloatArray
) -> FloatArray:
    r"""Return the covariance (K, K) of -ln(1 - a) of parallel normal items of n people.

    Notes
    -----
    :math:`1-a` is the mean square of the errors over that of the totals. With errors that
    are independent between scales (no items in common) the variance is
    :math:`2m/((m-1)(n-1))` and the covariance :math:`2r^2/(n-2)`, r of the totals. Feldt's
    (1980) test leaves out the errors' part, :math:`2/((m-1)(n-1))` of each.
    """
    found = 2 * correlation**2 / (n - 2)
    np.fill_diagonal(found, 2 / (n - 2) + 2 / ((n_items - 1) * (n - 1)))
    return found


def independent_test(
    alpha: FloatArray, n: FloatArray, n_items: FloatArray
) -> tuple[float, int, float]:
    r"""Return chi-square, df and p of equal alphas from the law of each -ln(1 - a).

    Notes
    -----
    For parallel normal items :math:`-\ln(1-a)` has the variance
    :math:`\psi'((n-1)/2)+\psi'((n-1)(m-1)/2)`; bias removed, weighted squared deviations
    from the weighted mean follow chi-square on K - 1.
    """
    first, second = (n - 1) / 2, (n - 1) * (n_items - 1) / 2
    variance = special.polygamma(1, first) + special.polygamma(1, second)
    y = transform(alpha) + bonett_bias(n, n_items, "exact")
    mean = (y / variance).sum() / (1 / variance).sum()
    statistic = float(((y - mean) ** 2 / variance).sum())
    df = len(alpha) - 1
    return statistic, df, float(special.chdtrc(df, statistic))


def _harmonic(values: FloatArray) -> FloatArray:
    return np.full(len(values), len(values) / (1 / values).sum())


def log_alpha_without_each(values: FloatArray) -> FloatArray:
    """Return -ln(1 - alpha) (n,) of complete values (n, m) without each respondent."""
    rest = 1 - alphas_without_each(values)
    if not np.all(rest > 0):
        raise DataError(
            "without one of the respondents an alpha is 1 or not defined, so the "
            "jackknife has no variance; use method='normal-theory'."
        )
    found: FloatArray = -np.log(rest)
    return found


def jackknife_covariance(without: Sequence[FloatArray]) -> FloatArray:
    """Return the jackknife covariance (q, q) of q coefficients of the same n people."""
    columns = np.column_stack(list(without))
    n = len(columns)
    deviation = columns - columns.mean(axis=0)
    found: FloatArray = (n - 1) / n * deviation.T @ deviation
    return found


def hotelling(
    estimates: FloatArray, covariance: FloatArray, n: int
) -> tuple[float, int, int, float]:
    """Return F, its degrees of freedom and p of equal estimates of n people."""
    q = len(estimates)
    contrast = np.eye(q)[:-1] - np.eye(q)[1:]
    difference = contrast @ estimates
    spread = contrast @ covariance @ contrast.T
    if n < q + 1 or np.linalg.matrix_rank(spread) < q - 1:
        raise DataError(
            f"the alphas cannot be compared: two of them are of the same items, or {n} "
            f"shared respondents are too few for {counted(q, 'alpha')}."
        )
    squared = float(difference @ np.linalg.solve(spread, difference))
    df1, df2 = q - 1, n - q + 1
    statistic = squared * df2 / (df1 * (n - 1))
    return statistic, df1, df2, float(special.fdtrc(df1, df2, statistic))
