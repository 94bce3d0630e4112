"""Output that appears whole or not at all."""

import io
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from waistats.errors import DataError

_CORE_TIME = re.compile(
    rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms:(?:created|modified)>)"
)

FORMULA_STARTS = frozenset("=+-@\t\r")


def _refuse(path: Path, error: OSError) -> DataError:
    reason = error.strerror or type(error).__name__
    return DataError(
        f"{path}: cannot be written ({reason}). Choose another place with enough room "
        "and permission to write."
    )


@contextmanager
def new_folder(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes ``path`` when the block ends well.

    An existing ``path`` is refused unless ``force``; then it is kept as
    ``path.previous`` until the new folder stands in its place.
    """
    target = Path(path)
    if target.exists() and not force:
        raise DataError(
            f"{target}: already exists. Choose another --output or pass --force to "
            "replace it."
        )
    if target.exists() and not target.is_dir():
        raise DataError(f"{target}: is a file, not a folder. Choose another --output.")
    previous = target.with_name(target.name + ".previous")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise _refuse(target, error) from error
    try:
        yield work
        work.chmod(0o755)
        if target.exists():
            if previous.exists():
                shutil.rmtree(previous)
            target.rename(previous)
        work.rename(target)
        shutil.rmtree(previous, ignore_errors=True)
    except OSError as error:
        raise _refuse(target, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def new_file(path: str | os.PathLike[str], *, force: bool = True) -> Iterator[Path]:
    """Give a temporary file path that becomes ``path`` when the block ends well."""
    target = Path(path)
    if target.is_dir():
        raise DataError(f"{target}: is a folder; a file name is needed.")
    if target.exists() and not force:
        raise DataError(f"{target}: already exists. Pass --force to replace it.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent
        )
        os.close(handle)
    except OSError as error:
        raise _refuse(target, error) from error
    work = Path(name)
    try:
        yield work
        work.chmod(0o644)
        work.replace(target)
    except OSError as error:
        raise _refuse(target, error) from error
    finally:
        work.unlink(missing_ok=True)


def guarded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose texts no spreadsheet takes for a formula.

    A text that starts with = + - @, a tab or a carriage return gets an apostrophe;
    numbers are left alone.
    """

    def guard(value: Any) -> Any:
        risky = isinstance(value, str) and value[:1] in FORMULA_STARTS
        return f"'{value}" if risky and value else value

    out = frame.copy()
    for j in range(out.shape[1]):
        column = out.iloc[:, j]
        if not pd.api.types.is_numeric_dtype(column):
            out.isetitem(j, pd.Series([guard(v) for v in column], index=out.index))
    return out


def write_csv(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a frame as CSV: UTF-8, unrounded, safe to open in a spreadsheet."""
    with new_file(path) as work:
        guarded(frame).to_csv(work, index=False, lineterminator="\n", encoding="utf-8")


def without_times(content: bytes) -> bytes:
    """Return an office file (xlsx, docx) with fixed times, the same bytes each day."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in sorted(old.namelist(), key=lambda n: n != "[Content_Types].xml"):
            part = old.read(name)
            if name == "docProps/core.xml":
                part = _CORE_TIME.sub(rb"\g<1>2000-01-01T00:00:00Z\g<2>", part)
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, part)
    return stream.getvalue()
