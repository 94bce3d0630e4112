"""Responses of many studies, in memory or to be queried, ready to be computed from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._typing import FloatArray
from waistats.errors import ModelError, listing
from waistats.instruments._findings import NOTE, Finding
from waistats.instruments._gate import GateOptions, gate_options
from waistats.instruments._key_decision import Keyed
from waistats.instruments.forms import Instrument, get_instrument
from waistats.io._long import long_columns
from waistats.io._where import read_where, where_columns
from waistats.io._words import Labels
from waistats.reliability.by_study._intake import Key, Part, StudyFrame, study_frame
from waistats.reliability.by_study._layout import (
    Layout,
    ScalePlan,
    plan_scales,
    with_form,
)
from waistats.reliability.by_study._query import (
    Answers,
    long_items,
    study_batches,
    widened,
)
from waistats.reliability.by_study._query_gate import (
    not_looked_at,
    query_gate,
    without_blanks,
)
from waistats.reliability.by_study._query_where import selected_rows
from waistats.reliability.by_study._sources import (
    Reading,
    Source,
    open_source,
    typed_source,
)
from waistats.reliability.by_study._summaries import (
    Summary,
    joined,
    query_summaries,
    summarise,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How to understand a table of responses.

    Attributes
    ----------
    layout : Layout
        Where study, samples and answers stand.
    plans : callable
        Columns of the data to the scales of every rater.
    gate : GateOptions
        What the user says of the answers.
    where : str or None
        Which rows are used.
    several : bool
        Whether several raters are asked for.
    ci : str or None
        The interval, for what breaks it.
    form : Instrument or None
        The form that is asked for.
    reading : mapping
        How files are read: options of `read_answers`, only what was given.
    findings : list of Finding
        Filled while the data are read: what was found and decided.
    """

    layout: Layout
    plans: Callable[[Sequence[object]], dict[str | None, ScalePlan]]
    gate: GateOptions = field(default_factory=GateOptions)
    where: str | None = None
    several: bool = False
    ci: str | None = None
    form: Instrument | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def rows_for(self, source: Source) -> str:
        """Return what needs the answers themselves, not only sums of them."""
        if self.several:
            return option("raters")
        if self.layout.person:
            return option("person")
        return option("where") if self.where and not source.selected else ""

    @property
    def study(self) -> str | None:
        """The column of the study, where the file has one."""
        name = self.layout.study
        return None if name.startswith("waistats_") else name

    @property
    def keyed(self) -> bool:
        """Whether a form says how items are scored."""
        return self.form is not None

    @property
    def limits(self) -> tuple[float, float] | None:
        """Lowest and highest answer, as the user or the form states them."""
        if self.gate.response_range is not None:
            return self.gate.response_range
        if self.form is None or self.form.response_min is None:
            return None
        return (float(self.form.limits[0]), float(self.form.limits[1]))

    def say(self, findings: Sequence[Finding]) -> None:
        """Keep findings, each once."""
        self.findings.extend(f for f in findings if f not in self.findings)


def ask(
    *,
    study: str,
    by: str | Sequence[str] = (),
    person: str | Sequence[str] | None = None,
    item: str | None = None,
    value: str | None = None,
    items: str | Sequence[object] | None = None,
    instrument: str | Instrument | None = None,
    scales: Mapping[str, Sequence[object]] | Sequence[str] | None = None,
    raters: Mapping[str, str | Sequence[object]] | None = None,
    missing_codes: float | Sequence[float] = (),
    response_range: tuple[float, float] | None = None,
    already_keyed: Keyed = None,
    reverse: str | Sequence[object] = (),
    where: str | None = None,
    accept: str | Sequence[str] = (),
    provisional: bool = False,
    labels: Labels | None = None,
    missing_words: Sequence[str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    skip_rows: int = 0,
    ci: str | None = None,
) -> Question:
    """Return the question that the options of a public function describe.

    The names are those of `reliability_by_study`. Here it is decided which of them
    are the gate's, which say how a file is read, and which lay out the scales.
    """
    gate = gate_options(
        missing_codes=missing_codes,
        response_range=response_range,
        already_keyed=already_keyed,
        reverse=reverse,
        accept=accept,
    )
    reading = {
        "labels": labels,
        "missing_words": missing_words,
        "encoding": encoding,
        "sheet": sheet,
        "skip_rows": skip_rows or None,
    }
    planned = {
        "items": items,
        "instrument": instrument,
        "scales": scales,
        "provisional": provisional,
    }
    form = None
    if instrument is not None:
        form = get_instrument(instrument, provisional=provisional)
    if where is not None:
        read_where(where)
    people = (person,) if isinstance(person, str) else tuple(person or ())
    # in a wide table person= says who is behind a row
    wide = item is None and value is None
    answered = None if wide else long_columns(person, item, value)
    return Question(
        layout=Layout(
            study=study,
            by=(by,) if isinstance(by, str) else tuple(by),
            long=answered,
            person=() if answered is not None else people,
        ),
        plans=_planner(raters, gate, planned),
        gate=gate,
        where=where,
        several=raters is not None,
        ci=ci,
        form=form,
        reading={name: of for name, of in reading.items() if of is not None},
    )


def _planner(
    raters: Mapping[str, str | Sequence[object]] | None,
    gate: GateOptions,
    scales: dict[str, Any],
) -> Callable[[Sequence[object]], dict[str | None, ScalePlan]]:
    options = scales | {"accept": gate.accept}
    if raters is None:
        return lambda known: {None: plan_scales(known, **options)}
    if not isinstance(raters, Mapping) or not raters:
        raise ModelError(
            f"{option('raters')} takes each rater and the prefix of the rater's items, "
            f"such as {option('raters', {'client': 'WAI_C_', 'therapist': 'WAI_T_'})}."
        )
    if options.get("items") is not None:
        raise ModelError(
            f"{option('raters')} names the items of each rater; leave "
            f"{option('items')} out."
        )
    if isinstance(options.get("scales"), Mapping):
        raise ModelError(
            f"with {option('raters')} the scales are those of "
            f"{option('instrument')}: give their names in {option('scales')}."
        )

    def plans(known: Sequence[object]) -> dict[str | None, ScalePlan]:
        found: dict[str | None, ScalePlan] = {}
        taken: dict[object, str] = {}
        for rater, where in raters.items():
            plan = plan_scales(known, **(options | {"items": where}))
            twice = [c for c in plan.columns if c in taken]
            if twice:
                raise ModelError(
                    f"{option('raters')}: {listing(twice)} "
                    f"{'is' if len(twice) == 1 else 'are'} named for {rater} and for "
                    f"{taken[twice[0]]}."
                )
            taken |= dict.fromkeys(plan.columns, str(rater))
            found[str(rater)] = plan
        return found

    return plans


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudySums:
    """Moments of every scale in every sample.

    Attributes
    ----------
    samples : DataFrame
        One row per sample, in order.
    summaries : dict of (rater, scale) to Summary
        Moments of each scale, samples in the same order.
    scales : dict of (rater, scale) to tuple
        Columns of each scale.
    """

    samples: pd.DataFrame
    summaries: dict[Key, Summary]
    scales: dict[Key, tuple[object, ...]]


def open_studies(data: Any, question: Question) -> pd.DataFrame | Source:
    """Return a frame, or a source whose answers are numbers and whose keys are text."""
    layout = question.layout
    named = [] if layout.long is None else [layout.long.item]
    reading = Reading(
        keys=tuple(dict.fromkeys([*layout.keys, *named])), options=question.reading
    )
    source = open_source(data, reading)
    if isinstance(source, pd.DataFrame):
        return source
    layout.check(source.columns)
    answers = [str(column) for column in _answered(source, question)]
    typed = typed_source(source, reading.keys, answers, reading)
    if isinstance(typed, pd.DataFrame):
        return typed
    source = typed
    if question.where is not None:
        source, found = selected_rows(source, question.where)
        question.say(found)
    source, found = without_blanks(source, question.layout)
    question.say(found)
    return source


def _answered(source: Source, question: Question) -> list[object]:
    """Return the columns that hold answers."""
    layout = question.layout
    if layout.long is not None:
        return [layout.long.value]
    known = [c for c in source.columns if c not in layout.keys]
    plans = question.plans(known).values()
    return list(
        dict.fromkeys(c for plan in plans for c in (*plan.form_columns, *plan.columns))
    )


def study_frames(
    source: pd.DataFrame | Source, question: Question, *, why: str = ""
) -> Iterator[StudyFrame]:
    """Yield the responses, whole studies at a time, in order of the studies.

    ``why`` is what needs the answers of a source, for the note of what was fetched.
    """
    if isinstance(source, pd.DataFrame):
        yield _framed(source, question, alone=True)
        return
    long = question.layout.long
    needed = _answered(source, question)
    if long is not None:
        needed = [long.item, long.value]
    where = None if source.selected else question.where
    if where is not None:
        needed += [c for c in where_columns(read_where(where)) if c in source.columns]
    rows = batches = 0
    for frame in study_batches(source, question.layout, needed):
        rows, batches = rows + len(frame), batches + 1
        yield _framed(frame, replace(question, where=where), alone=False)
    question.say(_fetched(rows, batches, question.rows_for(source) or why))


def _fetched(rows: int, batches: int, why: str) -> list[Finding]:
    """Return notes of what was fetched into memory, and of what was not looked at."""
    times = "" if batches < 2 else f", in {batches} batches of whole studies"
    fetched = Finding(
        severity=NOTE,
        finding="reading",
        n=rows,
        text=f"The answers of {counted(rows, 'row')} were fetched into memory{times}, "
        f"because {why or 'the coefficient'} needs them",
    )
    return [fetched, not_looked_at(queried=False)]


def _framed(data: pd.DataFrame, question: Question, *, alone: bool) -> StudyFrame:
    frame = study_frame(
        data,
        question.layout,
        question.plans,
        question.gate,
        where=question.where,
        ci=question.ci,
        alone=alone,
    )
    question.say(frame.findings)
    return frame


def study_sums(
    source: pd.DataFrame | Source, question: Question, *, products: bool
) -> StudySums:
    """Return moments of every scale, from one query where there is a database.

    Parameters
    ----------
    source : DataFrame or Source
        The responses.
    question : Question
        How to understand them.
    products : bool
        Whether covariances are needed too.
    """
    if isinstance(source, Source) and not question.rows_for(source):
        found = _queried(source, question, products)
        if not any(summary.holds_nan for summary in found.summaries.values()):
            return found
    parts = [
        _summed(frame, products=products) for frame in study_frames(source, question)
    ]
    return StudySums(
        samples=pd.concat([part.samples for part in parts], ignore_index=True),
        summaries={
            key: joined([part.summaries[key] for part in parts])
            for key in parts[0].summaries
        },
        scales=parts[0].scales,
    )


def _queried(source: Source, question: Question, products: bool) -> StudySums:
    layout = question.layout
    items = {} if layout.long is None else long_items(source, layout.long)
    known = list(items) or [c for c in source.columns if c not in layout.keys]
    plan = question.plans(known)[None]
    question.say(plan.findings)
    answers = Answers(
        table=widened(source, layout, items),
        layout=layout,
        plan=plan,
        order=source.order,
        codes=question.gate.missing_codes,
        stored=source.stored,
        rows=source.rows,
    )
    gated, sums, found = query_gate(answers, question.gate, products=products)
    question.say(found)
    samples, summaries = query_summaries(gated, sums)
    return StudySums(
        samples=with_form(samples, plan),
        summaries={(None, scale): of for scale, of in summaries.items()},
        scales={(None, scale): of for scale, of in plan.scales.items()},
    )


def _summed(frame: StudyFrame, *, products: bool) -> StudySums:
    codes, k = frame.samples.codes, len(frame.samples.frame)
    summaries: dict[Key, Summary] = {}
    scales: dict[Key, tuple[object, ...]] = {}
    for part in frame.parts:
        for scale, columns in part.plan.scales.items():
            key = (part.rater, scale)
            scales[key] = columns
            summaries[key] = summarise(
                _block(part, columns), codes, k, products=products
            )
    return StudySums(samples=frame.samples.frame, summaries=summaries, scales=scales)


def _block(part: Part, columns: Sequence[object]) -> FloatArray:
    place = {column: j for j, column in enumerate(part.answers.columns)}
    values = part.answers.to_numpy()
    return np.ascontiguousarray(values[:, [place[column] for column in columns]])
