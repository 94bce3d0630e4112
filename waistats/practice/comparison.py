"""Two alphas of independent groups, compared."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from waistats.arrays import FloatArray
from waistats.effect_sizes import bonett_bias, transform
from waistats.errors import DataError, check_option, listing
from waistats.meta.distributions import f_sf, two_sided
from waistats.practice.source import check_range, numbers

METHODS = ("matched", "feldt", "bonett")


def compare_alphas(
    alpha1: Any,
    n1: Any,
    n_items1: Any,
    alpha2: Any,
    n2: Any,
    n_items2: Any = None,
    *,
    method: str = "matched",
) -> pd.DataFrame:
    r"""Test whether two independent groups have the same alpha.

    Parameters
    ----------
    alpha1, alpha2 : float or array_like
        Alphas of different people.
    n1, n2 : int or array_like
        Respondents, at least 6.
    n_items1, n_items2 : int or array_like
        Items; ``n_items2`` is ``n_items1`` by default.
    method : {"matched", "feldt", "bonett"}
        Feldt's W on F with matched moments; on his own F(n1 - 1, n2 - 1); or a normal
        test on the Bonett scale with exact bias and variance.

    Returns
    -------
    DataFrame
        One row a comparison: ``estimate`` (the first alpha minus the second),
        ``statistic, df, df_denominator, p_value`` (two-sided).

    Raises
    ------
    DataError
        For values out of range.

    Notes
    -----
    :math:`W=(1-a_2)/(1-a_1)` [1]_ is a ratio of two F variables. Feldt's degrees of
    freedom suit long scales only: with 4 items his test rejects 8-9% instead of 5%.
    Matching the mean and variance of W removes that; it takes parallel items and
    normal scores as given. Alphas of the same people need their covariance, as in
    ``alpha_covariance``.

    References
    ----------
    .. [1] Feldt, L. S. (1969). Psychometrika, 34, 363-373.

    Examples
    --------
    >>> compare_alphas(.91, 84, 36, .79, 54, 12).round(4)
       estimate  statistic       df  df_denominator  p_value
    0      0.12     2.3333  72.5907         52.0856   0.0016
    """
    check_option("method", method, METHODS)
    second_items = n_items1 if n_items2 is None else n_items2
    given = {"alpha1": alpha1, "n1": n1, "n_items1": n_items1}
    given |= {"alpha2": alpha2, "n2": n2, "n_items2": second_items}
    arrays = [np.atleast_1d(numbers(name, value)) for name, value in given.items()]
    try:
        a1, k1, m1, a2, k2, m2 = np.broadcast_arrays(*arrays)
    except ValueError as error:
        sizes = listing(f"{n} {len(a)}" for n, a in zip(given, arrays, strict=True))
        raise DataError(f"These do not go together, by their lengths: {sizes}.") from (
            error
        )
    for name, a in (("alpha1", a1), ("alpha2", a2)):
        check_range(name, a, -np.inf, 1, open_high=True)
    for name, size in (("n1", k1), ("n2", k2)):
        check_range(name, size, 6, np.inf)
    for name, items in (("n_items1", m1), ("n_items2", m2)):
        check_range(name, items, 2, np.inf)
    if method == "bonett":
        statistic = _bonett_z(a1, k1, m1, a2, k2, m2)
        df = denominator = np.full(len(a1), np.nan)
        p = two_sided(statistic, None)
    else:
        statistic = (1 - a2) / (1 - a1)
        df, denominator = k1 - 1, k2 - 1
        if method == "matched":
            df, denominator = matched_df(k1, m1, k2, m2)
        upper = f_sf(statistic, df, denominator)
        p = 2 * np.minimum(upper, 1 - upper)
    columns = {"estimate": a1 - a2, "statistic": statistic, "df": df}
    return pd.DataFrame(columns | {"df_denominator": denominator, "p_value": p})


def matched_df(
    n1: FloatArray, m1: FloatArray, n2: FloatArray, m2: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the degrees of freedom of the F with W's mean and variance."""
    f1, f2 = n1 - 1, (n1 - 1) * (m1 - 1)
    f3, f4 = (n2 - 1) * (m2 - 1), n2 - 1
    A = f4 * f2 / ((f4 - 2) * (f2 - 2))
    B = (f1 + 2) * f4**2 * (f3 + 2) * f2**2
    B = B / ((f4 - 2) * (f4 - 4) * (f2 - 2) * (f2 - 4) * f1 * f3)
    return 2 * A**2 / (2 * B - A * B - A**2), 2 * A / (A - 1)


def _bonett_z(
    a1: FloatArray,
    n1: FloatArray,
    m1: FloatArray,
    a2: FloatArray,
    n2: FloatArray,
    m2: FloatArray,
) -> FloatArray:
    """Return the difference on the Bonett scale over its standard error."""

    def variance(n: FloatArray, m: FloatArray) -> FloatArray:
        half = (n - 1) / 2
        return special.polygamma(1, half) + special.polygamma(1, half * (m - 1))

    first = transform(a1) - bonett_bias(n1, m1, "exact")
    second = transform(a2) - bonett_bias(n2, m2, "exact")
    return (first - second) / np.sqrt(variance(n1, m1) + variance(n2, m2))
