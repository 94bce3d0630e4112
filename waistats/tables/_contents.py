"""What a table says: title, heads, cells and notes, read from its HTML."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from waistats.errors import visible

if TYPE_CHECKING:
    from great_tables import GT


_NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d*)(\.\d+)?")


def is_number(text: str) -> bool:
    """Return whether a cell shows one number, such as ``-.12`` or ``1,234``."""
    return bool(text.strip(",.-")) and _NUMBER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The texts of a table.

    Attributes
    ----------
    title, subtitle : str
        Above the table.
    heads : list of str
        Heads of the columns.
    right : list of bool
        Which columns stand to the right, as numbers do.
    rows : list of list of str
        Cells; the head of a group of rows is a list of one text.
    notes : list of str
        Below the table.
    """

    title: str
    subtitle: str
    heads: list[str]
    right: list[bool]
    rows: list[list[str]]
    notes: list[str]


@dataclass
class _Cell:
    kind: set[str]
    text: str = ""


@dataclass
class _Reader(HTMLParser):
    """Collects the cells of every row of the table, with their classes."""

    rows: list[list[_Cell]] = field(default_factory=list)
    cell: _Cell | None = None
    skip: bool = False

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "style":
            self.skip = True
        elif tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.cell = _Cell(set((dict(attrs).get("class") or "").split()))
            self.rows[-1].append(self.cell)
        elif tag == "br" and self.cell is not None:
            self.cell.text += "\n"

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self.skip = False
        elif tag in {"td", "th"}:
            self.cell = None

    def handle_data(self, data: str) -> None:
        if self.cell is not None and not self.skip:
            self.cell.text += data


def _plain(text: str) -> str:
    return visible(" ".join(text.split()))


def read_contents(table: "GT") -> Contents:
    """Return the texts of a great_tables table, also of one that a user changed."""
    reader = _Reader()
    reader.feed(table.as_raw_html())
    title = subtitle = ""
    heads: list[_Cell] = []
    rows: list[list[str]] = []
    notes: list[str] = []
    for cells in reader.rows:
        kinds = set().union(*(cell.kind for cell in cells))
        texts = [_plain(cell.text) for cell in cells]
        if "gt_title" in kinds:
            title = texts[0]
        elif "gt_subtitle" in kinds:
            subtitle = texts[0]
        elif "gt_col_heading" in kinds:
            heads = cells
        elif kinds & {"gt_sourcenote", "gt_footnote"}:
            notes += texts
        elif texts:
            rows.append(texts)
    return Contents(
        title=title,
        subtitle=subtitle,
        heads=[_plain(cell.text) for cell in heads],
        right=["gt_right" in cell.kind for cell in heads],
        rows=rows,
        notes=notes,
    )
