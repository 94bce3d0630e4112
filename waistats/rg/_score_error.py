"""The standard error of measurement of a form, pooled in points of its sum score."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats.errors import WaistatsError
from waistats.measures import ALPHA_TYPES
from waistats.meta._design import intercept_only
from waistats.meta._effects import Effects
from waistats.meta.fit import fit_design
from waistats.provenance import is_simulated, marked
from waistats.rg._spread_rows import response_ranges, spread_rows
from waistats.rg.descriptives import kinds
from waistats.rg.pooling import FEWEST_TO_POOL

_ENDS = ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")
COLUMNS = (
    "n_items",
    "score_range",
    "k",
    "k_studies",
    "n",
    *_ENDS,
    "detectable",
    "tau2",
)


def pooled_sem(
    effects: pd.DataFrame,
    by: Sequence[str],
    *,
    conf_level: float = 0.95,
    prediction: str = "confidence-distribution",
) -> pd.DataFrame:
    r"""Pool standard errors of measurement, in points, of each cell.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes` with ``score_sd``.
    by : sequence of str
        Columns that make the cells; scores of another number of items or another range
        of answers are another cell, since their points are others.
    conf_level, prediction
        Of the intervals.

    Returns
    -------
    DataFrame
        One row per cell of at least three studies, one alpha per sample: the columns of
        ``by``, ``n_items``, ``score_range`` (highest less lowest possible sum), ``k,
        k_studies, n``, the pooled error in points of the sum score with its limits,
        ``detectable`` (the smallest change of a person that exceeds error at the level,
        :math:`z\sqrt{2}` errors) and ``tau2`` of log error variances.

    Notes
    -----
    Log error variances :math:`\ln s^2(1-a)` have sampling variance
    :math:`2/((n-1)(m-1))` (parallel items, normal scores). They are pooled by REML with
    Knapp and Hartung's interval, and the root of the mean is put on the metric of the
    sum. Whether scores are sums or means of items is taken as in `spread_analysis`.
    """
    names = [c for c in by if c in effects]
    out = pd.DataFrame(columns=[*names, *COLUMNS])
    if not {"score_sd", "n_items"} <= set(effects):
        return out
    table = effects[effects["yi"].notna() & kinds(effects).isin(ALPHA_TYPES)]
    table = table.reset_index(drop=True)
    try:
        ranges = response_ranges(table, None, None)
    except WaistatsError:
        return out
    items = pd.to_numeric(table["n_items"], errors="coerce")
    width = (ranges["high"] - ranges["low"]) * items
    keys = [table[c].fillna("").astype(str) for c in names]
    rows: list[dict[str, Any]] = []
    grouped = table.groupby([*keys, items.rename("n_items"), width.rename("width")])
    for _, part in grouped:
        row = _pooled(part, float(width[part.index[0]]), conf_level, prediction)
        if row is not None:
            first = part.iloc[0]
            rows.append({c: first[c] for c in names} | row)
    frame = pd.DataFrame(rows, columns=[*names, *COLUMNS]) if rows else out
    return marked(frame, is_simulated(effects))


def _pooled(
    part: pd.DataFrame, width: float, conf_level: float, prediction: str
) -> dict[str, Any] | None:
    """Return the pooled error of one cell; None where too little is known."""
    try:
        used = spread_rows(
            part,
            scale=None,
            metric="pomp",
            score_metric=None,
            response_min=None,
            response_max=None,
        ).table
        if used["study_id"].nunique() < FEWEST_TO_POOL:
            return None
        sd, y = used["sd"].to_numpy(float), used["yi"].to_numpy(float)
        n, m = used["n"].to_numpy(float), used["n_items"].to_numpy(float)
        fit = fit_design(
            Effects(
                yi=2 * np.log(sd) - y,
                vi=2 / ((n - 1) * (m - 1)),
                measure=None,
                rows=np.arange(len(used)),
                source=used,
                simulated=is_simulated(used),
            ),
            intercept_only(len(used)),
            method="REML",
            small_sample="knapp-hartung",
            conf_level=conf_level,
        )
    except WaistatsError:
        return None
    found = fit.predict(prediction=prediction).iloc[0]
    points = {c: np.exp(float(found[c]) / 2) * width / 100 for c in _ENDS}
    z = critical(conf_level)
    return {
        "n_items": int(m[0]),
        "score_range": width,
        "k": len(used),
        "k_studies": int(used["study_id"].nunique()),
        "n": float(n.sum()),
        **points,
        "detectable": z * np.sqrt(2) * points["estimate"],
        "tau2": fit.tau2,
    }
