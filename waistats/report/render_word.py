"""Sections to a Word document with real tables, headings and figures."""

from collections.abc import Sequence
from typing import Any

from waistats._progress import progress
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
from waistats.report.forest import DEFAULT, Forest
from waistats.report.sections import study_sections
from waistats.report.text import study_title
from waistats.rg.study import RGStudy
from waistats.tables._docx import (
    add_picture,
    add_runs,
    add_spec,
    clean,
    document_bytes,
    new_document,
    orient,
    room,
)
from waistats.tables._typeset import markup, sentence

_DPI = 220


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
    document.core_properties.title = clean(title)
    document.core_properties.language = "en"
    document.add_heading(clean(title), 0)
    for line in lead:
        add_runs(document.add_paragraph(), sentence(line))
    wide = False
    for section in progress(list(numbered(sections)), "Word document"):
        if section.wide != wide:
            wide = section.wide
            orient(document.add_section(), wide=wide)
        document.add_heading(clean(section.title), section.level - 1)
        for block in section.blocks:
            _add(document, block, section.level, room(wide))
    if wide:
        orient(document.add_section(), wide=False)
    document.add_heading("Colophon", 1)
    for line in closing:
        document.add_paragraph(clean(line))
    return document_bytes(document)


def study_document(
    study: RGStudy,
    call: str = "RGStudy.report()",
    sections: Sequence[Section] | None = None,
    *,
    short: bool = False,
    forest: Forest = DEFAULT,
) -> bytes:
    """Return the report of one study as a Word file."""
    return render_document(
        study_title(study),
        [],
        study_sections(study, short=short, forest=forest)
        if sections is None
        else sections,
        colophon([study.coefficients], call),
    )


def _add(document: Any, block: Block, level: int, width: float) -> None:
    """Add one block; the file that a page carries stays out."""
    if isinstance(block, Table):
        add_spec(document, block, width)
    elif isinstance(block, Figure):
        _add_figure(document, block, width)
    elif isinstance(block, Cards):
        for card in block.cards:
            _add_card(document, card, level)
    elif isinstance(block, Listing):
        for item in block.items:
            if block.references:
                _add_reference(document, item)
            else:
                add_runs(document.add_paragraph(style="List Bullet"), sentence(item))
    elif isinstance(block, Code):
        _add_code(document, block.text, block.caption)
    elif isinstance(block, Paragraph):
        bold = block.tone == "warning"
        add_runs(document.add_paragraph(), sentence(block.text), bold=bold)


def _add_reference(document: Any, text: str) -> None:
    from docx.shared import Cm

    line = document.add_paragraph()
    line.paragraph_format.left_indent = Cm(1.27)
    line.paragraph_format.first_line_indent = Cm(-1.27)
    add_runs(line, markup(text))


def _add_card(document: Any, card: Card, level: int) -> None:
    document.add_heading(clean(card.title), level)
    for name, fact in card.facts:
        line = document.add_paragraph()
        line.add_run(f"{clean(name)}: ").bold = True
        line.add_run(clean(fact))
        line.paragraph_format.space_after = 0


def _add_code(document: Any, text: str, caption: str) -> None:
    from docx.shared import Pt

    if caption:
        above = document.add_paragraph()
        above.add_run(clean(caption)).bold = True
        above.paragraph_format.keep_with_next = True
    run = document.add_paragraph().add_run(clean(text.rstrip("\n")))
    run.font.name, run.font.size = "Courier New", Pt(8)


def picture(figure: Figure) -> bytes:
    """Return the picture of a figure that a document has."""
    return figure.drawing.render("png", _DPI)


def _add_figure(document: Any, figure: Figure, width: float) -> None:
    from docx.shared import Pt

    head = document.add_paragraph()
    head.add_run(f"Figure {figure.number}").bold = True
    title = document.add_paragraph()
    for run in add_runs(title, sentence(figure.caption)):
        run.italic = not run.italic
    for line in (head, title):
        line.paragraph_format.keep_with_next = True
    head.paragraph_format.space_after = 0
    add_picture(
        document,
        picture(figure),
        alt=figure.drawing.alt,
        name=f"Figure {figure.number}",
        width=width,
    )
    if figure.note:
        below = document.add_paragraph()
        below.add_run("Note.").italic = True
        below.add_run(" ")
        add_runs(below, sentence(figure.note))
        for run in below.runs:
            run.font.size = Pt(9)
