"""A coefficient table to effect sizes and their sampling variances.

Scales on which coefficients are pooled, and the way back.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from waistats._format import is_damaged
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, check_option, listing, near

MEASURES = ("bonett", "hakstian-whalen", "raw", "fisher-z")
BIASES = ("none", "bonett", "exact")


def transform(estimate: Any, measure: str = "bonett") -> FloatArray:
    r"""Put coefficients on a scale on which they can be pooled.

    Parameters
    ----------
    estimate : array_like of float
        Reliability coefficients, below 1.
    measure : {"bonett", "hakstian-whalen", "raw", "fisher-z"}
        The scale: :math:`-\ln(1-a)`, :math:`1-(1-a)^{1/3}`, :math:`a` or
        :math:`\operatorname{artanh} a`.

    Returns
    -------
    ndarray
        Values of the shape of ``estimate``; a larger value is a higher coefficient.

    Examples
    --------
    >>> transform([0.9, 0.8]).round(4)
    array([2.3026, 1.6094])
    """
    check_option("measure", measure, MEASURES)
    a = np.asarray(estimate, dtype=float)
    if measure == "bonett":
        return -np.log1p(-a)
    if measure == "hakstian-whalen":
        return 1 - np.cbrt(1 - a)
    return a.copy() if measure == "raw" else np.arctanh(a)


def slope(estimate: Any, measure: str = "bonett") -> FloatArray:
    """Return the derivative of `transform`, for the delta method."""
    check_option("measure", measure, MEASURES)
    a = np.asarray(estimate, dtype=float)
    if measure == "bonett":
        return 1 / (1 - a)
    if measure == "hakstian-whalen":
        return np.cbrt(1 - a) ** -2.0 / 3
    return np.ones_like(a) if measure == "raw" else 1 / (1 - a**2)


def back_transform(values: Any, measure: str = "bonett") -> Any:
    r"""Return values from the pooling scale to the scale of the coefficient.

    Parameters
    ----------
    values : float, array_like, Series or DataFrame
        Values on the scale of ``measure``.
    measure : {"bonett", "hakstian-whalen", "raw", "fisher-z"}
        The scale.

    Returns
    -------
    float, ndarray, Series or DataFrame
        Coefficients, of the type and shape of ``values``.

    Notes
    -----
    The inverses are :math:`1-e^{-T}`, :math:`1-(1-T)^3`, :math:`T` and
    :math:`\tanh T`. A limit below zero stays below zero, where metafor's
    ``transf.iabt`` and ``transf.iahw`` return 0; :math:`T>1`, which no coefficient has
    on the Hakstian-Whalen scale, gives 1 in both. ``raw`` has no end: limits of few or
    small studies may pass 1, as in metafor, and say that the scale does not suit them.
    A back-transformed mean is the median of the coefficients, not their mean.

    Examples
    --------
    >>> round(back_transform(2.302585093), 6)
    0.9
    """
    check_option("measure", measure, MEASURES)
    if isinstance(values, (pd.Series, pd.DataFrame)):
        t = values.astype(float)
    else:
        t = np.asarray(values, dtype=float)
    if measure == "bonett":
        back = -np.expm1(-t)
    elif measure == "hakstian-whalen":
        back = 1 - np.maximum(1 - t, 0) ** 3
    elif measure == "raw":
        back = t.copy()
    else:
        back = np.tanh(t)
    return float(back) if np.ndim(values) == 0 else back


def alpha_variance(estimate: Any, n: Any, n_items: Any, measure: str) -> FloatArray:
    r"""Return the sampling variance of a transformed alpha.

    Parameters
    ----------
    estimate, n, n_items : array_like
        Alpha, respondents (at least 3; 4 for Fisher z) and items (at least 2).
    measure : str
        The scale.

    Returns
    -------
    ndarray
        Variances of the broadcast shape.

    Notes
    -----
    With :math:`m` items: ``bonett`` :math:`2m/((m-1)(n-2))` [1]_; ``raw`` the same
    times :math:`(1-a)^2`; ``hakstian-whalen``
    :math:`18m(n-1)(1-a)^{2/3}/((m-1)(9n-11)^2)` [2]_; ``fisher-z`` :math:`1/(n-3)`,
    which ignores :math:`m` and is wrong for alpha: it is here to compare with older
    studies. The first three equal metafor's ``ABT``, ``ARAW`` and ``AHW``.

    References
    ----------
    .. [1] Bonett, D. G. (2002). Journal of Educational and Behavioral Statistics, 27,
       335-340.
    .. [2] Hakstian, A. R., & Whalen, T. E. (1976). Psychometrika, 41, 219-231.
    """
    check_option("measure", measure, MEASURES)
    a, n, m = (np.asarray(x, dtype=float) for x in (estimate, n, n_items))
    factor = m / (m - 1)
    if measure == "bonett":
        return 2 * factor / (n - 2) + 0 * a
    if measure == "raw":
        return 2 * factor * (1 - a) ** 2 / (n - 2)
    if measure == "hakstian-whalen":
        return 18 * factor * (n - 1) * np.cbrt(1 - a) ** 2 / (9 * n - 11) ** 2
    return 1 / (n - 3) + 0 * a * m


def bonett_bias(n: Any, n_items: Any, bias: str) -> FloatArray:
    r"""Return the bias of a sample's :math:`-\ln(1-a)`.

    ``"bonett"`` is Bonett's :math:`-\ln(n/(n-1))`; ``"exact"`` follows from the F law
    of alpha, :math:`[\psi(d_1/2)-\ln(d_1/2)]-[\psi(d_2/2)-\ln(d_2/2)]` with
    :math:`d_1=n-1, d_2=(n-1)(m-1)`; Bonett's term over-corrects short scales.
    """
    check_option("bias", bias, BIASES)
    n, m = np.asarray(n, dtype=float), np.asarray(n_items, dtype=float)
    if bias == "none":
        return np.zeros(np.broadcast_shapes(n.shape, m.shape))
    if bias == "bonett":
        return -np.log(n / (n - 1)) + 0 * m
    half1, half2 = (n - 1) / 2, (n - 1) * (m - 1) / 2
    return (
        special.digamma(half1) - np.log(half1) - special.digamma(half2) + np.log(half2)
    )


REQUIRED = ("study_id", "estimate", "n", "n_items")

# Coefficients whose sampling law is that of alpha (KR-20 is alpha of 0/1 items).
ALPHA_TYPES = frozenset({"alpha", "kr20"})


def _numbers(table: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as floats; text that is no number is a DataError."""
    numbers = pd.to_numeric(table[column], errors="coerce").astype(float)
    wrong = numbers.isna() & table[column].notna()
    if wrong.any():
        places = [
            f"{table[column].iloc[i]!r} (study_id {table['study_id'].iloc[i]})"
            for i in np.flatnonzero(wrong)
        ]
        raise DataError(f"{column} must be a number, but is {listing(places)}.")
    return numbers


def check_columns(table: pd.DataFrame, required: tuple[str, ...]) -> None:
    """Raise a DataError that names every missing or doubled column."""
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"A coefficient table is a pandas DataFrame; got {type(table).__name__}. "
            "read_coefficients() makes one from a file."
        )
    doubled = sorted({str(c) for c in table.columns[table.columns.duplicated()]})
    if doubled:
        raise DataError(f"Columns occur twice: {listing(doubled)}. Rename one of each.")
    missing = [c for c in required if c not in table.columns]
    if missing:
        words = [f"{c}{near(c, map(str, table.columns))}" for c in missing]
        raise DataError(
            f"Columns are missing: {listing(words)}. A coefficient table needs "
            f"{listing(REQUIRED)}; columns={{'yours': 'ours'}} of read_coefficients() "
            "renames."
        )
    if len(table) == 0:
        raise DataError("The coefficient table has no rows.")
    damaged = [
        f"{cell!a} in {column}"
        for column in table.columns[[t.kind == "O" for t in table.dtypes]]
        for cell in table[column]
        if is_damaged(cell)
    ]
    if damaged:
        raise DataError(
            f"Texts hold signs that are damaged: {listing(damaged)}. Type them again."
        )


def _poolable(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return which rows claim to be poolable, and the reason of those that do not."""

    def text(column: str) -> pd.Series:
        if column not in table:
            return pd.Series("", index=table.index)
        return table[column].astype("object").where(table[column].notna(), "").map(str)

    status, reason = text("status").str.strip(), text("reason").str.strip()
    claimed = status.isin(["", "poolable"]) & (reason == "")
    reason = reason.where(reason != "", status)
    return claimed, reason.where(~claimed, "")


def _problems(
    table: pd.DataFrame, numbers: dict[str, pd.Series], claimed: pd.Series, floor: int
) -> list[str]:
    """Return one sentence a rule that is broken, naming every row that breaks it."""
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
    for rule, broken, values in rules:
        rows = np.flatnonzero(broken)
        if len(rows) == 0:
            continue
        ids = table["study_id"].astype(str).iloc[rows]
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
        z = stats.norm.ppf((1 + conf_level) / 2)
        with np.errstate(invalid="ignore"):
            width = transform(high, measure) - transform(low, measure)
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
    check_option("measure", measure, MEASURES)
    check_option("bias", bias, BIASES)
    check_option("variance", variance, ("formula", "reported"))
    if bias != "none" and measure != "bonett":
        raise ModelError(f"bias={bias!r} is defined for measure='bonett' only.")
    check_columns(coefficients, REQUIRED)
    table = coefficients.copy()
    numbers = {c: _numbers(table, c) for c in ("estimate", "n", "n_items")}
    claimed, reason = _poolable(table)
    floor = 4 if measure == "fisher-z" else 3
    problems = _problems(table, numbers, claimed, floor)
    if measure == "fisher-z":
        low = np.flatnonzero(claimed & (numbers["estimate"] <= -1))
        if len(low):
            ids = listing(f"study_id {table['study_id'].iloc[i]}" for i in low)
            problems.append(f"estimate must be above -1 for Fisher z: {ids}.")
    if problems:
        raise DataError(
            " ".join(problems) + " Correct these rows, or say in 'reason' why they "
            "cannot be pooled."
        )

    a, n, m = (numbers[c].to_numpy() for c in ("estimate", "n", "n_items"))
    use = claimed.to_numpy()
    a = np.where(use, a, np.nan)
    n, m = np.where(use, n, 10.0), np.where(use, m, 10.0)
    if "coefficient_type" in table:
        types = table["coefficient_type"].fillna("alpha").astype(str).to_numpy()
    else:
        types = np.full(len(table), "alpha")
    is_alpha = np.isin(types, list(ALPHA_TYPES))
    with np.errstate(invalid="ignore"):
        yi = transform(a, measure)
        reported = _reported_variance(table, a, measure, conf_level)
        formula = alpha_variance(a, n, m, measure)
        retest = (slope(a, measure) * (1 - a**2)) ** 2 / np.maximum(n - 3, 1)
    vi = np.where(is_alpha & (variance == "formula"), formula, reported)
    stability = (types == "test_retest") & ~np.isfinite(reported) & (n > 3)
    vi = np.where(stability, retest, vi)
    lost = use & ~np.isfinite(vi)
    if lost.any():
        places = listing(
            f"{types[i]} (study_id {table['study_id'].iloc[i]})"
            for i in np.flatnonzero(lost)
        )
        raise DataError(
            f"No sampling variance for {places}. Fill 'se', or 'ci_low' and 'ci_high', "
            "or say in 'reason' why the row cannot be pooled."
        )
    if bias != "none":
        yi = yi - np.where(is_alpha, bonett_bias(n, m, bias), 0.0)
    table["study_id"] = table["study_id"].astype(str)
    if "coefficient_id" not in table:
        table.insert(0, "coefficient_id", [str(i + 1) for i in range(len(table))])
    table["measure"] = measure
    table["yi"], table["vi"] = yi, np.where(use, vi, np.nan)
    if (reason != "").any():
        table["reason"] = reason
    return table
