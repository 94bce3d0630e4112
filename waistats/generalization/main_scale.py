"""Which rows the overall model pools: one scale, alphas only."""

import pandas as pd

from waistats.effect_sizes import ALPHA_TYPES
from waistats.generalization.describe import kinds

TOTAL = "total"


def main_rows(used: pd.DataFrame, scale: str) -> pd.DataFrame:
    """Return the alpha-like rows of one scale; all of them without a scale column."""
    alphas = used[kinds(used).isin(ALPHA_TYPES)]
    if "scale" not in used:
        return alphas
    return alphas[alphas["scale"].fillna(TOTAL).astype(str) == scale]


def main_scale(used: pd.DataFrame) -> str:
    """Return the scale of the overall model: total, else the commonest one."""
    if "scale" not in used:
        return TOTAL
    counts = (
        used[kinds(used).isin(ALPHA_TYPES)]["scale"]
        .fillna(TOTAL)
        .astype(str)
        .value_counts()
    )
    if TOTAL in counts or len(counts) == 0:
        return TOTAL
    return str(sorted(counts.index[counts == counts.max()])[0])


def default_title(used: pd.DataFrame) -> str:
    """Return the instruments in words."""
    if "instrument" not in used:
        return "these scores"
    names = sorted({str(v) for v in used["instrument"].dropna()})
    if len(names) > 4:
        return f"scores of {len(names)} instruments"
    return " / ".join(names) + " scores" if names else "these scores"
