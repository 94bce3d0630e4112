"""What was given to a figure or table: the model in it, its pooled row, its frames."""

from dataclasses import replace
from functools import singledispatch
from typing import Any

import pandas as pd

from waistats.errors import ModelError
from waistats.meta._prediction import DEFAULT_PREDICTION
from waistats.meta.multilevel.result import Model, MultilevelResult
from waistats.meta.results import MetaResult
from waistats.rg.pooling import ENDS, Pooled, withheld_limits
from waistats.rg.study import RGStudy
from waistats.sensitivity.trim_and_fill import TrimAndFill


@singledispatch
def as_model(result: Any) -> Model:
    """Return a fitted model: itself, or the overall or filled one of a larger result.

    Raises
    ------
    ModelError
        If there is none.
    """
    raise ModelError(
        "A fitted model is needed, from fit_meta(), fit_multilevel() or generalize(); "
        f"got {type(result).__name__}."
    )


@as_model.register(MetaResult)
@as_model.register(MultilevelResult)
def _(result: Model) -> Model:
    return result


@as_model.register(Pooled)
@as_model.register(TrimAndFill)
def _(result: Pooled | TrimAndFill) -> Model:
    return result.fit


@as_model.register(RGStudy)
def _(result: RGStudy) -> Model:
    if result.overall is None:
        raise ModelError("This study has no overall model: too few studies.")
    return result.overall


@singledispatch
def as_pooled(result: Any) -> Pooled | None:
    """Return the pooled reliability of a study, or itself; None of anything else."""
    return None


@as_pooled.register(Pooled)
def _(result: Pooled) -> Pooled | None:
    return result


@as_pooled.register(RGStudy)
def _(result: RGStudy) -> Pooled | None:
    return result.pooled


def has_model(result: Any) -> bool:
    """Return whether this is a fitted model, or holds one."""
    return as_model.dispatch(type(result)) is not as_model.dispatch(object)


def of_study(data: Any, name: str, default: Any) -> Any:
    """Return what a study holds under a name; the default for anything else."""
    return getattr(data, name) if isinstance(data, RGStudy) else default


def left_out_by(result: Any) -> str | None:
    """Return what a study leaves out in turn: studies where they give several rows."""
    pooled = as_pooled(result)
    return "study_id" if pooled is not None and pooled.dependent else None


def as_independent(result: Any) -> Model:
    """Return a fitted model; of a study the one-level one, as if rows were independent."""
    pooled = as_pooled(result)
    return as_model(result) if pooled is None else pooled.independent


def pooled_row(
    result: Any,
    back_transform: bool = False,
    *,
    prediction: str | None = None,
    withhold: bool = True,
) -> pd.Series:
    """Return ``estimate, ci_low, ci_high, pi_low, pi_high`` of a pooled mean.

    The interval of a study is the one that it prints, with its prediction interval
    unless ``prediction`` says which. Limits that say nothing are withheld (NaN),
    unless ``withhold`` is False and the result is a plain model.
    """
    pooled = as_pooled(result)
    if pooled is not None:
        if prediction is not None:
            pooled = replace(pooled, prediction=prediction)
        return pd.Series(pooled.interval(back_transform=back_transform))
    model, kind = as_model(result), prediction or DEFAULT_PREDICTION
    alphas = model.predict(prediction=kind)[list(ENDS)].iloc[0].astype(float)
    row = alphas
    if not back_transform:
        found = model.predict(back_transform=False, prediction=kind)
        row = found[list(ENDS)].iloc[0].astype(float)
    withheld = withheld_limits(alphas, model.measure)[0] if withhold else set()
    return row.where(~row.index.isin(withheld))
