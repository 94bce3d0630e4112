"""Files of psychologists to frames: published coefficients and item responses."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.datasets.advice import NUMBER_ADVICE
from waistats.datasets.check import require_coefficients
from waistats.datasets.files import Source, read_table
from waistats.datasets.findings import Finding, problem
from waistats.datasets.labels import Labels, apply_labels, fold, label_values
from waistats.datasets.long import to_wide
from waistats.datasets.numbers import is_missing, parse_numbers
from waistats.datasets.parsing import guess_column, tidy_numbers
from waistats.datasets.table import RawTable
from waistats.errors import DataError, listing, near


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
