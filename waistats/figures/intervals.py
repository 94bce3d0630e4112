"""Intervals as lines; an arrow ends one that reaches beyond the axis."""

from typing import TYPE_CHECKING

import numpy as np

from waistats.arrays import FloatArray, IntArray
from waistats.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_intervals(
    ax: "Axes",
    at: IntArray,
    low: FloatArray,
    high: FloatArray,
    limits: tuple[float, float],
    row: float,
) -> None:
    """Draw horizontal intervals within limits.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    at : ndarray
        Rows.
    low, high : ndarray
        Ends; NaN for none.
    limits : tuple of float
        Limits of the axis.
    row : float
        Height of a row in points.
    """
    first, last = limits
    edge = 0.012 * (last - first)
    ax.hlines(
        at,
        np.clip(low, first + edge, None),
        np.clip(high, None, last - edge),
        color=style.INK,
        linewidth=min(0.9, row / 10),
        zorder=2,
    )
    for cut, marker, place in (
        (low < first, "<", first + edge),
        (high > last, ">", last - edge),
    ):
        if cut.any():
            ax.scatter(
                np.full(int(cut.sum()), place),
                at[cut],
                marker=marker,
                s=min(9.0, (0.35 * row) ** 2),
                color=style.INK,
                linewidth=0,
                zorder=3,
                label="_cut",
            )
