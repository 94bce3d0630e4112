"""A path of any kind that psychologists have, or a frame, to a raw table."""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from waistats._caller import command, option
from waistats._files import check_file
from waistats._frames import as_frame, is_frame
from waistats._progress import Steps
from waistats.errors import DataError, ModelError, listing
from waistats.io._delimited import read_delimited
from waistats.io._labelled import guarded, read_labelled
from waistats.io._table import (
    RawTable,
    clean_names,
    refuse_second_header,
    refuse_unwritable,
    with_missing_words,
)
from waistats.io._workbook import columns_of_sheets, read_other_sheet, read_workbook

Source: TypeAlias = str | os.PathLike[str] | pd.DataFrame

_OTHERS = {
    ".numbers": "Export it as .xlsx or .csv.",
    ".rds": "Write it as .csv or .parquet in R.",
    ".rdata": "Write it as .csv or .parquet in R.",
    ".rda": "Write it as .csv or .parquet in R.",
    ".json": "Write it as .csv or .parquet.",
    ".jsonl": "Write it as .csv or .parquet.",
    ".jasp": "Export the data as .csv in JASP.",
    ".omv": "Export the data as .csv or .sav in jamovi.",
    ".mat": "Write it as .csv in MATLAB.",
    ".mdb": "Export the table as .csv or .xlsx in Access.",
    ".accdb": "Export the table as .csv or .xlsx in Access.",
    ".gz": "Unpack it.",
    ".zip": "Unpack it.",
    ".7z": "Unpack it.",
}
STANDARD_INPUT = "-"


# Bytes at the start of a file by which its format is known, whatever its name says.
_START = 64
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"
# of versions 5 and 8
_TRANSPORT = b"HEADER RECORD*******LIB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A file as it was given, and how it is to be read.

    ``content`` is the whole file where its format is read whole, else its start.
    """

    source: str
    path: Path
    kind: str
    content: bytes
    sheet: str | None
    encoding: str | None
    skip_rows: int


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files: its endings, its reader, and what can be asked of it.

    Attributes
    ----------
    endings : tuple of str
        Endings of names, in lower case.
    read : callable
        What makes a raw table of a `Given`.
    starts : sequence of (bytes, str)
        First bytes of such files, and the ending that goes with them.
    sheets, rows_above : bool
        Whether a sheet can be named, and whether rows above the names can be skipped.
    whole : bool
        Whether the reader takes the bytes of the file instead of its path.
    optional : bool
        Whether it needs a library that is not installed with waistats.
    """

    endings: tuple[str, ...]
    read: Callable[[Given], RawTable]
    starts: Sequence[tuple[bytes, str]] = ()
    sheets: bool = False
    rows_above: bool = False
    whole: bool = False
    optional: bool = False


def read_table(
    path: Source,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    skip_rows: int = 0,
    missing_words: Sequence[str] | None = None,
) -> RawTable:
    """Return the cells of a file or frame, whatever its kind.

    Parameters
    ----------
    path : str, path or frame
        The file, ``"-"`` for standard input, or a frame of any library that has
        Arrow's stream interface.
    sheet : str, optional
        Sheet of a workbook; the first that is shown by default.
    encoding : str, optional
        Encoding of a text file or of labels; found by evidence by default.
    skip_rows : int
        Lines of a text file, or rows of a sheet, above the names of the columns.
    missing_words : sequence of str, optional
        Words that mean that nothing is there, besides the usual ones (NA, N/A, NaN);
        an empty sequence turns these off, so that NA is a word.
    """
    _check_skip(skip_rows)
    if is_frame(path):
        table = table_of_frame(as_frame(path))
    else:
        with Steps("reading", 1) as bar:
            bar.step(os.path.basename(str(path)))
            table = _read_file(
                path, sheet=sheet, encoding=encoding, skip_rows=skip_rows
            )
    table = with_missing_words(table, missing_words)
    refuse_unwritable(table)
    return table


def _check_skip(skip_rows: object) -> None:
    if isinstance(skip_rows, bool) or not isinstance(skip_rows, int) or skip_rows < 0:
        raise ModelError(
            f"{option('skip_rows')} is the number of rows above the names of the "
            f"columns, 0 or more; got {skip_rows!r}."
        )


def _read_file(
    path: Any, *, sheet: str | None, encoding: str | None, skip_rows: int
) -> RawTable:
    if isinstance(path, str | os.PathLike) and os.fspath(path) == STANDARD_INPUT:
        content = _standard_input()
        return _read_stream("standard input", content, sheet, encoding, skip_rows)
    found, source = check_file(path), os.fspath(path)
    if not found.is_file():
        return _read_stream(source, _content(source, found), sheet, encoding, skip_rows)
    kind = found.suffix.lower()
    form = _FORMAT_OF.get(kind)
    if form is None:
        advice = _OTHERS.get(kind, f"Save it as one of {', '.join(KINDS)}.")
        if kind == ".json" and _holds_sums(found):
            advice = (
                "It holds sums of answers, not a table: "
                f"{command('reliability_by_study')} makes a table of coefficients of it."
            )
        raise DataError(f"{source}: files ending {kind!r} cannot be read. {advice}")
    if sheet is not None and not form.sheets:
        raise DataError(
            f"{source}: {option('sheet')} is for Excel files; leave it out."
        )
    if skip_rows and not form.rows_above:
        raise DataError(
            f"{source}: {option('skip_rows')} is for text files and sheets; files "
            f"ending {kind!r} have no rows above their names. Leave it out."
        )
    content = _content(source, found, None if form.whole else _START)
    _refuse_misnamed(source, kind, form, content[:_START])
    given = Given(
        source=source,
        path=found,
        kind=kind,
        content=content,
        sheet=sheet,
        encoding=encoding,
        skip_rows=skip_rows,
    )
    return form.read(given)


_GIVEN: dict[int, bytes] = {}


def _standard_input() -> bytes:
    """Return what came in, also when it is asked for again: a pipe is read once."""
    stream = sys.stdin.buffer
    content = stream.read()
    if content:
        _GIVEN.clear()
        _GIVEN[id(stream)] = content
    return _GIVEN.get(id(stream), b"")


def _content(source: str, path: Path, most: int | None = None) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read() if most is None else stream.read(most)
    except OSError as error:
        raise DataError(
            f"{source}: cannot be read ({error.strerror or 'refused by the system'}). "
            "Check its read permission."
        ) from error


def _read_stream(
    source: str,
    content: bytes,
    sheet: str | None,
    encoding: str | None,
    skip_rows: int,
) -> RawTable:
    """Return a table of bytes that have no name: their kind is told by their start."""
    if not content:
        raise DataError(f"{source}: the file is empty. Choose a file with data.")
    kind = next((k for sign, k in _SIGNATURES if content.startswith(sign)), ".csv")
    if kind == ".xlsx" and _OPEN_DOCUMENT in content[:200]:
        kind = ".ods"
    form = _FORMAT_OF[kind]
    if form.whole:
        # its kind may be a guess, and is not named
        named = f"{source}.ods" if kind == ".ods" else source
        return form.read(
            Given(
                source=named,
                path=Path(named),
                kind=kind,
                content=content,
                sheet=sheet,
                encoding=encoding,
                skip_rows=skip_rows,
            )
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"input{kind}"
        path.write_bytes(content)
        table = _read_file(path, sheet=sheet, encoding=encoding, skip_rows=skip_rows)
    return replace(table, source=source)


def sheets_with(
    path: Source, what: str, wanted: Callable[[Sequence[object]], bool]
) -> str:
    """Return a sentence that names the sheets after the first that hold what is wanted.

    Parameters
    ----------
    path : str, path or frame
        As for `read_table`.
    what : str
        What the sheets hold, for the sentence.
    wanted : callable
        Names of columns -> whether they are those of what is looked for.

    Returns
    -------
    str
        Empty where there is no such sheet, and where the file is no workbook.
    """
    if not isinstance(path, str | os.PathLike):
        return ""
    if not (content := _workbook_content(os.fspath(path))):
        return ""
    columns = columns_of_sheets(content)
    sheets = [name for name, names in columns.items() if wanted(names)]
    if not sheets:
        return ""
    names, given = listing(map(repr, sheets)), option("sheet", sheets[0])
    if len(sheets) > 1:
        return f"Sheets {names} hold {what}: choose one, such as {given}."
    return f"Sheet {names} holds {what}: choose it with {given}."


def _workbook_content(name: str) -> bytes:
    """Return the bytes of a workbook; nothing of other files."""
    if name == STANDARD_INPUT:
        content = _standard_input()
        return content if content.startswith((_ZIP, _OLD_OFFICE)) else b""
    form = _FORMAT_OF.get(Path(name).suffix.lower())
    if form is None or not form.sheets or not Path(name).is_file():
        return b""
    return Path(name).read_bytes()


def _holds_sums(path: Path) -> bool:
    """Return whether a file looks like one of `summarize_responses`."""
    with path.open("rb") as stream:
        return b'"waistats response summaries"' in stream.read(200)


def _refuse_misnamed(source: str, kind: str, form: Format, start: bytes) -> None:
    own = tuple(sign for sign, _ in form.starts)
    for signature, true in _SIGNATURES:
        if start.startswith(signature) and signature not in own:
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
        spelled=dict(frame.attrs.get("spelled", {})),
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


def _arrow(given: Given, kind: str, read: Callable[[Path], Any]) -> RawTable:
    from waistats._frames import frame_of_arrow

    def frame() -> pd.DataFrame:
        table = read(given.path)
        table.validate(full=True)  # also that its texts are UTF-8
        return frame_of_arrow(table)

    return _named_rows(given.source, guarded(given.source, kind, frame))


def _parquet(given: Given) -> RawTable:
    import pyarrow.parquet as parquet

    return _arrow(given, "Parquet", lambda path: parquet.ParquetFile(path).read())


def _feather(given: Given) -> RawTable:
    import pyarrow.feather as feather

    return _arrow(given, "Feather", feather.read_table)


def _labelled(given: Given) -> RawTable:
    """Return an SPSS, Stata or SAS file; user-missing codes are missing."""
    frame, meta, notes = read_labelled(
        given.source, given.path, given.kind, encoding=given.encoding
    )
    table = _named_rows(given.source, frame)
    names = {str(name): str(name).strip() for name in meta.column_names}
    return replace(
        table,
        column_labels={
            names[str(name)]: label
            for name, label in meta.column_names_to_labels.items()
            if label
        },
        value_labels={
            names[str(name)]: dict(labels)
            for name, labels in meta.variable_value_labels.items()
        },
        notes=notes,
    )


def _text(given: Given) -> RawTable:
    return read_delimited(
        given.source,
        given.content,
        encoding=given.encoding,
        skip_rows=given.skip_rows,
    )


def _excel(given: Given) -> RawTable:
    return read_workbook(
        given.source, given.content, sheet=given.sheet, skip_rows=given.skip_rows
    )


def _other_sheet(given: Given) -> RawTable:
    return read_other_sheet(
        given.source, given.content, sheet=given.sheet, skip_rows=given.skip_rows
    )


_ZIP = b"PK\x03\x04"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_SHEETS = {"sheets": True, "rows_above": True, "whole": True}
TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat")
PARQUET = (".parquet", ".pq")
# The one list of what can be read: a new format is a line of it. What a file holds is
# told by the first that fits.
FORMATS = (
    Format(TEXT, _text, rows_above=True, whole=True),
    Format((".xlsx", ".xlsm"), _excel, [(_ZIP, ".xlsx")], **_SHEETS),
    Format((".sav", ".zsav"), _labelled, [(b"$FL2", ".sav"), (b"$FL3", ".zsav")]),
    Format((".por",), _labelled),
    Format((".dta",), _labelled, [(b"<stata_dta>", ".dta")]),
    Format((".sas7bdat",), _labelled),
    Format((".xpt",), _labelled, [(_TRANSPORT, ".xpt")]),
    Format(PARQUET, _parquet, [(b"PAR1", ".parquet")]),
    Format((".feather", ".arrow"), _feather, [(b"ARROW1", ".feather")]),
    Format(
        (".xls",),
        _other_sheet,
        [(_OLD_OFFICE, ".xls")],
        optional=True,
        **_SHEETS,
    ),
    Format(
        (".xlsb", ".ods"), _other_sheet, [(_ZIP, ".xlsx")], optional=True, **_SHEETS
    ),
)
KINDS = tuple(end for form in FORMATS if not form.optional for end in form.endings)
_FORMAT_OF = {end: form for form in FORMATS for end in form.endings}
_SIGNATURES = dict(pair for form in FORMATS for pair in form.starts).items()
