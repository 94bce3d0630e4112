"""Sections to one self-contained HTML page."""

import base64
import os
import re
from collections.abc import Sequence
from pathlib import Path

from waistats._files import new_file
from waistats.errors import DataError, visible
from waistats.report.blocks import Download, Figure, Link, Section, inline_svg, numbered
from waistats.report.code import colophon
from waistats.report.render_word import study_document
from waistats.report.sections import study_sections
from waistats.report.text import study_title
from waistats.rg.study import RGStudy

_ADDRESS = re.compile(r"https?://[^\s\"'<>]+[^\s\"'<>.,;:)]")


def render_page(
    title: str,
    lead: Sequence[str],
    sections: Sequence[Section],
    closing: Sequence[str],
) -> str:
    """Return the page as HTML; every text is escaped, nothing is fetched."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
    from markupsafe import Markup, escape

    environment = Environment(
        loader=PackageLoader("waistats", "report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )

    def drawing(figure: Figure) -> Markup:
        # the drawing comes from matplotlib, which escapes its texts
        label = escape(figure.drawing.alt)
        svg = inline_svg(figure)
        return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))

    def linked(cell: str | Link) -> Markup:
        if isinstance(cell, Link):
            return Markup(f'<a href="#{escape(cell.section)}">{escape(cell.text)}</a>')
        out, at = Markup(""), 0
        for found in _ADDRESS.finditer(cell):
            safe = escape(found[0])
            out += escape(cell[at : found.start()])
            out += Markup(f'<a href="{safe}" rel="noreferrer">{safe}</a>')
            at = found.end()
        return out + escape(cell[at:])

    def address(file: Download) -> str:
        return "data:text/csv;base64," + base64.b64encode(file.content).decode("ascii")

    environment.filters |= {"drawing": drawing, "linked": linked, "address": address}
    template = environment.get_template("page.html.j2")
    page = template.render(
        title=title, lead=lead, sections=numbered(sections), colophon=closing
    )
    return visible(page, keep="\n\t")


def study_page(
    study: RGStudy,
    call: str = "RGStudy.report()",
    sections: Sequence[Section] | None = None,
) -> str:
    """Return the report of one study as HTML."""
    return render_page(
        study_title(study),
        [study.sentence()],
        study_sections(study) if sections is None else sections,
        colophon([study.coefficients], call),
    )


def write_report(
    study: RGStudy, path: str | os.PathLike[str], *, force: bool = True
) -> Path:
    """Write the report of a study; the file appears whole or not at all."""
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in {".html", ".htm", ".docx"}:
        raise DataError(
            f"{target}: a report is a page (.html) or a Word document (.docx); the name "
            f"ends in {target.suffix or 'neither'}."
        )
    content = (
        study_document(study) if kind == ".docx" else study_page(study).encode("utf-8")
    )
    with new_file(target, force=force) as work:
        work.write_bytes(content)
    return target
