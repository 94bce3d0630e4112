"""Baujat plot: who makes the heterogeneity, and who moves the result."""

from typing import TYPE_CHECKING, Any

import numpy as np

from waistats._labels import total_text
from waistats._typing import FloatArray
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._labels import place_labels
from waistats.figures._rows import study_rows
from waistats.rg.as_model import as_independent
from waistats.sensitivity._refit import check_meta, refit_many

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_NAMED = 5


def baujat(result: Any, *, ax: "Axes | None" = None) -> "Axes":
    r"""Draw each coefficient's part in the heterogeneity and in the result.

    Which studies contribute most to heterogeneity, and which influence the mean?

    Parameters
    ----------
    result : MetaResult or RGStudy
        From `fit_meta`, with or without moderators; of a study the one-level model.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        The coefficients that stand out most are named.

    Notes
    -----
    As metafor's ``baujat`` [1]_: across, the squared Pearson residual
    :math:`(y_i-\hat y_i)^2/(v_i+\tau^2)`; upwards, the squared change of the fitted
    value without i over its variance there.

    References
    ----------
    .. [1] Baujat, B., et al. (2002). Statistics in Medicine, 21, 2641-2652.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> fit = ws.fit_meta(cesd)
    >>> axes = ws.figures.baujat(fit)
    """
    model = check_meta(as_independent(result), "baujat")
    x, y = baujat_values(model)
    rows = study_rows(model)
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.COLUMN, 3.0)
        far = np.hypot(x / max(x.max(), 1e-12), y / max(np.nanmax(y), 1e-12))
        top = np.argsort(-np.nan_to_num(far), kind="stable")[:_NAMED]
        named = np.isin(np.arange(len(x)), top)
        ax.scatter(
            x,
            y,
            s=18,
            color=[style.VERMILION if name else style.BLUE for name in named],
            edgecolor="white",
            linewidth=0.5,
            zorder=3,
            label="coefficients",
        )
        ax.set_xlabel("Contribution to heterogeneity\n(squared Pearson residual)")
        ax.set_ylabel("Influence on the fitted value")
        ax.set_xlim(-0.03 * x.max(), 1.08 * x.max())
        ax.set_ylim(-0.03 * np.nanmax(y), 1.1 * np.nanmax(y))
        ax.grid(color="#ececec", linewidth=0.5)
        place_labels(ax, x, y, top, [rows["label"].iloc[i] for i in top])
        names = ", ".join(rows["label"].iloc[i] for i in top[:3])
        describe(
            ax,
            f"Baujat plot of {total_text(model)}; {names} stand out most.",
            of=result,
            own=own,
        )
    return ax


def baujat_values(model: Any) -> tuple[FloatArray, FloatArray]:
    """Return contributions to heterogeneity and influences on the fitted values."""
    X, effects = model.design.X, model.effects
    fitted = X @ model.beta
    contribution = (effects.yi - fitted) ** 2 / (effects.vi + model.tau2)
    deleted = refit_many(model, ~np.eye(model.k, dtype=bool))
    without = np.einsum("kp,pk->k", X, deleted.beta)
    variance = np.einsum("kp,pqk,kq->k", X, deleted.cov, X)
    return contribution, (fitted - without) ** 2 / variance
