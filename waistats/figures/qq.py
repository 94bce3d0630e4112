"""Normal quantile plot of the residuals."""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from waistats._format import level
from waistats._labels import total_text
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._labels import place_labels
from waistats.figures._rows import study_rows
from waistats.rg.as_model import as_model
from waistats.sensitivity.deletion import influence

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def qq(result: Any, *, ax: "Axes | None" = None) -> "Axes":
    r"""Draw studentized deleted residuals against normal quantiles.

    Are the residuals normal?

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        The model.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        Each point lies in the band with the level of the model if the residuals are
        normal; points outside it are named.

    Notes
    -----
    The band has the quantiles of order statistics,
    :math:`\Phi^{-1}(B_{q;\,i,\,k+1-i})`, point by point and without simulation.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> fit = ws.fit_meta(cesd)
    >>> axes = ws.figures.qq(fit)
    """
    model = as_model(result)
    residual = influence(model)["rstudent"].to_numpy(dtype=float)
    known = np.flatnonzero(np.isfinite(residual))
    order = known[np.argsort(residual[known], kind="stable")]
    k = len(order)
    rank = np.arange(1, k + 1)
    x = stats.norm.ppf((rank - 0.5) / k)
    y = residual[order]
    tail = (1 - model.conf_level) / 2
    low, high = (
        stats.norm.ppf(stats.beta.ppf(q, rank, k + 1 - rank)) for q in (tail, 1 - tail)
    )
    outside = (y < low) | (y > high)
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.COLUMN, 3.0)
        ax.fill_between(x, low, high, color="#e6e6e6", linewidth=0, zorder=0)
        ax.plot(x[[0, -1]], x[[0, -1]], color=style.MUTED, linewidth=0.8, zorder=1)
        ax.scatter(
            x,
            y,
            s=float(np.clip(1_600 / k, 4, 16)),
            color=[style.VERMILION if out else style.BLUE for out in outside],
            edgecolor="white",
            # white edges would hide a line of many points
            linewidth=0.5 if k <= 100 else 0,
            zorder=3,
            label="coefficients",
        )
        ax.set_xlabel("Normal quantile")
        ax.set_ylabel("Studentized deleted residual")
        ax.set_xlim(1.12 * x[0], 1.12 * x[-1])
        ends = [*y, low[0], high[-1]]
        edge = 0.05 * (max(ends) - min(ends))
        ax.set_ylim(min(ends) - edge, max(ends) + edge)
        labels = study_rows(model)["label"].to_numpy()[order]
        extreme = np.flatnonzero(outside)
        extreme = extreme[np.argsort(-np.abs(y[extreme]), kind="stable")][:6]
        place_labels(ax, x, y, extreme, list(labels[extreme]))
        describe(
            ax,
            f"Normal quantile plot of the residuals of {total_text(model)}: "
            f"{int(outside.sum())} lie outside the {level(model.conf_level)} band.",
            of=result,
            own=own,
        )
    return ax
