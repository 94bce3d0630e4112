"""A table as its source has it, before anything is read into it.

Cells to numbers: decimal commas, typographic minus signs, and what is no number.

What is wrong with a table, place by place, and how it is said.
"""

import datetime as dt
import math
import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

from waistats._caller import option
from waistats._format import is_damaged
from waistats._identifiers import MISSING_WORDS, Word, identifier
from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, listing
from waistats.io._exports import recognise

# As in data/datapackage.json. A word such as "none" may be a category of a text column.
MISSING_TEXTS = MISSING_WORDS
MISSING_NUMBERS = MISSING_TEXTS | {"null", "none", ".", "-", "–", "—"}

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}", re.ASCII)
_INFINITE = re.compile(r"[+-]?(inf|infinity|∞)", re.IGNORECASE)
_SIGNS = str.maketrans({"−": "-", "‒": "-", "\u00a0": " ", "\u202f": " "})


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberStyle:
    """How a table writes its numbers.

    Attributes
    ----------
    comma : bool
        A comma is the decimal mark, also in ``1,234``.
    dot_unclear : bool
        Decimal commas are in use, so that ``1.234`` may mean a thousand.
    """

    comma: bool = False
    dot_unclear: bool = False


def is_missing(value: Any, words: Set[str] = MISSING_NUMBERS) -> bool:
    """Return whether a cell is empty or says that nothing is there."""
    if value is None:
        return True
    if isinstance(value, str):
        text = value.strip().lower()
        return text in words and (not text or not isinstance(value, Word))
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        # pandas.NA has no truth value; arrays have many
        return type(value).__name__ == "NAType"


def number_style(cells: Iterable[Any], *, delimiter: str = "") -> NumberStyle:
    """Return how a table writes numbers, from its delimiter and all of its cells."""
    for cell in cells:
        if isinstance(cell, str) and "," in cell:
            text = cell.strip().translate(_SIGNS)
            if _COMMA.fullmatch(text) and not _GROUPED.fullmatch(text):
                return NumberStyle(comma=True, dot_unclear=True)
    return NumberStyle(comma=delimiter == ";", dot_unclear=False)


def parse_number(value: Any, style: NumberStyle) -> tuple[float, str]:
    """Return a cell as a number and ``""``, or NaN and what stands there in words.

    An empty cell is NaN without a complaint.
    """
    if is_missing(value):
        return math.nan, ""
    if isinstance(value, (bool, np.bool_)):
        return math.nan, f"the truth value {bool(value)}"
    if isinstance(value, (dt.date, dt.time, dt.timedelta, np.datetime64)):
        return math.nan, f"the date or time {value}"
    if isinstance(value, str):
        return _parse_text(value, style)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan, quoted(value)
    return (number, "") if math.isfinite(number) else (math.nan, "infinite")


def _parse_text(value: str, style: NumberStyle) -> tuple[float, str]:
    text = value.strip().translate(_SIGNS)
    if _INFINITE.fullmatch(text):
        return math.nan, "infinite"
    grouped = _GROUPED.fullmatch(text)
    if grouped is not None:
        unclear = style.dot_unclear if grouped.group(1) == "." else not style.comma
        if unclear:
            plain = re.sub("[.,]", "", text)
            return math.nan, f"{quoted(value)}, which may mean {plain} or a decimal"
    if _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    if not _PLAIN.fullmatch(text):
        return math.nan, quoted(value)
    number = float(text)
    return (number, "") if math.isfinite(number) else (math.nan, "infinite")


def parse_numbers(
    cells: Sequence[Any] | pd.Series, style: NumberStyle
) -> tuple[FloatArray, dict[int, str]]:
    """Return a column as floats, and by position what could not be read."""
    if isinstance(cells, pd.Series) and _holds_numbers(cells):
        values = cells.to_numpy(dtype=float, na_value=np.nan).copy()
        infinite = np.flatnonzero(np.isinf(values))
        values[infinite] = np.nan
        return values, {int(i): "infinite" for i in infinite}
    values = np.full(len(cells), np.nan)
    bad: dict[int, str] = {}
    # answers repeat: each different text is parsed once
    seen: dict[str, tuple[float, str]] = {}
    given = cells.tolist() if isinstance(cells, pd.Series) else cells
    for i, cell in enumerate(given):
        if type(cell) is not str:
            read = parse_number(cell, style)
        elif cell in seen:
            read = seen[cell]
        else:
            read = seen[cell] = parse_number(cell, style)
        values[i], complaint = read
        if complaint:
            bad[i] = complaint
    return values, bad


def _holds_numbers(cells: pd.Series) -> bool:
    kind = cells.dtype
    return is_numeric_dtype(kind) and not (
        is_bool_dtype(kind) or is_complex_dtype(kind)
    )


def decimals(value: Any) -> int | None:
    """Return how many decimals a cell shows; None for no number.

    >>> decimals("0.90"), decimals(".9"), decimals("0,905"), decimals("high")
    (2, 1, 3, None)
    """
    text = value if isinstance(value, str) else str(value)
    text = text.strip().translate(_SIGNS).replace(",", ".")
    if not _PLAIN.fullmatch(text) or "e" in text.lower():
        return None
    return len(text.partition(".")[2])


def plain_text(value: Any) -> str | None:
    """Return a cell as stripped text, whole numbers without ``.0``; None if empty.

    A date without a time of day is shown without one.

    >>> plain_text(1.0), plain_text(" Li 2024 "), plain_text(None)
    ('1', 'Li 2024', None)
    """
    return identifier(value, MISSING_TEXTS)


def plain_texts(cells: "pd.Series[Any]") -> list[str | None]:
    """Return `plain_text` of a column; each different text is read once."""
    if is_numeric_dtype(cells.dtype):
        codes, numbers = pd.factorize(cells)
        told = [plain_text(number) for number in numbers.tolist()]
        return [told[code] if code >= 0 else None for code in codes.tolist()]
    given = cells.tolist()
    # a word that is kept, such as NA, is a string of another type
    known = {text: plain_text(text) for text in _plain_strings(given)}
    return [known[cell] if type(cell) is str else plain_text(cell) for cell in given]


def _plain_strings(cells: Iterable[Any]) -> set[str]:
    """Return the different strings among cells, subclasses of ``str`` left out."""
    return {cell for cell in cells if type(cell) is str}


def filled_cells(cells: "pd.Series[Any]") -> BoolArray:
    """Return which cells of a column hold anything."""
    if is_numeric_dtype(cells.dtype):
        return cells.notna().to_numpy(dtype=bool)
    given = cells.tolist()
    known = {text: not is_missing(text) for text in _plain_strings(given)}
    return np.array(
        [known[c] if type(c) is str else not is_missing(c) for c in given], dtype=bool
    )


def text_cells(cells: "pd.Series[Any]", style: NumberStyle) -> Iterable[str]:
    """Yield the different texts of a column that are no numbers and not missing."""
    if _holds_numbers(cells) or is_bool_dtype(cells.dtype):
        return
    for cell in dict.fromkeys(_texts(cells)):
        if not is_missing(cell) and parse_number(cell, style)[1]:
            yield cell


# Beyond so many numbers a column is measured, and names nothing.
_MOST_NAMES = 2000
_MOST_ANSWERS = 12
_WHOLE = re.compile(r"-?\d+([.,]0*)?", re.ASCII)
_LEADING = re.compile(r"[+-]?0\d", re.ASCII)


def spelling(
    cells: "pd.Series[Any]", values: "pd.Series[Any]"
) -> dict[Any, str] | None:
    """Return how numbers were spelled where that is not their shortest form.

    None where numbers would lose a difference or a leading zero: 1.1 and 1.10, 01. A
    few whole numbers are answers, also where some are written 3.0.
    """
    spelled: dict[Any, str] = {}
    twice = False
    # a dictionary of cells is a list of the different ones
    for cell, value in dict(zip(cells.tolist(), values.tolist(), strict=True)).items():
        if value != value:
            continue
        text = identifier(cell) or ""
        if _LEADING.match(text) or abs(value) >= 2**53:
            return None
        if spelled.setdefault(value, text) != text:
            twice = True
            if not _WHOLE.fullmatch(text) or not _WHOLE.fullmatch(spelled[value]):
                return None
    if twice:
        # 3 and 3.0 are answers; many different numbers may be anything
        return {} if len(spelled) <= _MOST_ANSWERS else None
    odd = {value: text for value, text in spelled.items() if identifier(value) != text}
    return odd if len(odd) <= _MOST_NAMES else {}


def quoted(value: Any, most: int = 40) -> str:
    """Return a cell for a message, cut where it is long."""
    text = value if isinstance(value, str) else str(value)
    text = " ".join(text.split())
    return repr(text if len(text) <= most else text[: most - 1] + "…")


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
                rule=f"{first.rule} in {len(members)} rows",
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
    return DataError(f"{source}: {len(sentences)} problems found.\n{lines}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawTable:
    """Cells as a source holds them, and where each stands.

    Attributes
    ----------
    source : str
        The file as the user named it, for messages.
    frame : DataFrame
        The cells, rows counted from 0.
    numbers : tuple of int or None
        The line, row or spreadsheet row of each row of ``frame``.
    kind : str
        ``"line"``, ``"row"`` or the name of a sheet.
    letters : dict
        Of a sheet, the letter of each column.
    labels : tuple of str
        Row labels of a frame given by the user; else empty.
    style : NumberStyle
        How its numbers are written.
    column_labels, value_labels : dict
        Labels of SPSS and Stata, by column; the questions of a survey program.
    spelled : dict
        Of columns of numbers that come from text, how each number was spelled.
    notes : tuple of str
        What was decided when the table was read.
    codes : bool
        Whether answers may be codes such as ``A1 ... A5``.
    """

    source: str
    frame: pd.DataFrame
    numbers: tuple[int, ...] = ()
    kind: str = "line"
    letters: dict[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    style: NumberStyle = field(default_factory=NumberStyle)
    column_labels: dict[str, str] = field(default_factory=dict)
    value_labels: dict[str, dict[Any, str]] = field(default_factory=dict)
    spelled: dict[str, dict[Any, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    codes: bool = False

    def place(self, row: int, column: str = "") -> Place:
        """Return where a row, or a cell of it, stands in the source."""
        if self.labels:
            return Place(label=f"row {self.labels[row]}")
        number = self.numbers[row]
        if self.kind in ("line", "row"):
            return Place(
                label=f"{self.kind} {number}", prefix=f"{self.kind} ", number=number
            )
        prefix = f"{self.kind}!{self.letters.get(column, '')}"
        label = f"{prefix}{number}" if column else f"{self.kind}, row {number}"
        return Place(label=label, prefix=prefix, number=number)


# Jumps in the numbering of rows beyond which they are not kept.
_MOST_JUMPS = 5000


def row_starts(table: RawTable) -> tuple[tuple[int, int], ...]:
    """Return position and number of each row where the numbering starts or jumps.

    Nothing for a frame of the user, whose rows have labels of their own.
    """
    if not table.numbers or table.labels:
        return ()
    numbers = np.asarray(table.numbers)
    jumps = np.flatnonzero(np.diff(numbers) != 1) + 1
    if len(jumps) > _MOST_JUMPS:
        return ()
    return tuple((int(i), int(numbers[i])) for i in (0, *jumps.tolist()))


def clean_names(source: str, names: Sequence[Any]) -> list[str]:
    """Return column names as stripped text; a repeated name is a DataError."""
    texts = ["" if name is None else str(name).strip() for name in names]
    bad = [f"the column name {text!a}" for text in texts if is_damaged(text)]
    _refuse_halves(source, bad)
    places: dict[str, list[int]] = {}
    for i, name in enumerate(texts, start=1):
        places.setdefault(name, []).append(i)
    repeated = {name: of for name, of in places.items() if name and len(of) > 1}
    if repeated:
        said = "; ".join(
            f"{name!r} in columns {listing(where)}" for name, where in repeated.items()
        )
        raise DataError(
            f"{source}: columns must have different names, but there is {said}. "
            "Rename or delete the repeated ones."
        )
    return texts


def table_of_cells(
    source: str,
    header: Sequence[Any],
    rows: Sequence[Sequence[Any]],
    numbers: Sequence[int],
    *,
    kind: str,
    letters: Sequence[str] = (),
    delimiter: str = "",
    notes: Sequence[str] = (),
) -> RawTable:
    """Return a table of text cells; blank rows and nameless blank columns are no data.

    Rows that a survey program puts below the names are no data either. Rows keep their
    line numbers, so that leaving some out moves no message.
    """
    names = clean_names(source, header)
    export = recognise(names, rows)
    if export is not None:
        rows, numbers = rows[export.skip :], numbers[export.skip :]
        notes = [*notes, *(f"{source}: {note}" for note in export.notes)]
    filled = [i for i, row in enumerate(rows) if not all(map(_blank, row))]
    numbers = [numbers[i] for i in filled]
    columns = list(zip(*(rows[i] for i in filled), strict=True)) or [()] * len(names)
    keep = []
    for j, name in enumerate(names):
        if not name and not all(map(_blank, columns[j])):
            if j == 0 and _counts_rows(columns[j]):
                continue
            where = f"column {letters[j]}" if letters else f"column {j + 1}"
            raise DataError(
                f"{source}: {where} holds values but has no name in the first row. "
                "Give it a name."
            )
        if name:
            keep.append(j)
    if not keep:
        raise DataError(
            f"{source}: no column names found. The first row must hold them."
        )
    if not filled:
        raise DataError(
            f"{source}: there are column names ({listing(names[j] for j in keep)}) but "
            "no rows below them. Add the data."
        )
    cells = {names[j]: list(columns[j]) for j in keep}
    style = number_style(
        (cell for column in cells.values() for cell in column), delimiter=delimiter
    )
    table = RawTable(
        source=source,
        frame=pd.DataFrame(cells, dtype=object),
        numbers=tuple(numbers),
        kind=kind,
        letters={names[j]: letters[j] for j in keep} if letters else {},
        style=style,
        column_labels=export.questions if export is not None else {},
        notes=tuple(notes),
        codes=export is not None and export.codes,
    )
    refuse_second_header(table)
    return table


def refuse_unwritable(table: RawTable) -> None:
    """Raise a DataError for cells that no file can hold: halves of signs alone."""
    bad = []
    for j, name in enumerate(table.frame):
        cells = table.frame.iloc[:, j]
        if is_numeric_dtype(cells.dtype) or not any(
            map(is_damaged, set(_texts(cells)))
        ):
            continue
        bad += [
            f"{cell!a} ({table.place(row, str(name)).label})"
            for row, cell in enumerate(cells)
            if is_damaged(cell)
        ]
    _refuse_halves(table.source, bad)


def _texts(cells: "pd.Series[Any]") -> Iterable[str]:
    return (cell for cell in cells.tolist() if isinstance(cell, str))


def with_missing_words(table: RawTable, words: Sequence[str] | None) -> RawTable:
    """Return the table with further words that mean that nothing is there.

    None keeps the usual words (NA, N/A, NaN; in columns of numbers also null, none, a
    dot and dashes), a sequence adds to them, and an empty one turns them off.
    """
    if words is None:
        return table
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        raise ModelError(
            f"{option('missing_words')} must be a list of words, such as "
            f"['Prefer not to say']; got {words!r}."
        )
    named = {" ".join(word.split()).casefold() for word in words} - {""}
    columns: dict[int, list[Any]] = {}
    for j in range(len(table.frame.columns)):
        cells = table.frame.iloc[:, j]
        if is_numeric_dtype(cells.dtype):
            continue
        texts = {cell: _kept(cell, named) for cell in set(_texts(cells))}
        changed = {k: v for k, v in texts.items() if v is not k}
        if changed:
            columns[j] = [changed.get(c, c) if isinstance(c, str) else c for c in cells]
    if not columns:
        return table
    frame = pd.DataFrame(
        {
            name: pd.Series(columns[j], dtype=object) if j in columns else of
            for j, (name, of) in enumerate(table.frame.items())
        }
    )
    return replace(table, frame=frame)


def _kept(cell: str, named: Set[str]) -> str | None:
    text = " ".join(cell.split()).casefold()
    if not named:
        return Word(cell) if text in MISSING_NUMBERS and text else cell
    return None if text in named else cell


def _refuse_halves(source: str, bad: Sequence[str]) -> None:
    if bad:
        raise DataError(
            f"{source}: text contains invalid characters (unpaired surrogates or "
            f"undecoded bytes): {listing(bad, 500)}. Retype them."
        )


def _blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _counts_rows(cells: Sequence[Any]) -> bool:
    """Return whether cells are the row numbers that R and pandas write."""
    texts = [str(cell).strip() for cell in cells]
    return any(
        texts == [str(i) for i in range(first, first + len(texts))] for first in (0, 1)
    )


def refuse_second_header(table: RawTable) -> None:
    """Raise a DataError where the first row of data names columns again.

    That is: text where every filled cell of the rows below is a number, in at least two
    columns and in all columns of numbers. The next 50 rows are enough to tell.
    """
    # a column of numbers by its type has a number in the first row, too
    if len(table.frame) < 2 or any(map(is_numeric_dtype, table.frame.dtypes)):
        return
    number_columns = []
    for name in table.frame:
        first, *rest = table.frame[name].iloc[:51]
        filled = [cell for cell in rest if not is_missing(cell)]
        if filled and not any(parse_number(cell, table.style)[1] for cell in filled):
            if is_missing(first) or not parse_number(first, table.style)[1]:
                return
            number_columns.append(str(name))
    if len(number_columns) >= 2:
        where = table.place(0).label
        shown = listing(quoted(table.frame[name].iloc[0]) for name in number_columns)
        raise DataError(
            f"{table.source}: {where} looks like a second row of column names "
            f"({shown}). Only the first row may name columns: delete it."
        )
