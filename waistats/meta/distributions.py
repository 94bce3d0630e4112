"""Tail areas and quantiles, from scipy.special: stats' checks cost more than a fit."""

from typing import Any

from scipy import special


def chi2_sf(x: Any, df: Any) -> Any:
    """Return the upper tail area of chi-square."""
    return special.chdtrc(df, x)


def chi2_ppf(q: Any, df: Any) -> Any:
    """Return quantiles of chi-square for lower tail areas."""
    return 2 * special.gammaincinv(df / 2, q)


def f_sf(x: Any, df1: Any, df2: Any) -> Any:
    """Return the upper tail area of F."""
    return special.fdtrc(df1, df2, x)


def two_sided(statistic: Any, df: float | None) -> Any:
    """Return the two-sided p value of a t, or of a normal deviate without ``df``."""
    lower = -abs(statistic)
    return 2 * (special.ndtr(lower) if df is None else special.stdtr(df, lower))


def critical(conf_level: float, df: float | None) -> float:
    """Return the two-sided critical value, t with ``df``, normal without."""
    upper = (1 + conf_level) / 2
    return float(special.ndtri(upper) if df is None else special.stdtrit(df, upper))
