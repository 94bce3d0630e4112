"""Word documents: the one module that touches what python-docx has no calls for."""

import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from waistats._files import without_times
from waistats.errors import ModelError
from waistats.tables._spec import LETTERS, TableSpec
from waistats.tables._typeset import Run, plain, sentence, styled, unbroken

# a document must carry a time; this one says nothing
FIXED = datetime(2000, 1, 1)
MARGIN, SHORT, LONG = 2.0, 21.0, 29.7  # cm, A4
_LETTER = 0.52  # of the size: what a letter of a text takes on average
_PAD = 0.1  # cm beside the text of a cell
_WORD = 18  # letters; longer words, such as addresses, may break
# points of tables: the largest of which every column fits; of tables with sentences by
# their number of columns
_SIZES = (9, 8.5, 8, 7.5, 7, 6.5)
_POINTS = ((13, 6.5), (9, 7.5), (0, 9))
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: Any) -> str:
    """Return a text without signs that XML has no place for."""
    return _NOT_XML.sub("\ufffd", str(text))


def new_document() -> Any:
    """Return an empty Word document in Times New Roman, without date and author."""
    try:
        from docx import Document
        from docx.oxml.ns import qn
        from docx.shared import Pt, RGBColor
    except ImportError as error:
        raise ModelError(
            "Word files need python-docx: pip install 'waistats[word]'."
        ) from error
    document = Document()
    properties = document.core_properties
    properties.author = properties.last_modified_by = "waistats"
    properties.comments = ""
    properties.created = properties.modified = FIXED
    for style in ("Normal", "Title", *(f"Heading {i}" for i in range(1, 5))):
        font = document.styles[style].font
        font.name = "Times New Roman"
        # East Asian and theme fonts would win over the name
        fonts = document.styles[style].element.get_or_add_rPr().get_or_add_rFonts()
        for name in list(fonts.attrib):
            del fonts.attrib[name]
        for name in ("ascii", "hAnsi", "cs", "eastAsia"):
            fonts.set(qn(f"w:{name}"), "Times New Roman")
        font.color.rgb = RGBColor(0, 0, 0)
    normal = document.styles["Normal"]
    normal.font.size = Pt(11)
    normal.paragraph_format.space_after = Pt(6)
    for style, size in (("Title", 18), ("Heading 1", 14), ("Heading 2", 12)):
        document.styles[style].font.size = Pt(size)
        document.styles[style].font.bold = True
    orient(document.sections[0], wide=False)
    return document


def document_bytes(document: Any) -> bytes:
    """Return a document as the bytes of a file, the same each time."""
    stream = io.BytesIO()
    document.save(stream)
    return without_times(stream.getvalue())


def orient(section: Any, *, wide: bool) -> None:
    """Turn the pages of a section upright or on their side."""
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm

    section.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    sides = (LONG, SHORT) if wide else (SHORT, LONG)
    section.page_width, section.page_height = Cm(sides[0]), Cm(sides[1])
    for side in ("left", "right", "top", "bottom"):
        setattr(section, f"{side}_margin", Cm(MARGIN))


def room(wide: bool = False) -> float:
    """Return the width of a page's text in cm."""
    return (LONG if wide else SHORT) - 2 * MARGIN


def add_runs(
    paragraph: Any, runs: Iterable[Run], *, bold: bool = False, cell: bool = False
) -> list[Any]:
    """Write runs into a paragraph and return them as python-docx has them."""
    made = []
    for run in runs:
        new = paragraph.add_run(clean(run.text if cell else unbroken(run.text)))
        new.italic = True if run.style == "italic" else None
        new.font.subscript = True if run.style == "sub" else None
        new.bold = True if bold else None
        made.append(new)
    return made


def to_docx(spec: TableSpec) -> bytes:
    """Return a table as a Word file that holds a real table."""
    document = new_document()
    if len(spec.columns) > 9:
        orient(document.sections[0], wide=True)
    add_spec(document, spec, room(len(spec.columns) > 9))
    return document_bytes(document)


def add_spec(document: Any, spec: TableSpec, width: float | None = None) -> None:
    """Add a table with its caption and notes to the end of a Word document."""
    _add_caption(document, spec)
    width = room() if width is None else width
    points = _points(spec, width)
    widths = _widths(spec, width, points)
    _add_grid(document, spec, widths, points)
    if spec.note:
        _add_note(document, sentence(spec.note))
    document.add_paragraph()


def _add_caption(document: Any, spec: TableSpec) -> None:
    if spec.number:
        above = document.add_paragraph()
        above.add_run(f"Table {spec.number}").bold = True
        above.paragraph_format.keep_with_next = True
        above.paragraph_format.space_after = 0
    if spec.caption:
        title = document.add_paragraph()
        for run in add_runs(title, sentence(spec.caption)):
            if spec.number:
                run.italic = not run.italic
            else:
                run.bold = True
        title.paragraph_format.keep_with_next = True


def _add_note(document: Any, runs: Sequence[Run]) -> None:
    from docx.shared import Pt

    below = document.add_paragraph()
    below.add_run("Note.").italic = True
    below.add_run(" ")
    add_runs(below, runs)
    for run in below.runs:
        run.font.size = Pt(9)


def _add_grid(
    document: Any, spec: TableSpec, widths: Sequence[float], points: float
) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Cm, Pt

    rows = spec.rows(typeset=True)
    order: list[tuple[str | None, int]] = []
    for group, places in spec.grouped():
        order += [(group, -1)] if group is not None else []
        order += [(None, i) for i in places]
    grid = document.add_table(rows=1 + len(order), cols=len(spec.columns))
    grid.autofit = False
    _pad_cells(grid, _PAD)
    # Word reads the widths of cells, LibreOffice those of the grid
    for column, width in zip(grid.columns, widths, strict=True):
        column.width = Cm(width)
    side = {True: WD_ALIGN_PARAGRAPH.RIGHT, False: WD_ALIGN_PARAGRAPH.LEFT}

    def write(cell: Any, runs: Iterable[Run], right: bool, bold: bool = False) -> None:
        paragraph = cell.paragraphs[0]
        paragraph.alignment = side[right]
        paragraph.paragraph_format.space_after = Pt(0)
        for run in add_runs(paragraph, runs, bold=bold, cell=True):
            run.font.size = Pt(points)

    # asking for cells one by one walks the whole grid each time
    for cell, column, width in zip(
        grid.rows[0].cells, spec.columns, widths, strict=True
    ):
        cell.width = Cm(width)
        write(cell, column.head, column.numeric)
    for line, (group, i) in zip(list(grid.rows)[1:], order, strict=True):
        cells = line.cells
        if group is not None:
            write(cells[0].merge(cells[-1]), [Run(group)], False, bold=True)
            continue
        for cell, text, right, width in zip(
            cells, rows[i], spec.numeric, widths, strict=True
        ):
            cell.width = Cm(width)
            write(cell, [Run(text)] if right else styled(text), right)
        _keep_whole(line)
    _rule_row(grid.rows[0], top=True, bottom=True)
    _rule_row(grid.rows[-1], bottom=True)
    _repeat_row(grid.rows[0])
    _keep_together(grid, noted=bool(spec.note))


_FEW = 12  # rows of a table that stays on one page


def _keep_together(grid: Any, *, noted: bool) -> None:
    """Keep a small table on a page, of others both ends, and the note beside its rows."""
    lines = list(grid.rows)
    ends = {0, 1, len(lines) - 2, len(lines) - 1}
    kept = set(range(len(lines))) if len(lines) <= _FEW else ends
    if not noted:
        kept.discard(len(lines) - 1)
    for place in kept:
        for cell in lines[place].cells if 0 <= place < len(lines) else ():
            cell.paragraphs[0].paragraph_format.keep_with_next = True


def _letters(text: str) -> float:
    """Return how many small letters a text is as wide as; capitals are wider."""
    return len(text) + 0.3 * sum(letter.isupper() for letter in text)


def _points(spec: TableSpec, room: float) -> float:
    """Return the size of a table's text."""
    if any(spec.long):
        return next(size for many, size in _POINTS if len(spec.columns) > many)
    for size in _SIZES:
        least, wanted = _least(spec, size)
        # names and other short texts stay on one line
        line = LETTERS * _LETTER * size / 72 * 2.54
        short = [min(w, max(line - a, 0.0)) for a, w in zip(least, wanted, strict=True)]
        if sum(least) + sum(short) <= room:
            return size
    # words may go on in a second line, not in a fourth
    for size in _SIZES:
        least, wanted = _least(spec, size)
        if sum(least) + sum(wanted) / 2 <= room:
            return size
    return next((s for s in _SIZES[3:] if sum(_least(spec, s)[0]) <= room), _SIZES[-1])


def _widths(spec: TableSpec, room: float, points: float) -> list[float]:
    """Return widths of columns in cm: no number and no usual word is broken.

    What is left of the room goes to the columns that would use it.
    """
    least, wanted = _least(spec, points)
    spare = room - sum(least)
    if spare <= 0 or not sum(wanted):
        return [min(room / sum(least), 1.6) * width for width in least]
    share = min(1.0, spare / sum(wanted))
    return [width + share * more for width, more in zip(least, wanted, strict=True)]


def _least(spec: TableSpec, points: float) -> tuple[list[float], list[float]]:
    """Return the cm that each column needs, and what it would take more."""
    least, wanted = [], []
    rows = spec.rows(typeset=True)
    for j, column in enumerate(spec.columns):
        # numbers in the widest usual serif, should the document's own font not be there
        letter = (0.62 if column.numeric else _LETTER) * points / 72 * 2.54
        texts = [row[j] for row in rows]
        parts = [word[:_WORD] for text in texts for word in text.split()]
        if column.numeric:
            parts = texts
        heads = [_letters(word) for word in column.title.split()]
        need = max([*heads, *map(_letters, parts)], default=1) + 0.4
        # a head may take two lines
        whole = [min(_letters(text), 8 * _WORD) for text in texts]
        full = max(need, *whole)
        least.append(need * letter + 2 * _PAD)
        wanted.append(full * letter - need * letter)
    return least, wanted


def _rule_row(row: Any, *, top: bool = False, bottom: bool = False) -> None:
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


def _pad_cells(grid: Any, side: float) -> None:
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


def _repeat_row(row: Any) -> None:
    """Repeat a row at the top of every page that the table runs over."""
    _mark_row(row, "w:tblHeader")


def _keep_whole(row: Any) -> None:
    """Keep a row on one page."""
    _mark_row(row, "w:cantSplit")


def _mark_row(row: Any, name: str) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    mark = OxmlElement(name)
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)


def add_picture(
    document: Any, content: bytes, *, alt: str, name: str, width: float
) -> None:
    """Add a picture no wider than ``width`` cm, with its alternative text."""
    from docx.shared import Cm, Emu

    line = document.add_paragraph()
    line.paragraph_format.keep_with_next = True
    shape = line.add_run().add_picture(io.BytesIO(content))
    tallest = Cm(SHORT - 2 * MARGIN - 2)
    shrink = min(1.0, Cm(width) / shape.width, tallest / shape.height)
    shape.width = Emu(round(shape.width * shrink))
    shape.height = Emu(round(shape.height * shrink))
    shape._inline.docPr.set("descr", clean(alt))
    shape._inline.docPr.set("name", name)


def title_of(runs: Iterable[Run]) -> str:
    """Return runs as the plain text of a document's property."""
    return clean(plain(runs))
