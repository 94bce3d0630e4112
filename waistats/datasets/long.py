"""Long files (one row an answer) to wide ones (one row a person)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from waistats.datasets.findings import runs
from waistats.datasets.numbers import is_missing, plain_text
from waistats.datasets.table import RawTable
from waistats.errors import DataError, ModelError, listing, near


def to_wide(
    table: RawTable,
    *,
    person: str | Sequence[str] | None,
    item: str | None,
    value: str | None,
) -> tuple[RawTable, list[str]]:
    """Return one row a person and the names of the item columns.

    Persons and items keep the order of their first answer; items that are numbers are
    named after the item column. Other columns must not change within a person.
    """
    if person is None or item is None or value is None:
        raise ModelError(
            "a long file needs all of person=, item= and value=: the columns of the "
            "person, of the item and of the answer."
        )
    keys = [person] if isinstance(person, str) else list(person)
    known = [str(name) for name in table.frame.columns]
    absent = [name for name in [*keys, item, value] if name not in known]
    if absent:
        said = ", ".join(f"{name!r}{near(name, known)}" for name in absent)
        raise DataError(
            f"{table.source}: has no column {said}; it has {listing(known)}."
        )
    texts = {
        name: [plain_text(cell) for cell in table.frame[name]] for name in [*keys, item]
    }
    _refuse_blank(table, texts)
    persons, first = _codes(list(zip(*(texts[name] for name in keys), strict=True)))
    items, first_item = _codes(texts[item])
    _refuse_twice(table, persons, items)
    rest = [n for n in known if n not in (item, value)]
    _refuse_changing(table, [n for n in rest if n not in keys], persons, first)
    answers = np.full((len(first), len(first_item)), None, dtype=object)
    answers[persons, items] = list(table.frame[value])
    names = _item_names([str(texts[item][i]) for i in first_item], item)
    clash = [name for name in names if name in rest]
    if clash:
        raise DataError(
            f"{table.source}: items and columns share the names {listing(clash)}. "
            "Rename these columns."
        )
    wide = {name: table.frame[name].iloc[first].to_list() for name in rest}
    wide |= {name: list(answers[:, j]) for j, name in enumerate(names)}
    return (
        replace(
            table,
            frame=pd.DataFrame(wide, dtype=object),
            numbers=tuple(table.numbers[i] for i in first) if table.numbers else (),
            labels=tuple(table.labels[i] for i in first) if table.labels else (),
            letters={},
        ),
        names,
    )


def _codes(values: Sequence[Any]) -> tuple[Any, list[int]]:
    """Return numbers in order of appearance, and where each value first stands."""
    seen: dict[Any, int] = {}
    first: list[int] = []
    codes = np.empty(len(values), dtype=np.int64)
    for i, value in enumerate(values):
        if value not in seen:
            seen[value] = len(first)
            first.append(i)
        codes[i] = seen[value]
    return codes, first


def _item_names(texts: list[str], item: str) -> list[str]:
    return [f"{item}{text}" if text.isdigit() else text for text in texts]


def _where(table: RawTable, rows: Sequence[int]) -> str:
    if table.labels:
        return listing((table.place(row).label for row in rows), 500)
    prefix = (
        f"{table.kind} " if table.kind in ("line", "row") else f"{table.kind}, row "
    )
    return runs(prefix, [table.numbers[row] for row in rows])


def _refuse_blank(table: RawTable, texts: dict[str, list[str | None]]) -> None:
    for name, values in texts.items():
        blank = [i for i, text in enumerate(values) if text is None]
        if blank:
            raise DataError(
                f"{table.source}: column {name!r} must be filled in every row of a "
                f"long file, but is empty in {_where(table, blank)}. Fill it or "
                "delete the rows."
            )


def _refuse_twice(table: RawTable, persons: Any, items: Any) -> None:
    pairs = pd.Series(persons).astype(str) + "/" + pd.Series(items).astype(str)
    twice = np.flatnonzero(pairs.duplicated(keep=False))
    if len(twice):
        raise DataError(
            f"{table.source}: a person answers an item more than once in "
            f"{_where(table, [int(i) for i in twice])}. Delete the repeated rows, or "
            "name all columns that identify a row in person=: study and session, say."
        )


def _refuse_changing(
    table: RawTable, rest: list[str], persons: Any, first: list[int]
) -> None:
    for name in rest:
        texts = np.array(
            [None if is_missing(c) else plain_text(c) for c in table.frame[name]],
            dtype=object,
        )
        expected = texts[first][persons]
        rows = [int(i) for i in np.flatnonzero(texts != expected)]
        if rows:
            raise DataError(
                f"{table.source}: column {name!r} changes within a person in "
                f"{_where(table, rows)}. Add it to person= if it identifies the row, "
                "or leave it out of the file."
            )
