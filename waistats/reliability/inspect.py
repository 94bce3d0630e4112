"""Responses inspected before anything is computed from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._caller import option
from waistats._format import Result, counted
from waistats._frames import as_frame
from waistats._progress import Steps
from waistats.errors import DataError
from waistats.instruments._findings import (
    NOTE,
    STOP,
    WARNING,
    Finding,
    ResponsesError,
    accepted,
    findings_frame,
)
from waistats.instruments._key_decision import Keyed
from waistats.instruments.forms import Instrument
from waistats.io._words import Labels
from waistats.io.readers import read_answers
from waistats.provenance import is_simulated, marked, of_simulated
from waistats.reliability.by_study._data import Question, ask
from waistats.reliability.by_study._intake import StudyFrame, study_frame
from waistats.reliability.by_study._outcome import outcome
from waistats.reliability.by_study._sources import Reading, fetch, open_source
from waistats.reliability.by_study._table import (
    StudyRequest,
    coefficient_table,
    frame_cells,
)
from waistats.reliability.registry import find_coefficient

# the one study of a file that names none
_ALONE, _FILE = "waistats_study", "the file"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ResponsesInspection(Result):
    """What was found in responses.

    Attributes
    ----------
    n, n_items, n_studies : int
        Rows, items of all raters, and studies that were looked at.
    findings : tuple
        Everything found, as `to_frame` shows it.
    simulated : bool
        Whether the responses are SIMULATED.
    """

    n: int
    n_items: int
    n_studies: int
    findings: tuple[Finding, ...] = field(default=())
    simulated: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing stops an analysis."""
        return not any(finding.severity == STOP for finding in self.findings)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per finding: ``severity, finding, where, n, example, advice``.

        ``severity`` is stop, warning or note; ``finding`` is the identifier that
        ``accept`` takes.
        """
        return marked(findings_frame(self.findings), self.simulated)

    def heading(self) -> str:
        """Return what was looked at, in a line."""
        told = (
            f"Responses: {counted(self.n, 'row')}, {counted(self.n_items, 'item')}, "
            f"{counted(self.n_studies, 'study')}"
        )
        return told + of_simulated(self.simulated)

    def sentences(self) -> list[str]:
        """Return the findings, a line each, stops first."""
        order = {STOP: 0, WARNING: 1, NOTE: 2}
        kept = sorted(self.findings, key=lambda finding: order[finding.severity])
        return [f"{f.severity}: {f.sentence()} [{f.finding}]" for f in kept]

    def counted(self) -> str:
        """Return how many stops, warnings and notes there are."""
        counts = dict.fromkeys((STOP, WARNING, NOTE), 0)
        for finding in self.findings:
            counts[finding.severity] += 1
        return ", ".join(counted(n, name) for name, n in counts.items())

    def __str__(self) -> str:
        lines = "\n".join(self.sentences())
        parts = (self.heading(), lines, f"{self.counted()}.")
        return "\n\n".join(part for part in parts if part)


def inspect_responses(
    data: Any,
    *,
    study: str | None = None,
    items: str | Sequence[object] | None = None,
    instrument: str | Instrument | None = None,
    raters: Mapping[str, str | Sequence[object]] | None = None,
    person: str | Sequence[str] | None = None,
    by: str | Sequence[str] = (),
    scales: Mapping[str, Sequence[object]] | Sequence[str] | None = None,
    item: str | None = None,
    value: str | None = None,
    missing_codes: float | Sequence[float] = (),
    response_range: tuple[float, float] | None = None,
    already_keyed: Keyed = None,
    reverse: str | Sequence[object] = (),
    where: str | None = None,
    accept: str | Sequence[str] = (),
    ci: str | None = "feldt",
    provisional: bool = False,
    labels: Labels | None = None,
    missing_words: Sequence[str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    skip_rows: int = 0,
) -> ResponsesInspection:
    """Check responses: errors that stop, warnings, and decisions.

    Parameters
    ----------
    data : DataFrame or path
        One row per respondent (and occasion); or, with ``person``, ``item`` and
        ``value``, one row per answer.
    study : str, optional
        The column that says which study a respondent belongs to; without it the file is
        one study.
    items, instrument, raters, person, by, scales, item, value
        As in :func:`reliability_by_study`.
    missing_codes, response_range, already_keyed, reverse, where, accept
        As in :func:`reliability_by_study`.
    ci : str or None
        The interval that the analysis will use: what breaks it is found.
    provisional : bool
        Allow a form whose key rests on weak evidence.
    labels, missing_words, encoding, sheet, skip_rows
        How a file is read, as in :func:`read_responses`.

    Returns
    -------
    ResponsesInspection
        ``ok`` says whether anything stops; ``to_frame()`` has one row per finding.

    Raises
    ------
    DataError
        If the data cannot be read at all: absent columns, words for answers.

    Notes
    -----
    :func:`reliability_by_study` runs the same checks. What stops the
    analysis, each with its option and its identifier for ``accept``:

    ``missing_codes``
        A customary code (9, 99, 999, -1, -9, 77, 88, 98, ...) outside the range of the
        form, of ``response_range`` or of the value labels. Where none is declared:
        among whole numbers with at most 12 other distinct answers, one whose distance
        from them is wider than their span, or a 9 beyond a scale of 1 to 5 or 1 to 7.
    ``out_of_range``
        Other answers outside that range.
    ``key_contradicted, key_conflict, key_unclear``
        What the answers say of the reversed items contradicts ``already_keyed``, or
        they conflict, or they are too weak to say. A reversed item correlates
        negatively with the
        unreversed ones of its subscale in a raw file, and with them once it is
        reverse-scored.
    ``negative_alpha, impossible_sd``
        A negative alpha of a form; a standard deviation of the score that length and
        range do not allow.
    ``item_gap``
        Items found by their numbers, such as q1-q6 and q10.
    ``summary_row, score_item, items_in_rows``
        A last row that is called a total or a mean, or holds it in every item; an item
        that is the sum or the mean of all others; items in rows, respondents in columns.
    ``repeated_person``
        A person twice in one study and ``by`` cell, with different answers.

    Warnings and notes are listed in ``attrs["intake"]`` of its table as well.

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"q1": [1, 4, 5, 99], "q2": [2, 4, 4, 5]})
    >>> found = inspect_responses(answers)
    >>> found.ok, found.to_frame()["finding"].tolist()
    (False, ['missing_codes'])
    """
    data = as_frame(data)
    question = ask(
        study=_ALONE if study is None else study,
        by=by,
        person=person,
        item=item,
        value=value,
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
        ci=ci,
        items=items,
        instrument=instrument,
        scales=scales,
        provisional=provisional,
    )
    with Steps("inspection", 2) as bar:
        bar.step("reading")
        source = _in_memory(data, question)
        if study is None:
            attrs = source.attrs
            source = source.assign(**{_ALONE: _FILE})
            source.attrs = attrs
        bar.step("checks")
        return inspected(source, question)


def _in_memory(data: Any, question: Question) -> pd.DataFrame:
    """Return the responses as a frame, read with care."""
    keys = tuple(name for name in question.layout.keys if name != _ALONE)
    if isinstance(data, str | Path) and Path(data).is_file():
        return read_answers(data, keys=keys, **question.reading)
    source = open_source(data, Reading(keys=keys, options=question.reading))
    if isinstance(source, pd.DataFrame):
        return source
    return fetch(source.table.select(*source.columns))


def inspected(source: pd.DataFrame, question: Question) -> ResponsesInspection:
    """Return what the gate finds in a frame, without stopping."""
    try:
        frame = _looked_through(source, question)
    except ResponsesError as error:
        return ResponsesInspection(
            n=len(source),
            n_items=0,
            n_studies=0,
            findings=error.findings,
            simulated=is_simulated(source),
        )
    found = list(frame.findings)
    if not any(finding.severity == STOP for finding in found):
        found += accepted(outcome(_alphas(frame), question), question.gate.accept)
    return ResponsesInspection(
        n=len(frame.samples.codes),
        n_items=sum(part.answers.shape[1] for part in frame.parts),
        n_studies=frame.samples.frame["study_id"].nunique(),
        findings=tuple(dict.fromkeys(found)),
        simulated=is_simulated(source),
    )


def _looked_through(source: pd.DataFrame, question: Question) -> StudyFrame:
    if source.empty:
        raise DataError(
            f"there are no respondents: check the file and {option('where')}."
        )
    return study_frame(
        source,
        question.layout,
        question.plans,
        question.gate,
        where=question.where,
        ci=question.ci,
        refusing=False,
    )


def _alphas(frame: StudyFrame) -> pd.DataFrame:
    spec = find_coefficient("alpha")
    request = StudyRequest(
        name="alpha", spec=spec, ci=None, conf_level=0.95, missing="listwise"
    )
    cells = frame_cells(frame, request)
    return coefficient_table(frame.samples.frame, cells, request.name)
