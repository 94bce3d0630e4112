"""What a figure draws of a fitted model: one row a coefficient."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from waistats.errors import ModelError, near
from waistats.rg.as_model import as_model
from waistats.rg.study import RGStudy

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


def coefficient_table(data: Any) -> pd.DataFrame:
    """Return a coefficient table: itself, or that of a study or model."""
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, RGStudy):
        return data.effects
    return as_model(data).effects.table
