"""Tests of two alphas: of separate samples, and of one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from waistats._areas import critical, ratio_test, two_sided
from waistats._format import coefficient, counted
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError
from waistats.measures import transform
from waistats.reliability._answers import match_respondents
from waistats.reliability._comparison import AlphaComparison
from waistats.reliability._many_alphas import (
    jackknife_covariance,
    log_alpha_without_each,
    normal_covariance,
)
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._two_alphas import (
    TwoAlphas,
    difference_limits,
    p_value,
    paired_difference_limits,
    ratio_limits,
)
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.covariance import alpha_covariance

# shared respondents below which the influence test rejects too often
_FEW = 100


def compared(
    first: Any,
    second: Any,
    paired: bool,
    method: str | None,
    correlation: float | None,
    conf_level: float,
) -> AlphaComparison:
    """Return two alphas compared by the method asked for, or the default."""
    if not paired:
        if correlation is not None:
            raise ModelError(
                "correlation= is for alphas of the same people: paired=True."
            )
        one, two = alpha_of(first), alpha_of(second)
        if method in (None, "exact"):
            return _exact(one, two, conf_level)
        return _independent(one, two, method, conf_level)
    published = [isinstance(x, ReliabilityEstimate) for x in (first, second)]
    if method in ("jackknife", "influence") and any(published):
        raise ModelError(
            f"method={method!r} needs the items of both alphas; with estimates alone "
            "use method='normal-theory' and correlation=."
        )
    if method in ("feldt", "normal-theory") or any(published):
        one, two, r = _with_correlation(first, second, correlation)
        test = _feldt_paired if method == "feldt" else _normal_paired
        return test(one, two, r, conf_level)
    if method == "influence":
        return _influence_paired(first, second, conf_level)
    return _jackknife_paired(first, second, conf_level)


def _exact(
    one: ReliabilityEstimate, two: ReliabilityEstimate, conf_level: float
) -> AlphaComparison:
    for x in (one, two):
        if x.n < 2 or x.n_items < 2:
            raise DataError(
                "the exact distribution needs at least 2 respondents and 2 items, but one "
                f"alpha has {x.n} and {x.n_items}."
            )
    # limits of (1 - A2) / (1 - A1), as the ratio is written
    turned = TwoAlphas(
        alpha1=two.estimate,
        n1=int(two.n),
        m1=int(two.n_items),
        alpha2=one.estimate,
        n2=int(one.n),
        m2=int(one.n_items),
    )
    low, high = ratio_limits(turned, conf_level)
    below, above = difference_limits(turned, conf_level)
    ratio = (1 - two.estimate) / (1 - one.estimate)
    return AlphaComparison(
        estimate_1=one.estimate,
        estimate_2=two.estimate,
        ratio=ratio,
        ci_low=low,
        ci_high=high,
        statistic=ratio,
        df=np.nan,
        df2=np.nan,
        p_value=p_value(turned),
        method="Independent samples: exact distribution of Feldt's W.",
        conf_level=conf_level,
        difference_low=-above,
        difference_high=-below,
    )


def alpha_of(given: Any) -> ReliabilityEstimate:
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
    p_value, low, high = map(float, ratio_test(ratio, df1, df2, conf_level))
    return AlphaComparison(
        estimate_1=one.estimate,
        estimate_2=two.estimate,
        ratio=ratio,
        ci_low=low,
        ci_high=high,
        statistic=ratio,
        df=df1,
        df2=df2,
        p_value=p_value,
        method=f"Independent samples: Feldt's W, {method} degrees of freedom.",
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
            "method='exact'."
        )
    mean = f4 * f2 / ((f4 - 2) * (f2 - 2))
    square = ((f1 + 2) * f4**2 * (f3 + 2) * f2**2) / (
        (f4 - 2) * (f4 - 4) * (f2 - 2) * (f2 - 4) * f1 * f3
    )
    df2 = 2 * mean / (mean - 1)
    df1 = 2 * mean**2 / (2 * square - mean * square - mean**2)
    if not (df1 > 0 and df2 > 0):
        raise ModelError(
            "no F distribution has the mean and the variance that method="
            f"'moment-matched' needs for n = {n1} and {n2}, m = {m1} and {m2}; use "
            "method='exact'."
        )
    return df1, df2


def _with_correlation(
    first: Any, second: Any, correlation: float | None
) -> tuple[ReliabilityEstimate, ReliabilityEstimate, float]:
    """Return two alphas of the same people and the correlation of their totals."""
    published = [isinstance(x, ReliabilityEstimate) for x in (first, second)]
    if correlation is None:
        if any(published):
            raise ModelError(
                "alphas of the same people need correlation=, the correlation of the two "
                "totals, or the items of both."
            )
        first, second, correlation = shared(first, second)
    one, two = alpha_of(first), alpha_of(second)
    if one.n != two.n:
        raise DataError(
            f"alphas of the same people must have the same n; got {one.n} and {two.n}."
        )
    if not -1 < correlation < 1:
        raise DataError(f"correlation must lie between -1 and 1; got {correlation:g}.")
    return one, two, correlation


def _normal_paired(
    one: ReliabilityEstimate,
    two: ReliabilityEstimate,
    correlation: float,
    conf_level: float,
) -> AlphaComparison:
    if one.n < 3:
        raise DataError("at least 3 respondents are needed to compare two alphas.")
    r = np.array([[1.0, correlation], [correlation, 1.0]])
    items = np.array([one.n_items, two.n_items], dtype=float)
    return _by_covariance(
        one,
        two,
        normal_covariance(float(one.n), items, r),
        f"Dependent samples: normal theory, r of the totals {coefficient(correlation)}.",
        conf_level,
    )


def _by_covariance(
    one: ReliabilityEstimate,
    two: ReliabilityEstimate,
    covariance: FloatArray,
    method: str,
    conf_level: float,
) -> AlphaComparison:
    """Return the t test of -ln(1 - alpha) with limits of ratio and difference."""
    se = _se_of_difference(covariance)
    if not se > 0:
        raise DataError("the difference of the alphas does not vary; it is not tested.")
    n = int(one.n)
    first, second = (float(transform(x.estimate)) for x in (one, two))
    # -ln(1 - a1) + ln(1 - a2) is the log of the ratio
    difference = float(first - second)
    t = difference / se
    half = critical(conf_level, n - 1) * se
    apart = paired_difference_limits((first, second), covariance, n - 1, conf_level)
    return AlphaComparison(
        estimate_1=one.estimate,
        estimate_2=two.estimate,
        ratio=float(np.exp(difference)),
        ci_low=float(np.exp(difference - half)),
        ci_high=float(np.exp(difference + half)),
        statistic=float(t),
        df=float(n - 1),
        df2=np.nan,
        p_value=float(two_sided(t, n - 1)),
        method=method,
        conf_level=conf_level,
        difference_low=apart[0],
        difference_high=apart[1],
    )


def _feldt_paired(
    one: ReliabilityEstimate,
    two: ReliabilityEstimate,
    correlation: float,
    conf_level: float,
) -> AlphaComparison:
    n = one.n
    rest = 4 * (1 - one.estimate) * (1 - two.estimate) * (1 - correlation**2)
    difference, se = one.estimate - two.estimate, np.sqrt(rest / (n - 2))
    t = difference / se
    half = critical(conf_level, n - 2) * se
    return AlphaComparison(
        estimate_1=one.estimate,
        estimate_2=two.estimate,
        ratio=(1 - two.estimate) / (1 - one.estimate),
        ci_low=np.nan,
        ci_high=np.nan,
        statistic=float(t),
        df=float(n - 2),
        df2=np.nan,
        p_value=float(two_sided(t, n - 2)),
        method="Dependent samples: Feldt (1980), r of the totals "
        f"{coefficient(correlation)}.",
        conf_level=conf_level,
        difference_low=difference - half,
        difference_high=difference + half,
    )


def shared(first: Any, second: Any) -> tuple[Any, Any, float]:
    """Return the items of the people who answered all of both, and r of the totals."""
    values, matrix = shared_values((first, second))
    return values[0], values[1], float(matrix[0, 1])


def shared_values(given: Sequence[Any]) -> tuple[list[FloatArray], FloatArray]:
    """Return the items of the people who answered all, and r of the totals."""
    named = {f"alpha{i + 1}": items for i, items in enumerate(given)}
    matched, _ = match_respondents(named)
    values = [items.values for items in matched.values()]
    whole = np.isfinite(np.column_stack([v.sum(axis=1) for v in values])).all(axis=1)
    values = [v[whole] for v in values]
    n = int(whole.sum())
    if n < 3:
        raise DataError(
            "at least 3 respondents who answered all items of every alpha are needed, "
            f"but there {'is' if n == 1 else 'are'} {n}."
        )
    totals = np.column_stack([v.sum(axis=1) for v in values])
    if not (totals.std(axis=0) > 0).all():
        raise DataError("every total must vary among the shared respondents.")
    return values, np.corrcoef(totals.T)


def _jackknife_paired(first: Any, second: Any, conf_level: float) -> AlphaComparison:
    one, two, _ = shared(first, second)
    if one.shape == two.shape and (one == two).all():
        raise DataError(
            "the two alphas come from the same answers; their difference is 0."
        )
    covariance = jackknife_covariance(
        [log_alpha_without_each(one), log_alpha_without_each(two)]
    )
    how = "Dependent samples: jackknife of -ln(1 - alpha), t."
    return _by_covariance(alpha_of(one), alpha_of(two), covariance, how, conf_level)


def _influence_paired(first: Any, second: Any, conf_level: float) -> AlphaComparison:
    found = alpha_covariance({"first": first, "second": second})
    n = int(found.n_shared[0, 1])
    if n < 3:
        raise DataError(
            f"the two alphas share {counted(n, 'respondent')}; compare them with "
            "paired=False."
        )
    if not _se_of_difference(found.bonett) > 0:
        raise DataError(
            "the two alphas come from the same answers; their difference is 0."
        )
    one, two = (replace(alpha_of(x), n=n) for x in (first, second))
    how = "Dependent samples: distribution-free covariance, Bonett scale."
    compared = _by_covariance(one, two, found.bonett, how, conf_level)
    return replace(compared, notes=_small_sample_note(n))


def _se_of_difference(covariance: FloatArray) -> float:
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    # rounding may leave less than nothing of two that are the same
    scale = float(covariance[0, 0] + covariance[1, 1])
    return float(np.sqrt(variance)) if variance > 1e-14 * scale else 0.0


def _small_sample_note(n: int) -> tuple[str, ...]:
    if n >= _FEW:
        return ()
    return (
        "This test rejects too often in small samples (SIMULATED, at .05: .14 with 10 "
        f"respondents, .08 with 30; here {n}); method='jackknife' does not.",
    )
