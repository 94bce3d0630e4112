"""Differences between two groups of samples."""

from typing import Any

import numpy as np
from scipy import special, stats

from waistats.arrays import FloatArray


def hedges_g(x: FloatArray, y: FloatArray, conf_level: float) -> dict[str, Any]:
    """Return the standardized difference of two groups, x minus y."""
    k1, k2 = len(x), len(y)
    df = k1 + k2 - 2
    pooled = ((k1 - 1) * x.var(ddof=1) + (k2 - 1) * y.var(ddof=1)) / df
    if pooled == 0:
        return {"note": "does not vary within the groups"}
    # the exact correction of small samples
    j = np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2))
    g = float(j / np.sqrt(df / 2) * (x.mean() - y.mean()) / np.sqrt(pooled))
    se = float(np.sqrt(1 / k1 + 1 / k2 + g**2 / (2 * (k1 + k2))))
    return _wald(g, se, conf_level)


def welch(x: FloatArray, y: FloatArray, conf_level: float) -> dict[str, Any]:
    """Return the difference of two means, x minus y, with unequal variances."""
    a, b = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    if a + b == 0:
        return {"note": "does not vary within the groups"}
    df = float((a + b) ** 2 / (a**2 / (len(x) - 1) + b**2 / (len(y) - 1)))
    estimate, se = float(x.mean() - y.mean()), float(np.sqrt(a + b))
    half = float(special.stdtrit(df, (1 + conf_level) / 2)) * se
    return {
        "estimate": estimate,
        "se": se,
        "df": df,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "p_value": float(2 * special.stdtr(df, -abs(estimate / se))),
    }


def _wald(estimate: float, se: float, conf_level: float) -> dict[str, Any]:
    half = float(stats.norm.ppf((1 + conf_level) / 2)) * se
    return {
        "estimate": estimate,
        "se": se,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "p_value": float(2 * special.ndtr(-abs(estimate / se))),
    }


def log_odds_ratio(counts: FloatArray, conf_level: float) -> dict[str, Any]:
    """Return the log odds ratio of ``yes, no`` of two groups, first over second.

    Half is added to all counts where one is 0.
    """
    a, b, c, d = counts if counts.all() else counts + 0.5
    odds = float(np.log(a * d / (b * c)))
    return _wald(odds, float(np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)), conf_level)
