"""One row per answer -> one row per person: the only place where a long table turns.

The reader of files and the coefficients by study both come here, with the rows named
as each of them knows them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._typing import IntArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.io._findings import runs
from waistats.io._numbers import is_missing, plain_text, plain_texts
from waistats.io._table import RawTable

# rows of a table in words: "lines 2, 4"
Where = Callable[[IntArray], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LongColumns:
    """Columns of a table with one row per answer.

    Attributes
    ----------
    person : tuple of str
        Columns that identify a respondent.
    item, value : str
        Columns of the item and of the answer.
    """

    person: tuple[str, ...]
    item: str
    value: str

    @property
    def options(self) -> dict[str, Any]:
        """The options that name these columns."""
        person = self.person[0] if len(self.person) == 1 else list(self.person)
        return {"person": person, "item": self.item, "value": self.value}


def long_columns(
    person: str | Sequence[str] | None, item: str | None, value: str | None
) -> LongColumns:
    """Return the columns of a long table; a ModelError where one is not named."""
    if person is None or item is None or value is None:
        raise ModelError(
            f"a long table, with one row per answer, needs all of {option('person')}, "
            f"{option('item')} and {option('value')}: the columns of the respondent, of "
            "the item and of the answer."
        )
    people = (person,) if isinstance(person, str) else tuple(person)
    return LongColumns(person=people, item=item, value=value)


def item_name(text: str, item: str) -> str:
    """Return the column of an item; numbers are named after the item column."""
    return f"{item}{text}" if text.isdigit() else text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WideShape:
    """Places of the answers of a long table in the wide one.

    Persons and items keep the order of their first answer.

    Attributes
    ----------
    person, item : ndarray of int, shape (N,)
        Row and column of each answer.
    first : ndarray of int
        Row of the long table in which each person stands first.
    names : tuple of str
        Columns of the items.
    """

    person: IntArray
    item: IntArray
    first: IntArray
    names: tuple[str, ...]

    def spread(self, answers: Any, dtype: Any) -> np.ndarray:
        """Return the answers, one row per person; what is not there is missing."""
        empty = None if dtype is object else np.nan
        wide = np.full((len(self.first), len(self.names)), empty, dtype=dtype)
        wide[self.person, self.item] = answers
        return wide


def wide_shape(
    keys: Mapping[str, "pd.Series[Any]"],
    item: tuple[str, "pd.Series[Any]"],
    *,
    where: Where,
    others: Collection[str] = (),
    source: str = "",
) -> WideShape:
    """Return the shape of the wide table.

    Parameters
    ----------
    keys : mapping of str to Series
        Columns that identify a person, as text.
    item : tuple of str and Series
        Name of the item column, and the item of each row, as text.
    where : callable
        Names rows, given by their positions.
    others : collection of str
        Columns that the wide table has besides the items.
    source : str, optional
        Name of the file, for messages.

    Raises
    ------
    DataError
        If a person or an item is blank, if a person answers an item twice, or if an item
        is named like another column.
    """
    at = f"{source}: " if source else ""
    name, texts = item
    blank = {
        column: np.flatnonzero(values.isna().to_numpy())
        for column, values in [*keys.items(), item]
    }
    told = [f"{c!r} in {where(rows)}" for c, rows in blank.items() if len(rows)]
    if told:
        raise DataError(
            f"{at}every row of a long table must name its person and its item, but "
            f"there is no {'; no '.join(told)}. Fill the cells in or delete the rows."
        )
    joined = pd.DataFrame({str(i): values for i, values in enumerate(keys.values())})
    person = pd.factorize(pd.MultiIndex.from_frame(joined))[0].astype(np.int64)
    column, items = pd.factorize(texts)
    twice = pd.Series(person * len(items) + column).duplicated(keep=False)
    if twice.any():
        raise DataError(
            f"{at}a person answers an item more than once in "
            f"{where(np.flatnonzero(twice))}. Delete the repeated rows, or name every "
            f"column that identifies a person in {option('person')}, for example study "
            "and session."
        )
    names = tuple(item_name(str(text), name) for text in items)
    clash = [one for one in names if one in others]
    if clash:
        raise DataError(
            f"{at}items and columns share the names {listing(clash)}. Rename these "
            "columns."
        )
    return WideShape(
        person=person,
        item=column.astype(np.int64),
        first=np.unique(person, return_index=True)[1].astype(np.int64),
        names=names,
    )


def to_wide(
    table: RawTable,
    *,
    person: str | Sequence[str] | None,
    item: str | None,
    value: str | None,
) -> tuple[RawTable, list[str]]:
    """Return one row per person and the names of the item columns.

    Columns other than item and answer must not change within a person.
    """
    long = long_columns(person, item, value)
    known = [str(name) for name in table.frame.columns]
    keys = dict.fromkeys(long.person)
    absent = [name for name in [*keys, long.item, long.value] if name not in known]
    if absent:
        said = ", ".join(f"{name!r}{near(name, known)}" for name in absent)
        raise DataError(
            f"{table.source}: has no column {said}; it has {listing(known)}."
        )

    def where(rows: IntArray) -> str:
        return _where(table, rows.tolist())

    def texts(name: str) -> "pd.Series[Any]":
        return pd.Series(plain_texts(table.frame[name]), dtype=object)

    rest = [n for n in known if n not in (long.item, long.value)]
    shape = wide_shape(
        {name: texts(name) for name in keys},
        (long.item, texts(long.item)),
        where=where,
        others=rest,
        source=table.source,
    )
    _refuse_changing(table, [n for n in rest if n not in keys], shape, where)
    first = shape.first.tolist()
    answers = shape.spread(table.frame[long.value].to_list(), object)
    wide = {name: table.frame[name].iloc[first].to_list() for name in rest}
    wide |= {name: list(answers[:, j]) for j, name in enumerate(shape.names)}
    return (
        replace(
            table,
            frame=pd.DataFrame(wide, dtype=object),
            numbers=tuple(table.numbers[i] for i in first) if table.numbers else (),
            labels=tuple(table.labels[i] for i in first) if table.labels else (),
            letters={},
        ),
        list(shape.names),
    )


def _where(table: RawTable, rows: Sequence[int]) -> str:
    if table.labels:
        return listing((table.place(row).label for row in rows), 500)
    prefix = (
        f"{table.kind} " if table.kind in ("line", "row") else f"{table.kind}, row "
    )
    return runs(prefix, [table.numbers[row] for row in rows])


def _refuse_changing(
    table: RawTable, rest: list[str], shape: WideShape, where: Where
) -> None:
    for name in rest:
        texts = np.array(
            [None if is_missing(c) else plain_text(c) for c in table.frame[name]],
            dtype=object,
        )
        rows = np.flatnonzero(texts != texts[shape.first][shape.person])
        if len(rows):
            raise DataError(
                f"{table.source}: column {name!r} changes within a person in "
                f"{where(rows)}. Add it to {option('person')} if it identifies the "
                "row, or leave it out of the file."
            )
