"""What the steps Generalize and Report show, computed in a process of its own.

Every function takes the choices and returns what can be sent back: frames, drawings and
texts. The study of the last choices is kept, so that its parts need no second run.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._files import write_csv
from waistats.app._project import open_project, pack, save_project, unpack
from waistats.app._report import FILES, SHEETS
from waistats.app._state import Calls, Choices, Data, Generalize, Reliability, intake
from waistats.app._study import (
    Chosen,
    Moderator,
    Source,
    asked_of_sample,
    checked,
    moderators_of,
    predict,
    responses_source,
    run_study,
    source_of,
    whole_table,
)
from waistats.app._study_code import study_commands, study_python
from waistats.app._svg import Picture, drawn
from waistats.app._teaching import Lesson, classroom
from waistats.app._work import tell
from waistats.errors import ModelError, WaistatsError
from waistats.rg.coding import write_template
from waistats.rg.study import RGStudy
from waistats.tables._names import named_tests

# figures are numbered so that their ids differ from those of other steps
_FOREST, _FUNNEL, _BUBBLE, _LEAVE = 7001, 7002, 7003, 7004
# the most rows a forest plot of the page shows
_MOST_ROWS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A coefficient table in the list of the step.

    Attributes
    ----------
    chosen : Chosen or None
        What was chosen; None for the own coefficients.
    name, counted : str
        What it is called, and what it holds.
    simulated : bool
        Whether it says SIMULATED.
    notes : tuple of str
        What was decided when it was read.
    """

    chosen: Chosen | None
    name: str
    counted: str
    simulated: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The chosen tables, and what can be chosen of them.

    Attributes
    ----------
    tables : tuple of Table
        The tables, published ones first.
    moderators : tuple of Moderator
        Columns that can explain differences.
    own : str
        Why there are no own coefficients; empty where there are.
    """

    tables: tuple[Table, ...]
    moderators: tuple[Moderator, ...]
    own: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Studied:
    """A study as the page shows it; every frame is unrounded.

    Attributes
    ----------
    title, sentence : str
        What was studied, and the overall result in a sentence.
    overall : dict
        The overall result as numbers; empty without one.
    notes : tuple of str
        What a reader must know.
    cells, screen, excluded : DataFrame
        Pooled cells, moderators one at a time, coefficients that cannot be pooled.
    model : DataFrame or None
        The model with the chosen moderators.
    model_words : tuple of str
        Its test, and its equation.
    asked : tuple of Moderator
        What can be said of a sample.
    pictures : tuple of Picture
        Forest plot, and a bubble plot for one number.
    calls : Calls
        The same as code.
    few : bool
        Whether published coefficients of the same inventory could be added.
    """

    title: str
    sentence: str
    overall: dict[str, float]
    notes: tuple[str, ...]
    cells: pd.DataFrame
    screen: pd.DataFrame
    excluded: pd.DataFrame
    model: pd.DataFrame | None
    model_words: tuple[str, ...]
    asked: tuple[Moderator, ...]
    pictures: tuple[Picture, ...]
    calls: Calls
    simulated: bool
    few: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checks:
    """How far the result can be trusted: frames and drawings."""

    robustness: pd.DataFrame
    multiverse: pd.DataFrame
    left_out: pd.DataFrame
    words: tuple[str, ...]
    pictures: tuple[Picture, ...]
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predicted:
    """The prediction for a described sample."""

    frame: pd.DataFrame
    notes: tuple[str, ...]
    heading: str
    closing: str
    calls: Calls
    simulated: bool = False


@lru_cache(maxsize=8)
def _source(chosen: Chosen) -> Source:
    return source_of(chosen)


@lru_cache(maxsize=4)
def _own(data: Data, reliability: Reliability) -> Source:
    return responses_source(intake(data), **reliability.options())


def why_not_own(data: Data) -> str:
    """Return why a file gives no coefficients of its own; empty where it does."""
    if not data.name:
        return "There is no file of answers: the step Data opens one."
    session = intake(data)
    if session.recognized.kind != "responses":
        return f"{data.name} is a table of coefficients."
    question = session.outcome().question
    if question is not None:
        return f"The step Data has an open question: {question.text}"
    return ""


def sources_of(choices: Choices) -> list[Source]:
    """Return the tables of a study: published ones, then the own."""
    chosen = choices.generalize
    sources = [_source(one) for one in chosen.tables]
    if chosen.own and not why_not_own(choices.data):
        sources.append(_own(choices.data, choices.reliability))
    return sources


def tables(choices: Choices) -> Tables:
    """Return the chosen tables, and the moderators that they offer."""
    tell("Reading tables")
    found = sources_of(choices)
    chosen: list[Chosen | None] = [*choices.generalize.tables]
    chosen += [None] * (len(found) - len(chosen))
    listed = tuple(
        Table(
            chosen=one,
            name=source.name,
            counted=source.counted(),
            simulated=source.simulated,
            notes=tuple(str(note) for note in source.table.attrs.get("notes", ())),
        )
        for one, source in zip(chosen, found, strict=True)
    )
    offered = moderators_of(whole_table(found)) if found else ()
    own = why_not_own(choices.data)
    return Tables(tables=listed, moderators=offered, own=own)


@lru_cache(maxsize=3)
def _study(data: Data, reliability: Reliability, generalize: Generalize) -> RGStudy:
    choices = Choices(data=data, reliability=reliability, generalize=generalize)
    return run_study(sources_of(choices), generalize.study)


def study_of(choices: Choices) -> RGStudy:
    """Return the study of the choices; the last few are kept."""
    chosen = choices.generalize
    # a described sample does not change the study
    plain = Generalize(tables=chosen.tables, own=chosen.own, study=chosen.study)
    return _study(choices.data, choices.reliability, plain)


def calls_of(choices: Choices, *, sample: bool = False) -> Calls:
    """Return the study, or its prediction, as code."""
    found = sources_of(choices)
    chosen = choices.generalize
    described = chosen.sample if sample else None
    return Calls(
        python=study_python(
            found, chosen.study, described, forest=choices.report.forest()
        ),
        commands="\n".join(
            study_commands(
                found, chosen.study, described, drawn=choices.report.changed()
            )
        ),
    )


def studied(choices: Choices) -> Studied:
    """Run the study of the chosen tables."""
    tell("Pooling", 0.1)
    study = study_of(choices)
    tell("Cells", 0.3)
    cells = study.cells
    tell("Moderators, one at a time", 0.5)
    screen = named_tests(study, study.screen)
    model = study.moderator_model
    tell("Drawing", 0.8)
    return Studied(
        title=study.title,
        sentence=study.sentence(),
        overall=_overall(study),
        notes=_notes(study),
        cells=cells,
        screen=screen,
        excluded=study.excluded,
        model=None if model is None else model.to_frame(),
        model_words=_model_words(study),
        asked=tuple(asked_of_sample(study).values()),
        pictures=_pictures(study),
        calls=calls_of(choices),
        simulated=study.simulated,
        few=_of_wai(study) and not _has_wai(choices.generalize.tables),
    )


def _of_wai(study: RGStudy) -> bool:
    """Return whether published coefficients of the WAI would be of the same scores."""
    forms = study.effects.get("instrument", [])
    return any(str(form).startswith("WAI") for form in forms)


def _has_wai(chosen: Sequence[Chosen]) -> bool:
    return any((one.kind, one.name) == ("dataset", "wai") for one in chosen)


def _overall(study: RGStudy) -> dict[str, float]:
    if study.pooled is None:
        return {}
    row = study.summary().iloc[0]
    names = ("k", "estimate", "ci_low", "ci_high", "pi_low", "pi_high", "I2")
    return {name: float(row[name]) for name in names}


def _notes(study: RGStudy) -> tuple[str, ...]:
    said = list(study.notes)
    if study.pooled is not None:
        said += study.pooled.notes
    if study.moderator_model is not None:
        said += study.moderator_model.notes
    return tuple(dict.fromkeys(str(note) for note in said))


def _model_words(study: RGStudy) -> tuple[str, ...]:
    model = study.moderator_model
    if model is None:
        return ()
    return (model.omnibus.sentence(), study.equation)


def _pictures(study: RGStudy) -> tuple[Picture, ...]:
    from waistats import figures

    if study.pooled is None:
        return ()
    made = []
    simulated = study.simulated
    said = " (SIMULATED data)" if simulated else ""
    if len(study.main_rows) <= _MOST_ROWS:
        made.append(
            drawn(
                "forest",
                figures.forest(study),
                f"Coefficients and pooled alpha{said}",
                number=_FOREST,
                simulated=simulated,
            )
        )
    made.append(
        drawn(
            "funnel",
            figures.funnel(study),
            f"Funnel plot: precision against alpha{said}",
            number=_FUNNEL,
            simulated=simulated,
        )
    )
    return tuple(made)


def predicted(choices: Choices) -> Predicted:
    """Predict the reliability of the described sample."""
    sample = choices.generalize.sample
    if sample is None:
        raise ModelError("Describe a sample first.")
    tell("Pooling")
    study = study_of(choices)
    tell("Predicting")
    found = predict(study, sample)
    return Predicted(
        frame=found.to_frame(),
        notes=tuple(found.notes),
        heading=found.heading(),
        closing=found.closing().split("\n")[0],
        calls=calls_of(choices, sample=True),
        simulated=found.simulated,
    )


def checks(choices: Choices) -> Checks:
    """Check how far the overall result can be trusted."""
    from waistats import figures

    tell("Pooling", 0.05)
    study = study_of(choices)
    if study.pooled is None:
        raise ModelError(study.sentence())
    part = study.part
    tell("Without each study", 0.1)
    left_out = part.leave_one_out
    tell("Small-study and reporting checks", 0.4)
    robustness = part.robustness
    tell("Every defensible analysis", 0.6)
    multiverse = part.multiverse
    tell("Drawing", 0.9)
    said = " (SIMULATED data)" if study.simulated else ""
    made = [
        drawn(
            name,
            figure,
            caption,
            number=number,
            simulated=study.simulated,
        )
        for name, figure, caption, number in (
            (
                "multiverse",
                figures.multiverse(multiverse),
                f"The result of every defensible analysis{said}",
                _LEAVE,
            ),
        )
    ]
    words = [multiverse.heading()]
    if part is not study:
        words.append("Of this large study a random part was checked.")
    return Checks(
        robustness=robustness,
        multiverse=multiverse.to_frame(),
        left_out=left_out,
        words=tuple(words),
        pictures=tuple(made),
        simulated=study.simulated,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file of coefficients as it was read.

    Attributes
    ----------
    chosen : Chosen or None
        The table; None where the file cannot be used.
    findings : tuple of (str, str)
        What is wrong or doubtful: severity (error, warning, note) and words.
    columns : tuple of str
        Columns of the file, to be matched where some are missing.
    missing : tuple of str
        Columns that the table needs and the file does not have.
    """

    chosen: Chosen | None
    name: str
    findings: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def check_table(
    name: str, reading: tuple[tuple[str, Any], ...] = (), number: int = 0
) -> Checked:
    """Check a file of coefficients in the private folder.

    A file without the needed columns is no error: they are to be matched.
    """
    from waistats.app._study import thawed
    from waistats.io._files import read_table
    from waistats.measures import REQUIRED

    tell(f"Reading {name}")
    options = thawed(reading)
    renamed = options.get("columns", {})
    if not options.get("sheet"):
        columns = [str(c) for c in read_table(name).frame.columns]
        there = {renamed.get(c, c) for c in columns}
        missing = tuple(c for c in REQUIRED if c not in there)
        if missing and len(columns) > 1 and not _another_sheet(name):
            return Checked(
                chosen=None, name=name, columns=tuple(columns), missing=missing
            )
    found = tuple(checked(name, **options))
    if any(severity == "error" for severity, _ in found):
        return Checked(chosen=None, name=name, findings=found)
    return Checked(
        chosen=Chosen(kind="file", name=name, reading=reading, number=number),
        name=name,
        findings=found,
    )


def _another_sheet(name: str) -> bool:
    """Return whether another sheet of a workbook has the table: the reader says so."""
    from waistats.io.check import check_coefficients

    try:
        check_coefficients(name)
    except WaistatsError as error:
        return "choose it with" in str(error)
    return False


def responses_options(choices: Choices) -> dict[str, Any] | None:
    """Return how the own answers are read and computed, for the folder of a study."""
    if not choices.generalize.own or why_not_own(choices.data):
        return None
    session = intake(choices.data)
    options = dict(session.outcome().options)
    more = choices.reliability.options()
    more.pop("conf_level", None)
    if "study_name" in session.answers:
        options.pop("study")
        options["one_study"] = session.answers["study_name"]
    covariance = "V" in _own(choices.data, choices.reliability).table.attrs
    return {**session.reading, **options, **more, "covariance": covariance}


def save(choices: Choices, folder: Path) -> Path:
    """Write the session as the folder of a study."""
    found = sources_of(choices)
    own = responses_options(choices)
    tables = [s.table for s in found if s.kind not in ("responses", "block")]
    options: dict[str, Any] = {}
    if found:
        options = choices.generalize.study.changed(whole_table(found))
    blocks = [own] if own is not None else []
    return save_project(folder, choices, options, tables, blocks[0] if blocks else None)


def saved(choices: Choices) -> bytes:
    """Return the session as one file: the folder of a study."""
    tell("Saving")
    with tempfile.TemporaryDirectory() as place:
        return pack(save(choices, Path(place) / "waistats-study"))


def opened(name: str, number: int) -> Choices:
    """Return the choices of a saved session, a file in the private folder."""
    tell("Opening")
    with tempfile.TemporaryDirectory() as place:
        return open_project(unpack(Path(name), Path(place)), number)


def written(choices: Choices, kind: str, queue: bool = False) -> str:
    """Write a file of `FILES` into the private folder; return its name there.

    It lies in a folder of its own, so that it takes the place of no file of the user.
    """
    target = Path("written") / kind / FILES[kind]
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "session":
        content = saved(choices)
    elif kind in SHEETS:
        content = coding_sheet(kind.removeprefix("sheet_"), queue)
    else:
        content = report(choices, kind)
    target.write_bytes(content)
    return target.as_posix()


def report(choices: Choices, kind: str) -> bytes:
    """Return a report of the study, its tables or its figures as the bytes of a file."""
    from waistats.report.folder import write_study
    from waistats.report.forest import checked_forest
    from waistats.report.render_html import write_report

    tell("Pooling", 0.05)
    study, drawn = study_of(choices), choices.report
    asked = drawn.forest()
    forest = checked_forest(study, asked.get("forest_columns"), asked.get("forest_by"))
    command = _call(choices)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "waistats-report"
        folder.mkdir()
        if kind in ("report", "short", "word", "word_short"):
            tell("Writing the report", 0.2)
            file = folder / FILES[kind]
            short = kind.endswith("short")
            call = _call(choices, short=short)
            write_report(study, file, short=short, call=call, **asked)
            return file.read_bytes()
        if kind == "tables":
            tell("Writing tables", 0.2)
            _write_tables(study, folder / "tables")
            return pack(folder / "tables")
        tell("Writing report, tables and figures", 0.2)
        write_study(
            study,
            folder,
            command,
            word=True,
            short=True,
            formats=drawn.figure_format,
            theme=drawn.theme,
            forest=forest,
        )
        return pack(folder / "figures" if kind == "figures" else folder)


def _call(choices: Choices, *, short: bool = True) -> str:
    """Return the commands of a study as a colophon gives them; Python where none can."""
    sources, asked = sources_of(choices), choices.generalize.study
    reports = ("--short",) if short else ()
    lines = study_commands(
        sources, asked, report=reports, drawn=choices.report.changed()
    )
    if lines and not lines[0].startswith("#"):
        return "\n".join(lines)
    return study_python(sources, asked, report=False).strip()


def _write_tables(study: RGStudy, folder: Path) -> None:
    from waistats.report.folder import study_tables

    folder.mkdir()
    for name, frame in study_tables(study).items():
        write_csv(frame, folder / f"{name}.csv")


def coding_sheet(kind: str, queue: bool) -> bytes:
    """Return an empty coding sheet: ``"full"``, ``"core"`` or ``"csv"``."""
    tell("Writing the coding sheet")
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / (
            "coding-sheet.csv" if kind == "csv" else "coding-sheet.xlsx"
        )
        write_template(file, queue=queue, core=kind == "core")
        return file.read_bytes()


def lessons(seed: int) -> tuple[Lesson, ...]:
    """Return the steps of the classroom, telling how far they are."""
    return classroom(seed, tell)
