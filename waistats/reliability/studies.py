"""Coefficients and their covariance, sample by sample, where sums are not enough."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray, IntArray
from waistats.errors import ConvergenceError, DataError, ModelError
from waistats.reliability.alpha import FORMULA_INTERVALS
from waistats.reliability.coefficients import Coefficient
from waistats.reliability.covariance import pooling_slope, stacked_influence
from waistats.reliability.influence import influence_covariance
from waistats.reliability.moments import Moments
from waistats.reliability.sample import Sample, moments_sample, prepare
from waistats.reliability.scales import ScalePlan
from waistats.reliability.summaries import Summary
from waistats.reliability.table import (
    LEAST_N,
    Cells,
    EstimateRow,
    alpha_cells,
    estimate_cells,
    why_not,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest:
    """What is asked of every study.

    Attributes
    ----------
    name : str
        Name of the coefficient.
    spec : Coefficient
        How it is computed.
    ci : str or None
        Interval.
    conf_level : float
        Confidence level.
    missing : str
        Treatment of missing answers.
    measure : str or None
        Scale of the sampling covariance; None if it is not wanted.
    options : dict
        Further options of the coefficient's function.
    """

    name: str
    spec: Coefficient
    ci: str | None
    conf_level: float
    missing: str
    measure: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def by_formula(self) -> bool:
        """Whether n, item variances and the variance of the total are enough."""
        return (
            self.name == "alpha"
            and self.measure is None
            and self.missing == "listwise"
            and self.ci in (None, *FORMULA_INTERVALS)
            and set(self.options) <= {"bias"}
        )

    @property
    def by_sums(self) -> bool:
        """Whether sums over respondents are enough, cross-products among them."""
        return self.by_formula or (
            self.measure is None
            and self.spec.from_moments
            and self.missing == "listwise"
            and self.ci in (None, "normal-theory", *FORMULA_INTERVALS)
        )

    def estimate(self, items: pd.DataFrame | Sample) -> Any:
        """Return the coefficient of one sample."""
        return self.spec.function(
            items,
            ci=self.ci,
            conf_level=self.conf_level,
            missing=self.missing,
            **self.options,
        )


def summary_cells(
    summary: Summary, names: Sequence[object], request: StudyRequest
) -> Cells:
    """Return the cells of a scale from moments alone."""
    if request.by_formula:
        return alpha_cells(
            summary,
            names,
            ci=request.ci,
            conf_level=request.conf_level,
            bias=request.options.get("bias", "none"),
        )
    if summary.covariance is None:
        raise ModelError(f"{request.name} needs cross-products of the items.")
    rows = []
    for i in range(len(summary.n)):
        moments = Moments(
            n=int(summary.n[i]),
            mean=summary.mean[i],
            covariance=summary.covariance[i],
            n_excluded=int(summary.n_excluded[i]),
            n_most=int(summary.n[i]),
        )
        sample = moments_sample(moments, tuple(str(name) for name in names))
        rows.append(_row(sample, moments, request))
    return estimate_cells(rows)


def frame_cells(
    frame: pd.DataFrame,
    codes: IntArray,
    n_samples: int,
    plan: ScalePlan,
    request: StudyRequest,
) -> dict[str, Cells]:
    """Return the cells of every scale from responses, one sample after the other."""
    members = _members(codes, n_samples)
    cells = {}
    for scale, columns in plan.scales.items():
        part = frame[list(columns)]
        rows = []
        for rows_of in members:
            items = part.iloc[rows_of]
            rows.append(_row(items, _moments_of(items, request), request))
        cells[scale] = estimate_cells(rows)
    return cells


def _members(codes: IntArray, n_samples: int) -> list[IntArray]:
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=n_samples))[:-1]
    return [part.astype(np.int64) for part in np.split(order, ends)]


def _moments_of(items: pd.DataFrame, request: StudyRequest) -> Moments:
    """Return moments for the table, listwise where the treatment itself fails."""
    try:
        return prepare(items, request.missing, at_least_n=0).moments
    except (DataError, ModelError, ConvergenceError):
        m = items.shape[1]
        n = len(items.dropna())
        return Moments(
            n=n,
            mean=np.full(m, np.nan),
            covariance=np.full((m, m), np.nan),
            n_excluded=len(items) - n,
        )


def _row(
    items: pd.DataFrame | Sample, moments: Moments, request: StudyRequest
) -> EstimateRow:
    n = int(moments.n)
    with np.errstate(invalid="ignore"):
        sd = float(np.sqrt(moments.total_variance))
    result, reason = None, ""
    if n < LEAST_N and request.missing == "listwise":
        reason = why_not(n, np.nan)
    else:
        try:
            result = request.estimate(items)
        except (DataError, ModelError, ConvergenceError) as error:
            reason = str(error).rstrip(".")
        if result is not None:
            reason = why_not(max(n, LEAST_N), result.estimate)
    used = moments if result is None else result
    return EstimateRow(
        result=None if reason else result,
        reason=reason,
        n=int(used.n),
        n_items=len(moments.mean) if result is None else result.n_items,
        n_excluded=int(used.n_excluded),
        score_mean=float(moments.mean.sum()) if n else np.nan,
        score_sd=sd,
    )


def covariance_blocks(
    frame: pd.DataFrame,
    codes: IntArray,
    samples: pd.DataFrame,
    plan: ScalePlan,
    cells: dict[str, Cells],
    request: StudyRequest,
) -> dict[str, list[list[float]]]:
    """Return the sampling covariance of each study's coefficients, study_id to block.

    Rows follow the table: the study's samples in order, and within them the scales.
    Coefficients that are not poolable have NaN. Lists, so that the frame that carries
    them can be written as JSON and Parquet.
    """
    gradient, measure = request.spec.gradient, request.measure
    if gradient is None or measure is None:
        raise ModelError(f"no sampling covariance is defined for {request.name}.")
    scales = list(plan.scales)
    blocks: list[FloatArray] = []
    for i, rows_of in enumerate(_members(codes, len(samples))):
        usable = [s for s in scales if not cells[s].reason[i]]
        block = np.full((len(scales), len(scales)), np.nan)
        if usable:
            at = [scales.index(s) for s in usable]
            drawn = [
                prepare(frame[list(plan.scales[s])].iloc[rows_of], request.missing)
                for s in usable
            ]
            estimate = np.array([cells[s].estimate[i] for s in usable])
            slope = pooling_slope(estimate, measure)
            influence, present = stacked_influence(drawn, gradient)
            raw = influence_covariance(influence, present)
            block[np.ix_(at, at)] = raw * np.outer(slope, slope)
        blocks.append(block)
    found: dict[str, list[FloatArray]] = {}
    for study, block in zip(samples["study_id"], blocks, strict=True):
        found.setdefault(study, []).append(block)
    return {study: _diagonal(parts).tolist() for study, parts in found.items()}


def _diagonal(parts: list[FloatArray]) -> FloatArray:
    """Return blocks along the diagonal; samples of a study are different people."""
    size = sum(len(part) for part in parts)
    whole = np.zeros((size, size))
    start = 0
    for part in parts:
        stop = start + len(part)
        whole[start:stop, start:stop] = part
        start = stop
    return whole
