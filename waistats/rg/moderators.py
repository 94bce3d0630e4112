"""One moderator at a time, by the rules of thumb for how many coefficients it needs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats.errors import ConvergenceError, DataError, ModelError
from waistats.meta._formula import in_formula
from waistats.meta.fit import fit_meta
from waistats.meta.multilevel.fit import fit_multilevel
from waistats.provenance import is_simulated, marked
from waistats.rg.compare_samples import on_one_metric
from waistats.rg.pooling import POOLED, cell_row

# name in the table -> term of the formula
CANDIDATES: Mapping[str, str] = {
    "instrument": "instrument",
    "rater": "rater",
    "scale": "scale",
    "language": "language",
    "setting": "setting",
    "modality": "modality",
    "session": "session",
    "population": "population",
    "n_items": "np.log(n_items)",
    "score_mean": "score_mean",
    "score_sd": "score_sd",
    "mean_age": "mean_age",
    "pct_female": "pct_female",
    "year": "year",
}
PER_NUMBER, PER_LEVEL = 10, 4
COLUMNS = (
    "moderator", "kind", "k", "k_missing", "n_levels", "statistic", "df",
    "df_denominator", "p_value", "p_adjusted", "R2", "tau2", "model", "note",
)  # fmt: skip


def moderator_term(name: str, *, number: bool) -> str:
    """Return the term of a formula by which a column is tested."""
    return CANDIDATES.get(name, in_formula(name)) if number else in_formula(name)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(
        column
    )


def screen_moderators(
    effects: pd.DataFrame,
    candidates: Sequence[str] | None = None,
    *,
    method: str = "REML",
    conf_level: float = 0.95,
    adjust: str = "holm",
    V: Any = None,
) -> pd.DataFrame:
    """Test moderators one at a time, each on the rows that have it.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`, of one kind of coefficient.
    candidates : sequence of str, optional
        Columns; by default those of `CANDIDATES` that the table has. The number of
        items enters as its logarithm.
    method, conf_level
        Of the models.
    adjust : str, default "holm"
        Adjustment of p values for the number of tests.
    V : SamplingCovariance, optional
        Known sampling covariance, as `RGStudy` holds it.

    Returns
    -------
    DataFrame
        A row a moderator: ``moderator, kind, k, k_missing, n_levels, statistic, df,
        df_denominator, p_value, p_adjusted, R2, tau2, model, note``. Numbers need ten
        coefficients, categories four a level (smaller levels are left out, and counted
        in ``k_missing``); what has fewer is descriptive only. Dependent coefficients
        are tested with CR2 (HTZ), independent ones by Knapp and Hartung.

    Notes
    -----
    Score means and SDs are tested on one metric: in per cent of the possible score,
    where ``response_min, response_max`` and ``score_metric`` (or a bundled form) tell
    it. Scores whose metric is not known are left out, unless all are of one form; the
    ``note`` says which it was.
    """
    from statsmodels.stats.multitest import multipletests

    used = effects[effects["yi"].notna()].reset_index(drop=True)
    names = list(CANDIDATES if candidates is None else candidates)
    rows = [
        _screen_one(used, name, method, conf_level, V) for name in names if name in used
    ]
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    tested = out["p_value"].notna().to_numpy()
    if tested.any():
        values = out.loc[tested, "p_value"].to_numpy(dtype=float)
        out.loc[tested, "p_adjusted"] = multipletests(values, method=adjust)[1]
    return marked(out, is_simulated(used))


def _screen_one(
    used: pd.DataFrame, name: str, method: str, conf_level: float, V: Any
) -> dict[str, Any]:
    used, note = on_one_metric(used, name)
    blank = used[name].isna() | (used[name].astype(str).str.strip() == "")
    there = used[~blank].reset_index(drop=True)
    number = _is_number(used[name])
    row: dict[str, Any] = {
        "moderator": name,
        "kind": "number" if number else "category",
    }
    if not number:
        counts = there[name].astype(str).value_counts()
        kept = sorted(counts.index[counts >= PER_LEVEL])
        there = there[there[name].astype(str).isin(kept)].reset_index(drop=True)
        row["n_levels"] = len(kept)
    row |= {"k": len(there), "k_missing": len(used) - len(there)}
    if number and len(there) < PER_NUMBER:
        why = f"descriptive only: fewer than {PER_NUMBER} with a value"
        return row | {"note": f"{why} ({note})" if note else why}
    if not number and row["n_levels"] < 2:
        return row | {"note": f"descriptive only: no two levels with {PER_LEVEL} each"}
    if number and there[name].nunique() < 2:
        return row | {"note": "descriptive only: does not vary"}
    term = moderator_term(name, number=number)
    if not number:
        there[name] = there[name].astype(str)
    try:
        return row | _test(there, f"~ {term}", method, conf_level, V) | {"note": note}
    except (ModelError, DataError, ConvergenceError) as error:
        return row | {"note": f"not estimable: {error}"}


def _test(
    table: pd.DataFrame, formula: str, method: str, conf_level: float, V: Any
) -> dict[str, Any]:
    """Return the test of one moderator, robust where studies give several rows."""
    if table["study_id"].astype(str).duplicated().any():
        likelihood = method if method in {"ML", "REML"} else "REML"
        model = fit_multilevel(
            table, formula, method=likelihood, conf_level=conf_level, V=V
        )
        test = model.robust().omnibus
        null = fit_multilevel(table, method=likelihood, conf_level=conf_level, V=V).tau2
        label, tau2 = "three levels, CR2", model.tau2
        share = 100 * (null - tau2) / null if null > 0 else np.nan
        r2 = max(0.0, share) if np.isfinite(share) else np.nan
        if not np.isfinite(test.p_value):
            test, label = model.omnibus, "three levels, t"
    else:
        fit = fit_meta(table, formula, method=method, conf_level=conf_level)
        test, r2, tau2 = fit.omnibus, fit.R2, fit.tau2
        label = "one level, Knapp-Hartung"
    return {
        "statistic": test.statistic,
        "df": test.df,
        "df_denominator": test.df_denominator,
        "p_value": test.p_value,
        "R2": r2,
        "tau2": tau2,
        "model": label,
    }


def pooled_levels(
    effects: pd.DataFrame,
    candidates: Sequence[str] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Pool each level of each categorical moderator.

    Returns
    -------
    DataFrame
        ``moderator, level`` and the columns of `pooled_cells`.
    """
    used = effects[effects["yi"].notna()].reset_index(drop=True)
    names = [n for n in (candidates or CANDIDATES) if n in used]
    rows: list[dict[str, Any]] = []
    for name in names:
        if _is_number(used[name]) or used[name].nunique() < 2:
            continue
        for level, index in used.groupby(used[name].astype("object")).indices.items():
            head = {"moderator": name, "level": str(level)}
            rows.append(head | cell_row(used.iloc[index], **options))
    out = pd.DataFrame(rows, columns=["moderator", "level", *POOLED])
    return marked(out, is_simulated(used))
