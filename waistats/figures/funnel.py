"""Funnel plot: coefficients against their precision, with reliability contours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats._format import fixed
from waistats._labels import noun, pooled_text, total_text
from waistats._typing import BoolArray
from waistats.errors import ModelError
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import alpha_label, axis_name, set_alpha_axis, span
from waistats.figures._hover import hover
from waistats.figures._rows import study_rows
from waistats.measures import transform
from waistats.rg.as_model import as_model, pooled_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_SHADES = ("#efefef", "#dcdcdc", "#c6c6c6", "#b0b0b0")


def funnel(
    result: Any,
    *,
    ax: "Axes | None" = None,
    thresholds: Sequence[float] = (0.70, 0.80, 0.90),
) -> "Axes":
    """Draw coefficients against their standard errors.

    Do small studies differ from large ones?

    Parameters
    ----------
    result : MetaResult, MultilevelResult, RGStudy or TrimAndFill
        The model; studies that trim and fill added are hollow. With moderators its
        residuals are drawn, without contours.
    ax : Axes, optional
        Where to draw; a new figure by default.
    thresholds : sequence of float, default (.70, .80, .90)
        Reliability contours: the shade of .80 begins at .80. Authors report alphas that
        reach a value, not those that differ from 0, so these take the place of contours
        of p values. At most four; empty for none.

    Returns
    -------
    Axes
        Standard errors run downwards. The dashed lines hold, at the level of the
        model, the coefficients expected around the mean without heterogeneity.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> fit = ws.fit_meta(cesd)
    >>> axes = ws.figures.funnel(fit)
    """
    if len(thresholds) > len(_SHADES):
        raise ModelError(
            f"thresholds may name at most {len(_SHADES)} values of alpha; got "
            f"{len(thresholds)}."
        )
    given, result = result, as_model(result)
    rows = study_rows(result)
    z = critical(result.conf_level)
    residual = result.has_moderators
    center, x, measure = _center(result, rows)
    deepest = 1.06 * float(rows["se"].max())
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.COLUMN, 3.1)
        length, _ = style.inches(ax)
        reach = z * deepest
        limits = span(x, center - reach, center + reach)
        shown = [] if residual or measure is None else sorted(thresholds)
        _contours(ax, shown, measure or "raw", limits)
        for side in (-1, 1):
            ax.plot(
                [center, center + side * reach],
                [0, deepest],
                color=style.INK,
                linewidth=0.8,
                linestyle=(0, (4, 2)),
            )
        ax.plot([center, center], [0, deepest], color=style.INK, linewidth=0.8)
        filled = _filled(result)
        for part, face, edge, name in (
            (~filled, style.BLUE, "white", "coefficients"),
            (filled, "white", style.VERMILION, "filled in"),
        ):
            if part.any():
                points = ax.scatter(
                    x[part],
                    rows["se"][part],
                    s=16,
                    facecolor=face,
                    edgecolor=edge,
                    linewidth=0.5 if edge == "white" else 0.9,
                    zorder=4,
                    label=name,
                )
                hover(points, list(rows["tip"][part]))
        set_alpha_axis(ax.xaxis, limits, measure, 0.85 * length)
        name = axis_name(measure, noun(result.effects.table), length)
        ax.set_xlabel("Residual" if residual else name)
        ax.set_ylabel("Standard error (pooling scale)")
        ax.set_ylim(deepest, 0)
        if shown:
            _legend(ax)
        row = None if residual else pooled_row(given)
        text = _alt(result, rows, x, center) + pooled_text(result, row)
        if filled.any():
            text += f" {int(filled.sum())} of them, hollow, were filled in."
        describe(ax, text, of=given, own=own)
    return ax


def _center(result: Any, rows: pd.DataFrame) -> tuple[float, Any, str | None]:
    """Return the middle line, the places of the points and their scale."""
    if result.has_moderators:
        fitted = result.predict(back_transform=False)["estimate"].to_numpy()
        return 0.0, rows["yi"].to_numpy() - fitted, None
    mean = float(result.predict(back_transform=False)["estimate"].iloc[0])
    return mean, rows["yi"].to_numpy(), result.measure


def _filled(result: Any) -> BoolArray:
    """Return which rows trim and fill made."""
    table = result.effects.table
    if "filled" not in table:
        return np.zeros(len(table), dtype=bool)
    filled: BoolArray = table["filled"].to_numpy(dtype=bool)
    return filled


def _contours(
    ax: "Axes", thresholds: list[float], measure: str, limits: tuple[float, float]
) -> None:
    """Shade where coefficients reach each threshold."""
    starts = [*transform(thresholds, measure), np.inf]
    for i, (alpha, shade) in enumerate(zip(thresholds, _SHADES, strict=False)):
        start = float(starts[i])
        if start < limits[1] and starts[i + 1] > limits[0]:
            ax.axvspan(
                max(start, limits[0]),
                limits[1],
                facecolor=shade,
                edgecolor="none",
                zorder=0,
                label=f"≥ {alpha_label(alpha)}",
            )


def _legend(ax: "Axes") -> None:
    handles, names = ax.get_legend_handles_labels()
    areas = [(h, n) for h, n in zip(handles, names, strict=True) if n.startswith("≥")]
    if areas:
        ax.legend(
            *zip(*areas, strict=True),
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=len(areas),
            columnspacing=1.2,
            borderaxespad=0.2,
        )


def _alt(result: Any, rows: pd.DataFrame, x: Any, center: float) -> str:
    below = int((x < center).sum())
    what = "fitted value" if result.has_moderators else "pooled mean"
    return (
        f"Funnel plot of {total_text(result)}: {below} below and "
        f"{len(rows) - below} above the {what}, standard errors from "
        f"{fixed(rows['se'].min(), 2)} to {fixed(rows['se'].max(), 2)}. "
    )
