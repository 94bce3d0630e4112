"""Caterpillar plot: many coefficients in the order of their size."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._format import level
from waistats._labels import heterogeneity_text, noun, pooled_text, total_text
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import axis_name, set_alpha_axis, span
from waistats.figures._hover import hover
from waistats.figures._rows import study_rows
from waistats.rg.as_model import as_model, pooled_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# lines that can be told apart at all; more are drawn as the means of bins
_LINES, _BINS = 1_000, 250


def caterpillar(
    result: Any, *, ax: "Axes | None" = None, prediction: str | None = None
) -> "Axes":
    """Draw the coefficients in the order of their size, with intervals.

    The same for many studies, sorted, without their names.

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        The model.
    ax : Axes, optional
        Where to draw; a new figure by default.
    prediction : {"confidence-distribution", "metafor"}, optional
        The prediction interval, as in `FittedModel.predict`; a study's own by default.

    Returns
    -------
    Axes
        The smallest coefficient at the bottom; behind them the pooled mean with its
        confidence band and its prediction interval. Of more than 1,000 coefficients,
        each line is the mean of neighbours in that order, with their mean interval.

    Examples
    --------
    >>> import waistats as ws
    >>> wai = ws.load_dataset("wai")
    >>> study = ws.generalize(wai)
    >>> axes = ws.figures.caterpillar(study.overall)
    """
    from matplotlib.ticker import MaxNLocator

    given, result = result, as_model(result)
    row = None if result.has_moderators else pooled_row(given, prediction=prediction)
    rows = study_rows(result).sort_values("yi", kind="stable")
    rows, size = _binned(rows)
    k = len(rows)
    at = np.arange(1, k + 1)
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.COLUMN, float(np.clip(1.2 + 0.06 * k, 2.4, 6)))
        length, height = style.inches(ax)
        thin = float(np.clip(72 * height / k / 3, 0.3, 1.0))
        ax.hlines(
            at,
            rows["ci_low"],
            rows["ci_high"],
            color="#8c8c8c",
            linewidth=thin,
            zorder=2,
        )
        points = ax.scatter(
            rows["yi"],
            at,
            s=float(np.clip((72 * height / k) ** 2 / 2, 3, 14)),
            color=style.BLUE,
            linewidth=0,
            zorder=3,
            label="coefficients",
        )
        if size == 1:
            hover(points, list(rows["tip"]))
        ends = [rows["ci_low"], rows["ci_high"]]
        if row is not None:
            ends.append(_pooled(ax, result, row))
        limits = span(*ends)
        set_alpha_axis(ax.xaxis, limits, result.measure, 0.85 * length)
        ax.set_xlabel(axis_name(result.measure, noun(result.effects.table), length))
        binned = f"\n(a line is the mean of about {size})" if size > 1 else ""
        ax.set_ylabel(f"Coefficients in order of size{binned}")
        ax.set_ylim(0.3, k + 0.7)
        ax.yaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
        describe(
            ax,
            f"Caterpillar plot of {total_text(result)} in order of size. "
            f"{pooled_text(result, row)} {heterogeneity_text(result)}.",
            of=given,
            own=own,
        )
    return ax


def _binned(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return rows in order, neighbours averaged where there are too many to be drawn."""
    if len(rows) <= _LINES:
        return rows, 1
    place = np.arange(len(rows)) * _BINS // len(rows)
    shown = rows[["yi", "ci_low", "ci_high"]].groupby(place).mean()
    return shown, round(len(rows) / _BINS)


def _pooled(ax: "Axes", result: Any, row: pd.Series) -> np.ndarray:
    """Draw the mean and its intervals behind; return the interval's ends."""
    shown = level(result.conf_level)
    ax.axvspan(
        row.ci_low,
        row.ci_high,
        color="#f6c9a8",
        linewidth=0,
        zorder=0,
        label=f"Mean, {shown} CI",
    )
    ax.axvline(row.estimate, color=style.VERMILION, linewidth=1.0, zorder=1)
    names = ["estimate"]
    if result.method != "CE":
        names = ["pi_low", "pi_high"]
        for name in names:
            ax.axvline(
                row[name],
                color=style.VERMILION,
                linewidth=0.9,
                linestyle=(0, (3, 2)),
                zorder=1,
                label=f"{shown} PI" if name == "pi_low" else "_pi_high",
            )
    handles, labels = ax.get_legend_handles_labels()
    keep = [i for i, text in enumerate(labels) if text != "coefficients"]
    ax.legend(
        [handles[i] for i in keep],
        [labels[i] for i in keep],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        borderaxespad=0.2,
    )
    drawn: np.ndarray = row[names].to_numpy(dtype=float)
    return drawn
