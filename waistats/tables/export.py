"""Tables to files: HTML, CSV, LaTeX, Excel and Word, the same bytes each time.

Tables to Excel.

Tables to Word.
"""

import csv
import html as markup
import io
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waistats._files import FORMULA_STARTS, new_file, without_times, workbook_bytes
from waistats.errors import ModelError, visible
from waistats.tables._contents import is_number, read_contents

if TYPE_CHECKING:
    from great_tables import GT


_WIDEST = 60


def to_xlsx(table: "GT") -> bytes:
    """Return a table as an Excel file.

    A cell of one number is a number in the form that the table shows; everything else
    is text, never a formula.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Border, Font, Side

    contents = read_contents(table)
    book = Workbook()
    page = book.active
    page.title = "Table"
    book.properties.creator = "waistats"
    line = Side(style="thin")
    place = 1
    if contents.title:
        _write_text(page.cell(1, 1), contents.title)
        page.cell(1, 1).font = Font(bold=True)
        place = 2
    for j, head in enumerate(contents.heads, start=1):
        cell = page.cell(place, j)
        _write_text(cell, head, contents.right[j - 1])
        cell.font = Font(bold=True)
        cell.border = Border(top=line, bottom=line)
    page.freeze_panes = page.cell(place + 1, 1)
    for row in contents.rows:
        place += 1
        for j, text in enumerate(row, start=1):
            write = _write_number if is_number(text) else _write_text
            write(page.cell(place, j), text, contents.right[j - 1])
    for j, head in enumerate(contents.heads, start=1):
        cell = page.cell(place, j)
        cell.border = Border(bottom=line)
        column = [head, *(r[j - 1] for r in contents.rows if len(r) > 1)]
        width = min(max(map(len, column)) + 2, _WIDEST)
        page.column_dimensions[cell.column_letter].width = width
    for note in contents.notes:
        place += 1
        _write_text(page.cell(place, 1), note)
    return workbook_bytes(book)


def _write_text(cell: Any, text: str, right: bool = False) -> None:
    from openpyxl.styles import Alignment

    cell.value = text
    # a text that begins with = would be kept as a formula
    cell.data_type = "s"
    cell.alignment = Alignment(horizontal="right" if right else "left")


def _write_number(cell: Any, text: str, right: bool = True) -> None:
    from openpyxl.styles import Alignment

    whole, _, digits = text.replace(",", "").partition(".")
    cell.value = float(text.replace(",", "")) if digits else int(whole)
    shown = "#,##0" if "," in text else "0" if whole.strip("-") else ""
    cell.number_format = f"{shown}.{'0' * len(digits)}" if digits else shown
    cell.alignment = Alignment(horizontal="right" if right else "left")


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


_LATEX = {"α": r"$\alpha$", "τ": r"$\tau$", "σ": r"$\sigma$", "ω": r"$\omega$"} | {
    "λ": r"$\lambda$", "χ": r"$\chi$", "²": r"$^2$", "−": "$-$", "×": r"$\times$",
    "≥": r"$\geq$", "≤": r"$\leq$", "∞": r"$\infty$", "–": "--", "’": "'",
}  # fmt: skip


def guarded(text: str) -> str:
    """Return a cell that a spreadsheet takes for text where it could be a formula."""
    if text[:1] in FORMULA_STARTS and not is_number(text):
        return f"'{text}"
    return text


def to_html(table: "GT") -> str:
    """Return a table as HTML with its own style, to put into a page."""
    return visible(table.as_raw_html(), keep="\n\t")


def to_csv(table: "GT") -> str:
    """Return heads and cells of a table as CSV; title and notes are left out."""
    contents = read_contents(table)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([guarded(head) for head in contents.heads])
    for row in contents.rows:
        writer.writerow([guarded(text) for text in row])
    return stream.getvalue()


def to_latex(table: "GT") -> str:
    """Return a table as LaTeX (booktabs); Greek letters become mathematics."""
    contents = read_contents(table)
    width = len(contents.heads)
    lines = [r"\begin{table}", r"\raggedright"]
    if contents.title:
        lines.append(rf"\caption{{{_tex(contents.title)}}}")
    align = "".join("r" if right else "l" for right in contents.right)
    lines += [rf"\begin{{tabular}}{{{align}}}", r"\toprule"]
    lines += [" & ".join(map(_tex, contents.heads)) + r" \\", r"\midrule"]
    for row in contents.rows:
        if len(row) == 1 < width:
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{{_tex(row[0])}}} \\")
        else:
            lines.append(" & ".join(map(_tex, row)) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\smallskip {_tex(note)}" for note in contents.notes]
    return "\n".join([*lines, r"\end{table}", ""])


def _tex(text: str) -> str:
    escaped = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
    escaped |= {"^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"}
    escaped |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
    # a bracket at the start of a row would be read as the option of the row break
    escaped |= {"[": "{[}", "]": "{]}"} | _LATEX
    return "".join(escaped.get(sign, sign) for sign in text)


_WRITERS: dict[str, Callable[["GT"], str | bytes]] = {
    "html": lambda table: to_page(table),
    "csv": to_csv,
    "tex": to_latex,
    "xlsx": to_xlsx,
    "docx": to_docx,
}


def to_page(table: "GT") -> str:
    """Return a table as a whole HTML page."""
    title = markup.escape(read_contents(table).title or "Table")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n</head>\n<body>\n{to_html(table)}</body>\n</html>\n"
    )


def save_table(table: "GT", path: str | os.PathLike[str]) -> Path:
    """Write a table to a file; the suffix says which kind.

    Parameters
    ----------
    table : GT
        From a function of `waistats.tables`, or any other great_tables table.
    path : path
        ``.html``, ``.csv``, ``.tex``, ``.xlsx`` or ``.docx`` (needs python-docx).

    Returns
    -------
    Path
        The file; the same table gives the same bytes.

    Raises
    ------
    ModelError
        For another suffix.
    """
    target = Path(path)
    suffix = target.suffix.lower().lstrip(".")
    if suffix not in _WRITERS:
        known = ", ".join(f".{name}" for name in _WRITERS)
        raise ModelError(f"A table is written as {known}; got {target.name!r}.")
    content = _WRITERS[suffix](table)
    # Excel takes a CSV file for UTF-8 only with a byte order mark
    encoding = "utf-8-sig" if suffix == "csv" else "utf-8"
    data = content.encode(encoding) if isinstance(content, str) else content
    with new_file(target) as work:
        work.write_bytes(data)
    return target
