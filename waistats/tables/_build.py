"""A frame to a TableSpec, by the sheet of labels."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import (
    MISSING,
    cell,
    coefficient,
    count,
    fixed,
    interval,
    level,
    p_value,
    percent,
)
from waistats._labels import LABELS, LIMITS, column_words, decimals
from waistats.errors import DataError, listing
from waistats.provenance import SIMULATED as MARK, is_simulated
from waistats.tables._paper import LETTERS, for_paper, without_repeats
from waistats.tables._spec import Column, Show, TableSpec, head
from waistats.tables._typeset import Runs, markup, plain

SIMULATED = f"The data are {MARK}."


def simulated(*data: Any) -> str:
    """Return what a note says of tables or results of which any is SIMULATED."""
    return SIMULATED if any(is_simulated(one) for one in data) else ""


def blank(value: Any) -> bool:
    """Return whether a cell holds nothing."""
    if value is None or (isinstance(value, str) and value == ""):
        return True
    return bool(np.ndim(value) == 0 and pd.isna(value))


def number(value: Any) -> float | None:
    """Return a number, None for a blank cell."""
    return None if blank(value) else float(value)


def words(value: Any) -> str:
    """Return a word, a dash for a missing one."""
    return MISSING if blank(value) else str(value)


def whole(value: Any) -> str:
    """Return a count."""
    return count(number(value))


def year(value: Any) -> str:
    """Return a year, without a comma."""
    return MISSING if blank(value) else str(int(float(value)))


def degree(value: Any) -> str:
    """Return degrees of freedom: whole ones whole, others with one decimal."""
    found = number(value)
    return fixed(found, 0 if found is not None and found.is_integer() else 1)


def _degrees(df: Any, denominator: Any) -> str:
    shown = [degree(v) for v in (df, denominator) if not blank(v)]
    return ", ".join(shown) or MISSING


def fixed_to(digits: int) -> Show:
    """Return a formatter with so many decimals."""
    return partial(_fixed, digits=digits)


def _fixed(value: Any, digits: int) -> str:
    return fixed(number(value), digits)


def coefficient_to(digits: int) -> Show:
    """Return a formatter of reliabilities with so many decimals."""
    return partial(_coefficient, digits=digits)


def _coefficient(value: Any, digits: int) -> str:
    return coefficient(number(value), digits)


def percent_to(digits: int) -> Show:
    """Return a formatter of percentages with so many decimals."""
    return partial(_percent, digits=digits)


def _percent(value: Any, digits: int) -> str:
    return percent(number(value), digits)


def probability(value: Any) -> str:
    """Return a p value."""
    return p_value(number(value))


_SHOWS: Mapping[str, Show] = {
    "words": words,
    "count": whole,
    "year": year,
    "p": probability,
    "df": degree,
    "percent": fixed_to(1),
    "number": fixed_to(3),
    "number1": fixed_to(1),
    "number2": fixed_to(2),
    "coefficient3": coefficient_to(3),
}


def spec(
    frame: pd.DataFrame,
    *,
    name: str,
    caption: str,
    notes: Iterable[str] = (),
    coefficients: bool = True,
    conf_level: float = 0.95,
    heads: Mapping[str, str] | None = None,
    shows: Mapping[str, Show] | None = None,
    groups: str | None = None,
    by: Mapping[str, str] | None = None,
    ranges: Iterable[str] = (),
    digits: int | None = None,
    sortable: bool = False,
    explain: bool = True,
    footnotes: Iterable[str] = (),
    lean: bool = True,
) -> TableSpec:
    """Return a frame as a table.

    Parameters
    ----------
    frame : DataFrame
        Unrounded; pairs such as ``ci_low, ci_high`` become one column.
    name : str
        Short name of the table, for identifiers.
    caption : str
        What stands above it.
    notes : iterable of str
        Sentences of the note below; empty ones are omitted, and what is for who
        computes alone: code, and what to do.
    coefficients : bool, default True
        Whether estimates are reliabilities, or values on a model's scale.
    conf_level : float, default 0.95
        Confidence level.
    heads, shows : mapping, optional
        Heads (in markup) and formatters of columns instead of those of the sheet.
    groups : str, optional
        Column whose values head groups of rows.
    by : mapping, optional
        Columns whose formatters take another column's value first: its name.
    ranges : iterable of str
        Pairs such as ``n_min, n_max`` that become one column, ``12–36``.
    digits : int, optional
        Decimals of reliabilities; 2, or 3 where one would be shown as 1.00.
    sortable : bool, default False
        Whether a page lets its reader sort the rows.
    explain : bool, default True
        Whether the note explains abbreviations of the heads.
    footnotes : iterable of str
        Columns whose sentences stand below the table, a letter in the row leading to
        each; what is said of every row is said once.
    lean : bool, default True
        Whether a column that repeats another, or never changes, becomes a note.
    """
    kept = [said for note in notes if (said := for_paper(note))]
    if "provenance" in frame and set(frame["provenance"].astype(str)) <= {MARK}:
        if len(frame) and SIMULATED not in kept:
            kept.append(SIMULATED)
        frame = frame.drop(columns="provenance")
    frame = frame.reset_index(drop=True)
    frame.columns = [str(c) for c in frame.columns]
    frame, below = _footnoted(frame, [c for c in footnotes if c in frame])
    kept += below
    most = digits or (_digits(frame) if coefficients else 2)
    bounded = coefficient_to(most) if coefficients else fixed_to(3)
    forms = _Forms(bounded, most, conf_level, heads or {}, shows or {}, by or {})
    columns = [
        c for c in _columns(frame, forms, set(ranges)) if c.name not in {groups, _MARK}
    ]
    if _MARK in frame:
        columns[0] = _marked_column(columns[0])
    if explain and (said := abbreviations(columns)):
        kept.insert(0, said)
    made = TableSpec(
        frame=frame,
        columns=tuple(columns),
        caption=caption,
        notes=tuple(kept),
        name=name,
        groups=groups,
        sortable=sortable,
    )
    return without_repeats(made) if lean else made


_MARK = "footnote mark"


def _footnoted(
    frame: pd.DataFrame, names: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return a frame with one letter per row for what its notes say, and the notes."""
    below: list[str] = []
    marks = [""] * len(frame)
    letters: dict[str, str] = {}
    for name in names:
        texts = ["" if blank(v) else for_paper(str(v).strip()) for v in frame[name]]
        if len(set(texts)) == 1:
            below += [_as_sentence(texts[0])] if texts[0] else []
            continue
        for i, text in enumerate(texts):
            if text:
                letter = letters.setdefault(text, _letter(len(letters)))
                marks[i] += letter
    frame = frame.drop(columns=list(names))
    if letters:
        frame = frame.assign(**{_MARK: marks})
    below += [f"{letter} {_as_sentence(text)}" for text, letter in letters.items()]
    return frame, below


def _letter(position: int) -> str:
    if position < len(LETTERS):
        return LETTERS[position]
    first, second = divmod(position, len(LETTERS))
    return LETTERS[first - 1] + LETTERS[second]


def _as_sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _marked_column(column: Column) -> Column:
    return replace(
        column,
        sources=(_MARK, *column.sources),
        show=partial(_marked, column.show),
    )


def _marked(show: Show, mark: str, *values: Any) -> str:
    return f"{show(*values)}{mark}"


@dataclass(frozen=True, slots=True)
class _Forms:
    """How the columns of a table are headed and shown."""

    bounded: Show
    digits: int
    conf_level: float
    heads: Mapping[str, str]
    shows: Mapping[str, Show]
    by: Mapping[str, str]


def _columns(frame: pd.DataFrame, forms: _Forms, ranges: set[str]) -> Iterable[Column]:
    for name in frame.columns:
        stem, _, end = name.rpartition("_")
        if end == "high" and f"{stem}_low" in frame:
            continue
        if end == "low" and f"{stem}_high" in frame:
            kind = LIMITS.get(stem, (stem, ""))[0]
            title = forms.heads.get(stem, f"{level(forms.conf_level)} {kind}")
            show = forms.shows.get(stem, forms.bounded)
            ends, by = (name, f"{stem}_high"), forms.by.get(stem)
            yield limits_column(stem, title, *ends, show, by)
            continue
        if stem in ranges:
            if end == "min":
                yield _range_column(stem, forms)
            continue
        if name == "df_denominator" and "df" in frame:
            continue
        title_runs = _head(name, forms.heads)
        if name == "df" and "df_denominator" in frame:
            yield Column(
                name=name,
                head=title_runs,
                sources=("df", "df_denominator"),
                show=_degrees,
                numeric=True,
            )
            continue
        values = frame[name]
        show = forms.shows.get(name) or _show(name, values, forms.bounded, forms.digits)
        numeric = pd.api.types.is_numeric_dtype(values) and values.dtype != bool
        by = forms.by.get(name)
        yield Column(
            name=name,
            head=title_runs,
            sources=(name,),
            show=show,
            numeric=numeric,
            by=by,
        )


def _range_column(stem: str, forms: _Forms) -> Column:
    """Return the column of the least and the most of several values; one of one."""
    return Column(
        name=stem,
        head=_head(stem, forms.heads),
        sources=(f"{stem}_min", f"{stem}_max"),
        show=partial(_range, forms.shows[stem]),
    )


def _range(show: Show, low: Any, high: Any) -> str:
    if blank(low):
        return ""
    return "–".join(dict.fromkeys([show(low), show(high)]))


def limits_column(
    name: str, title: str, low: str, high: str, show: Show, by: str | None = None
) -> Column:
    """Return the column of an interval, shown in brackets."""
    return Column(
        name=name,
        head=markup(title),
        sources=(low, high),
        show=partial(_interval, show),
        ends=show,
        by=by,
    )


def _interval(show: Show, *values: Any) -> str:
    *key, low, high = values
    return interval(number(low), number(high), partial(show, *key))


def _head(name: str, heads: Mapping[str, str]) -> Runs:
    if name in heads:
        return markup(heads[name])
    label = LABELS.get(name)
    return head(column_words(name)) if label is None else markup(label.head)


def _show(name: str, values: pd.Series, bounded: Show, digits: int) -> Show:
    """Return how the values of a column are shown."""
    if any(isinstance(value, str) for value in values):
        return words
    label = LABELS.get(name)
    kind = "" if label is None else label.show
    if name.endswith("_p"):
        kind = "p"
    if not pd.api.types.is_numeric_dtype(values) or values.dtype == bool:
        return partial(_cell, name)
    if kind == "bounded":
        return bounded
    if kind == "coefficient":
        return coefficient_to(digits)
    if kind in _SHOWS and kind != "words":
        return _SHOWS[kind]
    if pd.api.types.is_integer_dtype(values):
        return _integer
    return fixed_to(3)


def _cell(name: str, value: Any) -> str:
    return MISSING if blank(value) else cell(name, value, 3)


def _integer(value: Any) -> str:
    return MISSING if blank(value) else str(int(value))


def _digits(frame: pd.DataFrame) -> int:
    names = [c for c in ("estimate", "ci_high", "pi_high", "max") if c in frame]
    numbers = [pd.to_numeric(frame[c], errors="coerce").to_numpy(float) for c in names]
    return decimals(np.concatenate(numbers)) if numbers else 2


def abbreviations(columns: Sequence[Column]) -> str:
    """Return a sentence that explains the heads which abbreviate something."""
    said: dict[str, str] = {}
    for column in columns:
        title = column.title
        for kind, words_ in LIMITS.values():
            if re.search(rf"\b{kind}\b", title):
                said[kind] = words_
        label = LABELS.get(column.name)
        if (
            label is not None
            and label.stands_for
            and plain(markup(label.head)) == title
        ):
            # what stands below the line in the head does so in the note
            said[label.head.replace("*", "")] = label.stands_for
    parts = [f"{short} = {long}" for short, long in said.items()]
    return "; ".join(parts) + "." if parts else ""


def check_columns(frame: pd.DataFrame, names: Sequence[str], maker: str) -> None:
    """Raise a DataError for a frame of another kind."""
    absent = [name for name in names if name not in frame]
    if absent:
        raise DataError(f"The frame lacks {listing(absent)}; make it with {maker}.")
