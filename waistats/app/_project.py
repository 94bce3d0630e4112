"""A session saved as the folder of a study, and opened again.

The folder is that of `waistats project`: `waistats project run` gives the same numbers.
Beside its settings lies ``app.json``, what was chosen in the app, answer by answer.
"""

import io
import json
import shutil
import stat
import types
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Union, get_args, get_origin, get_type_hints

import pandas as pd

from waistats._files import file_hash, write_csv
from waistats.app._state import Choices, Generalize, Report, safe_name
from waistats.app._study import Chosen, StudyChoices
from waistats.app._study_code import literal
from waistats.errors import DataError, listing
from waistats.meta._formula import parse_formula
from waistats.project.layout import (
    FIRST,
    SETTINGS,
    Project,
    as_texts,
    new_project,
    read_project,
)
from waistats.rg.combine import combine_tables
from waistats.rg.moderators import CANDIDATES

APP = "app.json"
# uploaded tables of coefficients, as they were; first.csv joins them
TABLES = "coding/tables"
FILES = ("file", "block")
VERSION = 1
# what a study's folder may weigh, unpacked
MOST_FILES, MOST_BYTES = 2_000, 500 * 2**20
_HEAD = (
    "# How this study is run; `waistats project run` reads it. Saved by waistats app.\n"
)


def save_project(
    folder: Path,
    choices: Choices,
    options: Mapping[str, Any],
    published: Sequence[pd.DataFrame] = (),
    responses: Mapping[str, Any] | None = None,
) -> Path:
    """Write the folder of a study that runs as the app ran it.

    Parameters
    ----------
    folder : Path
        A folder that does not exist.
    choices : Choices
        What was chosen.
    options : mapping
        Options of `generalize`.
    published : sequence of DataFrame
        Coefficient tables other than those of the own answers.
    responses : mapping or None
        Options of `read_responses` and `reliability_by_study` for the own answers.
    """
    new_project(folder)
    if published:
        write_csv(combine_tables(list(published)), folder / FIRST)
    lines = [
        _HEAD,
        "[study]",
        *settings(options),
        "",
        "[report]",
        *settings(choices.report.changed()),
        "",
        "[conclusion]",
        "threshold = 0.8",
    ]
    if responses is not None:
        name = choices.data.name
        shutil.copyfile(name, folder / "responses" / name)
        lines += ["", "[[responses]]", *settings({"file": name, **responses})]
    files = [one.name for one in choices.generalize.tables if one.kind in FILES]
    for name in files:
        (folder / TABLES).mkdir(exist_ok=True)
        shutil.copyfile(name, folder / TABLES / name)
    _write(folder / SETTINGS, "\n".join(lines))
    hashes = {name: file_hash(folder / name) for name in (SETTINGS, FIRST)}
    told = {"waistats_app": VERSION, "as_saved": hashes, **plain(choices)}
    _write(folder / APP, json.dumps(told, indent=1, ensure_ascii=False))
    return folder


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def settings(options: Mapping[str, Any]) -> list[str]:
    """Return options as lines of TOML.

    >>> settings({"raters": {"client": "WAI_C_"}, "covariance": True, "by": ()})
    ['raters = {"client" = "WAI_C_"}', 'covariance = true', 'by = []']
    """
    return [f"{name} = {_toml(value)}" for name, value in options.items()]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        pairs = (f"{literal(str(k))} = {_toml(v)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(part) for part in value)}]"
    return literal(value)


def pack(folder: Path) -> bytes:
    """Return a study's folder as one file, the same bytes each time."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = path.relative_to(folder.parent).as_posix()
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return stream.getvalue()


def unpack(file: Path, into: Path) -> Path:
    """Unpack a study's folder, of which nothing may lie outside; return it.

    Raises
    ------
    DataError
        If the file is no such archive, or too large.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            _check_members(file, members)
            for member in members:
                target = into.joinpath(*PurePosixPath(member.filename).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source:
                    target.write_bytes(source.read(member.file_size + 1))
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataError(
            f"{file.name}: cannot be opened. Choose the .zip file that the app saved, "
            "or the folder of waistats project as a .zip file."
        ) from error
    found = sorted(into.rglob(SETTINGS), key=lambda path: len(path.parts))
    if not found:
        raise DataError(
            f"{file.name}: holds no {SETTINGS}, so it is not the folder of a study."
        )
    return found[0].parent


def _check_members(file: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    size = sum(member.file_size for member in members)
    if len(members) > MOST_FILES or size > MOST_BYTES:
        raise DataError(
            f"{file.name}: is too large ({len(members):,} files, {size / 2**20:,.0f} MB); "
            f"at most {MOST_FILES:,} files and {MOST_BYTES // 2**20} MB are opened."
        )
    wrong = [
        member.filename
        for member in members
        if ".." in PurePosixPath(member.filename).parts
        or PurePosixPath(member.filename).is_absolute()
        or "\\" in member.filename
        or ":" in member.filename
        or stat.S_ISLNK(member.external_attr >> 16)
    ]
    if wrong:
        raise DataError(
            f"{file.name}: names places outside of its folder: {listing(wrong)}. "
            "Nothing was opened."
        )


def open_project(folder: Path, number: int = 1) -> Choices:
    """Return what a study's folder says was chosen, its files in place.

    Files are copied to where the process works; ``number`` tells the answers apart from
    others of the same name. Of a folder that the app did not make, answers are read as
    `waistats project run` reads them.

    Raises
    ------
    DataError
        For settings that are not known, or an ``app.json`` that was damaged.
    """
    project = read_project(folder)
    saved = folder / APP
    if not saved.is_file():
        return _of_settings(folder, project)
    try:
        told = json.loads(saved.read_text(encoding="utf-8-sig"))
        version, hashes = told.pop("waistats_app"), told.pop("as_saved")
        choices: Choices = made(Choices, told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{APP}: is not what the app saved. Remove it to open the folder by its "
            f"{SETTINGS} alone."
        ) from error
    if version != VERSION:
        raise DataError(
            f"{APP}: was saved by another version of the app ({version}). Remove it to "
            f"open the folder by its {SETTINGS} alone."
        )
    unchanged = {
        name: (folder / name).is_file() and file_hash(folder / name) == value
        for name, value in hashes.items()
    }
    data = choices.data
    if data.name:
        data = replace(
            data, name=_brought(folder, "responses", data.name), number=number
        )
    generalize = choices.generalize
    if unchanged.get(FIRST):
        tables = tuple(
            replace(one, name=_brought(folder, TABLES, one.name))
            if one.kind in FILES
            else one
            for one in generalize.tables
        )
    else:
        tables = _sheet(folder)
    generalize = replace(generalize, tables=tables)
    if not unchanged.get(SETTINGS):
        generalize = replace(generalize, study=study_of(project.study))
        choices = replace(choices, report=report_of(project.report))
    return replace(choices, data=data, generalize=generalize)


def _brought(folder: Path, place: str, name: str) -> str:
    """Copy a file of the folder to where the process works; return its name there."""
    file = folder / place / name
    if name != safe_name(name) or not file.is_file():
        raise DataError(f"{APP}: there is no file {name!r} in {place}/.")
    return brought(file)


def brought(file: Path, name: str = "") -> str:
    """Copy a file to where the process works, under a name that none has; return it."""
    target = Path(safe_name(name or file.name))
    stem, number = target.stem, 2
    while target.exists():
        target = target.with_name(f"{stem}_{number}{target.suffix}")
        number += 1
    shutil.copyfile(file, target)
    return target.name


def _of_settings(folder: Path, project: Project) -> Choices:
    """Return the choices of a folder by its settings: tables, answers, options."""
    tables = [*_sheet(folder)]
    for block in project.responses:
        options = dict(block)
        file = folder / "responses" / str(options.pop("file"))
        tables.append(Chosen(kind="block", name=brought(file), reading=frozen(options)))
    study = study_of(project.study)
    return Choices(
        generalize=Generalize(tables=tuple(tables), own=False, study=study),
        report=report_of(project.report),
    )


def report_of(settings: Mapping[str, Any]) -> Report:
    """Return the choices that settings of ``[report]`` make."""
    return Report(**{name: frozen(value) for name, value in settings.items()})


def _sheet(folder: Path) -> tuple[Chosen, ...]:
    """Return the first coder's sheet as a table, where it has rows."""
    sheet = folder / FIRST
    if not sheet.is_file() or not len(as_texts(sheet)):
        return ()
    return (Chosen(kind="file", name=brought(sheet)),)


def study_of(settings: Mapping[str, Any]) -> StudyChoices:
    """Return the choices that settings of ``[study]`` make.

    >>> study_of({"moderators": "~ rater + np.log(n_items)"}).moderators
    ('rater', 'n_items')
    """
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in settings.items()
    }
    formula = str(options.pop("moderators", "") or "")
    if not formula:
        return StudyChoices(**options)
    parsed = parse_formula(formula)
    terms = {CANDIDATES.get(name, name): name for name in parsed.variables}
    chosen = [terms.get(term[0]) if len(term) == 1 else None for term in parsed.terms]
    if parsed.intercept and None not in chosen:
        return StudyChoices(
            **options, moderators=tuple(name for name in chosen if name)
        )
    return StudyChoices(**options, formula=formula)


def frozen(value: Any) -> Any:
    """Return a value of settings as one that cannot change."""
    if isinstance(value, Mapping):
        return tuple((str(k), frozen(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(frozen(part) for part in value)
    return value


def plain(value: Any) -> Any:
    """Return choices as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return value


def made(kind: Any, told: Any) -> Any:
    """Return choices of a kind from JSON.

    Raises
    ------
    TypeError
        For what no choice of this kind can be.
    """
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        if not isinstance(told, dict) or not set(told) <= set(hints):
            raise TypeError(f"{listing(told)} are no choices")
        parts = {name: made(hints[name], value) for name, value in told.items()}
        return kind(**parts)  # type: ignore[operator]
    if get_origin(kind) in (types.UnionType, Union):
        others = [one for one in get_args(kind) if one is not type(None)]
        return None if told is None else made(others[0], told)
    if get_origin(kind) is tuple:
        if not isinstance(told, list):
            raise TypeError(f"{told!r} is no list")
        inner = get_args(kind)[0]
        if is_dataclass(inner):
            return tuple(made(inner, part) for part in told)
        return frozen(told)
    if kind is float and isinstance(told, int) and not isinstance(told, bool):
        return float(told)
    if isinstance(kind, type) and type(told) is not kind:
        raise TypeError(f"{told!r} is not of the kind {kind.__name__}")
    return told
