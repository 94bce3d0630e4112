"""Spreadsheets to cells; what a spreadsheet hides is refused by cell name.

A sheet is first scanned as a stream, which takes little memory whatever it claims: how
far its filled cells go, which rows are hidden, which cells are merged, which formulas
have no saved value. Only then are the values read, and only as far as cells are filled.
"""

import io
import os
import posixpath
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from waistats._caller import option
from waistats._format import counted
from waistats.errors import DataError, listing, near
from waistats.io._table import RawTable, table_of_cells

# Beyond these a workbook holds formatting or a bomb, not coefficients or responses.
_MOST_CELLS = 30_000_000
_MOST_BYTES = 300_000_000
# what lists the sheets is small, a sheet is not nested, and its cells hold something
_MOST_LISTED = 10_000_000
_DEEPEST = 100
_MOST_EMPTY = 3_000_000
_LEAST_FILLED = 0.02
_MOST_ROWS = 1_048_576  # of any sheet
_MOST_COLUMNS = 16_384
# records of a sheet of .xlsb: a row, and cells with a value ([MS-XLSB] 2.3.2)
_ROW_RECORD = 0
_FILLED_RECORDS = frozenset((*range(2, 12), 62))
# rows in which the names of columns are looked for
_HEAD = 10
_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_OFFICE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_NO_BOOK = (
    "is not an Excel workbook, despite its extension. Open it in the program that made it "
    "and save it as .xlsx or .csv."
)


def read_workbook(
    source: str, content: bytes, *, sheet: str | None = None, skip_rows: int = 0
) -> RawTable:
    """Return one sheet of an .xlsx file, by default the first that is not hidden.

    Raises
    ------
    DataError
        For merged cells, rows that are hidden, formulas whose value was not saved, a
        title or a second header row, an unknown sheet, or a file that is no workbook.
        A hidden column is read as any other.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except Exception as error:  # whatever zipfile raises for what is none
        raise DataError(f"{source}: {_NO_BOOK}") from error
    try:
        with archive:
            pages = _pages(source, archive)
            name = _sheet_name(source, [page.name for page in pages], sheet)
            page = next(page for page in pages if page.name == name)
            facts = _scan(source, archive, page)
            _refuse_facts(source, name, facts)
            rows = _values(source, content, name, facts)
            table = _table(source, name, rows, skip_rows)
            others = _others(source, content, archive, pages, name, rows, sheet)
    except DataError:
        raise
    except Exception as error:
        # openpyxl lets through whatever its zip and XML readers raise
        raise DataError(
            f"{source}: cannot be read as an Excel workbook. It may be damaged, "
            "encrypted or in another format: open it in a spreadsheet program and "
            "save it again as .xlsx."
        ) from error
    return table if others is None else _noted(table, others)


def read_other_sheet(
    source: str, content: bytes, *, sheet: str | None = None, skip_rows: int = 0
) -> RawTable:
    """Return one sheet of an .ods, .xls or .xlsb file, read by python-calamine."""
    kind = source[source.rfind(".") :].lower()
    try:
        import python_calamine
    except ImportError:
        raise DataError(
            f"{source}: files ending {kind!r} cannot be read. Save it as .xlsx or .csv, or "
            "install python-calamine (pip install 'waistats[spreadsheets]')."
        ) from None
    try:
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                _check_parts(source, archive)
        with _unheard():
            book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
            name = _sheet_name(source, list(book.sheet_names), sheet)
            page = book.get_sheet_by_name(name)
            height, width = page.total_height, page.total_width
            if height * width > _MOST_CELLS:
                raise DataError(_claims(source, name, height, width))
            rows = [
                [None if cell == "" else cell for cell in row]
                for row in page.to_python(skip_empty_area=False)
            ]
    except DataError:
        raise
    except BaseException as error:
        # its panics derive from BaseException
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise DataError(
            f"{source}: cannot be read as an {kind} file. It may be damaged or encrypted: "
            "open it in the program that made it and save it as .xlsx or .csv."
        ) from error
    return _table(source, name, rows, skip_rows)


def _check_parts(source: str, archive: zipfile.ZipFile) -> None:
    """Refuse what would be too large in memory, and parts that are damaged."""
    _refuse_large(source, sum(part.file_size for part in archive.infolist()))
    if (damaged := archive.testzip()) is not None:
        raise ValueError(f"the checksum of {damaged} is wrong")
    for name in archive.namelist():
        if name.startswith("xl/worksheets/") and name.endswith(".bin"):
            rows, columns = _binary_extent(archive.read(name))
            if rows * columns > _MOST_CELLS:
                raise DataError(_claims(source, Path(name).stem, rows, columns))


def _binary_extent(content: bytes) -> tuple[int, int]:
    """Return the rows and columns of a sheet of .xlsb up to its last filled cell.

    Its reader makes room for all cells between the first and the last, which is all that
    a damaged file claims: 17 billion for a cell in the last row and column.

    Raises
    ------
    ValueError
        Where the bytes are no whole records, or a cell is where no sheet has one.
    """
    at, end = 0, len(content)
    row = rows = columns = 0
    while at < end:
        kind, size = content[at], 0
        at += 1
        if kind & 0x80:
            kind = kind & 0x7F | (_byte(content, at) & 0x7F) << 7
            at += 1
        for shift in (0, 7, 14, 21):
            part = _byte(content, at)
            at += 1
            size |= (part & 0x7F) << shift
            if not part & 0x80:
                break
        if at + size > end:
            raise ValueError("a record is cut off")
        if kind == _ROW_RECORD:
            row = int.from_bytes(content[at : at + 4], "little")
        elif kind in _FILLED_RECORDS:
            column = int.from_bytes(content[at : at + 4], "little")
            if row >= _MOST_ROWS or column >= _MOST_COLUMNS:
                raise ValueError("a cell is outside of any sheet")
            rows, columns = max(rows, row + 1), max(columns, column + 1)
        at += size
    return rows, columns


def _byte(content: bytes, at: int) -> int:
    if at >= len(content):
        raise ValueError("a record is cut off")
    return content[at]


def columns_of_sheets(content: bytes) -> dict[str, list[str]]:
    """Return the names of columns of every sheet after the first that is shown.

    The names are in the first row that has more than one filled cell. Nothing where the
    file cannot be read: its reader says why.
    """
    try:
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if "xl/workbook.xml" in archive.namelist():
                    return _columns_of_pages(content, archive)
                _check_parts("", archive)
        import python_calamine

        with _unheard():
            book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
            pages = [book.get_sheet_by_name(name) for name in book.sheet_names[1:]]
            return {
                str(page.name): _names(page.to_python(nrows=_HEAD))
                for page in pages
                if page.total_height * page.total_width <= _MOST_CELLS
            }
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # panics of the library derive from it
        return {}


def _columns_of_pages(content: bytes, archive: zipfile.ZipFile) -> dict[str, list[str]]:
    found = {}
    for page in _pages("", archive)[1:]:
        if archive.getinfo(page.path).file_size > _MOST_BYTES:
            continue
        facts = _scan("", archive, page)
        found[page.name] = _names(_values("", content, page.name, facts, most=_HEAD))
    return found


@contextmanager
def _unheard() -> Iterator[None]:
    """Drop what a library prints about its own failure besides raising it."""
    try:
        kept = os.dup(2)
    except OSError:  # a program without an error stream
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    name: str
    path: str
    shown: bool


@dataclass(slots=True, kw_only=True)
class _Facts:
    """What a scan of a sheet found: how far cells are filled, and what is hidden."""

    rows: int = 0
    columns: int = 0
    cells: int = 0
    hidden: list[int] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    unsaved: list[str] = field(default_factory=list)


def _refuse_large(source: str, size: int) -> None:
    if size > _MOST_BYTES:
        raise DataError(
            f"{source}: unpacks to more than {_MOST_BYTES:,} bytes. Save the data as "
            ".csv or .parquet."
        )


def _claims(source: str, name: str, rows: int, columns: int) -> str:
    return (
        f"{source}: sheet {name!r} claims {counted(rows, 'row')} and "
        f"{counted(columns, 'column')}. Delete the cells far from the table, or save "
        "the data as .csv."
    )


def _unlike(source: str, what: str) -> str:
    return (
        f"{source}: {what} is built as no spreadsheet program builds it. It may be "
        "damaged: open it in a spreadsheet program and save the data as .csv."
    )


def _pages(source: str, archive: zipfile.ZipFile) -> list[_Page]:
    """Return the sheets with cells, those that are shown first."""
    from xml.etree import ElementTree

    sizes = {part.filename: part.file_size for part in archive.infolist()}
    needed = [n for n in sizes if n.startswith("xl/") and not n.startswith("xl/media/")]
    book = "xl/workbook.xml"
    if book not in sizes:
        raise DataError(f"{source}: {_NO_BOOK}")
    # all sheets are not read, but what every sheet needs is
    shared = [n for n in needed if not n.startswith("xl/worksheets/")]
    _refuse_large(source, sum(sizes[name] for name in shared))
    rels = "xl/_rels/workbook.xml.rels"
    if max(sizes[book], sizes.get(rels, 0)) > _MOST_LISTED:
        raise DataError(_unlike(source, "its list of sheets"))
    targets: dict[str, str] = {}
    if rels in sizes:
        for link in ElementTree.fromstring(archive.read(rels)):
            target = str(link.get("Target", ""))
            path = (
                target[1:] if target.startswith("/") else posixpath.join("xl", target)
            )
            targets[str(link.get("Id"))] = posixpath.normpath(path)
    pages = []
    for element in ElementTree.fromstring(archive.read(book)).iter():
        if element.tag.rpartition("}")[2] != "sheet":
            continue
        ids = [v for k, v in element.items() if k == _OFFICE or k.endswith("}id")]
        path = targets.get(ids[0], "") if ids else ""
        if path in sizes and "worksheets" in path:
            pages.append(
                _Page(
                    name=str(element.get("name", "")),
                    path=path,
                    shown=element.get("state", "visible") == "visible",
                )
            )
    return sorted(pages, key=lambda page: not page.shown)


def _scan(source: str, archive: zipfile.ZipFile, page: _Page) -> _Facts:
    """Return what a sheet holds, from its text as a stream."""
    _refuse_large(source, archive.getinfo(page.path).file_size)
    facts = _Facts()
    row = column = depth = tags = 0
    row_hidden = row_filled = inside = formula = filled = text_result = False
    where = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, row_hidden, row_filled, inside, formula, filled
        nonlocal where, text_result, depth, tags
        depth += 1
        tags += 1
        if depth > _DEEPEST or (
            tags % _MOST_EMPTY == 0 and facts.cells < tags * _LEAST_FILLED
        ):
            raise DataError(_unlike(source, f"sheet {page.name!r}"))
        tag = tag.rpartition(":")[2]
        if tag == "c":
            where = attributes.get("r", "")
            match = _CELL.fullmatch(where)
            column = column_number(match[1]) if match else column + 1
            formula = filled = False
            # a formula whose result is a text may have an empty one
            text_result = attributes.get("t") == "str"
        elif tag in ("v", "t"):
            inside = True
        elif tag == "f":
            formula = True
        elif tag == "row":
            row = int(attributes.get("r", row + 1))
            if row > _MOST_ROWS:
                raise DataError(_claims(source, page.name, row, facts.columns))
            column = 0
            row_hidden = attributes.get("hidden") in ("1", "true")
            row_filled = False
        elif tag == "mergeCell":
            facts.merged.append(attributes.get("ref", ""))

    def text(data: str) -> None:
        nonlocal filled
        if inside and data:
            filled = True

    def end(tag: str) -> None:
        nonlocal inside, row_filled, depth
        depth -= 1
        tag = tag.rpartition(":")[2]
        if tag in ("v", "t"):
            inside = False
        elif tag == "c":
            if formula and not filled and not text_result:
                facts.unsaved.append(where or f"{column_letter(column)}{row}")
            if filled:
                row_filled = True
                facts.cells += 1
                facts.columns = max(facts.columns, column)
        elif tag == "row" and row_filled:
            facts.rows = max(facts.rows, row)
            if row_hidden:
                facts.hidden.append(row)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    with archive.open(page.path) as stream:
        while block := stream.read(1 << 20):
            parser.Parse(block, False)
        parser.Parse(b"", True)
    return facts


def _refuse_facts(source: str, name: str, facts: _Facts) -> None:
    if facts.rows * facts.columns > _MOST_CELLS:
        raise DataError(_claims(source, name, facts.rows, facts.columns))
    if facts.merged:
        cells = sorted(f"{name}!{cells}" for cells in facts.merged)
        raise DataError(
            f"{source}: cells are merged ({listing(cells, 500)}). Every row needs its "
            "own value in every column: unmerge them and fill each cell."
        )
    if facts.unsaved:
        cells = [f"{name}!{cell}" for cell in facts.unsaved]
        raise DataError(
            f"{source}: formulas without a saved value: {listing(cells, 500)}. Open "
            "the file in a spreadsheet program and save it, or replace the formulas by "
            "their values."
        )
    if not facts.cells:
        raise DataError(f"{source}: sheet {name!r} is empty. Name another sheet.")
    if facts.hidden:
        rows = listing(f"{name}, row {row}" for row in facts.hidden)
        raise DataError(
            f"{source}: rows are hidden ({rows}), by a filter or manually. Unhide them to "
            "have them read, delete them, or copy the visible rows to another sheet."
        )


def _values(
    source: str, content: bytes, name: str, facts: _Facts, most: int | None = None
) -> list[list[Any]]:
    """Return the cells of a sheet as far as they are filled."""
    import openpyxl

    rows = facts.rows if most is None else min(most, facts.rows)
    with warnings.catch_warnings():
        # openpyxl warns of styles and extensions that hold no data
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=True
        )
        try:
            page = book[name]
            page.reset_dimensions()
            return [
                list(row)
                for row in page.iter_rows(
                    min_row=1, max_row=rows, max_col=facts.columns, values_only=True
                )
            ]
        finally:
            book.close()


def _table(
    source: str, name: str, rows: Sequence[list[Any]], skip_rows: int
) -> RawTable:
    filled = [
        i
        for i, row in enumerate(rows)
        if i >= skip_rows and any(c not in (None, "") for c in row)
    ]
    if not filled:
        skipped = f" after {option('skip_rows', skip_rows)}" if skip_rows else ""
        raise DataError(
            f"{source}: sheet {name!r} is empty{skipped}. Name another sheet."
        )
    first = filled[0]
    _refuse_title(source, name, rows, filled)
    return table_of_cells(
        source,
        rows[first],
        rows[first + 1 :],
        [i + 1 for i in range(first + 1, len(rows))],
        kind=name,
        letters=[column_letter(j + 1) for j in range(len(rows[first]))],
    )


def _others(
    source: str,
    content: bytes,
    archive: zipfile.ZipFile,
    pages: Sequence[_Page],
    name: str,
    rows: Sequence[list[Any]],
    sheet: str | None,
) -> str | None:
    """Return a note that names further sheets with the same columns."""
    if sheet is not None or len(pages) < 2:
        return None
    names = set(_names(rows))
    alike = []
    for page in pages:
        if page.name == name or archive.getinfo(page.path).file_size > _MOST_BYTES:
            continue
        facts = _scan(source, archive, page)
        if not facts.cells or facts.columns > 2 * len(names) + 10:
            continue
        found = set(_names(_values(source, content, page.name, facts, most=5)))
        if found and len(names & found) >= max(2, 0.8 * len(names)):
            alike.append(repr(page.name))
    if not alike:
        return None
    few = len(alike) == 1
    return (
        f"{source}: sheet {name!r} was read; {'sheet' if few else 'sheets'} "
        f"{listing(alike)} {'has' if few else 'have'} the same columns and "
        f"{'was' if few else 'were'} not. Choose one with {option('sheet')}"
    )


def _names(rows: Sequence[list[Any]]) -> list[str]:
    """Return the first row that has more than one filled cell."""
    for row in rows:
        filled = [str(cell).strip() for cell in row if cell not in (None, "")]
        if len(set(filled)) > 1:
            return filled
    return []


def _noted(table: RawTable, note: str) -> RawTable:
    from dataclasses import replace

    return replace(table, notes=(*table.notes, note))


def _sheet_name(source: str, names: list[str], sheet: str | None) -> str:
    if not names:
        raise DataError(f"{source}: has no sheet with data.")
    if sheet is None:
        return names[0]
    if sheet not in names:
        raise DataError(
            f"{source}: has no sheet {sheet!r}{near(sheet, names)}; there are "
            f"{listing(names)}."
        )
    return sheet


def column_letter(column: int) -> str:
    """Return the letters of a column, counted from 1.

    >>> column_letter(1), column_letter(28)
    ('A', 'AB')
    """
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """Return the number of a column, from 1.

    >>> column_number("A"), column_number("AB")
    (1, 28)
    """
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _refuse_title(
    source: str, name: str, rows: Sequence[list[Any]], filled: list[int]
) -> None:
    """Raise a DataError where single cells stand above a row of column names."""
    counts = {i: sum(c not in (None, "") for c in rows[i]) for i in filled[:30]}
    single = []
    for i in filled[:30]:
        if counts[i] > 2:
            break
        if counts[i] != 1:
            return
        single.append(i)
    else:
        return
    if single:
        title = next(cell for cell in rows[single[0]] if cell not in (None, ""))
        raise DataError(
            f"{source}: {name}, row {single[0] + 1} holds one cell only "
            f"({str(title)!r}) above a wider table. The names of the columns seem to be "
            f"in row {i + 1}: give {option('skip_rows', i)}, or delete titles and notes "
            "above them."
        )
