"""A coefficient table to effect sizes and their sampling variances."""

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats._frames import as_frame
from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, check_option, listing
from waistats.measures._kinds import ALPHA_TYPES
from waistats.measures._rows import (
    kinds_of,
    prepared,
    published_variance,
    status_of,
    unknown_variance,
    with_coefficient_ids,
)
from waistats.measures._scales import (
    BIASES,
    MEASURES,
    alpha_variance,
    bonett_bias,
    slope,
    transform,
)


def _numbers(table: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as floats; text that is not a number is a DataError."""
    numbers = pd.to_numeric(table[column], errors="coerce").astype(float)
    wrong = numbers.isna() & table[column].notna()
    if wrong.any():
        places = [
            f"{table[column].iloc[i]!r} (study_id {table['study_id'].iloc[i]})"
            for i in np.flatnonzero(wrong)
        ]
        raise DataError(f"{column} must be a number, but is {listing(places)}.")
    return numbers


def _problems(
    table: pd.DataFrame, numbers: dict[str, pd.Series], claimed: BoolArray, floor: int
) -> list[str]:
    """Return one sentence per rule that is broken, naming every row that breaks it."""
    a, n, m = (numbers[c] for c in ("estimate", "n", "n_items"))
    whole = {"n": n, "n_items": m}
    rules = [
        ("estimate must not be blank", claimed & a.isna(), None),
        ("n must not be blank", claimed & n.isna(), None),
        ("n_items must not be blank", claimed & m.isna(), None),
        ("estimate must be finite", np.isinf(a), a),
        ("estimate must be below 1", (a >= 1) & np.isfinite(a), a),
        (f"n must be at least {floor}", claimed & (n < floor), n),
        ("n_items must be at least 2", claimed & (m < 2), m),
        *(
            (f"{c} must be a whole number", (x != np.floor(x)) & x.notna(), x)
            for c, x in whole.items()
        ),
        *((f"{c} must be finite", np.isinf(x), x) for c, x in whole.items()),
    ]
    sentences = []
    if nameless := [i + 1 for i in np.flatnonzero(table["study_id"] == "")]:
        sentences.append(f"study_id must not be blank: row {listing(nameless)}.")
    for rule, broken, values in rules:
        rows = np.flatnonzero(broken)
        if len(rows) == 0:
            continue
        ids = table["study_id"].iloc[rows]
        if values is None:
            places = listing(f"study_id {i}" for i in ids)
        else:
            shown = values.iloc[rows]
            places = listing(
                f"{v:g} (study_id {i})" for v, i in zip(shown, ids, strict=True)
            )
        sentences.append(f"{rule}: {places}.")
    return sentences


def _reported_variance(
    table: pd.DataFrame, a: FloatArray, measure: str, conf_level: float
) -> FloatArray:
    """Return variances from ``se``, else from the interval's ends; NaN for neither."""
    variance = np.full(len(table), np.nan)
    if {"ci_low", "ci_high"} <= set(table.columns):
        low, high = (
            _numbers(table, c).to_numpy().clip(max=1 - 1e-12)
            for c in ("ci_low", "ci_high")
        )
        z = critical(conf_level)
        with np.errstate(invalid="ignore"):
            width = transform(high, measure) - transform(low, measure)
            width = np.where(width > 0, width, np.nan)
        variance = (width / (2 * z)) ** 2
    if "se" in table:
        se = _numbers(table, "se").to_numpy()
        variance = np.where(np.isfinite(se), (se * slope(a, measure)) ** 2, variance)
    return np.where(variance > 0, variance, np.nan)


def effect_sizes(
    coefficients: pd.DataFrame,
    *,
    measure: str = "bonett",
    bias: str = "none",
    variance: str = "formula",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    r"""Add effect sizes ``yi`` and their sampling variances ``vi`` to a table.

    Parameters
    ----------
    coefficients : DataFrame
        A coefficient table; ``study_id, estimate, n, n_items`` are required. A row
        whose ``status`` is there and is not ``poolable``, or whose ``reason`` is
        filled, keeps empty ``yi, vi``. Without ``coefficient_type`` every row is an
        alpha.
    measure : {"bonett", "hakstian-whalen", "raw", "fisher-z"}, default "bonett"
        The scale: :math:`-\ln(1-a)`, :math:`1-(1-a)^{1/3}`, a, or its Fisher z.
    bias : {"none", "bonett", "exact"}, default "none"
        Bias correction of the Bonett scale; ``"none"`` is metafor's.
    variance : {"formula", "reported"}, default "formula"
        Where the variance of an alpha comes from: its formula, or the table's ``se``
        (else ``ci_low, ci_high``), which from item responses is free of
        distributional assumptions.
    conf_level : float, default 0.95
        Level of the table's ``ci_low, ci_high``.

    Returns
    -------
    DataFrame
        The table, in its order, with ``measure, yi, vi``; ``coefficient_id`` is the
        row number where absent, and ``study_id`` is text.

    Raises
    ------
    DataError
        For missing columns, blanks, values out of range, and coefficients without a
        variance; all rows at once.

    Notes
    -----
    Alpha and KR-20 have the variance of `alpha_variance`. A ``test_retest``
    correlation has :math:`1/(n-3)` on the Fisher scale, carried to the others by the
    delta method. Every other type (omega, ICC, ...) needs ``se`` or an interval:
    :math:`v = (se\,T'(a))^2` or :math:`((T(u)-T(l))/2z)^2`.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B"], "estimate": [.91, .79], "n": [84, 54],
    ...      "n_items": [36, 12]})
    >>> effect_sizes(table)[["study_id", "yi", "vi"]].round(4)
      study_id      yi      vi
    0        A  2.4079  0.0251
    1        B  1.5606  0.0420
    """
    coefficients = as_frame(coefficients)
    measure = check_option("measure", measure, MEASURES)
    bias = check_option("bias", bias, BIASES)
    variance = check_option("variance", variance, ("formula", "reported"))
    if bias != "none" and measure != "bonett":
        raise ModelError(f"bias={bias!r} is defined for measure='bonett' only.")
    table = prepared(coefficients)
    numbers = {c: _numbers(table, c) for c in ("estimate", "n", "n_items")}
    status = status_of(table)
    claimed = status.claimed
    floor = 4 if measure == "fisher-z" else 3
    problems = _problems(table, numbers, claimed, floor)
    if measure == "fisher-z":
        low = np.flatnonzero(claimed & (numbers["estimate"] <= -1))
        if len(low):
            ids = listing(f"study_id {table['study_id'].iloc[i]}" for i in low)
            problems.append(f"estimate must be above -1 for Fisher z: {ids}.")
    kinds = kinds_of(table)
    is_alpha = np.isin(kinds, list(ALPHA_TYPES))
    by_formula = is_alpha & (variance == "formula")
    problems += _outside(table, claimed & ~by_formula)
    if problems:
        raise DataError(
            " ".join(problems) + " Correct these rows, or say in 'reason' why they "
            "cannot be pooled."
        )

    a, n, m = (numbers[c].to_numpy() for c in ("estimate", "n", "n_items"))
    a = np.where(claimed, a, np.nan)
    n, m = np.where(claimed, n, 10.0), np.where(claimed, m, 10.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        yi = transform(a, measure)
        reported = _reported_variance(table, a, measure, conf_level)
        formula = alpha_variance(a, n, m, measure)
        retest = (slope(a, measure) * (1 - a**2)) ** 2 / np.maximum(n - 3, 1)
        computed, of_log = published_variance(table)
        computed = computed * np.where(of_log, (1 - a) ** 2, 1.0)
        computed = computed * slope(a, measure) ** 2
    vi = np.where(by_formula, formula, reported)
    stability = (kinds == "test_retest") & ~np.isfinite(reported) & (n > 3)
    vi = np.where(stability, retest, vi)
    vi = np.where(~is_alpha & ~np.isfinite(vi) & claimed, computed, vi)
    lost = claimed & ~np.isfinite(vi)
    if (lost & is_alpha).any():
        places = listing(
            f"{kinds[i]} (study_id {table['study_id'].iloc[i]})"
            for i in np.flatnonzero(lost & is_alpha)
        )
        raise DataError(
            f"variance='reported' finds no sampling variance for {places}. Fill 'se', "
            "or 'ci_low' and 'ci_high', or use variance='formula'."
        )
    reason = status.reason
    # a coefficient of unknown variance is excluded, never a stop
    for i, words in unknown_variance(table, np.flatnonzero(lost).tolist()).items():
        reason[i] = reason[i] or words
    use = claimed & ~lost
    if bias != "none":
        yi = yi - np.where(is_alpha, bonett_bias(n, m, bias), 0.0)
    table = with_coefficient_ids(table)
    table["measure"] = measure
    table["yi"], table["vi"] = np.where(use, yi, np.nan), np.where(use, vi, np.nan)
    if (reason != "").any():
        table["reason"] = reason
    if doubtful := _outside(table, use & by_formula):
        table.attrs["notes"] = (*table.attrs.get("notes", ()), *doubtful)
    return table


def _outside(table: pd.DataFrame, asked: BoolArray) -> list[str]:
    """Return a sentence on intervals that do not enclose their estimate."""
    if not {"ci_low", "ci_high"} <= set(table.columns):
        return []
    a, low, high = (
        _numbers(table, c).to_numpy() for c in ("estimate", "ci_low", "ci_high")
    )
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero(((a < low) | (a > high) | (low > high)) & asked)
    if len(wrong) == 0:
        return []
    places = listing(
        f"{a[i]:g} with [{low[i]:g}, {high[i]:g}] (study_id "
        f"{table['study_id'].iloc[i]})"
        for i in wrong
    )
    return [f"ci_low and ci_high must enclose the estimate, but do not: {places}."]
