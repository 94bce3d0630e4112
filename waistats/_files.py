"""Output that appears whole or not at all.

Where the data of waistats are: inside the installed package or in the checkout.
"""

import io
import json
import os
import re
import shutil
import signal
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waistats.errors import DataError, listing, near

if TYPE_CHECKING:
    import pandas as pd

_MARK = "datapackage.json"


@cache
def data_folder() -> Path:
    """Return the folder that holds ``datapackage.json`` and the bundled tables."""
    package = Path(__file__).parent
    # A wheel carries data/ inside the package; a checkout keeps it beside the package.
    for folder in (package / "data", package.parent / "data"):
        if (folder / _MARK).is_file():
            return folder
    raise DataError(
        f"the data of waistats are missing: no data/{_MARK} in or beside {package}. "
        "Install waistats again."
    )


def data_path(name: str) -> Path:
    """Return the path of a bundled file, such as ``"instruments.json"``."""
    folder = data_folder()
    path = folder / name
    if not path.is_file():
        known = sorted(p.name for p in folder.iterdir() if p.is_file())
        raise DataError(
            f"{name!r} is no data file of waistats{near(name, known)}; there are "
            f"{listing(known)}."
        )
    return path


def data_json(name: str) -> Any:
    """Return the content of a bundled JSON file, read anew at each call."""
    return json.loads(data_path(name).read_text(encoding="utf-8"))


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


# set where a program is told to stop: a library may swallow the KeyboardInterrupt, and
# then nothing that is not finished may take the place of what is there
stopped = threading.Event()


def _check_stopped() -> None:
    if stopped.is_set():
        raise KeyboardInterrupt


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGINT and SIGTERM until the block has ended."""
    held: list[int] = []
    before: dict[signal.Signals, Any] = {}
    # only the main thread hears signals, and only it may say who answers them
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            # None: a handler that is not Python's
            if signal.getsignal(number) is not None:
                before[number] = signal.signal(number, lambda n, _: held.append(n))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


def _usual_mode(full: int) -> int:
    """Return ``full`` less what the user's umask withholds."""
    withheld = os.umask(0)
    os.umask(withheld)
    return full & ~withheld


@contextmanager
def new_folder(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes ``path`` when the block ends well.

    An existing ``path`` is refused unless ``force``; then it is kept as
    ``path.previous`` (in place of an older one) until the new folder stands, and comes
    back if that fails. A folder that holds anything else than output is never replaced.
    """
    target = _place(path)
    previous = target.with_name(target.name + ".previous")
    if os.path.lexists(target):
        _check_replaceable(target, Path(path), force)
        if os.path.lexists(previous):
            _check_replaceable(previous, previous, force)
    work: Path | None = None
    try:
        with uninterrupted():
            target.parent.mkdir(parents=True, exist_ok=True)
            name = tempfile.mkdtemp(prefix=f".{target.name[:40]}-", dir=target.parent)
            work = Path(name)
        yield work
        with uninterrupted():
            _check_stopped()
            work.chmod(_usual_mode(0o777))
            _replace(target, work, previous)
    except OSError as error:
        raise _refuse(path, error) from error
    except DataError as error:
        if work is None or str(work) not in str(error):
            raise
        # a file of the folder failed: say its name as it was to be
        raise DataError(str(error).replace(str(work), str(path))) from error
    finally:
        if work is not None:
            with uninterrupted():
                shutil.rmtree(work, ignore_errors=True)


def _replace(target: Path, work: Path, previous: Path) -> None:
    """Put a finished folder in its place; whenever this ends, one stands whole."""
    if not os.path.lexists(target):
        work.rename(target)
        return
    _remove(previous)
    target.rename(previous)
    try:
        work.rename(target)
    except OSError:
        previous.rename(target)
        raise
    _remove(previous, ignore_errors=True)


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
    work: Path | None = None
    try:
        with uninterrupted():
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(
                prefix=f".{target.stem[:40]}-", suffix=target.suffix, dir=target.parent
            )
            work = Path(name)
            os.close(handle)
        yield work
        with uninterrupted():
            _check_stopped()
            work.chmod(_usual_mode(0o666))
            work.replace(target)
    except OSError as error:
        raise _refuse(path, error) from error
    finally:
        if work is not None:
            with uninterrupted(), suppress(OSError):
                work.unlink(missing_ok=True)


def guarded(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a frame whose texts and names no spreadsheet takes for a formula.

    A text that starts with = + - @, a tab or a line break gets an apostrophe; numbers
    are left alone. A carriage return, which CSV writers do not quote and readers take
    for the end of a row, becomes a line feed.
    """
    import pandas as pd

    def guard(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        value = value.replace("\r\n", "\n").replace("\r", "\n")
        return f"'{value}" if value[:1] in FORMULA_STARTS else value

    out = frame.copy()
    for j in range(out.shape[1]):
        column = out.iloc[:, j]
        if not pd.api.types.is_numeric_dtype(column):
            out.isetitem(j, pd.Series([guard(v) for v in column], index=out.index))
    return out.set_axis([guard(name) for name in out.columns], axis="columns")


def write_csv(frame: "pd.DataFrame", path: str | os.PathLike[str]) -> None:
    """Write a frame as CSV: UTF-8, unrounded, safe to open in a spreadsheet."""
    with new_file(path) as work:
        guarded(frame).to_csv(work, index=False, lineterminator="\n", encoding="utf-8")


def workbook_bytes(book: Any) -> bytes:
    """Return an openpyxl workbook as the bytes of a file, the same each day."""
    stream = io.BytesIO()
    try:
        book.save(stream)
    except Exception as error:
        # openpyxl keeps sheets in temporary files; lxml says by an error of its own
        # that one cannot be written
        if not isinstance(error, OSError) and not str(error).startswith("IO_"):
            raise
        raise DataError(
            f"{tempfile.gettempdir()}: temporary files cannot be written ({error}). "
            "Make room there, or set TMPDIR to another folder."
        ) from error
    return without_times(stream.getvalue())


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
