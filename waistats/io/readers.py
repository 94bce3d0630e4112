"""Files of psychologists to frames: published coefficients and item responses."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._frames import is_frame
from waistats._typing import FloatArray
from waistats.errors import DataError, listing, near
from waistats.instruments.scoring import numbered_sets
from waistats.io._codebook import NUMBER_ADVICE, guess_column, tidy_numbers
from waistats.io._files import Source, read_table, sheets_with
from waistats.io._findings import Finding, problem
from waistats.io._long import to_wide
from waistats.io._numbers import (
    MISSING_NUMBERS,
    is_missing,
    parse_numbers,
    plain_text,
    quoted,
    spelling,
    text_cells,
)
from waistats.io._table import RawTable, row_starts
from waistats.io._words import (
    Labels,
    ReadWords,
    Words,
    fold,
    label_values,
    learned_words,
)
from waistats.io.check import read_coefficient_table, require_coefficients

# Of a text column, the most different words that may be answers.
_MOST_WORDS = 40


def read_coefficients(
    path: Source,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    skip_rows: int = 0,
    missing_words: Sequence[str] | None = None,
    wide: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Read published reliability coefficients, one row per coefficient.

    Parameters
    ----------
    path : str, path or frame
        A CSV file (comma, semicolon or tab; decimal comma), or .xlsx, .sav, .por,
        .dta, .sas7bdat, .xpt, .parquet, .feather; with python-calamine also .xls,
        .xlsb and .ods; ``"-"`` for standard input. A frame (pandas, Polars, pyarrow)
        is checked in the same way.
    columns : mapping, optional
        Names in the file to names of the coefficient table, such as
        ``{"alpha": "estimate"}``.
    sheet : str, optional
        Sheet of a workbook; the first by default.
    encoding : str, optional
        Encoding of a text file or of labels; found by evidence by default, or refused
        where it is not certain.
    skip_rows : int, default 0
        Rows above the names of the columns, such as titles.
    missing_words : sequence of str, optional
        Words that mean that nothing is there, besides NA, N/A and NaN; an empty
        sequence turns these off, so that NA is a word.
    wide : mapping, optional
        Of a table with several coefficients in a row, a pattern of their columns to the
        column that takes what differs: ``{"alpha_*": "scale"}`` makes rows of
        ``alpha_task, alpha_bond, ...``; ``n_items_task, ...`` go with them.

    Returns
    -------
    pandas.DataFrame
        The table with ``study_id`` (text), ``estimate``, ``n``, ``n_items`` and every
        other column of the file, in the order of the file. A negative estimate is kept
        and named in the column ``flag``. Numbers that have value labels (SPSS, Stata)
        become categories in the order of their codes; the codes are in
        ``attrs["value_labels"]``. ``attrs["notes"]`` says what was decided at reading.

    Raises
    ------
    DataError
        If anything keeps the table from being used: it names every bad row and column.

    Notes
    -----
    A blank estimate, n or n_items is an error unless the row's ``status`` is something
    other than ``poolable`` or its ``reason`` is filled. ``status_reason`` is read as
    ``reason``.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"study": ["A", "B"], "alpha": [0.91, 0.87], "n": [80, 120], "n_items": 12}
    ... )
    >>> read_coefficients(table, columns={"study": "study_id", "alpha": "estimate"})
      study_id  estimate    n  n_items
    0        A      0.91   80       12
    1        B      0.87  120       12
    """
    table = read_coefficient_table(
        path,
        columns=columns,
        wide=wide,
        sheet=sheet,
        encoding=encoding,
        skip_rows=skip_rows,
        missing_words=missing_words,
    )
    frame = require_coefficients(table)
    labels = {k: v for k, v in table.value_labels.items() if k in frame}
    if labels:
        frame.attrs["value_labels"] = labels
    if table.notes:
        frame.attrs["notes"] = (*frame.attrs.get("notes", ()), *table.notes)
    return frame


def read_responses(
    path: Source,
    *,
    labels: Labels | None = None,
    items: Sequence[str] | None = None,
    person: str | Sequence[str] | None = None,
    item: str | None = None,
    value: str | None = None,
    missing_codes: Sequence[float] = (),
    sheet: str | None = None,
    encoding: str | None = None,
    skip_rows: int = 0,
    missing_words: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read item responses, one row per person, with numbers for answers.

    Parameters
    ----------
    path : str, path or frame
        A file of any kind that `read_coefficients` reads, ``"-"`` for standard input,
        or a frame (pandas, Polars, pyarrow). The header rows of Qualtrics and SoSci
        Survey, and the answer codes of LimeSurvey are recognized.
    labels : sequence of str or mapping, optional
        Words of the answers in order, for 1, 2, ..., such as ``["Never", "Rarely"]``;
        or a mapping of words to numbers (None for a word that is no answer). Case and
        outer blanks do not matter. Answers that carry a number, such as ``5 - Always``,
        ``5 Always`` or ``Always (5)``, need no labels.
    items : sequence of str, optional
        The item columns. They must hold numbers (or known words); an answer that is
        neither is an error. Without it, columns of numbers become numbers, columns
        that hold any of the words become numbers, and others stay text.
    person, item, value : str, optional
        For a long file (one row per answer): the columns of the person (or several that
        identify the row together), of the item and of the answer. The result is wide.
    missing_codes : sequence of float, optional
        Numbers that mean a missing answer, such as 9 or 99, in the item columns.
    sheet : str, optional
        Sheet of a workbook; the first by default.
    encoding : str, optional
        Encoding of a text file or of labels; found by evidence by default, or refused
        where it is not certain.
    skip_rows : int, default 0
        Rows above the names of the columns, such as titles.
    missing_words : sequence of str, optional
        Words that mean that nothing is there, such as ``["Prefer not to say"]``,
        besides NA, N/A and NaN; an empty sequence turns these off, so that NA is a
        word.

    Returns
    -------
    pandas.DataFrame
        One row per person, columns in the order of the file. ``attrs`` keeps
        ``value_labels`` and ``column_labels`` of SPSS and Stata files (user-missing
        codes of those files are missing), ``spelled`` (how a text file spells numbers,
        where that is not their shortest form), ``file_rows`` (where rows are in the
        file) and ``notes`` (what was decided at
        reading).

    Raises
    ------
    DataError
        If the file cannot be read, or an answer is not a number or known word: the
        message names every row and word.

    Notes
    -----
    A column of a text file stays text where numbers would lose a difference: 1.1 and
    1.10, or 01. Such columns are identifiers; item columns of this kind are read as
    numbers where they are used.

    Examples
    --------
    >>> table = pd.DataFrame({"study": ["A", "A"], "q1": ["Never", "Always"]})
    >>> read_responses(table, labels=["Never", "Sometimes", "Always"])
      study  q1
    0     A   1
    1     A   3
    """
    return read_answers(
        path,
        labels=labels,
        items=items,
        long=(person, item, value),
        missing_codes=missing_codes,
        sheet=sheet,
        encoding=encoding,
        skip_rows=skip_rows,
        missing_words=missing_words,
    )


def read_answers(
    path: Source,
    *,
    keys: Collection[str] = (),
    labels: Labels | None = None,
    items: Sequence[str] | None = None,
    long: tuple[str | Sequence[str] | None, str | None, str | None] = (
        None,
        None,
        None,
    ),
    missing_codes: Sequence[float] = (),
    missing_words: Sequence[str] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Read item responses where it is known which columns are identifiers.

    Parameters
    ----------
    path : str, path or frame
        As for `read_responses`.
    keys : collection of str
        Columns of the study, the person and what splits studies: text stays as
        spelled, and is never taken for an answer.
    labels, items, missing_codes, missing_words
        As for `read_responses`.
    long : tuple
        Columns of the person, the item and the answer of a long file.
    **options
        ``sheet``, ``encoding`` and ``skip_rows``.
    """
    table = _first_sheet(path, [*keys, *_named(items, long)], missing_words, options)
    if long != (None, None, None):
        person, item, value = long
        table, found = to_wide(table, person=person, item=item, value=value)
        items = found if items is None else items
        people = [person] if isinstance(person, str) else list(person or ())
        keys = {*keys, *people}
    named = {fold(word) for word in missing_words or ()}
    words = Words(
        known=label_values(labels), missing=frozenset(named), codes=table.codes
    )
    answers = _Answers(table=table, words=words, codes=tuple(missing_codes))
    answers.choose(_item_columns(table, items), given=items is not None, keys=keys)
    frame = answers.frame(set(keys))
    error = problem(table.source, answers.findings)
    if error is not None:
        raise error
    starts = row_starts(table)
    if long == (None, None, None) and not is_frame(path) and starts:
        frame.attrs["file_rows"] = starts
    return frame


def _named(
    items: Sequence[str] | None,
    long: tuple[str | Sequence[str] | None, str | None, str | None],
) -> list[str]:
    """Return the columns that options name."""
    named: list[str] = []
    for given in (items if long == (None, None, None) else None, *long):
        named += [given] if isinstance(given, str) else given or ()
    return named


def _first_sheet(
    path: Source,
    named: Sequence[str],
    missing_words: Sequence[str] | None,
    options: Mapping[str, Any],
) -> RawTable:
    """Return the cells of a file of answers.

    Raises
    ------
    DataError
        Where the first sheet of a workbook cannot be read or holds no answers (a
        codebook, a README), and another sheet holds them: it is named.
    """

    def has_named(names: Sequence[object]) -> bool:
        return set(named) <= set(names)

    def has_items(names: Sequence[object]) -> bool:
        return bool(numbered_sets(names))

    def elsewhere(wanted: Callable[[Sequence[object]], bool]) -> str:
        if options.get("sheet") is not None:
            return ""
        return sheets_with(path, "answers", wanted)

    try:
        table = read_table(path, missing_words=missing_words, **options)
    except DataError as error:
        if there := elsewhere(has_named if named else has_items):
            raise DataError(f"{error} {there}") from None
        raise
    names = list(table.frame)
    if is_frame(path) or (has_named(names) if named else has_items(names)):
        return table
    absent = [name for name in named if name not in names]
    if absent and (there := elsewhere(has_named)):
        lacks = f"has no column {listing(map(repr, absent))}"
    elif not has_items(names) and (there := elsewhere(has_items)):
        lacks = "has no numbered items"
    else:
        return table
    raise DataError(f"{table.source}: sheet {table.kind!r} {lacks}. {there}")


@dataclass(slots=True, kw_only=True)
class _Answers:
    """The columns of a raw table on their way to numbers."""

    table: RawTable
    words: Words
    codes: tuple[float, ...]
    items: set[str] = field(default_factory=set)
    given: bool = False
    read: dict[str, ReadWords] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def choose(self, items: set[str], *, given: bool, keys: Collection[str]) -> None:
        """Decide which columns hold answers in words, and learn the words."""
        self.items, self.given = items, given
        candidates: dict[str, list[str]] = {}
        for name in self.table.frame:
            if name in keys or (given and name not in items):
                continue
            texts = list(text_cells(self.table.frame[name], self.table.style))
            if texts and (name in items or len(texts) <= _MOST_WORDS):
                candidates[str(name)] = texts
        self.words = replace(self.words, learned=learned_words(candidates.values()))
        read = {name: self.words.read(texts) for name, texts in candidates.items()}
        shared = _shared_words(read)
        self.read = {
            name: of
            for name, of in read.items()
            if name in items
            or any(fold(text) in self.words.known for text in candidates[name])
            or (name in shared and len(of.values) == len(candidates[name]))
            or self._silent(name, candidates[name], of)
        }

    def _silent(self, name: str, texts: Sequence[str], of: ReadWords) -> bool:
        """Return whether a column holds numbers, and words that say no answer."""
        if len(of.no_answer) < len(texts) or not texts:
            return False
        cells = self.table.frame[name]
        return any(not is_missing(cell) and cell not in of.values for cell in cells)

    def frame(self, keys: set[str]) -> pd.DataFrame:
        """Return the typed columns; what cannot be read becomes a finding."""
        table = self.table
        columns: dict[str, pd.Series] = {}
        spelled: dict[str, dict[Any, str]] = {}
        labels = dict(table.value_labels)
        for name in map(str, table.frame):
            cells = table.frame[name]
            if name in keys:
                columns[name] = _key_column(cells)
            elif name in self.items or name in self.read:
                values = self._numbers(name, cells)
                values[np.isin(values, list(self.codes))] = np.nan
                columns[name] = tidy_numbers(pd.Series(values))
                if name in self.read and self.read[name].spelled:
                    labels[name] = dict(sorted(self.read[name].spelled.items()))
            else:
                columns[name], how = _guessed(cells, table)
                if how:
                    spelled[name] = how
                if not self.given and self.codes:
                    columns[name] = _without(columns[name], self.codes)
        frame = pd.DataFrame(columns)
        given = {
            "column_labels": {
                k: v for k, v in table.column_labels.items() if k in frame
            },
            "value_labels": {k: v for k, v in labels.items() if k in frame},
            "spelled": {k: v for k, v in table.spelled.items() if k in frame} | spelled,
            "notes": (*table.notes, *self._notes()),
        }
        frame.attrs.update({kind: kept for kind, kept in given.items() if kept})
        return frame

    def _numbers(self, name: str, cells: "pd.Series[Any]") -> FloatArray:
        read = self.read.get(name)
        known = {} if read is None else read.values
        translated: Any = (
            [known.get(c, c) if isinstance(c, str) else c for c in cells]
            if known
            else cells
        )
        values, bad = parse_numbers(translated, self.table.style)
        if self.words.known:
            allowed = {*self.words.known.values(), *known.values()}
            for row in np.flatnonzero(~np.isnan(values)):
                if values[row] not in allowed:
                    bad.setdefault(int(row), repr(f"{values[row]:g}"))
        self.findings += _unread(self.table, name, bad, self.words, cells)
        return values

    def _notes(self) -> list[str]:
        told = []
        numbered = {n: r.numbered for n, r in self.read.items() if r.numbered}
        if numbered:
            first = next(iter(numbered.values()))[0]
            told.append(
                f"{self.table.source}: answers that carry a number, such as "
                f"{quoted(first)}, are read by it ({listing(numbered)})"
            )
        silent: dict[str, list[str]] = {}
        for name, of in self.read.items():
            for word in of.no_answer:
                silent.setdefault(word, []).append(name)
        for word, names in silent.items():
            count = sum(int((self.table.frame[name] == word).sum()) for name in names)
            told.append(
                f"{self.table.source}: {quoted(word)} is read as missing ({count} "
                f"in {listing(names, 6)})"
            )
        if self.words.codes and self.read:
            told.append(f"{self.table.source}: codes such as A1 are read as 1")
        return told


def _shared_words(read: Mapping[str, ReadWords]) -> set[str]:
    """Return columns whose numbered answers appear in another column, too.

    One column of numbered words may name sites (1 North, 2 South); answers to a scale
    share their words.
    """
    where: dict[tuple[float, str], list[str]] = {}
    for name, of in read.items():
        for text, number in of.values.items():
            if number == number and text not in of.no_answer:
                # codes (A1 ... A5) have no words to share, but one shape
                key = (0.0, "") if text in of.codes else (number, fold(text))
                if number in of.spelled:
                    key = (number, fold(of.spelled[number]))
                where.setdefault(key, []).append(name)
    return {name for names in where.values() if len(set(names)) > 1 for name in names}


def _key_column(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return an identifier column: text as spelled, typed numbers as they are."""
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return cells
    if not any(isinstance(cell, str) for cell in cells):
        return cells
    return pd.Series([plain_text(cell) for cell in cells], dtype=object)


def _guessed(
    cells: "pd.Series[Any]", table: RawTable
) -> tuple["pd.Series[Any]", dict[Any, str]]:
    """Return a column as numbers where nothing is lost, and how they were spelled."""
    values = guess_column(cells, table.style)
    is_number = pd.api.types.is_numeric_dtype
    if not is_number(values.dtype) or is_number(cells.dtype):
        return values, {}
    how = spelling(cells, values)
    if how is None:
        texts = [plain_text(cell) for cell in cells]
        missing = [is_missing(cell, MISSING_NUMBERS) for cell in cells]
        texts = [None if m else t for t, m in zip(texts, missing, strict=True)]
        return pd.Series(texts, dtype=object), {}
    return values, how


def _without(values: pd.Series, codes: Sequence[float]) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(values):
        return values
    return values.mask(values.isin(list(codes)))


def _item_columns(table: RawTable, items: Sequence[str] | None) -> set[str]:
    if items is None:
        return set()
    if isinstance(items, str):
        items = [items]
    known = list(table.frame.columns)
    absent = [name for name in items if name not in known]
    if absent:
        said = ", ".join(f"{name!r}{near(name, known)}" for name in absent)
        raise DataError(
            f"{table.source}: has no item {said}; it has {listing(known)}. Spell items "
            "as in the first row."
        )
    return set(items)


def _unread(
    table: RawTable,
    name: str,
    bad: Mapping[int, str],
    words: Words,
    cells: "pd.Series[Any]",
) -> list[Finding]:
    rule, advice = "must be a number", NUMBER_ADVICE
    if words.known:
        rule = f"must be one of the labels ({listing(words.known)}) or their numbers"
        advice = (
            f"Correct the words, add them to {option('labels')}, name those that mean "
            f"missing in {option('missing_words')}, or name the items with "
            f"{option('items')}."
        )
    elif any(
        isinstance(cells.iloc[row], str) and _word(cells.iloc[row]) for row in bad
    ):
        advice = (
            f"Name the words of the answers in order in {option('labels')}, and words "
            f"for missing answers in {option('missing_words')}; or correct the cells."
        )
    return [
        Finding(
            column=name,
            severity="error",
            rule=rule,
            value=said,
            advice=advice,
            place=table.place(row, name),
            row=row,
        )
        for row, said in bad.items()
    ]


def _word(text: str) -> bool:
    return sum(c.isalpha() for c in text) > 2
