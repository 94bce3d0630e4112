"""Where a tall figure may be cut in print: between rows; head and axis are repeated."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# rows that stay together on a page
TOGETHER = 4


def set_cuts(ax: "Axes", at: Sequence[float]) -> None:
    """Say where a drawing may be cut.

    Parameters
    ----------
    ax : Axes
        The axes that were drawn.
    at : sequence of float
        Places on the vertical axis, from the top: what is above the first is the head,
        what is below the last the foot.
    """
    ax.waistats_cuts = [float(y) for y in at]  # type: ignore[attr-defined]


def row_cuts(
    rows: int,
    together: int = TOGETHER,
    last: int = TOGETHER,
    closed: Sequence[int] = (),
) -> list[float]:
    """Return places between rows 0, 1, ...: some rows stay together, and the last.

    ``closed`` are rows that stay with the one above, such as the first of a group.
    """
    edges = [-0.5]
    for row in range(together, rows - last + 1):
        if row - edges[-1] - 0.5 >= together and row not in closed:
            edges.append(row - 0.5)
    return [*edges, rows - 0.4]


def cuts(figure: "Figure") -> list[float]:
    """Return the places as shares of the height from the top; empty for none."""
    for ax in figure.axes:
        places = getattr(ax, "waistats_cuts", None)
        if places:
            height = figure.bbox.height
            up = ax.transData.transform([(0.0, y) for y in places])[:, 1]
            return [min(max(1 - float(y) / height, 0.0), 1.0) for y in up]
    return []
