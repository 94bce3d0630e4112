"""Shrinkage plot: reported coefficients and what the model makes of them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from waistats._format import percent
from waistats._labels import noun, pooled_text, total_text
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import axis_name, set_alpha_axis, span
from waistats.rg.as_model import as_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def shrinkage(result: Any, *, ax: "Axes | None" = None) -> "Axes":
    r"""Draw reported coefficients above the model's estimates of their true values.

    How does the model shrink each study's coefficient?

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        The model.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        Lines join each coefficient with its empirical Bayes estimate; darker ones are
        drawn further in parts of their distance from the fitted value.

    Notes
    -----
    The estimates are those of `FittedModel.true_values`.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> fit = ws.fit_meta(cesd)
    >>> axes = ws.figures.shrinkage(fit)
    """
    model = as_model(result)
    y = model.effects.yi
    fitted = model.design.X @ model.beta
    true = model.true_values(back_transform=False)["estimate"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        pulled = np.clip(1 - (true - fitted) / (y - fitted), 0, 1)
    pulled = np.where(np.isfinite(pulled), pulled, 1.0)
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.COLUMN, 2.4)
        width, _ = style.inches(ax)
        thin = float(np.clip(30 / model.k, 0.4, 1.0))
        for start, end, share in zip(y, true, pulled, strict=True):
            ax.plot(
                [start, end],
                [1, 0],
                color=str(0.8 - 0.65 * float(share)),
                linewidth=thin,
                zorder=1,
            )
        size = float(np.clip(400 / model.k, 5, 16))
        for values, place, colour, name in (
            (y, 1, style.BLUE, "coefficients"),
            (true, 0, style.VERMILION, "estimates"),
        ):
            ax.scatter(
                values,
                np.full(len(values), place),
                s=size,
                color=colour,
                edgecolor="white",
                linewidth=0.3,
                zorder=3,
                label=name,
            )
        if not model.has_moderators:
            ax.axvline(
                fitted[0], color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 2)),
                zorder=0,
            )  # fmt: skip
        set_alpha_axis(ax.xaxis, span(y, true), model.measure, 0.8 * width)
        ax.set_xlabel(axis_name(model.measure, noun(model.effects.table), width))
        ax.set_yticks([0, 1], labels=["Estimated\ntrue value", "Reported"])
        ax.set_ylim(-0.25, 1.25)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        share = 100 * float(np.median(pulled))
        describe(
            ax,
            f"Shrinkage plot of {total_text(model)}: half of them are drawn at least "
            f"{percent(share, 0)} of the way to the fitted value. {pooled_text(model)}",
            of=result,
            own=own,
        )
    return ax
