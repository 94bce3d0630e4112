"""GOSH: the pooled values and the heterogeneity of very many subsets."""

from typing import TYPE_CHECKING, Any

import numpy as np

from waistats._format import counted, fixed, percent
from waistats._typing import BoolArray, FloatArray
from waistats.errors import ModelError
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import axis_name, set_alpha_axis, span
from waistats.figures._style import wrap
from waistats.rg.as_model import as_model, left_out_by
from waistats.sensitivity.gosh import GoshResult, gosh as fit_subsets

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_SEED = 1
_BINS = 90
_GAP, _SIZE = 0.06, 0.46  # inches: to the histograms, and their height


def gosh(
    result: Any, *, ax: "Axes | None" = None, study: str | int | None = None
) -> "Axes":
    """Draw the pooled value and I² of all subsets of the coefficients, or studies.

    What are the results of every subset of the studies?

    Parameters
    ----------
    result : MetaResult, MultilevelResult, RGStudy or GoshResult
        A model, whose subsets are then fitted, a fixed draw where there are too many
        (of a study its own, of whole studies where these give several coefficients);
        or the result of `waistats.gosh`.
    ax : Axes, optional
        Where to draw; a new figure by default.
    study : str or int, optional
        A study, by its name or number: subsets with it are drawn in the histograms
        beside those without it.

    Returns
    -------
    Axes
        Darker places hold more subsets (on a logarithmic scale); the histograms above
        and to the right are its ``child_axes``.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> fit = ws.fit_meta(cesd)
    >>> axes = ws.figures.gosh(ws.gosh(fit))
    """
    cloud = result
    if not isinstance(result, GoshResult):
        by = left_out_by(result)
        cloud = fit_subsets(as_model(result), seed=_SEED, by=by)
    if len(cloud.terms) > 1:
        raise ModelError(
            "figures.gosh is for models without moderators; this one has the terms "
            f"{', '.join(cloud.terms)}."
        )
    usable = np.isfinite(cloud.estimate[0]) & np.isfinite(cloud.I2) & (cloud.k > 1)
    x, y = cloud.estimate[0][usable], cloud.I2[usable]
    inside = None if study is None else cloud.includes(study)[usable]
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.COLUMN * 1.15, 3.6, (0.5, 0.45, 0.06, 0.04))
        style.reserve(ax, right=_GAP + _SIZE, top=_GAP + _SIZE + 0.15)
        width, height = style.inches(ax)
        if style.figure_of(ax).get_layout_engine() is not None:
            width, height = width - 1.0, height - 1.0
        limits = span(x, margin=0.03)
        _cloud(ax, x, y, limits)
        set_alpha_axis(ax.xaxis, limits, cloud.measure, max(width, 0.5))
        ax.set_ylim(-3, 103)
        name = "Pooled coefficient alpha" if cloud.measure else "Pooled effect"
        ax.set_xlabel(axis_name(cloud.measure, name, width + 0.3))
        ax.set_ylabel("I² (%)")
        _margins(ax, x, y, limits, inside, width, height)
        name = _name(cloud, study)
        if inside is not None:
            ax.annotate(
                wrap(f"With {name}: filled; without: line", width + 0.5),
                (0, 1),
                xycoords="axes fraction",
                xytext=(0, 72 * (_GAP + _SIZE) + 2),
                textcoords="offset points",
                fontsize=style.SMALL,
            )
        describe(ax, _alt(cloud, x, y), of=result, own=own)
    return ax


def _cloud(
    ax: "Axes", x: FloatArray, y: FloatArray, limits: tuple[float, float]
) -> None:
    from matplotlib.colors import LogNorm

    grid, across, up = np.histogram2d(
        x, y, bins=_BINS, range=[list(limits), [-1.0, 101.0]]
    )
    filled = np.ma.masked_equal(grid.T, 0)
    ax.pcolormesh(
        across,
        up,
        filled,
        cmap=_shades(),
        norm=LogNorm(vmin=1, vmax=max(float(grid.max()), 2.0)),
        linewidth=0,
        rasterized=True,
    )


def _shades() -> Any:
    """Return viridis from green to violet; its yellow is lost on white."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["viridis_r"](np.linspace(0.18, 1, 256)))


def _margins(
    ax: "Axes",
    x: FloatArray,
    y: FloatArray,
    limits: tuple[float, float],
    inside: BoolArray | None,
    width: float,
    height: float,
) -> None:
    """Draw the histograms of both axes beside them."""
    above = ax.inset_axes((0, 1 + _GAP / height, 1, _SIZE / height))
    beside = ax.inset_axes((1 + _GAP / width, 0, _SIZE / width, 1))
    for panel, values, ends, turned in (
        (above, x, limits, False),
        (beside, y, (-3.0, 103.0), True),
    ):
        edges = np.linspace(ends[0], ends[1], _BINS + 1)
        parts = [(np.ones(len(values), dtype=bool), True)]
        if inside is not None:
            parts = [(inside, True), (~inside, False)]
        for part, solid in parts:
            heights, _ = np.histogram(values[part], edges)
            panel.stairs(
                heights,
                edges,
                fill=solid,
                orientation="horizontal" if turned else "vertical",
                facecolor=style.BLUE if solid else "none",
                edgecolor="none" if solid else style.VERMILION,
                linewidth=0 if solid else 1.0,
            )
        panel.set_axis_off()
        (panel.set_ylim if turned else panel.set_xlim)(*ends)


def _name(cloud: GoshResult, study: str | int | None) -> str:
    return cloud.studies[study] if isinstance(study, int) else str(study)


def _alt(cloud: GoshResult, x: FloatArray, y: FloatArray) -> str:
    ends = np.quantile(y, [0.05, 0.95])
    names = list(cloud.split().query("splits")["study"])
    split = f"{', '.join(names)} split it" if names else "no single study splits it"
    return (
        f"GOSH plot of {counted(len(x), 'subset')} of "
        f"{counted(len(cloud.studies), 'coefficient')}: 90% of them have an I² from "
        f"{fixed(ends[0], 0)} to {percent(ends[1], 0)}; {split}."
    )
