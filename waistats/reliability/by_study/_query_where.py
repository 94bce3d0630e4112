"""Which rows are used, as part of the query: `waistats.io._where` in Ibis's words."""

import operator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from waistats.instruments._findings import Finding
from waistats.io._where import (
    SIZES,
    Comparison,
    check_where,
    evaluate,
    read_where,
    where_columns,
    words_by_size,
)
from waistats.reliability.by_study._intake import none_selected, rows_selected
from waistats.reliability.by_study._sources import (
    Source,
    fetch,
    name_of_text,
    number_of_text,
    without_nan,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """A column as numbers, as text, as whether a cell is missing.

    ``words`` says whether some cell is neither a number nor missing; ``text`` is None
    for a column of numbers.
    """

    number: Any
    text: Any
    missing: Any
    words: bool


def selected_rows(source: Source, where: str) -> tuple[Source, list[Finding]]:
    """Return the rows that meet a condition, and a note of how many they are.

    The source comes back as it is, with nothing said, where a column is neither text
    nor numbers: then the rows are selected once they are in memory.

    Raises
    ------
    DataError
        If a column does not exist, words are compared by size, or no row is left.
    """
    condition = read_where(where)
    check_where(condition, source.columns)
    table = source.table
    cells: dict[str, _Cells] = {}
    for name in where_columns(condition):
        found = _cells(table, name)
        if found is None:
            return source, []
        cells[name] = found

    def compare(of: Comparison) -> Any:
        return _compare(of, cells[of.column])

    chosen = evaluate(condition, compare)
    counted = table.aggregate(n=table.count(), kept=chosen.cast("int64").sum())
    row = fetch(counted).fillna(0).iloc[0]
    n, kept = int(row["n"]), int(row["kept"])
    if not kept:
        raise none_selected(where, n)
    used = replace(source, table=table.filter(chosen), selected=True)
    return used, [rows_selected(where, kept, n)]


def _cells(table: Any, name: str) -> _Cells | None:
    column = table[name]
    kind = column.type()
    if kind.is_string():
        number, bad = number_of_text(column)
        words = bool(fetch(table.aggregate(bad=bad.cast("int64").sum()))["bad"][0] > 0)
        text = name_of_text(column)
        # a dot is no answer among numbers, and a word among words
        missing = (text if words else number).isnull()
        return _Cells(number=number, text=text, missing=missing, words=words)
    if kind.is_numeric() and not kind.is_boolean():
        number = without_nan(column.cast("float64"))
        missing = number.isnull()
        return _Cells(number=number, text=None, missing=missing, words=False)
    return None


def _compare(of: Comparison, cells: _Cells) -> Any:
    if of.sign == "missing":
        return cells.missing
    if of.sign in SIZES:
        if cells.words or not isinstance(of.values[0], float):
            raise words_by_size(of)
        return SIZES[of.sign](cells.number, of.values[0]).fill_null(False)
    each = [_equals(value, cells).fill_null(False) for value in of.values]
    equal = reduce(operator.or_, each)
    if of.sign == "!=":
        return ~equal & ~cells.missing
    return equal & ~cells.missing


def _equals(value: float | str, cells: _Cells) -> Any:
    if isinstance(value, float):
        return cells.number == value
    if cells.text is not None:
        return cells.text == value
    try:
        return cells.number == float(value)
    except ValueError:
        return cells.missing & ~cells.missing
