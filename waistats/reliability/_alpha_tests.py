"""Tests of two alphas: of separate samples, and of one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special

from waistats._format import counted
from waistats._typing import FloatArray
from waistats.errors import (
    DataError,
    ModelError,
)
from waistats.reliability._answers import (
    match_respondents,
)
from waistats.reliability._comparison import AlphaComparison
from waistats.reliability._many_alphas import (
    jackknife_covariance,
    log_alpha_without_each,
)
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._two_alphas import (
    TwoAlphas,
    difference_limits,
    p_value,
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
            "use method='feldt' and correlation=."
        )
    if method == "feldt" or any(published):
        return _feldt_paired(first, second, correlation, conf_level)
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
        first, second, correlation = shared(first, second)
    one, two = alpha_of(first), alpha_of(second)
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
        method=f"Dependent samples: Feldt (1980), r of the totals {correlation:.3f}.",
        conf_level=conf_level,
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
    a, b = alpha_of(one), alpha_of(two)
    n = a.n
    difference = np.log1p(-b.estimate) - np.log1p(-a.estimate)
    without = log_alpha_without_each(one) - log_alpha_without_each(two)
    se = float(np.sqrt(jackknife_covariance([without])[0, 0]))
    if not se > 0:
        raise DataError("the difference of the alphas does not vary; it is not tested.")
    return _paired_test(
        (a.estimate, b.estimate),
        float(difference),
        se,
        n,
        conf_level,
        method="Dependent samples: jackknife of -ln(1 - alpha), t.",
    )


def _influence_paired(first: Any, second: Any, conf_level: float) -> AlphaComparison:
    found = alpha_covariance({"first": first, "second": second})
    one, two = (float(a) for a in found.estimate)
    v = found.bonett
    n = int(found.n_shared[0, 1])
    if n < 3:
        raise DataError(
            f"the two alphas share {counted(n, 'respondent')}; compare them with "
            "paired=False."
        )
    # -ln(1 - a1) + ln(1 - a2) is the log of the ratio
    difference = np.log((1 - two) / (1 - one))
    se = np.sqrt(v[0, 0] + v[1, 1] - 2 * v[0, 1])
    if not se > 0:
        raise DataError(
            "the two alphas come from the same answers; their difference is 0."
        )
    return _paired_test(
        (one, two),
        float(difference),
        float(se),
        n,
        conf_level,
        method="Dependent samples: distribution-free covariance, Bonett scale.",
        notes=_small_sample_note(n),
    )


def _paired_test(
    estimates: tuple[float, float],
    difference: float,
    se: float,
    n: int,
    conf_level: float,
    *,
    method: str,
    notes: tuple[str, ...] = (),
) -> AlphaComparison:
    """Return the t test of a difference on the Bonett scale, n - 1 df."""
    t = difference / se
    half = special.stdtrit(n - 1, (1 + conf_level) / 2) * se
    return AlphaComparison(
        estimate_1=estimates[0],
        estimate_2=estimates[1],
        ratio=float(np.exp(difference)),
        ci_low=float(np.exp(difference - half)),
        ci_high=float(np.exp(difference + half)),
        statistic=float(t),
        df=float(n - 1),
        df2=np.nan,
        p_value=float(2 * special.stdtr(n - 1, -abs(t))),
        method=method,
        conf_level=conf_level,
        notes=notes,
    )


def _small_sample_note(n: int) -> tuple[str, ...]:
    if n >= _FEW:
        return ()
    return (
        "This test rejects too often in small samples (SIMULATED, at .05: .14 with 10 "
        f"respondents, .08 with 30; here {n}); method='jackknife' does not.",
    )
