"""Responses of many studies, in memory or to be queried, ready to be computed from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from waistats.errors import DataError, listing
from waistats.instruments.scoring import keyed_items
from waistats.io.readers import read_responses
from waistats.reliability._items import read_items
from waistats.reliability.by_study._layout import (
    CARRIED,
    Layout,
    Samples,
    ScalePlan,
    check_columns,
    group_samples,
    long_columns,
    plan_scales,
)
from waistats.reliability.by_study._query import (
    Answers,
    Source,
    long_items,
    numeric_columns,
    open_source,
    query_summaries,
    study_batches,
    widened,
)
from waistats.reliability.by_study._summaries import Summary, joined, summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How to understand a table of responses.

    Attributes
    ----------
    layout : Layout
        Where study, samples and answers stand.
    plan : callable
        Columns of the data to the scales asked for.
    already_keyed : bool
        Whether reversed items are turned round already.
    """

    layout: Layout
    plan: Callable[[Sequence[object]], ScalePlan]
    already_keyed: bool = False


def ask(
    *,
    study: str,
    by: str | Sequence[str],
    long: tuple[str | Sequence[str] | None, str | None, str | None],
    already_keyed: bool,
    **scales: Any,
) -> Question:
    """Return the question that the options of a public function describe.

    ``long`` holds the columns of person, item and value; ``scales`` are the options of
    ``plan_scales``.
    """
    return Question(
        layout=Layout(
            study=study,
            by=(by,) if isinstance(by, str) else tuple(by),
            long=long_columns(*long),
        ),
        plan=lambda known: plan_scales(known, **scales),
        already_keyed=already_keyed,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyFrame:
    """Keyed responses in memory.

    Attributes
    ----------
    answers : DataFrame
        The items of all scales, as floats, reversed ones turned round.
    samples : Samples
        Which respondent belongs to which sample.
    plan : ScalePlan
        The scales.
    """

    answers: pd.DataFrame
    samples: Samples
    plan: ScalePlan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudySums:
    """Moments of every scale in every sample.

    Attributes
    ----------
    samples : DataFrame
        One row a sample, in order.
    summaries : dict of str to Summary
        Moments of each scale, samples in the same order.
    plan : ScalePlan
        The scales.
    """

    samples: pd.DataFrame
    summaries: dict[str, Summary]
    plan: ScalePlan


def open_studies(data: Any, question: Question) -> pd.DataFrame | Source:
    """Return a frame, or a source whose answers are known to be numbers."""
    source = open_source(data)
    if isinstance(source, pd.DataFrame):
        return source
    question.layout.check(source.columns)
    bad = numeric_columns(source.table, _answered(source, question))
    if bad and source.path is not None:
        # worded answers and decimal commas are for the careful reader
        return read_responses(source.path)
    if bad:
        raise DataError(
            f"items must be numeric, but {listing(bad)}. Turn words into numbers "
            "first, for example with read_responses(path, labels=...)."
        )
    return source


def _answered(source: Source, question: Question) -> Sequence[object]:
    """Return the columns that hold answers."""
    layout = question.layout
    if layout.long is not None:
        return (layout.long.value,)
    return question.plan([c for c in source.columns if c not in layout.keys]).columns


def study_frames(
    source: pd.DataFrame | Source, question: Question
) -> Iterator[StudyFrame]:
    """Yield the responses, whole studies at a time, in order of the studies."""
    if isinstance(source, pd.DataFrame):
        yield study_frame(source, question)
        return
    long = question.layout.long
    needed = _answered(source, question)
    if long is not None:
        needed = (long.item, long.value)
    for frame in study_batches(source, question.layout, needed):
        yield study_frame(frame, question)


def study_frame(data: pd.DataFrame, question: Question) -> StudyFrame:
    """Return the keyed answers of a frame and its samples."""
    layout = question.layout
    wide = layout.widen(data)
    check_columns(wide.columns, {"study": [layout.study], "by": layout.by})
    plan = question.plan([c for c in wide.columns if c not in layout.keys])
    carry = [c for c in CARRIED if c in wide.columns and c not in layout.keys]
    samples = group_samples(wide, layout.study, layout.by, carry=carry)
    columns = list(plan.columns)
    if plan.form is not None:
        keyed = keyed_items(
            wide,
            plan.form,
            plan.form_columns,
            already_keyed=question.already_keyed,
        )
        answers = keyed[columns]
    else:
        values = read_items(wide[columns]).values
        answers = pd.DataFrame(values, index=wide.index, columns=columns)
    named = replace(samples, frame=with_form(samples.frame, plan))
    return StudyFrame(answers=answers, samples=named, plan=plan)


def with_form(samples: pd.DataFrame, plan: ScalePlan) -> pd.DataFrame:
    """Return the samples with the name of the form, if there is one."""
    if plan.form is None:
        return samples
    named = samples.drop(columns="instrument", errors="ignore")
    named.insert(2, "instrument", plan.form.name)
    return named


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
    if isinstance(source, Source):
        found = _queried(source, question, products)
        if not any(summary.holds_nan for summary in found.summaries.values()):
            return found
    parts = [
        _summed(frame, products=products) for frame in study_frames(source, question)
    ]
    return StudySums(
        samples=pd.concat([part.samples for part in parts], ignore_index=True),
        summaries={
            scale: joined([part.summaries[scale] for part in parts])
            for scale in parts[0].summaries
        },
        plan=parts[0].plan,
    )


def _queried(source: Source, question: Question, products: bool) -> StudySums:
    layout = question.layout
    items = {} if layout.long is None else long_items(source, layout.long)
    known = list(items) or [c for c in source.columns if c not in layout.keys]
    plan = question.plan(known)
    answers = Answers(
        table=widened(source, layout, items),
        layout=layout,
        plan=plan,
        order=source.order,
        turned=frozenset() if question.already_keyed else plan.reversed,
    )
    samples, summaries = query_summaries(answers, products=products)
    return StudySums(samples=with_form(samples, plan), summaries=summaries, plan=plan)


def _summed(frame: StudyFrame, *, products: bool) -> StudySums:
    values = frame.answers.to_numpy()
    place = {column: j for j, column in enumerate(frame.answers.columns)}
    k = len(frame.samples.frame)
    return StudySums(
        samples=frame.samples.frame,
        summaries={
            scale: summarise(
                np.ascontiguousarray(values[:, [place[column] for column in columns]]),
                frame.samples.codes,
                k,
                products=products,
            )
            for scale, columns in frame.plan.scales.items()
        },
        plan=frame.plan,
    )
