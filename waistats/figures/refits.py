"""Leave-one-out and cumulative plots: a pooled value for each refit."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._format import counted, fixed, level
from waistats._labels import decimals, noun, range_text, symbol, value_text
from waistats.errors import DataError, check_option, listing
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import axis_name, draw_intervals, set_alpha_axis, span
from waistats.figures._cuts import row_cuts, set_cuts
from waistats.figures._labels import Texts, draw_beside, fit_beside
from waistats.figures._rows import study_names
from waistats.measures import transform
from waistats.rg.as_model import as_model, left_out_by, of_study
from waistats.sensitivity.deletion import (
    cumulative as cumulative_frame,
    leave_one_out as leave_one_out_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_ROW = 0.17
_NEEDED = ("estimate", "ci_low", "ci_high")


def leave_one_out(
    result: Any, *, ax: "Axes | None" = None, order: str = "input"
) -> "Axes":
    """Draw the pooled value without each study in turn.

    What is the pooled value without each study?

    Parameters
    ----------
    result : MetaResult, MultilevelResult, RGStudy or DataFrame
        A model, whose rows are omitted; a study, whose studies are omitted where
        they give several rows, as in its ``leave_one_out``; or a frame of
        `waistats.leave_one_out` on the alpha scale (``back_transform=True``).
    ax : Axes, optional
        Where to draw; by default a new figure as tall as its rows.
    order : {"input", "estimate"}
        Order of the rows.

    Returns
    -------
    Axes
        The line and band are the pooled value of all studies, where it is known.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> fit = ws.fit_meta(cesd)
    >>> axes = ws.figures.leave_one_out(fit)
    """
    order = check_option("order", order, ("input", "estimate"))

    def make(model: Any, **options: Any) -> pd.DataFrame:
        # a study has refitted its model already
        made = of_study(result, "leave_one_out", None)
        if made is not None:
            return made
        return leave_one_out_frame(model, left_out_by(result), **options)

    frame, model = _frame(result, make)
    if order == "estimate":
        frame = frame.sort_values("estimate", kind="stable")
    own = ax is None
    ax = _draw(ax, frame, model, "omitted", "Without", ("I2",))
    low, high = (float(frame["estimate"].agg(end)) for end in ("min", "max"))
    describe(
        ax,
        f"Leave-one-out plot of {counted(len(frame), 'refit')}: without one study the "
        f"pooled value lies between {value_text(low, 'raw', 3)} and "
        f"{value_text(high, 'raw', 3)}.",
        of=result,
        own=own,
    )
    return ax


def cumulative(
    result: Any, *, ax: "Axes | None" = None, order: str | None = None
) -> "Axes":
    """Draw the pooled value as studies are added one by one.

    How does the pooled value change as studies are added, smallest first?

    Parameters
    ----------
    result : MetaResult, MultilevelResult, RGStudy or DataFrame
        A model; or a frame of `waistats.cumulative` on the alpha scale
        (``back_transform=True``).
    ax : Axes, optional
        Where to draw; by default a new figure as tall as its rows.
    order : str, optional
        A column such as ``"year"``, or ``"precision"``; rows as they are by default.

    Returns
    -------
    Axes
        The last row is the pooled value of all studies.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> fit = ws.fit_meta(cesd)
    >>> axes = ws.figures.cumulative(fit, order="n")
    """

    def make(model: Any, **options: Any) -> pd.DataFrame:
        return cumulative_frame(model, order, **options)

    frame, model = _frame(result, make)
    own = ax is None
    ax = _draw(ax, frame, model, "added", "Adding", ("k", "order"))
    last = float(frame["estimate"].iloc[-1])
    describe(
        ax,
        f"Cumulative plot of {counted(len(frame), 'step')}"
        + (f" by {order}" if order else "")
        + f", from {value_text(float(frame['estimate'].iloc[0]), 'raw', 2)} with one "
        f"coefficient to {value_text(last, 'raw', 2)} with all.",
        of=result,
        own=own,
    )
    return ax


def _frame(result: Any, make: Any) -> tuple[pd.DataFrame, Any]:
    """Return refits on the alpha scale (the model's, if that is unknown), and the model."""
    if isinstance(result, pd.DataFrame):
        absent = [c for c in _NEEDED if c not in result]
        if absent or "se" in result:
            raise DataError(
                "A frame of refits needs estimate, ci_low and ci_high on the alpha "
                "scale; make it with back_transform=True"
                + (f" (missing: {listing(absent)})." if absent else ".")
            )
        return result, None
    model = as_model(result)
    alpha = model.has_moderators or model.measure is not None
    frame = make(model, back_transform=True) if alpha else make(model)
    return _with_names(frame, model.effects.table), model


def _with_names(frame: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return refits whose studies are called by their names."""
    names = study_names(table)
    for column in ("omitted", "added"):
        if column in frame:
            said = [names.get(str(v), str(v)) for v in frame[column]]
            frame = frame.assign(**{column: said})
    return frame


def _draw(
    ax: "Axes | None",
    frame: pd.DataFrame,
    model: Any,
    label: str,
    head: str,
    extra: tuple[str, ...],
) -> "Axes":
    """Draw rows of intervals with their texts."""
    measure = "bonett" if model is None else model.measure
    numbers = frame[list(_NEEDED)].to_numpy(dtype=float)
    places = numbers if measure is None else transform(numbers, measure)
    count = len(frame)
    own = ax is None
    with style.drawing():
        ax = style.new_axes(ax, style.PAGE * 0.85, _ROW * (count + 1) + 0.5)
        width, room = style.inches(ax)
        if own:
            width = style.PAGE * 0.85 - 0.1
        row = _ROW if own else room / (count + 1.5)
        size = min(style.SMALL, 72 * row * 0.72)
        found = _texts(frame, numbers, model, extra)
        names = [str(value) for value in frame[label]]
        plain = np.ones(count, dtype=bool)
        texts = fit_beside(names, plain, found, width, size, head)
        style.reserve(ax, texts.left, texts.right)
        at = np.arange(count)
        limits = _reference(ax, model, places)
        draw_intervals(ax, at, places[:, 1], places[:, 2], limits, 72 * row)
        ax.scatter(
            places[:, 0],
            at,
            s=min(18.0, (0.4 * 72 * row) ** 2),
            color=style.BLUE,
            linewidth=0,
            zorder=3,
            label="estimates",
        )
        draw_beside(ax, texts, [False] * count, size, counted(count, "refit"))
        length = max(width - texts.left - texts.right, 0.5)
        set_alpha_axis(ax.xaxis, limits, measure, length)
        ax.set_ylim(count - 0.4, -1.6)
        set_cuts(ax, row_cuts(count))
        name = "Pooled value" if model is None else f"Pooled {_lower(model)}"
        ax.set_xlabel(axis_name(measure, name, length + 0.5))
        ax.spines["left"].set_visible(False)
    return ax


def _lower(model: Any) -> str:
    name = noun(model.effects.table)
    return name[:1].lower() + name[1:] if name.startswith("Coefficient") else name


def _reference(ax: "Axes", model: Any, places: np.ndarray) -> tuple[float, float]:
    """Draw the value of all studies behind; return limits that hold everything."""
    if model is None or model.has_moderators:
        return span(places)
    row = model.predict(back_transform=False).iloc[0]
    ax.axvspan(row.ci_low, row.ci_high, color="#fbe3d0", linewidth=0, zorder=0)
    ax.axvline(row.estimate, color=style.VERMILION, linewidth=0.9, zorder=1)
    ends = places[np.isfinite(places).all(axis=1)]
    middle = np.median(ends[:, 2] - ends[:, 1])
    # the first steps of a cumulative plot may be very wide
    low = max(ends[:, 1].min(), ends[:, 0].min() - 2 * middle)
    high = min(ends[:, 2].max(), ends[:, 0].max() + 2 * middle)
    return span(low, high, row.ci_low, row.ci_high)


def _texts(
    frame: pd.DataFrame, numbers: np.ndarray, model: Any, extra: tuple[str, ...]
) -> list[Texts]:
    measure = "raw" if model is None else model.measure
    digits = max(3, decimals(numbers.ravel()))
    sign = "α" if model is None else symbol(model)
    shown = level(0.95 if model is None else model.conf_level)
    estimates = [
        f"{value_text(e, measure, digits)} {range_text(lo, hi, measure, digits)}"
        for e, lo, hi in numbers
    ]
    found: list[Texts] = [(f"{sign} [{shown} CI]", 1, estimates)]
    if "I2" in extra and "I2" in frame:
        found.append(("I²", 1, [f"{fixed(v, 0)}%" for v in frame["I2"]]))
    if "order" in extra and "order" in frame:
        found.append(("By", 0, [_plain(v) for v in frame["order"]]))
    if "k" in extra and "k" in frame:
        found.append(("k", 0, [str(int(v)) for v in frame["k"]]))
    return found


def _plain(value: Any) -> str:
    number = isinstance(value, (float, np.floating)) and not float(value).is_integer()
    return fixed(float(value), 2) if number else str(value).removesuffix(".0")
