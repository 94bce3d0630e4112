"""Radial (Galbraith) plot: precise coefficients stand far to the right."""

from typing import TYPE_CHECKING, Any

import numpy as np

from waistats._areas import critical
from waistats._format import fixed, level
from waistats._labels import pooled_text, total_text
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import alpha_labels, alpha_ticks
from waistats.measures import transform
from waistats.rg.as_model import as_model, pooled_row
from waistats.sensitivity._refit import check_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def radial(result: Any, *, ax: "Axes | None" = None) -> "Axes":
    r"""Draw coefficients by their precision and their distance from the pooled value.

    How far is each study from the mean, given its precision?

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        A model without moderators.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        A line from the origin through a point ends on the arc at its coefficient.
        About 95 in 100 points lie within the dashed lines if the model holds.

    Notes
    -----
    :math:`x_i=1/\sqrt{v_i+\tau^2}` against :math:`(y_i-\hat\mu)x_i`, as metafor's
    ``radial(center = TRUE)`` [1]_.

    References
    ----------
    .. [1] Galbraith, R. F. (1988). Technometrics, 30, 271-281.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> fit = ws.fit_meta(cesd)
    >>> axes = ws.figures.radial(fit)
    """
    model = as_model(result)
    check_mean(model, "radial")
    mean = float(pooled_row(result)["estimate"])
    x = 1 / np.sqrt(model.effects.vi + model.tau2)
    y = (model.effects.yi - mean) * x
    z = critical(model.conf_level)
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.COLUMN, 3.0)
        end = 1.04 * x.max()
        reach = 1.1 * max(z + 0.4, np.abs(y).max())
        for height, line in ((0.0, "-"), (-z, (0, (4, 2))), (z, (0, (4, 2)))):
            ax.plot(
                [0, end], [height, height], color=style.MUTED, linewidth=0.8,
                linestyle=line, zorder=1,
            )  # fmt: skip
        ax.scatter(
            x,
            y,
            s=18,
            color=style.BLUE,
            edgecolor="white",
            linewidth=0.5,
            zorder=3,
            label="coefficients",
        )
        _arc(ax, model.measure, mean, end, reach)
        ax.set_xlim(0, 1.24 * end)
        ax.set_ylim(-reach, reach)
        ax.set_xticks([t for t in ax.get_xticks() if 0 <= t <= end])
        ax.spines["bottom"].set_bounds(0, end)
        ax.set_xlabel("Precision, 1 / √(v + τ²)", loc="left")
        ax.set_ylabel("Standardized distance\nfrom the mean")
        outside = int((np.abs(y) > z).sum())
        describe(
            ax,
            f"Radial plot of {total_text(model)}: {outside} lie outside the "
            f"{level(model.conf_level)} band (± {fixed(z, 2)}). "
            f"{pooled_text(model, pooled_row(result))}",
            of=result,
            own=own,
        )
    return ax


def _arc(
    ax: "Axes", measure: str | None, mean: float, end: float, reach: float
) -> None:
    """Draw the arc with the values that slopes stand for."""
    steepest = 0.92 * reach / end
    low, high = mean - steepest, mean + steepest
    if measure is None:
        values = np.linspace(low, high, 5)
        labels = [fixed(value, 2) for value in values]
    else:
        alphas = alpha_ticks(low, high, measure, 9)
        values = transform(alphas, measure)
        labels = alpha_labels(alphas)
    radius = 1.08 * end

    def point(slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # a circle where both axes are measured in parts of their length
        flat = slope * radius / reach
        along = radius / np.sqrt(1 + 0.25 * flat**2)
        return along, slope * along

    curve = point(np.linspace(-steepest, steepest, 81))
    ax.plot(*curve, color=style.INK, linewidth=0.8, clip_on=False)
    for value, text in zip(values, labels, strict=True):
        across, up = point(np.array(value - mean))
        ax.plot(
            [across, across * 1.015], [up, up * 1.015], color=style.INK, linewidth=0.8
        )
        ax.annotate(
            text,
            (float(across) * 1.015, float(up) * 1.015),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=style.SMALL,
        )
