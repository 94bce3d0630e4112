"""What a figure says of itself: its alternative text, and where data are SIMULATED."""

from typing import TYPE_CHECKING, Any

from waistats.figures._style import FONT, HARDLY, SMALL, VERMILION, alt_text, figure_of
from waistats.provenance import SIMULATED, is_simulated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_MARK = f"{SIMULATED} data"
_STRIP = 0.17  # inches
_GAP = 2.0  # points
_LOOK: dict[str, Any] = {
    "fontsize": SMALL,
    "fontweight": "bold",
    "fontfamily": FONT,
    "color": VERMILION,
}


def describe(ax: "Axes", text: str, of: Any, *, own: bool) -> None:
    """Attach the alternative text, and mark what was drawn of SIMULATED data.

    Parameters
    ----------
    ax : Axes
        What was drawn.
    text : str
        What `alt_text` reads.
    of : result or DataFrame
        The data.
    own : bool
        Whether the figure was made for these axes, so that it can grow.
    """
    ax.alt_text = text  # type: ignore[attr-defined]
    if not is_simulated(of):
        return
    if own:
        mark_simulated(figure_of(ax))
    else:
        _say(ax)
        _mark_axes(ax)


def is_marked(figure: "Figure") -> bool:
    """Return whether a figure says that its data are SIMULATED."""
    return any(getattr(ax, "says_simulated", False) for ax in figure.axes)


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
    corner = (1 - HARDLY[2] / width, 1 - HARDLY[3] / taller)
    figure.text(*corner, _MARK, ha="right", va="top", **_LOOK)
    for ax in [ax for ax in figure.axes if alt_text(ax)][:1]:
        _say(ax)


def _mark_axes(ax: "Axes") -> None:
    """Write SIMULATED above axes of a larger figure; inside where there is no room."""
    figure = figure_of(ax)
    frame, drawn = ax.get_window_extent(), ax.get_tightbbox()
    above = 0.0 if drawn is None else max(drawn.y1 - frame.y1, 0.0)
    points = 72 / figure.dpi
    backing = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
    inside = frame.y1 + above + (SMALL + _GAP) / points > figure.bbox.y1
    ax.annotate(
        _MARK,
        (1, 1),
        xycoords="axes fraction",
        xytext=(-_GAP, -_GAP) if inside else (0, above * points + _GAP),
        textcoords="offset points",
        ha="right",
        va="top" if inside else "bottom",
        bbox=backing if inside else None,
        annotation_clip=False,
        zorder=10,
        **_LOOK,
    )


def _say(ax: "Axes") -> None:
    if SIMULATED not in alt_text(ax):
        ax.alt_text = f"{_MARK}. {alt_text(ax)}"  # type: ignore[attr-defined]
    ax.says_simulated = True  # type: ignore[attr-defined]
