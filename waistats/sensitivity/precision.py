"""Measures of a study's precision, and the regression of effects on one."""

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import DataError, ModelError, listing
from waistats.meta.design import build_design
from waistats.meta.fit import fit_design
from waistats.meta.model import FittedModel
from waistats.meta.multilevel import fit_levels
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.result import MetaResult

PREDICTORS = ("se", "variance", "n", "inverse_n", "sqrt_n", "inverse_sqrt_n")
# predictors that go to 0 as samples grow
VANISHING = frozenset({"se", "variance", "inverse_n", "inverse_sqrt_n"})
MODELS = ("mixed", "classical")


def regress_on(
    result: MetaResult | MultilevelResult, model: str, predictor: str
) -> tuple[FittedModel, str]:
    """Return the model with a measure of precision as a moderator, and its name."""
    values = precision(result, predictor)
    check_varies(values, predictor, result)
    taken = set(result.effects.table.columns)
    name = predictor if predictor == "n" else f"sampling_{predictor}"
    while name in taken - {"n"}:
        name += "_"
    table = result.effects.table.assign(**{name: values})
    design = build_design(f"{result.design.formula} + {name}", table)
    classical = model == "classical"
    if isinstance(result, MultilevelResult):
        if classical:
            raise ModelError(
                "model='classical' takes every row as independent; use model='mixed' "
                "for a multilevel model."
            )
        nested = fit_levels(
            result.effects,
            design,
            result.V,
            result.levels,
            list(result.codes),
            method=result.method,
            small_sample=result.small_sample,
            conf_level=result.conf_level,
        )
        return nested, name
    fit = fit_design(
        result.effects,
        design,
        method="CE" if classical else result.method,
        small_sample="knapp-hartung" if classical else result.small_sample,
        conf_level=result.conf_level,
        weights=None if classical else result.weights,
    )
    return fit, name


def precision(result: FittedModel, predictor: str) -> FloatArray:
    """Return a measure of precision for each row."""
    if predictor == "se":
        return np.sqrt(result.effects.vi)
    if predictor == "variance":
        return result.effects.vi
    table = result.effects.table
    if "n" not in table:
        raise ModelError(
            f"predictor={predictor!r} needs the column n; the effects have none."
        )
    n = pd.to_numeric(table["n"], errors="coerce").to_numpy(dtype=float)
    bad = ~(n > 0)
    if bad.any():
        ids = listing(table["study_id"].to_numpy()[bad])
        raise DataError(f"n must be positive, but is not for study_id {ids}.")
    powers = {"n": 1.0, "inverse_n": -1.0, "sqrt_n": 0.5, "inverse_sqrt_n": -0.5}
    return n ** powers[predictor]


def scale_notes(result: FittedModel, by_variance: bool) -> tuple[str, ...]:
    """Return the warning due where variances hold the coefficient itself."""
    if by_variance and result.measure in {"raw", "hakstian-whalen"}:
        return (
            f"On the {result.measure} scale the variance of a coefficient falls as the "
            "coefficient rises, so that the funnel is asymmetric without any "
            "selection. Use measure='bonett', or predictor='inverse_sqrt_n'.",
        )
    return ()


def check_varies(values: FloatArray, name: str, result: FittedModel) -> None:
    """Raise a ModelError if all values are equal."""
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        raise ModelError(
            f"All {result.k} {name} are equal, so that nothing can depend on them."
        )
