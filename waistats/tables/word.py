"""Tables to Word."""

import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

from waistats.errors import ModelError
from waistats.output import without_times
from waistats.tables.contents import read_contents

if TYPE_CHECKING:
    from great_tables import GT

# a document must carry a time; this one says nothing
FIXED = datetime(2000, 1, 1)


def new_document() -> Any:
    """Return an empty Word document without date and author."""
    try:
        from docx import Document
    except ImportError as error:
        raise ModelError(
            "Word files need python-docx: pip install 'waistats[word]'."
        ) from error
    document = Document()
    properties = document.core_properties
    properties.author = properties.last_modified_by = "waistats"
    properties.comments = ""
    properties.created = properties.modified = FIXED
    return document


def document_bytes(document: Any) -> bytes:
    """Return a document as the bytes of a file, the same each time."""
    stream = io.BytesIO()
    document.save(stream)
    return without_times(stream.getvalue())


def to_docx(table: "GT") -> bytes:
    """Return a table as a Word file that holds a real table."""
    document = new_document()
    add_table(document, table)
    return document_bytes(document)


def add_table(document: Any, table: "GT") -> None:
    """Add a table with its title and notes to the end of a Word document."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    contents = read_contents(table)
    if contents.title:
        title = document.add_paragraph()
        title.add_run(contents.title).bold = True
        title.paragraph_format.keep_with_next = True
    width = len(contents.heads)
    grid = document.add_table(rows=1 + len(contents.rows), cols=width)
    sides = [
        WD_ALIGN_PARAGRAPH.RIGHT if right else WD_ALIGN_PARAGRAPH.LEFT
        for right in contents.right
    ]
    for i, row in enumerate([contents.heads, *contents.rows]):
        # asking for cells one by one walks the whole grid each time
        cells = grid.rows[i].cells
        if len(row) == 1 < width:
            merged = cells[0].merge(cells[-1])
            _write(merged, row[0], sides[0], bold=True)
            continue
        for cell, text, side in zip(cells, row, sides, strict=True):
            _write(cell, text, side, bold=i == 0)
    rule_row(grid.rows[0], top=True, bottom=True)
    rule_row(grid.rows[-1], bottom=True)
    repeat_row(grid.rows[0])
    for note in contents.notes:
        below = document.add_paragraph()
        lead, _, rest = note.partition(" ")
        italic = lead == "Note."
        below.add_run(lead if italic else note).italic = italic
        if italic:
            below.add_run(f" {rest}")
        for run in below.runs:
            run.font.size = Pt(9)
    document.add_paragraph()


def _write(cell: Any, text: str, side: Any, *, bold: bool) -> None:
    from docx.shared import Pt

    paragraph = cell.paragraphs[0]
    paragraph.alignment = side
    paragraph.paragraph_format.space_after = Pt(0)
    run = paragraph.add_run(text)
    run.font.size = Pt(9)
    run.bold = bold


def rule_row(row: Any, *, top: bool = False, bottom: bool = False) -> None:
    """Draw a line above or below a row; python-docx has no call for borders."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for cell in row.cells:
        borders = OxmlElement("w:tcBorders")
        for name, wanted in (("top", top), ("bottom", bottom)):
            if wanted:
                edge = OxmlElement(f"w:{name}")
                edge.set(qn("w:val"), "single")
                edge.set(qn("w:sz"), "6")
                borders.append(edge)
        cell._tc.get_or_add_tcPr().append(borders)


def pad_cells(grid: Any, side: float) -> None:
    """Set the room at both sides of every cell's text, in cm."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Cm

    margins = OxmlElement("w:tblCellMar")
    for name in ("left", "right"):
        edge = OxmlElement(f"w:{name}")
        edge.set(qn("w:w"), str(Cm(side).twips))
        edge.set(qn("w:type"), "dxa")
        margins.append(edge)
    # the schema wants it before tblLook, which is last
    grid._tbl.tblPr.insert(len(grid._tbl.tblPr) - 1, margins)


def repeat_row(row: Any) -> None:
    """Repeat a row at the top of every page that the table runs over."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)
