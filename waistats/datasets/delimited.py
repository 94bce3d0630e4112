"""Delimited text to cells: encoding, delimiter, quoting, ragged rows."""

import codecs
import csv
import io
import re

from waistats.datasets.findings import runs
from waistats.datasets.table import RawTable, table_of_cells
from waistats.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f-\x84\x86-\x9f]")
_QUOTED = re.compile(r'"[^"]*"')


def read_delimited(
    source: str, content: bytes, *, encoding: str | None = None
) -> RawTable:
    """Return the cells of a CSV or tab-separated file, all as text.

    The delimiter is the commonest of comma, semicolon, tab and bar in the first line.
    Without ``encoding``, the text is read by its byte order mark, else as UTF-8, else
    as Windows-1252 (of which Latin-1 text is a part).
    """
    text = decode(source, content, encoding=encoding)
    # not splitlines(): it also parts at signs that may stand inside a cell
    lines = list(io.StringIO(text, newline=""))
    start = next((i for i, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise DataError(f"{source}: the file is empty. Choose a file with data.")
    told = re.fullmatch(r"sep=(.)", lines[start].strip("\r\n"))
    delimiter = told.group(1) if told else _delimiter(lines[start])
    start += 1 if told else 0
    header, rows, numbers = _parse(source, lines[start:], delimiter, start)
    _refuse_ragged(source, header, rows, numbers, delimiter)
    rows = [row[: len(header)] for row in rows]
    return table_of_cells(
        source, header, rows, numbers, kind="line", delimiter=delimiter
    )


def decode(source: str, content: bytes, *, encoding: str | None = None) -> str:
    """Return bytes as text, or raise a DataError where they are none."""
    if encoding is not None:
        tries = [encoding]
    else:
        marked = [name for bom, name in _BOMS if content.startswith(bom)]
        tries = marked[:1] or ["utf-8", "cp1252", "latin-1"]
    for name in tries:
        try:
            text = content.decode(name)
        except UnicodeError:
            continue
        except LookupError:
            raise DataError(
                f"{source}: encoding {encoding!r} is unknown. Try 'utf-8', 'latin-1' "
                "or 'utf-16'."
            ) from None
        if not _CONTROL.search(text):
            return text
    raise DataError(
        f"{source}: is no text in {' or '.join(tries)}; it looks like a binary file "
        "under another name. Give it the ending of its kind (.xlsx, .sav, .dta, "
        ".parquet) or save it as CSV in UTF-8."
    )


def _delimiter(line: str) -> str:
    bare = _QUOTED.sub("", line)
    return max(_DELIMITERS, key=bare.count)


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
            f"{source}: line {line + 1 + skipped} cannot be parted into columns "
            f"({error}). A quotation mark is probably not closed: mend that line."
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
        if len(row) < width or any(cell.strip() for cell in row[width:])
    ]
    if ragged:
        mark = {"\t": "tab"}.get(delimiter, repr(delimiter))
        raise DataError(
            f"{source}: every line must have {width} columns, as the first has, parted "
            f"by {mark}; other counts stand in {runs('line ', ragged)}. Mend these "
            "lines: a text that holds the delimiter needs quotation marks, a table "
            "with decimal commas needs semicolons, and notes do not belong below it."
        )
