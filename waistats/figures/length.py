"""Reliability against length, with the Spearman-Brown curve."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._format import coefficient, count, counted
from waistats._labels import noun, total_text
from waistats.errors import DataError, ModelError
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import axis_name, set_alpha_axis, span
from waistats.figures._rows import study_rows
from waistats.measures import back_transform, transform
from waistats.meta.fit import fit_meta
from waistats.rg.as_model import as_model
from waistats.rg.length import spearman_brown

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def length(result: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw coefficients against the number of items.

    Do longer forms have higher coefficients?

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        A model without moderators whose table has ``n_items``.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        The dashed curve is what Spearman and Brown's formula makes of the pooled value
        at the geometric mean length; where lengths differ, the line and band are the
        fitted effect of the logarithm of length. Where they part, longer forms have
        not simply more of the same items.

    Examples
    --------
    >>> import waistats as ws
    >>> wai = ws.load_dataset("wai")
    >>> study = ws.generalize(wai)
    >>> axes = ws.figures.length(study)
    """
    model = as_model(result)
    table = model.effects.table
    if "n_items" not in table or model.measure is None:
        raise DataError("A table with n_items and a known measure is needed.")
    if model.has_moderators:
        raise ModelError("figures.length is for models without moderators.")
    rows = study_rows(model)
    items = pd.to_numeric(table["n_items"]).to_numpy(dtype=float)
    typical = float(np.exp(np.log(items).mean()))
    pooled = float(back_transform(model.estimate, model.measure))
    grid = np.geomspace(items.min() * 0.9, items.max() * 1.1, 121)
    curve = transform(spearman_brown(pooled, typical, grid), model.measure)
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.COLUMN, 3.0)
        width, height = style.inches(ax)
        ends = [rows["yi"].to_numpy()]
        if len(np.unique(items)) > 1 and model.k > 3:
            ends.append(_fitted(ax, model, items, grid))
        ax.plot(
            grid, curve, color=style.INK, linestyle=(0, (4, 2)), zorder=2,
            label="Spearman–Brown",
        )  # fmt: skip
        weight = rows["weight"].clip(lower=0)
        ax.scatter(
            items,
            rows["yi"],
            s=6 + 60 * weight / weight.max(),
            color=style.BLUE,
            alpha=0.45,
            edgecolor=style.INK,
            linewidth=0.4,
            zorder=3,
            label="_coefficients",
        )
        set_alpha_axis(ax.yaxis, span(*ends, margin=0.07), model.measure, 0.8 * height)
        _items_axis(ax, items, width)
        ax.set_xlabel("Number of items (logarithmic)")
        ax.set_ylabel(axis_name(model.measure, noun(table), 0.9 * height))
        ax.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.2
        )
        describe(
            ax,
            f"Reliability against length of {total_text(model)}, from "
            f"{count(items.min())} to {counted(items.max(), 'item')}, with the "
            f"Spearman-Brown curve through {coefficient(pooled, 2)} at "
            f"{counted(typical, 'item')}.",
            of=result,
            own=own,
        )
    return ax


def _fitted(ax: "Axes", model: Any, items: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Draw the fitted effect of the logarithm of length; return its ends."""
    fit = fit_meta(
        model.effects.table,
        "~ np.log(n_items)",
        method=model.method,
        small_sample="knapp-hartung",
        conf_level=model.conf_level,
    )
    inside = grid[(grid >= items.min()) & (grid <= items.max())]
    inside = np.concatenate([[items.min()], inside, [items.max()]])
    line = fit.predict(pd.DataFrame({"n_items": inside}), back_transform=False)
    ax.fill_between(
        inside, line["ci_low"], line["ci_high"], color="#f6c9a8", linewidth=0, zorder=0
    )
    ax.plot(inside, line["estimate"], color=style.VERMILION, label="Fitted, log length")
    limits: np.ndarray = line[["ci_low", "ci_high"]].to_numpy()
    return limits


def _items_axis(ax: "Axes", items: np.ndarray, width: float) -> None:
    """Give the axis ticks at lengths that occur, the most common first."""
    from matplotlib.ticker import NullLocator

    ax.set_xscale("log")
    low, high = items.min() * 0.88, items.max() * 1.14
    values, times = np.unique(items, return_counts=True)
    gap = 0.2 / width * np.log(high / low)
    chosen: list[float] = []
    for value in values[np.argsort(-times, kind="stable")]:
        if all(abs(np.log(value / other)) >= gap for other in chosen):
            chosen.append(float(value))
    ax.set_xlim(low, high)
    ax.set_xticks(sorted(chosen), labels=[count(v) for v in sorted(chosen)])
    ax.xaxis.set_minor_locator(NullLocator())
