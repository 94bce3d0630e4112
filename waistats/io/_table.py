"""A table as its source has it, before anything is read into it."""

import unicodedata
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from waistats._caller import option
from waistats._format import counted, is_damaged
from waistats._identifiers import Word
from waistats.errors import DataError, ModelError, listing
from waistats.io._exports import recognise
from waistats.io._findings import Place
from waistats.io._numbers import (
    MISSING_NUMBERS,
    NumberStyle,
    _texts,
    is_missing,
    number_style,
    parse_number,
    quoted,
)

# signs that letters of some scripts need
_JOINERS = "\u200c\u200d"
# wider tables are refused: reading takes time for each column
MOST_COLUMNS = 32_767


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawTable:
    """Cells as a source holds them, and where each stands.

    Attributes
    ----------
    source : str
        The file as the user named it, for messages.
    frame : DataFrame
        The cells, rows counted from 0.
    numbers : tuple of int or None
        The line, row or spreadsheet row of each row of ``frame``.
    kind : str
        ``"line"``, ``"row"`` or the name of a sheet.
    letters : dict
        Of a sheet, the letter of each column.
    labels : tuple of str
        Row labels of a frame given by the user; else empty.
    style : NumberStyle
        How its numbers are written.
    column_labels, value_labels : dict
        Labels of SPSS and Stata, by column; the questions of a survey program.
    spelled : dict
        Of columns of numbers that come from text, how each number was spelled.
    notes : tuple of str
        What was decided when the table was read.
    codes : bool
        Whether answers may be codes such as ``A1 ... A5``.
    renamed : dict
        Columns that the user renamed, old name to new.
    """

    source: str
    frame: pd.DataFrame
    numbers: tuple[int, ...] = ()
    kind: str = "line"
    letters: dict[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    style: NumberStyle = field(default_factory=NumberStyle)
    column_labels: dict[str, str] = field(default_factory=dict)
    value_labels: dict[str, dict[Any, str]] = field(default_factory=dict)
    spelled: dict[str, dict[Any, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    codes: bool = False
    renamed: dict[str, str] = field(default_factory=dict)

    def place(self, row: int, column: str = "") -> Place:
        """Return where a row, or a cell of it, is in the source."""
        if self.labels:
            return Place(label=f"row {self.labels[row]}")
        number = self.numbers[row]
        if self.kind in ("line", "row"):
            return Place(
                label=f"{self.kind} {number}", prefix=f"{self.kind} ", number=number
            )
        prefix = f"{self.kind}!{self.letters.get(column, '')}"
        label = f"{prefix}{number}" if column else f"{self.kind}, row {number}"
        return Place(label=label, prefix=prefix, number=number)


# Jumps in the numbering of rows beyond which they are not kept.
_MOST_JUMPS = 5000


def row_starts(table: RawTable) -> tuple[tuple[int, int], ...]:
    """Return position and number of each row where the numbering starts or jumps.

    Nothing for a frame of the user, whose rows have labels of their own.
    """
    if not table.numbers or table.labels:
        return ()
    numbers = np.asarray(table.numbers)
    jumps = np.flatnonzero(np.diff(numbers) != 1) + 1
    if len(jumps) > _MOST_JUMPS:
        return ()
    return tuple((int(i), int(numbers[i])) for i in (0, *jumps.tolist()))


# characters of a column name; a cell of a workbook holds at most as many
_LONGEST_NAME = 32_767


def _seen(name: str) -> str:
    """Return a name without signs that nobody sees: marks of direction, soft hyphens."""
    if name.isascii():
        return name
    return "".join(c for c in name if unicodedata.category(c) != "Cf" or c in _JOINERS)


def clean_names(source: str, names: Sequence[Any]) -> list[str]:
    """Return column names as stripped text; a repeated name is a DataError."""
    texts = ["" if name is None else _seen(str(name)).strip() for name in names]
    if long := [
        i for i, text in enumerate(texts, start=1) if len(text) > _LONGEST_NAME
    ]:
        raise DataError(
            f"{source}: the name of column {long[0]} has more than {_LONGEST_NAME:,} "
            "characters. Check that the first row holds the names."
        )
    bad = [f"the column name {text!a}" for text in texts if is_damaged(text)]
    _refuse_halves(source, bad)
    places: dict[str, list[int]] = {}
    for i, name in enumerate(texts, start=1):
        places.setdefault(name, []).append(i)
    repeated = {name: of for name, of in places.items() if name and len(of) > 1}
    if repeated:
        said = "; ".join(
            f"{name!r} in columns {listing(where)}" for name, where in repeated.items()
        )
        raise DataError(
            f"{source}: columns must have different names, but there is {said}. "
            "Rename or delete the repeated ones."
        )
    return texts


def table_of_cells(
    source: str,
    header: Sequence[Any],
    rows: Sequence[Sequence[Any]],
    numbers: Sequence[int],
    *,
    kind: str,
    letters: Sequence[str] = (),
    delimiter: str = "",
    notes: Sequence[str] = (),
) -> RawTable:
    """Return a table of text cells; blank rows and nameless blank columns are no data.

    Rows that a survey program puts below the names are no data either. Rows keep their
    line numbers, so that leaving some out moves no message.
    """
    if len(header) > MOST_COLUMNS:
        raise DataError(
            f"{source}: {counted(len(header), 'column')}, but at most {MOST_COLUMNS:,} are "
            "read, as many as SPSS holds. Check the delimiter, or leave out the columns "
            "that are not needed."
        )
    names = clean_names(source, header)
    export = recognise(names, rows)
    if export is not None:
        rows, numbers = rows[export.skip :], numbers[export.skip :]
        notes = [*notes, *(f"{source}: {note}" for note in export.notes)]
    filled = [i for i, row in enumerate(rows) if not all(map(_blank, row))]
    numbers = [numbers[i] for i in filled]
    columns = list(zip(*(rows[i] for i in filled), strict=True)) or [()] * len(names)
    keep = []
    for j, name in enumerate(names):
        if not name and not all(map(_blank, columns[j])):
            if j == 0 and _counts_rows(columns[j]):
                continue
            where = f"column {letters[j]}" if letters else f"column {j + 1}"
            raise DataError(
                f"{source}: {where} holds values but has no name in the first row. "
                "Give it a name."
            )
        if name:
            keep.append(j)
    if not keep:
        raise DataError(
            f"{source}: no column names found. The first row must hold them."
        )
    if not filled:
        raise DataError(
            f"{source}: there are column names ({listing(names[j] for j in keep)}) but "
            "no rows below them. Add the data."
        )
    cells = {names[j]: list(columns[j]) for j in keep}
    style = number_style(
        (cell for column in cells.values() for cell in column), delimiter=delimiter
    )
    table = RawTable(
        source=source,
        frame=pd.DataFrame(cells, dtype=object),
        numbers=tuple(numbers),
        kind=kind,
        letters={names[j]: letters[j] for j in keep} if letters else {},
        style=style,
        column_labels=export.questions if export is not None else {},
        notes=tuple(notes),
        codes=export is not None and export.codes,
    )
    refuse_second_header(table)
    return table


def refuse_unwritable(table: RawTable) -> None:
    """Raise a DataError for cells that no file can hold: halves of signs alone."""
    bad = []
    for j, name in enumerate(table.frame):
        cells = table.frame.iloc[:, j]
        if is_numeric_dtype(cells.dtype) or not any(
            map(is_damaged, set(_texts(cells)))
        ):
            continue
        bad += [
            f"{cell!a} ({table.place(row, str(name)).label})"
            for row, cell in enumerate(cells)
            if is_damaged(cell)
        ]
    _refuse_halves(table.source, bad)


def with_missing_words(table: RawTable, words: Sequence[str] | None) -> RawTable:
    """Return the table with further words that mean that nothing is there.

    None keeps the usual words (NA, N/A, NaN; in columns of numbers also null, none, a
    dot and dashes), a sequence adds to them, and an empty one turns them off.
    """
    if words is None:
        return table
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        raise ModelError(
            f"{option('missing_words')} must be a list of words, such as "
            f"['Prefer not to say']; got {words!r}."
        )
    named = {" ".join(word.split()).casefold() for word in words} - {""}
    columns: dict[int, list[Any]] = {}
    for j in range(len(table.frame.columns)):
        cells = table.frame.iloc[:, j]
        if is_numeric_dtype(cells.dtype):
            continue
        texts = {cell: _kept(cell, named) for cell in set(_texts(cells))}
        changed = {k: v for k, v in texts.items() if v is not k}
        if changed:
            columns[j] = [changed.get(c, c) if isinstance(c, str) else c for c in cells]
    if not columns:
        return table
    frame = pd.DataFrame(
        {
            name: pd.Series(columns[j], dtype=object) if j in columns else of
            for j, (name, of) in enumerate(table.frame.items())
        }
    )
    return replace(table, frame=frame)


def _kept(cell: str, named: Set[str]) -> str | None:
    text = " ".join(cell.split()).casefold()
    if not named:
        return Word(cell) if text in MISSING_NUMBERS and text else cell
    return None if text in named else cell


def _refuse_halves(source: str, bad: Sequence[str]) -> None:
    if bad:
        raise DataError(
            f"{source}: text contains invalid characters (unpaired surrogates or "
            f"undecoded bytes): {listing(bad, 500)}. Retype them."
        )


def _blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _counts_rows(cells: Sequence[Any]) -> bool:
    """Return whether cells are the row numbers that R and pandas write."""
    texts = [str(cell).strip() for cell in cells]
    return any(
        texts == [str(i) for i in range(first, first + len(texts))] for first in (0, 1)
    )


def refuse_second_header(table: RawTable) -> None:
    """Raise a DataError where the first row of data names columns again.

    That is: text where every filled cell of the rows below is a number, in at least two
    columns and in all columns of numbers. The next 50 rows are enough to tell.
    """
    # a column of numbers by its type has a number in the first row, too
    if len(table.frame) < 2 or any(map(is_numeric_dtype, table.frame.dtypes)):
        return
    number_columns = []
    for name in table.frame:
        first, *rest = table.frame[name].iloc[:51]
        filled = [cell for cell in rest if not is_missing(cell)]
        if filled and not any(parse_number(cell, table.style)[1] for cell in filled):
            if is_missing(first) or not parse_number(first, table.style)[1]:
                return
            number_columns.append(str(name))
    if len(number_columns) >= 2:
        where = table.place(0).label
        shown = listing(quoted(table.frame[name].iloc[0]) for name in number_columns)
        raise DataError(
            f"{table.source}: {where} looks like a second row of column names "
            f"({shown}). Only the first row may name columns: delete it."
        )
