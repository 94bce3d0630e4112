"""Forest plot: every coefficient with its interval, and what they pool to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.figures import style
from waistats.figures.alpha_axis import axis_name, set_alpha_axis, span, to_alpha
from waistats.figures.beside import draw_beside, fit_beside
from waistats.figures.describing import describe
from waistats.figures.forest_columns import forest_columns
from waistats.figures.forest_lines import forest_lines
from waistats.figures.intervals import draw_intervals
from waistats.figures.measuring import wrap
from waistats.figures.study_rows import study_rows
from waistats.fitted import as_model, pooled_row
from waistats.wording import noun, pooled_text, total_text, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW, _LINE = 0.17, 0.155  # inches: a row of the plot, a line of text below it


def forest(
    result: Any,
    *,
    ax: "Axes | None" = None,
    by: str | None = None,
    order: str = "input",
    labels: str | Sequence[str] | None = None,
    columns: Sequence[str] = ("n", "n_items", "estimate", "weight"),
) -> "Axes":
    """Draw every coefficient with its interval, and what they pool to.

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        The model, or a study for its overall one. With moderators, each row shows its
        fitted value instead of a pooled one below.
    ax : Axes, optional
        Where to draw; by default a new figure as tall as its rows. Columns that do not
        fit are left out, the last first.
    by : str, optional
        A column whose groups get a heading, a diamond each and a test of their
        differences, from a model with that moderator and one tau2.
    order : str, default "input"
        ``"input"``, ``"estimate"``, ``"precision"``, or a column to sort by.
    labels : str or sequence of str, optional
        A column with the labels, or the labels.
    columns : sequence of str
        Columns of text: ``"estimate"``, ``"weight"``, and columns of the table.

    Returns
    -------
    Axes
        One marker a coefficient, its area by weight; the axis is even on the pooling
        scale and its ticks are values of alpha. An arrow ends an interval that
        reaches beyond the axis.

    Examples
    --------
    >>> import pandas as pd
    >>> from waistats import effect_sizes, fit_meta
    >>> from waistats.figures import forest
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B", "C"], "estimate": [.91, .79, .88],
    ...      "n": [84, 54, 120], "n_items": [36, 12, 12]})
    >>> forest(fit_meta(effect_sizes(table))).get_xlabel()
    'Coefficient alpha (spaced on the Bonett scale)'
    """
    model = as_model(result)
    rows = study_rows(model, labels)
    row_of_mean = None if model.has_moderators else pooled_row(result)
    lines, foot = forest_lines(model, rows, row_of_mean, by=by, order=order)
    own = ax is None
    with style.drawing():
        height = _ROW * (len(lines) + 1) + 0.32 + _LINE * (1 + len(foot))
        ax = style.new_axes(ax, style.PAGE, height)
        width, room = style.inches(ax)
        if own:
            width = style.PAGE - 0.1
        foot = [wrap(sentence, width) for sentence in foot]
        below = "\n".join(foot)
        extra = _LINE * (2 + below.count("\n") + (width < style.PAGE / 2))
        row = _ROW if own else max(room - extra, 0.1) / (len(lines) + 1)
        size = min(style.SMALL, 72 * row * 0.72)
        own_rows = (lines["kind"] == "study").to_numpy()
        found = forest_columns(model, lines, columns)
        texts = fit_beside(list(lines["label"]), own_rows, found, width, size)
        style.reserve(ax, texts.left, texts.right, extra)
        length = max(width - texts.left - texts.right, 0.5)
        limits = _limits(lines)
        _draw_lines(ax, lines, limits, row * 72)
        draw_beside(ax, texts, list(~own_rows), size, f"{model.k} coefficients")
        set_alpha_axis(ax.xaxis, limits, model.measure, length)
        ax.set_ylim(len(lines) - 0.4, -1.6)
        name = axis_name(model.measure, noun(model.effects.table), length + 0.5)
        ax.set_xlabel(name)
        _write_below(ax, below, texts.left, 1 + name.count("\n"))
        ax.spines["left"].set_visible(False)
        describe(ax, _alt(model, rows, by, lines, row_of_mean), of=result, own=own)
    return ax


def _limits(lines: pd.DataFrame) -> tuple[float, float]:
    """Return limits that hold estimates and pooled intervals, and most of the rest."""
    study = lines[lines["kind"] == "study"]
    pooled = lines[lines["kind"].isin(["group", "summary", "prediction"])]
    core = span(study["estimate"], pooled["low"], pooled["high"], margin=0)
    half = float(((study["high"] - study["low"]) / 2).median())
    room = max(0.35 * (core[1] - core[0]), 3 * half)
    low = max(float(lines["low"].min()), core[0] - room)
    high = min(float(lines["high"].max()), core[1] + room)
    return span(low, high)


def _draw_lines(
    ax: "Axes", lines: pd.DataFrame, limits: tuple[float, float], row: float
) -> None:
    """Draw markers, intervals and diamonds; ``row`` is the height of one in points."""
    y = np.arange(len(lines))
    study = (lines["kind"] == "study").to_numpy()
    part, at = lines[study], y[study]
    ends = part[["low", "high"]].to_numpy()
    draw_intervals(ax, at, ends[:, 0], ends[:, 1], limits, row)
    # strong correlations can make a weight of a multilevel model negative
    weight = part["weight"].to_numpy(dtype=float).clip(min=0)
    side = np.maximum(0.62 * row * np.sqrt(weight / weight.max()), 0.18 * row)
    ax.scatter(
        part["estimate"],
        at,
        s=side**2,
        marker="s",
        color=style.BLUE,
        linewidth=0,
        zorder=4,
        label="coefficients",
    )
    for i, line in enumerate(lines.itertuples()):
        if line.kind in ("group", "summary", "fitted"):
            _diamond(ax, i, line)
        elif line.kind == "prediction":
            _bar(ax, i, line.low, line.high)
    for i, line in enumerate(lines.itertuples()):
        if line.kind == "study" and np.isfinite(line.fitted_low):
            _fitted(ax, i, line)
    summary = lines[lines["kind"] == "summary"]
    if len(summary):
        middle = float(summary["estimate"].iloc[0])
        ax.plot(
            [middle, middle],
            [-0.5, len(lines) - 0.5],
            color=style.MUTED,
            linewidth=0.7,
            linestyle=(0, (4, 3)),
            zorder=1,
        )


def _diamond(ax: "Axes", y: float, line: Any) -> None:
    summary = line.kind == "summary"
    corners = [
        (line.low, y),
        (line.estimate, y - 0.36),
        (line.high, y),
        (line.estimate, y + 0.36),
    ]
    from matplotlib.patches import Polygon

    ax.add_patch(
        Polygon(
            corners,
            closed=True,
            facecolor=style.VERMILION if summary else "white",
            edgecolor=style.VERMILION,
            linewidth=0.9,
            zorder=5,
        )
    )


def _bar(ax: "Axes", y: float, low: float, high: float) -> None:
    ax.plot(
        [low, high],
        [y, y],
        color=style.VERMILION,
        linewidth=1.4,
        marker="|",
        markersize=5,
        zorder=4,
    )


def _fitted(ax: "Axes", y: float, line: Any) -> None:
    from matplotlib.patches import Polygon

    middle = (line.fitted_low + line.fitted_high) / 2
    corners = [
        (line.fitted_low, y),
        (middle, y - 0.42),
        (line.fitted_high, y),
        (middle, y + 0.42),
    ]
    ax.add_patch(
        Polygon(
            corners,
            closed=True,
            facecolor="#f6c9a8",
            edgecolor="#d9975f",
            linewidth=0.4,
            zorder=1,
        )
    )


def _write_below(ax: "Axes", text: str, left: float, lines: int) -> None:
    """Write sentences from the left edge, below an axis label of some lines."""
    ax.annotate(
        text,
        (0, 0),
        xycoords="axes fraction",
        xytext=(-72 * left + 2, -18 - 10.5 * lines),
        textcoords="offset points",
        va="top",
        linespacing=1.4,
        fontsize=style.SMALL,
        annotation_clip=False,
    )


def _alt(
    result: Any,
    rows: pd.DataFrame,
    by: str | None,
    lines: pd.DataFrame,
    row: pd.Series | None,
) -> str:
    alphas: FloatArray = np.asarray(to_alpha(rows["yi"].to_numpy(), result.measure))
    ends = [value_text(a, result.measure) for a in (alphas.min(), alphas.max())]
    text = f"Forest plot of {total_text(result)}, from {ends[0]} to {ends[1]}. "
    groups = int((lines["kind"] == "group").sum())
    if groups:
        text += f"They stand in {groups} groups by {by}, each with its pooled value. "
    return text + pooled_text(result, row)
