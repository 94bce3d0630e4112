"""Specification curve: the pooled value under every defensible choice."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._format import level
from waistats.errors import ModelError
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import set_alpha_axis, span
from waistats.figures._cuts import set_cuts
from waistats.figures._style import text_width
from waistats.measures import transform
from waistats.sensitivity.multiverse import CHOICES, Multiverse, option_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_HEADS = {"measure": "Scale"}  # short, for the left margin
_ROW, _TOP, _LEAST = 0.145, 2.0, 0.8  # inches: a row of choices, the curve


def multiverse(result: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the pooled alpha of every specification above the choices that made it.

    What are the results of every defensible choice of method?

    Parameters
    ----------
    result : Multiverse
        From `waistats.multiverse`.
    ax : Axes, optional
        Axes that both panels fill; a new figure by default.

    Returns
    -------
    Axes
        The frame of two panels, its ``child_axes``: the specifications in the order of
        their estimates with intervals, and a mark a choice. Choices with one option
        are omitted; the thresholds are lines.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> axes = ws.figures.multiverse(ws.multiverse(cesd))
    """
    if not isinstance(result, Multiverse):
        raise ModelError(
            "figures.multiverse needs the result of multiverse(); got "
            f"{type(result).__name__}."
        )
    frame = result.to_frame().sort_values("estimate", kind="stable", ignore_index=True)
    rows = _options(frame)
    own = ax is None
    with style.drawing():
        height = _TOP + _ROW * (len(rows) + 1) + 0.45
        ax = style.new_axes(ax, style.PAGE, height, style.HARDLY)
        ax.set_axis_off()
        above, below = _panels(ax, rows)
        _curve(above, frame, result)
        if below is not None and rows:
            _matrix(below, frame, rows)
        describe(ax, f"Specification curve. {result.sentence()}", of=result, own=own)
    return ax


def _options(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Return choice and option of each row of the lower panel."""
    rows = []
    for choice in CHOICES:
        options = list(dict.fromkeys(frame[choice]))
        if len(options) > 1:
            rows += [(choice, str(option)) for option in sorted(options, key=str)]
    return rows


def _panels(ax: "Axes", rows: list[tuple[str, str]]) -> tuple["Axes", "Axes | None"]:
    """Return the panels of curve and choices; without choices where they do not fit."""
    width, height = style.inches(ax)
    size = _size(height, len(rows))
    left = text_width([option_words(*row) for row in rows], size) + 0.8
    left = min(max(left, 0.6), 0.45 * width)
    foot, gap = 0.36, 0.1
    low = _ROW * (len(rows) + 1) * size / style.SMALL
    if height - foot - low - gap < _LEAST:
        box = (0.6 / width, 0.2 / height, 1 - 0.7 / width, 1 - 0.3 / height)
        return ax.inset_axes(box), None
    above = (left / width, (foot + low + gap) / height)
    tall = height - foot - low - gap - 0.08
    wide = (width - left - 0.08) / width
    # the order of the specifications is said below both parts
    set_cuts(ax, [1.0, above[1] - 0.5 * gap / height, foot / height])
    return (
        ax.inset_axes((*above, wide, tall / height)),
        ax.inset_axes((left / width, foot / height, wide, low / height)),
    )


def _size(height: float, rows: int) -> float:
    """Return the font size of the options: at most half of the height is theirs."""
    fits = 0.5 * height / (_ROW * (rows + 1))
    return float(np.clip(style.SMALL * fits, style.LEAST, style.SMALL))


def _curve(panel: "Axes", frame: pd.DataFrame, result: Multiverse) -> None:
    many = len(frame)
    x = np.arange(1, many + 1)
    alphas = frame[["estimate", "ci_low", "ci_high"]].to_numpy()
    # limits of untransformed alphas may pass 1, where this axis never comes
    numbers = transform(np.where(alphas < 1, alphas, np.nan), "bonett")
    # a few very wide intervals must not flatten the curve
    ends = np.nanquantile(numbers[:, 1:], [0.02, 0.98])
    limits = span(numbers[:, 0], ends, margin=0.05)
    _, height = style.inches(panel)
    width = 72 * style.inches(panel)[0] / many
    style.strokes(
        panel,
        x,
        numbers[:, 1],
        np.where(alphas[:, 2] >= 1, limits[1], numbers[:, 2]),
        color=style.RULE,
        linewidth=float(np.clip(0.6 * width, 0.15, 1.2)),
        zorder=1,
    )
    panel.scatter(
        x,
        numbers[:, 0],
        s=float(np.clip(width**2, 1.5, 14)),
        color=style.BLUE,
        linewidth=0,
        zorder=3,
        label="estimates",
    )
    for cut in transform(result.thresholds, "bonett"):
        if limits[0] < cut < limits[1]:
            panel.axhline(
                cut,
                color=style.VERMILION,
                linewidth=0.8,
                linestyle=(0, (4, 2)),
                zorder=2,
            )
    set_alpha_axis(panel.yaxis, limits, "bonett", height)
    panel.set_ylabel(f"Pooled alpha\n({level(result.conf_level)} CI)")
    panel.set_xlim(0, many + 1)
    panel.set_xticks([])
    panel.spines["bottom"].set_visible(False)


def _matrix(panel: "Axes", frame: pd.DataFrame, rows: list[tuple[str, str]]) -> None:
    from matplotlib.ticker import MaxNLocator

    width, height = style.inches(panel)
    size = 72 * height / (len(rows) + 1) / 0.145 / 72 * style.SMALL
    size = float(np.clip(size, style.LEAST, style.SMALL))
    per_mark = 72 * width / len(frame)
    x = np.arange(1, len(frame) + 1)
    choices = [choice for choice, _ in rows]
    for y, (choice, option) in enumerate(rows):
        here = (frame[choice].astype(str) == option).to_numpy()
        shade = (
            style.BLUE if list(dict.fromkeys(choices)).index(choice) % 2 else style.INK
        )
        style.strokes(
            panel,
            x[here],
            np.full(here.sum(), y - 0.38),
            np.full(here.sum(), y + 0.38),
            color=shade,
            linewidth=float(np.clip(0.8 * per_mark, 0.2, 2.0)),
        )
    for y in range(1, len(rows)):
        if choices[y] != choices[y - 1]:
            panel.axhline(y - 0.5, color=style.RULE, linewidth=0.5)
    panel.set_yticks(range(len(rows)), labels=[option_words(*row) for row in rows])
    panel.tick_params(axis="y", length=0, labelsize=size)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_xlim(0, len(frame) + 1)
    panel.set_xlabel("Specifications in the order of their estimates")
    panel.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    panel.spines["left"].set_visible(False)
    _name_choices(panel, choices, size)


def _name_choices(panel: "Axes", choices: list[str], size: float) -> None:
    """Write each choice once, to the left of its options."""
    labels = [text.get_text() for text in panel.get_yticklabels()]
    away = 72 * text_width(labels, size) + 8
    for y, choice in enumerate(choices):
        if y == 0 or choices[y - 1] != choice:
            panel.annotate(
                _HEADS.get(choice, choice.capitalize()),
                (0, y),
                xycoords=panel.get_yaxis_transform(),
                xytext=(-away, 0),
                textcoords="offset points",
                ha="right",
                va="center_baseline",
                fontsize=size,
                fontweight="bold",
                annotation_clip=False,
            )
