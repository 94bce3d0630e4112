"""Sums without persons -> the coefficient table, as from the answers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._typing import FloatArray
from waistats.errors import ModelError
from waistats.instruments._findings import NOTE, Finding, check_accept
from waistats.instruments._gate import GateOptions
from waistats.measures._known import carry_covariance
from waistats.reliability._intervals import wald_limits
from waistats.reliability.by_study._blocks import influence_product
from waistats.reliability.by_study._intake import Key
from waistats.reliability.by_study._outcome import similar_names, table_findings
from waistats.reliability.by_study._summaries import Summary
from waistats.reliability.by_study._summarise import Part, study_sums_of
from waistats.reliability.by_study._table import (
    Cells,
    EstimateRow,
    StudyRequest,
    coefficient_table,
    estimate_cells,
    summary_cells,
    summary_row,
)
from waistats.reliability.by_study.summaries import ResponseSummaries, withheld_words
from waistats.reliability.covariance import pooling_slope

# the coefficient whose variances follow from the fourth-order sums
_ALPHA = "alpha"


def summaries_table(
    summaries: ResponseSummaries,
    request: StudyRequest,
    asked: str | None,
    accept: str | Sequence[str],
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the coefficient table of sums, and what is found.

    Parameters
    ----------
    summaries : ResponseSummaries
        The sums.
    request : StudyRequest
        What is asked of every study.
    asked : str or None
        The interval as the user asked for it.
    accept : str or sequence of str
        Findings that do not stop.
    """
    request, said = _possible(summaries, request, asked)
    findings = [f for part in summaries.parts for f in part.findings]
    known = check_accept(accept)
    tables: list[pd.DataFrame] = []
    blocks: dict[str, list[list[float]]] = {}
    for part in summaries.parts:
        sums = study_sums_of(part)
        cells = {
            key: _withheld(part, s, _cells(summary, part, key, s, request))
            for s, (key, summary) in enumerate(sums.summaries.items())
        }
        table = coefficient_table(sums.samples, cells, request.name)
        own = {f.finding for f in part.findings if f.by == "user"}
        findings += table_findings(table, _Told(part, known | own))
        tables.append(_without_counts(table, part))
        if request.measure:
            blocks |= _covariances(part, cells, request.measure)
    table = pd.concat(tables, ignore_index=True)
    if len(tables) > 1:
        said += similar_names(table["study_id"].drop_duplicates().tolist())
    if request.measure:
        carry_covariance(table, blocks, request.measure)
        if any(b.matrix is None for part in summaries.parts for b in part.between):
            said.append(_few_shared())
    return table, list(dict.fromkeys([*findings, *said]))


class _Told:
    """What the check of a coefficient table asks of the question behind it."""

    def __init__(self, part: Part, accept: frozenset[str]) -> None:
        self.gate = GateOptions(accept=accept)
        self.keyed = part.instrument is not None
        self.limits = part.response_range
        self.study: str | None = None


def _possible(
    summaries: ResponseSummaries, request: StudyRequest, asked: str | None
) -> tuple[StudyRequest, list[Finding]]:
    """Return what sums can give; a ModelError where answers are needed."""
    needs = "needs the answers; it cannot be computed from sums"
    said: list[Finding] = []
    if not request.spec.from_moments:
        raise ModelError(f"{request.name} {needs}.")
    if request.missing != "listwise":
        raise ModelError(f"{option('missing', request.missing)} {needs}.")
    if request.ci in ("bootstrap", "jackknife"):
        raise ModelError(f"{option('ci', request.ci)} {needs}.")
    fourth = summaries.moments == 4
    if request.measure and not (request.name == _ALPHA and fourth):
        what = f"the sampling covariance of {request.name}"
        raise ModelError(f"{what} {needs}." if fourth else f"{what} {_more_moments()}")
    if request.ci == "adf" and request.name != _ALPHA:
        if asked == "adf":
            raise ModelError(
                f"{option('ci', 'adf')} of {request.name} {needs}; use "
                f"{option('ci', 'normal-theory')}."
            )
        request = replace(request, ci="normal-theory")
        said.append(
            Finding(
                severity=NOTE,
                finding="not_looked_at",
                text=f"intervals of {request.name} from sums suppose normal answers; "
                "distribution-free ones need the answers",
            )
        )
    if request.ci == "adf" and not fourth:
        raise ModelError(f"{option('ci', 'adf')} {_more_moments()}")
    return request, said


def _more_moments() -> str:
    return (
        f"needs summaries made with {option('moments', 4)}; these have second moments "
        "only."
    )


def _cells(
    summary: Summary, part: Part, key: Key, s: int, request: StudyRequest
) -> Cells:
    adf = request.ci == "adf"
    if request.by_formula:
        return summary_cells(summary, part.scales[key], request)
    plain = replace(request, ci=None) if adf else request
    rows = []
    for i in range(len(summary.n)):
        row = summary_row(summary, i, part.scales[key], plain)
        if adf and row.result is not None:
            row = _distribution_free(row, part, i, s, request)
        rows.append(row)
    return estimate_cells(rows)


def _distribution_free(
    row: EstimateRow, part: Part, sample: int, scale: int, request: StudyRequest
) -> EstimateRow:
    """Return alpha's row with the ADF interval of fourth-order sums."""
    assert row.result is not None
    b, place = part.at()[sample, scale]
    block = part.blocks[b]
    variance = influence_product(block, block, block.matrix, (place, place))
    se = float(np.sqrt(max(variance, 0.0)))
    low, high = wald_limits(
        row.result.estimate, se, request.conf_level, request.options.get("scale", "raw")
    )
    result = replace(
        row.result, se=se, ci_low=float(low), ci_high=float(high), ci="adf"
    )
    return replace(row, result=result)


def _withheld(part: Part, s: int, cells: Cells) -> Cells:
    """Return the cells with the reason of those that were withheld."""
    reason = [
        withheld_words(part) if (i, s) in part.withheld else text
        for i, text in enumerate(cells.reason)
    ]
    return replace(cells, reason=reason)


def _without_counts(table: pd.DataFrame, part: Part) -> pd.DataFrame:
    """Return the table without n where that was withheld."""
    lost = table["reason"] == withheld_words(part)
    if lost.any():
        for column in ("n", "n_excluded"):
            table[column] = table[column].astype(np.float64).mask(lost)
        table["score_mean"] = table["score_mean"].mask(lost)
    return table


def _covariances(
    part: Part, cells: dict[Key, Cells], measure: str
) -> dict[str, list[list[float]]]:
    """Return the sampling covariance of each study's alphas, study_id to block."""
    at = part.at()
    between = {(one.first, one.second): one.matrix for one in part.between}
    found = {}
    study = part.samples["study_id"]
    for name, of in study.groupby(study, sort=False):
        places = [(int(i), s, key) for i in of.index for s, key in enumerate(cells)]
        q = len(places)
        block = np.full((q, q), np.nan)
        slope = np.full(q, np.nan)
        for j, (i, _, key) in enumerate(places):
            if not cells[key].reason[i]:
                slope[j] = pooling_slope(cells[key].estimate[i : i + 1], measure)[0]
        for a in range(q):
            for b in range(a, q):
                (i, s, _), (j, t, _) = places[a], places[b]
                if np.isfinite(slope[a]) and np.isfinite(slope[b]):
                    raw = _product(part, at[i, s], at[j, t], between)
                    block[a, b] = block[b, a] = raw * slope[a] * slope[b]
                elif i != j:
                    block[a, b] = block[b, a] = 0.0
        found[str(name)] = block.tolist()
    return found


def _product(
    part: Part,
    first: tuple[int, int],
    second: tuple[int, int],
    between: dict[tuple[int, int], FloatArray | None],
) -> float:
    """Return the sampling covariance of two alphas; 0 where no people are shared."""
    (a, left), (b, right) = first, second
    if a > b:
        (a, left), (b, right) = second, first
    one, other = part.blocks[a], part.blocks[b]
    matrix = one.matrix if a == b else between.get((a, b))
    if matrix is None:
        return 0.0
    return influence_product(one, other, matrix, (left, right))


def _few_shared() -> Finding:
    return Finding(
        severity=NOTE,
        finding="withheld",
        text="coefficients that share fewer people than may be disclosed were taken as "
        "independent",
    )
