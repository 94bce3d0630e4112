"""Sections to one self-contained HTML page."""

import hashlib
import importlib.metadata
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from waistats.generalization.study import RGStudy
from waistats.output import new_file
from waistats.report.blocks import Section
from waistats.report.sections import study_sections

LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "pingouin", "matplotlib")


def data_hash(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a table's CSV text."""
    content = frame.to_csv(index=False, lineterminator="\n").encode("utf-8")
    return hashlib.sha256(content).hexdigest()


def colophon(tables: Sequence[pd.DataFrame], call: str) -> list[str]:
    """Return what is needed to make a page again: versions, data, call."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    lines = [
        f"Made by waistats {_version()} on Python {platform.python_version()} with "
        f"{', '.join(versions)}.",
    ]
    lines += [f"Data: SHA-256 {data_hash(table)}." for table in tables]
    lines.append(f"Call: {call}")
    return lines


def _version() -> str:
    from waistats import __version__

    return __version__


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

    def drawing(svg: str, alt: str) -> Markup:
        # the drawing comes from matplotlib, which escapes its texts
        label = escape(alt)
        return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))

    def link(cell: str) -> Markup:
        safe = escape(cell)
        if re.fullmatch(r"https?://[^\s\"'<>]+", cell):
            return Markup(f'<a href="{safe}" rel="noreferrer">{safe}</a>')
        return safe

    environment.filters |= {"drawing": drawing, "link": link}
    template = environment.get_template("page.html.j2")
    return template.render(title=title, lead=lead, sections=sections, colophon=closing)


def study_page(study: RGStudy, call: str = "RGStudy.report()") -> str:
    """Return the report of one study as HTML."""
    return render_page(
        f"Reliability generalization of {study.title}",
        [study.sentence()],
        study_sections(study),
        colophon([study.coefficients], call),
    )


def write_report(
    study: RGStudy, path: str | os.PathLike[str], *, force: bool = True
) -> Path:
    """Write the report of a study; the file appears whole or not at all."""
    target = Path(path)
    with new_file(target, force=force) as work:
        work.write_text(study_page(study), encoding="utf-8", newline="\n")
    return target
