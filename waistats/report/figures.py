"""Figures drawn for the report: as SVG text, closed when done."""

import re
from typing import Any

from waistats.figures.style import alt_text, figure_of, render
from waistats.report.blocks import Figure

# Figures are drawn for a printed column; a page has room for more.
ENLARGED = 1.3


def embed(name: str, drawn: Any, caption: str) -> Figure:
    """Return a drawn figure for a page and close it."""
    import matplotlib.pyplot as plt

    svg = render(drawn, "svg").decode("utf-8")
    alt = alt_text(drawn)
    plt.close(figure_of(drawn))
    # an inline drawing needs no XML prologue, and ids of its own
    svg = svg[svg.index("<svg") :]
    for mark in ('id="', 'href="#', "url(#"):
        svg = svg.replace(mark, f"{mark}{name}-")
    head, rest = svg.split(">", 1)
    head = re.sub(r' height="[\d.]+pt"', "", head)
    head = re.sub(r' width="([\d.]+)pt"', _width, head)
    return Figure(name=name, svg=f"{head}>{rest}", alt=alt, caption=caption)


def _width(match: re.Match[str]) -> str:
    return f' style="width:{ENLARGED * float(match[1]):.0f}pt"'
