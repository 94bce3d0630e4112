"""Which rows of a file are used: a small closed language, read to a tree.

Comparisons of columns with numbers and words, joined by ``and``, ``or`` and ``not``:
``filter_$ == 1``, ``session in (3, 10) and site != "pilot"``. Nothing is executed.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats.errors import DataError, listing, near

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<tick>`[^`]+`) |
        (?P<text>"[^"]*"|'[^']*') |
        (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w$.])) |
        (?P<sign>==|!=|<>|<=|>=|<|>|=|\(|\)|,) |
        (?P<name>[^\W\d][\w$.@#]*)
    )""",
    re.X,
)
_WORDS = ("and", "or", "not", "in", "is", "missing")
_SIGNS = {"=": "==", "<>": "!="}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column compared with values."""

    column: str
    sign: str
    values: tuple[float | str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions that are joined by ``and`` or ``or``."""

    word: str
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """A condition that must not hold."""

    part: "Condition"


Condition: TypeAlias = Comparison | Joined | Negated


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None or match.end() == at:
                raise self.wrong(f"{text[at:].strip()[:20]!r} cannot be read")
            kind = str(match.lastgroup)
            value = match.group(kind)
            if kind == "name" and value.lower() in _WORDS:
                kind, value = "word", value.lower()
            self.tokens.append((kind, value))
            at = match.end()
        self.place = 0

    def wrong(self, what: str) -> DataError:
        return DataError(
            f"{option('where')} {self.text!r}: {what}. Compare columns with numbers "
            "or quoted words, such as filter_$ == 1 or session in (3, 10) and site != "
            '"pilot"; put unusual column names in backticks.'
        )

    def next(self) -> tuple[str, str]:
        return self.tokens[self.place] if self.place < len(self.tokens) else ("", "")

    def take(self, *wanted: str) -> bool:
        kind, value = self.next()
        if value in wanted and kind in ("word", "sign"):
            self.place += 1
            return True
        return False

    def any_of(self) -> Condition:
        parts = [self.all_of()]
        while self.take("or"):
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def all_of(self) -> Condition:
        parts = [self.one()]
        while self.take("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def one(self) -> Condition:
        if self.take("not"):
            return Negated(self.one())
        if self.take("("):
            inner = self.any_of()
            if not self.take(")"):
                raise self.wrong("a closing bracket is missing")
            return inner
        return self.comparison()

    def comparison(self) -> Condition:
        kind, value = self.next()
        if kind not in ("name", "tick"):
            raise self.wrong(f"a column is expected before {value or 'the end'!r}")
        self.place += 1
        column = value.strip("`") if kind == "tick" else value
        if self.take("is"):
            absent = not self.take("not")
            if not self.take("missing"):
                raise self.wrong("'missing' is expected after 'is'")
            found = Comparison(column, "missing", ())
            return found if absent else Negated(found)
        outside = self.take("not")
        if self.take("in"):
            found = Comparison(column, "in", self.several())
            return Negated(found) if outside else found
        kind, sign = self.next()
        if outside or kind != "sign" or sign in "(),":
            raise self.wrong(f"a comparison such as == is expected after {column!r}")
        self.place += 1
        return Comparison(column, _SIGNS.get(sign, sign), (self.literal(),))

    def several(self) -> tuple[float | str, ...]:
        if not self.take("("):
            raise self.wrong("'in' is followed by values in brackets")
        values = [self.literal()]
        while self.take(","):
            values.append(self.literal())
        if not self.take(")"):
            raise self.wrong("a closing bracket is missing")
        return tuple(values)

    def literal(self) -> float | str:
        kind, value = self.next()
        if kind not in ("number", "text", "name"):
            raise self.wrong(f"a number or a quoted word is expected, not {value!r}")
        self.place += 1
        if kind == "number":
            return float(value)
        return value[1:-1] if kind == "text" else value


def read_where(text: str) -> Condition:
    """Return the tree of a condition; a DataError where it cannot be read.

    >>> read_where("filter_$ == 1")
    Comparison(column='filter_$', sign='==', values=(1.0,))
    """
    reader = _Reader(str(text))
    if not reader.tokens:
        raise reader.wrong("there is no condition")
    found = reader.any_of()
    if reader.place < len(reader.tokens):
        raise reader.wrong(f"{reader.next()[1]!r} is not expected")
    return found


def where_columns(condition: Condition) -> tuple[str, ...]:
    """Return the columns of a condition, each once."""
    if isinstance(condition, Comparison):
        return (condition.column,)
    if isinstance(condition, Negated):
        return where_columns(condition.part)
    names = [name for part in condition.parts for name in where_columns(part)]
    return tuple(dict.fromkeys(names))


def rows_where(
    data: pd.DataFrame,
    condition: Condition,
    labels: Mapping[str, Mapping[Any, str]] | None = None,
) -> np.ndarray:
    """Return which rows meet a condition, as booleans; missing cells meet none.

    Parameters
    ----------
    data : DataFrame
        The rows.
    condition : Condition
        What `read_where` made of the text.
    labels : mapping, optional
        Value labels by column: a code may be given by its label.

    Raises
    ------
    DataError
        If a column does not exist, or words are compared by size.
    """
    check_where(condition, data.columns)
    known = {str(name): name for name in data.columns}

    def compare(of: Comparison) -> np.ndarray:
        cells = data[known[of.column]]
        return _compare(cells, of, (labels or {}).get(of.column, {}))

    return np.asarray(evaluate(condition, compare))


def check_where(condition: Condition, columns: Iterable[object]) -> None:
    """Raise a DataError for columns of a condition that do not exist."""
    known = [str(name) for name in columns]
    absent = [
        f"{name!r}{near(name, known)}"
        for name in where_columns(condition)
        if name not in known
    ]
    if absent:
        raise DataError(
            f"{option('where')}: no column {listing(absent)}; the columns are "
            f"{listing(known, 20)}."
        )


def evaluate(condition: Condition, compare: Callable[[Comparison], Any]) -> Any:
    """Return which rows meet a condition, from which meet each comparison.

    ``compare`` gives arrays of booleans or columns of a query; missing cells are False.
    """
    if isinstance(condition, Comparison):
        return compare(condition)
    if isinstance(condition, Negated):
        # a missing cell meets neither a comparison nor its opposite
        inner = evaluate(condition.part, compare)
        if isinstance(condition.part, Comparison) and condition.part.sign != "missing":
            there = compare(Comparison(condition.part.column, "missing", ()))
            return ~inner & ~there
        return ~inner
    parts = [evaluate(part, compare) for part in condition.parts]
    return reduce(operator.and_ if condition.word == "and" else operator.or_, parts)


def words_by_size(of: Comparison) -> DataError:
    """Return what to say where words are compared by size."""
    return DataError(
        f"{option('where')}: {of.column} {of.sign} {of.values[0]!r} compares by size, "
        f"but {of.column} holds words. Use == or in."
    )


SIZES: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _compare(
    cells: "pd.Series[Any]", of: Comparison, labels: Mapping[Any, str]
) -> np.ndarray:
    texts = cells.astype(object).map(
        lambda cell: None if pd.isna(cell) else str(cell).strip()
    )
    missing: np.ndarray = texts.isna().to_numpy() | (texts == "").to_numpy(dtype=bool)
    if of.sign == "missing":
        return missing
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    words = texts
    if labels:
        named = [labels.get(cell) for cell in cells.astype(object)]
        words = pd.Series(named, index=cells.index, dtype=object).fillna(texts)
    equal: np.ndarray = np.zeros(len(cells), dtype=bool)
    for value in of.values:
        if isinstance(value, float):
            equal |= numbers == value
        else:
            equal |= (texts == value).to_numpy(dtype=bool)
            equal |= (words == value).to_numpy(dtype=bool)
    if of.sign in ("==", "in"):
        chosen: np.ndarray = equal & ~missing
        return chosen
    if of.sign == "!=":
        chosen = ~equal & ~missing
        return chosen
    value = of.values[0]
    if not isinstance(value, float) or np.isnan(numbers[~missing]).any():
        raise words_by_size(of)
    with np.errstate(invalid="ignore"):
        chosen = np.asarray(SIZES[of.sign](numbers, value)) & ~missing
    return chosen
