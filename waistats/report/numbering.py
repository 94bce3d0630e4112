"""Tables and figures get their numbers; those of SIMULATED data say so."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from waistats.provenance import SIMULATED
from waistats.report.blocks import (
    Block,
    Figure,
    Link,
    Listing,
    Paragraph,
    Section,
    Table,
)


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
