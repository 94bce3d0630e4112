"""What is wrong with a table, place by place, and how it is said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from waistats._format import counted
from waistats.errors import DataError

# Above this many bad places a message gives runs of lines instead of each place.
_EACH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A cell or a row of a source: a line of a file, a row of a frame, a sheet's cell.

    Attributes
    ----------
    label : str
        As users look it up: ``"line 14"``, ``"row 3"``, ``"Sheet1!F12"``.
    prefix : str
        What stands before the number: ``"line "``, ``"Sheet1!F"``.
    number : int or None
        The line or row; None where rows have no numbers.
    """

    label: str
    prefix: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found at one place, or about the table where ``place`` is None.

    Attributes
    ----------
    column : str
        The column; ``""`` where it concerns the row or the table.
    severity : str
        ``"error"``, ``"warning"`` or ``"note"``.
    rule : str
        What was expected, as said after the column: ``"must be below 1"``.
    value : str
        What stands there instead; ``""`` for nothing to show.
    advice : str
        What to do, in a sentence.
    place : Place or None
        Where.
    row : int or None
        Position in the table, counted from 0.
    study_id : str
        The study of the row, where it is known.
    """

    column: str
    severity: str
    rule: str
    advice: str
    value: str = ""
    place: Place | None = None
    row: int | None = None
    study_id: str = ""

    @property
    def text(self) -> str:
        """The finding in words, without its place."""
        said = f"{self.column} {self.rule}".strip()
        return f"{said}, but is {self.value}" if self.value else said


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as a frame, errors first, then in the order of the table.

    A note that repeats is one line with the places and their count.
    """
    rank = {"error": 0, "warning": 1, "note": 2}
    ordered = sorted(
        _collapsed(findings),
        key=lambda f: (rank[f.severity], -1 if f.row is None else f.row),
    )
    return pd.DataFrame(
        {
            "where": [f.place.label if f.place else "table" for f in ordered],
            "row": pd.array([f.row for f in ordered], dtype="Int64"),
            "study_id": [f.study_id for f in ordered],
            "column": [f.column for f in ordered],
            "severity": [f.severity for f in ordered],
            "finding": [f.text for f in ordered],
            "advice": [f.advice for f in ordered],
        }
    )


# As many equal notes make one line.
_REPEATED = 3


def _collapsed(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings, notes of one rule in one line where there are several."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for i, f in enumerate(findings):
        alike = f.severity == "note" and f.row is not None
        key = (f.column, f.rule, f.advice) if alike else (str(i),)
        groups.setdefault(key, []).append(f)
    out: list[Finding] = []
    for members in groups.values():
        if len(members) < _REPEATED:
            out += members
            continue
        first = members[0]
        out.append(
            replace(
                first,
                rule=f"{first.rule} in {counted(len(members), 'row')}",
                value="",
                place=Place(label=_where(members)),
                row=None,
                study_id="",
            )
        )
    return out


def _where(findings: Sequence[Finding]) -> str:
    """Return the places of findings, runs of lines in one."""
    by_prefix: dict[str, list[int]] = {}
    loose: list[str] = []
    for f in findings:
        if f.place is not None and f.place.number is not None:
            by_prefix.setdefault(f.place.prefix, []).append(f.place.number)
        elif f.place is not None:
            loose.append(f.place.label)
    places = [runs(prefix, numbers) for prefix, numbers in by_prefix.items()]
    return "; ".join([*places, *loose])


def sentences(findings: Sequence[Finding]) -> list[str]:
    """Return a sentence for each finding, with its place."""
    return [
        f"{f.place.label}: {f.text}. {f.advice}"
        if f.place is not None
        else f"{f.text}. {f.advice}"
        for f in findings
    ]


def runs(prefix: str, numbers: Sequence[int]) -> str:
    """Return ``lines 2-9, 12`` for sorted numbers."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    noun = prefix.strip()
    lead = f"{noun}s " if noun in ("line", "row") else ""
    mark = "" if lead else prefix
    return lead + ", ".join(
        f"{mark}{low}" if low == high else f"{mark}{low}-{mark}{high}"
        for low, high in parts
    )


def _each(finding: Finding) -> str:
    where = [finding.place.label] if finding.place else []
    if finding.study_id:
        where.append(f"study_id {finding.study_id}")
    places = ", ".join(where)
    return f"{finding.value} ({places})" if finding.value else places


def _group(findings: Sequence[Finding]) -> str:
    """Return one sentence for findings that share column and rule."""
    first = findings[0]
    said = f"{first.column} {first.rule}".strip()
    if first.place is None:
        *most, last = [repr(f.column) for f in findings]
        columns = " and ".join(filter(None, [", ".join(most), last]))
        verb = (
            first.rule if len(findings) == 1 else first.rule.replace("is ", "are ", 1)
        )
        noun = "column" if len(findings) == 1 else "columns"
        return f"{noun} {columns} {verb}. {first.advice}"
    joint = ", but is " if first.value else ": "
    if len(findings) <= _EACH:
        return f"{said}{joint}{', '.join(_each(f) for f in findings)}. {first.advice}"
    values = list(dict.fromkeys(f.value for f in findings if f.value))
    shown = ", ".join(values[:3]) + (", ..." if len(values) > 3 else "")
    places = _where(findings)
    told = f"{shown} ({places})" if shown else places
    return f"{said}{joint}{told}. {first.advice}"


def problem(source: str, findings: Iterable[Finding]) -> DataError | None:
    """Return one DataError naming every error among the findings, or None."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for f in sorted(findings, key=lambda f: -1 if f.row is None else f.row):
        if f.severity == "error":
            column = f.column if f.place else ""
            groups.setdefault((column, f.rule, f.advice), []).append(f)
    sentences = [_group(members) for members in groups.values()]
    if not sentences:
        return None
    if len(sentences) == 1:
        return DataError(f"{source}: {sentences[0]}")
    lines = "\n".join(f"  - {sentence}" for sentence in sentences)
    return DataError(f"{source}: {counted(len(sentences), 'problem')} found.\n{lines}")
