"""What was given to a figure or table -> the model in it, and its pooled row."""

from dataclasses import replace
from typing import Any

import pandas as pd

from waistats.errors import ModelError
from waistats.meta._prediction import DEFAULT_PREDICTION
from waistats.meta.multilevel.result import MultilevelResult
from waistats.meta.results import MetaResult
from waistats.rg.pooling import ENDS, Pooled
from waistats.rg.study import RGStudy
from waistats.sensitivity.trim_and_fill import TrimAndFill


def as_model(result: Any) -> MetaResult | MultilevelResult:
    """Return a fitted model: itself, or the overall or filled one of a larger result.

    Raises
    ------
    ModelError
        If there is none.
    """
    model = result
    if isinstance(result, RGStudy):
        model = result.overall
        if model is None:
            raise ModelError("This study has no overall model: too few studies.")
    elif isinstance(result, (Pooled, TrimAndFill)):
        model = result.fit
    if isinstance(model, (MetaResult, MultilevelResult)):
        return model
    raise ModelError(
        "A fitted model is needed, from fit_meta(), fit_multilevel() or generalize(); "
        f"got {type(result).__name__}."
    )


def left_out_by(result: Any) -> str | None:
    """Return what a study leaves out in turn: studies where they give several rows."""
    several = isinstance(result, (RGStudy, Pooled)) and isinstance(
        as_model(result), MultilevelResult
    )
    return "study_id" if several else None


def as_independent(result: Any) -> MetaResult | MultilevelResult:
    """Return a fitted model; of a study the one-level one, as if rows were independent."""
    pooled = result.pooled if isinstance(result, RGStudy) else result
    return pooled.independent if isinstance(pooled, Pooled) else as_model(result)


def pooled_row(
    result: Any, back_transform: bool = False, *, prediction: str | None = None
) -> pd.Series:
    """Return ``estimate, ci_low, ci_high, pi_low, pi_high`` of a pooled mean.

    The interval of a study is the one that it prints, with its prediction interval
    unless ``prediction`` says which.
    """
    pooled = result.pooled if isinstance(result, RGStudy) else result
    if isinstance(pooled, Pooled):
        if prediction is not None:
            pooled = replace(pooled, prediction=prediction)
        return pd.Series(pooled.interval(back_transform=back_transform))
    row = as_model(result).predict(
        back_transform=back_transform, prediction=prediction or DEFAULT_PREDICTION
    )
    return row[list(ENDS)].iloc[0].astype(float)
