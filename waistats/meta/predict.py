"""Predicted values with confidence and prediction intervals, on either scale."""

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.meta.distributions import critical as critical
from waistats.transforms import back_transform

COLUMNS = ["estimate", "se", "ci_low", "ci_high", "pi_low", "pi_high"]


def prediction_frame(
    rows: FloatArray,
    beta: FloatArray,
    cov: FloatArray,
    between: float | FloatArray,
    *,
    conf_level: float,
    df: float | None,
    pi_df: float | None,
) -> pd.DataFrame:
    r"""Return predictions for design rows on the model's scale.

    Notes
    -----
    :math:`x'b \pm c\sqrt{x'Vx}` and, for the true value of a new population,
    :math:`x'b \pm c\sqrt{x'Vx+\tau^2}`.
    """
    center = rows @ beta
    variance = np.einsum("ij,jk,ik->i", rows, cov, rows)
    se = np.sqrt(variance)
    half = critical(conf_level, df) * se
    far = critical(conf_level, pi_df) * np.sqrt(variance + between)
    columns = [center, se, center - half, center + half, center - far, center + far]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def on_alpha_scale(frame: pd.DataFrame, measure: str | None) -> pd.DataFrame:
    """Return a prediction frame turned back; the ends are turned, ``se`` is dropped."""
    out = frame.drop(columns="se")
    if measure is None:
        return out
    for name in out.columns.intersection(COLUMNS):
        out[name] = back_transform(out[name], measure)
    return out
