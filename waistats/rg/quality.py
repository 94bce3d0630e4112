"""Quality of the evidence for internal consistency, by COSMIN's rule."""

from typing import Any

import numpy as np
import pandas as pd

from waistats._frames import as_frame
from waistats.provenance import is_simulated, marked

GRADES = ("very good", "doubtful", "inadequate", "not rated")
_COLUMNS = ("unidim_checked", "n_adequate", "per_subscale_reported", "flaws")
STANDARDS = {
    "separate": "A coefficient for each scale of one dimension",
    "statistic": "A statistic of internal consistency",
    "flaws": "No other flaws",
}
_STATISTICS = frozenset(
    {"alpha", "kr20", "omega", "omega_total", "omega_hierarchical", "ordinal_alpha"}
)
_NONE = frozenset({"", "no", "none", "-", "0", "false"})
SUFFICIENT = 0.70


def has_quality(table: pd.DataFrame) -> bool:
    """Return whether a table says anything of the quality of its studies."""
    return any(
        name in table and (table[name].notna() & (table[name].astype(str) != "")).any()
        for name in _COLUMNS
    )


def rate_quality(table: pd.DataFrame) -> pd.DataFrame:
    """Rate the evidence of each coefficient by COSMIN's standards.

    Parameters
    ----------
    table : DataFrame
        A coding sheet with any of ``unidim_checked, n_adequate,
        per_subscale_reported`` (yes or no) and ``flaws`` (words; those that begin
        with "important" count as important ones).

    Returns
    -------
    DataFrame
        Index of the table; ``separate, statistic, flaws`` (each very good, doubtful,
        inadequate or not rated), ``quality`` (the lowest of them) and ``criterion``
        (``+`` one dimension was shown and the coefficient is at least .70, ``-`` it was
        shown and the coefficient is lower, ``?`` it was not shown).

    Notes
    -----
    The box on internal consistency of COSMIN's risk of bias checklist [1]_, worst score
    counts: a coefficient for each scale of one dimension is very good, one where the
    dimension was not checked (or on too few persons) doubtful, one only for several
    dimensions together inadequate; alpha, KR-20 or omega is the statistic asked for.
    The criterion is that of [2]_.

    References
    ----------
    .. [1] Mokkink, L. B., et al. (2018). COSMIN Risk of Bias checklist for systematic
       reviews of patient-reported outcome measures. Qual. Life Res., 27, 1171-1179.
    .. [2] Prinsen, C. A. C., et al. (2018). COSMIN guideline for systematic reviews of
       patient-reported outcome measures. Qual. Life Res., 27, 1147-1157.

    Examples
    --------
    >>> rate_quality(pd.DataFrame({"estimate": [.9, .6], "unidim_checked": ["yes", "no"],
    ...                            "per_subscale_reported": ["yes", "yes"]})
    ...              )[["quality", "criterion"]].values.tolist()
    [['very good', '+'], ['doubtful', '?']]
    """
    table = as_frame(table)
    one = _yes(table, "unidim_checked")
    large = _yes(table, "n_adequate")
    shown = np.where(large == 0, 0, one)
    each = _yes(table, "per_subscale_reported")
    rated = ~np.isnan(one) | ~np.isnan(each)
    separate = np.where(
        each == 0, "inadequate", np.where(shown == 1, "very good", "doubtful")
    )
    separate = np.where(rated, separate, "not rated")
    kinds = (
        table["coefficient_type"].fillna("alpha").astype(str)
        if "coefficient_type" in table
        else pd.Series("alpha", index=table.index)
    )
    statistic = np.where(kinds.isin(_STATISTICS), "very good", "doubtful")
    flaws = np.array([_flaw(value) for value in _texts(table, "flaws")])
    frame = pd.DataFrame(
        {"separate": separate, "statistic": statistic, "flaws": flaws},
        index=table.index,
    )
    order = {grade: i for i, grade in enumerate(GRADES)}
    worst = [
        max((g for g in row if g != "not rated"), key=order.__getitem__)
        for row in frame.to_numpy()
    ]
    frame["quality"] = np.where(rated, worst, "not rated")
    value = (
        pd.to_numeric(table["estimate"], errors="coerce").to_numpy(dtype=float)
        if "estimate" in table
        else np.full(len(table), np.nan)
    )
    sign = np.where(value >= SUFFICIENT, "+", "-")
    frame["criterion"] = np.where((shown == 1) & ~np.isnan(value), sign, "?")
    return frame


def study_quality(table: pd.DataFrame) -> pd.DataFrame:
    """Return the ratings of each study: the lowest of its coefficients.

    Parameters
    ----------
    table : DataFrame
        A coding sheet, as for `rate_quality`.

    Returns
    -------
    DataFrame
        ``study_id, separate, statistic, flaws, quality, criterion``, in the order of the
        table.
    """
    table = as_frame(table)
    rated = rate_quality(table).assign(study_id=table["study_id"].astype(str))
    order = {grade: i for i, grade in enumerate(GRADES[:3])} | {"not rated": -1}
    signs = {"+": 0, "?": 1, "-": 2}
    rows: list[dict[str, Any]] = []
    for study, part in rated.groupby("study_id", sort=False):
        row: dict[str, Any] = {"study_id": study}
        for name in (*STANDARDS, "quality"):
            row[name] = max(part[name], key=order.__getitem__)
        row["criterion"] = max(part["criterion"], key=signs.__getitem__)
        rows.append(row)
    columns = ["study_id", *STANDARDS, "quality", "criterion"]
    return marked(pd.DataFrame(rows, columns=columns), is_simulated(table))


def _texts(table: pd.DataFrame, name: str) -> list[str]:
    if name not in table:
        return [""] * len(table)
    return [
        "" if pd.isna(v) else str(v).strip().casefold() for v in table[name].tolist()
    ]


def _yes(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return 1 for yes, 0 for no, NaN for a blank."""
    known = {"true": 1.0, "yes": 1.0, "1": 1.0, "1.0": 1.0} | {
        "false": 0.0, "no": 0.0, "0": 0.0, "0.0": 0.0,
    }  # fmt: skip
    return np.array([known.get(text, np.nan) for text in _texts(table, name)])


def _flaw(text: str) -> str:
    if text in _NONE:
        return "very good"
    return "inadequate" if text.startswith("important") else "doubtful"
