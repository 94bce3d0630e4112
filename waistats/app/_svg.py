"""Figures as SVG, through the package's own renderer."""

from dataclasses import dataclass
from typing import Any

from waistats.report.blocks import Figure, embed, inline_svg


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure as the page shows it.

    Attributes
    ----------
    name : str
        That of its file.
    svg : str
        One SVG element, with its alternative text.
    caption : str
        What it shows.
    note : str
        What stands below it.
    """

    name: str
    svg: str
    caption: str
    note: str = ""


def drawn(
    name: str,
    axes: Any,
    caption: str,
    note: str = "",
    *,
    number: int = 0,
    simulated: bool = False,
) -> Picture:
    """Return what a function of `waistats.figures` drew; ``number`` keeps ids apart."""
    return shown(embed(name, axes, caption, note, simulated=simulated), number=number)


def shown(figure: Figure, *, number: int | None = None) -> Picture:
    """Return a figure of the report; ``number`` keeps its ids apart on the page."""
    from dataclasses import replace

    if number is not None:
        figure = replace(figure, number=number)
    return Picture(
        name=figure.name,
        svg=inline_svg(figure),
        caption=figure.caption,
        note=figure.note,
    )
