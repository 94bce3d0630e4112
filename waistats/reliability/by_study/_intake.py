"""Responses in memory through the gate: keyed answers, samples, persons, findings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import DataError, ModelError, listing
from waistats.instruments._findings import NOTE, WARNING, Finding, accepted, refuse
from waistats.instruments._gate import GateOptions, read_codes, row_namer
from waistats.instruments._key_decision import (
    KeyDecision,
    against_finding,
    decide_key,
    key_plan,
    keyed_values,
    reversal,
    reversed_besides,
)
from waistats.instruments._key_evidence import (
    KeyLayout,
    against_rest,
    evidence,
    key_sums,
)
from waistats.instruments.scoring import answers_of_form
from waistats.io._where import read_where, rows_where
from waistats.reliability._items import read_items, refuse_too_many
from waistats.reliability._moments import alpha_of
from waistats.reliability.by_study._closer_look import (
    MOST_ROWS,
    look_at_interval,
    look_at_rows,
)
from waistats.reliability.by_study._layout import (
    CARRIED,
    CELL,
    NO_ONE,
    Layout,
    Samples,
    ScalePlan,
    check_columns,
    group_samples,
    study_texts,
    with_form,
)
from waistats.reliability.by_study._respondents import (
    far_answers,
    item_rows,
    likely_person,
    mean_rows,
    repeated_people,
    score_items,
    summary_rows,
)

# rater (None for a single one) and scale
Key: TypeAlias = tuple[str | None, str]

_MOST_NAMED = 6
_MOST_ALPHAS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """The answers of one rater.

    Attributes
    ----------
    rater : str or None
        The rater; None where the call names none.
    answers : DataFrame
        The items of all scales, as floats, reversed ones reverse-scored.
    plan : ScalePlan
        The scales.
    raw : DataFrame or None
        The items of the form as they are in the file, of moderately many respondents.
    """

    rater: str | None
    answers: pd.DataFrame
    plan: ScalePlan
    raw: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyFrame:
    """Keyed responses in memory.

    Attributes
    ----------
    samples : Samples
        Which respondent belongs to which sample.
    parts : tuple of Part
        The answers of every rater, rows the same respondents.
    person : ndarray of int or None
        Person behind each row, where persons are known.
    findings : tuple of Finding
        What the gate found and decided.
    """

    samples: Samples
    parts: tuple[Part, ...]
    person: IntArray | None = None
    findings: tuple[Finding, ...] = ()


def study_frame(
    data: pd.DataFrame,
    layout: Layout,
    plans: Callable[[Sequence[object]], dict[str | None, ScalePlan]],
    gate: GateOptions,
    *,
    where: str | None = None,
    ci: str | None = None,
    alone: bool = True,
    refusing: bool = True,
) -> StudyFrame:
    """Return the keyed answers of a frame and its samples, after the gate.

    Parameters
    ----------
    data : DataFrame
        The responses.
    layout, plans, gate, where
        How to understand them.
    ci : str or None
        The interval, for what breaks it.
    alone : bool
        Whether these are all responses, so that a closer look is worth while.
    refusing : bool
        Whether what stops is raised, or only found.

    Raises
    ------
    DataError
        For everything that stops, all at once.
    """
    if data.empty:
        raise DataError(NO_ONE)
    found = [
        Finding(severity=NOTE, finding="reading", text=str(note).rstrip("."))
        for note in (data.attrs.get("notes", ()) if alone else ())
    ]
    label = row_namer(data)
    labels = data.attrs.get("value_labels", {})
    data, selected = _selected(data, where, labels)
    found += selected
    if alone:
        found += _filter_variable(data, where)
    wide = layout.widen(data)
    check_columns(wide.columns, {"study": [layout.study], "by": layout.by})
    known = [c for c in wide.columns if c not in layout.keys]
    by_rater = plans(known)
    for plan in by_rater.values():
        refuse_too_many(len(set(_of_plan(plan))))
    found += [finding for plan in by_rater.values() for finding in plan.findings]
    if layout.long is None:
        answered = {c for plan in by_rater.values() for c in _of_plan(plan)}
        found += summary_rows(wide, answered, label)
        found += item_rows(wide, answered)
    wide, blank = _filled(wide, layout, label)
    found += blank

    def row(i: int) -> str:
        return label(wide.index[i])

    reads = []
    for rater, plan in by_rater.items():
        read = _read(wide, plan, gate, labels, row)
        found += read.findings
        reads.append((rater, read))
    check_reverse(gate, [read.columns for _, read in reads])
    together = np.column_stack([read.values for _, read in reads])
    found += _blank_rows(together, row)
    if alone:
        found += mean_rows(together, row)
    wide, kept, person, people = _persons(wide, layout, together, row)
    found += people
    carry = [
        c
        for c in CARRIED
        if c in wide.columns
        and c not in layout.keys
        and not (c == "rater" and None not in by_rater)
    ]
    samples = group_samples(wide, layout.study, layout.by, carry=carry, person=person)
    if alone and person is None and layout.long is None:
        used = [*layout.keys, *(c for _, read in reads for c in read.columns)]
        suspect = likely_person(wide, used, samples.codes)
        found += [suspect] if suspect else []
    parts = []
    for rater, read in reads:
        part, more = _keyed(read.only(kept), rater, wide, samples, gate, row, ci, alone)
        parts.append(part)
        found += more
    found = accepted(found, gate.accept)
    if refusing:
        refuse(found)
    form = next(iter(by_rater.values()))
    named = replace(samples, frame=with_form(samples.frame, form))
    return StudyFrame(
        samples=named, parts=tuple(parts), person=person, findings=tuple(found)
    )


def _selected(
    data: pd.DataFrame, where: str | None, labels: Any
) -> tuple[pd.DataFrame, list[Finding]]:
    if where is None:
        return data, []
    chosen = rows_where(data, read_where(where), labels)
    if not chosen.any():
        raise none_selected(where, len(data))
    attrs = data.attrs
    data = data[chosen]
    data.attrs = attrs
    return data, [rows_selected(where, int(chosen.sum()), len(chosen))]


def none_selected(where: str, n: int) -> DataError:
    """Return what to say where a condition selects no row."""
    return DataError(
        f"{option('where', where)} selects none of the {counted(n, 'row')}. Check the "
        "column and "
        "its values."
    )


def rows_selected(where: str, kept: int, n: int) -> Finding:
    """Return a note of how many rows a condition has selected."""
    return Finding(
        severity=NOTE,
        finding="rows_selected",
        where=where,
        n=kept,
        example=str(kept),
        text=f"{kept} of {counted(n, 'row')} were selected with {option('where', where)}",
        by="user",
    )


def _filter_variable(data: pd.DataFrame, where: str | None) -> list[Finding]:
    """Return a warning for the filter variable that SPSS leaves in a file."""
    name = next(
        (c for c in data.columns if str(c).lower() in ("filter_$", "filter_")), None
    )
    if name is None or where is not None:
        return []
    values = pd.to_numeric(data[name], errors="coerce")
    out = int((values == 0).sum() + values.isna().sum())
    if not out:
        return []
    return [
        Finding(
            severity=WARNING,
            finding="filter_variable",
            where=str(name),
            n=out,
            example=f"{name} == 1",
            text=f"{name}, the filter variable of SPSS, marks {out} of {len(data)} "
            "rows as filtered out; all rows were used",
            advice=f"To use the selected rows only: {option('where', f'{name} == 1')}.",
        )
    ]


def _filled(
    wide: pd.DataFrame, layout: Layout, label: Callable[[object], str]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the rows that have a study, a value to split by, and a person."""
    columns = [layout.study, *layout.by, *layout.person]
    texts = study_texts(wide, columns)
    lost = {c: text.isna().to_numpy() for c, text in texts.items()}
    out = np.logical_or.reduce(list(lost.values()))
    if not out.any():
        return wide, []
    n = int(out.sum())
    told = "; ".join(
        f"{column} in {listing(map(label, wide.index[blank]), _MOST_NAMED)}"
        for column, blank in lost.items()
        if blank.any()
    )
    if out.all():
        raise DataError(
            f"every row has a blank where a value is needed: {told}. Check "
            f"{option('study')}, {option('by')} and {option('person')}."
        )
    attrs = wide.attrs
    wide = wide[~out]
    wide.attrs = attrs
    finding = Finding(
        severity=NOTE,
        finding="blank_id",
        where=listing(c for c, blank in lost.items() if blank.any()),
        n=n,
        example=told.split("; ")[0],
        text=f"{counted(n, 'row was', 'rows were')} excluded, because a value is "
        f"blank: {told}",
    )
    return wide, [finding]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Read:
    """The answers of one rater before keying.

    ``clean`` has the doubtful answers blank, for what is learned from the others.
    """

    plan: ScalePlan
    columns: list[object]
    values: FloatArray
    clean: FloatArray
    limits: tuple[float, float] | None
    findings: list[Finding] = field(default_factory=list)

    def only(self, kept: BoolArray) -> "_Read":
        if kept.all():
            return self
        return replace(self, values=self.values[kept], clean=self.clean[kept])


def _read(
    wide: pd.DataFrame,
    plan: ScalePlan,
    gate: GateOptions,
    labels: Any,
    row: Callable[[int], str],
) -> _Read:
    columns = list(_of_plan(plan))
    if plan.form is not None:
        values = answers_of_form(wide, columns, plan.form, gate)
        groups = None
    else:
        values = read_items(wide[columns]).values
        place = {column: j for j, column in enumerate(columns)}
        groups = [[place[c] for c in of] for of in plan.scales.values()]
    found = read_codes(
        values, columns, gate, form=plan.form, groups=groups, labels=labels, row=row
    )
    suspect: list[Finding] = []
    for group in groups or ():
        suspect += score_items(found.values, columns, group)
        if found.limits is None:
            suspect += far_answers(found.values, columns, group, row)
    suspect = list(dict.fromkeys(suspect))
    turned, limits, more = reversed_besides(
        found.values, columns, gate.reverse, found.limits
    )
    clean = turned
    if found.bad is not None:
        clean = np.where(found.bad, np.nan, turned)
    return _Read(
        plan=plan,
        columns=columns,
        values=turned,
        clean=clean,
        limits=limits,
        findings=[*found.findings, *suspect, *more],
    )


def _of_plan(plan: ScalePlan) -> tuple[object, ...]:
    return plan.form_columns or plan.columns


def check_reverse(gate: GateOptions, columns: Sequence[Sequence[object]]) -> None:
    """Raise a ModelError for columns to be reverse-scored that are no items."""
    every = {str(column) for of in columns for column in of}
    absent = [name for name in gate.reverse if str(name) not in every]
    if absent:
        raise ModelError(
            f"{option('reverse')} names {listing(absent)}, which "
            f"{'is' if len(absent) == 1 else 'are'} not among the items."
        )


def _blank_rows(values: FloatArray, row: Callable[[int], str]) -> list[Finding]:
    blank = np.flatnonzero(~np.isfinite(values).any(axis=1))
    if not len(blank):
        return []
    n = len(blank)
    where = listing((row(int(i)) for i in blank), _MOST_NAMED)
    return [
        Finding(
            severity=NOTE,
            finding="blank_rows",
            where=where,
            n=n,
            example=row(int(blank[0])),
            text=f"{counted(n, 'row has', 'rows have')} no answer to any item, "
            f"and {'was' if n == 1 else 'were'} excluded: {where}",
        )
    ]


def _persons(
    wide: pd.DataFrame,
    layout: Layout,
    values: FloatArray,
    row: Callable[[int], str],
) -> tuple[pd.DataFrame, BoolArray, IntArray | None, list[Finding]]:
    """Return the rows without repeats of a person, and who is behind each row."""
    kept = np.ones(len(wide), dtype=bool)
    if not layout.person:
        return wide, kept, None, []
    texts = study_texts(wide, [layout.study, *layout.by, *layout.person])
    people = [texts[column] for column in layout.person]
    person = _codes([texts[layout.study], *people])
    cell = _codes([texts[layout.study], *(texts[column] for column in layout.by)])

    def name(i: int) -> str:
        return " / ".join(str(text.iloc[i]) for text in people)

    kept, found = repeated_people(cell, person, values, name, row, layout.by)
    attrs = wide.attrs
    wide = wide[kept]
    wide.attrs = attrs
    return wide, kept, person[kept], found


def _codes(texts: Sequence["pd.Series[Any]"]) -> IntArray:
    several = [pd.factorize(text)[0].tolist() for text in texts]
    codes = pd.factorize(pd.MultiIndex.from_arrays(several))[0]
    numbers: IntArray = codes.astype(np.int64)
    return numbers


def _keyed(
    read: _Read,
    rater: str | None,
    wide: pd.DataFrame,
    samples: Samples,
    gate: GateOptions,
    row: Callable[[int], str],
    ci: str | None,
    alone: bool,
) -> tuple[Part, list[Finding]]:
    """Return the scored answers of one rater, and what their signs say."""
    plan, codes, frame = read.plan, samples.codes, samples.frame
    unit, units = pd.factorize(frame["study_id"])
    studies = [str(name) for name in units]
    found: list[Finding] = []
    values = read.values
    if plan.form is not None:
        key = key_plan(plan.form, read.columns)
        sums = key_sums(read.clean, codes, len(frame), key.layout)
        decision = decide_key(
            sums, key, unit, studies, gate.already_keyed, whose=rater or ""
        )
        if decision.turned.any():
            ends = read.limits or plan.form.limits
            values = keyed_values(values, decision.turned, unit[codes], reversal(ends))
        found += decision.findings
    else:
        grouped = KeyLayout(
            reverse=np.zeros(len(read.columns), dtype=bool),
            group=_groups(plan, read.columns),
        )
        sums = key_sums(read.clean, codes, len(frame), grouped)
        proof = evidence(sums, grouped, unit, len(studies))
        turned = np.zeros(proof.own.shape, dtype=bool)
        one, overall = against_rest(proof, grouped, turned)
        decision = KeyDecision(turned=turned, against=one | overall, findings=[])
    scored = pd.DataFrame(values, index=wide.index, columns=read.columns)
    if decision.against.any() and not any(
        f.finding.startswith("key_") and f.severity == "stop" for f in found
    ):
        found += _against(scored, plan, decision, samples, unit, rater)
    if alone and len(values) <= MOST_ROWS:
        contrary = bool(decision.turned.any())
        found += look_at_rows(
            read.values, read.columns, row, contrary=contrary, whose=rater
        )
        for scale, columns in plan.scales.items():
            found += look_at_interval(
                scored[list(columns)].to_numpy(),
                codes,
                len(frame),
                scale if rater is None else f"{rater} {scale}",
                read.limits,
                ci,
            )
    raw = None
    if alone and len(values) <= MOST_ROWS:
        raw = pd.DataFrame(read.values, index=wide.index, columns=read.columns)
    part = Part(rater=rater, answers=scored[list(plan.columns)], plan=plan, raw=raw)
    return part, found


def _groups(plan: ScalePlan, columns: Sequence[object]) -> IntArray:
    """Return for each item the smallest scale that holds it."""
    sizes = [(len(of), g) for g, of in enumerate(plan.scales.values())]
    holds = [set(of) for of in plan.scales.values()]
    group = [min((size, g) for size, g in sizes if c in holds[g])[1] for c in columns]
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def _against(
    scored: pd.DataFrame,
    plan: ScalePlan,
    decision: KeyDecision,
    samples: Samples,
    unit: IntArray,
    rater: str | None,
) -> list[Finding]:
    """Return a warning for each item that correlates negatively with its scale."""
    columns = list(scored.columns)
    names = samples.frame[CELL].to_numpy(dtype=object)
    found = []
    for j in np.flatnonzero(decision.against.any(axis=0)):
        item = columns[j]
        scales = [(len(of), name) for name, of in plan.scales.items() if item in of]
        if not scales:
            continue
        scale = max(scales)[1]
        of = list(plan.scales[scale])
        places = []
        for cell in np.flatnonzero(decision.against[unit, j])[:_MOST_ALPHAS]:
            rows = scored.loc[samples.codes == cell, of].dropna().to_numpy()
            if len(rows) < 3:
                continue
            turned = rows.copy()
            turned[:, of.index(item)] *= -1
            before, after = (
                float(alpha_of(np.cov(part, rowvar=False))) for part in (rows, turned)
            )
            if np.isfinite(before) and np.isfinite(after) and after > before:
                places.append((str(names[cell]), before, after))
        whose = scale if rater is None else f"{scale} ({rater})"
        found.append(against_finding(item, whose, places))
    return found
