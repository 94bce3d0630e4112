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

from waistats.errors import DataError, listing

_CORE_TIME = re.compile(
    rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms:(?:created|modified)>)"
)

# the wide forms are signs of formulas, too, where East Asian text is typed
FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")

# All that a folder of output holds, and what desktops leave in any folder.
OUTPUT_NAMES = frozenset(
    {
        "report.html", "report.docx", "coefficients.csv", "tables", "figures",
        ".DS_Store", "Thumbs.db", "desktop.ini",
    }
)  # fmt: skip


def _refuse(path: str | os.PathLike[str], error: OSError) -> DataError:
    reason = error.strerror or type(error).__name__
    return DataError(
        f"{path}: cannot be written ({reason}). Choose another place with enough room "
        "and permission to write."
    )


@contextmanager
def new_folder(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes ``path`` when the block ends well.

    An existing ``path`` is refused unless ``force``; then it is kept as
    ``path.previous`` until the new folder stands in its place, and comes back if that
    fails. A folder that holds anything else than output is never replaced.
    """
    target = _place(path)
    previous = target.with_name(target.name + ".previous")
    if os.path.lexists(target):
        _check_replaceable(target, Path(path), force)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}-", dir=target.parent))
    except OSError as error:
        raise _refuse(path, error) from error
    replaced = False
    try:
        yield work
        work.chmod(0o755)
        if os.path.lexists(target):
            _remove(previous)
            target.rename(previous)
            replaced = True
        work.rename(target)
    except OSError as error:
        raise _refuse(path, error) from error
    finally:
        if replaced and os.path.lexists(target):
            _remove(previous, ignore_errors=True)
        elif replaced:
            previous.rename(target)
        shutil.rmtree(work, ignore_errors=True)


def _place(path: str | os.PathLike[str]) -> Path:
    """Return the whole path of an output; a DataError where it can be none."""
    target = Path(os.path.abspath(path))
    if "\0" in str(target) or not str(path).strip() or not target.name:
        raise DataError(f"{str(path)!r}: is no name for an output. Choose another.")
    return target


def _check_replaceable(target: Path, path: Path, force: bool) -> None:
    if not force:
        raise DataError(
            f"{path}: already exists. Choose another --output or pass --force to "
            "replace it."
        )
    if not target.is_dir():
        raise DataError(f"{path}: is a file, not a folder. Choose another --output.")
    try:
        names = sorted(p.name for p in target.iterdir())
    except OSError as error:
        raise _refuse(path, error) from error
    others = [name for name in names if name not in OUTPUT_NAMES]
    if others:
        raise DataError(
            f"{path}: holds what waistats did not write ({listing(others)}), so --force "
            "does not replace it. Choose another --output, or move these away."
        )


def _remove(path: Path, *, ignore_errors: bool = False) -> None:
    """Remove a folder and what is in it, or a link without what it points to."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path, ignore_errors=ignore_errors)


@contextmanager
def new_file(path: str | os.PathLike[str], *, force: bool = True) -> Iterator[Path]:
    """Give a temporary file path that becomes ``path`` when the block ends well."""
    target = _place(path)
    there = os.path.lexists(target)
    if there and target.is_dir():
        raise DataError(f"{path}: is a folder; a file name is needed.")
    if there and target.exists() and not target.is_file():
        raise DataError(f"{path}: is no ordinary file. Choose another name.")
    if there and not force:
        raise DataError(f"{path}: already exists. Pass --force to replace it.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem[:40]}-", suffix=target.suffix, dir=target.parent
        )
        os.close(handle)
    except OSError as error:
        raise _refuse(path, error) from error
    work = Path(name)
    try:
        yield work
        work.chmod(0o644)
        work.replace(target)
    except OSError as error:
        raise _refuse(path, error) from error
    finally:
        work.unlink(missing_ok=True)


def guarded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose texts and names no spreadsheet takes for a formula.

    A text that starts with = + - @, a tab or a line break gets an apostrophe; numbers
    are left alone.
    """

    def guard(value: Any) -> Any:
        risky = isinstance(value, str) and value[:1] in FORMULA_STARTS
        return f"'{value}" if risky else value

    out = frame.copy()
    for j in range(out.shape[1]):
        column = out.iloc[:, j]
        if not pd.api.types.is_numeric_dtype(column):
            out.isetitem(j, pd.Series([guard(v) for v in column], index=out.index))
    return out.set_axis([guard(name) for name in out.columns], axis="columns")


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
