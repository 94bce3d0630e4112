"""A path of any kind that psychologists have, or a frame, to a raw table.

Delimited text to cells: encoding, delimiter, quoting, ragged rows.

Excel workbooks to cells; what a spreadsheet hides is refused by cell name.
"""

import codecs
import csv
import io
import os
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd

from waistats.errors import DataError, listing, near
from waistats.io._table import (
    RawTable,
    clean_names,
    refuse_second_header,
    refuse_unwritable,
    runs,
    table_of_cells,
)

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


# Beyond these a workbook holds formatting or a bomb, not coefficients or responses.
_MOST_CELLS = 30_000_000
_MOST_BYTES = 2_000_000_000


def read_workbook(source: str, content: bytes, *, sheet: str | None = None) -> RawTable:
    """Return one sheet of an .xlsx file, by default the first that is not hidden.

    Raises
    ------
    DataError
        For merged cells, rows that are hidden, formulas whose value was not saved, a
        title or a second header row, an unknown sheet, or a file that is no workbook.
        A hidden column is read as any other.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise DataError(
            f"{source}: is no Excel workbook, whatever its name says. Open it in the "
            "program that made it and save it as .xlsx or .csv."
        )
    values = _open(source, content, data_only=True)
    formulas = _open(source, content, data_only=False)
    pages = sorted(values.worksheets, key=lambda ws: ws.sheet_state != "visible")
    name = _sheet_name(source, [ws.title for ws in pages], sheet)
    shown, written = values[name], formulas[name]
    if shown.max_row * shown.max_column > _MOST_CELLS:
        raise DataError(
            f"{source}: sheet {name!r} claims {shown.max_row:,} rows and "
            f"{shown.max_column:,} columns. Delete the formatted empty rows and "
            "columns, or save the data as .csv."
        )
    _refuse_merged(source, written)
    _refuse_unsaved_formulas(source, shown, written)
    rows = [list(row) for row in shown.iter_rows(values_only=True)]
    filled = [i for i, row in enumerate(rows) if any(c not in (None, "") for c in row)]
    if not filled:
        raise DataError(f"{source}: sheet {name!r} is empty. Name another sheet.")
    _refuse_hidden(source, shown, filled)
    first = filled[0]
    _refuse_title(source, name, rows, filled)
    letters = [_letter(j + 1) for j in range(shown.max_column)]
    return table_of_cells(
        source,
        rows[first],
        rows[first + 1 :],
        [i + 1 for i in range(first + 1, len(rows))],
        kind=name,
        letters=letters,
    )


def _open(source: str, content: bytes, *, data_only: bool) -> Any:
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > _MOST_BYTES:
                raise DataError(
                    f"{source}: unpacks to more than {_MOST_BYTES:,} bytes. Save the "
                    "data as .csv or .parquet."
                )
        with warnings.catch_warnings():
            # openpyxl warns of styles and extensions that hold no data
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(io.BytesIO(content), data_only=data_only)
    except DataError:
        raise
    except Exception as error:
        # openpyxl lets through whatever its zip and XML readers raise
        raise DataError(
            f"{source}: cannot be read as an Excel workbook "
            f"({type(error).__name__}). It may be damaged, encrypted or of another "
            "kind: open it in a spreadsheet program and save it again as .xlsx."
        ) from error


def _sheet_name(source: str, names: list[str], sheet: str | None) -> str:
    if not names:
        raise DataError(f"{source}: holds no sheet with cells.")
    if sheet is None:
        return names[0]
    if sheet not in names:
        raise DataError(
            f"{source}: has no sheet {sheet!r}{near(sheet, names)}; there are "
            f"{listing(names)}."
        )
    return sheet


def _letter(column: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(column))


def _refuse_merged(source: str, sheet: Any) -> None:
    merged = [f"{sheet.title}!{cells}" for cells in sheet.merged_cells.ranges]
    if merged:
        raise DataError(
            f"{source}: cells are merged ({listing(sorted(merged), 500)}). Every row "
            "needs its own value in every column: unmerge them and fill each cell."
        )


def _refuse_hidden(source: str, sheet: Any, filled: list[int]) -> None:
    """Raise a DataError for rows that a filter or the user hides."""
    hidden = [
        f"{sheet.title}, row {i + 1}"
        for i in filled
        if i + 1 in sheet.row_dimensions and sheet.row_dimensions[i + 1].hidden
    ]
    if hidden:
        raise DataError(
            f"{source}: rows are hidden ({listing(hidden)}), by a filter or by hand. "
            "Show them to have them read, or delete them, or copy what is shown to "
            "another sheet."
        )


def _refuse_unsaved_formulas(source: str, shown: Any, written: Any) -> None:
    unsaved = [
        f"{written.title}!{cell.coordinate}"
        for row in written.iter_rows()
        for cell in row
        if cell.data_type == "f" and shown[cell.coordinate].value is None
    ]
    if unsaved:
        raise DataError(
            f"{source}: formulas without a saved value: {listing(unsaved, 500)}. Open "
            "the file in a spreadsheet program and save it, or replace the formulas by "
            "their values."
        )


def _refuse_title(
    source: str, name: str, rows: list[list[Any]], filled: list[int]
) -> None:
    """Raise a DataError where one filled cell stands above a row of column names."""
    if len(filled) < 2:
        return
    head, below = (sum(cell not in (None, "") for cell in rows[i]) for i in filled[:2])
    if head == 1 and below > 2:
        title = next(cell for cell in rows[filled[0]] if cell not in (None, ""))
        raise DataError(
            f"{source}: {name}, row {filled[0] + 1} holds one cell only "
            f"({str(title)!r}) above a wider table. The first row must name the "
            "columns: delete titles and notes above it."
        )


Source: TypeAlias = str | os.PathLike[str] | pd.DataFrame

_TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat")
_EXCEL = (".xlsx", ".xlsm")
_SPSS = (".sav", ".zsav")
_STATA = (".dta",)
_PARQUET = (".parquet", ".pq")
_KINDS = (*_TEXT, *_EXCEL, *_SPSS, *_STATA, *_PARQUET)
_OTHERS = {
    ".xls": "Save it as .xlsx.",
    ".xlsb": "Save it as .xlsx.",
    ".ods": "Save it as .xlsx or .csv.",
    ".numbers": "Export it as .xlsx or .csv.",
    ".por": "Save it as .sav.",
    ".rds": "Write it as .csv or .parquet in R.",
    ".rdata": "Write it as .csv or .parquet in R.",
    ".jasp": "Export the data as .csv in JASP.",
    ".omv": "Export the data as .csv or .sav in jamovi.",
    ".sas7bdat": "Export it as .csv or .sav.",
    ".gz": "Unpack it.",
    ".zip": "Unpack it.",
}
# What a Stata file (13 and later) begins with, and the bytes that a name takes there.
_STATA_HEAD = re.compile(
    rb"<stata_dta><header><release>\d+</release><byteorder>([LM])SF</byteorder>"
    rb"<K>(.{2}|.{4})</K>",
    re.DOTALL,
)
_LEAST_NAME = 33
# First bytes by which a file is known whatever its name says.
_SIGNATURES = (
    (b"PK\x03\x04", ".xlsx"),
    (b"$FL2", ".sav"),
    (b"$FL3", ".zsav"),
    (b"<stata_dta>", ".dta"),
    (b"PAR1", ".parquet"),
)


def read_table(
    path: Source, *, sheet: str | None = None, encoding: str | None = None
) -> RawTable:
    """Return the cells of a file or frame, whatever its kind."""
    if isinstance(path, pd.DataFrame):
        table = table_of_frame(path)
    else:
        table = _read_file(path, sheet=sheet, encoding=encoding)
    refuse_unwritable(table)
    return table


def _read_file(
    path: str | os.PathLike[str], *, sheet: str | None, encoding: str | None
) -> RawTable:
    found, source = check_file(path), os.fspath(path)
    kind = found.suffix.lower()
    if kind not in _KINDS:
        advice = _OTHERS.get(kind, f"Save it as one of {', '.join(_KINDS)}.")
        raise DataError(f"{source}: files ending {kind!r} cannot be read. {advice}")
    if sheet is not None and kind not in _EXCEL:
        raise DataError(f"{source}: sheet= is for Excel files; leave it out.")
    try:
        content = found.read_bytes() if kind in (*_TEXT, *_EXCEL) else b""
        with found.open("rb") as stream:
            start = stream.read(16)
    except OSError as error:
        raise DataError(
            f"{source}: cannot be read ({error.strerror or type(error).__name__}). "
            "Check that you may read it."
        ) from error
    _refuse_misnamed(source, kind, start)
    if kind in _TEXT:
        return read_delimited(source, content, encoding=encoding)
    if kind in _EXCEL:
        return read_workbook(source, content, sheet=sheet)
    if kind in _PARQUET:
        return _named_rows(source, _parquet(source, found))
    return _labelled_file(source, found, kind, encoding=encoding)


def check_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that is there and not empty."""
    source = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(source, str):
        raise DataError(
            f"a file name or a DataFrame is needed; got {type(path).__name__}."
        )
    if "://" in source:
        raise DataError(f"{source}: is an address. Download the file and name it here.")
    try:
        found = Path(source).expanduser()
        exists, folder = found.exists(), found.is_dir()
        size = found.stat().st_size if exists else 0
        beside = [p.name for p in found.parent.iterdir()] if not exists else []
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"{source}: neither the file nor its folder exists. Check the name."
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{source!r}: cannot be opened ({reason}). Check the name."
        ) from error
    if folder:
        raise DataError(f"{source}: is a folder; the name of a file is needed.")
    if not exists:
        raise DataError(
            f"{source}: no such file{near(found.name, beside)}. Check the name and the "
            "folder."
        )
    if size == 0 and found.is_file():
        raise DataError(f"{source}: the file is empty. Choose a file with data.")
    if not found.is_file():
        raise DataError(f"{source}: is no ordinary file; the name of one is needed.")
    return found


def _refuse_misnamed(source: str, kind: str, start: bytes) -> None:
    for signature, true in _SIGNATURES:
        alike = kind == true or {kind, true} in ({".xlsx", ".xlsm"}, {".sav", ".zsav"})
        if start.startswith(signature) and not alike:
            raise DataError(
                f"{source}: ends in {kind} but holds a {true} file. Rename it to "
                f"{true}."
            )


def table_of_frame(frame: pd.DataFrame, source: str = "table") -> RawTable:
    """Return a user's frame as a raw table; its rows keep their labels."""
    cells = _typed_cells(source, frame)
    plain = isinstance(frame.index, pd.RangeIndex)
    return RawTable(
        source=source,
        frame=cells,
        numbers=tuple(int(i) for i in frame.index) if plain else (),
        kind="row",
        labels=() if plain else tuple(str(label) for label in frame.index),
        column_labels=dict(frame.attrs.get("column_labels", {})),
        value_labels=dict(frame.attrs.get("value_labels", {})),
    )


def _typed_cells(source: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return typed columns under clean names; a named index is a column, too."""
    keep = [name for name in frame.index.names if name not in (None, *frame.columns)]
    whole = frame.reset_index(level=keep) if keep else frame
    names = clean_names(source, list(whole.columns))
    if not names:
        raise DataError(f"{source}: has no columns. Choose a table with data.")
    if not len(frame):
        raise DataError(f"{source}: has columns but no rows. Choose a table with data.")
    return whole.set_axis(names, axis="columns").reset_index(drop=True)


def _named_rows(source: str, frame: pd.DataFrame) -> RawTable:
    """Return a file of typed columns as a raw table, its rows counted from 1."""
    cells = _typed_cells(source, frame)
    table = RawTable(
        source=source,
        frame=cells,
        numbers=tuple(range(1, len(cells) + 1)),
        kind="row",
    )
    refuse_second_header(table)
    return table


def _guarded(source: str, kind: str, read: Callable[[], Any]) -> Any:
    """Return ``read()``; whatever a foreign parser raises becomes a DataError."""
    try:
        with warnings.catch_warnings():
            # what a parser warns of is its own affair; what it returns is checked
            warnings.simplefilter("ignore")
            return read()
    except Exception as error:
        raise DataError(
            f"{source}: cannot be read as a {kind} file ({type(error).__name__}). It "
            "may be damaged or of another kind: save it again in the program that made "
            "it."
        ) from error


def _parquet(source: str, path: Path) -> pd.DataFrame:
    def read() -> pd.DataFrame:
        import pyarrow.parquet as parquet

        return parquet.ParquetFile(path).read().to_pandas()

    return _guarded(source, "Parquet", read)


def _stata_variables(path: Path) -> int:
    """Return how many variables the head of a Stata file claims, 0 where it has none.

    The parser takes memory for millions of them before it sees that they are not there.
    """
    with path.open("rb") as stream:
        head = _STATA_HEAD.match(stream.read(128))
    order: Literal["little", "big"] = "little" if head and head[1] == b"L" else "big"
    return int.from_bytes(head[2], order) if head else 0


def _labelled_file(
    source: str, path: Path, kind: str, *, encoding: str | None
) -> RawTable:
    """Return an SPSS or Stata file; user-missing codes are missing, labels are kept."""
    import pyreadstat

    reader = pyreadstat.read_dta if kind in _STATA else pyreadstat.read_sav
    program = "Stata" if kind in _STATA else "SPSS"

    def read(encoding: str | None = encoding) -> Any:
        if _stata_variables(path) * _LEAST_NAME > path.stat().st_size:
            raise ValueError("more variables than the file can hold")
        _, told = reader(str(path), metadataonly=True, encoding=encoding)
        cells = (told.number_rows or 0) * (told.number_columns or 0)
        # a cell takes a byte or more, save in deflated .zsav files
        if cells > path.stat().st_size * (1100 if kind == ".zsav" else 1):
            raise ValueError("more cells than the file can hold")
        return reader(str(path), user_missing=False, encoding=encoding)

    try:
        frame, meta = _guarded(source, program, read)
    except DataError:
        if encoding is not None:
            raise
        # files of old versions do not say that their text is Windows-1252
        frame, meta = _guarded(source, program, lambda: read("WINDOWS-1252"))
    table = _named_rows(source, frame)
    names = {str(name): str(name).strip() for name in meta.column_names}
    return RawTable(
        source=source,
        frame=table.frame,
        numbers=table.numbers,
        kind="row",
        column_labels={
            names[str(name)]: label
            for name, label in meta.column_names_to_labels.items()
            if label
        },
        value_labels={
            names[str(name)]: dict(labels)
            for name, labels in meta.variable_value_labels.items()
        },
    )
