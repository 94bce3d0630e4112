"""Figures drawn for the report, closed when done; SIMULATED ones say so."""

import re
from typing import Any

from waistats.figures.describing import is_marked, mark_simulated
from waistats.figures.style import alt_text, drawing, figure_of
from waistats.report.blocks import Drawing, Figure

# Figures are drawn for a printed column: a page has room for more, and what is narrower
# than most of that column is scrolled rather than read with a lens.
ENLARGED, LEAST = 1.3, 0.8


def embed(name: str, drawn: Any, caption: str, *, simulated: bool = False) -> Figure:
    """Return a drawn figure for a report, out of pyplot's hands."""
    import matplotlib.pyplot as plt

    figure = figure_of(drawn)
    if simulated and not is_marked(figure):
        mark_simulated(figure)
    plt.close(figure)
    _settle(figure)
    return Figure(name, Drawing(figure, alt_text(figure)), caption)


def _settle(figure: Any) -> None:
    """Lay a figure out for good, so that files do not depend on which is made first."""
    with drawing():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")


def inline_svg(figure: Figure) -> str:
    """Return a figure as an SVG element whose ids are its own on a page."""
    svg = figure.drawing.render("svg").decode("utf-8")
    svg = svg[svg.index("<svg") :]
    for mark in ('id="', 'href="#', "url(#"):
        svg = svg.replace(mark, f"{mark}f{figure.number}-")
    # the alternative text stands on the element itself
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    head, rest = svg.split(">", 1)
    head = re.sub(r' height="[\d.]+pt"', "", head)
    head = re.sub(r' width="([\d.]+)pt"', _width, head)
    return f"{head}>{rest}"


def _width(match: re.Match[str]) -> str:
    points = float(match[1])
    return f' style="width:{ENLARGED * points:.0f}pt;min-width:{LEAST * points:.0f}pt"'
