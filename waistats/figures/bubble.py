"""Bubble plot: coefficients against a moderator, with the fitted line."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._format import level
from waistats._labels import (
    column_words,
    inside_words,
    noun,
    statistic_text,
    total_text,
)
from waistats.errors import ModelError, listing
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import axis_name, set_alpha_axis, span
from waistats.figures._hover import hover
from waistats.figures._rows import check_column, study_rows
from waistats.figures._style import wrap
from waistats.meta._formula import in_formula
from waistats.meta._predict import baseline
from waistats.meta._prediction import DEFAULT_PREDICTION
from waistats.meta.fit import fit_meta
from waistats.meta.results import MetaResult
from waistats.rg.as_model import as_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def bubble(
    result: Any,
    moderator: str | None = None,
    *,
    ax: "Axes | None" = None,
    prediction: str = DEFAULT_PREDICTION,
) -> "Axes":
    """Draw coefficients against a moderator, with the fitted line and its bands.

    How does reliability change with a characteristic of the studies?

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        A model with the moderator; from `fit_meta` also one without moderators, which
        is then fitted again with it.
    moderator : str, optional
        A column of the table; the only moderator by default.
    ax : Axes, optional
        Where to draw; a new figure by default.
    prediction : {"confidence-distribution", "metafor"}
        The prediction interval, as in `FittedModel.predict`.

    Returns
    -------
    Axes
        Areas show weights. The band is the confidence interval of the mean, the dashed
        lines are the prediction interval; other moderators stand at their mean or first
        level. A category gets a mean with both intervals for each level.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> by_size = ws.fit_meta(cesd, "~ np.log(n)")
    >>> axes = ws.figures.bubble(by_size, "n")
    """
    model = _with(as_model(result), moderator)
    name = moderator or _only(model)
    data = model.design.data
    if data is None or name not in data:
        known = listing(model.design.variables)
        raise ModelError(f"The model has no moderator {name!r}; it has {known}.")
    rows = study_rows(model)
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.COLUMN, 3.0)
        _, height = style.inches(ax)
        values = data[name].reset_index(drop=True)
        draw = _line if is_number(values) else _levels
        x, fitted = draw(ax, model, name, values, prediction)
        weight = rows["weight"].clip(lower=0)
        points = ax.scatter(
            x,
            rows["yi"],
            s=(6 + 74 * weight / weight.max()) * min(1.0, 100 / len(rows)),
            color=style.BLUE,
            alpha=0.55,
            edgecolor=style.INK,
            linewidth=0.4,
            zorder=3,
            label="coefficients",
        )
        hover(points, list(rows["tip"]))
        shown = fitted[["ci_low", "ci_high"]]
        limits = span(rows["yi"], shown, fitted[["pi_low", "pi_high"]], margin=0.07)
        set_alpha_axis(ax.yaxis, limits, model.measure, 0.85 * height)
        ax.set_ylabel(axis_name(model.measure, noun(model.effects.table), height))
        ax.set_xlabel(column_words(name))
        describe(
            ax,
            f"Bubble plot of {total_text(model)} against {inside_words(name)}, with "
            f"the fitted mean, its {level(model.conf_level)} confidence band and "
            f"prediction band. Test: {statistic_text(_test(model, name))}.",
            of=result,
            own=own,
        )
    return ax


def is_number(values: pd.Series) -> bool:
    """Return whether a moderator is a number, not a category."""
    types = pd.api.types
    return types.is_numeric_dtype(values) and not types.is_bool_dtype(values)


def _with(model: Any, moderator: str | None) -> Any:
    """Return the model, with the moderator where it has none."""
    if model.has_moderators or moderator is None:
        return model
    if not isinstance(model, MetaResult):
        raise ModelError("Fit the multilevel model with the moderator first.")
    check_column(model.effects.table, moderator)
    return fit_meta(
        model.effects.table,
        f"~ {in_formula(moderator)}",
        method=model.method,
        small_sample=model.small_sample,
        conf_level=model.conf_level,
    )


def _only(model: Any) -> str:
    if len(model.design.variables) != 1:
        known = listing(model.design.variables) or "none"
        raise ModelError(f"Name the moderator to draw; the model has {known}.")
    return str(model.design.variables[0])


def _test(model: Any, name: str) -> Any:
    terms = [t for t in model.design.term_columns if name in t]
    return model.test(terms) if terms else model.omnibus


def _profiles(model: Any, name: str, values: Any, prediction: str) -> pd.DataFrame:
    """Return predictions on the model's scale, other moderators at their baseline."""
    data = model.design.data
    start = baseline(data)
    frame = pd.DataFrame([start | {name: value} for value in values])
    for column in data.columns:
        if not is_number(data[column]):
            frame[column] = frame[column].astype(data[column].dtype)
    return model.predict(frame, back_transform=False, prediction=prediction)


def _line(
    ax: "Axes", model: Any, name: str, values: pd.Series, prediction: str
) -> tuple[pd.Series, pd.DataFrame]:
    edge = 0.03 * (values.max() - values.min())
    low, high = values.min(), values.max()
    grid = np.linspace(low, high, 121)
    fitted = _profiles(model, name, grid, prediction)
    ax.fill_between(
        grid,
        fitted["ci_low"],
        fitted["ci_high"],
        color="#f6c9a8",
        linewidth=0,
        zorder=0,
        label="confidence band",
    )
    ax.plot(grid, fitted["estimate"], color=style.VERMILION, linewidth=1.4, zorder=2)
    if model.method != "CE":
        for end in ("pi_low", "pi_high"):
            ax.plot(
                grid,
                fitted[end],
                color=style.VERMILION,
                linewidth=0.9,
                linestyle=(0, (3, 2)),
                zorder=2,
            )
    from matplotlib.ticker import MaxNLocator

    ax.set_xlim(low - edge, high + edge)
    whole = bool((values == values.round()).all())
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=whole))
    return values, fitted


def _levels(
    ax: "Axes", model: Any, name: str, values: pd.Series, prediction: str
) -> tuple[pd.Series, pd.DataFrame]:
    levels = list(dict.fromkeys(values))
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = [c for c in values.cat.categories if c in levels]
    fitted = _profiles(model, name, levels, prediction)
    width, _ = style.inches(ax)
    for i, row in enumerate(fitted.itertuples()):
        if model.method != "CE":
            ax.plot(
                [i, i], [row.pi_low, row.pi_high], color=style.VERMILION, linewidth=0.9,
                linestyle=(0, (3, 2)), zorder=2,
            )  # fmt: skip
        ax.plot(
            [i, i], [row.ci_low, row.ci_high], color=style.VERMILION, linewidth=3,
            solid_capstyle="butt", zorder=2,
        )  # fmt: skip
        ax.plot(
            [i - 0.22, i + 0.22], [row.estimate] * 2, color=style.VERMILION, zorder=2
        )
    room = width / len(levels)
    names = [wrap(str(value), 0.9 * room) for value in levels]
    ax.set_xticks(range(len(levels)), labels=names)
    ax.set_xlim(-0.6, len(levels) - 0.4)
    place = values.map({value: i for i, value in enumerate(levels)}).astype(float)
    order = place.groupby(place).cumcount()
    size = place.groupby(place).transform("size")
    # golden steps spread any number of points evenly and always alike
    spread = ((order * 0.618034) % 1 - 0.5) * 0.5
    return place + spread.where(size > 1, 0.0), fitted
