"""What checks of independent coefficients do where studies give several."""

import numpy as np
import pandas as pd

from waistats._format import counted
from waistats._typing import FloatArray, IntArray
from waistats.meta.fit import fit_design
from waistats.meta.multilevel.fit import fit_levels
from waistats.meta.multilevel.result import Model
from waistats.meta.results import MetaResult

LEVELS = ("study_id", "coefficient_id")
RULE = "the coefficient with the most respondents, then the most items, then the first"


def studies(result: Model) -> IntArray | None:
    """Return the study of each row where a study gives several; else None."""
    if result.is_multilevel:
        code = result.codes[0]
    elif "study_id" in result.effects.source:
        names = result.effects.table["study_id"].to_numpy(dtype=object)
        code = pd.factorize(names)[0].astype(np.int64)
    else:
        return None
    return code if len(np.unique(code)) < len(code) else None


def study_model(result: Model) -> tuple[Model, tuple[str, ...]]:
    """Return the model that takes coefficients of one study together, and a note.

    A multilevel model is its own; a one-level model of studies that give several is
    fitted again with a level of studies.
    """
    code = None if result.is_multilevel else studies(result)
    if code is None:
        return result, ()
    k = result.k
    fit = fit_levels(
        result.effects,
        result.design,
        result.sampling_covariance(),
        LEVELS,
        [code, np.arange(k)],
        method="ML" if result.method == "ML" else "REML",
        small_sample="t",
        conf_level=result.conf_level,
        fits=result.deferred.fits,
    )
    n_studies = counted(len(np.unique(code)), "study")
    note = (
        f"Some studies give several coefficients ({n_studies}, "
        f"{counted(k, 'coefficient')}), so the regression is multilevel."
    )
    if result.weights is not None:
        note += " User weights are not used."
    return fit, (note,)


def one_a_study(result: Model, what: str) -> tuple[MetaResult, tuple[str, ...]]:
    """Return a one-level model of one coefficient per study, and a note of the rule."""
    code = studies(result)
    if code is None and isinstance(result, MetaResult):
        return result, ()
    code = np.arange(result.k) if code is None else code
    keep = _first_of(result, code)
    multilevel = result.is_multilevel
    weights = None if result.is_multilevel else result.weights
    fit = fit_design(
        result.effects.of_rows(keep),
        result.design.of_rows(keep),
        method=result.method,
        small_sample="knapp-hartung" if multilevel else result.small_sample,
        conf_level=result.conf_level,
        weights=None if weights is None else weights[keep],
        fits=result.deferred.fits,
    )
    if len(keep) == result.k:
        return fit, ()
    note = (
        f"{what} has no version for studies that give several coefficients. It uses one "
        f"per study, {len(keep)} of {result.k}: {RULE}."
    )
    return fit, (note,)


def one_level(result: Model, what: str) -> tuple[MetaResult, tuple[str, ...]]:
    """Return a one-level model as it was given, one coefficient per study of others."""
    if result.is_multilevel:
        return one_a_study(result, what)
    code = studies(result)
    if code is None:
        return result, ()
    n_studies = counted(len(np.unique(code)), "study")
    note = (
        f"{what} takes all {counted(result.k, 'coefficient')} as independent, but they "
        f"come from {n_studies}: its tests reject too often. With the result of "
        "fit_multilevel() it uses one coefficient per study."
    )
    return result, (note,)


def _first_of(result: Model, code: IntArray) -> IntArray:
    """Return the row of each study that the rule chooses, in the order of rows."""
    table = result.effects.table
    keys: list[FloatArray] = []
    for column in ("n", "n_items"):
        if column in table:
            values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
            keys.append(-np.where(np.isfinite(values), values, -np.inf))
    if len(keys) < 2:
        keys = [result.effects.vi]
    order = np.lexsort([np.arange(len(code)), *reversed(keys), code])
    first = np.unique(code[order], return_index=True)[1]
    return np.sort(order[first])
