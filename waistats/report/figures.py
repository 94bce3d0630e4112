"""Figures drawn for the report, closed when done; SIMULATED ones say so."""

import re
from typing import Any

from waistats.figures.style import (
    HARDLY,
    SMALL,
    VERMILION,
    alt_text,
    describe,
    figure_of,
)
from waistats.provenance import SIMULATED
from waistats.report.blocks import Drawing, Figure

# Figures are drawn for a printed column: a page has room for more, and what is narrower
# than most of that column is scrolled rather than read with a lens.
ENLARGED, LEAST = 1.3, 0.8
_STRIP = 0.17  # inches


def embed(name: str, drawn: Any, caption: str, *, simulated: bool = False) -> Figure:
    """Return a drawn figure for a report, out of pyplot's hands."""
    import matplotlib.pyplot as plt

    figure = figure_of(drawn)
    if simulated:
        mark_simulated(figure)
    plt.close(figure)
    return Figure(name, Drawing(figure, alt_text(figure)), caption)


def mark_simulated(figure: Any) -> None:
    """Write SIMULATED into a strip that is added above a figure."""
    width, height = figure.get_size_inches()
    taller = height + _STRIP
    engine = figure.get_layout_engine()
    if engine is None:
        for ax in figure.axes:
            box = ax.get_position()
            place = (box.x0, box.y0 * height / taller)
            ax.set_position((*place, box.width, box.height * height / taller))
    else:
        engine.set(rect=(0, 0, 1, height / taller))
    figure.set_size_inches(width, taller)
    figure.text(
        1 - HARDLY[2] / width,
        1 - HARDLY[3] / taller,
        f"{SIMULATED} data",
        ha="right",
        va="top",
        fontsize=SMALL,
        fontweight="bold",
        color=VERMILION,
    )
    described = [ax for ax in figure.axes if alt_text(ax)]
    for ax in described[:1]:
        describe(ax, f"{SIMULATED} data. {alt_text(ax)}")


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
