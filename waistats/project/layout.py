"""The folder of a study: what is in it, and what its settings say."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._files import new_file, new_folder
from waistats._frozen import Frozen
from waistats.errors import DataError, listing, near
from waistats.figures._style import FORMATS
from waistats.figures._theme import THEMES
from waistats.io._documents import read_toml
from waistats.io._files import KINDS, read_table
from waistats.rg.coding import write_template
from waistats.rg.texts import write_texts_template

SETTINGS = "waistats.toml"
FIRST, SECOND, SETTLED = (
    f"coding/{name}.csv" for name in ("first", "second", "settled")
)
# settings of [study] and what generalize calls them
STUDY = (
    "title", "moderators", "candidates", "by", "measure", "method", "bias",
    "conf_level", "within_correlation", "prediction", "missing_moderators",
)  # fmt: skip
# settings of [report] and what the command line calls them
REPORT = ("forest_columns", "forest_by", "figure_format", "theme")
# settings of a [[responses]] block, as reliability_by_study and read_responses take them
RESPONSES = (
    "study", "items", "instrument", "scales", "raters", "person", "by", "where", "accept",
    "missing_codes", "response_range", "reverse", "already_keyed", "missing",
    "coefficient", "ci", "covariance", "labels", "encoding", "skip_rows", "sheet",
    "missing_words", "one_study",
)  # fmt: skip

_SETTINGS = """# How this study is run; `waistats project run` reads it.

[study]
title = ""              # what is studied, for the titles of the reports
moderators = ""         # a formula for one model, such as "~ rater + np.log(n_items)"
candidates = []         # columns tried one at a time; empty: all that are known
measure = "bonett"
method = "REML"
conf_level = 0.95
missing_moderators = "error"

[report]
forest_columns = []     # columns of text next to the forest plots; empty: the usual
forest_by = ""          # a column whose groups have a heading and a pooled value each
figure_format = ["svg"] # "svg", "png" and "pdf" files of the figures
theme = "colour"        # of these files; "grey" or "apa"

[conclusion]
# the conclusion that a new search may change
threshold = 0.80

# One block for each file of answers in responses/. Sums without persons (.json) need none.
# [[responses]]
# file = "clinic.sav"
# study = "site"
# instrument = "WAI-SR"
# person = "client"
"""
_PROTOCOL = """# Protocol

Write here, before the first search: the question, the criteria, where and how you search,
who screens and codes, how disagreements are settled, and how the coefficients are pooled
(waistats.toml holds the same in the words of the program). Git keeps what you change later.
"""
_SEARCH = """# Search logs

One table per search, named by its date (2026-03-01.csv), with one row per record and the
columns `study_id` (for included records), `source`, `source_type`, `decision` and `reason`.
"""
_RESPONSES = """# Answers, or sums of answers

Files of answers (.sav, .csv, .xlsx ...), each with a [[responses]] block in waistats.toml,
or sums without persons (.json) that `waistats summarize` wrote. Answers of individuals do
not belong in a public repository.
"""


@dataclass(frozen=True, kw_only=True)
class Project(Frozen):
    """A study's folder and its settings.

    Attributes
    ----------
    folder : Path
        Where it is.
    study : dict
        Arguments of `generalize`.
    responses : tuple of dict
        Arguments of each file of answers, with ``file``.
    report : dict
        How forest plots and files of figures are made, as `write_study` takes it.
    threshold : float
        What the conclusion is about.
    """

    folder: Path
    study: dict[str, Any] = field(default_factory=dict)
    responses: tuple[dict[str, Any], ...] = ()
    report: dict[str, Any] = field(default_factory=dict)
    threshold: float = 0.80

    def path(self, name: str) -> Path:
        """Return a path in the folder."""
        return self.folder / name


def new_project(folder: str | os.PathLike[str]) -> Path:
    """Make the folder of a study, with empty files and what belongs into them.

    Parameters
    ----------
    folder : str or path
        A folder that does not exist.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        If it exists or cannot be written.
    """
    with new_folder(folder) as work:
        for name in ("search", "coding", "responses"):
            (work / name).mkdir()
        texts = {
            SETTINGS: _SETTINGS,
            "protocol.md": _PROTOCOL,
            "search/README.md": _SEARCH,
            "responses/README.md": _RESPONSES,
        }
        for name, text in texts.items():
            (work / name).write_text(text, encoding="utf-8")
        write_template(work / FIRST, core=True)
        write_template(work / SECOND, core=True)
        write_texts_template(work / "texts.toml")
    return Path(folder)


def read_project(folder: str | os.PathLike[str]) -> Project:
    """Read the settings of a study's folder.

    Raises
    ------
    DataError
        If there is none, or a setting is not known or of the wrong kind; all at once.
    """
    place = Path(folder)
    path = place / SETTINGS
    if not path.is_file():
        raise DataError(
            f"{place}: has no {SETTINGS}. `waistats project new DIR` makes the folder of "
            "a study."
        )
    told = read_toml(path)
    problems: list[str] = []
    _known(told, ("study", "report", "conclusion", "responses"), "", problems)
    study = _section(told, "study", STUDY, problems)
    report = _section(told, "report", REPORT, problems)
    problems += _of_report(report)
    conclusion = _section(told, "conclusion", ("threshold",), problems)
    blocks = told.get("responses", [])
    if not isinstance(blocks, list):
        problems.append("[responses] must be [[responses]], once for each file.")
        blocks = []
    for i, block in enumerate(blocks, 1):
        _known(block, ("file", *RESPONSES), f"[[responses]] {i}: ", problems)
        name = block.get("file")
        if not isinstance(name, str):
            problems.append(f"[[responses]] {i}: file is missing.")
        elif not (place / "responses" / name).is_file():
            problems.append(f"[[responses]] {i}: there is no responses/{name}.")
    threshold = conclusion.get("threshold", 0.80)
    if not (isinstance(threshold, int | float) and 0 < threshold < 1):
        problems.append(f"threshold must lie between 0 and 1; got {threshold!r}.")
        threshold = 0.80
    if problems:
        raise DataError(f"{path}: " + " ".join(problems))
    return Project(
        folder=place,
        # without cells is a choice; other settings that are empty are not made yet
        study={k: v for k, v in study.items() if k == "by" or v not in ("", [])},
        responses=tuple(blocks),
        report={k: v for k, v in report.items() if v not in ("", [])},
        threshold=float(threshold),
    )


def _section(
    told: Mapping[str, Any], name: str, known: tuple[str, ...], problems: list[str]
) -> dict[str, Any]:
    block = told.get(name, {})
    if not isinstance(block, dict):
        problems.append(f"{name} must be a section, [{name}].")
        return {}
    _known(block, known, f"[{name}]: ", problems)
    return dict(block)


def _of_report(block: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the settings of ``[report]``."""
    problems = []
    for name in ("forest_columns", "figure_format"):
        value = block.get(name, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            problems.append(f"[report]: {name} must be a list of names; got {value!r}.")
        elif name == "figure_format" and (
            wrong := [v for v in value if v not in FORMATS]
        ):
            problems.append(
                f"[report]: figure_format must be of {listing(FORMATS)}; got "
                f"{listing(map(repr, wrong))}."
            )
    if not isinstance(block.get("forest_by", ""), str):
        problems.append("[report]: forest_by must be the name of one column.")
    if (theme := block.get("theme", "colour")) not in THEMES:
        problems.append(
            f"[report]: theme must be one of {listing(THEMES)}; got {theme!r}."
        )
    return problems


def _known(
    block: Mapping[str, Any], known: tuple[str, ...], where: str, problems: list[str]
) -> None:
    for name in block:
        if name not in known:
            problems.append(f"{where}{name!r} is not a setting{near(name, known)}.")


def tables_in(folder: Path) -> list[Path]:
    """Return the tables of a folder in order of their names."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in KINDS)


def as_texts(path: Path) -> pd.DataFrame:
    """Return a sheet of the folder as it is spelled, also one without rows."""
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")


def search_log(project: Project) -> pd.DataFrame | None:
    """Return all search logs as one, with the ``search`` that each record is from."""
    parts = [
        read_table(path).frame.assign(search=path.stem)
        for path in tables_in(project.path("search"))
    ]
    return pd.concat(parts, ignore_index=True) if parts else None


def add_rows(project: Project, sheet: str | os.PathLike[str]) -> int:
    """Add the rows of a coding sheet to the first coder's; return how many.

    Raises
    ------
    DataError
        If a row is there already by study, sample and coefficient, or the sheet has a
        column that is not in the codebook's.
    """
    target = project.path(FIRST)
    new = read_table(Path(sheet)).frame.astype("str")
    old = as_texts(target) if target.is_file() else new.iloc[:0]
    unknown = [c for c in new.columns if c not in old.columns]
    columns = [*old.columns, *unknown]
    keys = [c for c in ("study_id", "sample_id", "coefficient_id") if c in new.columns]
    if not keys:
        raise DataError(f"{sheet}: has no study_id, so its rows cannot be placed.")
    there = set(map(tuple, old.reindex(columns=keys).fillna("").to_numpy()))
    rows = [tuple(row) for row in new[keys].fillna("").to_numpy()]
    twice = [row for row in rows if row in there and any(row[1:])]
    if not len(new):
        raise DataError(f"{sheet}: has no rows.")
    if twice:
        shown = listing(" / ".join(filter(None, row)) for row in twice)
        raise DataError(f"{sheet}: these rows are in {FIRST} already: {shown}.")
    whole = pd.concat(
        [old.reindex(columns=columns), new.reindex(columns=columns)], ignore_index=True
    )
    with new_file(target) as work:
        whole.to_csv(work, index=False, lineterminator="\n", encoding="utf-8")
    return len(new)
