"""A path of any kind that psychologists have, or a frame, to a raw table."""

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd

from waistats.datasets.delimited import read_delimited
from waistats.datasets.table import (
    RawTable,
    clean_names,
    refuse_second_header,
    refuse_unwritable,
)
from waistats.datasets.workbook import read_workbook
from waistats.errors import DataError, near

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
