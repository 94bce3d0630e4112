"""What a report is made of: sections of paragraphs, tables, figures and code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from waistats.format import MISSING, cell, coefficient, count, fixed, interval, p_value

Show = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Words."""

    text: str
    kind: str = "paragraph"
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Short statements, one a line."""

    items: Sequence[str]
    kind: str = "listing"


@dataclass(frozen=True, slots=True)
class Code:
    """Text whose spacing matters."""

    text: str
    caption: str = ""
    kind: str = "code"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; ``numeric`` says which columns are aligned as numbers."""

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[bool]
    notes: Sequence[str] = ()
    sortable: bool = False
    links: Sequence[Sequence[str]] = ()
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing as SVG text, with what it shows in words."""

    name: str
    svg: str
    alt: str
    caption: str
    kind: str = "figure"


Block = Paragraph | Listing | Code | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it; ``level`` 2 or 3."""

    id: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)
    level: int = 2


def text(value: Any) -> str:
    """Return a word, a dash for a missing one."""
    if value is None or value is pd.NA or value != value or value == "":
        return MISSING
    return str(value)


def plain(value: Any) -> str:
    """Return a value by its type, as results print it."""
    return cell("", value, 3)


def alpha_interval(row: Any, low: str = "ci_low", high: str = "ci_high") -> str:
    """Return an interval of coefficients in brackets."""
    return interval(_number(row[low]), _number(row[high]))


def _number(value: Any) -> float:
    return float("nan") if value is None or value is pd.NA else float(value)


def alpha(value: Any) -> str:
    """Return a coefficient with three decimals."""
    return coefficient(_number(value))


def two(value: Any) -> str:
    """Return a coefficient with two decimals."""
    return coefficient(_number(value), 2)


def whole(value: Any) -> str:
    """Return a count."""
    return count(_number(value))


def year(value: Any) -> str:
    """Return a year, without a thousands comma."""
    number = _number(value)
    return MISSING if number != number else str(int(number))


def decimals(digits: int) -> Show:
    """Return a formatter with a fixed count of decimals."""
    return lambda value: fixed(_number(value), digits)


def probability(value: Any) -> str:
    """Return a p value."""
    return p_value(_number(value))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a shown table: its heading, its source and how it is written."""

    header: str
    source: str | Callable[[Any], str]
    show: Show = text
    numeric: bool = True


def make_table(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    caption: str,
    notes: Sequence[str] = (),
    *,
    sortable: bool = False,
) -> Table:
    """Return a table of those columns whose source the frame has."""
    kept = [c for c in columns if callable(c.source) or c.source in frame]
    rows = []
    for _, row in frame.iterrows():
        rows.append(
            [
                c.source(row) if callable(c.source) else c.show(row[c.source])
                for c in kept
            ]
        )
    return Table(
        caption=caption,
        headers=[c.header for c in kept],
        rows=rows,
        numeric=[c.numeric for c in kept],
        notes=list(notes),
        sortable=sortable,
    )
