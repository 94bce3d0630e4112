"""What a figure draws of a fitted model: one row a coefficient."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from waistats.arrays import FloatArray
from waistats.errors import ModelError, near
from waistats.format import coefficient, fixed, interval, level

# What tells the coefficients of one study apart, in the order of its use.
_PARTS = ("sample_id", "instrument", "rater", "scale", "coefficient_id")


def study_rows(result: Any, labels: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Return the coefficients of a model as a figure needs them.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        The model.
    labels : str or sequence of str, optional
        A column with the labels, or the labels; by default the study, and what tells
        its coefficients apart.

    Returns
    -------
    DataFrame
        ``label, yi, vi, se, ci_low, ci_high, weight`` (percent) and ``n, n_items``
        where the table has them; intervals are normal ones on the model's scale.
    """
    effects = result.effects
    se = np.sqrt(effects.vi)
    half = stats.norm.ppf((1 + result.conf_level) / 2) * se
    rows = pd.DataFrame(
        {
            "label": _labels(effects.table, labels),
            "yi": effects.yi,
            "vi": effects.vi,
            "se": se,
            "ci_low": effects.yi - half,
            "ci_high": effects.yi + half,
            "weight": result.weight_shares(),
        }
    )
    for name in ("n", "n_items"):
        if name in effects.table:
            rows[name] = effects.table[name].to_numpy()
    return rows


def _labels(table: pd.DataFrame, labels: str | Sequence[str] | None) -> list[str]:
    if isinstance(labels, str):
        check_column(table, labels)
        return [str(value) for value in table[labels]]
    if labels is not None:
        given = [str(label) for label in labels]
        if len(given) != len(table):
            raise ModelError(
                f"labels must have one text a coefficient ({len(table)}); got "
                f"{len(given)}."
            )
        return given
    return study_labels(table)


def check_column(table: pd.DataFrame, name: str) -> None:
    """Raise a ModelError unless the fitted table has the column."""
    if name not in table:
        raise ModelError(
            f"The fitted table has no column {name!r}{near(name, map(str, table))}."
        )


def study_labels(table: pd.DataFrame) -> list[str]:
    """Return a label a row: the study, and what tells its coefficients apart."""
    label = table["study_id"].astype(str)
    for name in _PARTS:
        repeated = label.duplicated(keep=False)
        if not repeated.any():
            break
        if name not in table:
            continue
        part = table[name].fillna("").astype(str)
        differs = part.groupby(label).transform("nunique") > 1
        # a sample or coefficient often repeats the name of its study
        part = pd.Series(
            [p.removeprefix(s).lstrip("_ ") for p, s in zip(part, label, strict=True)],
            index=label.index,
        )
        label = label.mask(repeated & differs & (part != ""), label + ", " + part)
    return list(label)


def by_value(rows: pd.DataFrame, order: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return rows in an order: ``"input"``, ``"estimate"``, ``"precision"``, column."""
    if order == "input":
        return rows
    if order == "estimate":
        return rows.sort_values("yi", kind="stable")
    if order == "precision":
        return rows.sort_values("vi", kind="stable")
    check_column(table, order)
    return rows.loc[
        table[order].reset_index(drop=True).sort_values(kind="stable").index
    ]


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


_NOUNS = {
    "alpha": ("Coefficient alpha", "α"),
    "kr20": ("KR-20", "KR-20"),
    "omega_total": ("Omega total", "ω"),
    "omega_hierarchical": ("Omega hierarchical", "ωh"),
    "ordinal_alpha": ("Ordinal alpha", "Ordinal α"),
    "test_retest": ("Test–retest correlation", "r"),
    "icc": ("Intraclass correlation", "ICC"),
}


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


def pooled_text(result: Any) -> str:
    """Return a sentence with the pooled value and its intervals."""
    if result.has_moderators:
        return f"The model is {result.design.formula}."
    row = result.predict().iloc[0]
    digits = decimals(row.to_numpy(dtype=float))
    measure, shown = result.measure, level(result.conf_level)
    text = f"Pooled {value_text(row.estimate, measure, digits)}, "
    text += f"{shown} confidence interval "
    text += range_text(row.ci_low, row.ci_high, measure, digits)
    if result.method != "CE":
        far = range_text(row.pi_low, row.pi_high, measure, digits)
        text += f", {shown} prediction interval {far}"
    return text + "."
