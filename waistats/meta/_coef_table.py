"""Coefficients with standard errors, tests and intervals, one row each."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from waistats._typing import FloatArray
from waistats.meta._distributions import critical, two_sided


def coefficient_frame(
    names: Sequence[str],
    estimate: FloatArray,
    cov: FloatArray,
    df: float | None,
    conf_level: float,
) -> pd.DataFrame:
    """Return one row per coefficient; t with ``df``, normal without."""
    se = np.sqrt(np.diag(cov))
    half = critical(conf_level, df) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / se
    return pd.DataFrame(
        {
            "term": list(names),
            "estimate": estimate,
            "se": se,
            "statistic": statistic,
            "df": float("nan") if df is None else df,
            "p_value": two_sided(statistic, df),
            "ci_low": estimate - half,
            "ci_high": estimate + half,
        }
    )
