"""Sampling covariance of alpha and of the score variance, from item responses.

Which coefficients tell of spread and error, and on which common metric.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import counted
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, check_option, listing
from waistats.instruments.forms import form_of
from waistats.measures import (
    ALPHA_TYPES,
    REQUIRED,
    effect_sizes,
    prepared,
    with_coefficient_ids,
)
from waistats.reliability._answers import Accepted, Codes, read_answers
from waistats.reliability._items import ItemsLike
from waistats.reliability._moments import (
    alpha_influence,
    alpha_of,
    influence_covariance,
)

SCORE_METRICS = ("sum", "item_mean")
METRICS = ("pomp", "as_given")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpreadRows:
    """The rows that are used, and those that are not.

    Attributes
    ----------
    table : DataFrame
        Used rows, index 0 ... k-1, with ``yi, vi`` (Bonett scale) and ``sd``, the
        standard deviation of the scores on the common metric.
    excluded : DataFrame
        ``study_id, coefficient_id, reason``.
    notes : tuple of str
        What was decided for the user.
    """

    table: pd.DataFrame
    excluded: pd.DataFrame
    notes: tuple[str, ...]


def spread_rows(
    coefficients: pd.DataFrame,
    *,
    scale: str | None = None,
    metric: str = "pomp",
    score_metric: str | None = None,
    response_min: float | None = None,
    response_max: float | None = None,
) -> SpreadRows:
    """Return the alphas with a standard deviation, on one metric.

    Raises
    ------
    DataError
        For columns that are missing, impossible standard deviations, and samples with
        several coefficients; all rows at once.
    ModelError
        For several scales without a choice.
    """
    metric = check_option("metric", metric, METRICS)
    if score_metric is not None:
        score_metric = check_option("score_metric", score_metric, SCORE_METRICS)
    table = prepared(coefficients, (*REQUIRED, "score_sd"))
    table = with_coefficient_ids(table.reset_index(drop=True))
    reason = pd.Series("", index=table.index, dtype=object)
    notes: list[str] = []
    _other_kinds(table, reason)
    notes += _other_scales(table, reason, scale)
    left = _blank(reason)
    if left.any():
        sized = effect_sizes(table[left])
        table.loc[left, ["yi", "vi"]] = sized[["yi", "vi"]]
        unpooled = sized.index[sized["yi"].isna()]
        why = sized["reason"] if "reason" in sized else pd.Series("", sized.index)
        reason[unpooled] = [why[i] or "no effect size" for i in unpooled]
    sd = _number(table, "score_sd")
    reason[_blank(reason) & ~(np.isfinite(sd) & (sd > 0))] = "no standard deviation"
    if metric == "pomp":
        ranges = response_ranges(table, response_min, response_max)
        reason[_blank(reason) & ranges.isna().any(axis=1)] = (
            "response range not known (columns response_min, response_max)"
        )
        kind, inferred = _score_metrics(table, ranges, sd, score_metric)
        reason[_blank(reason) & (kind == "")] = (
            "not known whether scores are sums or item means (column score_metric)"
        )
        guessed = int((inferred & _blank(reason)).sum())
        if guessed:
            notes.append(
                "Whether scores are sums or item means was inferred from their means "
                f"and standard deviations in {counted(guessed, 'row')}."
            )
        sd = _pomp(table, ranges, kind, sd, _blank(reason))
    used = table.assign(sd=sd)[_blank(reason)].reset_index(drop=True)
    _check_samples(used)
    out = ["study_id", "coefficient_id"]
    excluded = table.loc[~_blank(reason), out].astype(str)
    excluded["reason"] = reason[~_blank(reason)]
    return SpreadRows(
        table=used.assign(study_id=used["study_id"].astype(str)),
        excluded=excluded.reset_index(drop=True),
        notes=tuple(notes),
    )


def _blank(reason: pd.Series) -> pd.Series:
    return reason == ""


def _number(table: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as floats, NaN where absent; text is a DataError."""
    if column not in table:
        return pd.Series(np.nan, index=table.index)
    values = pd.to_numeric(table[column], errors="coerce").astype(float)
    wrong = values.isna() & table[column].notna()
    if wrong.any():
        raise DataError(
            f"{column} must be numbers, but is "
            f"{listing(repr(v) for v in table.loc[wrong, column])} (study_id "
            f"{listing(table.loc[wrong, 'study_id'])})."
        )
    return values


def _text(table: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as text, empty where missing or absent."""
    if column not in table:
        return pd.Series("", index=table.index, dtype=object)
    values = table[column].astype(object)
    return values.where(values.notna(), "").map(lambda v: str(v).strip())


def _other_kinds(table: pd.DataFrame, reason: pd.Series) -> None:
    kinds = _text(table, "coefficient_type")
    other = ~kinds.isin([*ALPHA_TYPES, ""])
    reason[other] = [f"coefficient_type {kind}, not alpha" for kind in kinds[other]]


def _other_scales(
    table: pd.DataFrame, reason: pd.Series, scale: str | None
) -> list[str]:
    """Keep one scale, since total and subscales share their answers."""
    scales = _text(table, "scale")
    there = sorted(set(scales[_blank(reason)]) - {""})
    if scale is None and len(there) < 2:
        return []
    chosen = scale if scale is not None else "total"
    if chosen not in there:
        raise ModelError(
            f"The table has the scales {listing(there) or 'none'}"
            + (
                f", not {scale!r}."
                if scale is not None
                else "; choose one with scale=."
            )
        )
    other = _blank(reason) & (scales != chosen)
    reason[other] = [
        f"scale {name or 'not stated'}, not {chosen}" for name in scales[other]
    ]
    if scale is None:
        return [
            f"Of {counted(len(there), 'scale')} only {chosen} was used; see scale=."
        ]
    return []


def response_ranges(
    table: pd.DataFrame, response_min: float | None, response_max: float | None
) -> pd.DataFrame:
    """Return lowest and highest answer: given, else of the table, else of the form.

    A label that names several forms, such as WAI, has no range.
    """
    low, high = (_number(table, c) for c in ("response_min", "response_max"))
    for i, name in enumerate(_text(table, "instrument")):
        form = form_of(name) if name else None
        if form is not None and pd.isna(low[i]) and pd.isna(high[i]):
            low[i] = np.nan if form.response_min is None else form.response_min
            high[i] = np.nan if form.response_max is None else form.response_max
    if response_min is not None or response_max is not None:
        if response_min is None or response_max is None:
            raise ModelError("Give response_min and response_max together.")
        low, high = low * 0 + response_min, high * 0 + response_max
        low, high = low.fillna(response_min), high.fillna(response_max)
    empty = np.flatnonzero(low >= high)
    if len(empty):
        raise DataError(
            "response_min must be below response_max, but is not for study_id "
            f"{listing(table['study_id'].iloc[empty])}."
        )
    return pd.DataFrame({"low": low, "high": high})


def _score_metrics(
    table: pd.DataFrame, ranges: pd.DataFrame, sd: pd.Series, given: str | None
) -> tuple[pd.Series, pd.Series]:
    """Return each row's metric, empty where unknown, and whether it was inferred.

    A mean outside the range of one of them, or a standard deviation above half of it,
    rules that one out.
    """
    if given is not None:
        return pd.Series(given, index=table.index), pd.Series(False, table.index)
    stated = _text(table, "score_metric")
    wrong = ~stated.isin([*SCORE_METRICS, ""])
    if wrong.any():
        raise DataError(
            f"score_metric must be 'sum' or 'item_mean', but is "
            f"{listing(sorted(set(stated[wrong])))} (study_id "
            f"{listing(table.loc[wrong, 'study_id'])})."
        )
    mean, m = _number(table, "score_mean"), _number(table, "n_items")
    possible = {}
    for name, items in (("sum", m), ("item_mean", 1.0)):
        low, high = ranges["low"] * items, ranges["high"] * items
        fits = mean.isna() | ((mean >= low) & (mean <= high))
        possible[name] = fits & (sd <= _largest(high - low, table))
    only_sum = possible["sum"] & ~possible["item_mean"]
    only_mean = possible["item_mean"] & ~possible["sum"]
    told = pd.Series("", index=table.index, dtype=object)
    told[only_sum], told[only_mean] = "sum", "item_mean"
    inferred = (stated == "") & (told != "")
    return stated.where(stated != "", told), inferred


def _largest(width: pd.Series, table: pd.DataFrame) -> pd.Series:
    """Return the largest standard deviation that a range of scores allows."""
    n = _number(table, "n")
    return width / 2 * np.sqrt(n / (n - 1).clip(lower=1)) * (1 + 1e-9)


def _pomp(
    table: pd.DataFrame,
    ranges: pd.DataFrame,
    kind: pd.Series,
    sd: pd.Series,
    used: pd.Series,
) -> pd.Series:
    """Return standard deviations in percent of the possible range."""
    items = _number(table, "n_items").where(kind == "sum", 1.0)
    width = (ranges["high"] - ranges["low"]) * items
    beyond = used & (sd > _largest(width, table))
    if beyond.any():
        places = listing(
            f"{sd[i]:g} {kind[i]} (study_id {table['study_id'].iloc[i]})"
            for i in np.flatnonzero(beyond)
        )
        raise DataError(
            f"score_sd is larger than the range of answers allows: {places}. Check "
            "score_metric, response_min, response_max and n_items."
        )
    return 100 * sd / width


def _check_samples(used: pd.DataFrame) -> None:
    """Refuse several coefficients of the same people."""
    sample = _text(used, "sample_id")
    key = used["study_id"].astype(str) + "/" + sample.where(sample != "", "")
    twice = key[key.duplicated()].unique()
    if len(twice):
        raise DataError(
            "Some samples have several coefficients, such as several time points: "
            f"{listing(t.rstrip('/') for t in twice)}. Each may have one: choose a time "
            "point, or give different people different sample_id."
        )


def sampling_blocks(table: pd.DataFrame) -> FloatArray:
    r"""Return the sampling covariance of T and ln s², shape (k, 2, 2).

    :math:`v_T` and :math:`2/(n-1)`, with covariance :math:`2/(n-1)`: what both share is
    the sampling error of the score variance.
    """
    n: Any = table["n"].to_numpy(dtype=float)
    V = np.empty((len(table), 2, 2))
    V[:] = (2 / (n - 1))[:, None, None]
    V[:, 0, 0] = table["vi"]
    return V


def spread_covariance(
    items: ItemsLike,
    *,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> FloatArray:
    r"""Return one sample's covariance of transformed alpha and log score variance.

    Parameters
    ----------
    items : DataFrame or array_like, shape (n, m)
        Keyed responses; people with a missing answer are excluded.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    ndarray, shape (2, 2)
        For :math:`-\ln(1-a)` and :math:`\ln s^2`: a block of the ``V`` that
        `spread_analysis` takes.

    Raises
    ------
    DataError
        For fewer than 3 complete respondents, a total that does not vary, and an alpha
        of 1.

    Notes
    -----
    Distribution-free, so that it holds for scores at the ceiling and unequal loadings:
    with the influence functions of alpha and :math:`t_i^2/V-(n-1)/n` of :math:`\ln s^2`
    (:math:`t_i` centred totals, V their variance) it is
    :math:`F'F/(n(n-1))`.

    Examples
    --------
    >>> answers = [[1, 2, 1], [3, 3, 4], [4, 5, 4], [2, 1, 3], [5, 4, 4], [1, 3, 2]]
    >>> spread_covariance(answers).round(3)
    array([[0.126, 0.066],
           [0.066, 0.05 ]])
    """
    values = read_answers(items, missing_codes=missing_codes, accept=accept).values
    values = values[~np.isnan(values).any(axis=1)]
    n = len(values)
    if n < 3:
        raise DataError(f"At least 3 complete respondents are needed; there are {n}.")
    totals = values.sum(axis=1)
    centred = totals - totals.mean()
    variance = float(centred @ centred) / (n - 1)
    if variance <= 0:
        raise DataError(f"The total of the {counted(n, 'respondent')} does not vary.")
    alpha = float(alpha_of(np.cov(values, rowvar=False)))
    if alpha > 1 - 1e-12:
        raise DataError("Alpha is 1: the items are copies of each other.")
    of_variance = centred**2 / variance - (n - 1) / n
    columns = [alpha_influence(values) / (1 - alpha), of_variance]
    return influence_covariance(np.column_stack(columns))
