"""Where the data of waistats lie, and output that appears whole or not at all."""

import errno
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waistats._caller import outside
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
        f"the data of waistats are missing: no data/{_MARK} in or next to {package}. "
        "Install waistats again."
    )


def data_path(name: str) -> Path:
    """Return the path of a bundled file, such as ``"instruments.json"``."""
    folder = data_folder()
    path = folder / name
    if not path.is_file():
        known = sorted(p.name for p in folder.iterdir() if p.is_file())
        raise DataError(
            f"{name!r} is not a data file of waistats{near(name, known)}; there are "
            f"{listing(known)}."
        )
    return path


def data_json(name: str) -> Any:
    """Return the content of a bundled JSON file, read again at each call."""
    return json.loads(data_path(name).read_text(encoding="utf-8"))


_CORE_TIME = re.compile(
    rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms:(?:created|modified)>)"
)

# the wide forms are signs of formulas, too, where East Asian text is typed
FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")

# The name under which a folder of output says what was written into it.
MANIFEST = "waistats-manifest.json"

# What desktops leave in any folder.
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})

# The command line puts a context here that holds signals back while something takes its
# place; a library leaves signals alone.
shield: Callable[[], AbstractContextManager[None]] = nullcontext


def set_shield(context: Callable[[], AbstractContextManager[None]]) -> None:
    """Say what surrounds the moment in which output takes its place."""
    global shield
    shield = context


def _refuse(path: str | os.PathLike[str], error: OSError) -> DataError:
    reason = error.strerror or "refused by the system"
    return DataError(
        f"{path}: cannot be written ({reason}). Choose another place with enough room "
        "and permission to write."
    )


def _place(path: str | os.PathLike[str]) -> Path:
    """Return the whole path of an output; a DataError where it can be none.

    A link is followed, so that what it points to is written and the link stays.
    """
    target = Path(os.path.abspath(path))
    if "\0" in str(target) or not str(path).strip() or not target.name:
        raise DataError(f"{str(path)!r} is not a name for an output. Choose another.")
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def _beside(target: Path, suffix: str = "") -> Path:
    """Return a hidden path in the folder of ``target`` that nothing has."""
    return target.with_name(f".{target.name[:40]}-{secrets.token_hex(6)}{suffix}")


@contextmanager
def new_folder(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes ``path`` when the block ends well.

    An existing ``path`` is refused unless ``force``. With ``force`` only what the
    manifest of the folder names, and what has not been changed since, is replaced: any
    other file stays, and a warning names the files that were changed since.

    Raises
    ------
    DataError
        Where ``path`` exists (without ``force``), appeared meanwhile, has no manifest
        and is not empty, or cannot be written.
    """
    target = _place(path)
    if os.path.lexists(target):
        _check_replaceable(target, Path(path), force)
    work = _beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work.mkdir()
        yield work
        write_manifest(work)
        with shield():
            kept = _settle(target, Path(path), work, force)
    except OSError as error:
        raise _refuse(path, error) from error
    except DataError as error:
        if str(work) not in str(error):
            raise
        # a file of the folder failed: say its name as it was to be
        raise DataError(str(error).replace(str(work), str(path))) from error
    finally:
        with shield():
            shutil.rmtree(work, ignore_errors=True)
    if kept:
        warnings.warn(
            f"{path}: {listing(kept)} was changed after waistats wrote it, and was "
            "kept.",
            stacklevel=outside(),
        )


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files_of(folder: Path) -> list[Path]:
    """Return what is in a folder, at any depth, but folders; links are not followed."""

    def fail(error: OSError) -> None:
        raise error

    found = []
    for root, folders, names in os.walk(folder, onerror=fail):
        linked = [name for name in folders if (Path(root) / name).is_symlink()]
        found += [Path(root) / name for name in (*names, *linked)]
    return sorted(found)


def write_manifest(folder: Path) -> None:
    """Write into a folder the SHA-256 of each of its files."""
    files = {
        path.relative_to(folder).as_posix(): file_hash(path)
        for path in _files_of(folder)
        if path.name != MANIFEST
    }
    text = json.dumps({"written_by": "waistats", "sha256": files}, indent=1)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, str] | None:
    """Return the hashes that a folder's manifest names, None without a manifest."""
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        told = json.loads(text)["sha256"]
        return {str(name): str(value) for name, value in told.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _check_replaceable(target: Path, path: Path, force: bool) -> None:
    if not force:
        raise DataError(
            f"{path}: already exists. Choose another --output or pass --force to "
            "replace it."
        )
    if not target.is_dir():
        raise DataError(f"{path}: is a file, not a folder. Choose another --output.")
    try:
        names = sorted(p.name for p in target.iterdir() if p.name not in _LITTER)
        written = read_manifest(target)
    except OSError as error:
        raise _refuse(path, error) from error
    if names and written is None:
        raise DataError(
            f"{path}: has no {MANIFEST}, so waistats does not know which files it "
            "wrote there "
            f"(it holds {listing(names)}), and --force does not replace it. Choose "
            "another --output, or move these files."
        )


def _meanwhile(path: Path) -> DataError:
    return DataError(
        f"{path}: was created or replaced by another program in the meantime, and was not "
        "changed. Choose another --output, or run again with --force."
    )


def _settle(target: Path, path: Path, work: Path, force: bool) -> list[str]:
    """Put a finished folder in its place; return the changed files that were kept."""
    if not (force and os.path.lexists(target)):
        _rename_onto_nothing(work, target, path)
        return []
    previous = target.with_name(target.name + ".previous")
    _clear(previous)
    if os.path.lexists(previous):
        previous = _beside(target, ".previous")
    try:
        try:
            target.rename(previous)
        except FileNotFoundError:
            raise _meanwhile(path) from None
        _rename_onto_nothing(work, target, path)
    except BaseException:
        if os.path.lexists(previous):
            if os.path.lexists(target):  # another run was faster
                _clear(previous, into=target)
            else:
                previous.rename(target)
        raise
    return _clear(previous, into=target)


def _rename_onto_nothing(work: Path, target: Path, path: Path) -> None:
    """Rename a folder; what stands at the new name is never replaced."""
    try:
        if os.name != "nt":  # there a rename never replaces
            # the empty folder claims the name; a rename replaces a folder only while
            # it is empty
            target.mkdir()
        work.rename(target)
    except FileExistsError:
        raise _meanwhile(path) from None
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise _meanwhile(path) from None
        with suppress(OSError):
            target.rmdir()
        raise
    except BaseException:
        with suppress(OSError):
            target.rmdir()
        raise


def _clear(folder: Path, into: Path | None = None) -> list[str]:
    """Remove from a folder what its manifest names and nobody changed.

    The rest moves to ``into``, beside what is there, or stays where it is; so does what
    cannot be read or removed. Return the names of files that were written by waistats
    and changed since.
    """
    try:
        written = None if folder.is_symlink() else read_manifest(folder)
        files = _files_of(folder)
    except OSError:
        return []
    if written is None:
        if into is None:
            _remove_empty(folder)
            return []
        written = {}
    changed: list[str] = []
    whole = True
    for file in files:
        name = file.relative_to(folder).as_posix()
        if name == MANIFEST:
            continue
        try:
            ours = file.name in _LITTER
            if name in written and not file.is_symlink():
                ours = file_hash(file) == written[name]
                if not ours:
                    changed.append(name)
            if ours:
                file.unlink()
            elif into is not None:
                _move(file, into / name)
        except OSError:
            whole = False
    if whole:  # the manifest goes last, or a rest would look foreign
        with suppress(OSError):
            (folder / MANIFEST).unlink()
    _remove_empty(folder)
    return changed


def _remove_empty(folder: Path) -> None:
    """Remove a folder and those in it as far as they are empty."""
    for root, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            os.rmdir(root)


def _move(file: Path, target: Path) -> None:
    """Move a file to a folder; where the name is taken, to the next free one."""
    place, i = target, 1
    while os.path.lexists(place):
        i += 1
        place = target.with_name(f"{target.stem} ({i}){target.suffix}")
    # a folder of the old output may have become a file of the new one
    parent = place.parent
    while os.path.lexists(parent) and not parent.is_dir():
        parent = parent.with_name(parent.name + " (2)")
    parent.mkdir(parents=True, exist_ok=True)
    file.rename(parent / place.name)


@contextmanager
def new_file(path: str | os.PathLike[str], *, force: bool = True) -> Iterator[Path]:
    """Give a temporary file path that becomes ``path`` when the block ends well."""
    target = _place(path)
    there = os.path.lexists(target)
    if there and target.is_dir():
        raise DataError(f"{path}: is a folder; a file name is needed.")
    if there and target.exists() and not target.is_file():
        raise DataError(f"{path}: is not a regular file. Choose another name.")
    if there and not force:
        raise _exists(path)
    work = _beside(target, target.suffix)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # the mode that the user's umask leaves
        os.close(os.open(work, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield work
        with shield():
            if force:
                work.replace(target)
            else:
                _link(work, target, path)
    except OSError as error:
        raise _refuse(path, error) from error
    finally:
        with shield(), suppress(OSError):
            work.unlink(missing_ok=True)


def _exists(path: str | os.PathLike[str]) -> DataError:
    return DataError(f"{path}: already exists. Pass --force to replace it.")


def _link(work: Path, target: Path, path: str | os.PathLike[str]) -> None:
    """Give a finished file its name; what stands there is never replaced."""
    try:
        if os.name == "nt":
            work.rename(target)
        else:
            os.link(work, target)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        # a file system without hard links
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}:
            raise
        if os.path.lexists(target):
            raise _exists(path) from None
        work.rename(target)


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


def write_csv(
    frame: "pd.DataFrame", path: str | os.PathLike[str], *, force: bool = True
) -> None:
    """Write a frame as CSV: UTF-8, unrounded, safe to open in a spreadsheet."""
    with new_file(path, force=force) as work:
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
        reason = getattr(error, "strerror", None) or "no room or no permission"
        raise DataError(
            f"{tempfile.gettempdir()}: temporary files cannot be written ({reason}). "
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


def check_file(path: Any) -> Path:
    """Return the path of a file, or of a pipe, that is there and not empty."""
    source = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(source, str):
        raise DataError(
            f"a file name or a DataFrame is needed; got {type(path).__name__}."
        )
    if "://" in source:
        raise DataError(
            f"{source}: is a URL; remote files are not read. Download the file and name "
            "it here."
        )
    try:
        found = Path(source).expanduser()
        try:
            state = found.stat()
        except FileNotFoundError:
            state = None
        beside = [p.name for p in found.parent.iterdir()] if state is None else []
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"{source}: neither the file nor its folder exists. Check the name."
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or (
            "the home folder of ~ is not known"
            if isinstance(error, RuntimeError)
            else "the name has a character that is not allowed"
        )
        raise DataError(
            f"{source!r}: cannot be opened ({reason}). Check the name."
        ) from error
    if state is None:
        raise DataError(
            f"{source}: no such file{near(found.name, beside)}. Check the name and the "
            "folder."
        )
    if stat.S_ISDIR(state.st_mode):
        raise DataError(f"{source}: is a folder; the name of a file is needed.")
    if state.st_size == 0 and stat.S_ISREG(state.st_mode):
        raise DataError(f"{source}: the file is empty. Choose a file with data.")
    if not stat.S_ISREG(state.st_mode) and not stat.S_ISFIFO(state.st_mode):
        raise DataError(f"{source}: is not a regular file; a file name is needed.")
    return found
