"""A path of any kind that psychologists have, or a frame, to a raw table."""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from waistats._caller import command, option
from waistats._files import check_file
from waistats._frames import as_frame, is_frame
from waistats.errors import DataError, ModelError
from waistats.io._delimited import read_delimited
from waistats.io._labelled import SAS, SPSS, STATA, guarded, read_labelled
from waistats.io._table import (
    RawTable,
    clean_names,
    refuse_second_header,
    refuse_unwritable,
    with_missing_words,
)
from waistats.io._workbook import read_other_sheet, read_workbook

Source: TypeAlias = str | os.PathLike[str] | pd.DataFrame

TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat")
_EXCEL = (".xlsx", ".xlsm")
_OTHER_SHEETS = (".xls", ".xlsb", ".ods")
_ARROW = (".parquet", ".pq", ".feather", ".arrow")
KINDS = (*TEXT, *_EXCEL, *SPSS, *STATA, *SAS, *_ARROW)
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
# First bytes by which a file is known whatever its name says.
_SIGNATURES = (
    (b"PK\x03\x04", ".xlsx"),
    (b"$FL2", ".sav"),
    (b"$FL3", ".zsav"),
    (b"<stata_dta>", ".dta"),
    (b"PAR1", ".parquet"),
    (b"ARROW1", ".feather"),
    (b"HEADER RECORD*******LIBRARY HEADER RECORD", ".xpt"),
    (b"\xd0\xcf\x11\xe0", ".xls"),
)
# Kinds that share a signature, and need not be named by it.
_ALIKE = (
    {".xlsx", ".xlsm"},
    {".xlsx", ".xlsb"},
    {".xlsx", ".ods"},
    {".sav", ".zsav"},
    {".feather", ".arrow"},
    {".parquet", ".pq"},
)
STANDARD_INPUT = "-"


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
        table = _read_file(path, sheet=sheet, encoding=encoding, skip_rows=skip_rows)
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
    if kind not in (*KINDS, *_OTHER_SHEETS):
        advice = _OTHERS.get(kind, f"Save it as one of {', '.join(KINDS)}.")
        if kind == ".json" and _holds_sums(found):
            advice = (
                "It holds sums of answers, not a table: "
                f"{command('reliability_by_study')} makes a table of coefficients of it."
            )
        raise DataError(f"{source}: files ending {kind!r} cannot be read. {advice}")
    if sheet is not None and kind not in (*_EXCEL, *_OTHER_SHEETS):
        raise DataError(
            f"{source}: {option('sheet')} is for Excel files; leave it out."
        )
    if skip_rows and kind not in (*TEXT, *_EXCEL, *_OTHER_SHEETS):
        raise DataError(
            f"{source}: {option('skip_rows')} is for text files and sheets; files "
            f"ending {kind!r} have no rows above their names. Leave it out."
        )
    whole = kind in (*TEXT, *_EXCEL, *_OTHER_SHEETS)
    content = _content(source, found, None if whole else 64)
    _refuse_misnamed(source, kind, content[:64])
    if kind in TEXT:
        return read_delimited(source, content, encoding=encoding, skip_rows=skip_rows)
    if kind in _EXCEL:
        return read_workbook(source, content, sheet=sheet, skip_rows=skip_rows)
    if kind in _OTHER_SHEETS:
        return read_other_sheet(source, content, sheet=sheet, skip_rows=skip_rows)
    if kind in _ARROW:
        return _named_rows(source, _arrow(source, found, kind))
    return _labelled_file(source, found, kind, encoding=encoding)


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
    if kind == ".xlsx":
        if b"application/vnd.oasis.opendocument.spreadsheet" in content[:200]:
            named = f"{source}.ods"
            return read_other_sheet(named, content, sheet=sheet, skip_rows=skip_rows)
        return read_workbook(source, content, sheet=sheet, skip_rows=skip_rows)
    if kind == ".csv":
        return read_delimited(source, content, encoding=encoding, skip_rows=skip_rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"input{kind}"
        path.write_bytes(content)
        table = _read_file(path, sheet=sheet, encoding=encoding, skip_rows=skip_rows)
    return replace(table, source=source)


def _holds_sums(path: Path) -> bool:
    """Return whether a file looks like one of `summarize_responses`."""
    with path.open("rb") as stream:
        return b'"waistats response summaries"' in stream.read(200)


def _refuse_misnamed(source: str, kind: str, start: bytes) -> None:
    for signature, true in _SIGNATURES:
        alike = kind == true or {kind, true} in _ALIKE
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


def _arrow(source: str, path: Path, kind: str) -> pd.DataFrame:
    from waistats._frames import frame_of_arrow

    def sound(table: Any) -> Any:
        table.validate(full=True)  # also that its texts are UTF-8
        return table

    def read() -> pd.DataFrame:
        if kind in (".parquet", ".pq"):
            import pyarrow.parquet as parquet

            return frame_of_arrow(sound(parquet.ParquetFile(path).read()))
        import pyarrow.feather as feather

        return frame_of_arrow(sound(feather.read_table(path)))

    named = "Parquet" if kind in (".parquet", ".pq") else "Feather"
    return guarded(source, named, read)


def _labelled_file(
    source: str, path: Path, kind: str, *, encoding: str | None
) -> RawTable:
    """Return an SPSS, Stata or SAS file; user-missing codes are missing."""
    frame, meta, notes = read_labelled(source, path, kind, encoding=encoding)
    table = _named_rows(source, frame)
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
