"""Item statistics study by study, from sums alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._frames import as_frame
from waistats._progress import Steps
from waistats._typing import FloatArray
from waistats.errors import ModelError
from waistats.instruments._findings import Finding, intake_records
from waistats.instruments._key_decision import Keyed
from waistats.instruments.forms import Instrument
from waistats.instruments.keys import audit_items
from waistats.io._words import Labels
from waistats.reliability._answers import gated
from waistats.reliability._moments import alpha_of
from waistats.reliability.by_study._data import (
    StudySums,
    ask,
    open_studies,
    study_frames,
    study_sums,
)
from waistats.reliability.by_study._layout import CELL
from waistats.reliability.by_study._summarise import study_sums_of
from waistats.reliability.by_study._table import LEAST_N
from waistats.reliability.by_study.summaries import (
    as_summaries,
    check_of_answers,
    is_summaries,
)
from waistats.reliability.items import (
    alpha_if_dropped,
    item_rest_correlation,
    item_statistics,
    standardized_loading,
)


def item_statistics_by_study(
    data: Any,
    *,
    study: str | None = None,
    items: str | Sequence[object] | None = None,
    instrument: str | Instrument | None = None,
    scales: Mapping[str, Sequence[object]] | Sequence[str] | None = None,
    by: str | Sequence[str] = (),
    person: str | Sequence[str] | None = None,
    item: str | None = None,
    value: str | None = None,
    already_keyed: Keyed = None,
    provisional: bool = False,
    raters: Mapping[str, str | Sequence[object]] | None = None,
    missing_codes: float | Sequence[float] = (),
    response_range: tuple[float, float] | None = None,
    reverse: str | Sequence[object] = (),
    where: str | None = None,
    accept: str | Sequence[str] = (),
    labels: Labels | None = None,
    missing_words: Sequence[str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    skip_rows: int = 0,
) -> pd.DataFrame:
    """Return item statistics of every study, from memory or one query.

    Parameters
    ----------
    data : DataFrame, path, glob, Ibis table or ResponseSummaries
        Responses or their sums, as :func:`reliability_by_study` takes them.
    study, items, instrument, scales, by, person, item, value
        As in :func:`reliability_by_study`.
    already_keyed, provisional, raters, missing_codes, response_range
        As in :func:`reliability_by_study`.
    reverse, where, accept
        As in :func:`reliability_by_study`.
    labels, missing_words, encoding, sheet, skip_rows
        How a file is read, as in :func:`read_responses`.

    Returns
    -------
    DataFrame
        One row per sample, scale and item: ``study_id, sample_id, scale, item, n, mean,
        sd, item_rest_correlation, alpha_if_dropped, loading``, with ``instrument``,
        ``rater`` and ``provenance`` where known. Statistics are empty with fewer than
        3 respondents.

    Notes
    -----
    Statistics are those of the respondents who answered every item of the scale; they
    need n, sums and cross-products only. Skew and the shares at floor and ceiling need
    the answers: see :func:`item_statistics`.

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame(
    ...     [[1, 2, 2], [3, 3, 1], [4, 5, 5], [2, 1, 2]], columns=["q1", "q2", "q3"]
    ... ).assign(study="A")
    >>> found = item_statistics_by_study(answers, study="study")
    >>> found[["study_id", "item", "mean", "item_rest_correlation"]].round(3)
      study_id item  mean  item_rest_correlation
    0        A   q1  2.50                  0.766
    1        A   q2  2.75                  0.865
    2        A   q3  2.50                  0.704
    """
    if is_summaries(data):
        check_of_answers(
            items=items,
            instrument=instrument,
            scales=scales,
            by=by,
            person=person,
            item=item,
            value=value,
            already_keyed=already_keyed,
            provisional=provisional,
            raters=raters,
            missing_codes=missing_codes,
            response_range=response_range,
            reverse=reverse,
            where=where,
        )
        parts = as_summaries(data).parts
        findings = [finding for part in parts for finding in part.findings]
        tables = [_item_table(study_sums_of(part)) for part in parts]
        return _with_findings(pd.concat(tables, ignore_index=True), findings)
    if study is None:
        raise ModelError(f"{option('study')} must name the column of the study.")
    data = as_frame(data)
    question = ask(
        study=study,
        by=by,
        person=person,
        item=item,
        value=value,
        items=items,
        instrument=instrument,
        scales=scales,
        provisional=provisional,
        missing_codes=missing_codes,
        response_range=response_range,
        already_keyed=already_keyed,
        reverse=reverse,
        accept=accept,
        raters=raters,
        where=where,
        labels=labels,
        missing_words=missing_words,
        encoding=encoding,
        sheet=sheet,
        skip_rows=skip_rows,
    )
    with Steps("items by study", 1) as bar:
        bar.step("reading and adding")
        found = study_sums(open_studies(data, question), question, products=True)
    return _with_findings(_item_table(found), question.findings)


def _item_table(found: StudySums) -> pd.DataFrame:
    parts = []
    for place, (key, summary) in enumerate(found.summaries.items()):
        rater, scale = key
        names = [str(column) for column in found.scales[key]]
        k, m = summary.mean.shape
        covariance = np.asarray(summary.covariance)
        usable = summary.n >= LEAST_N
        samples = found.samples.loc[found.samples.index.repeat(m)]
        if rater is not None:
            samples = samples.assign(rater=rater)
        parts.append(
            samples.assign(
                scale=scale,
                item=names * k,
                n=np.repeat(summary.n, m),
                mean=_where(usable, summary.mean),
                sd=_where(usable, np.sqrt(summary.item_variance)),
                item_rest_correlation=_where(usable, item_rest_correlation(covariance)),
                alpha_if_dropped=_where(usable, alpha_if_dropped(covariance)),
                loading=_where(usable, _loadings(covariance, usable)),
                order=np.repeat(np.arange(k), m) * len(found.summaries) + place,
            )
        )
    table = pd.concat(parts).sort_values("order", kind="stable", ignore_index=True)
    table = table.drop(columns=["order", CELL], errors="ignore")
    if "provenance" in table:
        table["provenance"] = table.pop("provenance")
    return table


def _with_findings(table: pd.DataFrame, findings: Sequence[Finding]) -> pd.DataFrame:
    if findings:
        table.attrs["intake"] = intake_records(findings)
        table.attrs["notes"] = [finding.sentence() for finding in findings]
    return table


def _where(usable: np.ndarray, values: FloatArray) -> FloatArray:
    """Return values (k, m) in one row, empty where a sample is too small."""
    shown: FloatArray = np.where(usable[:, None], values, np.nan).ravel()
    return shown


def _loadings(covariance: FloatArray, usable: np.ndarray) -> FloatArray:
    loadings = np.full(covariance.shape[:2], np.nan)
    for i in np.flatnonzero(usable):
        loadings[i] = standardized_loading(covariance[i])
    return loadings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemPart:
    """The items of one scale in one sample.

    Attributes
    ----------
    title : str
        Sample, rater and scale.
    alpha : float
        Cronbach's alpha of the scale.
    n : int
        Respondents who answered every item.
    frame : DataFrame
        What is printed of them.
    statistics : DataFrame
        As `item_statistics` returns it; empty with too few respondents.
    """

    title: str
    alpha: float
    n: int
    frame: pd.DataFrame
    statistics: pd.DataFrame


def item_tables(
    responses: pd.DataFrame,
    *,
    study: str | None = None,
    instrument: str | Instrument | None = None,
    **options: Any,
) -> tuple[list[ItemPart], list[str], list[str]]:
    """Return the item-total table of every sample and scale, the audits and the notes.

    Parameters
    ----------
    responses : DataFrame
        One row per respondent.
    study : str, optional
        The column of the study; without it all rows are one sample.
    instrument : str or Instrument, optional
        The form, whose key is audited.
    **options
        Further options of `reliability_by_study`.

    Returns
    -------
    parts : list of ItemPart
        In order of samples, raters and scales.
    audits : list of str
        What `audit_keys` says, once for each rater.
    notes : list of str
        What the gate found.
    """
    if study is None:
        attrs = responses.attrs
        responses = responses.assign(waistats_study="all rows")
        responses.attrs = attrs
        study = "waistats_study"
    question = ask(study=study, instrument=instrument, **options)
    frame = next(study_frames(responses, question))
    parts = []
    cells = frame.samples.frame[CELL].tolist()
    for cell, name in enumerate(cells):
        rows = frame.samples.codes == cell
        for part in frame.parts:
            for scale, columns in part.plan.scales.items():
                answers = part.answers.loc[rows, list(columns)]
                title = " / ".join(filter(None, (name, part.rater, scale)))
                parts.append(_item_part(title, answers))
    audits = []
    form = question.form
    if form is not None:
        for part in frame.parts:
            if part.raw is None:
                continue
            names = list(part.raw.columns)
            found = audit_items(names, part.raw.to_numpy(), form, list(form.items))
            whose = f"{part.rater}: " if part.rater else ""
            audits.append(whose + found.attrs["summary"])
    return parts, audits, [finding.sentence() for finding in question.findings]


def _item_part(title: str, answers: pd.DataFrame) -> ItemPart:
    complete = answers.dropna()
    columns = ["item", "mean", "sd", "skew", "share_at_ceiling", "missing"]
    columns += ["item_rest_correlation", "alpha_if_dropped", "loading"]
    if len(complete) < LEAST_N:
        empty = pd.DataFrame({"item": [str(c) for c in answers.columns]})
        return ItemPart(
            title=title,
            alpha=np.nan,
            n=len(complete),
            frame=empty,
            statistics=pd.DataFrame(),
        )
    with gated():
        frame = item_statistics(answers)
    alpha = float(alpha_of(np.cov(complete.to_numpy(), rowvar=False)))
    return ItemPart(
        title=title,
        alpha=alpha,
        n=len(complete),
        frame=frame[columns],
        statistics=frame,
    )
