"""What a report is made of: sections of paragraphs, tables, figures and code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from waistats.format import MISSING, cell, coefficient, count, fixed, interval, p_value

# characters from which a cell holds a sentence, columns that a page holds upright
SENTENCE, WIDE = 60, 13

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
class Link:
    """Words that lead to a section of the same report."""

    text: str
    section: str

    def __str__(self) -> str:
        return self.text

    def __len__(self) -> int:
        return len(self.text)


Cell = str | Link


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; ``numeric`` says which columns are aligned as numbers."""

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: Sequence[bool]
    notes: Sequence[str] = ()
    sortable: bool = False
    number: int = 0
    kind: str = "table"

    @property
    def long(self) -> list[bool]:
        """Which columns hold sentences."""
        return [
            any(len(row[j]) > SENTENCE for row in self.rows)
            for j in range(len(self.headers))
        ]

    @property
    def wide(self) -> bool:
        """Whether the table needs a page on its side: many columns, some of sentences."""
        return len(self.headers) > WIDE and any(self.long)


@dataclass(frozen=True, slots=True)
class Card:
    """Facts about one thing, a name and a text each."""

    title: str
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Cards:
    """Cards side by side."""

    cards: Sequence[Card]
    kind: str = "cards"


@dataclass(frozen=True, slots=True)
class Download:
    """A file that the page carries."""

    name: str
    content: bytes
    text: str
    kind: str = "download"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn figure that is turned into each kind of file once, when asked for."""

    figure: Any
    alt: str
    made: dict[tuple[str, float], bytes] = field(default_factory=dict, repr=False)

    def render(self, format: str, dpi: float = 150) -> bytes:
        """Return the bytes of a file."""
        from waistats.figures.style import render

        if (format, dpi) not in self.made:
            self.made[format, dpi] = render(self.figure, format, dpi=dpi)
        return self.made[format, dpi]

    @property
    def width(self) -> float:
        """Width in inches."""
        return float(self.figure.get_size_inches()[0])


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its caption; ``name`` is that of its files."""

    name: str
    drawing: Drawing
    caption: str
    number: int = 0
    kind: str = "figure"


Block = Paragraph | Listing | Code | Table | Cards | Download | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it; ``level`` 2 or 3."""

    id: str
    title: str
    blocks: Sequence[Block] = ()
    level: int = 2

    @property
    def wide(self) -> bool:
        """Whether a table of the section needs a page on its side."""
        return any(isinstance(b, Table) and b.wide for b in self.blocks)


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
    source: str | Callable[[Any], Cell]
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
