"""Tests of two alphas: from different people or from the same."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from waistats.errors import DataError, ModelError, check_conf_level, check_option
from waistats.format import Result, coefficient, interval, level, p_statement
from waistats.provenance import is_simulated, marked, of_simulated
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.covariance import alpha_covariance
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.matching import match_respondents
from waistats.reliability.responses import ItemsLike, read_items

INDEPENDENT = ("moment-matched", "feldt")
PAIRED = ("influence", "feldt")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AlphaComparison(Result):
    """A test of two alphas being equal in the population.

    Attributes
    ----------
    estimate_1, estimate_2 : float
        The alphas.
    ratio : float
        (1 - estimate_2) / (1 - estimate_1): above 1 where the first alpha is higher.
    ci_low, ci_high : float
        Limits of the ratio; NaN where the method gives none.
    statistic : float
        F, or t for alphas of the same people.
    df, df2 : float
        Degrees of freedom; ``df2`` is NaN for t.
    p_value : float
        Two-sided.
    method : str
        Which test, in words.
    conf_level : float
        Confidence level of the limits.
    simulated : bool
        Whether the responses of either are SIMULATED.
    """

    estimate_1: float
    estimate_2: float
    ratio: float
    ci_low: float
    ci_high: float
    statistic: float
    df: float
    df2: float
    p_value: float
    method: str
    conf_level: float = 0.95
    simulated: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return the test in one row."""
        names = (
            *("estimate_1", "estimate_2", "ratio", "ci_low", "ci_high"),
            *("statistic", "df", "df2", "p_value"),
        )
        frame = pd.DataFrame({name: [getattr(self, name)] for name in names})
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return the alphas and the verdict in a line."""
        return (
            f"alpha = {coefficient(self.estimate_1)} and "
            f"{coefficient(self.estimate_2)}{of_simulated(self.simulated)}, "
            f"{p_statement(self.p_value)}"
        )

    def closing(self) -> str:
        """Return the method and the ratio's interval."""
        if np.isnan(self.ci_low):
            return self.method
        limits = interval(self.ci_low, self.ci_high)
        return f"{self.method}\n{level(self.conf_level)} CI of the ratio {limits}"


def compare_alphas(
    first: ItemsLike | ReliabilityEstimate,
    second: ItemsLike | ReliabilityEstimate,
    *,
    paired: bool = False,
    method: str | None = None,
    correlation: float | None = None,
    conf_level: float = 0.95,
) -> AlphaComparison:
    r"""Test whether two alphas are equal in the population.

    Parameters
    ----------
    first, second : items or ReliabilityEstimate
        Keyed items, or alphas as :func:`cronbach_alpha` returns them (published ones as
        ``ReliabilityEstimate``).
    paired : bool
        Whether both come from the same people.
    method : str, optional
        For different people ``"moment-matched"`` (default) or ``"feldt"``; for the same
        people ``"influence"`` (default with items) or ``"feldt"``.
    correlation : float, optional
        Correlation of the two totals, for ``"feldt"`` of the same people without items.
    conf_level : float
        Confidence level of the interval of the ratio.

    Returns
    -------
    AlphaComparison
        The test, two-sided.

    Raises
    ------
    DataError
        If an alpha is not defined or not below 1.
    ModelError
        If the method does not fit what is given.

    Notes
    -----
    Different people: :math:`W = (1 - a_2)/(1 - a_1)`. Feldt (1969) refers it to F on
    :math:`n_1 - 1, n_2 - 1` degrees of freedom, which is liberal for short scales
    (size .083-.089 at .05 with 4 items); ``"moment-matched"`` takes the degrees of
    freedom from the mean and variance of the product of the two F laws, which removes
    that. It needs :math:`n_2 > 5`.

    The same people: Feldt (1980),
    :math:`t = (a_1 - a_2)\sqrt{n-2}/\sqrt{4(1-a_1)(1-a_2)(1-r^2)}` on n - 2, liberal
    with ceiling effects (size .12-.13); ``"influence"``,
    :math:`(T_1 - T_2)/\sqrt{v_1 + v_2 - 2c}` on n - 1 with
    :math:`T = -\ln(1 - a)` and the distribution-free covariance of
    :func:`alpha_covariance`.

    Examples
    --------
    >>> values = {"se": 0.01, "ci_low": 0.8, "ci_high": 0.9, "coefficient": "alpha"}
    >>> client = ReliabilityEstimate(estimate=0.91, n=84, n_items=36, **values)
    >>> observer = ReliabilityEstimate(estimate=0.79, n=54, n_items=12, **values)
    >>> print(compare_alphas(client, observer).heading())
    alpha = .910 and .790, p = .002
    """
    check_conf_level(conf_level)
    if method is not None:
        check_option("method", method, PAIRED if paired else INDEPENDENT)
    found = _compared(first, second, paired, method, correlation, conf_level)
    return replace(found, simulated=is_simulated(first) or is_simulated(second))


def _compared(
    first: Any,
    second: Any,
    paired: bool,
    method: str | None,
    correlation: float | None,
    conf_level: float,
) -> AlphaComparison:
    if not paired:
        if correlation is not None:
            raise ModelError(
                "correlation= is for alphas of the same people: paired=True."
            )
        return _independent(
            _alpha(first), _alpha(second), method or "moment-matched", conf_level
        )
    published = [isinstance(x, ReliabilityEstimate) for x in (first, second)]
    if method == "influence" and any(published):
        raise ModelError(
            "method='influence' needs the items of both alphas; with estimates alone "
            "use method='feldt' and correlation=."
        )
    if method == "feldt" or any(published):
        return _feldt_paired(first, second, correlation, conf_level)
    return _influence_paired(first, second, conf_level)


def _alpha(given: Any) -> ReliabilityEstimate:
    found = (
        given
        if isinstance(given, ReliabilityEstimate)
        else cronbach_alpha(given, ci=None)
    )
    if not found.estimate < 1:
        raise DataError(
            f"an alpha of {found.estimate:g} cannot be compared: it must be below 1."
        )
    return found


def _independent(
    one: ReliabilityEstimate, two: ReliabilityEstimate, method: str, conf_level: float
) -> AlphaComparison:
    ratio = (1 - two.estimate) / (1 - one.estimate)
    if method == "feldt":
        df1, df2 = float(one.n - 1), float(two.n - 1)
    else:
        df1, df2 = matched_df(one.n, one.n_items, two.n, two.n_items)
    below = float(special.fdtr(df1, df2, ratio))
    tail = (1 - conf_level) / 2
    return AlphaComparison(
        estimate_1=one.estimate,
        estimate_2=two.estimate,
        ratio=ratio,
        ci_low=ratio / float(special.fdtri(df1, df2, 1 - tail)),
        ci_high=ratio / float(special.fdtri(df1, df2, tail)),
        statistic=ratio,
        df=df1,
        df2=df2,
        p_value=min(1.0, 2 * min(below, float(special.fdtrc(df1, df2, ratio)))),
        method=f"Different people: Feldt's W, {method} degrees of freedom.",
        conf_level=conf_level,
    )


def matched_df(n1: int, m1: int, n2: int, m2: int) -> tuple[float, float]:
    """Return the degrees of freedom of the F nearest to the law of Feldt's W.

    Under equal alphas W is the product of an F on n1 - 1, (n1 - 1)(m1 - 1) and an F on
    (n2 - 1)(m2 - 1), n2 - 1 degrees of freedom; mean and variance are matched.
    """
    f1, f2 = n1 - 1.0, (n1 - 1.0) * (m1 - 1)
    f3, f4 = (n2 - 1.0) * (m2 - 1), n2 - 1.0
    if f2 <= 4 or f4 <= 4:
        raise ModelError(
            "method='moment-matched' needs more than 5 respondents in the second sample "
            "and more than 4 degrees of freedom of the items in the first; use "
            "method='feldt'."
        )
    mean = f4 * f2 / ((f4 - 2) * (f2 - 2))
    square = ((f1 + 2) * f4**2 * (f3 + 2) * f2**2) / (
        (f4 - 2) * (f4 - 4) * (f2 - 2) * (f2 - 4) * f1 * f3
    )
    df2 = 2 * mean / (mean - 1)
    df1 = 2 * mean**2 / (2 * square - mean * square - mean**2)
    return df1, df2


def _feldt_paired(
    first: Any, second: Any, correlation: float | None, conf_level: float
) -> AlphaComparison:
    published = [isinstance(x, ReliabilityEstimate) for x in (first, second)]
    if correlation is None:
        if any(published):
            raise ModelError(
                "Feldt's test of alphas of the same people needs correlation=, the "
                "correlation of the two totals, or the items of both."
            )
        first, second, correlation = _shared(first, second)
    one, two = _alpha(first), _alpha(second)
    if one.n != two.n:
        raise DataError(
            f"alphas of the same people must have the same n; got {one.n} and {two.n}."
        )
    if not -1 < correlation < 1:
        raise DataError(f"correlation must lie between -1 and 1; got {correlation:g}.")
    n = one.n
    rest = 4 * (1 - one.estimate) * (1 - two.estimate) * (1 - correlation**2)
    t = (one.estimate - two.estimate) * np.sqrt(n - 2) / np.sqrt(rest)
    return AlphaComparison(
        estimate_1=one.estimate,
        estimate_2=two.estimate,
        ratio=(1 - two.estimate) / (1 - one.estimate),
        ci_low=np.nan,
        ci_high=np.nan,
        statistic=float(t),
        df=float(n - 2),
        df2=np.nan,
        p_value=float(2 * special.stdtr(n - 2, -abs(t))),
        method=f"The same people: Feldt (1980), r of the totals {correlation:.3f}.",
        conf_level=conf_level,
    )


def _shared(first: Any, second: Any) -> tuple[Any, Any, float]:
    """Return the items of the people who answered all of both, and r of the totals."""
    matched, _ = match_respondents({"first": first, "second": second})
    one, two = (read_items(items).values for items in matched.values())
    whole = np.isfinite(one.sum(axis=1)) & np.isfinite(two.sum(axis=1))
    one, two = one[whole], two[whole]
    if len(one) < 3:
        raise DataError(
            "at least 3 respondents who answered all items of both are needed, but "
            f"there {'is' if len(one) == 1 else 'are'} {len(one)}."
        )
    totals = np.column_stack([one.sum(axis=1), two.sum(axis=1)])
    if not (totals.std(axis=0) > 0).all():
        raise DataError("both totals must vary among the people they share.")
    return one, two, float(np.corrcoef(totals.T)[0, 1])


def _influence_paired(first: Any, second: Any, conf_level: float) -> AlphaComparison:
    found = alpha_covariance({"first": first, "second": second})
    one, two = (float(a) for a in found.estimate)
    v = found.bonett
    n = int(found.n_shared[0, 1])
    if n < 3:
        raise DataError(
            f"the two alphas share {n} respondents; compare them with paired=False."
        )
    # -ln(1 - a1) + ln(1 - a2) is the log of the ratio
    difference = np.log((1 - two) / (1 - one))
    se = np.sqrt(v[0, 0] + v[1, 1] - 2 * v[0, 1])
    if not se > 0:
        raise DataError(
            "the two alphas come from the same answers; their difference is 0."
        )
    t = difference / se
    half = special.stdtrit(n - 1, (1 + conf_level) / 2) * se
    return AlphaComparison(
        estimate_1=one,
        estimate_2=two,
        ratio=float(np.exp(difference)),
        ci_low=float(np.exp(difference - half)),
        ci_high=float(np.exp(difference + half)),
        statistic=float(t),
        df=float(n - 1),
        df2=np.nan,
        p_value=float(2 * special.stdtr(n - 1, -abs(t))),
        method="The same people: distribution-free covariance, Bonett scale.",
        conf_level=conf_level,
    )
