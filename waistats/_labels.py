"""How columns are headed, rounded and explained; a result in words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import (
    coefficient,
    counted,
    fixed,
    interval,
    level,
    p_statement,
    percent,
)
from waistats._typing import FloatArray
from waistats.io._codebook import fields
from waistats.measures import back_transform
from waistats.meta.results import TestResult


@dataclass(frozen=True, slots=True)
class Label:
    """How a column is shown wherever it is shown.

    Attributes
    ----------
    head : str
        What stands above it; ``*x*`` is italic, ``_{1}`` below the line.
    show : str
        ``"words"``, ``"count"`` (1,234), ``"year"``, ``"coefficient"`` (.91),
        ``"p"``, ``"df"``, ``"percent"`` (60.8), ``"number"`` (0.123), ``"number2"``
        (0.12); empty for what the values themselves say.
    stands_for : str
        What the head abbreviates, for the note below a table.
    """

    head: str
    show: str = ""
    stands_for: str = ""


LABELS: Mapping[str, Label] = {
    # who and what
    "study_id": Label("Study", "words"),
    "sample_id": Label("Sample", "words"),
    "coefficient_id": Label("Coefficient", "words"),
    "coefficient_type": Label("Coefficient", "words"),
    "instrument": Label("Version", "words"),
    "rater": Label("Rater", "words"),
    "scale": Label("Scale", "words"),
    "moderator": Label("Moderator", "words"),
    "level": Label("Level", "words"),
    "term": Label("Term", "words"),
    "variable": Label("Moderator", "words"),
    "characteristic": Label("Characteristic", "words"),
    "omitted": Label("Without", "words"),
    "added": Label("Adding", "words"),
    "reason": Label("Reason", "words"),
    "note": Label("Note", "words"),
    "doi": Label("DOI", "words"),
    "year": Label("Year", "year"),
    # how many
    "n": Label("*N*", "count"),
    "n_items": Label("Items", "count"),
    "k": Label("*k*", "count", "number of coefficients"),
    "k_studies": Label("Studies", "count"),
    "k_poolable": Label("Poolable", "count"),
    "k_without_value": Label("Without value", "count"),
    "k_missing": Label("Missing", "count"),
    "k_reporting": Label("*k* reporting", "count"),
    "k_inducing": Label("*k* inducing", "count"),
    "k0": Label("Filled in", "count"),
    "n_levels": Label("Levels", "count"),
    "n_excluded": Label("Excluded", "count"),
    "n_studies": Label("Studies", "count"),
    "samples": Label("Samples", "count"),
    "persons": Label("Persons", "count"),
    # coefficients as they were found
    "estimate": Label("Estimate", "bounded"),
    "mean": Label("*M*", "coefficient"),
    "median": Label("*Mdn*", "coefficient"),
    "mode": Label("Mode", "coefficient"),
    "sd": Label("*SD*", "coefficient"),
    "min": Label("Min", "coefficient"),
    "max": Label("Max", "coefficient"),
    "q1": Label("*Q*_{1}", "coefficient"),
    "q3": Label("*Q*_{3}", "coefficient"),
    "alpha_if_dropped": Label("α without", "coefficient"),
    "item_rest_correlation": Label("*r* with rest", "coefficient"),
    "loading": Label("Loading", "coefficient"),
    "r2": Label("*r*²", "coefficient"),
    "change": Label("Change in α", "coefficient3"),
    "score_mean": Label("*M* (score)", "number2"),
    "score_sd": Label("*SD* (score)", "number2"),
    "mean_age": Label("Mean age", "number1"),
    "pct_female": Label("Female (%)", "percent"),
    # models
    "slope": Label("*b*", "number"),
    "slope_se": Label("*SE*", "number"),
    "se": Label("*SE*", "number"),
    "statistic": Label("Statistic", "number2"),
    "df": Label("*df*", "df"),
    "p_value": Label("*p*", "p"),
    "p_adjusted": Label("*p*_{adj}", "p", "p adjusted for the number of tests"),
    "tau2": Label("τ²", "number", "between-population variance"),
    "tau": Label("τ", "number", "standard deviation of true values"),
    "sigma2": Label("σ²", "number"),
    "I2": Label("*I*² (%)", "percent"),
    "H2": Label("*H*²", "number2"),
    "R2": Label("*R*² (%)", "percent", "heterogeneity explained"),
    "Q": Label("*Q*", "number2"),
    "Q_df": Label("*df*", "count"),
    "Q_p": Label("*p*", "p"),
    "Q_E": Label("*Q*_{E}", "number2", "residual heterogeneity"),
    "Q_E_df": Label("*df*", "count"),
    "Q_E_p": Label("*p*", "p"),
    "aic": Label("AIC", "number2"),
    "bic": Label("BIC", "number2"),
    "aicc": Label("AICc", "number2"),
    "vif": Label("VIF", "number2"),
    "gvif": Label("GVIF", "number2"),
    "weight": Label("Weight (%)", "percent"),
    "yi": Label("*y*", "number"),
    "vi": Label("*v*", "number"),
    # deletion
    "rstudent": Label("Residual", "number"),
    "dffits": Label("DFFITS", "number"),
    "cook_d": Label("Cook’s *D*", "number"),
    "cov_ratio": Label("Cov. ratio", "number"),
    "tau2_deleted": Label("τ² without", "number"),
    "Q_deleted": Label("*Q* without", "number2"),
    "hat": Label("Leverage", "number"),
}
# ends of intervals: stem -> how the interval is headed, and what it is
LIMITS: Mapping[str, tuple[str, str]] = {
    "slope_ci": ("CI", "confidence interval"),
    "ci": ("CI", "confidence interval"),
    "pi": ("PI", "prediction interval for the true value of a new population"),
    "oi": ("OI", "interval for an observed value"),
}


def plain_head(name: str) -> str:
    """Return a column name as words: ``birth_place`` is ``Birth place``."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


_NOUNS = {
    "alpha": ("Coefficient alpha", "α"),
    "kr20": ("KR-20", "KR-20"),
    "omega": ("Omega", "ω"),
    "omega_total": ("Omega total", "ω"),
    "omega_hierarchical": ("Omega hierarchical", "ωh"),
    "ordinal_alpha": ("Ordinal alpha", "Ordinal α"),
    "test_retest": ("Test–retest correlation", "r"),
    "icc": ("Intraclass correlation", "ICC"),
}


def decimals(values: FloatArray) -> int:
    """Return 2, or 3 where an alpha below 1 would be shown as 1.00."""
    finite = values[np.isfinite(values)]
    return 3 if ((finite >= 0.995) & (finite < 1)).any() else 2


def value_text(value: float, measure: str | None, digits: int = 2) -> str:
    """Return a coefficient as figures show it; a plain number on an unknown scale.

    >>> value_text(-0.153, "bonett"), value_text(-0.153, None)
    ('−.15', '−0.15')
    """
    text = fixed(value, 2) if measure is None else coefficient(value, digits)
    return text.replace("-", "−")


def range_text(low: float, high: float, measure: str | None, digits: int = 2) -> str:
    """Return an interval as shown."""
    return interval(low, high, lambda v: value_text(float(v or 0), measure, digits))


def _kind(table: pd.DataFrame) -> tuple[str, str]:
    if "coefficient_type" not in table:
        return _NOUNS["alpha"]
    kinds = [str(kind) for kind in table["coefficient_type"].dropna().unique()]
    if len(kinds) == 1:
        return _NOUNS.get(kinds[0], (kinds[0], kinds[0]))
    return _NOUNS["alpha"] if set(kinds) <= {"alpha", "kr20"} else ("Reliability",) * 2


def noun(table: pd.DataFrame) -> str:
    """Return what the coefficients of a table are, such as ``Coefficient alpha``."""
    return _kind(table)[0]


def symbol_of(table: pd.DataFrame) -> str:
    """Return the short name of the coefficients of a table, such as ``α``."""
    return _kind(table)[1]


def symbol(result: Any) -> str:
    """Return the short name of a model's coefficients, such as ``α``."""
    return "Effect" if result.measure is None else _kind(result.effects.table)[1]


def total_text(result: Any) -> str:
    """Return ``30 coefficients``, and of how many studies where these are fewer."""
    simulated = "SIMULATED " if result.effects.simulated else ""
    text = f"{result.k} {simulated}coefficients"
    table = result.effects.table
    studies = table["study_id"].nunique()
    return text if studies == result.k else f"{text} of {counted(studies, 'study')}"


def pooled_text(result: Any, row: pd.Series | None = None) -> str:
    """Return a sentence with the pooled value and its intervals.

    ``row`` has them on the model's scale, where they are not those of the model.
    """
    if result.has_moderators:
        return f"The model is {result.design.formula}."
    if row is None:
        row = result.predict().iloc[0].drop("provenance", errors="ignore")
    elif result.measure is not None:
        row = back_transform(row, result.measure)
    digits = decimals(row.to_numpy(dtype=float))
    measure, shown = result.measure, level(result.conf_level)
    text = f"Pooled {value_text(row.estimate, measure, digits)}, "
    text += f"{shown} confidence interval "
    text += range_text(row.ci_low, row.ci_high, measure, digits)
    if result.method != "CE":
        far = range_text(row.pi_low, row.pi_high, measure, digits)
        text += f", {shown} prediction interval {far}"
    return text + "."


def heterogeneity_text(result: Any) -> str:
    """Return ``τ² = 0.05, I² = 60.8%, Q(73) = 213.52, p < .001``."""
    kind = "Residual heterogeneity: " if result.has_moderators else "Heterogeneity: "
    parts = [] if result.method == "CE" else [f"τ² = {fixed(result.tau2, 3)}"]
    parts += [
        f"I² = {percent(result.I2)}",
        f"Q({result.Q_df}) = {fixed(result.Q, 2)}",
        p_statement(result.Q_p),
    ]
    return kind + ", ".join(parts)


def statistic_text(test: TestResult) -> str:
    """Return a test as a paper prints it, such as ``F(2, 27) = 2.08, p = .144``.

    Where there is none, why.
    """
    if test.withheld:
        return f"not tested ({test.withheld})"
    degrees = [test.df]
    if test.distribution == "F":
        degrees.append(test.df_denominator)
    shown = ", ".join(fixed(d, 0 if float(d).is_integer() else 1) for d in degrees)
    sign = "χ²" if test.distribution == "chi2" else test.distribution
    return f"{sign}({shown}) = {fixed(test.statistic, 2)}, {p_statement(test.p_value)}"


def model_text(result: Any, *, robust: bool = False) -> str:
    """Return how a model was fitted, in a sentence; ``robust`` if its interval is CR2."""
    scale = {
        "bonett": "on the Bonett scale",
        "hakstian-whalen": "on the Hakstian–Whalen scale",
        "fisher-z": "on the Fisher z scale",
        "raw": "untransformed",
    }.get(result.measure, "on the scale of the effects")
    if result.method == "CE":
        kind = "Common-effect model"
    else:
        kind = (
            "Mixed-effects model" if result.has_moderators else "Random-effects model"
        )
    if hasattr(result, "levels"):
        names = [plain_head(name.removesuffix("_id")).lower() for name in result.levels]
        kind = f"{kind} with levels {' and '.join(names)}"
    how = "" if result.method == "CE" else f", {result.method}"
    tests = {
        "knapp-hartung": "Knapp–Hartung intervals",
        "knapp-hartung-adhoc": "Knapp–Hartung intervals with the ad hoc correction",
        "t": "t intervals",
    }.get(result.small_sample, "normal intervals")
    return f"{kind}{how}, {scale}, {'CR2 intervals' if robust else tests}."


@cache
def _titles() -> dict[str, str]:
    """Return the codebook's title of every column of a coding sheet."""
    return {field.name: field.title for field in fields("coding")}


def column_words(name: str) -> str:
    """Return what a column is called in print, by the codebook where it is there.

    Examples
    --------
    >>> column_words("pct_female"), column_words("n_items"), column_words("my_column")
    ('Female (%)', 'Number of items', 'My column')
    >>> column_words("instrument")
    'Version'
    """
    return _PRINTED.get(name) or _titles().get(name) or plain_head(name)


# columns that are made of those of the codebook, and titles that fit a coding sheet only
_PRINTED = {
    "n_options": "Response options",
    "quality": "Quality (COSMIN)",
    "instrument": "Version",
    "administered_as": "Form alone or extracted",
    "reliability_status": "Reliability reported",
}


def inside_words(name: str) -> str:
    """Return what a column is called inside a sentence or a term."""
    text = column_words(name)
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def term_text(name: str) -> str:
    """Return a term of a formula in words: ``rater[T.observer]`` is ``rater: observer``.

    Examples
    --------
    >>> term_text("C(rater)[T.observer]"), term_text("np.log(n_items)")
    ('rater: observer', 'log number of items')
    """
    parts = []
    for part in name.split(":"):
        text = re.sub(r"^C\(`?([^,`)]+)`?.*\)(\[|$)", r"\1\2", part)
        found = re.fullmatch(r"(.*?)\[(?:T\.)?(.*)\]", text)
        column, level = found.groups() if found else (text, "")
        words = re.sub(r"np\.log\(([^)]*)\)", r"log \1", column).split(" ")
        named = " ".join(map(_titled, words))
        parts.append(f"{named}: {level}" if level else named)
    return " × ".join(parts)


def _titled(word: str) -> str:
    """Return a column of the codebook in words, anything else as it is."""
    return inside_words(word) if word in _titles() or word in _PRINTED else word
