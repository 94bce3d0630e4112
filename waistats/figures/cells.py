"""Map of cells: version by rater by scale, with k and pooled alpha."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._format import coefficient, count, counted
from waistats.errors import DataError
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._style import text_width
from waistats.rg.as_model import of_study

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_CELL = (0.72, 0.4)  # inches


def cells(
    data: Any,
    *,
    ax: "Axes | None" = None,
    across: str = "scale",
    down: tuple[str, ...] = ("instrument", "rater"),
) -> "Axes":
    """Draw a map of the cells of a study.

    Which versions, raters and scales have been studied, and with what results?

    Parameters
    ----------
    data : RGStudy or DataFrame
        A study, or a frame with the columns below, ``k`` and ``estimate`` (alpha;
        empty where a cell is too small to pool), as `RGStudy.cells`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    across, down : str, tuple of str
        Columns whose values are the columns and the rows of the map.

    Returns
    -------
    Axes
        Darker cells are more reliable; a cell without colour has too few studies to
        pool, an empty one none.

    Examples
    --------
    >>> import waistats as ws
    >>> wai = ws.load_dataset("wai")
    >>> study = ws.generalize(wai)
    >>> axes = ws.figures.cells(study.cells)
    """
    frame = of_study(data, "cells", data)
    frame = _one_kind(frame)
    rows, columns, k, alpha = _arranged(frame, across, [d for d in down if d in frame])
    own = ax is None
    with style.drawing():
        label = text_width(rows) + 0.3
        size = (len(columns) * _CELL[0] + label, len(rows) * _CELL[1] + 0.45)
        ax = style.new_axes(ax, max(size[0], 2.2), size[1])
        _draw(ax, k, alpha)
        ax.set_xticks(range(len(columns)), labels=columns)
        ax.set_yticks(range(len(rows)), labels=rows)
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.set_xlim(-0.5, len(columns) - 0.5)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        for spine in ax.spines.values():
            spine.set_visible(False)
        describe(ax, _alt(rows, columns, k, alpha), of=data, own=own)
    return ax


def _one_kind(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the kind of coefficient that has most."""
    if "coefficient_type" not in frame:
        return frame
    totals = frame.groupby("coefficient_type")["k"].sum()
    return frame[frame["coefficient_type"] == totals.idxmax()]


def _arranged(
    frame: pd.DataFrame, across: str, down: list[str]
) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    absent = [name for name in (across, "k", "estimate") if name not in frame]
    if absent or frame.empty:
        raise DataError(f"A map of cells needs rows and the columns {absent}.")
    names = frame[down].astype(str).agg(", ".join, axis=1) if down else None
    rows = ["All"] if names is None else list(dict.fromkeys(names))
    columns = list(dict.fromkeys(frame[across].astype(str)))
    k = np.zeros((len(rows), len(columns)), dtype=int)
    alpha = np.full(k.shape, np.nan)
    place = [0] * len(frame) if names is None else [rows.index(n) for n in names]
    for i, scale, number, value in zip(
        place, frame[across].astype(str), frame["k"], frame["estimate"], strict=True
    ):
        k[i, columns.index(scale)] = number
        alpha[i, columns.index(scale)] = value
    return rows, columns, k, alpha


def _draw(ax: "Axes", k: np.ndarray, alpha: np.ndarray) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    known = alpha[np.isfinite(alpha)]
    low, high = (known.min(), known.max()) if len(known) else (0.7, 1.0)
    # a small difference is not to look like a large one
    low, high = min(low, high - 0.1), high
    colours = colormaps["viridis_r"]
    for (i, j), number in np.ndenumerate(k):
        value = alpha[i, j]
        filled = bool(np.isfinite(value))
        share = 0.1 + 0.8 * (value - low) / (high - low) if filled else 0.0
        shade = colours(float(share)) if filled else (1.0, 1.0, 1.0, 1.0)
        ax.add_patch(
            Rectangle(
                (j - 0.47, i - 0.45),
                0.94,
                0.9,
                facecolor=shade,
                edgecolor=style.RULE,
                linewidth=0.6,
                hatch="" if number else "////",
            )
        )
        if number == 0:
            continue
        dark = filled and np.dot(shade[:3], (0.299, 0.587, 0.114)) < 0.5
        text = f"k = {count(number)}"
        if filled:
            text = f"{coefficient(float(value), 2)}\n{text}"
        ax.text(
            j,
            i,
            text,
            ha="center",
            va="center",
            fontsize=style.SMALL,
            color="white" if dark else style.INK,
        )


def _alt(rows: list[str], columns: list[str], k: np.ndarray, alpha: np.ndarray) -> str:
    parts = [
        f"{rows[i]}, {columns[j]}: "
        + (
            f"{coefficient(float(alpha[i, j]), 2)}, "
            if np.isfinite(alpha[i, j])
            else ""
        )
        + f"k = {k[i, j]}"
        for i, j in zip(*np.nonzero(k), strict=True)
    ]
    return f"Map of {counted((k > 0).sum(), 'cell')}. " + "; ".join(parts) + "."
