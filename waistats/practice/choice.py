"""Which model answers for a population: of a study, the one that fits the question."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from waistats.errors import ModelError
from waistats.fitted import as_model
from waistats.format import count
from waistats.generalization.main_scale import main_rows
from waistats.generalization.pool import FEWEST_TO_POOL, Pooled, pool
from waistats.generalization.study import RGStudy
from waistats.meta.model import FittedModel
from waistats.meta.robust import RobustResult
from waistats.practice.profile import FACTS, known_levels, level_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """A model, its cluster-robust coefficients where it has them, and notes."""

    model: FittedModel
    robust: RobustResult | None = None
    notes: tuple[str, ...] = ()


def choose_model(
    source: Any,
    facts: Mapping[str, Any],
    new: pd.DataFrame | Mapping[str, Any] | None,
) -> Choice:
    """Return the model of a result, or of a study the one that knows the facts.

    That is the study's moderator model where it has one of the named moderators; else
    the pooled coefficients that have the facts, as in the study's cells; else, with
    fewer than three studies of that kind, the overall model.
    """
    if isinstance(source, Pooled):
        return Choice(model=source.fit, robust=source.robust)
    if not isinstance(source, RGStudy):
        return Choice(model=as_model(source))
    given = {name: value for name, value in facts.items() if value is not None}
    columns = list(new.columns) if isinstance(new, pd.DataFrame) else list(new or {})
    moderated = source.moderator_model
    if moderated is not None and {*given, *columns} & set(moderated.design.variables):
        return Choice(model=moderated)
    if isinstance(new, Mapping):
        given |= {c: v for c, v in new.items() if c in FACTS and isinstance(v, str)}
    return _of_cell(source, given)


def _of_cell(study: RGStudy, given: Mapping[str, Any]) -> Choice:
    """Return the pooled coefficients of a study that have the facts."""
    used = study.effects[study.effects["yi"].notna()]
    rows = study.main_rows
    if "scale" in given:
        rows = main_rows(used, level_of(used, "scale", given["scale"]))
    words = []
    for name, value in given.items():
        if len(known_levels(rows, name)) > 1:
            wanted = level_of(rows, name, value)
            rows = rows[rows[name].astype(str) == wanted]
            words.append(f"{name} {wanted}")
    overall = Choice(
        model=as_model(study), robust=study.pooled.robust if study.pooled else None
    )
    if len(rows) == overall.model.k and not words:
        return overall
    what = ", ".join(words) or f"scale {given.get('scale')}"
    if rows["study_id"].astype(str).nunique() < FEWEST_TO_POOL:
        few = f"Fewer than {FEWEST_TO_POOL} studies have {what}, too few to pool"
        if "scale" in given:
            raise ModelError(f"{few}.")
        note = f"{few}; the prediction is that of the overall model."
        return replace(overall, notes=(note,))
    pooled = pool(
        rows.reset_index(drop=True),
        method=study.method,
        conf_level=study.conf_level,
        within_correlation=study.within_correlation,
    )
    note = f"From the {count(pooled.fit.k)} coefficients with {what}."
    return Choice(model=pooled.fit, robust=pooled.robust, notes=(note,))
