"""Tests of two or more alphas: from different people or from the same."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from waistats._format import Result, coefficient, counted, interval, level, p_statement
from waistats._typing import FloatArray
from waistats.errors import (
    DataError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
)
from waistats.provenance import is_simulated, marked, of_simulated
from waistats.reliability._answers import (
    Accepted,
    Codes,
    cleaned,
    gated,
    match_respondents,
)
from waistats.reliability._items import ItemsLike
from waistats.reliability._many_alphas import (
    cube_root_test,
    hotelling,
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

INDEPENDENT = ("exact", "moment-matched", "feldt")
PAIRED = ("jackknife", "influence", "feldt")
MANY_INDEPENDENT = ("feldt-woodruff-salih",)
MANY_PAIRED = ("jackknife", "feldt-woodruff-salih")
# shared respondents below which the influence test rejects too often
_FEW = 100


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
        Feldt's W (the ratio), F, or t for alphas of the same people.
    df, df2 : float
        Degrees of freedom; ``df2`` is NaN for t, both are for the exact law.
    p_value : float
        Two-sided.
    method : str
        Which test, in words.
    conf_level : float
        Confidence level of the limits.
    simulated : bool
        Whether the responses of either are SIMULATED.
    difference_low, difference_high : float
        Limits of the first population alpha less the second; NaN where the method
        gives none.
    notes : tuple of str
        What a reader must know.
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
    difference_low: float = np.nan
    difference_high: float = np.nan
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the test in one row."""
        names = (
            *("estimate_1", "estimate_2", "ratio", "ci_low", "ci_high"),
            *("statistic", "df", "df2", "p_value"),
            *("difference_low", "difference_high"),
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
        """Return the method, the intervals of ratio and difference, and the notes."""
        lines = [self.method]
        if not np.isnan(self.ci_low):
            limits = interval(self.ci_low, self.ci_high)
            lines.append(f"{level(self.conf_level)} CI of the ratio {limits}")
        if not np.isnan(self.difference_low):
            limits = interval(self.difference_low, self.difference_high)
            lines.append(f"{level(self.conf_level)} CI of the difference {limits}")
        return "\n".join([*lines, *self.notes])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AlphasComparison(Result):
    """A test of three or more alphas being equal in the population.

    Attributes
    ----------
    estimates : tuple of float
        The alphas, in the order given.
    n, n_items : tuple of int
        Respondents and items of each.
    statistic : float
        Chi-square, or F of the jackknife.
    df, df2 : float
        Degrees of freedom; ``df2`` is NaN for chi-square.
    p_value : float
        Of the test that all are equal.
    method : str
        Which test, in words.
    simulated : bool
        Whether the responses of any are SIMULATED.
    notes : tuple of str
        What a reader must know.
    """

    estimates: tuple[float, ...]
    n: tuple[int, ...]
    n_items: tuple[int, ...]
    statistic: float
    df: float
    df2: float
    p_value: float
    method: str
    simulated: bool = False
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per alpha."""
        frame = pd.DataFrame(
            {
                "term": [f"alpha{i + 1}" for i in range(len(self.estimates))],
                "estimate": self.estimates,
                "n": self.n,
                "n_items": self.n_items,
            }
        )
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return the test in a line."""
        if np.isnan(self.df2):
            test = f"chi-square({self.df:g}) = {self.statistic:.2f}"
        else:
            test = f"F({self.df:g}, {self.df2:g}) = {self.statistic:.2f}"
        return (
            f"{counted(len(self.estimates), 'alpha')}{of_simulated(self.simulated)}: "
            f"{test}, {p_statement(self.p_value)}"
        )

    def closing(self) -> str:
        """Return the method and the notes."""
        return "\n".join([self.method, *self.notes])


def compare_alphas(
    first: ItemsLike | ReliabilityEstimate,
    second: ItemsLike | ReliabilityEstimate,
    *more: ItemsLike | ReliabilityEstimate,
    paired: bool = False,
    method: str | None = None,
    correlation: ArrayLike | None = None,
    conf_level: float = 0.95,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> Any:
    r"""Test whether two or more alphas are equal in the population.

    Parameters
    ----------
    first, second, *more : items or ReliabilityEstimate
        Keyed items, or alphas as :func:`cronbach_alpha` returns them (published ones as
        ``ReliabilityEstimate``).
    paired : bool
        Whether all come from the same people.
    method : str, optional
        Two alphas of different people: ``"exact"`` (default), or the approximations
        ``"moment-matched"`` and ``"feldt"``. Of the same people: ``"jackknife"``
        (default with items), ``"influence"``, or ``"feldt"``. Three or more:
        ``"feldt-woodruff-salih"``, or ``"jackknife"`` (default with items of the same
        people).
    correlation : float or array_like of shape (K, K), optional
        Correlations of the totals, for published alphas of the same people.
    conf_level : float
        Confidence level of the intervals of two alphas.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    AlphaComparison or AlphasComparison
        The test: of two alphas, two-sided with intervals of ratio and difference; or of
        three and more.

    Raises
    ------
    DataError
        If an alpha is not defined or not below 1.
    ModelError
        If the method does not fit what is given.

    Notes
    -----
    *Different people.* Under equal population alphas
    :math:`(1-a_1)/(1-a_2)` is the ratio of two independent F variables (Feldt, 1969);
    ``"exact"`` integrates that distribution numerically. It is exact for normal items
    with equal error variances, whatever the sizes, does not depend on the order, and
    gives limits of the ratio :math:`(1-A_2)/(1-A_1)` and, by generalized confidence, of
    the difference :math:`A_1-A_2`. With unequal error variances its size at .05 is .019
    to .063. One F that approximates that distribution depends on the order: Feldt's, on
    :math:`n_1-1, n_2-1` degrees of freedom, is liberal for short scales (size .083-.089
    with 4 items); ``"moment-matched"`` has its mean and variance, and is refused where
    these do not exist or no F has them (small samples of few items).

    *The same people.* ``"jackknife"``: the difference of :math:`-\ln(1-a)` over its
    leave-one-out standard error, t on n - 1; size at .05 in SIMULATED normal and ceiling
    answers .043-.056 at n = 10, .046-.053 at 20 to 60. ``"influence"``, the
    distribution-free covariance of :func:`alpha_covariance`, is too liberal in small
    samples: .12-.14 at n = 10, .07-.08 at 30, .055-.065 at 150. Feldt (1980),
    :math:`t=(a_1-a_2)\sqrt{n-2}/\sqrt{4(1-a_1)(1-a_2)(1-r^2)}` on n - 2, is liberal with
    ceiling effects (.12-.13).

    *Three and more.* Feldt, Woodruff and Salih's (1987) chi-square of
    :math:`(1-a)^{-1/3}`, as R's ``cocron``; of the same people also Hotelling's F of the
    jackknife.

    References
    ----------
    Feldt, L. S. (1969). Psychometrika, 34, 363-373. Feldt, L. S. (1980). Psychometrika,
    45, 99-105. Feldt, L. S., Woodruff, D. J., & Salih, F. A. (1987). Applied
    Psychological Measurement, 11, 93-103.

    Examples
    --------
    >>> values = {"se": 0.01, "ci_low": 0.8, "ci_high": 0.9, "coefficient": "alpha"}
    >>> client = ReliabilityEstimate(estimate=0.91, n=84, n_items=36, **values)
    >>> observer = ReliabilityEstimate(estimate=0.79, n=54, n_items=12, **values)
    >>> print(compare_alphas(client, observer).heading())
    alpha = .910 and .790, p = .002
    """
    check_conf_level(conf_level)
    given = (first, second, *more)
    simulated = any(is_simulated(x) for x in given)
    if method is not None and more:
        allowed = MANY_PAIRED if paired else MANY_INDEPENDENT
        method = check_option("method", method, allowed)
    elif method is not None:
        method = check_option("method", method, PAIRED if paired else INDEPENDENT)
    if correlation is not None and np.ndim(correlation) and not more:
        raise ModelError("correlation must be one number for two alphas.")
    used, notes = _without_codes(given, missing_codes, accept)
    with gated():
        if more:
            found = _many(used, paired, method, correlation)
            return replace(found, simulated=simulated, notes=notes)
        between = None if correlation is None else float(np.asarray(correlation))
        two = _compared(used[0], used[1], paired, method, between, conf_level)
    return replace(two, simulated=simulated, notes=(*notes, *two.notes))


def _without_codes(
    given: Sequence[Any], missing_codes: Codes, accept: Accepted
) -> tuple[list[Any], tuple[str, ...]]:
    """Return alphas as they are and items after the gate, and what it decided."""
    used: list[Any] = []
    notes: list[str] = []
    for i, one in enumerate(given, start=1):
        if isinstance(one, ReliabilityEstimate):
            used.append(one)
            continue
        items, said = cleaned(one, missing_codes=missing_codes, accept=accept)
        used.append(items)
        notes += [f"alpha {i}: {note}" for note in said]
    return used, tuple(notes)


def _many(
    given: Sequence[Any], paired: bool, method: str | None, correlation: Any
) -> AlphasComparison:
    published = any(isinstance(x, ReliabilityEstimate) for x in given)
    if not paired and correlation is not None:
        raise ModelError("correlation= is for alphas of the same people: paired=True.")
    if method == "jackknife" and published:
        raise ModelError(
            "method='jackknife' needs the items of every alpha; with estimates alone "
            "use method='feldt-woodruff-salih' and correlation=."
        )
    matrix = None
    if paired and published:
        matrix = _correlations(correlation, len(given))
    elif paired:
        values, matrix = _shared_values(given)
        given = values
    found = [_alpha(x) for x in given]
    alpha = np.array([x.estimate for x in found])
    n = np.array([float(x.n) for x in found])
    m = np.array([float(x.n_items) for x in found])
    if paired and len(set(n)) > 1:
        raise DataError(
            "alphas of the same people must have the same n; got "
            f"{listing(int(x) for x in n)}."
        )
    statistic: float
    if paired and not published and method != "feldt-woodruff-salih":
        spread = jackknife_covariance([log_alpha_without_each(x) for x in given])
        test = hotelling(-np.log1p(-alpha), spread, int(n[0]))
        statistic, df, df2, p = test[0], test[1], float(test[2]), test[3]
        how = "Dependent samples: jackknife of -ln(1 - alpha), Hotelling's F."
    else:
        statistic, df, p = cube_root_test(alpha, n, m, matrix)
        df2 = np.nan
        who = "Dependent samples" if paired else "Independent samples"
        how = f"{who}: chi-square of Feldt, Woodruff and Salih (1987)."
    return AlphasComparison(
        estimates=tuple(alpha.tolist()),
        n=tuple(int(x) for x in n),
        n_items=tuple(int(x) for x in m),
        statistic=statistic,
        df=float(df),
        df2=float(df2),
        p_value=p,
        method=how,
    )


def _correlations(given: Any, q: int) -> FloatArray:
    if given is None:
        raise ModelError(
            "alphas of the same people need correlation=, the correlations of their "
            "totals, or the items of all."
        )
    matrix = np.asarray(given, dtype=np.float64)
    if matrix.ndim == 0:
        matrix = np.where(np.eye(q, dtype=bool), 1.0, matrix)
    upper = np.triu_indices(q, 1)
    if matrix.shape != (q, q) or not (np.abs(matrix[upper]) < 1).all():
        raise DataError(
            f"correlation must be a {q} x {q} matrix of numbers between -1 and 1, the "
            "upper triangle filled."
        )
    filled = np.eye(q)
    filled[upper] = matrix[upper]
    filled.T[upper] = matrix[upper]
    return filled


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
        one, two = _alpha(first), _alpha(second)
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
        method=f"Dependent samples: Feldt (1980), r of the totals {correlation:.3f}.",
        conf_level=conf_level,
    )


def _shared(first: Any, second: Any) -> tuple[Any, Any, float]:
    """Return the items of the people who answered all of both, and r of the totals."""
    values, matrix = _shared_values((first, second))
    return values[0], values[1], float(matrix[0, 1])


def _shared_values(given: Sequence[Any]) -> tuple[list[FloatArray], FloatArray]:
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
    one, two, _ = _shared(first, second)
    if one.shape == two.shape and (one == two).all():
        raise DataError(
            "the two alphas come from the same answers; their difference is 0."
        )
    a, b = _alpha(one), _alpha(two)
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
