"""Sections to one self-contained HTML page."""

import base64
import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from waistats._files import new_file
from waistats._progress import progress
from waistats.errors import DataError, visible
from waistats.report._glyphs import Glyphs
from waistats.report._slices import slices
from waistats.report.blocks import (
    Download,
    Figure,
    Link,
    Section,
    Table,
    figures_of,
    inline_svg,
    numbered,
)
from waistats.report.code import colophon
from waistats.report.forest import DEFAULT, Forest, checked_forest
from waistats.report.render_word import study_document
from waistats.report.sections import study_sections
from waistats.report.text import study_title
from waistats.rg.study import RGStudy
from waistats.tables._typeset import Run, markup, sentence, styled, to_html, unbroken

_ADDRESS = re.compile(r"https?://[^\s\"'<>]+[^\s\"'<>.,;:)]")


def render_page(
    title: str,
    lead: Sequence[str],
    sections: Sequence[Section],
    closing: Sequence[str],
) -> str:
    """Return the page as HTML; every text is escaped, nothing is fetched."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("waistats", "report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "drawing": partial(_drawing, glyphs=Glyphs()),
        "slices": _slices,
        "rich": _rich,
        "reference": _reference,
        "linked": _linked,
        "address": _address,
        "body": _body,
        "head": _head,
    }
    template = environment.get_template("page.html.j2")
    for figure in progress(figures_of(sections), "figures"):
        figure.drawing.render("svg")
    page = template.render(
        title=title, lead=lead, sections=numbered(sections), colophon=closing
    )
    return visible(page, keep="\n\t")


def _drawing(figure: Figure, glyphs: Glyphs) -> Any:
    from markupsafe import Markup

    return Markup(glyphs.shared(inline_svg(figure)))


def _slices(figure: Figure) -> Any:
    """Return a figure as rows of a table, which print breaks and heads on each page."""
    from markupsafe import Markup

    parts = slices(figure)
    if parts is None:
        return ""
    rows = (("thead", [parts.head]), ("tfoot", [parts.foot]), ("tbody", parts.bands))
    inner = "".join(
        f"<{tag}>{''.join(f'<tr><td>{part}</td></tr>' for part in found)}</{tag}>"
        for tag, found in rows
        if any(found)
    )
    return Markup(f'<table class="slices" aria-hidden="true">{inner}</table>\n')


def _with_links(text: str, words: Any) -> Any:
    """Return a text with its addresses as links; ``words`` sets what is between."""
    from markupsafe import Markup, escape

    if "http" not in text:
        return words(text)
    out, at = Markup(""), 0
    for found in _ADDRESS.finditer(text):
        safe = escape(found[0])
        out += words(text[at : found.start()])
        out += Markup(f'<a href="{safe}" rel="noreferrer">{safe}</a>')
        at = found.end()
    return out + words(text[at:])


def _rich(text: str) -> Any:
    """Return a sentence: statistics in italics, addresses as links."""
    from markupsafe import Markup

    def words(part: str) -> Any:
        runs = [Run(unbroken(run.text), run.style) for run in sentence(part)]
        return Markup(to_html(runs))

    return _with_links(text, words)


def _reference(text: str) -> Any:
    """Return a reference: what is between stars in italics, addresses as links."""
    from markupsafe import Markup

    return _with_links(text, lambda part: Markup(to_html(markup(part))))


def _linked(cell: str | Link, *, numeric: bool = False) -> Any:
    from markupsafe import Markup, escape

    if isinstance(cell, Link):
        return Markup(f'<a href="#{escape(cell.section)}">{escape(cell.text)}</a>')
    if numeric:
        return escape(cell)
    return _with_links(cell, lambda part: Markup(to_html(styled(part))))


def _address(file: Download) -> str:
    content = base64.b64encode(file.content).decode("ascii")
    return f"data:{file.mime};base64,{content}"


def _head(column: Any) -> Any:
    from markupsafe import Markup

    return Markup(to_html(column.head))


def _body(table: Table) -> Any:
    """Return the rows of a table."""
    from markupsafe import Markup, escape

    texts = table.rows(typeset=True)
    long = table.long
    kinds = [
        ' class="num"' if column.numeric else ' class="long"' if long[j] else ""
        for j, column in enumerate(table.columns)
    ]
    links = {
        j: table.values(column)
        for j, column in enumerate(table.columns)
        if any(isinstance(value, Link) for value in table.values(column))
    }
    lines: list[str] = []
    for group, places in table.grouped():
        if group is not None:
            across = len(table.columns)
            lines.append(
                f'<tr class="group"><th scope="rowgroup" colspan="{across}">'
                f"{escape(group)}</th></tr>"
            )
        for i in places:
            cells = []
            for j, text in enumerate(texts[i]):
                value = links[j][i] if j in links else text
                shown = _linked(
                    value if isinstance(value, Link) else text,
                    numeric=table.numeric[j],
                )
                cells.append(f"<td{kinds[j]}>{shown}</td>")
            lines.append(f"<tr>{''.join(cells)}</tr>")
    return Markup("\n".join(lines))


def study_page(
    study: RGStudy,
    call: str = "RGStudy.report()",
    sections: Sequence[Section] | None = None,
    *,
    short: bool = False,
    forest: Forest = DEFAULT,
) -> str:
    """Return the report of one study as HTML."""
    return render_page(
        study_title(study),
        [],
        study_sections(study, short=short, forest=forest)
        if sections is None
        else sections,
        colophon([study.coefficients], call),
    )


def write_report(
    study: RGStudy,
    path: str | os.PathLike[str],
    *,
    force: bool = True,
    short: bool = False,
    call: str = "",
    forest_columns: Sequence[str] | None = None,
    forest_by: str | None = None,
) -> Path:
    """Write the report of a study; the file appears whole or not at all.

    ``call`` is what the colophon says that the user did.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in {".html", ".htm", ".docx"}:
        raise DataError(
            f"{target}: a report is a page (.html) or a Word document (.docx); the name "
            f"ends in {target.suffix or 'neither'}."
        )
    forest = checked_forest(study, forest_columns, forest_by)
    given = (", short=True" if short else "") + forest.code()
    call = call or f"RGStudy.report({given.removeprefix(', ')})"
    content = (
        study_document(study, call, short=short, forest=forest)
        if kind == ".docx"
        else study_page(study, call, short=short, forest=forest).encode("utf-8")
    )
    with new_file(target, force=force) as work:
        work.write_bytes(content)
    return target
