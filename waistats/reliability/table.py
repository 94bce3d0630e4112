"""Coefficients of samples and scales -> the coefficient table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray, IntArray
from waistats.errors import listing
from waistats.reliability.alpha import alpha_notes, formula_limits
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.moments import alpha_from_variances
from waistats.reliability.summaries import Summary

LEAST_N = 3
_NUMBERS = (
    *("estimate", "se", "ci_low", "ci_high", "n", "n_items"),
    *("score_mean", "score_sd", "n_excluded"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Coefficients of one scale in k samples; every array has shape (k,).

    Attributes
    ----------
    estimate, se, ci_low, ci_high : ndarray
        NaN where there is none.
    n, n_items, n_excluded : ndarray of int
        Respondents and items used, respondents left out.
    score_mean, score_sd : ndarray
        Of the sum of the items.
    reason : list of str
        Why there is no coefficient; empty where there is one.
    note : list of str
        What a reader must know.
    """

    estimate: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    n: IntArray
    n_items: IntArray
    n_excluded: IntArray
    score_mean: FloatArray
    score_sd: FloatArray
    reason: list[str]
    note: list[str]


def alpha_cells(
    summary: Summary,
    names: Sequence[object],
    *,
    ci: str | None,
    conf_level: float,
    bias: str = "none",
) -> Cells:
    """Return alpha of every sample from its moments, all at once."""
    m = len(names)
    alpha = alpha_from_variances(
        summary.item_variance.sum(axis=-1), summary.total_variance, m
    )
    alpha = np.where(np.abs(alpha - 1) < 1e-12, 1.0, alpha)
    reason = [why_not(int(n), float(a)) for n, a in zip(summary.n, alpha, strict=True)]
    usable = np.array([not text for text in reason], dtype=bool)
    alpha = np.where(usable, alpha, np.nan)
    se, low, high = (np.full(len(alpha), np.nan) for _ in range(3))
    if ci is not None:
        se, low, high = formula_limits(
            alpha, np.where(usable, summary.n, LEAST_N), m, ci, conf_level, bias
        )
    flat = (summary.item_variance == 0) & usable[:, None]
    note = [
        " ".join([*constant_note(names, row), *alpha_notes(a)])
        for row, a in zip(flat, alpha, strict=True)
    ]
    return Cells(
        estimate=alpha,
        se=se,
        ci_low=low,
        ci_high=high,
        n=summary.n,
        n_items=np.full(len(alpha), m),
        n_excluded=summary.n_excluded,
        score_mean=summary.mean.sum(axis=-1),
        score_sd=np.sqrt(summary.total_variance),
        reason=reason,
        note=note,
    )


def why_not(n: int, estimate: float) -> str:
    """Return in words why a sample has no coefficient, or ``""``."""
    if n < LEAST_N:
        who = "respondent" if n == 1 else "respondents"
        return f"{n} {who} with every item answered; at least {LEAST_N} are needed"
    if np.isnan(estimate):
        return "the total score does not vary"
    if estimate == 1:
        return "alpha is exactly 1: the items are copies of each other"
    return ""


def constant_note(names: Sequence[object], flat: Sequence[bool]) -> list[str]:
    """Return a note that names items without variance, if there are any."""
    constant = [name for name, is_flat in zip(names, flat, strict=True) if is_flat]
    return [f"Without variance, but kept: {listing(constant)}."] if constant else []


def estimate_cells(rows: Sequence["EstimateRow"]) -> Cells:
    """Return cells from estimates made one by one."""

    def numbers(name: str) -> FloatArray:
        return np.array(
            [np.nan if r.result is None else getattr(r.result, name) for r in rows],
            dtype=np.float64,
        )

    return Cells(
        estimate=numbers("estimate"),
        se=numbers("se"),
        ci_low=numbers("ci_low"),
        ci_high=numbers("ci_high"),
        n=np.array([r.n for r in rows], dtype=np.int64),
        n_items=np.array([r.n_items for r in rows], dtype=np.int64),
        n_excluded=np.array([r.n_excluded for r in rows], dtype=np.int64),
        score_mean=np.array([r.score_mean for r in rows], dtype=np.float64),
        score_sd=np.array([r.score_sd for r in rows], dtype=np.float64),
        reason=[r.reason for r in rows],
        note=["" if r.result is None else " ".join(r.result.notes) for r in rows],
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EstimateRow:
    """One sample and scale: its estimate, or why there is none.

    Attributes
    ----------
    result : ReliabilityEstimate or None
        The coefficient.
    reason : str
        Why there is none.
    n, n_items, n_excluded : int
        Respondents and items used, respondents left out.
    score_mean, score_sd : float
        Of the sum of the items.
    """

    result: ReliabilityEstimate | None
    reason: str
    n: int
    n_items: int
    n_excluded: int
    score_mean: float
    score_sd: float


def coefficient_table(
    samples: pd.DataFrame,
    cells: Mapping[str, Cells],
    coefficient: str,
) -> pd.DataFrame:
    """Return one row a sample and scale, samples in order, then scales.

    Parameters
    ----------
    samples : DataFrame
        One row a sample: ``study_id, sample_id`` and facts carried along.
    cells : mapping of str to Cells
        The coefficients of each scale.
    coefficient : str
        The ``coefficient_type``.
    """
    scales = list(cells)
    k, q = len(samples), len(scales)

    def woven(values: Sequence[Any]) -> np.ndarray:
        return np.stack([np.asarray(v) for v in values], axis=1).reshape(k * q)

    def words(name: str) -> list[str]:
        return [getattr(cells[s], name)[i] for i in range(k) for s in scales]

    repeated = samples.loc[samples.index.repeat(q)].reset_index(drop=True)
    scale = np.tile(np.array(scales, dtype=object), k)
    provenance = repeated.pop("provenance") if "provenance" in repeated else None
    identity = {"study_id": repeated.pop("study_id")}
    identity["sample_id"] = repeated.pop("sample_id")
    identity["coefficient_id"] = identity["sample_id"] + " / " + pd.Series(scale)
    reason = words("reason")
    table = pd.DataFrame(
        identity
        | {str(column): repeated[column] for column in repeated.columns}
        | {"scale": scale, "coefficient_type": coefficient}
        | {name: woven([getattr(cells[s], name) for s in scales]) for name in _NUMBERS}
    )
    if provenance is not None:
        table["provenance"] = provenance
    table["status"] = ["not_poolable" if text else "poolable" for text in reason]
    table["reason"] = reason
    table["note"] = words("note")
    return table
