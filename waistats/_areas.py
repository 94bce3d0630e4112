"""Tail areas and quantiles: p values, and how far limits lie from an estimate.

From scipy.special, since the checks of scipy.stats cost more than a fit.
"""

from typing import Any

import numpy as np
from scipy import special

from waistats._typing import FloatArray


def chi2_sf(x: Any, df: Any) -> Any:
    """Return the upper tail area of chi-square."""
    return special.chdtrc(df, x)


def chi2_cdf(x: Any, df: Any) -> Any:
    """Return the lower tail area of chi-square."""
    return special.chdtr(df, x)


def chi2_ppf(q: Any, df: Any) -> Any:
    """Return quantiles of chi-square for lower tail areas."""
    return 2 * special.gammaincinv(df / 2, q)


def f_sf(x: Any, df1: Any, df2: Any) -> Any:
    """Return the upper tail area of F."""
    return special.fdtrc(df1, df2, x)


def two_sided(statistic: Any, df: Any = None) -> Any:
    """Return the two-sided p value of a t, or of a normal deviate without ``df``."""
    lower = -abs(statistic)
    return 2 * (special.ndtr(lower) if df is None else special.stdtr(df, lower))


def ratio_test(
    ratio: Any, df1: Any, df2: Any, conf_level: float
) -> tuple[Any, Any, Any]:
    """Return the two-sided p value and the limits of a ratio that follows F."""
    tail = (1 - conf_level) / 2
    smaller = np.minimum(special.fdtr(df1, df2, ratio), special.fdtrc(df1, df2, ratio))
    low, high = (ratio / special.fdtri(df1, df2, q) for q in (1 - tail, tail))
    return np.minimum(1.0, 2 * smaller), low, high


def critical(conf_level: float, df: float | None = None) -> float:
    """Return the two-sided critical value, t with ``df``, normal without.

    >>> round(critical(0.95), 3), round(critical(0.95, 10), 3)
    (1.96, 2.228)
    """
    upper = (1 + conf_level) / 2
    return float(special.ndtri(upper) if df is None else special.stdtrit(df, upper))


def criticals(conf_level: float, df: FloatArray) -> FloatArray:
    """Return the two-sided critical value of t for each of many ``df``."""
    found: FloatArray = special.stdtrit(df, (1 + conf_level) / 2)
    return found
