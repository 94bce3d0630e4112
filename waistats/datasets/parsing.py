"""Cells of a raw table to typed columns, by the codebook."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from waistats.datasets.advice import (
    DATE_ADVICE,
    FAILED,
    FAILED_ADVICE,
    number_advice,
)
from waistats.datasets.findings import Finding
from waistats.datasets.numbers import (
    NumberStyle,
    parse_numbers,
    plain_text,
    quoted,
)
from waistats.datasets.schema import Field, known_study
from waistats.datasets.table import RawTable

_NOUNS = {
    "number": "a number",
    "integer": "a number",
    "boolean": "yes or no",
    "string": "a text",
}


def parse_table(
    table: RawTable, columns: Sequence[Field], study_ids: Sequence[str | None] = ()
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the typed frame and an error for every cell that is not of its type.

    Columns that the codebook does not know become numbers where every filled cell is
    one, and text otherwise.
    """
    known = {column.name: column for column in columns}
    parsed: dict[str, pd.Series] = {}
    findings: list[Finding] = []
    for name in table.frame:
        cells = table.frame[name]
        column = known.get(str(name))
        values, bad = _typed(cells, column, table)
        parsed[str(name)] = values
        failed = _failed_formulas(cells)
        findings.extend(
            Finding(
                column=str(name),
                severity="error",
                rule="must be a value",
                value=said,
                advice=FAILED_ADVICE,
                place=table.place(row, str(name)),
                row=row,
                study_id=known_study(study_ids, row),
            )
            for row, said in failed.items()
            if row not in bad
        )
        if column is None:
            continue
        findings.extend(
            Finding(
                column=column.name,
                severity="error",
                rule=f"must be {_NOUNS[column.type]}",
                value=said,
                advice=_advice(column, cells.iloc[row]),
                place=table.place(row, column.name),
                row=row,
                study_id=known_study(study_ids, row),
            )
            for row, said in bad.items()
        )
    return pd.DataFrame(parsed), findings


def _advice(column: Field, cell: object) -> str:
    if column.type in ("number", "integer"):
        return f"{number_advice(column.name, cell)} {column.advice}"
    return column.advice if column.type == "boolean" else DATE_ADVICE


def _failed_formulas(cells: pd.Series) -> dict[int, str]:
    if is_numeric_dtype(cells.dtype):
        return {}
    return {i: repr(cell) for i, cell in enumerate(cells) if str(cell) in FAILED}


def _typed(
    cells: pd.Series, column: Field | None, table: RawTable
) -> tuple[pd.Series, dict[int, str]]:
    kind = column.type if column is not None else "any"
    if kind == "boolean" and column is not None:
        return _booleans(cells, column)
    if kind in ("number", "integer"):
        values, bad = parse_numbers(cells, table.style)
        return pd.Series(values), bad
    if kind == "any":
        return guess_column(cells, table.style), {}
    texts = [plain_text(cell) for cell in cells]
    if kind == "date":
        return text_series(texts), {}
    dates = {
        i: f"the date {texts[i]}"
        for i, cell in enumerate(cells)
        if isinstance(cell, dt.date) and texts[i] is not None
    }
    if column is not None and "enum" in column.constraints:
        texts = in_spelling(texts, column.constraints["enum"])
    return text_series(texts), dates


def in_spelling(
    texts: Sequence[str | None], options: Sequence[str]
) -> list[str | None]:
    """Return words of a list in the spelling of the list.

    >>> in_spelling(["Test-Retest", "ICC", "r"], ["test_retest", "icc"])
    ['test_retest', 'icc', 'r']
    """

    def plain(text: str) -> str:
        return "".join(c for c in text.casefold() if c.isalnum())

    known = {plain(option): option for option in options}
    return [None if text is None else known.get(plain(text), text) for text in texts]


def guess_column(cells: pd.Series, style: NumberStyle) -> pd.Series:
    """Return numbers where every filled cell is one, else texts."""
    if is_bool_dtype(cells.dtype) and not cells.isna().any():
        return cells.astype(bool)
    values, bad = parse_numbers(cells, style)
    if bad or np.isnan(values).all():
        return text_series([plain_text(cell) for cell in cells])
    return tidy_numbers(pd.Series(values))


def _booleans(cells: pd.Series, column: Field) -> tuple[pd.Series, dict[int, str]]:
    words = dict.fromkeys(column.true_values, True)
    words |= dict.fromkeys(column.false_values, False)
    values: list[bool | None] = []
    bad: dict[int, str] = {}
    for i, cell in enumerate(cells):
        text = plain_text(cell)
        folded = None if text is None else text.casefold()
        values.append(None if folded is None else words.get(folded))
        if folded is not None and folded not in words:
            bad[i] = quoted(cell)
    whole = all(value is not None for value in values)
    return pd.Series(values, dtype="bool" if whole else "boolean"), bad


def text_series(texts: Sequence[str | None]) -> pd.Series:
    """Return texts as a column; a column of nothing but blanks stays of object type."""
    if all(text is None for text in texts):
        return pd.Series([None] * len(texts), dtype=object)
    return pd.Series(list(texts))


def tidy_numbers(values: pd.Series) -> pd.Series:
    """Return whole numbers without gaps as integers, else floats."""
    array = values.to_numpy(dtype=float)
    whole = np.isfinite(array) & (array % 1 == 0) & (np.abs(array) < 2**53)
    return values.astype("int64") if len(array) and whole.all() else values
