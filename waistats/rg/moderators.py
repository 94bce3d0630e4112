"""One moderator at a time, by the rules of thumb for how many studies it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._adjusted import adjusted_p
from waistats._progress import progress
from waistats._typing import FloatArray
from waistats.errors import ConvergenceError, DataError, ModelError, listing
from waistats.meta._fits import Fits
from waistats.meta._formula import in_formula
from waistats.meta._verdict import verdict
from waistats.meta.fit import fit_effects
from waistats.meta.multilevel._intervals import study_text
from waistats.meta.multilevel.fit import fit_nested
from waistats.meta.multilevel.result import Model
from waistats.meta.results import MetaResult
from waistats.provenance import is_simulated, marked
from waistats.rg.compare_samples import on_one_metric
from waistats.rg.pooling import POOLED, cell_row, likelihood, method_note
from waistats.rg.quality import has_quality, rate_quality

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
    "country": "country",
    "publication_type": "publication_type",
    "publication_language": "publication_language",
    "translation_status": "translation_status",
    "administered_as": "administered_as",
    "scoring": "scoring",
    "n_options": "n_options",
    "level": "level",
    "phase": "phase",
    "sample_type": "sample_type",
    "diagnosis": "diagnosis",
    "treatment": "treatment",
    "treatment_format": "treatment_format",
    "design": "design",
    "quality": "quality",
}
# studies that a number needs, and each level of a category
PER_NUMBER, PER_LEVEL = 10, 4
COLUMNS = (
    "moderator", "kind", "k", "k_studies", "k_missing", "n_levels", "statistic", "df",
    "df_denominator", "p_value", "p_adjusted", "R2", "tau2", "slope", "slope_se",
    "slope_ci_low", "slope_ci_high", "change", "Q_E", "Q_E_df", "Q_E_p", "model",
    "explains", "why", "note",
)  # fmt: skip


def with_derived(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the moderators that are made of columns of the codebook.

    ``n_options`` counts the response options; ``quality`` is that of COSMIN's box.
    """
    out = table
    if {"response_min", "response_max"} <= set(table) and "n_options" not in table:
        span = pd.to_numeric(table["response_max"], errors="coerce") - pd.to_numeric(
            table["response_min"], errors="coerce"
        )
        out = out.assign(n_options=span + 1)
    if has_quality(table) and "quality" not in table:
        rated = rate_quality(table)["quality"]
        out = out.assign(quality=rated.where(rated != "not rated", ""))
    return out


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
    fits: Fits | None = None,
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
    fits : Fits, optional
        What was fitted before, which is not fitted again.

    Returns
    -------
    DataFrame
        One row per moderator: ``moderator, kind, k, k_studies, k_missing, n_levels,
        statistic, df, df_denominator, p_value, p_adjusted, R2, tau2``, of numbers also
        ``slope`` with its ``slope_se`` and limits on the scale of pooling and the
        ``change`` in alpha for one standard deviation more, from the mean; ``Q_E,
        Q_E_df, Q_E_p`` (residual heterogeneity), ``model, explains, why, note``.
        Numbers need ten studies, categories four a level (smaller levels are excluded,
        and counted in ``k_missing``); what has fewer is descriptive only. Dependent
        coefficients are tested with CR2 (HTZ), or by the model's own test on studies -
        p where that is safer; independent ones by Knapp and Hartung.

    Notes
    -----
    ``explains`` says whether words such as "explains" are allowed, and ``why``: not
    without a significant adjusted test, below 4 degrees of freedom, where one study
    alone decides the contrast, or where another moderator is the same contrast in these
    rows. Such a pair is tested once.

    Score means and SDs are tested on one metric: in per cent of the possible score,
    where ``response_min, response_max`` and ``score_metric`` (or a bundled form) tell
    it. Scores whose metric is not known are excluded, unless all are of one form; the
    ``note`` says which it was.
    """
    used = with_derived(effects[effects["yi"].notna()].reset_index(drop=True))
    names = list(CANDIDATES if candidates is None else candidates)
    fits = Fits() if fits is None else fits
    tests = [
        _screen_one(used, name, method, conf_level, V, fits)
        for name in progress([n for n in names if n in used], "moderators")
    ]
    _merge(tests)
    out = pd.DataFrame([test.row for test in tests], columns=list(COLUMNS))
    tested = out["p_value"].notna().to_numpy()
    if tested.any():
        values = out.loc[tested, "p_value"].to_numpy(dtype=float)
        out.loc[tested, "p_adjusted"] = adjusted_p(values, adjust)
    said = [
        verdict(
            float(p),
            float(df),
            conf_level=conf_level,
            decided_by=test.decided_by,
            same_as=test.same_as,
        )
        for test, p, df in zip(
            tests,
            out["p_adjusted"].astype(float),
            out["df_denominator"].astype(float),
            strict=True,
        )
    ]
    out["explains"] = np.array([one.explains for one in said], dtype=bool)
    out["why"] = np.array([one.why for one in said], dtype=object)
    return marked(out, is_simulated(used))


@dataclass(slots=True)
class _Test:
    """The test of one moderator: its row, its contrast, and what limits its words."""

    name: str
    row: dict[str, Any]
    rows: FloatArray | None = None
    X: FloatArray | None = None
    decided_by: str = ""
    same_as: tuple[str, ...] = ()

    def note(self, words: str) -> None:
        """Add words to the note of the row."""
        known = self.row.get("note") or ""
        self.row["note"] = f"{known}; {words}" if known else words


def tested_rows(used: pd.DataFrame, name: str) -> tuple[pd.DataFrame, str, int]:
    """Return the rows on which a moderator is tested.

    Parameters
    ----------
    used : DataFrame
        Effects of one kind of coefficient, all with ``yi``.
    name : str
        The column.

    Returns
    -------
    tuple of DataFrame, str and int
        Rows with a value, those of small levels of a category left out; the metric of
        scores in words; and the number of levels, 0 for a number.
    """
    table, metric = on_one_metric(with_derived(used), name)
    blank = table[name].isna() | (table[name].astype(str).str.strip() == "")
    number = _is_number(table[name])
    there = table[~blank].reset_index(drop=True)
    if number:
        return there, metric, 0
    there[name] = there[name].astype(str)
    studies = there.groupby(name)["study_id"].nunique()
    kept = sorted(studies.index[studies >= PER_LEVEL])
    there = there[there[name].isin(kept)].reset_index(drop=True)
    return there, metric, len(kept)


def level_counts(used: pd.DataFrame, name: str) -> str:
    """Return how many studies have each level, ``inpatient 1, outpatient 7``."""
    there = used[used[name].notna() & (used[name].astype(str).str.strip() != "")]
    studies = there.groupby(there[name].astype(str))["study_id"].nunique()
    if len(studies) < 2:
        return ""
    # a count after a value that has digits would be read as part of it
    quoted = any(sign.isdigit() for level in studies.index for sign in str(level))
    return listing(
        f"“{level}” {count}" if quoted else f"{level} {count}"
        for level, count in studies.items()
    )


def _screen_one(
    effects: pd.DataFrame,
    name: str,
    method: str,
    conf_level: float,
    V: Any,
    fits: Fits,
) -> _Test:
    used = effects.assign(**{_ROW: np.arange(len(effects))})
    there, metric, n_levels = tested_rows(used, name)
    number = _is_number(used[name])
    n_studies = int(there["study_id"].nunique())
    row: dict[str, Any] = {
        "moderator": name,
        "kind": "number" if number else "category",
        "k": len(there),
        "k_studies": n_studies,
        "k_missing": len(used) - len(there),
        "note": metric,
    }
    if not number:
        row["n_levels"] = n_levels
    test = _Test(name, row)
    why = ""
    if number and n_studies < PER_NUMBER:
        why = f"descriptive only: fewer than {PER_NUMBER} studies with a value"
    elif not number and n_levels < 2:
        why = f"descriptive only: no two levels with {PER_LEVEL} studies each"
        if counts := level_counts(used, name):
            why += f" ({counts})"
    elif number and there[name].nunique() < 2:
        why = "descriptive only: does not vary"
    if why:
        row["note"] = f"{why} ({metric})" if metric else why
        return test
    formula = f"~ {moderator_term(name, number=number)}"
    try:
        _test(test, there, formula, method, conf_level, V, fits)
    except (ModelError, DataError, ConvergenceError) as error:
        row["note"] = f"not estimable: {error}"
    return test


# a column that remembers the rows
_ROW = "row of the screen"


def _test(
    test: _Test,
    table: pd.DataFrame,
    formula: str,
    method: str,
    conf_level: float,
    V: Any,
    fits: Fits,
) -> None:
    """Test one moderator, with three levels where studies give several rows."""
    model: Model
    if table["study_id"].astype(str).duplicated().any():
        model = fit_nested(
            table,
            formula,
            method=likelihood(method),
            conf_level=conf_level,
            V=V,
            fits=fits,
        )
        found = model.omnibus
        label = "three levels, CR2" if found.basis == "CR2" else "three levels, t"
        test.decided_by = model.decided_by()
        for words in method_note(method):
            test.note(words.rstrip("."))
    else:
        model = fit_effects(
            table, formula, method=method, conf_level=conf_level, fits=fits
        )
        found, label = model.omnibus, "one level, Knapp-Hartung"
        if model.small_sample == "knapp-hartung-adhoc":
            label = "one level, Knapp-Hartung ad hoc"
        test.decided_by = alone_decides(model)
    if test.decided_by:
        test.note(f"{test.decided_by} alone determines this contrast")
    test.rows, test.X = table[_ROW].to_numpy(), model.design.X
    test.row |= {
        "statistic": found.statistic,
        "df": found.df,
        "df_denominator": found.df_denominator,
        "p_value": found.p_value,
        "R2": model.R2,
        "tau2": model.tau2,
        "Q_E": model.Q,
        "Q_E_df": model.Q_df,
        "Q_E_p": model.Q_p,
        "model": label,
    }
    if test.row["kind"] == "number":
        test.row |= _slope(model)


def _slope(model: Model) -> dict[str, Any]:
    """Return the slope of the one number of a model, and what it does to alpha."""
    row = model.to_frame().iloc[1]
    effects = model.alpha_effects()
    return {
        "slope": row["estimate"],
        "slope_se": row["se"],
        "slope_ci_low": row["ci_low"],
        "slope_ci_high": row["ci_high"],
        "change": effects["change"].iloc[1] if len(effects) > 1 else np.nan,
    }


_LEAST_LEVERAGE = 0.999


def alone_decides(model: MetaResult) -> str:
    """Return the study without which the moderators cannot be estimated; or nothing."""
    X = model.design.X
    p = X.shape[1]
    # without rows whose leverages sum to less than 1 the rank stays as it is
    leverage = (np.linalg.qr(_unit(X))[0] ** 2).sum(axis=1)
    for study, rows in model.effects.table.groupby("study_id").indices.items():
        if leverage[rows].sum() < _LEAST_LEVERAGE:
            continue
        rest = np.delete(X, rows, axis=0)
        if np.linalg.matrix_rank(rest) < p:
            return study_text(str(study))
    return ""


def _merge(tests: list[_Test]) -> None:
    """Leave one test of moderators that are the same contrast in their rows."""
    for i, one in enumerate(tests):
        for other in tests[i + 1 :]:
            if not _same_contrast(one, other):
                continue
            one.same_as = (*one.same_as, other.name)
            other.same_as = (*other.same_as, one.name)
    for i, test in enumerate(tests):
        if not test.same_as:
            continue
        before = {other.name for other in tests[:i]}
        first = next((name for name in test.same_as if name in before), None)
        names = " and ".join(test.same_as)
        test.note(f"the same contrast as {names} in these rows")
        if first is not None:
            test.note(f"tested once, under {first}")
            for column in ("statistic", "df", "df_denominator", "p_value"):
                test.row[column] = np.nan


def _same_contrast(one: _Test, other: _Test) -> bool:
    """Return whether two moderators span the same differences between their rows."""
    if one.rows is None or other.rows is None or one.X is None or other.X is None:
        return False
    _, first, second = np.intersect1d(one.rows, other.rows, return_indices=True)
    if len(first) < min(len(one.rows), len(other.rows)):
        return False
    A, B = one.X[first], other.X[second]
    ranks = {int(np.linalg.matrix_rank(_unit(M))) for M in (A, B, np.hstack([A, B]))}
    return len(ranks) == 1 and ranks != {1}


def _unit(X: FloatArray) -> FloatArray:
    """Return columns of length 1, so that ranks do not depend on units."""
    length = np.linalg.norm(X, axis=0)
    return X / np.where(length > 0, length, 1.0)


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
    used = with_derived(effects[effects["yi"].notna()].reset_index(drop=True))
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
