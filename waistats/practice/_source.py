"""Numbers that a formula takes: checked, or taken from a fitted model or a study."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, listing
from waistats.rg.as_model import as_model, has_model, pooled_row

POINTS = ("estimate", "pi_low", "pi_high")


def alpha_points(source: Any) -> FloatArray:
    """Return a model's alpha and both limits of its prediction interval, shape (3,)."""
    model = as_model(source)
    if model.has_moderators:
        raise ModelError(
            "The model has moderators, so alpha depends on the population. Pass "
            "the alpha that predict_reliability() gives for yours."
        )
    if model.measure is None:
        raise ModelError(
            "The effects do not say which scale they are on, so results cannot be "
            "transformed "
            "back to alpha. effect_sizes() adds the column 'measure'."
        )
    row = pooled_row(source, back_transform=True, withhold=False)
    points: FloatArray = row[list(POINTS)].to_numpy(dtype=float)
    return points


def numbers(name: str, values: Any) -> FloatArray:
    """Return values as floats; text that is not a number is a DataError."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be numbers; got {values!r}.") from error


def check_range(
    name: str,
    values: FloatArray,
    low: float,
    high: float,
    *,
    open_low: bool = False,
    open_high: bool = False,
    advice: str = "",
) -> None:
    """Raise a DataError that names every value outside a range; NaN passes."""
    below = values <= low if open_low else values < low
    above = values >= high if open_high else values > high
    wrong = np.flatnonzero(below | above)
    if len(wrong) == 0:
        return
    flat = np.ravel(values)
    places = listing(
        f"{flat[i]:g}" + (f" (position {i + 1})" if flat.size > 1 else "")
        for i in wrong
    )
    if np.isinf(low):
        rule = f"at most {high:g}"
    elif np.isinf(high):
        rule = f"{'above' if open_low else 'at least'} {low:g}"
    else:
        rule = f"{'above' if open_low else 'at least'} {low:g} and "
        rule += f"{'below' if open_high else 'at most'} {high:g}"
    raise DataError(f"{name} must be {rule}, but is {places}.{advice and ' ' + advice}")


def check_alpha(
    name: str, values: FloatArray, *, below_one: bool = False, above_zero: bool = False
) -> None:
    """Raise a DataError for values that are no share of true variance."""
    check_range(
        name,
        values,
        0,
        1,
        open_low=above_zero,
        open_high=below_one,
        advice="A negative alpha gives no standard error of measurement: look for "
        "items that correlate "
        "negatively with the rest."
        if np.any(values < 0)
        else "",
    )


def check_positive(name: str, values: FloatArray) -> None:
    """Raise a DataError for values that are not above 0."""
    check_range(name, values, 0, np.inf, open_low=True)


def across(
    formula: Callable[..., FloatArray],
    alpha: Any,
    others: dict[str, FloatArray],
    *,
    series: tuple[Any, ...] = (),
    below_one: bool = False,
) -> Any:
    """Apply a formula to alphas, or to a model's estimate and prediction limits.

    A model gives a Series indexed `POINTS`, or a frame with those columns and a row for
    each of the other values. A lower limit below 0 counts as 0: no error is larger than
    the score's own spread. An upper limit above 1, which untransformed alphas may have,
    counts as 1; what is not defined there is NaN.
    """
    if has_model(alpha):
        points = np.clip(alpha_points(alpha), 0.0, 1.0)
        if below_one:
            points = np.where(points < 1, points, np.nan)
        lifted = {name: value[..., None] for name, value in others.items()}
        out = np.asarray(formula(points, **lifted))
        if out.ndim == 1:
            return pd.Series(out, index=list(POINTS))
        if out.ndim == 2:
            index = next((s.index for s in series if isinstance(s, pd.Series)), None)
            return pd.DataFrame(out, columns=list(POINTS), index=index)
        raise ModelError("With a model, the other values must be numbers or 1-D.")
    a = numbers("alpha", alpha)
    check_alpha("alpha", a, below_one=below_one)
    return like(formula(a, **others), (alpha, *series))


def like(out: FloatArray, given: tuple[Any, ...]) -> Any:
    """Return a float, an array, or a Series with the index of the first one given."""
    out = np.asarray(out)
    if out.ndim == 0:
        return out.item()
    first = next((g for g in given if isinstance(g, pd.Series)), None)
    if first is not None and out.shape == first.shape:
        return pd.Series(out, index=first.index)
    return out
