"""Sections to a Word document with real tables, headings and figures."""

import io
import re
from collections.abc import Sequence
from typing import Any

from waistats.report.blocks import (
    Block,
    Card,
    Cards,
    Code,
    Figure,
    Listing,
    Paragraph,
    Section,
    Table,
    numbered,
)
from waistats.report.code import colophon
from waistats.report.sections import study_sections
from waistats.report.text import study_title
from waistats.rg.study import RGStudy
from waistats.tables.export import (
    document_bytes,
    new_document,
    pad_cells,
    repeat_row,
    rule_row,
)

# points of tables by their number of columns
_POINTS = ((13, 6), (9, 7), (0, 8.5))
_MARGIN, _SHORT, _LONG = 2.0, 21.0, 29.7  # cm, A4
_PAD = 0.1  # cm beside the text of a cell
_WORD = 18  # letters; longer words, such as addresses, may break
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_document(
    title: str,
    lead: Sequence[str],
    sections: Sequence[Section],
    closing: Sequence[str],
) -> bytes:
    """Return a Word file, the same bytes each time.

    Raises
    ------
    ModelError
        If python-docx is not installed.
    """
    document = new_document()
    document.core_properties.title = _clean(title)
    document.core_properties.language = "en"
    _orient(document.sections[0], wide=False)
    document.add_heading(_clean(title), 0)
    for line in lead:
        document.add_paragraph(_clean(line))
    wide = False
    for section in numbered(sections):
        needed = any(isinstance(b, Table) and b.wide for b in section.blocks)
        if needed != wide:
            wide = needed
            _orient(document.add_section(), wide=wide)
        document.add_heading(_clean(section.title), section.level - 1)
        for block in section.blocks:
            _add(document, block, section.level, _room(wide))
    if wide:
        _orient(document.add_section(), wide=False)
    document.add_heading("Colophon", 1)
    for line in closing:
        document.add_paragraph(_clean(line))
    return document_bytes(document)


def study_document(
    study: RGStudy,
    call: str = "RGStudy.report()",
    sections: Sequence[Section] | None = None,
) -> bytes:
    """Return the report of one study as a Word file."""
    return render_document(
        study_title(study),
        [study.sentence()],
        study_sections(study) if sections is None else sections,
        colophon([study.coefficients], call),
    )


def _clean(text: Any) -> str:
    # XML has no place for control characters
    return _NOT_XML.sub("\ufffd", str(text))


def _room(wide: bool) -> float:
    return (_LONG if wide else _SHORT) - 2 * _MARGIN


def _orient(section: Any, *, wide: bool) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm

    section.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    sides = (_LONG, _SHORT) if wide else (_SHORT, _LONG)
    section.page_width, section.page_height = Cm(sides[0]), Cm(sides[1])
    for side in ("left", "right", "top", "bottom"):
        setattr(section, f"{side}_margin", Cm(_MARGIN))


def _add(document: Any, block: Block, level: int, room: float) -> None:
    """Add one block; the file that a page carries stays out."""
    if isinstance(block, Table):
        _add_table(document, block, room)
    elif isinstance(block, Figure):
        _add_figure(document, block, room)
    elif isinstance(block, Cards):
        for card in block.cards:
            _add_card(document, card, level)
    elif isinstance(block, Listing):
        for item in block.items:
            document.add_paragraph(_clean(item), style="List Bullet")
    elif isinstance(block, Code):
        _add_code(document, block.text, block.caption)
    elif isinstance(block, Paragraph):
        line = document.add_paragraph().add_run(_clean(block.text))
        line.bold = block.tone == "warning" or None


def _add_card(document: Any, card: Card, level: int) -> None:
    document.add_heading(_clean(card.title), level)
    for name, fact in card.facts:
        line = document.add_paragraph()
        line.add_run(f"{_clean(name)}: ").bold = True
        line.add_run(_clean(fact))
        line.paragraph_format.space_after = 0


def _add_code(document: Any, text: str, caption: str) -> None:
    from docx.shared import Pt

    if caption:
        above = document.add_paragraph()
        above.add_run(_clean(caption)).bold = True
        above.paragraph_format.keep_with_next = True
    run = document.add_paragraph().add_run(_clean(text.rstrip("\n")))
    run.font.name, run.font.size = "Courier New", Pt(8)


def _caption(document: Any, head: str, text: str, *, above: bool) -> None:
    line = document.add_paragraph()
    line.add_run(f"{head}. ").bold = True
    line.add_run(_clean(text))
    line.paragraph_format.keep_with_next = above


def _add_figure(document: Any, figure: Figure, room: float) -> None:
    from docx.shared import Cm, Emu

    picture = io.BytesIO(figure.drawing.render("png"))
    line = document.add_paragraph()
    line.paragraph_format.keep_with_next = True
    shape = line.add_run().add_picture(picture)
    shrink = min(
        1.0, Cm(room) / shape.width, Cm(_SHORT - 2 * _MARGIN - 2) / shape.height
    )
    shape.width = Emu(round(shape.width * shrink))
    shape.height = Emu(round(shape.height * shrink))
    shape._inline.docPr.set("descr", _clean(figure.drawing.alt))
    shape._inline.docPr.set("name", f"Figure {figure.number}")
    _caption(document, f"Figure {figure.number}", figure.caption, above=False)


def _add_table(document: Any, table: Table, room: float) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Cm, Pt

    _caption(document, f"Table {table.number}", table.caption, above=True)
    count = len(table.headers)
    points = next(size for many, size in _POINTS if count > many)
    grid = document.add_table(rows=1 + len(table.rows), cols=len(table.headers))
    grid.autofit = False
    pad_cells(grid, _PAD)
    widths = _widths(table, room, points)
    # Word reads the widths of cells, LibreOffice those of the grid
    for column, width in zip(grid.columns, widths, strict=True):
        column.width = Cm(width)
    for i, row in enumerate([table.headers, *table.rows]):
        cells = grid.rows[i].cells
        for cell, text, width, right in zip(
            cells, row, widths, table.numeric, strict=True
        ):
            cell.width = Cm(width)
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.space_after = 0
            if right:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            run = paragraph.add_run(_clean(text))
            run.font.size = Pt(points)
            run.bold = i == 0
    rule_row(grid.rows[0], top=True, bottom=True)
    rule_row(grid.rows[-1], bottom=True)
    repeat_row(grid.rows[0])
    for note in table.notes:
        run = document.add_paragraph().add_run(_clean(note))
        run.font.size = Pt(8)
    document.add_paragraph()


def _widths(table: Table, room: float, points: float) -> list[float]:
    """Return widths of columns in cm: no number and no usual word is broken.

    What is left of the room goes to the columns that would use it.
    """
    # of the widest usual serif, should the document's own font not be there
    letter = 0.66 * points / 72 * 2.54
    least, wanted = [], []
    for j, header in enumerate(table.headers):
        texts = [str(row[j]) for row in table.rows]
        words = [word for text in texts for word in text.split()]
        parts = texts if table.numeric[j] else [word[:_WORD] for word in words]
        heads = [1.12 * len(word) for word in header.split()]  # bold
        need = max([*heads, *map(len, parts)], default=1) + 0.4
        full = max(need, *(min(len(text), 8 * _WORD) for text in [header, *texts]))
        least.append(need * letter + 2 * _PAD)
        wanted.append(full * letter - need * letter)
    spare = room - sum(least)
    if spare <= 0 or not sum(wanted):
        return [room * width / sum(least) for width in least]
    return [
        width + spare * more / sum(wanted)
        for width, more in zip(least, wanted, strict=True)
    ]
