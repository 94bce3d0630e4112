"""Sampling covariances of many studies, smoothed over the studies.

Coefficients of samples and scales -> the coefficient table.

Coefficients and their covariance, sample by sample, where sums are not enough.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import counted
from waistats._progress import progress
from waistats._typing import FloatArray, IntArray
from waistats.errors import ConvergenceError, DataError, ModelError, listing
from waistats.reliability._answers import gated
from waistats.reliability._intervals import FORMULA_INTERVALS, bonett_variance
from waistats.reliability._moments import (
    Moments,
    alpha_from_variances,
    influence_covariance,
)
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import Sample, moments_sample, prepare
from waistats.reliability.alpha import alpha_notes, formula_limits
from waistats.reliability.by_study._intake import Key, Part, StudyFrame
from waistats.reliability.by_study._layout import CELL
from waistats.reliability.by_study._summaries import Summary
from waistats.reliability.covariance import pooling_slope, stacked_influence
from waistats.reliability.registry import Coefficient

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
        complete = f"{counted(n, 'respondent')} with every item answered"
        return f"{complete}; at least {LEAST_N} are needed"
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
    cells: Mapping[Key, Cells],
    coefficient: str,
) -> pd.DataFrame:
    """Return one row per sample, rater and scale, samples in order, then raters, scales.

    Parameters
    ----------
    samples : DataFrame
        One row per sample: ``study_id, sample_id`` and facts carried along.
    cells : mapping of (rater, scale) to Cells
        The coefficients of each scale; a rater of None is not told.
    coefficient : str
        The ``coefficient_type``.
    """
    keys = list(cells)
    k, q = len(samples), len(keys)

    def woven(values: Sequence[Any]) -> np.ndarray:
        return np.stack([np.asarray(v) for v in values], axis=1).reshape(k * q)

    def words(name: str) -> list[str]:
        return [getattr(cells[key], name)[i] for i in range(k) for key in keys]

    repeated = samples.loc[samples.index.repeat(q)].reset_index(drop=True)
    scale = np.tile(np.array([name for _, name in keys], dtype=object), k)
    several = any(rater is not None for rater, _ in keys)
    ends = [" / ".join(filter(None, key)) for key in keys]
    provenance = repeated.pop("provenance") if "provenance" in repeated else None
    cell = repeated.pop(CELL) if CELL in repeated else repeated["sample_id"]
    identity = {"study_id": repeated.pop("study_id")}
    identity["sample_id"] = repeated.pop("sample_id")
    identity["coefficient_id"] = (
        cell + " / " + pd.Series(np.tile(np.array(ends, dtype=object), k))
    )
    facts = {str(column): repeated[column] for column in repeated.columns}
    if several:
        facts["rater"] = pd.Series(
            np.tile(np.array([rater for rater, _ in keys], dtype=object), k)
        )
    reason = words("reason")
    table = pd.DataFrame(
        identity
        | facts
        | {"scale": scale, "coefficient_type": coefficient}
        | {
            name: woven([getattr(cells[key], name) for key in keys])
            for name in _NUMBERS
        }
    )
    if provenance is not None:
        table["provenance"] = provenance
    table["status"] = ["not_poolable" if text else "poolable" for text in reason]
    table["reason"] = reason
    table["note"] = words("note")
    return table


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
    each = range(len(summary.n))
    return estimate_cells([summary_row(summary, i, names, request) for i in each])


def summary_row(
    summary: Summary, i: int, names: Sequence[object], request: StudyRequest
) -> EstimateRow:
    """Return the coefficient of one sample of which the cross-products are known."""
    assert summary.covariance is not None
    moments = Moments(
        n=int(summary.n[i]),
        mean=summary.mean[i],
        covariance=summary.covariance[i],
        n_excluded=int(summary.n_excluded[i]),
        n_most=int(summary.n[i]),
    )
    sample = moments_sample(moments, tuple(str(name) for name in names))
    return estimate_row(sample, moments, request)


def frame_cells(frame: StudyFrame, request: StudyRequest) -> dict[Key, Cells]:
    """Return the cells of every rater and scale, one sample after the other."""
    members = _members(frame.samples.codes, len(frame.samples.frame))
    cells: dict[Key, Cells] = {}
    with gated():
        for part in frame.parts:
            for scale, columns in part.plan.scales.items():
                answers = part.answers[list(columns)]
                rows = []
                for rows_of in progress(members, "studies"):
                    items = answers.iloc[rows_of]
                    rows.append(
                        estimate_row(items, _moments_of(items, request), request)
                    )
                cells[part.rater, scale] = estimate_cells(rows)
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


def estimate_row(
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
    frame: StudyFrame, cells: Mapping[Key, Cells], request: StudyRequest
) -> dict[str, list[list[float]]]:
    """Return the sampling covariance of each study's coefficients, study_id to block.

    Rows follow the table: the study's samples in order, and within them raters and
    scales. Coefficients share the persons behind them: those of one row for several
    raters and scales, and, where persons are known, those of several occasions. Others
    do not covary. Coefficients that are not poolable have NaN. Lists, so that the frame
    that carries them can be written as JSON and Parquet.
    """
    gradient, measure = request.spec.gradient, request.measure
    if gradient is None or measure is None:
        raise ModelError(f"no sampling covariance is defined for {request.name}.")
    members = _members(frame.samples.codes, len(frame.samples.frame))
    blocks: dict[str, list[list[float]]] = {}
    study_of = frame.samples.frame["study_id"]
    for study, of in study_of.groupby(study_of, sort=False):
        coefficients = [
            (part, scale, cell)
            for cell in of.index
            for part in frame.parts
            for scale in part.plan.scales
        ]
        blocks[str(study)] = _study_block(
            frame, cells, request, members, coefficients, gradient, measure
        ).tolist()
    return blocks


def _study_block(
    frame: StudyFrame,
    cells: Mapping[Key, Cells],
    request: StudyRequest,
    members: Sequence[IntArray],
    coefficients: Sequence[tuple[Part, str, int]],
    gradient: Callable[[FloatArray, int], FloatArray],
    measure: str,
) -> FloatArray:
    """Return the covariance (q, q) of the coefficients of one study."""
    q = len(coefficients)
    everyone = np.concatenate(
        [members[cell] for cell in dict.fromkeys(c for _, _, c in coefficients)]
    )
    behind = everyone if frame.person is None else frame.person[everyone]
    place = dict(zip(everyone.tolist(), pd.factorize(behind)[0].tolist(), strict=True))
    persons = max(place.values()) + 1
    influence = np.zeros((persons, q))
    present = np.zeros((persons, q), dtype=bool)
    slope = np.full(q, np.nan)
    for j, (part, scale, cell) in enumerate(coefficients):
        given = cells[part.rater, scale]
        if given.reason[cell]:
            continue
        rows = members[cell]
        items = part.answers[list(part.plan.scales[scale])].iloc[rows]
        with gated():
            sample = prepare(items, request.missing)
        own, used = stacked_influence([sample], gradient)
        at = np.array([place[row] for row in rows.tolist()])[used[:, 0]]
        np.add.at(influence[:, j], at, own[used[:, 0], 0])
        present[at, j] = True
        slope[j] = pooling_slope(given.estimate[cell : cell + 1], measure)[0]
    usable = np.isfinite(slope)
    block = np.full((q, q), np.nan)
    if usable.any():
        raw = influence_covariance(influence[:, usable], present[:, usable])
        outer = np.outer(slope[usable], slope[usable])
        block[np.ix_(usable, usable)] = raw * outer
    # different people do not covary, whether or not a coefficient can be pooled
    sharing = present.astype(np.float64).T @ present.astype(np.float64)
    alone = (sharing == 0) & ~(usable[:, None] & usable[None, :])
    cell_of = np.array([cell for _, _, cell in coefficients])
    apart = cell_of[:, None] != cell_of[None, :]
    block[alone & apart] = 0.0
    return block


Blocks = Mapping[str, Sequence[Sequence[float]]]


def smooth_blocks(
    table: pd.DataFrame, blocks: Blocks, measure: str
) -> dict[str, list[list[float]]]:
    r"""Return blocks that keep each study's n but share what the answers are like.

    Parameters
    ----------
    table : DataFrame
        Coefficient table.
    blocks : mapping of study_id to block
        Distribution-free covariances, rows in the table's order.
    measure : str
        Scale of the blocks.

    Returns
    -------
    dict of study_id to block
        The variance of a coefficient is Bonett's :math:`2m/((m-1)(n-2))`, times the
        ratio of the distribution-free variance to it that its scale has on average, put
        on ``measure``. The correlation of two scales is their average correlation.
        Averages over studies are weighted by n.

    Notes
    -----
    With ceiling effects the distribution-free variance of a small study is correlated
    with its alpha (about .25), so that studies with low alphas get too much weight and
    the pooled alpha is too low. The ratio takes the ceiling into account anyway.
    """
    studies = {
        str(name): _Study(part, np.asarray(blocks[str(name)], float), measure)
        for name, part in table.groupby("study_id", sort=False)
    }
    entries = pd.concat([study.entries() for study in studies.values()])
    entries["weighted"] = entries["value"] * entries["weight"]
    sums = entries.groupby(["first", "second", "own"])[["weighted", "weight"]].sum()
    mean = (sums["weighted"] / sums["weight"]).to_dict()
    return {name: study.smoothed(mean).tolist() for name, study in studies.items()}


class _Study:
    """The block of one study, taken apart into variances and correlations."""

    def __init__(self, rows: pd.DataFrame, block: FloatArray, measure: str) -> None:
        estimate = rows["estimate"].to_numpy(dtype=np.float64)
        self.n = rows["n"].to_numpy(dtype=np.float64)
        self.scale = rows["scale"].to_numpy(dtype=object)
        if "rater" in rows:
            self.scale = (
                rows["rater"].astype(str).to_numpy(dtype=object) + " " + self.scale
            )
        self.formula = bonett_variance(self.n, rows["n_items"].to_numpy())
        # from the measure to Bonett's scale
        self.slope = pooling_slope(estimate, measure) * (1 - estimate)
        self.variance = np.diagonal(block) / self.slope**2
        sd = np.sqrt(np.diagonal(block))
        self.correlation = block / np.outer(sd, sd)

    def entries(self) -> pd.DataFrame:
        """Return variance ratios (a scale with itself) and correlations of scales."""
        first, second = np.tril_indices(len(self.n))
        value = self.correlation[first, second]
        own = first == second
        value[own] = (self.variance / self.formula)[first[own]]
        # a correlation of exactly 0 is of different people
        kept = np.isfinite(value) & (value != 0)
        frame = pd.DataFrame(
            {
                "first": np.minimum(self.scale[first], self.scale[second]),
                "second": np.maximum(self.scale[first], self.scale[second]),
                "own": own,
                "value": value,
                "weight": np.sqrt(self.n[first] * self.n[second]),
            }
        )
        return frame[kept]

    def smoothed(self, mean: Mapping[tuple[str, str, bool], float]) -> FloatArray:
        """Return the block with mean ratios and correlations."""
        block = np.where(np.isfinite(self.correlation), self.correlation, np.nan)
        for a, b in np.argwhere(np.isfinite(block) & (block != 0)):
            pair = sorted((self.scale[a], self.scale[b]))
            # two occasions of one scale correlate; its variance is another matter
            block[a, b] = mean[pair[0], pair[1], a == b]
        ratio = np.diagonal(block).copy()
        sd = self.slope * np.sqrt(self.formula * ratio)
        np.fill_diagonal(block, np.where(np.isfinite(ratio), 1.0, np.nan))
        return block * np.outer(sd, sd)
