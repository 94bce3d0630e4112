"""Pooled reliability cell by cell, and what is too small to pool."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats.generalization.describe import cells_of, grouping, kinds, levels
from waistats.generalization.pool import FEWEST_TO_POOL, Pooled, pool
from waistats.provenance import is_simulated, marked
from waistats.transforms import back_transform

POOLED = (
    "k", "k_studies", "n", "estimate", "ci_low", "ci_high", "pi_low", "pi_high",
    "tau2", "I2", "Q", "Q_df", "Q_p", "model", "note",
)  # fmt: skip
DESCRIPTIVE_ONLY = f"descriptive only: fewer than {FEWEST_TO_POOL} studies"


def pooled_cells(
    effects: pd.DataFrame, by: Sequence[str], **options: Any
) -> pd.DataFrame:
    """Pool each cell that is large enough.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`.
    by : sequence of str
        Columns that make the cells; absent ones are ignored. Kinds of coefficients are
        kept apart.
    **options
        Of `pool`: ``method, conf_level, within_correlation``.

    Returns
    -------
    DataFrame
        The cell's columns, ``coefficient_type`` and `POOLED`. A cell of fewer than
        three studies has its counts, and ``note`` says descriptive only.
    """
    used = effects[effects["yi"].notna()].reset_index(drop=True)
    columns = grouping(used, by)
    keys = levels(used, columns).assign(coefficient_type=kinds(used))
    rows: list[dict[str, Any]] = []
    for key, index in cells_of(keys):
        cell = dict(zip(keys.columns, key, strict=True))
        rows.append(cell | pooled_row(used.iloc[index], **options))
    out = pd.DataFrame(rows, columns=[*keys.columns, *POOLED])
    return marked(out, is_simulated(used))


def pooled_row(effects: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Return the pooled numbers of some rows, or their counts and why not."""
    if effects["study_id"].nunique() < FEWEST_TO_POOL:
        return {
            "k": len(effects),
            "k_studies": effects["study_id"].nunique(),
            "n": float(pd.to_numeric(effects["n"]).sum()),
            "note": DESCRIPTIVE_ONLY,
        }
    return pool(effects, **options).row()


def shrunken(pooled: Pooled) -> pd.DataFrame:
    r"""Return each coefficient drawn towards the mean by its own imprecision.

    ``study_id, coefficient_id, estimate, ci_low, ci_high`` on the alpha scale:
    :math:`\lambda\mu+(1-\lambda)y_i`, :math:`\lambda=v_i/(v_i+\tau^2)`, of the
    one-level model.
    """
    fit = pooled.independent
    y, v = fit.effects.yi, fit.effects.vi
    share = v / (v + fit.tau2) if fit.tau2 > 0 else np.ones(len(v))
    center = share * fit.estimate + (1 - share) * y
    se = np.sqrt((1 - share) * v + share**2 * fit.se**2)
    half = 1.959963984540054 * se
    table = fit.effects.table[["study_id", "coefficient_id"]].copy()
    for name, values in (
        ("estimate", center),
        ("ci_low", center - half),
        ("ci_high", center + half),
    ):
        table[name] = back_transform(values, fit.measure) if fit.measure else values
    return marked(table, fit.effects.simulated)
