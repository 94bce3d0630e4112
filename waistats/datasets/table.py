"""A table as it stands in its source, before anything is read into it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from waistats.datasets.findings import Place
from waistats.datasets.numbers import (
    NumberStyle,
    is_missing,
    number_style,
    parse_number,
    quoted,
)
from waistats.errors import DataError, listing
from waistats.format import is_damaged


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
        Labels of SPSS and Stata, by column.
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

    def place(self, row: int, column: str = "") -> Place:
        """Return where a row, or a cell of it, stands in the source."""
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


def clean_names(source: str, names: Sequence[Any]) -> list[str]:
    """Return column names as stripped text; a repeated name is a DataError."""
    texts = ["" if name is None else str(name).strip() for name in names]
    bad = [f"the column name {text!a}" for text in texts if is_damaged(text)]
    _refuse_halves(source, bad)
    repeated = {
        name: [i + 1 for i, other in enumerate(texts) if other == name]
        for name in dict.fromkeys(texts)
        if name and texts.count(name) > 1
    }
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
) -> RawTable:
    """Return a table of text cells; blank rows and nameless blank columns are no data.

    Rows keep their line numbers, so that leaving out blank rows moves no message.
    """
    names = clean_names(source, header)
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
    )
    refuse_second_header(table)
    return table


def refuse_unwritable(table: RawTable) -> None:
    """Raise a DataError for cells that no file can hold: halves of signs alone."""
    bad = []
    for j, name in enumerate(table.frame):
        cells = table.frame.iloc[:, j]
        if not is_numeric_dtype(cells.dtype):
            bad += [
                f"{cell!a} ({table.place(row, str(name)).label})"
                for row, cell in enumerate(cells)
                if is_damaged(cell)
            ]
    _refuse_halves(table.source, bad)


def _refuse_halves(source: str, bad: Sequence[str]) -> None:
    if bad:
        raise DataError(
            f"{source}: texts hold signs that are damaged (halves of a pair, or bytes "
            f"that were not decoded): {listing(bad, 500)}. Type them again."
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
