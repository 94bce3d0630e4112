"""Files of SPSS, Stata and SAS: typed columns with labels."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from waistats._caller import option
from waistats.errors import DataError

# The reader of pyreadstat and the program of each kind.
_READERS = {
    ".sav": ("read_sav", "SPSS"),
    ".zsav": ("read_sav", "SPSS"),
    ".por": ("read_por", "SPSS portable"),
    ".dta": ("read_dta", "Stata"),
    ".sas7bdat": ("read_sas7bdat", "SAS"),
    ".xpt": ("read_xport", "SAS transport"),
}
# What a Stata file (13 and later) begins with, and the bytes that a name takes there.
_STATA_HEAD = re.compile(
    rb"<stata_dta><header><release>\d+</release><byteorder>([LM])SF</byteorder>"
    rb"<K>(.{2}|.{4})</K>",
    re.DOTALL,
)
_LEAST_NAME = 33
# Kinds whose cells are packed: a byte may hold several.
_PACKED = (".zsav", ".sas7bdat")
# a transport file is made of records of so many bytes, the last one filled with blanks
_RECORD = 80


def guarded(source: str, kind: str, read: Callable[[], Any]) -> Any:
    """Return ``read()``; whatever a foreign parser raises becomes a DataError."""
    try:
        with warnings.catch_warnings():
            # what a parser warns of is its own affair; what it returns is checked
            warnings.simplefilter("ignore")
            return read()
    except Exception as error:
        raise DataError(
            f"{source}: cannot be read as a {kind} file. It may be damaged or in "
            "another format: save it again in the program that made it."
        ) from error


def _stata_variables(path: Path) -> int:
    """Return how many variables the head of a Stata file claims, 0 where it has none.

    The parser takes memory for millions of them before it sees that they are not there.
    """
    with path.open("rb") as stream:
        head = _STATA_HEAD.match(stream.read(128))
    order: Literal["little", "big"] = "little" if head and head[1] == b"L" else "big"
    return int.from_bytes(head[2], order) if head else 0


def read_labelled(
    source: str, path: Path, kind: str, *, encoding: str | None
) -> tuple[pd.DataFrame, Any, tuple[str, ...]]:
    """Return a file's columns, what pyreadstat tells of them, and notes.

    User-missing codes are missing.
    """
    import pyreadstat

    name, program = _READERS[kind]
    reader = getattr(pyreadstat, name)
    # a transport file has no missing codes of the user; of a portable file they are
    # missing in any case
    options = {} if kind in (".sas7bdat", ".xpt", ".por") else {"user_missing": False}

    def read(encoding: str | None = encoding) -> Any:
        if _stata_variables(path) * _LEAST_NAME > path.stat().st_size:
            raise ValueError("more variables than the file can hold")
        if kind == ".xpt" and path.stat().st_size % _RECORD:
            raise ValueError("the last record is cut off")
        told: dict[str, Any] = {} if encoding is None else {"encoding": encoding}
        if kind not in (".xpt", ".por"):
            _, meta = reader(str(path), metadataonly=True, **told)
            cells = (meta.number_rows or 0) * (meta.number_columns or 0)
            # a cell takes a byte or more, save in packed files
            if cells > path.stat().st_size * (1100 if kind in _PACKED else 1):
                raise ValueError("more cells than the file can hold")
        return reader(str(path), **options, **told)

    notes: tuple[str, ...] = ()
    try:
        frame, meta = guarded(source, program, read)
    except DataError:
        if encoding is not None:
            raise
        # files of old versions do not say that their text is Windows-1252
        frame, meta = guarded(source, program, lambda: read("WINDOWS-1252"))
        texts = _foreign_texts(frame, meta)
        if texts:
            notes = (
                f"{source}: does not name its encoding; read as Windows-1252, such as "
                f"{texts[0]!r}. If words look wrong, name the encoding with "
                f"{option('encoding')}",
            )
    return frame, meta, notes


def _foreign_texts(frame: pd.DataFrame, meta: Any) -> list[str]:
    """Return texts of a file that are more than ASCII."""
    found = [str(label) for label in meta.column_names_to_labels.values() if label]
    found += [
        str(label)
        for labels in meta.variable_value_labels.values()
        for label in labels.values()
    ]
    for name in frame:
        if not pd.api.types.is_numeric_dtype(frame[name].dtype):
            found += [cell for cell in frame[name].head(500) if isinstance(cell, str)]
    return [text for text in found if not text.isascii()]
