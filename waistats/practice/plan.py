"""What is predicted: populations and samples, and how true and observed alphas spread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import DataError, ModelError
from waistats.meta.model import FittedModel
from waistats.meta.robust import RobustResult
from waistats.practice.choice import choose_model
from waistats.practice.predictive import Predictive, predictive
from waistats.practice.profile import items_of, profiles
from waistats.practice.source import check_range, numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Populations, a row each, and planned samples of them.

    Attributes
    ----------
    model : FittedModel
        The model that answers; ``robust`` its cluster-robust coefficients, or None.
    rows : DataFrame
        The populations.
    spread : Predictive
        Distributions of true and of observed values.
    n, n_items : ndarray, shape (rows,)
        The planned samples; NaN without.
    notes : tuple of str
        What was decided for the user.
    """

    model: FittedModel
    robust: RobustResult | None
    rows: pd.DataFrame
    spread: Predictive
    n: FloatArray
    n_items: FloatArray
    notes: tuple[str, ...]


def prepare(
    source: Any,
    facts: Mapping[str, Any],
    new: pd.DataFrame | Mapping[str, Any] | None,
    n: Any,
    n_items: Any,
) -> Plan:
    """Return the populations with their predictive distributions."""
    choice = choose_model(source, facts, new)
    model = choice.model
    rows, notes = profiles(model, facts, new, n_items)
    size = items = np.full(len(rows), np.nan)
    if n is None:
        spread = predictive(model, rows)
    else:
        size = _sizes(n, 4 if model.measure == "fisher-z" else 3)
        if len(rows) == 1 and len(size) > 1:
            rows = rows.loc[rows.index.repeat(len(size))].reset_index(drop=True)
        if len(size) not in (1, len(rows)):
            raise ModelError(
                f"{len(size)} sizes and {len(rows)} populations do not go together; "
                "give one size, or one for each population."
            )
        size = np.broadcast_to(size, (len(rows),)).astype(float)
        items, more = items_of(model, rows)
        notes = (*notes, *more)
        check_range("n_items", items, 2, np.inf)
        spread = predictive(model, rows, size, items)
    return Plan(
        model=model,
        robust=choice.robust,
        rows=rows,
        spread=spread,
        n=size,
        n_items=items,
        notes=(*choice.notes, *notes),
    )


def _sizes(n: Any, least: int) -> FloatArray:
    size = np.atleast_1d(numbers("n", n))
    check_range("n", size, least, np.inf)
    if np.any(size != np.floor(size)):
        raise DataError("n must be whole numbers of respondents.")
    return size
