"""Cells to numbers: decimal commas, typographic minus signs, and what is not a number."""

import datetime as dt
import math
import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

from waistats._identifiers import MISSING_WORDS, Word, identifier
from waistats._typing import BoolArray, FloatArray

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


# answers repeat over columns, too; a word that is kept is a string of another type
@lru_cache(maxsize=8192, typed=True)
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
        filled: BoolArray = cells.notna().to_numpy(dtype=bool)
        return filled
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


def _texts(cells: "pd.Series[Any]") -> Iterable[str]:
    return (cell for cell in cells.tolist() if isinstance(cell, str))
