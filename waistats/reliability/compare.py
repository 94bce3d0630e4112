"""Tests of two alphas: from different people or from the same.

Sampling covariance of alphas that share respondents, from influence functions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from waistats._format import Result, coefficient, interval, level, p_statement
from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, check_conf_level, check_option
from waistats.provenance import is_simulated, marked, noted, of_simulated
from waistats.reliability._items import ItemsLike, match_respondents, read_items
from waistats.reliability._moments import alpha_gradient, alpha_of, influence_covariance
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import Sample, impossible, prepare
from waistats.reliability.alpha import cronbach_alpha, exactly_one, no_total_variance

MEASURES = ("bonett", "hakstian-whalen", "raw")


def pooling_slope(alpha: FloatArray, measure: str) -> FloatArray:
    """Return the derivative of the pooling scale by alpha."""
    check_option("measure", measure, MEASURES)
    rest = 1 - np.asarray(alpha, dtype=np.float64)
    if measure == "bonett":
        return 1 / rest
    if measure == "hakstian-whalen":
        return np.cbrt(rest) ** -2.0 / 3
    return np.ones_like(rest)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AlphaCovariance(Result):
    """Alphas of several scales and their sampling covariance.

    Attributes
    ----------
    scales : tuple of str
        Names of the scales.
    estimate : ndarray, shape (q,)
        Cronbach's alpha of each.
    n, n_items : ndarray of int, shape (q,)
        Respondents and items behind each.
    raw, hakstian_whalen, bonett : ndarray, shape (q, q)
        Sampling covariance of alpha, of 1 - (1 - alpha)**(1/3) and of -ln(1 - alpha).
    correlation : ndarray, shape (q, q)
        Sampling correlation, the same on every scale.
    n_shared : ndarray of int, shape (q, q)
        Respondents behind both alphas.
    notes : tuple of str
        What a reader must know.
    """

    scales: tuple[str, ...]
    estimate: FloatArray
    n: np.ndarray
    n_items: np.ndarray
    raw: FloatArray
    hakstian_whalen: FloatArray
    bonett: FloatArray
    correlation: FloatArray
    n_shared: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the responses are SIMULATED."""
        return noted(self.notes)

    def matrix(self, measure: str = "bonett") -> pd.DataFrame:
        """Return the covariance on a pooling scale, labelled by scale.

        Parameters
        ----------
        measure : {"bonett", "hakstian-whalen", "raw"}
            The scale of the alphas.
        """
        check_option("measure", measure, MEASURES)
        values = getattr(self, measure.replace("-", "_"))
        return pd.DataFrame(values, index=self.scales, columns=self.scales)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a pair of scales, each scale with itself too."""
        first, second = np.triu_indices(len(self.scales))
        names = np.asarray(self.scales, dtype=object)
        frame = pd.DataFrame(
            {
                "scale_1": names[first],
                "scale_2": names[second],
                "estimate_1": self.estimate[first],
                "estimate_2": self.estimate[second],
                "n": self.n_shared[first, second],
                "correlation": self.correlation[first, second],
                "covariance": self.raw[first, second],
                "covariance_bonett": self.bonett[first, second],
            }
        )
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return what it is, in a line."""
        return (
            f"Sampling covariance of {len(self.scales)} alphas"
            f"{of_simulated(self.simulated)}, distribution-free "
            "(raw scale, and Bonett scale)"
        )

    def closing(self) -> str:
        """Return the notes, a line each."""
        return "\n".join(self.notes)


def alpha_covariance(
    scales: Mapping[str, ItemsLike], *, missing: str = "listwise"
) -> AlphaCovariance:
    r"""Return the sampling covariance of alphas that come from the same people.

    Parameters
    ----------
    scales : mapping of str to items
        Keyed items of each scale, one row a respondent (or dyad). Scales may share
        items, as a total does with its subscales, or hold the same items from different
        raters. Frames with different indexes are matched by index; arrays by row.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers, within each scale.

    Returns
    -------
    AlphaCovariance
        Alphas and covariance matrices: ``.raw``, ``.bonett``, ``.hakstian_whalen``,
        ``.correlation``; ``.matrix(measure)`` labels them.

    Raises
    ------
    DataError
        If the rows cannot be matched or an alpha is not defined.

    Notes
    -----
    With centred items, :math:`t_{ip}` the total and :math:`u_{ip}` the sum of squares
    of respondent i on scale p, :math:`D_p` the sum of :math:`u_{ip}` and :math:`V_p`
    that of :math:`t_{ip}^2`, both over n - 1,

    .. math:: F_{ip} = \frac{m_p}{m_p - 1}\,\frac{D_p t_{ip}^2 - V_p u_{ip}}{V_p^2},
        \qquad \mathrm{cov}(a_p, a_q) = \frac{\sum_i F_{ip} F_{iq}}{n(n - 1)}

    the delta method with the distribution-free covariance of the sample covariances;
    the diagonal is the variance of ``cronbach_alpha(ci="adf")``. Where scales have
    different respondents, the sum runs over those who are behind both and n (n - 1)
    is the geometric mean of the two. No package for R computes it.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(100, 1)) + rng.normal(size=(100, 6))
    >>> found = alpha_covariance({"first": answers[:, :3], "total": answers})
    >>> found.matrix("bonett").round(4)
            first   total
    first  0.0225  0.0177
    total  0.0177  0.0236
    """
    if not isinstance(scales, Mapping) or len(scales) < 1:
        raise ModelError(
            "alpha_covariance needs a mapping of scale to items, such as "
            "{'task': task_items, 'total': items}."
        )
    aligned, notes = match_respondents(scales)
    samples: dict[str, Sample] = {}
    for name, items in aligned.items():
        try:
            samples[name] = prepare(items, missing)
        except DataError as error:
            raise DataError(f"scale {name}: {error}") from error
    alphas = [_alpha_of(name, sample) for name, sample in samples.items()]
    influence, present = stacked_influence(
        list(samples.values()), lambda covariance, n: alpha_gradient(covariance)
    )
    raw = influence_covariance(influence, present)
    estimate = np.array(alphas)
    sd = np.sqrt(np.diagonal(raw))
    shared = present.astype(np.int64).T @ present.astype(np.int64)

    def on(measure: str) -> FloatArray:
        slope = pooling_slope(estimate, measure)
        return raw * np.outer(slope, slope)

    return AlphaCovariance(
        scales=tuple(samples),
        estimate=estimate,
        n=np.array([int(s.moments.n) for s in samples.values()]),
        n_items=np.array([s.n_items for s in samples.values()]),
        raw=raw,
        hakstian_whalen=on("hakstian-whalen"),
        bonett=on("bonett"),
        correlation=raw / np.outer(sd, sd),
        n_shared=shared,
        notes=notes
        + tuple(f"{k}: {note}" for k, s in samples.items() for note in s.notes),
    )


def stacked_influence(
    samples: Sequence[Sample],
    gradient: Callable[[FloatArray, int], FloatArray],
) -> tuple[FloatArray, BoolArray]:
    """Return influences (N, q) of N people on q coefficients and who is behind each.

    Parameters
    ----------
    samples : sequence of Sample
        The items of each coefficient, of the same N people in the same order.
    gradient : callable
        Covariances and n to the coefficient's derivative.
    """
    present = np.column_stack([sample.used for sample in samples])
    influence = np.zeros(present.shape)
    for j, sample in enumerate(samples):
        derivative = gradient(sample.moments.covariance, int(sample.moments.n))
        influence[present[:, j], j] = sample.influence(derivative)
    return influence, present


def _alpha_of(name: str, sample: Sample) -> float:
    alpha = exactly_one(float(alpha_of(sample.moments.covariance)))
    if not sample.is_possible and not alpha < 1:
        raise DataError(f"scale {name}: {impossible(sample, 'alpha would pass 1')}")
    if np.isnan(alpha):
        raise DataError(f"scale {name}: {no_total_variance(int(sample.moments.n))}.")
    if alpha == 1:
        raise DataError(
            f"scale {name}: alpha is exactly 1 (its items are copies of each other), "
            "so it has no sampling variance. Leave the scale out."
        )
    return alpha


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
