"""Delimited text to cells: delimiter, quoting, titles above the names, ragged rows."""

import csv
import io
import re

from waistats._caller import option
from waistats._format import counted
from waistats.errors import DataError
from waistats.io._encoding import decode
from waistats.io._findings import runs
from waistats.io._numbers import quoted
from waistats.io._table import RawTable, table_of_cells

_DELIMITERS = (",", ";", "\t", "|")
_QUOTED = re.compile(r'"[^"]*"')
_NAMED = {"\t": "tab"}
# Lines that are looked at for a title above the names, and the columns of a table.
_HEAD = 30
_TABLE = 3


def read_delimited(
    source: str, content: bytes, *, encoding: str | None = None, skip_rows: int = 0
) -> RawTable:
    """Return the cells of a CSV or tab-separated file, all as text.

    The delimiter is the most common of comma, semicolon, tab and bar in the line of the
    names, which is the first after ``skip_rows`` lines. Without ``encoding``, the
    encoding is found by evidence, or the file is refused (see `decode`).
    """
    decoded = decode(source, content, encoding=encoding, option=option("encoding"))
    # not splitlines(): it also parts at signs that may stand inside a cell
    lines = list(io.StringIO(decoded.text, newline=""))
    start, delimiter = find_names(source, lines, skip_rows)
    header, rows, numbers = _parse(source, lines[start:], delimiter, start)
    _refuse_ragged(source, header, rows, numbers, delimiter)
    rows = [row[: len(header)] for row in rows]
    return table_of_cells(
        source,
        header,
        rows,
        numbers,
        kind="line",
        delimiter=delimiter,
        notes=(decoded.note,) if decoded.note else (),
    )


def find_names(source: str, lines: list[str], skip_rows: int) -> tuple[int, str]:
    """Return the position of the line that names the columns, and the delimiter.

    Raises
    ------
    DataError
        If there is no such line, or it looks like a title above the names.
    """
    if lines and skip_rows >= len(lines):
        raise DataError(
            f"{source}: has {counted(len(lines), 'line')}, so nothing is left after "
            f"{option('skip_rows', skip_rows)}."
        )
    filled = [i for i, line in enumerate(lines) if line.strip() and i >= skip_rows]
    if not filled:
        raise DataError(f"{source}: the file is empty. Choose a file with data.")
    start = filled[0]
    told = re.fullmatch(r"sep=(.)", lines[start].strip("\r\n"))
    if told:
        return start + 1, told.group(1)
    _refuse_title(source, lines, filled[:_HEAD])
    return start, _delimiter(lines[start])


def _delimiter(line: str) -> str:
    bare = _QUOTED.sub("", line)
    return max(_DELIMITERS, key=bare.count)


def _cells(line: str, delimiter: str) -> int:
    """Return how many cells of a line are filled."""
    bare = _QUOTED.sub("x", line)
    return sum(bool(cell.strip()) for cell in bare.split(delimiter))


def _refuse_title(source: str, lines: list[str], filled: list[int]) -> None:
    """Raise a DataError where single cells stand above a row of names."""
    first = filled[0]
    if lines[first].count('"') % 2:
        return
    for place in filled[1:]:
        delimiter = _delimiter(lines[place])
        if _cells(lines[place], delimiter) < _TABLE:
            continue
        above = [i for i in filled if i < place]
        if all(_cells(lines[i], delimiter) == 1 for i in above):
            raise DataError(
                f"{source}: line {first + 1} is a title ({quoted(lines[first])}), not "
                f"the names of the columns, which seem to be in line {place + 1}. Give "
                f"{option('skip_rows', place)}, or delete the lines above the names."
            )
        return


def _quotes(said: str) -> str:
    """Return why a line cannot be split, and what to do, for an error of csv."""
    if "expected after" in said:
        return (
            "text follows a closing quotation mark. Remove the quotation marks inside the "
            "cell, or double them."
        )
    if "field limit" in said:
        return (
            f"a cell is longer than {csv.field_size_limit():,} characters. A quotation "
            "mark is probably not closed: correct that line."
        )
    return "a quotation mark is not closed. Correct that line."


def _parse(
    source: str, lines: list[str], delimiter: str, skipped: int
) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the header, the rows that hold anything, and the line each begins on."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] = []
    rows: list[list[str]] = []
    numbers: list[int] = []
    line = 0
    try:
        for row in reader:
            begins, line = line + 1, reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = row
            else:
                rows.append(row)
                numbers.append(begins + skipped)
    except csv.Error as error:
        raise DataError(
            f"{source}: line {line + 1 + skipped} cannot be split into columns: "
            f"{_quotes(str(error))}"
        ) from error
    if not header:
        raise DataError(f"{source}: the file is empty. Choose a file with data.")
    return header, rows, numbers


def _refuse_ragged(
    source: str,
    header: list[str],
    rows: list[list[str]],
    numbers: list[int],
    delimiter: str,
) -> None:
    width = len(header)
    ragged = [
        number
        for row, number in zip(rows, numbers, strict=True)
        if len(row) != width
        and (len(row) < width or any(c.strip() for c in row[width:]))
    ]
    if ragged:
        mark = _NAMED.get(delimiter, repr(delimiter))
        raise DataError(
            f"{source}: every line must have {counted(width, 'column')}, like the "
            f"first, separated by {mark}; the number differs in "
            f"{runs('line ', ragged)}. Correct these lines: a text that holds the "
            "delimiter needs quotation marks, a table with decimal commas needs "
            "semicolons, and notes do not belong below it."
        )
