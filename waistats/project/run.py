"""Run a study from its folder, keep the run, and say what it changed."""

import json
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._caller import PYTHON, calling
from waistats._files import file_hash, new_folder, write_csv
from waistats._format import Result, counted
from waistats.errors import DataError, ModelError, listing
from waistats.intake.session import ONE_STUDY
from waistats.io._documents import read_json
from waistats.io.readers import read_coefficients, read_responses
from waistats.measures import texts_of
from waistats.project._changes import Changes, compare_runs, result_of
from waistats.project.layout import (
    FIRST,
    SECOND,
    SETTINGS,
    SETTLED,
    Project,
    as_texts,
    read_project,
    search_log,
)
from waistats.reliability.by_study.api import reliability_by_study
from waistats.reliability.by_study.summaries import read_summaries
from waistats.report.folder import write_study
from waistats.report.forest import checked_forest
from waistats.report.project import changes_page
from waistats.rg.coders import compare_coders
from waistats.rg.generalize import generalize
from waistats.rg.study import RGStudy

RUNS = "runs"
RUN_FILE = "run.json"
_READING = ("labels", "encoding", "skip_rows", "sheet", "missing_words")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ProjectRun(Result):
    """A run of a study's folder.

    Attributes
    ----------
    study : RGStudy
        What was found.
    changes : Changes or None
        What changed since the last run; None at the first.
    folder : Path
        Where the run is kept.
    repeated : bool
        Whether nothing has changed since the last run, so that it stands.
    """

    study: RGStudy
    changes: Changes | None
    folder: Path
    repeated: bool = False
    notes: tuple[str, ...] = field(default=())

    def to_frame(self) -> pd.DataFrame:
        """Return the pooled result."""
        return self.study.summary()

    def heading(self) -> str:
        """Return where the run is and what changed."""
        lines = [f"Run {self.folder.name}"]
        if self.repeated:
            lines.append("Nothing has changed since this run.")
        elif self.changes is None:
            lines.append("The first run of this study.")
        else:
            lines += self.changes.sentences()
        return "\n".join([*lines, *self.notes])


def inputs_of(project: Project) -> dict[str, str]:
    """Return the SHA-256 of every file that a run reads, by its name in the folder."""
    names = [SETTINGS, FIRST, SECOND, SETTLED, "texts.toml"]
    files = [project.path(name) for name in names]
    for name in ("search", "responses"):
        place = project.path(name)
        files += sorted(place.iterdir()) if place.is_dir() else []
    return {
        path.relative_to(project.folder).as_posix(): file_hash(path)
        for path in files
        if path.is_file() and path.name != "README.md"
    }


def runs_of(project: Project) -> list[Path]:
    """Return the folders of the runs, oldest first."""
    place = project.path(RUNS)
    if not place.is_dir():
        return []
    return sorted(p for p in place.iterdir() if (p / RUN_FILE).is_file())


def settled_sheet(project: Project) -> tuple[pd.DataFrame | None, Any]:
    """Return the first coder's sheet with settled cells, and the second's.

    Raises
    ------
    DataError
        If cells on which the coders disagree are not settled; all of them are named.
    """
    first = project.path(FIRST)
    if not first.is_file() or not len(as_texts(first)):
        return None, None
    table = as_texts(first)
    second = project.path(SECOND)
    if not second.is_file() or not len(as_texts(second)):
        return table, None
    other = as_texts(second)
    agreement = compare_coders(table, other)
    keys = list(agreement.keys)
    settled: dict[tuple[str, ...], str] = {}
    path = project.path(SETTLED)
    if path.is_file():
        told = as_texts(path)
        lacking = [c for c in (*keys, "variable", "value") if c not in told]
        if lacking:
            raise DataError(
                f"{SETTLED}: columns are missing: {listing(lacking)}. "
                "`waistats project settle` writes them."
            )
        settled = {
            (*(str(r[c]) for c in keys), r["variable"]): r["value"]
            for _, r in told.iterrows()
        }
    open_cells = []
    for _, cell in agreement.disagreements.iterrows():
        key = tuple(str(cell[c]) for c in keys)
        value = settled.get((*key, cell["variable"]))
        if value is None or value == "":
            open_cells.append(
                f"{' / '.join(key)} {cell['variable']} ({cell['first']} or "
                f"{cell['second']})"
            )
            continue
        hit = (table[keys].astype(str) == list(key)).all(axis=1)
        table.loc[hit, cell["variable"]] = value
    if open_cells:
        raise DataError(
            f"the coders disagree on {counted(len(open_cells), 'cell')} that {SETTLED} "
            f"does not settle: {listing(open_cells)}. `waistats project settle` writes "
            "the list; fill its column value."
        )
    return table, other


def write_settle_list(project: Project) -> int:
    """Add the cells on which coders disagree to ``coding/settled.csv``; return how many.

    What is settled there stays.
    """
    first, second = (as_texts(project.path(name)) for name in (FIRST, SECOND))
    agreement = compare_coders(first, second)
    keys = list(agreement.keys)
    cells = agreement.disagreements[[*keys, "variable", "first", "second"]].astype(str)
    path = project.path(SETTLED)
    old = (
        as_texts(path)
        if path.is_file()
        else pd.DataFrame(columns=[*cells.columns, "value"])
    )
    there = set(map(tuple, old.reindex(columns=[*keys, "variable"]).to_numpy()))
    fresh = cells[
        [tuple(r) not in there for r in cells[[*keys, "variable"]].to_numpy()]
    ]
    whole = pd.concat([old, fresh.assign(value="")], ignore_index=True)
    write_csv(whole, path)
    return len(fresh)


def coefficient_tables(project: Project) -> tuple[list[pd.DataFrame], Any]:
    """Return the coefficient tables of the folder, and the second coder's sheet."""
    tables: list[pd.DataFrame] = []
    sheet, other = settled_sheet(project)
    if sheet is not None:
        tables.append(read_coefficients(sheet))
    for block in project.responses:
        options = dict(block)
        path = project.path("responses") / options.pop("file")
        reading = {k: options.pop(k) for k in _READING if k in options}
        responses = read_responses(path, **reading)
        if "one_study" in options:
            options["study"] = ONE_STUDY
            responses[ONE_STUDY] = str(options.pop("one_study"))
        tables.append(reliability_by_study(responses, **options))
    sums = sorted(project.path("responses").glob("*.json"))
    if sums:
        tables.append(reliability_by_study(read_summaries(sums)))
    if not tables:
        raise DataError(
            f"{project.folder}: there are no coefficients yet. Fill {FIRST}, or put "
            f"answers into responses/ and a [[responses]] block into {SETTINGS}."
        )
    return tables, other


def _studied(
    project: Project, tables: Any, log: pd.DataFrame | None, other: Any
) -> RGStudy:
    texts = project.path("texts.toml")
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in project.study.items()
    }
    return generalize(
        tables,
        **options,
        screening=log,
        coders=None if other is None else [other],
        texts=texts if texts.is_file() else None,
    )


def dated(table: pd.DataFrame, log: pd.DataFrame | None) -> pd.DataFrame:
    """Return coefficients with the ``search`` that found their study, where it is known."""
    if log is None or "study_id" not in log:
        return table
    found = log[log["study_id"].astype(str) != ""]
    first = found.drop_duplicates("study_id").set_index("study_id")["search"]
    return table.assign(
        search=pd.Series(texts_of(table, "study_id")).map(first).to_numpy()
    )


def run_project(
    folder: str | os.PathLike[str], *, word: bool = False, again: bool = False
) -> ProjectRun:
    """Run the study of a folder; keep its reports and say what changed.

    Parameters
    ----------
    folder : str or path
        A folder that `new_project` made.
    word : bool, default False
        Write the reports as Word documents as well.
    again : bool, default False
        Run even where nothing has changed, and compare byte by byte with the last run.

    Returns
    -------
    ProjectRun
        The study, what changed since the last run, and where the run is kept:
        ``runs/001`` and so on, with the hash of everything that it read.

    Raises
    ------
    DataError
        For settings or tables that cannot be used, coders who disagree on cells that
        are not settled, and (``again``) a run that differs from the one that is kept.
    """
    project = read_project(folder)
    log = search_log(project)
    inputs = inputs_of(project)
    tables, other = coefficient_tables(project)
    study = _studied(project, tables, log, other)
    earlier = runs_of(project)
    last = _read_run(earlier[-1]) if earlier else None
    if last is not None and last["inputs"] == inputs and last["version"] == _version():
        notes: tuple[str, ...] = ()
        if again:
            _compare(project, study, log, earlier[-1], len(earlier), word)
            notes = ("Rerun: every file is identical, byte for byte.",)
        return ProjectRun(
            study=study,
            changes=None,
            folder=earlier[-1],
            repeated=True,
            notes=notes,
        )
    target = project.path(RUNS) / f"{len(earlier) + 1:03d}"
    changes = _changes(project, study, log, other, earlier)
    with new_folder(target) as work:
        _write(project, study, log, changes, inputs, work, word)
    return ProjectRun(study=study, changes=changes, folder=target)


def _version() -> str:
    from waistats import __version__

    return __version__


def _read_run(folder: Path) -> dict[str, Any]:
    path, needed = folder / RUN_FILE, ("inputs", "version", "result", "word")
    advice = "Restore it from version control, or remove the folder of this run."
    found = read_json(path, advice)
    if not isinstance(found, dict):
        raise DataError(f"{path}: is not the record of a run. {advice}")
    if absent := [key for key in needed if key not in found]:
        raise DataError(f"{path}: has no {listing(absent)}. {advice}")
    return {key: found[key] for key in needed}


def _changes(
    project: Project,
    study: RGStudy,
    log: pd.DataFrame | None,
    other: Any,
    earlier: list[Path],
) -> Changes | None:
    if not earlier:
        return None
    before = read_coefficients(earlier[-1] / "coefficients-used.csv")
    run = partial(_studied, project, log=None, other=None)
    return compare_runs(
        before,
        _read_run(earlier[-1])["result"],
        study.coefficients,
        study,
        run,
        project.threshold,
    )


def _write(
    project: Project,
    study: RGStudy,
    log: pd.DataFrame | None,
    changes: Changes | None,
    inputs: dict[str, str],
    work: Path,
    word: bool,
) -> None:
    asked = project.report
    try:
        with calling(PYTHON):
            forest = checked_forest(
                study, asked.get("forest_columns"), asked.get("forest_by")
            )
    except ModelError as error:
        raise ModelError(f"{project.path(SETTINGS)}, [report]: {error}") from error
    write_study(
        study,
        work,
        "waistats project run",
        word=word,
        short=True,
        formats=asked.get("figure_format", ["svg"]),
        theme=asked.get("theme", "colour"),
        forest=forest,
    )
    write_csv(study.coefficients, work / "coefficients-used.csv")
    page = changes_page(study, changes, dated(study.main_rows, log))
    (work / "changes.html").write_text(page, encoding="utf-8", newline="\n")
    if changes is not None:
        write_csv(changes.coefficients, work / "changed-coefficients.csv")
        write_csv(changes.to_frame(), work / "changed-result.csv")
    told = {
        "version": _version(),
        "word": word,
        "inputs": inputs,
        "result": result_of(study),
    }
    text = json.dumps(told, indent=1, sort_keys=True)
    (work / RUN_FILE).write_text(text + "\n", encoding="utf-8")


def _compare(
    project: Project,
    study: RGStudy,
    log: pd.DataFrame | None,
    kept: Path,
    number: int,
    word: bool,
) -> None:
    """Repeat the last run, and raise where a byte differs."""
    import tempfile

    earlier = runs_of(project)[: number - 1]
    told = _read_run(kept)
    changes = _changes(project, study, log, None, earlier)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        _write(project, study, log, changes, told["inputs"], work, told["word"])
        made = {
            p.relative_to(work).as_posix(): file_hash(p)
            for p in sorted(work.rglob("*"))
            if p.is_file()
        }
        unlike = [
            name
            for name, value in made.items()
            if not (kept / name).is_file() or file_hash(kept / name) != value
        ]
    if unlike:
        raise DataError(
            f"{kept}: this run could not be reproduced byte for byte; these files differ: "
            f"{listing(unlike)}. They were changed, or made by other versions of "
            "libraries (see the colophon of the report)."
        )
