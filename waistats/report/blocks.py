"""What a report is made of: sections of paragraphs, tables, figures and code."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from waistats.figures._alt import is_marked, mark_simulated
from waistats.figures._cuts import cuts
from waistats.figures._style import alt_text, drawing, figure_of, render
from waistats.provenance import SIMULATED
from waistats.report._glyphs import one_line
from waistats.tables._spec import Link, TableSpec

Table = TableSpec

__all__ = [
    "Block", "Card", "Cards", "Code", "Download", "Drawing", "Figure", "Link",
    "Listing", "Paragraph", "Section", "Table", "embed", "figures_of", "inline_svg",
    "numbered", "prefixed", "said_simulated", "words_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Words; ``tone`` is lead, warning or note; ``copied`` gives a button to copy it."""

    text: str
    tone: str = ""
    copied: bool = False
    kind: str = "paragraph"


@dataclass(frozen=True, slots=True)
class Listing:
    """Short statements, one per line; or references, *italic* between stars."""

    items: Sequence[str]
    references: bool = False
    kind: str = "listing"


@dataclass(frozen=True, slots=True)
class Code:
    """Text whose spacing matters."""

    text: str
    caption: str = ""
    kind: str = "code"


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
    mime: str = "text/csv"
    kind: str = "download"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn figure that is turned into each kind of file once, when asked for.

    ``size`` is in inches; ``cuts`` says where it may be cut in print, as shares of its
    height from the top.
    """

    figure: Any
    alt: str
    size: tuple[float, float]
    cuts: tuple[float, ...] = ()
    made: dict[tuple[str, float, str], bytes] = field(default_factory=dict, repr=False)

    def render(self, format: str, dpi: float = 150, theme: str = "colour") -> bytes:
        """Return the bytes of a file."""
        # only a picture of points has a resolution
        key = (format, dpi if format == "png" else 0.0, theme)
        if key not in self.made:
            self.made[key] = render(self.figure, format, dpi=dpi, theme=theme)
        return self.made[key]

    def __reduce__(self) -> tuple[Any, ...]:
        # to another process go the files that were made; the figure stays
        return Drawing, (None, self.alt, self.size, self.cuts, self.made)


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its title and note; ``name`` is that of its files."""

    name: str
    drawing: Drawing
    caption: str
    note: str = ""
    number: int = 0
    kind: str = "figure"


Block = Paragraph | Listing | Code | TableSpec | Cards | Download | Figure


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
        return any(isinstance(b, TableSpec) and b.wide for b in self.blocks)


def embed(
    name: str, drawn: Any, caption: str, note: str = "", *, simulated: bool = False
) -> Figure:
    """Return a drawn figure for a report, out of pyplot's hands."""
    import matplotlib.pyplot as plt

    figure = figure_of(drawn)
    if simulated and not is_marked(figure):
        mark_simulated(figure)
    plt.close(figure)
    _settle(figure)
    width, height = map(float, figure.get_size_inches())
    drawn = Drawing(figure, alt_text(figure), (width, height), tuple(cuts(figure)))
    return Figure(name, drawn, caption, note)


def _settle(figure: Any) -> None:
    """Lay a figure out for good, so that files do not depend on which is made first."""
    engine = figure.get_layout_engine()
    with drawing():
        if engine is None:
            figure.draw_without_rendering()
        else:
            engine.execute(figure)
        # "none" leaves a stand-in behind, for which saving draws everything once more;
        # None is the house's own setting, which has no engine
        figure.set_layout_engine(None)


def inline_svg(figure: Figure) -> str:
    """Return a figure as an SVG element, with ids of its own and its alternative text."""
    from markupsafe import escape

    svg = figure.drawing.render("svg").decode("utf-8")
    svg = one_line(svg[svg.index("<svg") :])
    for mark in ('id="', 'href="#', "url(#"):
        svg = svg.replace(mark, f"{mark}f{figure.number}-")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    head, rest = svg.split(">", 1)
    head = re.sub(r' height="[\d.]+pt"', "", head)
    head = re.sub(r' width="([\d.]+)pt"', _width, head)
    # the drawing comes from matplotlib, which escapes its texts
    label = f'<svg role="img" aria-label="{escape(figure.drawing.alt)}" '
    return f"{head.replace('<svg ', label, 1)}>{rest}"


def _width(match: re.Match[str]) -> str:
    points = float(match[1])
    return f' style="--w:{points:.0f}pt"'


def said_simulated(sections: Iterable[Section]) -> list[Section]:
    """Return sections whose captions of tables and figures say SIMULATED."""

    def said(block: Block) -> Block:
        if isinstance(block, (TableSpec, Figure)) and SIMULATED not in block.caption:
            return replace(block, caption=f"{block.caption} ({SIMULATED} data)")
        return block

    return [replace(s, blocks=[said(b) for b in s.blocks]) for s in sections]


def prefixed(sections: Iterable[Section], prefix: str) -> list[Section]:
    """Return sections whose ids, and the links to them, start with a prefix."""

    def moved(block: Block) -> Block:
        if not isinstance(block, TableSpec):
            return block
        frame = block.frame
        for name in frame.columns:
            if any(isinstance(value, Link) for value in frame[name]):
                linked = [_relinked(value, prefix) for value in frame[name]]
                frame = frame.assign(**{name: linked})
        return replace(block, frame=frame)

    return [
        replace(s, id=prefix + s.id, blocks=[moved(b) for b in s.blocks])
        for s in sections
    ]


def _relinked(value: Any, prefix: str) -> Any:
    # a page has one colophon
    if not isinstance(value, Link) or value.section == "colophon":
        return value
    return Link(value.text, prefix + value.section)


def numbered(sections: Iterable[Section]) -> list[Section]:
    """Return sections whose tables and figures are counted through the report."""
    counts = {"table": 0, "figure": 0}

    def counted(block: Block) -> Block:
        if not isinstance(block, (TableSpec, Figure)):
            return block
        counts[block.kind] += 1
        return replace(block, number=counts[block.kind])

    return [replace(s, blocks=[counted(b) for b in s.blocks]) for s in sections]


def figures_of(sections: Iterable[Section]) -> list[Figure]:
    """Return the figures of sections, in their order."""
    return [b for s in sections for b in s.blocks if isinstance(b, Figure)]


def words_of(sections: Iterable[Section]) -> list[str]:
    """Return every sentence of sections: paragraphs, lists, captions and notes."""
    words: list[str] = []
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Paragraph):
                words.append(block.text)
            elif isinstance(block, Listing):
                words += block.items
            elif isinstance(block, Figure):
                words += [block.caption, block.note]
            elif isinstance(block, TableSpec):
                words += [block.caption, *block.notes]
    return [word for word in words if word]
