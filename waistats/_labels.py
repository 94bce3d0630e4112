"""A result in words: what its coefficients are called, its numbers in sentences."""

import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import coefficient, fixed, interval, level, p_statement, percent
from waistats._typing import FloatArray
from waistats.io._codebook import fields
from waistats.measures import back_transform
from waistats.meta.results import TestResult

_NOUNS = {
    "alpha": ("Coefficient alpha", "α"),
    "kr20": ("KR-20", "KR-20"),
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
    """Return a coefficient as shown; a plain number on an unknown scale."""
    return fixed(value, 2) if measure is None else coefficient(value, digits)


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
    return text if studies == result.k else f"{text} of {studies} studies"


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
    """Return a test as a paper prints it, such as ``F(2, 27) = 2.08, p = .144``."""
    degrees = [test.df]
    if test.distribution == "F":
        degrees.append(test.df_denominator)
    shown = ", ".join(fixed(d, 0 if float(d).is_integer() else 1) for d in degrees)
    sign = "χ²" if test.distribution == "chi2" else test.distribution
    return f"{sign}({shown}) = {fixed(test.statistic, 2)}, {p_statement(test.p_value)}"


def model_text(result: Any) -> str:
    """Return how a model was fitted, in a sentence."""
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
        kind = f"{kind} with levels {' and '.join(result.levels)}"
    how = "" if result.method == "CE" else f", {result.method}"
    tests = {
        "knapp-hartung": "Knapp–Hartung intervals",
        "knapp-hartung-adhoc": "Knapp–Hartung intervals, never narrower than plain",
        "t": "t intervals",
    }.get(result.small_sample, "normal intervals")
    return f"{kind}{how}, {scale}, {tests}."


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
    """
    text = name.replace("_", " ").strip()
    return _titles().get(name, text[:1].upper() + text[1:])


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
    return inside_words(word) if word in _titles() else word
