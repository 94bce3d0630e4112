"""Bivariate correlations and regressions of coefficients, as in the classical study."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._adjusted import adjusted_p
from waistats._areas import critical
from waistats._format import Result, counted, fixed, p_statement
from waistats._frames import as_frame
from waistats._signature import renamed
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, check_option, listing, near
from waistats.measures import prepared, status_of
from waistats.meta._design import build_design
from waistats.meta._formula import parse_formula
from waistats.provenance import is_simulated, marked, of_simulated
from waistats.rg.compare_samples import on_one_metric

# What a coefficient table may say of a study, in the order of the report.
CHARACTERISTICS = (
    "n", "n_items", "year", "mean_age", "pct_female", "score_mean", "score_sd",
    "session_number", "instrument", "rater", "scale", "language", "setting", "modality",
)  # fmt: skip
FEWEST = 4


def _characteristics(
    table: pd.DataFrame, characteristics: Sequence[str] | None
) -> list[str]:
    if characteristics is None:
        return [c for c in CHARACTERISTICS if c in table]
    absent = [c for c in characteristics if c not in table]
    if absent:
        words = [f"{c}{near(c, map(str, table.columns))}" for c in absent]
        raise DataError(f"Characteristics are not columns: {listing(words)}.")
    return list(characteristics)


def _observed(coefficients: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Return the rows that report on their own sample; quoted values are excluded."""
    table = prepared(coefficients, ("study_id", outcome))
    return table[status_of(table).own].reset_index(drop=True)


def _indicators(column: pd.Series, name: str) -> dict[str, FloatArray]:
    """Return a number as itself, categories as one 0/1 variable per level."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().sum() == column.notna().sum() and column.notna().any():
        return {name: numbers.to_numpy(dtype=float)}
    text = column.astype("object")
    groups = sorted({str(v) for v in text.dropna()})
    there = text.notna().to_numpy()
    if len(groups) < 2:
        return {}
    # two levels carry one contrast
    shown = groups[1:] if len(groups) == 2 else groups
    return {
        f"{name} = {g}": np.where(there, (text.astype(str) == g).to_numpy(), np.nan)
        for g in shown
    }


@renamed(characteristics="moderators")
def correlates(
    coefficients: pd.DataFrame,
    moderators: Sequence[str] | None = None,
    *,
    outcome: str = "estimate",
    method: str = "pearson",
    adjust: str = "holm",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Correlate coefficients with study characteristics, one at a time.

    Parameters
    ----------
    coefficients : DataFrame
        A coefficient table of one kind of coefficient.
    moderators : sequence of str, optional
        Columns; by default all known study characteristics of the table. Categories
        become one 0/1 variable per level (one in all for two levels).
    outcome : str, default "estimate"
        The column that is correlated; ``"yi"`` for the transformed coefficient.
    method : {"pearson", "spearman"}, default "pearson"
        Kind of correlation (pingouin).
    adjust : str, default "holm"
        Adjustment of the p values for their number, a name of statsmodels'
        ``multipletests``.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    DataFrame
        ``characteristic, k, estimate, r2, ci_low, ci_high, p_value, p_adjusted, note``;
        ``estimate`` is the correlation. Rows that say why none could be computed have
        it empty.

    Notes
    -----
    Every coefficient counts the same and as if it were independent, as in the classical
    study. Sample size is a precision, not a cause of reliability: a correlation with it
    can arise from selection or from the mix of studies. Score means and SDs are in per
    cent of the possible score, unless all are of one form; ``note`` says which.
    """
    coefficients = as_frame(coefficients)
    method = check_option("method", method, ("pearson", "spearman"))
    coefficients = _observed(coefficients, outcome)
    y = pd.to_numeric(coefficients[outcome], errors="coerce").to_numpy(dtype=float)
    rows: list[tuple[Any, ...]] = []
    for name in _characteristics(coefficients, moderators):
        table, metric = on_one_metric(coefficients, name)
        variables = _indicators(table[name], name)
        if not variables:
            k = int((np.isfinite(y) & coefficients[name].notna().to_numpy()).sum())
            rows.append((name, k, *[np.nan] * 5, "does not vary"))
        for label, x in variables.items():
            both = np.isfinite(x) & np.isfinite(y)
            k = int(both.sum())
            if k < FEWEST:
                rows.append((label, k, *[np.nan] * 5, f"fewer than {FEWEST} values"))
            elif np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
                rows.append((label, k, *[np.nan] * 5, "does not vary"))
            else:
                r, p = _correlation(x[both], y[both], method)
                low, high = _fisher_limits(r, k, conf_level)
                rows.append((label, k, r, r**2, low, high, p, metric))
    columns = [
        "characteristic", "k", "estimate", "r2", "ci_low", "ci_high", "p_value", "note",
    ]  # fmt: skip
    out = pd.DataFrame(rows, columns=columns)
    out["p_adjusted"] = np.nan
    tested = out["p_value"].notna().to_numpy()
    if tested.any():
        values = out.loc[tested, "p_value"].to_numpy(dtype=float)
        out.loc[tested, "p_adjusted"] = adjusted_p(values, adjust)
    out = out[[*columns[:-1], "p_adjusted", "note"]]
    return marked(out, is_simulated(coefficients))


def _fisher_limits(r: float, k: int, conf_level: float) -> tuple[float, float]:
    """Return Fisher's limits of a correlation; pingouin's are rounded."""
    if abs(r) >= 1 - 1e-15:
        return r, r
    half = critical(conf_level, None) / np.sqrt(k - 3)
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))


def _correlation(x: FloatArray, y: FloatArray, method: str) -> tuple[float, float]:
    """Return a correlation and its p; without pingouin by SciPy, which it calls."""
    try:
        import pingouin
    except ImportError:
        from scipy import stats

        program = stats.pearsonr if method == "pearson" else stats.spearmanr
        result = program(x, y)
        return float(result.statistic), float(result.pvalue)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pingouin.corr(x, y, method=method).iloc[0]
    return float(found["r"]), float(found[_p_name(found)])


def _p_name(row: pd.Series) -> str:
    return next(str(c) for c in row.index if str(c) in {"p_val", "p-val"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ClassicalRegression(Result):
    """An ordinary regression of coefficients on study characteristics.

    Attributes
    ----------
    frame : DataFrame
        ``term, estimate, se, statistic, df, p_value, ci_low, ci_high, standardized,
        structure``; standardized weights and structure coefficients (correlations of a
        predictor with the fitted values) are empty for the intercept.
    r2, r2_adjusted : float
        Explained variance, 0-100.
    f_statistic, f_df, f_df_residual, p_value : float
        Robust test of all predictors.
    k : int
        Coefficients used; ``n_dropped`` were incomplete.
    weights : str
        ``"none"`` or the column.
    simulated : bool
        Whether any coefficient is SIMULATED.
    """

    frame: pd.DataFrame
    r2: float
    r2_adjusted: float
    f_statistic: float
    f_df: float
    f_df_residual: float
    p_value: float
    k: int
    n_dropped: int
    weights: str
    simulated: bool

    def to_frame(self) -> pd.DataFrame:
        """Return one row per term."""
        return self.frame.copy()

    def heading(self) -> str:
        """Return the fit in two lines."""
        kind = "Ordinary" if self.weights == "none" else f"{self.weights}-weighted"
        df = f"{fixed(self.f_df, 0)}, {fixed(self.f_df_residual, 0)}"
        return (
            f"{kind} least squares of coefficients (k = {self.k}; HC3 errors)"
            f"{of_simulated(self.simulated)}\n"
            f"R2 = {fixed(self.r2, 2)}%, adjusted {fixed(self.r2_adjusted, 2)}%; "
            f"F({df}) = {fixed(self.f_statistic)}, {p_statement(self.p_value, 4)}"
        )

    def closing(self) -> str:
        """Return how many rows were incomplete."""
        if not self.n_dropped:
            return ""
        return f"{counted(self.n_dropped, 'coefficient')} with missing predictors excluded."


@renamed(predictors="moderators")
def classical_regression(
    coefficients: pd.DataFrame,
    moderators: str,
    *,
    weights: str | None = None,
    outcome: str = "estimate",
    conf_level: float = 0.95,
) -> ClassicalRegression:
    """Regress coefficients on several characteristics at once (statsmodels).

    Parameters
    ----------
    coefficients : DataFrame
        A coefficient table of one kind of coefficient.
    moderators : str
        A formula such as ``"~ rater + n_items"``.
    weights : str, optional
        A column such as ``"n"``; None for equal weights.
    outcome : str, default "estimate"
        The column that is explained.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    ClassicalRegression
        With HC3 standard errors, standardized weights and structure coefficients.

    Notes
    -----
    This is the analysis of the first reliability generalization studies. It takes
    coefficients as independent and equally precise; `fit_meta` and `fit_multilevel` do
    not.
    """
    coefficients = as_frame(coefficients)
    import statsmodels.api as sm

    coefficients = _observed(coefficients, outcome)

    variables = parse_formula(moderators, map(str, coefficients.columns)).variables
    needed = [v for v in variables if v in coefficients.columns]
    columns = [outcome, *needed, *([weights] if weights else [])]
    absent = [c for c in columns if c not in coefficients]
    if absent:
        raise DataError(f"Columns are missing: {listing(absent)}.")
    complete = coefficients[columns].notna().all(axis=1).to_numpy()
    table = coefficients.loc[complete].reset_index(drop=True)
    if len(table) < 3:
        raise ModelError(
            f"Only {counted(len(table), 'coefficient has', 'coefficients have')} "
            f"values in all of {listing(columns)}; at least 3 are needed."
        )
    design = build_design(moderators, table)
    if len(table) <= design.X.shape[1] + 1:
        raise ModelError(
            f"{counted(len(table), 'coefficient is', 'coefficients are')} too few for "
            f"a regression with {counted(design.X.shape[1], 'term')}. Use fewer "
            "predictors."
        )
    y = pd.to_numeric(table[outcome]).to_numpy(dtype=float)
    w = None if weights is None else pd.to_numeric(table[weights]).to_numpy(dtype=float)
    model = sm.OLS(y, design.X) if w is None else sm.WLS(y, design.X, weights=w)
    fit = model.fit(cov_type="HC3", use_t=True)
    low, high = fit.conf_int(1 - conf_level).T
    standardized, structure = _standardized(
        design.X, y, fit.fittedvalues, fit.params, w
    )
    names = list(design.names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f_statistic, p_value = float(fit.fvalue), float(fit.f_pvalue)
    frame = pd.DataFrame(
        {
            "term": names,
            "estimate": fit.params,
            "se": fit.bse,
            "statistic": fit.tvalues,
            "df": float(fit.df_resid),
            "p_value": fit.pvalues,
            "ci_low": low,
            "ci_high": high,
            "standardized": standardized,
            "structure": structure,
        }
    )
    simulated = is_simulated(table)
    return ClassicalRegression(
        frame=marked(frame, simulated),
        r2=100 * float(fit.rsquared),
        r2_adjusted=100 * float(fit.rsquared_adj),
        f_statistic=f_statistic,
        f_df=float(fit.df_model),
        f_df_residual=float(fit.df_resid),
        p_value=p_value,
        k=len(table),
        n_dropped=int((~complete).sum()),
        weights=weights or "none",
        simulated=simulated,
    )


def _standardized(
    X: FloatArray,
    y: FloatArray,
    fitted: FloatArray,
    beta: FloatArray,
    weights: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """Return standardized weights and correlations with the fitted values."""
    w = np.ones(len(y)) if weights is None else weights
    w = w / w.sum()

    def sd(a: FloatArray) -> float:
        return float(np.sqrt(w @ (a - w @ a) ** 2))

    standardized = np.full(len(beta), np.nan)
    structure = np.full(len(beta), np.nan)
    for j in range(len(beta)):
        s = sd(X[:, j])
        if s > 0 and sd(y) > 0:
            standardized[j] = beta[j] * s / sd(y)
            centered = X[:, j] - w @ X[:, j]
            moment = w @ (centered * (fitted - w @ fitted))
            spread = s * sd(fitted)
            structure[j] = moment / spread if spread > 0 else np.nan
    return standardized, structure
