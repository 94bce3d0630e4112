"""Influence panel: eight diagnostics of every coefficient."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._format import counted, fixed
from waistats.errors import DataError, listing
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._cuts import set_cuts
from waistats.figures._hover import hover
from waistats.figures._labels import place_labels
from waistats.figures._rows import study_labels
from waistats.figures._style import wrap
from waistats.rg.as_model import as_model, of_study
from waistats.sensitivity.deletion import influence as influence_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_PANELS = {
    "rstudent": "Studentized residual",
    "cook_d": "Cook’s distance",
    "dffits": "DFFITS",
    "cov_ratio": "Covariance ratio",
    "tau2_deleted": "τ² without it",
    "Q_deleted": "Q without it",
    "hat": "Leverage",
    "weight": "Weight (%)",
}
_LEAST = (2.6, 0.95)  # inches: width of two columns' share, height of a panel


_NAMED = 3


def influence(result: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw outlier and influence diagnostics of every coefficient.

    What would change without each study?

    Parameters
    ----------
    result : MetaResult, MultilevelResult, RGStudy or DataFrame
        The model, or a frame of `waistats.influence` (without ``by``).
    ax : Axes, optional
        Axes that the panels fill, the last left out where there is no room; a new
        figure by default.

    Returns
    -------
    Axes
        The frame of the panels; they are its ``child_axes``. Influential coefficients,
        by the rules of `waistats.influence`, are marked and named below.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> fit = ws.fit_meta(cesd)
    >>> axes = ws.figures.influence(ws.influence(fit))
    """
    frame, labels = _frame(result)
    flagged = frame["influential"].to_numpy(dtype=bool)
    shown = [name for name in _PANELS if name in frame]
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.PAGE, 6.2, style.HARDLY)
        ax.set_axis_off()
        width, height = style.inches(ax)
        names = [labels[i] for i in np.flatnonzero(flagged)]
        note = _note(names, width)
        foot = (0.14 * (1 + note.count("\n")) + 0.08) / height
        across = 2 if width >= 2 * _LEAST[0] else 1
        rows = max(1, int((1 - foot) * height / _LEAST[1]))
        shown = shown[: across * rows]
        for panel, name in zip(
            _grid(ax, len(shown), across, width, height, foot), shown, strict=True
        ):
            _draw(panel, frame[name].to_numpy(dtype=float), flagged, name, labels)
        ax.annotate(
            note, (0, 0), xycoords="axes fraction", va="bottom", fontsize=style.SMALL
        )
        describe(
            ax,
            f"Influence diagnostics of {counted(len(frame), 'coefficient')} in "
            f"{counted(len(shown), 'panel')}. {note}",
            of=result,
            own=own,
        )
    return ax


def _frame(result: Any) -> tuple[pd.DataFrame, list[str]]:
    if isinstance(result, pd.DataFrame):
        absent = [c for c in (*_PANELS, "influential") if c not in result]
        if absent:
            raise DataError(
                f"The frame lacks {listing(absent)}; make it with influence(result)."
            )
        return result, study_labels(result.reset_index(drop=True))
    model = as_model(result)
    # a study has refitted its model already
    made = of_study(result, "influence", None)
    frame = influence_frame(model) if made is None else made
    return frame, study_labels(model.effects.table)


def _note(names: list[str], width: float) -> str:
    said = f"Influential: {listing(names, 8)}." if names else _NONE
    return wrap(f"{said} From left to right: the rows of the table.", width - 0.1)


_NONE = "No coefficient is influential."


def _grid(
    ax: "Axes", count: int, across: int, width: float, height: float, foot: float
) -> list["Axes"]:
    """Return panels in columns that fill the axes above the foot."""
    rows = -(-count // across)
    left, gap = 0.5 / width, 0.62 / width
    top, between = 0.2 / height, 0.42 / height
    wide = (1 - left - (across - 1) * gap - 0.02) / across
    high = (1 - foot - (rows - 1) * between - top - 0.22 / height) / rows
    # the title of a panel stays with it
    title = 0.24 / height
    tops = [1 - top - row * (high + between) + title for row in range(1, rows)]
    set_cuts(ax, [1.0, *tops, 0.0])
    panels = []
    for i in range(count):
        x = left + (i % across) * (wide + gap)
        y = 1 - top - high - (i // across) * (high + between)
        panels.append(ax.inset_axes((x, y, wide, high)))
    return panels


def _draw(
    panel: "Axes",
    values: np.ndarray,
    flagged: np.ndarray,
    name: str,
    labels: Sequence[str],
) -> None:
    from matplotlib.ticker import MaxNLocator

    at = np.arange(1, len(values) + 1)
    base = {"cov_ratio": 1.0}.get(name, 0.0)
    if name in {"tau2_deleted", "Q_deleted"}:
        base = float(np.nanmedian(values))
    thin = float(np.clip(0.4 * 72 * style.inches(panel)[0] / len(values), 0.15, 0.7))
    panel.vlines(at, base, values, color=style.RULE, linewidth=thin, zorder=1)
    panel.axhline(base, color=style.MUTED, linewidth=0.6)
    size = float(np.clip(900 / len(values), 4, 12))
    for part, colour, marker in (
        (~flagged, style.BLUE, "o"),
        (flagged, style.VERMILION, "D"),
    ):
        points = panel.scatter(
            at[part],
            values[part],
            s=size,
            color=colour,
            marker=marker,
            linewidth=0,
            zorder=3,
            label="influential" if marker == "D" else "coefficients",
        )
        hover(
            points,
            [
                f"{labels[i]}: {fixed(values[i], 3)}"
                for i in np.flatnonzero(part).tolist()
            ],
        )
    panel.set_title(_PANELS[name], fontsize=style.SMALL, pad=3)
    panel.set_xlim(0, len(values) + 1)
    panel.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    panel.yaxis.set_major_locator(MaxNLocator(4))
    panel.tick_params(labelsize=style.SMALL - 0.5)
    # a few names beside their points; the rest stand below and in the file's hints
    named = np.flatnonzero(flagged & np.isfinite(values))[:_NAMED]
    panel.set_ylim(panel.get_ylim())
    place_labels(
        panel, at.astype(float), values, named, [labels[i] for i in named], lines=[base]
    )
