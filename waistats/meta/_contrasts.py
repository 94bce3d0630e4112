"""Estimates of combinations of coefficients, with the intervals that are printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from waistats._typing import FloatArray
from waistats.meta._distributions import critical, two_sided

COLUMNS = ("estimate", "se", "statistic", "df", "p_value", "ci_low", "ci_high")
WITH_TERM = pd.Index(("term", *COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrasts:
    """Combinations of coefficients on the model's scale; every array has shape (n,).

    Attributes
    ----------
    estimate, se : ndarray
        Estimates and the standard errors behind the intervals.
    df : ndarray
        Degrees of freedom of t; NaN for the normal, and where there is no interval.
    statistic, p_value : ndarray
        Test against 0.
    ci_low, ci_high : ndarray
        Limits.
    basis : tuple of str
        What each interval rests on: ``"CR2"`` or ``"model"``; empty where a model has
        one kind only.
    """

    estimate: FloatArray
    se: FloatArray
    df: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    basis: tuple[str, ...] = ()

    def to_frame(self, terms: Sequence[str] | None = None) -> pd.DataFrame:
        """Return one row per combination, with its name in ``term`` where it has one."""
        # one block of numbers: a frame of single columns takes longer than a fit
        numbers = np.array([getattr(self, name) for name in COLUMNS], dtype=float)
        frame = pd.DataFrame(numbers.T)
        if terms is None:
            frame.columns = WITH_TERM[1:]
        else:
            # -1 goes on with 0, 1 ..., which is faster than to search among names
            frame.insert(0, -1, _words(tuple(terms)).copy())
            frame.columns = WITH_TERM
        return frame.assign(basis=list(self.basis)) if self.basis else frame


@lru_cache(maxsize=64)
def _words(terms: tuple[str, ...]) -> Any:
    """Return names as a column of text; to infer its kind takes longer than a fit."""
    return pd.Series(list(terms)).array


def model_contrasts(
    rows: FloatArray,
    beta: FloatArray,
    cov: FloatArray,
    df: float | None,
    conf_level: float,
) -> Contrasts:
    r"""Return :math:`x'b\pm c\sqrt{x'Vx}` for rows (n, p), c normal without ``df``."""
    estimate = rows @ beta
    se = np.sqrt(np.einsum("ij,jk,ik->i", rows, cov, rows))
    half = critical(conf_level, df) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / se
    return Contrasts(
        estimate=estimate,
        se=se,
        df=np.full(len(rows), np.nan if df is None else df),
        statistic=statistic,
        p_value=two_sided(statistic, df),
        ci_low=estimate - half,
        ci_high=estimate + half,
    )


def coefficient_frame(
    names: Sequence[str],
    estimate: FloatArray,
    cov: FloatArray,
    df: float | None,
    conf_level: float,
) -> pd.DataFrame:
    """Return one row per coefficient; t with ``df``, normal without."""
    each = np.eye(len(estimate))
    return model_contrasts(each, estimate, cov, df, conf_level).to_frame(list(names))
