"""Which rows of a table enter a model, and which do not and why."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.effect_sizes import ALPHA_TYPES, MEASURES
from waistats.errors import DataError, ModelError, listing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effects:
    """The rows that a model uses.

    Attributes
    ----------
    table : DataFrame
        Rows with an effect, in input order, index 0 ... k-1; ``study_id`` and
        ``coefficient_id`` are there and are text.
    yi, vi : ndarray, shape (k,)
        Effects and sampling variances.
    measure : str or None
        The scale; None where the table does not say, so that nothing is turned back.
    excluded : DataFrame
        ``study_id, coefficient_id, reason`` of the rows without an effect.
    rows : ndarray of int, shape (k,)
        Positions of the used rows in the table that was given.
    simulated : bool
        Whether any used row is marked SIMULATED.
    """

    table: pd.DataFrame
    yi: FloatArray
    vi: FloatArray
    measure: str | None
    excluded: pd.DataFrame
    rows: np.ndarray
    simulated: bool


def usable_effects(effects: pd.DataFrame, moderators: str | None = None) -> Effects:
    """Return the rows of a table from `effect_sizes` that can be pooled.

    Raises
    ------
    DataError
        If ``yi`` or ``vi`` are missing, not finite, or ``vi`` is not positive.
    ModelError
        If fewer than two rows are left, or kinds of coefficients are mixed.
    """
    if not isinstance(effects, pd.DataFrame):
        raise DataError(
            f"effects must be a DataFrame from effect_sizes(); got {type(effects)}."
        )
    absent = [c for c in ("yi", "vi") if c not in effects]
    if absent:
        raise DataError(
            f"Columns are missing: {listing(absent)}. effect_sizes() adds them to a "
            "coefficient table."
        )
    yi = pd.to_numeric(effects["yi"], errors="coerce").to_numpy(dtype=float)
    vi = pd.to_numeric(effects["vi"], errors="coerce").to_numpy(dtype=float)
    blank = np.isnan(yi) | np.isnan(vi)
    ids = _text(effects, "study_id")
    coefficient_ids = _text(effects, "coefficient_id")
    wrong = ~blank & (np.isinf(yi) | np.isinf(vi) | (vi <= 0))
    if wrong.any():
        raise DataError(
            "yi must be finite and vi positive, but are not for study_id "
            f"{listing(ids[wrong])}."
        )
    rows = np.flatnonzero(~blank)
    if len(rows) < 2:
        raise ModelError(
            f"Pooling needs at least 2 coefficients with an effect; there "
            f"{'is 1' if len(rows) == 1 else 'are none'}."
        )
    table = effects.iloc[rows].reset_index(drop=True)
    table = table.assign(study_id=ids[rows], coefficient_id=coefficient_ids[rows])
    reason = _text(effects, "reason", default="no effect size")[blank]
    excluded = pd.DataFrame(
        {
            "study_id": ids[blank],
            "coefficient_id": coefficient_ids[blank],
            "reason": [r or "no effect size" for r in reason],
        }
    )
    _check_types(table, moderators)
    provenance = table["provenance"].astype(str) if "provenance" in table else None
    return Effects(
        table=table,
        yi=yi[rows],
        vi=vi[rows],
        measure=_measure(table),
        excluded=excluded,
        rows=rows,
        simulated=provenance is not None
        and bool(provenance.str.contains("SIMULATED").any()),
    )


def _text(table: pd.DataFrame, column: str, default: str | None = None) -> np.ndarray:
    """Return a column as text; the row number, or a default, where it is absent."""
    if column in table:
        values = table[column]
        return np.array(["" if pd.isna(v) else str(v) for v in values], dtype=object)
    if default is not None:
        return np.full(len(table), default, dtype=object)
    return np.array([str(i + 1) for i in range(len(table))], dtype=object)


def _measure(table: pd.DataFrame) -> str | None:
    if "measure" not in table:
        return None
    names = table["measure"].dropna().unique()
    if len(names) > 1:
        raise ModelError(
            f"Effects on different scales cannot be pooled: {listing(names)}."
        )
    return str(names[0]) if len(names) and names[0] in MEASURES else None


def _check_types(table: pd.DataFrame, moderators: str | None) -> None:
    """Refuse to mix kinds of coefficients unless the model tells them apart."""
    if "coefficient_type" not in table:
        return
    kinds = table["coefficient_type"].dropna().astype(str)
    families = {"alpha" if kind in ALPHA_TYPES else kind for kind in kinds}
    if len(families) > 1 and "coefficient_type" not in (moderators or ""):
        raise ModelError(
            f"Kinds of coefficients are mixed: {listing(sorted(families))}. Fit one "
            "kind at a time, or make coefficient_type a moderator."
        )
