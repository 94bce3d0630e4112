"""Intervals as lines; an arrow ends one that reaches beyond the axis.

An axis that is even on the pooling scale and says where alpha stands on it.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from waistats._format import coefficient
from waistats._typing import FloatArray, IntArray
from waistats.figures import _style as style
from waistats.figures._style import text_width, wrap
from waistats.measures import back_transform, transform

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


SCALES = {
    "bonett": "Bonett scale",
    "hakstian-whalen": "Hakstian–Whalen scale",
    "fisher-z": "Fisher z scale",
}

# Rounder values come first and keep their neighbours out; the finer ones are looked at
# only where these leave an axis nearly bare.
_ROUND: tuple[tuple[float, ...], ...] = (
    (0.9, 0.5, 0.0, 0.7, 0.8, 0.95, -1.0),
    (0.6, 0.98, 0.99, -0.5, 0.3, 0.85, 0.75, 0.97, 0.4, 0.2, 0.1, -0.25, -2.0),
)
_STEPS = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
_ENOUGH = 5
# more marks between two ticks than this say nothing
MOST_BETWEEN = 39


def _values(low: float, high: float) -> Iterator[tuple[list[float], int]]:
    """Yield groups of round alphas, and the ticks that make them needless."""
    for group in _ROUND:
        yield [a for a in group if low <= a <= high], _ENOUGH
    for step in _STEPS:
        first, last = np.ceil(max(low, -5) / step), np.floor(min(high, 0.9995) / step)
        if last - first < 400:
            values = [round(float(i * step), 4) for i in np.arange(first, last + 1)]
            yield values, _ENOUGH if step >= 0.05 else 3


def alpha_ticks(low: float, high: float, measure: str, most: float = 8) -> list[float]:
    """Return round values of alpha that stand apart on the scale of ``measure``.

    ``low, high`` are limits on that scale; neighbours are at least ``1 / most`` of the
    axis apart, and finer values are used only where rounder ones are few.
    """
    gap = (high - low) / most
    chosen: dict[float, float] = {}
    ends = back_transform(np.array([low, high]), measure)
    for group, enough in _values(float(ends[0]), float(ends[1])):
        if len(chosen) >= min(enough, most):
            break
        for alpha, place in zip(group, transform(group, measure), strict=True):
            if all(abs(place - other) >= gap for other in chosen.values()):
                chosen[alpha] = float(place)
    return sorted(chosen)


def alpha_label(value: float, digits: int | None = None) -> str:
    """Return a tick label, by default with as many decimals as a round alpha has."""
    return coefficient(value, digits or _digits(value)).replace("-", "−")


def _digits(value: float) -> int:
    return next(d for d in (2, 3, 4) if d == 4 or abs(value - round(value, d)) < 1e-9)


def alpha_labels(values: Sequence[float]) -> list[str]:
    """Return labels of one axis, all with the decimals of the finest."""
    digits = max(map(_digits, values), default=2)
    return [alpha_label(value, digits) for value in values]


def even_labels(axis: "Axis") -> Callable[[float, float], str]:
    """Return a formatter of an axis whose ticks all have the decimals of the finest."""

    def label(value: float, _: float) -> str:
        low, high = sorted(axis.get_view_interval())
        ticks = [float(v) for v in axis.get_majorticklocs() if low <= v <= high]
        return alpha_label(float(value), max(map(_digits, ticks), default=2))

    return label


def to_alpha(values: Any, measure: str | None) -> Any:
    """Return values back-transformed; those of unknown scale as they are."""
    return values if measure is None else back_transform(values, measure)


def axis_name(measure: str | None, noun: str, length: float = style.PAGE) -> str:
    """Return an axis label that says how the axis is spaced, broken where needed."""
    if measure is None:
        return "Effect (scale not stated)"
    spaced = SCALES.get(measure)
    if spaced is None:
        return noun
    text = f"{noun} (spaced on the {spaced})"
    if text_width([text], style.SIZE) <= length:
        return text
    parts = (noun, f"(spaced on the {spaced})")
    return "\n".join(wrap(part, length, style.SIZE) for part in parts)


def set_alpha_axis(
    axis: "Axis", limits: tuple[float, float], measure: str | None, length: float
) -> None:
    """Give an axis its limits and honest ticks.

    Parameters
    ----------
    axis : Axis
        ``ax.xaxis`` or ``ax.yaxis``.
    limits : tuple of float
        Limits on the pooling scale.
    measure : str or None
        The scale; None leaves plain numbers.
    length : float
        Length of the axis in inches.
    """
    horizontal = axis is axis.axes.xaxis
    (axis.axes.set_xlim if horizontal else axis.axes.set_ylim)(*limits)
    if measure is None:
        return
    room = 0.36 if horizontal else 0.22
    low, high = limits
    ticks = alpha_ticks(low, high, measure, max(length / room, 2))
    axis.set_ticks(list(transform(ticks, measure)), labels=alpha_labels(ticks))
    between = _between(ticks, low, high, measure, 0.05 * (high - low) / length)
    axis.set_ticks(list(transform(between, measure)), minor=True)
    size = style.SMALL
    axis.set_tick_params(which="major", labelsize=size, labelfontfamily=style.FONT)


def _between(
    ticks: list[float], low: float, high: float, measure: str, gap: float
) -> list[float]:
    """Return the values between ticks that divide them evenly in alpha."""
    ends = back_transform(np.array([low, high]), measure)
    marks = [float(ends[0]), *ticks, float(ends[1])]
    found: list[float] = []
    for start, end in pairwise(marks):
        for step in (0.01, 0.02, 0.05, 0.1):
            first, last = np.floor(start / step) + 1, np.ceil(end / step) - 1
            if last - first >= MOST_BETWEEN:
                continue
            values = np.round(np.arange(first, last + 1) * step, 4)
            places = transform([start, *values, end], measure)
            if np.diff(places).min(initial=np.inf) >= gap:
                found += [float(v) for v in values if v not in ticks]
                break
    return found


def span(*values: FloatArray | float, margin: float = 0.04) -> tuple[float, float]:
    """Return limits that hold all values, with a margin."""
    everything = np.concatenate([np.ravel(v) for v in values]).astype(float)
    finite = everything[np.isfinite(everything)]
    low, high = float(finite.min()), float(finite.max())
    edge = margin * (high - low) if high > low else 0.1 * max(abs(low), 1)
    return low - edge, high + edge


def draw_intervals(
    ax: "Axes",
    at: IntArray,
    low: FloatArray,
    high: FloatArray,
    limits: tuple[float, float],
    row: float,
) -> None:
    """Draw horizontal intervals within limits.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    at : ndarray
        Rows.
    low, high : ndarray
        Ends; NaN for none.
    limits : tuple of float
        Limits of the axis.
    row : float
        Height of a row in points.
    """
    first, last = limits
    edge = 0.012 * (last - first)
    ax.hlines(
        at,
        np.clip(low, first + edge, None),
        np.clip(high, None, last - edge),
        color=style.INK,
        linewidth=min(0.9, row / 10),
        zorder=2,
    )
    for cut, marker, place in (
        (low < first, "<", first + edge),
        (high > last, ">", last - edge),
    ):
        if cut.any():
            ax.scatter(
                np.full(int(cut.sum()), place),
                at[cut],
                marker=marker,
                s=min(9.0, (0.35 * row) ** 2),
                color=style.INK,
                linewidth=0,
                zorder=3,
                label="_cut",
            )
