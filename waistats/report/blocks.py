"""What a report is made of: sections of paragraphs, tables, figures and code.

Figures drawn for the report, closed when done; SIMULATED ones say so.

Tables that several parts of a report share.

Tables and figures get their numbers; those of SIMULATED data say so.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from waistats._format import (
    MISSING,
    cell,
    coefficient,
    count,
    fixed,
    interval,
    p_value,
    percent,
)
from waistats.figures._alt import is_marked, mark_simulated
from waistats.figures._style import alt_text, drawing, figure_of
from waistats.provenance import SIMULATED
from waistats.report.text import name_words

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
        from waistats.figures._style import render

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


# Figures are drawn for a printed column: a page has room for more, and what is narrower
# than most of that column is scrolled rather than read with a lens.
ENLARGED, LEAST = 1.3, 0.8


def embed(name: str, drawn: Any, caption: str, *, simulated: bool = False) -> Figure:
    """Return a drawn figure for a report, out of pyplot's hands."""
    import matplotlib.pyplot as plt

    figure = figure_of(drawn)
    if simulated and not is_marked(figure):
        mark_simulated(figure)
    plt.close(figure)
    _settle(figure)
    return Figure(name, Drawing(figure, alt_text(figure)), caption)


def _settle(figure: Any) -> None:
    """Lay a figure out for good, so that files do not depend on which is made first."""
    with drawing():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")


def inline_svg(figure: Figure) -> str:
    """Return a figure as an SVG element whose ids are its own on a page."""
    svg = figure.drawing.render("svg").decode("utf-8")
    svg = svg[svg.index("<svg") :]
    for mark in ('id="', 'href="#', "url(#"):
        svg = svg.replace(mark, f"{mark}f{figure.number}-")
    # the alternative text stands on the element itself
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    head, rest = svg.split(">", 1)
    head = re.sub(r' height="[\d.]+pt"', "", head)
    head = re.sub(r' width="([\d.]+)pt"', _width, head)
    return f"{head}>{rest}"


def _width(match: re.Match[str]) -> str:
    points = float(match[1])
    return f' style="width:{ENLARGED * points:.0f}pt;min-width:{LEAST * points:.0f}pt"'


CELL_COLUMNS = (
    Column("Version", "instrument", text, False),
    Column("Rater", "rater", text, False),
    Column("Scale", "scale", text, False),
    Column("Coefficient", "coefficient_type", text, False),
)


def pooled_table(frame: pd.DataFrame, caption: str, shown: str) -> Block:
    """Return pooled reliability a row a cell."""
    notes = []
    if (frame["note"] != "").any():
        notes.append("Cells of fewer than three studies are described only.")
    return make_table(
        frame,
        (
            Column("Moderator", "moderator", name_words, False),
            Column("Level", "level", text, False),
            *CELL_COLUMNS,
            Column("k", "k", whole),
            Column("Studies", "k_studies", whole),
            Column("N", "n", whole),
            Column("Alpha", "estimate", alpha),
            Column(f"{shown} CI", alpha_interval),
            Column(f"{shown} PI", lambda r: alpha_interval(r, "pi_low", "pi_high")),
            Column("tau2", "tau2", decimals(3)),
            Column("I2", "I2", lambda v: percent(v)),
            Column("Model", lambda r: text(r["note"] or r["model"]), numeric=False),
        ),
        caption,
        notes,
    )


def degrees(row: Any) -> str:
    """Return numerator and denominator degrees of freedom."""
    return f"{fixed(row['df'], 0)}, {fixed(row['df_denominator'], 1)}"


def said_simulated(sections: Iterable[Section]) -> list[Section]:
    """Return sections whose captions of tables and figures say SIMULATED."""

    def said(block: Block) -> Block:
        if isinstance(block, (Table, Figure)) and SIMULATED not in block.caption:
            return replace(block, caption=f"{SIMULATED} data: {block.caption}")
        return block

    return [replace(s, blocks=[said(b) for b in s.blocks]) for s in sections]


def prefixed(sections: Iterable[Section], prefix: str) -> list[Section]:
    """Return sections whose ids, and the links to them, start with a prefix."""

    def moved(block: Block) -> Block:
        if not isinstance(block, Table):
            return block
        rows = [
            [
                Link(cell.text, _with(prefix, cell.section))
                if isinstance(cell, Link)
                else cell
                for cell in row
            ]
            for row in block.rows
        ]
        return replace(block, rows=rows)

    return [
        replace(s, id=prefix + s.id, blocks=[moved(b) for b in s.blocks])
        for s in sections
    ]


def _with(prefix: str, section: str) -> str:
    # a page has one colophon
    return section if section == "colophon" else prefix + section


def numbered(sections: Iterable[Section]) -> list[Section]:
    """Return sections whose tables and figures are counted through the report."""
    counts = {"table": 0, "figure": 0}

    def counted(block: Block) -> Block:
        if not isinstance(block, (Table, Figure)):
            return block
        counts[block.kind] += 1
        return replace(block, number=counts[block.kind])

    return [replace(s, blocks=[counted(b) for b in s.blocks]) for s in sections]


def figures_of(sections: Iterable[Section]) -> list[Figure]:
    """Return the figures of sections, in their order."""
    return [b for s in sections for b in s.blocks if isinstance(b, Figure)]


def words_of(sections: Sequence[Section]) -> list[str]:
    """Return every sentence of sections: paragraphs, lists, captions and notes."""
    words: list[str] = []
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Paragraph):
                words.append(block.text)
            elif isinstance(block, Listing):
                words += block.items
            elif isinstance(block, Figure):
                words.append(block.caption)
            elif isinstance(block, Table):
                words += [block.caption, *block.notes]
    return words
