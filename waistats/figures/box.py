"""Boxes, violins and points of coefficients by version, rater and scale."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from waistats._format import coefficient, counted
from waistats._labels import noun
from waistats._typing import FloatArray
from waistats.errors import DataError
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import even_labels
from waistats.figures._cuts import row_cuts, set_cuts
from waistats.figures._rows import coefficient_table
from waistats.figures._style import shorten, wrap
from waistats.rg.descriptives import kinds

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_ROW = 0.3
_BOX, _VIOLIN = 5, 10  # coefficients from which a box, a violin says something
_POINTS = 1_000  # coefficients of a row beyond which points only hide each other


def box(
    data: Any,
    *,
    ax: "Axes | None" = None,
    by: Sequence[str] = ("instrument", "rater", "scale"),
) -> "Axes":
    """Draw the coefficients of each cell: points, boxes and violins.

    How do coefficients spread within raters and scales?

    Parameters
    ----------
    data : DataFrame, RGStudy, MetaResult or MultilevelResult
        A coefficient table, or a study or model of one.
    ax : Axes, optional
        Where to draw; by default a new figure as tall as its rows.
    by : sequence of str
        Columns whose combinations are the rows; absent columns are ignored. Kinds of
        coefficients are always kept apart.

    Returns
    -------
    Axes
        Every coefficient is a point, on the plain alpha scale. A cell of 5 or more has
        a box (quartiles, whiskers to 1.5 box lengths), one of 10 or more a violin. Rows
        without an estimate are not drawn; the alternative text says how many.

    Examples
    --------
    >>> import waistats as ws
    >>> wai = ws.load_dataset("wai")
    >>> usable = wai[wai["status"] == "poolable"]
    >>> axes = ws.figures.box(usable, by=["rater", "scale"])
    """
    from matplotlib.ticker import MaxNLocator

    table = coefficient_table(data)
    cells, blank = _cells(table, by)
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.PAGE * 0.75, _ROW * len(cells) + 0.75)
        width, height = style.inches(ax)
        colours = _colours(cells)
        row = _ROW if own else height / (len(cells) + 1)
        everything = np.concatenate([values for _, _, values in cells])
        low, high = _limits(everything)
        per_point = (high - low) / (72 * width)
        for y, (_, first, values) in enumerate(cells):
            _draw(ax, y, values, colours[first], 72 * row, per_point)
        size = min(style.SMALL, 72 * 0.72 * row)
        legible = size >= style.LEAST
        names = [_label(name, 0.42 * width, row) for name, _, _ in cells]
        shown = names if legible else []
        ax.set_yticks(range(len(shown)), labels=shown)
        ax.tick_params(axis="y", length=0, labelsize=size)
        if not legible:
            ax.set_ylabel(counted(len(cells), "cell"))
        for y, (_, _, values) in enumerate(cells if legible else []):
            ax.annotate(
                f"k = {len(values)}",
                (1, y),
                xycoords=ax.get_yaxis_transform(),
                xytext=(4, 0),
                textcoords="offset points",
                va="center_baseline",
                fontsize=size,
                annotation_clip=False,
            )
        ax.set_ylim(len(cells) - 0.4, -0.6)
        set_cuts(ax, row_cuts(len(cells), 2, 2))
        ax.set_xlim(low, high)
        # steps of 2.5 would need a digit more than is read at a glance
        ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
        ax.xaxis.set_major_formatter(even_labels(ax.xaxis))
        ax.set_xlabel(noun(table))
        ax.grid(axis="x", color="#e6e6e6", linewidth=0.6)
        ax.spines["left"].set_visible(False)
        describe(ax, _alt(cells, everything, blank), of=data, own=own)
    return ax


def _label(name: str, width: float, row: float) -> str:
    """Return a label on two lines where one is too narrow and the row high enough."""
    lines = wrap(name, width).split("\n")
    if len(lines) == 1 or row < 0.25:
        return shorten(name, width)
    rest = " ".join(lines[1:])
    return "\n".join(shorten(line, width) for line in (lines[0], rest))


def _cells(
    table: pd.DataFrame, by: Sequence[str]
) -> tuple[list[tuple[str, str, FloatArray]], int]:
    """Return name, first part and values of each cell, and the count of blanks."""
    names = [by] if isinstance(by, str) else [name for name in by if name in table]
    if len(set(kinds(table))) > 1 and "coefficient_type" not in names:
        names.append("coefficient_type")
    if "estimate" not in table:
        raise DataError("The table has no column 'estimate' with the coefficients.")
    values = pd.to_numeric(table["estimate"], errors="coerce")
    known = values.notna()
    if not known.any():
        raise DataError("The column 'estimate' is empty; there is nothing to draw.")
    parts = table.loc[known, names].astype(str).fillna("not stated") if names else None
    if parts is None or not names:
        groups = [(("All",), values[known].to_numpy())]
    else:
        keys = list(parts.itertuples(index=False, name=None))
        order = sorted(dict.fromkeys(keys), key=lambda key: _rank(key, keys))
        array = values[known].to_numpy()
        groups = [(k, array[[key == k for key in keys]]) for k in order]
    cells = [
        (", ".join(key).replace("_", " "), key[0], np.sort(a)) for key, a in groups
    ]
    return cells, int((~known).sum())


def _rank(key: tuple[str, ...], keys: list[tuple[str, ...]]) -> tuple[int, ...]:
    """Return the place of a key: each part in the order in which it first appears."""
    orders = [list(dict.fromkeys(parts)) for parts in zip(*keys, strict=True)]
    return tuple(o.index(part) for o, part in zip(orders, key, strict=True))


def _colours(cells: list[tuple[str, str, FloatArray]]) -> dict[str, str]:
    firsts = dict.fromkeys(first for _, first, _ in cells)
    wheel = [c for c in style.PALETTE if c != "#F0E442"]
    return {first: wheel[i % len(wheel)] for i, first in enumerate(firsts)}


def _limits(values: FloatArray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    edge = max(0.04 * (high - low), 0.01)
    return low - edge, min(high + edge, max(1.0, high) + 0.005)


def _draw(
    ax: "Axes", y: int, values: FloatArray, colour: str, row: float, unit: float
) -> None:
    """Draw one row; ``row`` is its height and ``unit`` the x of one point in points."""
    if len(values) >= _VIOLIN and np.ptp(values) > 0:
        kernel = stats.gaussian_kde(values)
        # no coefficient lies beyond the ends, so the violin does not either
        grid = np.linspace(values[0], values[-1], 101)
        half = 0.42 * kernel(grid) / kernel(grid).max()
        ax.fill_between(
            grid, y - half, y + half, color=colour, alpha=0.18, linewidth=0, zorder=1
        )
    if len(values) >= _BOX:
        ax.boxplot(
            values,
            positions=[y],
            orientation="horizontal",
            widths=0.44,
            showfliers=False,
            manage_ticks=False,
            zorder=2,
            boxprops={"color": style.INK, "linewidth": 0.8},
            whiskerprops={"color": style.INK, "linewidth": 0.8},
            capprops={"color": style.INK, "linewidth": 0.8},
            medianprops={"color": style.INK, "linewidth": 1.6},
        )
    if len(values) > _POINTS:
        return  # violin and box say more than a smear of points
    side = min(4.0, 0.2 * row)
    offset = swarm(values / unit, side) / row
    ax.scatter(
        values,
        y + np.clip(offset, -0.44, 0.44),
        s=side**2,
        color=colour,
        edgecolor="white",
        linewidth=0.3,
        zorder=3,
    )


def swarm(places: FloatArray, side: float) -> FloatArray:
    """Return sideways offsets that keep points of width ``side`` from touching.

    ``places`` are sorted, in the unit of ``side``; the same points always get the same
    offsets.
    """
    offsets = np.zeros(len(places))
    for i, place in enumerate(places):
        near = np.flatnonzero(np.abs(places[:i] - place) < side)
        if len(near) == 0:
            continue
        steps = side * np.array([(j + 1) // 2 * (-1) ** j for j in range(2 * i + 2)])
        apart = (places[near] - place)[:, None] ** 2 + (
            offsets[near][:, None] - steps
        ) ** 2
        offsets[i] = steps[(apart >= (0.95 * side) ** 2).all(axis=0)][0]
    return offsets


def _alt(cells: list[Any], everything: FloatArray, blank: int) -> str:
    text = f"Coefficients of {counted(len(cells), 'cell')}, {len(everything)} in all: "
    text += "; ".join(
        f"{name} k = {len(values)}, median {coefficient(float(np.median(values)), 2)}"
        for name, _, values in cells
    )
    return text + (
        f". {counted(blank, 'row')} without an estimate not drawn." if blank else "."
    )
