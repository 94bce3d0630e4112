"""Samples that report reliability against samples that induce it.

Differences between two groups of samples.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from waistats._adjusted import adjusted_p
from waistats._areas import critical, two_sided
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import DataError, check_conf_level, listing, near
from waistats.instruments.forms import bundled_forms
from waistats.io._plausibility import score_limits
from waistats.measures import EXCLUDED, OWN
from waistats.provenance import is_simulated, marked
from waistats.rg.descriptives import NOT_STATED
from waistats.rg.induction import (
    STATUSES,
    number_column,
    row_statuses,
    text_column,
    unit_ids,
)


def hedges_g(x: FloatArray, y: FloatArray, conf_level: float) -> dict[str, Any]:
    """Return the standardized difference of two groups, x minus y."""
    k1, k2 = len(x), len(y)
    df = k1 + k2 - 2
    pooled = ((k1 - 1) * x.var(ddof=1) + (k2 - 1) * y.var(ddof=1)) / df
    if pooled == 0:
        return {"note": "does not vary within the groups"}
    # the exact correction of small samples
    j = np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2))
    g = float(j / np.sqrt(df / 2) * (x.mean() - y.mean()) / np.sqrt(pooled))
    se = float(np.sqrt(1 / k1 + 1 / k2 + g**2 / (2 * (k1 + k2))))
    return _wald(g, se, conf_level)


def welch(x: FloatArray, y: FloatArray, conf_level: float) -> dict[str, Any]:
    """Return the difference of two means, x minus y, with unequal variances."""
    a, b = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    if a + b == 0:
        return {"note": "does not vary within the groups"}
    df = float((a + b) ** 2 / (a**2 / (len(x) - 1) + b**2 / (len(y) - 1)))
    estimate, se = float(x.mean() - y.mean()), float(np.sqrt(a + b))
    half = critical(conf_level, df) * se
    return {
        "estimate": estimate,
        "se": se,
        "df": df,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "p_value": float(two_sided(estimate / se, df)),
    }


def _wald(estimate: float, se: float, conf_level: float) -> dict[str, Any]:
    half = critical(conf_level) * se
    return {
        "estimate": estimate,
        "se": se,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "p_value": float(two_sided(estimate / se)),
    }


def log_odds_ratio(counts: FloatArray, conf_level: float) -> dict[str, Any]:
    """Return the log odds ratio of ``yes, no`` of two groups, first over second.

    Half is added to all counts where one is 0.
    """
    a, b, c, d = counts if counts.all() else counts + 0.5
    odds = float(np.log(a * d / (b * c)))
    return _wald(odds, float(np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)), conf_level)


SCORES = ("score_mean", "score_sd")
NUMBERS = (*SCORES, "mean_age", "pct_female", "n")
CATEGORIES = ("setting", "sample_type", "rater", "instrument")
COLUMNS = (
    "variable", "level", "measure", "k_reporting", "k_inducing", "mean_reporting",
    "sd_reporting", "mean_inducing", "sd_inducing", "estimate", "se", "df",
    "ci_low", "ci_high", "p_value", "p_adjusted", "note",
)  # fmt: skip
_FEWEST = 2


def compare_samples(
    table: pd.DataFrame,
    variables: Sequence[str] | None = None,
    *,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    r"""Compare samples that report reliability with samples that induce it.

    Parameters
    ----------
    table : DataFrame
        A coding sheet as `read_coefficients` reads it, with ``reliability_status``.
    variables : sequence of str, optional
        Columns to compare; by default score mean and SD, age, share of women, n,
        setting, kind of sample, rater and form, as far as the table has them.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    DataFrame
        One row per difference, inducing minus reporting: ``variable``, ``level`` (of a
        category), ``measure``, ``k_reporting, k_inducing`` (samples with a value),
        ``mean_reporting, sd_reporting, mean_inducing, sd_inducing`` (means over
        samples; shares for a level), ``estimate, se, df, ci_low, ci_high, p_value,
        p_adjusted`` (for the number of differences, by Holm), ``note``.

    Raises
    ------
    DataError
        If the status is missing, or one of the two groups is empty.

    Notes
    -----
    A sample enters once, with the mean of its rows. Measures:

    * ``hedges g``: :math:`g = J d`, :math:`J` by gamma functions, variance
      :math:`1/k_1 + 1/k_2 + g^2/(2(k_1+k_2))`, as metafor's ``escalc("SMD")``; the p
      value is that of :math:`g/se`;
    * ``log variance ratio`` of score SDs: difference of the mean :math:`\ln s^2`, with
      Welch's t; :math:`e` to it is the ratio of typical variances;
    * ``difference`` of the share of women in percentage points, with Welch's t;
    * ``log odds ratio`` of each level of a category, with 1/2 added to all four counts
      where one is 0, as ``escalc("OR")``.

    Score means and SDs are made comparable across forms as per cent of the possible
    (POMP) where every sample tells its answers (or is of a bundled form); else they are
    compared as they are, and ``note`` says so. ``n`` enters as its logarithm, and is
    ``n_sample`` where n is blank. Where the intervals leave room for small differences
    of means and spreads only, generalizing the reported reliability to the inducing
    samples is the more credible; a test that does not reject shows no such thing.

    Examples
    --------
    >>> sheet = pd.DataFrame({
    ...     "study_id": list("ABCDEF"), "mean_age": [31, 35, 38, 30, 34, 33],
    ...     "reliability_status": ["reported_own"] * 3 + ["omitted"] * 3})
    >>> compare_samples(sheet)[["variable", "measure", "estimate", "se"]].round(3)
       variable   measure  estimate     se
    0  mean_age  hedges g    -0.645  0.837
    """
    table = as_frame(table)
    check_conf_level(conf_level)
    samples = _samples(table, variables)
    induced = samples["induced"].to_numpy(dtype=bool)
    for name, there in (("report", ~induced), ("induce", induced)):
        if not there.any():
            raise DataError(f"no sample {name}s reliability: nothing to compare.")
    rows: list[dict[str, Any]] = []
    for name in samples.attrs["numbers"]:
        rows += _numbers(name, samples, induced, conf_level)
    for name in samples.attrs["categories"]:
        rows += _levels(name, samples[name], induced, conf_level)
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    tested = out["p_value"].notna().to_numpy()
    if tested.any():
        values = out.loc[tested, "p_value"].to_numpy(dtype=float)
        out.loc[tested, "p_adjusted"] = adjusted_p(values, "holm")
    return marked(out, is_simulated(table))


def _samples(table: pd.DataFrame, variables: Sequence[str] | None) -> pd.DataFrame:
    """Return one row per sample: ``induced``, and what is compared."""
    status = row_statuses(table)
    chosen = [variables] if isinstance(variables, str) else variables
    if chosen is None:
        have = {*table.columns, *(["n"] if "n_sample" in table else [])}
        chosen = [name for name in (*NUMBERS, *CATEGORIES) if name in have]
    absent = [n for n in chosen if n not in table and n != "n"]
    if absent or not chosen:
        said = listing(f"{n!r}{near(n, table.columns)}" for n in absent)
        raise DataError(
            f"the table has none of these to compare: {said or listing(NUMBERS)}."
        )
    numbers = [
        n
        for n in chosen
        if n in NUMBERS or (n not in CATEGORIES and _is_number(table[n]))
    ]
    told = {name: number_column(table, name) for name in numbers}
    note = ""
    if "n" in told:
        blank = np.isnan(told["n"])
        told["n"] = np.log(np.where(blank, number_column(table, "n_sample"), told["n"]))
    scores = [n for n in SCORES if n in told]
    if scores:
        shown, note = _comparable(table)
        told |= {name: shown[name] for name in scores}
    frame = pd.DataFrame(
        {
            "unit": unit_ids(table, "sample"),
            "rank": [STATUSES.index(s) if s in STATUSES else 99 for s in status],
            **told,
            **{
                name: [text or None for text in text_column(table, name)]
                for name in chosen
                if name not in numbers
            },
        }
    )
    frame = frame[[s != EXCLUDED for s in status]]
    how = {n: "mean" if n in numbers else "first" for n in chosen}
    samples = frame.groupby("unit", sort=False).agg({"rank": "min", **how})
    samples["induced"] = samples["rank"] != STATUSES.index(OWN)
    samples.attrs = {
        "numbers": numbers,
        "categories": [n for n in chosen if n not in numbers],
        "note": note,
    }
    return samples


def _is_number(column: pd.Series) -> bool:
    kind = column.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def on_one_metric(table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, str]:
    """Return a table with score means or SDs on one metric, and which, in words.

    Per cent of the possible score; as they are where no row tells its range and all are
    of one form, length and ``score_metric``. Scores of another metric become NaN. Other
    columns are left as they are, without words.
    """
    if name not in SCORES or not _is_number(table[name]):
        return table, ""
    raw, pomp = number_column(table, name), pomp_scores(table)[name]
    there, told = np.isfinite(raw), np.isfinite(pomp)
    facts = ("instrument", "scale", "n_items", "score_metric", "response_max")
    rows = table.loc[there, [c for c in facts if c in table]].astype(str)
    if not told.any() and not len(rows.drop_duplicates()) > 1:
        return table, "on the metric of the one form"
    lost = int((there & ~told).sum())
    words = "per cent of the possible score"
    words += f"; metric of {lost} not known" if lost else ""
    return table.assign(**{name: pomp}), words


def _comparable(table: pd.DataFrame) -> tuple[dict[str, FloatArray], str]:
    """Return score means and SDs as POMP where all can be, else as they are."""
    mean, sd = number_column(table, "score_mean"), number_column(table, "score_sd")
    pomp = pomp_scores(table)
    there = np.isfinite(mean) | np.isfinite(sd)
    told = np.isfinite(pomp["score_mean"]) | np.isfinite(pomp["score_sd"])
    if there.any() and told[there].all():
        return pomp, "per cent of the possible score"
    return {"score_mean": mean, "score_sd": sd}, (
        "on the metric of each study: only comparable within one form and metric"
    )


def pomp_scores(table: pd.DataFrame) -> dict[str, FloatArray]:
    r"""Return score means and SDs in per cent of the possible score; NaN if unknown.

    :math:`100 (M/m - a)/(b - a)` and :math:`100 (s/m)/(b - a)` for sums of m items
    answered from a to b. The metric is ``score_metric``, else the one that is possible;
    answers and items are those of the row, else of its bundled form.
    """
    mean, sd = number_column(table, "score_mean"), number_column(table, "score_sd")
    facts = {
        name: number_column(table, name)
        for name in ("response_min", "response_max", "n_items")
    }
    metric, scale = text_column(table, "score_metric"), text_column(table, "scale")
    forms = text_column(table, "instrument")
    limits = np.array(
        [
            score_limits(
                bundled_forms().get(forms[i]),
                {name: values[i] for name, values in facts.items()}
                | {"scale": scale[i].casefold()},
            )
            for i in range(len(table))
        ]
    ).reshape(-1, 3)
    low, high, items = limits.T
    said = np.array(metric, dtype=object)
    as_mean = (mean >= low) & (mean <= high)
    as_sum = (mean >= items * low) & (mean <= items * high)
    of_items = (said == "item_mean") | ((said == "") & as_mean & ~as_sum)
    of_sums = (said == "sum") | ((said == "") & as_sum & ~as_mean)
    divisor = np.where(of_items, 1.0, np.where(of_sums, items, np.nan))
    return {
        "score_mean": 100 * (mean / divisor - low) / (high - low),
        "score_sd": 100 * sd / divisor / (high - low),
    }


def _numbers(
    name: str, samples: pd.DataFrame, induced: np.ndarray, conf_level: float
) -> list[dict[str, Any]]:
    values = samples[name].to_numpy(dtype=float)
    there = np.isfinite(values)
    x, y = values[there & induced], values[there & ~induced]
    note = samples.attrs["note"] if name in ("score_mean", "score_sd") else ""
    if name == "n":
        note = "natural logarithm of n"
    row = {
        "variable": name,
        "level": "",
        "k_reporting": len(y),
        "k_inducing": len(x),
        "mean_reporting": y.mean() if len(y) else np.nan,
        "sd_reporting": y.std(ddof=1) if len(y) > 1 else np.nan,
        "mean_inducing": x.mean() if len(x) else np.nan,
        "sd_inducing": x.std(ddof=1) if len(x) > 1 else np.nan,
        "note": note,
    }
    if min(len(x), len(y)) < _FEWEST:
        few = f"fewer than {_FEWEST} samples with a value in a group"
        return [row | {"measure": "hedges g", "note": few}]
    if name == "pct_female":
        return [row | {"measure": "difference"} | welch(x, y, conf_level)]
    rows = [row | {"measure": "hedges g"} | hedges_g(x, y, conf_level)]
    if name == "score_sd" and (x > 0).all() and (y > 0).all():
        told = welch(np.log(x**2), np.log(y**2), conf_level)
        rows.append(row | {"measure": "log variance ratio"} | told)
    return rows


def _levels(
    name: str, column: pd.Series, induced: np.ndarray, conf_level: float
) -> list[dict[str, Any]]:
    """Return the log odds ratio of each level of a category; blanks are a level."""
    words = np.array([NOT_STATED if pd.isna(v) else str(v) for v in column])
    rows = []
    for word in sorted(set(words)):
        here = words == word
        counts = np.array(
            [
                (here & induced).sum(),
                (~here & induced).sum(),
                (here & ~induced).sum(),
                (~here & ~induced).sum(),
            ],
            dtype=float,
        )
        row = {
            "variable": name,
            "level": word,
            "measure": "log odds ratio",
            "k_reporting": int((~induced).sum()),
            "k_inducing": int(induced.sum()),
            "mean_reporting": counts[2] / counts[2:].sum(),
            "mean_inducing": counts[0] / counts[:2].sum(),
            "note": "" if counts.all() else "1/2 added to every count",
        }
        if here.all():
            rows.append(row | {"note": "all samples are of this level"})
            continue
        rows.append(row | log_odds_ratio(counts, conf_level))
    return rows
