"""Item diagnostics: ceilings, item-rest correlations, alpha without an item."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._format import coefficient, counted, fixed, percent
from waistats.errors import DataError, listing
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import even_labels
from waistats.figures._style import shorten_apart, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_ROW, _NARROWEST = 0.17, 1.3  # inches: a row, the least width of a panel
_NEEDED = (
    "item", "share_at_floor", "share_at_ceiling", "item_rest_correlation",
    "alpha_if_dropped",
)  # fmt: skip


def items(
    statistics: Any, *, ax: "Axes | None" = None, alpha: float | None = None
) -> "Axes":
    """Draw what each item is like and what it adds to the scale.

    Which items agree with the others?

    Parameters
    ----------
    statistics : DataFrame
        From `waistats.item_statistics`.
    ax : Axes, optional
        Axes that the panels fill; by default a new figure as tall as its items.
    alpha : float, optional
        Alpha of all items, drawn as a line beside alpha without each.

    Returns
    -------
    Axes
        The frame of the panels, its ``child_axes``: answers at the floor and at the
        ceiling, item-rest correlations, and alpha without the item; the last are
        omitted where there is no room.

    Examples
    --------
    >>> import waistats as ws
    >>> answers = ws.simulate_responses(
    ...     "WAI-SR", studies=1, n=200, reliability=0.9, seed=1
    ... )
    >>> items = answers.filter(like="wai")
    >>> axes = ws.figures.items(ws.item_statistics(items))
    """
    if not isinstance(statistics, pd.DataFrame):
        raise DataError("A frame from item_statistics() is needed.")
    absent = [name for name in _NEEDED if name not in statistics]
    if absent:
        raise DataError(f"The frame lacks {listing(absent)}; see item_statistics().")
    many = len(statistics)
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.PAGE, _ROW * many + 1.0, style.HARDLY)
        ax.set_axis_off()
        panels = _panels(ax, [str(name) for name in statistics["item"]])
        y = np.arange(many)
        for panel, draw in zip(panels, _DRAWN, strict=False):
            draw(panel, statistics, y, alpha)
            panel.set_ylim(many - 0.4, -0.6)
        describe(ax, _alt(statistics, alpha), of=statistics, own=own)
    return ax


def _panels(ax: "Axes", names: list[str]) -> list["Axes"]:
    """Return the panels that fit side by side; they share their rows."""
    width, height = style.inches(ax)
    size = min(style.SMALL, 72 * 0.72 * (height - 0.8) / max(len(names), 1))
    legible = size >= style.LEAST
    names = shorten_apart(names, [0.22 * width] * len(names), size)
    left = (text_width(names, size) if legible else 0.1) + 0.12
    gap, foot, top = 0.2, 0.48, 0.28
    fits = int(np.clip((width - left) // _NARROWEST, 1, 3))
    wide = (width - left - (fits - 1) * gap - 0.12) / fits
    panels = []
    for j in range(fits):
        box = (
            (left + j * (wide + gap)) / width,
            foot / height,
            wide / width,
            (height - foot - top) / height,
        )
        panel = ax.inset_axes(box)
        shown = names if j == 0 and legible else []
        panel.set_yticks(range(len(shown)), labels=shown)
        panel.tick_params(axis="y", length=0, labelsize=size)
        panel.spines["left"].set_visible(False)
        panel.grid(axis="x", color="#ececec", linewidth=0.5)
        panels.append(panel)
    return panels


def _ends(
    panel: "Axes", statistics: pd.DataFrame, y: np.ndarray, alpha: float | None
) -> None:
    floor = 100 * statistics["share_at_floor"].to_numpy()
    ceiling = 100 * statistics["share_at_ceiling"].to_numpy()
    panel.barh(y, -floor, height=0.7, color=style.ORANGE, label="Floor")
    panel.barh(y, ceiling, height=0.7, color=style.BLUE, label="Ceiling")
    panel.axvline(0, color=style.INK, linewidth=0.7)
    panel.set_xlabel("Answers at an end (%)")
    most = max(float(np.nanmax([floor, ceiling])), 5.0)
    low = -1.08 * max(float(floor.max()), 0.15 * most)
    panel.set_xlim(low, 1.08 * most)
    panel.xaxis.set_major_formatter(lambda value, _: fixed(abs(value), 0))
    panel.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.1
    )


def _dots(
    panel: "Axes", values: pd.Series, y: np.ndarray, reference: float | None
) -> None:
    from matplotlib.ticker import MaxNLocator

    x = values.to_numpy(dtype=float)
    low = panel_low = np.nanmin(x) if np.isfinite(x).any() else 0.0
    base = low if reference is None else reference
    if reference is not None:
        panel.axvline(reference, color=style.MUTED, linewidth=0.8)
        panel.hlines(y, base, x, color=style.RULE, linewidth=0.8, zorder=1)
    high = x > (np.inf if reference in (None, 0.0) else reference)
    low_item = x < 0 if reference == 0.0 else np.zeros(len(x), dtype=bool)
    flagged = high | low_item
    panel.scatter(
        x,
        y,
        s=14,
        c=[style.VERMILION if flag else style.BLUE for flag in flagged],
        zorder=3,
        label="items",
    )
    ends = [panel_low, np.nanmax(x) if np.isfinite(x).any() else 1.0, base]
    edge = 0.08 * (max(ends) - min(ends)) or 0.01
    panel.set_xlim(min(ends) - edge, max(ends) + edge)
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.xaxis.set_major_formatter(even_labels(panel.xaxis))


def _rest(
    panel: "Axes", statistics: pd.DataFrame, y: np.ndarray, alpha: float | None
) -> None:
    _dots(panel, statistics["item_rest_correlation"], y, 0.0)
    panel.axvline(0.3, color=style.RULE, linewidth=0.7, linestyle=(0, (4, 2)))
    panel.set_xlabel("Item–rest correlation")


def _without(
    panel: "Axes", statistics: pd.DataFrame, y: np.ndarray, alpha: float | None
) -> None:
    _dots(panel, statistics["alpha_if_dropped"], y, alpha)
    panel.set_xlabel("Alpha without the item")


_DRAWN = (_ends, _rest, _without)


def _alt(statistics: pd.DataFrame, alpha: float | None) -> str:
    top = statistics.loc[statistics["share_at_ceiling"].idxmax()]
    weak = statistics.loc[statistics["item_rest_correlation"].idxmin()]
    most = percent(100 * float(top["share_at_ceiling"]), 0)
    text = (
        f"Diagnostics of {counted(len(statistics), 'item')}. Most answers at the "
        f"ceiling: {top['item']} ({most}). Lowest item-rest correlation: "
        f"{weak['item']} ({coefficient(float(weak['item_rest_correlation']), 2)})."
    )
    if alpha is not None:
        better = statistics[statistics["alpha_if_dropped"] > alpha]["item"]
        text += f" Alpha {coefficient(alpha, 2)} would rise without {len(better)}."
    return text
