"""Files of psychologists to frames: published coefficients and item responses.

Worded answers to numbers: Never ... Always to 1 ... 7.

Long files (one row an answer) to wide ones (one row a person).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.io._codebook import NUMBER_ADVICE, guess_column, tidy_numbers
from waistats.io._files import Source, read_table
from waistats.io._table import (
    Finding,
    RawTable,
    is_missing,
    parse_numbers,
    plain_text,
    problem,
    runs,
)
from waistats.io.check import require_coefficients

Labels: TypeAlias = Sequence[str] | Mapping[str, float]


def label_values(labels: Labels | None) -> dict[str, float]:
    """Return folded words and their numbers; a list of words counts from 1."""
    if labels is None:
        return {}
    if isinstance(labels, str) or not isinstance(labels, Sequence | Mapping):
        raise ModelError(
            "labels must be a list of words in order, or a mapping of words to "
            f"numbers; got {labels!r}."
        )
    pairs = (
        list(labels.items())
        if isinstance(labels, Mapping)
        else [(word, float(i)) for i, word in enumerate(labels, start=1)]
    )
    values: dict[str, float] = {}
    for word, number in pairs:
        if not isinstance(word, str) or not word.strip():
            raise ModelError(f"labels must be words; got {word!r}.")
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ModelError(f"labels must give numbers; {word!r} has {number!r}.")
        if not math.isfinite(number):
            raise ModelError(f"labels must give finite numbers; {word!r} has {number}.")
        if fold(word) in values:
            raise ModelError(f"labels names {word!r} twice.")
        values[fold(word)] = float(number)
    if not values:
        raise ModelError("labels is empty; name the words of the answers in order.")
    return values


def fold(word: str) -> str:
    """Return a word as it is compared: without case and outer or doubled blanks."""
    return " ".join(word.split()).casefold()


def apply_labels(cells: Iterable[Any], words: Mapping[str, float]) -> list[Any]:
    """Return cells with every known word replaced by its number."""
    return [
        words.get(fold(cell), cell) if isinstance(cell, str) else cell for cell in cells
    ]


def to_wide(
    table: RawTable,
    *,
    person: str | Sequence[str] | None,
    item: str | None,
    value: str | None,
) -> tuple[RawTable, list[str]]:
    """Return one row a person and the names of the item columns.

    Persons and items keep the order of their first answer; items that are numbers are
    named after the item column. Other columns must not change within a person.
    """
    if person is None or item is None or value is None:
        raise ModelError(
            "a long file needs all of person=, item= and value=: the columns of the "
            "person, of the item and of the answer."
        )
    keys = [person] if isinstance(person, str) else list(person)
    known = [str(name) for name in table.frame.columns]
    absent = [name for name in [*keys, item, value] if name not in known]
    if absent:
        said = ", ".join(f"{name!r}{near(name, known)}" for name in absent)
        raise DataError(
            f"{table.source}: has no column {said}; it has {listing(known)}."
        )
    texts = {
        name: [plain_text(cell) for cell in table.frame[name]] for name in [*keys, item]
    }
    _refuse_blank(table, texts)
    persons, first = _codes(list(zip(*(texts[name] for name in keys), strict=True)))
    items, first_item = _codes(texts[item])
    _refuse_twice(table, persons, items)
    rest = [n for n in known if n not in (item, value)]
    _refuse_changing(table, [n for n in rest if n not in keys], persons, first)
    answers = np.full((len(first), len(first_item)), None, dtype=object)
    answers[persons, items] = list(table.frame[value])
    names = _item_names([str(texts[item][i]) for i in first_item], item)
    clash = [name for name in names if name in rest]
    if clash:
        raise DataError(
            f"{table.source}: items and columns share the names {listing(clash)}. "
            "Rename these columns."
        )
    wide = {name: table.frame[name].iloc[first].to_list() for name in rest}
    wide |= {name: list(answers[:, j]) for j, name in enumerate(names)}
    return (
        replace(
            table,
            frame=pd.DataFrame(wide, dtype=object),
            numbers=tuple(table.numbers[i] for i in first) if table.numbers else (),
            labels=tuple(table.labels[i] for i in first) if table.labels else (),
            letters={},
        ),
        names,
    )


def _codes(values: Sequence[Any]) -> tuple[Any, list[int]]:
    """Return numbers in order of appearance, and where each value first stands."""
    seen: dict[Any, int] = {}
    first: list[int] = []
    codes = np.empty(len(values), dtype=np.int64)
    for i, value in enumerate(values):
        if value not in seen:
            seen[value] = len(first)
            first.append(i)
        codes[i] = seen[value]
    return codes, first


def _item_names(texts: list[str], item: str) -> list[str]:
    return [f"{item}{text}" if text.isdigit() else text for text in texts]


def _where(table: RawTable, rows: Sequence[int]) -> str:
    if table.labels:
        return listing((table.place(row).label for row in rows), 500)
    prefix = (
        f"{table.kind} " if table.kind in ("line", "row") else f"{table.kind}, row "
    )
    return runs(prefix, [table.numbers[row] for row in rows])


def _refuse_blank(table: RawTable, texts: dict[str, list[str | None]]) -> None:
    for name, values in texts.items():
        blank = [i for i, text in enumerate(values) if text is None]
        if blank:
            raise DataError(
                f"{table.source}: column {name!r} must be filled in every row of a "
                f"long file, but is empty in {_where(table, blank)}. Fill it or "
                "delete the rows."
            )


def _refuse_twice(table: RawTable, persons: Any, items: Any) -> None:
    pairs = pd.Series(persons).astype(str) + "/" + pd.Series(items).astype(str)
    twice = np.flatnonzero(pairs.duplicated(keep=False))
    if len(twice):
        raise DataError(
            f"{table.source}: a person answers an item more than once in "
            f"{_where(table, [int(i) for i in twice])}. Delete the repeated rows, or "
            "name all columns that identify a row in person=: study and session, say."
        )


def _refuse_changing(
    table: RawTable, rest: list[str], persons: Any, first: list[int]
) -> None:
    for name in rest:
        texts = np.array(
            [None if is_missing(c) else plain_text(c) for c in table.frame[name]],
            dtype=object,
        )
        expected = texts[first][persons]
        rows = [int(i) for i in np.flatnonzero(texts != expected)]
        if rows:
            raise DataError(
                f"{table.source}: column {name!r} changes within a person in "
                f"{_where(table, rows)}. Add it to person= if it identifies the row, "
                "or leave it out of the file."
            )


def read_coefficients(
    path: Source, *, columns: Mapping[str, str] | None = None, sheet: str | None = None
) -> pd.DataFrame:
    """Read published reliability coefficients, one row a coefficient.

    Parameters
    ----------
    path : str, path or DataFrame
        A CSV file (comma, semicolon or tab; decimal comma; UTF-8, UTF-16 or Latin-1),
        or .xlsx, .sav, .dta, .parquet; a frame is checked in the same way.
    columns : mapping, optional
        Names in the file to names of the coefficient table, such as
        ``{"alpha": "estimate"}``.
    sheet : str, optional
        Sheet of an Excel file; the first by default.

    Returns
    -------
    pandas.DataFrame
        The table with ``study_id`` (text), ``estimate``, ``n``, ``n_items`` and every
        other column of the file, in the order of the file. A negative estimate is kept
        and named in the column ``flag``.

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
    return require_coefficients(read_table(path, sheet=sheet), columns=columns)


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
) -> pd.DataFrame:
    """Read item responses, one row a person, with numbers for answers.

    Parameters
    ----------
    path : str, path or DataFrame
        A CSV file (comma, semicolon or tab; decimal comma; UTF-8, UTF-16 or Latin-1),
        or .xlsx, .sav, .dta, .parquet.
    labels : sequence of str or mapping, optional
        Words of the answers in order, for 1, 2, ..., such as ``["Never", "Rarely"]``;
        or a mapping of words to numbers. Case and outer blanks do not matter.
    items : sequence of str, optional
        The item columns. They must hold numbers (or the words of ``labels``); an
        answer that is neither is an error. Without it, columns of numbers become
        numbers, columns that hold any of the words become numbers, and others stay
        text.
    person, item, value : str, optional
        For a long file (one row an answer): the columns of the person (or several that
        identify the row together), of the item and of the answer. The result is wide.
    missing_codes : sequence of float, optional
        Numbers that mean a missing answer, such as 9 or 99, in the item columns.
    sheet : str, optional
        Sheet of an Excel file; the first by default.
    encoding : str, optional
        Encoding of a text file or of labels, where it is not found by itself.

    Returns
    -------
    pandas.DataFrame
        One row a person, columns in the order of the file. ``attrs["value_labels"]``
        and ``attrs["column_labels"]`` keep the labels of SPSS and Stata files;
        user-missing codes of those files are missing.

    Raises
    ------
    DataError
        If the file cannot be read, or an answer is no number or known word: the
        message names every row and word.

    Examples
    --------
    >>> table = pd.DataFrame({"study": ["A", "A"], "q1": ["Never", "Always"]})
    >>> read_responses(table, labels=["Never", "Sometimes", "Always"])
      study  q1
    0     A   1
    1     A   3
    """
    table = read_table(path, sheet=sheet, encoding=encoding)
    words = label_values(labels)
    if person is not None or item is not None or value is not None:
        table, found = to_wide(table, person=person, item=item, value=value)
        items = found if items is None else items
    names = _item_columns(table, items)
    columns: dict[str, pd.Series] = {}
    findings: list[Finding] = []
    for name in table.frame:
        cells = table.frame[name]
        worded = bool(words) and any(
            isinstance(cell, str) and fold(cell) in words for cell in cells
        )
        if name in names or (worded and items is None):
            values, bad = _answers(cells, table, words)
            findings += _unread(table, str(name), bad, words)
            values[np.isin(values, list(missing_codes))] = np.nan
            columns[str(name)] = tidy_numbers(pd.Series(values))
        else:
            columns[str(name)] = guess_column(cells, table.style)
            if items is None and missing_codes and columns[str(name)].dtype != object:
                columns[str(name)] = _without(columns[str(name)], missing_codes)
    error = problem(table.source, findings)
    if error is not None:
        raise error
    frame = pd.DataFrame(columns)
    for kind in ("column_labels", "value_labels"):
        kept = {k: v for k, v in getattr(table, kind).items() if k in frame}
        if kept:
            frame.attrs[kind] = kept
    return frame


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
            f"{table.source}: has no item {said}; it has {listing(known)}. Name items "
            "as the first row spells them."
        )
    return set(items)


def _answers(
    cells: pd.Series, table: RawTable, words: Mapping[str, float]
) -> tuple[FloatArray, dict[int, str]]:
    translated = apply_labels(cells, words) if words else cells
    values, bad = parse_numbers(translated, table.style)
    if words:
        allowed = set(words.values())
        for row, number in enumerate(values):
            if (
                not is_missing(cells.iloc[row])
                and row not in bad
                and number not in allowed
            ):
                bad[row] = repr(f"{number:g}")
    return values, bad


def _unread(
    table: RawTable, name: str, bad: Mapping[int, str], words: Mapping[str, float]
) -> list[Finding]:
    rule, advice = "must be a number", NUMBER_ADVICE
    if words:
        rule = f"must be one of the labels ({listing(words)}) or their numbers"
        advice = (
            "Correct the words, add them to labels=, or name the items with items=."
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
