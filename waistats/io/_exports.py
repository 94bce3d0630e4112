"""Files of survey programs: the rows and columns that they add, recognized by name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from waistats._format import counted
from waistats.errors import listing

_QUALTRICS = frozenset(
    [
        "startdate",
        "enddate",
        "recordeddate",
        "status",
        "ipaddress",
        "progress",
        "finished",
        "responseid",
        "responseset",
        "durationinseconds",
        "distributionchannel",
        "userlanguage",
        "recipientemail",
        "recipientlastname",
        "recipientfirstname",
        "externaldatareference",
        "externalreference",
        "locationlatitude",
        "locationlongitude",
    ]
)
_SOSCI = frozenset(
    [
        "case",
        "serial",
        "ref",
        "questnnr",
        "mode",
        "started",
        "lastdata",
        "status",
        "language",
    ]
)
_LIMESURVEY = frozenset(
    ["submitdate", "lastpage", "startlanguage", "seed", "startdate", "datestamp"]
)
_REDCAP = frozenset(
    [
        "redcap_event_name",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        "redcap_data_access_group",
        "redcap_survey_identifier",
    ]
)
_PREVIEW = frozenset({"survey preview", "preview", "survey test", "spam"})
_IMPORT = re.compile(r'\s*\{\s*"ImportId"\s*:')


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What a survey program put around the answers.

    Attributes
    ----------
    program : str
        The program, as its users call it.
    skip : int
        Rows below the names that describe columns and are no people.
    questions : dict
        Column to the text of its question.
    notes : tuple of str
        What was recognized, and what it means for the answers.
    codes : bool
        Whether answers may be stored as ``A1 ... A5``.
    """

    program: str
    skip: int = 0
    questions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    codes: bool = False


def recognise(header: Sequence[Any], rows: Sequence[Sequence[Any]]) -> Export | None:
    """Return what program exported a table, from its names and first rows.

    Parameters
    ----------
    header : sequence
        Names of the columns, as in the file.
    rows : sequence of sequence
        The rows below; the first three are looked at.
    """
    names = ["" if name is None else str(name).strip() for name in header]
    plain = {_plain(name) for name in names}
    top = [[_text(cell) for cell in row] for row in rows[:3]]
    for found in (_qualtrics, _sosci, _redcap, _limesurvey):
        export = found(names, plain, top, rows)
        if export is not None:
            return export
    return None


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum() or c == "_")


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _imports(row: Sequence[str]) -> bool:
    filled = [cell for cell in row if cell]
    return bool(filled) and all(_IMPORT.match(cell) for cell in filled)


def _repeats_names(
    names: Sequence[str], row: Sequence[str], known: frozenset[str]
) -> bool:
    """Return whether a row says the names of known columns again, in words."""
    pairs = [
        (_plain(name), _plain(cell))
        for name, cell in zip(names, row, strict=False)
        if _plain(name) in known
    ]
    alike = [
        bool(cell) and (cell == name or cell.startswith(name) or name.startswith(cell))
        for name, cell in pairs
    ]
    # a later name of a column differs from its description: Status, Response Type
    return sum(alike) >= 2 and sum(alike) > len(alike) / 2


def _qualtrics(
    names: list[str],
    plain: set[str],
    top: list[list[str]],
    rows: Sequence[Sequence[Any]],
) -> Export | None:
    skip = next((i + 1 for i, row in enumerate(top[:2]) if _imports(row)), 0)
    if not skip and len(plain & _QUALTRICS) >= 2 and top:
        skip = int(_repeats_names(names, top[0], _QUALTRICS))
    if not skip:
        return None
    questions = top[0] if skip == 2 or not _imports(top[0]) else []
    notes = [
        "recognized as an export of Qualtrics: "
        f"{'the row' if skip == 1 else f'the {skip} rows'} below the names "
        f"{'describes' if skip == 1 else 'describe'} columns, and "
        f"{'is' if skip == 1 else 'are'} not read as respondents"
    ]
    for name in ("Status", "DistributionChannel"):
        if name in names:
            at = names.index(name)
            tests = sum(
                _text(row[at]).casefold() in _PREVIEW
                for row in rows[skip:]
                if at < len(row)
            )
            if tests:
                notes.append(
                    f"{counted(tests, 'row contains', 'rows contain')} test answers "
                    f"({name} is a preview): exclude them unless they are intended"
                )
                break
    return Export(
        program="Qualtrics",
        skip=skip,
        questions={n: q for n, q in zip(names, questions, strict=False) if n and q},
        notes=tuple(notes),
    )


def _sosci(
    names: list[str],
    plain: set[str],
    top: list[list[str]],
    rows: Sequence[Sequence[Any]],
) -> Export | None:
    if not {"case", "questnnr"} <= plain or len(plain & _SOSCI) < 3:
        return None
    at = [_plain(name) for name in names].index("case")
    cell = top[0][at] if top and at < len(top[0]) else ""
    skip = int(bool(cell) and not cell.lstrip("-").isdigit())
    notes = ["recognized as an export of SoSci Survey"]
    if skip:
        notes[0] += ": the row below the names describes columns, and is not read"
    return Export(
        program="SoSci Survey",
        skip=skip,
        questions={n: q for n, q in zip(names, top[0], strict=False) if n and q}
        if skip
        else {},
        notes=tuple(notes),
    )


def _redcap(
    names: list[str],
    plain: set[str],
    top: list[list[str]],
    rows: Sequence[Sequence[Any]],
) -> Export | None:
    events = [n for n in names if _plain(n) in _REDCAP]
    labelled = [n for n in names if n in ("Event Name", "Repeat Instrument")]
    if not events and len(labelled) == 0:
        return None
    split = [
        n
        for n in names
        if n
        in (
            "redcap_event_name",
            "redcap_repeat_instance",
            "Event Name",
            "Repeat Instance",
        )
        and any(_text(row[names.index(n)]) for row in rows if len(row) == len(names))
    ]
    if not split:
        return None
    person = names[0]
    seen = [_text(row[0]) for row in rows if row and _text(row[0])]
    notes = ["recognized as an export of REDCap"]
    if len(set(seen)) < len(seen):
        notes.append(
            f"persons ({person}) have several rows, one per event: {listing(split)} "
            f"{'identifies' if len(split) == 1 else 'identify'} the events"
        )
    return Export(program="REDCap", notes=tuple(notes))


def _limesurvey(
    names: list[str],
    plain: set[str],
    top: list[list[str]],
    rows: Sequence[Sequence[Any]],
) -> Export | None:
    codes = {_plain(name.split(".")[0]) for name in names}
    brackets = any(re.search(r"\[[^\]]+\]", name) for name in names)
    if len((codes | plain) & _LIMESURVEY) < 2 or not ("id" in codes or brackets):
        return None
    notes = ["recognized as an export of LimeSurvey"]
    at = next(
        (i for i, n in enumerate(names) if _plain(n.split(".")[0]) == "submitdate"), -1
    )
    if at >= 0:
        open_ = sum(1 for row in rows if at < len(row) and not _text(row[at]))
        if open_:
            notes.append(
                f"{open_} of {counted(len(rows), 'row')} were not submitted "
                f"({names[at]} is empty)"
            )
    return Export(program="LimeSurvey", notes=tuple(notes), codes=True)
