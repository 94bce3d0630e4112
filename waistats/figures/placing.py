"""Labels of points where they touch neither points nor each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from waistats.arrays import FloatArray, IntArray
from waistats.figures import style
from waistats.figures.measuring import shorten, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Sides of a point that are tried in turn: x and y of the label's corner, in its size.
_SIDES = (
    (0.0, -0.5), (-1.0, -0.5), (-0.5, 0.0), (-0.5, -1.0), (0.0, 0.0), (-1.0, 0.0),
    (0.0, -1.0), (-1.0, -1.0),
)  # fmt: skip
_AWAY, _HEIGHT = 5.0, 1.3  # points from marker to label; height of a line in its size


def place_labels(
    ax: "Axes",
    x: FloatArray,
    y: FloatArray,
    named: IntArray,
    labels: Sequence[str],
) -> list[str]:
    """Write labels beside some points; return those for which there was no room.

    Parameters
    ----------
    ax : Axes
        With its limits set.
    x, y : ndarray, shape (k,)
        All points.
    named : ndarray of int
        Positions of those with a label; the first has the first choice.
    labels : sequence of str
        A label for each of them.
    """
    size = style.SMALL - 0.5
    width, height = (72 * inch for inch in style.inches(ax))
    corner = np.array([ax.get_xlim(), ax.get_ylim()])
    scale = np.array([width, height]) / (corner[:, 1] - corner[:, 0])
    points = (np.column_stack([x, y]) - corner[:, 0]) * scale
    taken: list[tuple[float, float, float, float]] = []
    left_out = []
    for place, text in zip(points[named], labels, strict=True):
        shown = shorten(text, 0.45 * width / 72, size)
        wide, high = 72 * text_width([shown], size), _HEIGHT * size
        for across, up in _SIDES:
            step = np.sign([across + 0.5, up + 0.5]) * _AWAY
            low = place + step + np.array([across * wide, up * high])
            box = (low[0], low[1], low[0] + wide, low[1] + high)
            if _free(box, taken, points, place, width, height):
                taken.append(box)
                middle = (
                    place + step + np.array([(across + 0.5) * wide, (up + 0.5) * high])
                )
                ax.annotate(
                    shown,
                    tuple(place / scale + corner[:, 0]),
                    xytext=tuple(middle - place),
                    textcoords="offset points",
                    ha="center",
                    va="center",
                    fontsize=size,
                    zorder=6,
                )
                break
        else:
            left_out.append(text)
    return left_out


def _free(
    box: tuple[float, float, float, float],
    taken: list[tuple[float, float, float, float]],
    points: FloatArray,
    own: FloatArray,
    width: float,
    height: float,
) -> bool:
    """Return whether a box lies in the axes and touches no label and no point."""
    x0, y0, x1, y1 = box
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        return False
    if any(x0 < b[2] and b[0] < x1 and y0 < b[3] and b[1] < y1 for b in taken):
        return False
    others = points[(points != own).any(axis=1)]
    inside = (others[:, 0] > x0 - 3) & (others[:, 0] < x1 + 3)
    inside &= (others[:, 1] > y0 - 3) & (others[:, 1] < y1 + 3)
    return not inside.any()
