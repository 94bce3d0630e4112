"""Two occasions: limits of agreement, smallest detectable change, change scores."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from waistats._areas import critical, two_sided
from waistats._format import Result, coefficient, counted, fixed, level, p_statement
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import DataError, check_conf_level, check_option
from waistats.provenance import NOTE, is_simulated, marked, noted, of_simulated
from waistats.reliability._answers import Accepted, Codes, gated, match_respondents
from waistats.reliability._delta import DELTA_INTERVALS, IntervalRequest, delta_spread
from waistats.reliability._items import ItemsLike
from waistats.reliability._resampling import Seed
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import prepare
from waistats.reliability.icc import intraclass_correlation
from waistats.reliability.retest import paired_scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LimitsOfAgreement(Result):
    """Differences of two measurements of the same people.

    Attributes
    ----------
    limits : DataFrame
        ``term`` (lower limit, mean difference, upper limit), ``estimate, ci_low,
        ci_high``: first less second.
    sd : float
        Standard deviation of the differences.
    slope, slope_p : float
        Slope of the differences on the means, and its test against 0: whether the
        difference grows with the score.
    n, n_excluded : int
        People with both measurements, and others.
    coverage : float
        Share of the differences that the limits should hold.
    conf_level : float
        Confidence level of the intervals.
    simulated : bool
        Whether the scores are SIMULATED.
    """

    limits: pd.DataFrame
    sd: float
    slope: float
    slope_p: float
    n: int
    n_excluded: int
    coverage: float
    conf_level: float
    simulated: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return both limits and the mean difference, a row each."""
        return marked(self.limits.copy(), self.simulated)

    def heading(self) -> str:
        """Return what was compared."""
        return (
            f"{level(self.coverage)} limits of agreement, n = {self.n}, SD of the "
            f"differences {fixed(self.sd)}{of_simulated(self.simulated)}; "
            f"{level(self.conf_level)} confidence intervals"
        )

    def closing(self) -> str:
        """Return whether the difference depends on the size of the score."""
        lines = [
            f"Slope of the difference on the mean {fixed(self.slope, 3)}, "
            f"{p_statement(self.slope_p)}."
        ]
        if self.slope_p < 0.05:
            lines.append(
                "The difference changes with the score, so one pair of limits does not "
                "hold for all scores."
            )
        if self.n_excluded:
            lines.append(
                f"{counted(self.n_excluded, 'person', 'people')} with one measurement "
                "excluded."
            )
        return "\n".join(lines)


def limits_of_agreement(
    first: ArrayLike,
    second: ArrayLike,
    *,
    coverage: float = 0.95,
    conf_level: float = 0.95,
) -> LimitsOfAgreement:
    r"""Return Bland and Altman's limits of agreement of two measurements.

    Parameters
    ----------
    first, second : array_like of shape (n,)
        The same people's scores, in the same order; Series must have the same index.
    coverage : float
        Share of the differences that the limits should hold.
    conf_level : float
        Confidence level of the intervals.

    Returns
    -------
    LimitsOfAgreement
        Mean difference and limits with exact intervals.

    Raises
    ------
    DataError
        If the scores do not belong together or fewer than 3 people have both.

    Notes
    -----
    :math:`\bar d\pm z s`. For normal differences
    :math:`\sqrt n(\bar d-\mu-z\sigma)/s` is noncentral t, so the interval of a limit is
    exact, :math:`\bar d+s\,t'_{n-1}(z\sqrt n)/\sqrt n` (Carkeet, 2015); the usual
    :math:`\pm t s\sqrt{3/n}` is an approximation that is symmetric.

    References
    ----------
    Bland, J. M., & Altman, D. G. (1986). The Lancet, 327, 307-310. Carkeet, A. (2015).
    Optometry and Vision Science, 92, e71-e80.

    Examples
    --------
    >>> found = limits_of_agreement([10, 12, 9, 14, 11, 13], [11, 12, 8, 15, 13, 13])
    >>> found.to_frame().round(2)
                  term  estimate  ci_low  ci_high
    0      lower limit     -2.56   -5.86    -1.54
    1  mean difference     -0.50   -1.60     0.60
    2      upper limit      1.56    0.54     4.86
    """
    first = as_frame(first)
    second = as_frame(second)
    check_conf_level(conf_level)
    _check_share("coverage", coverage)
    pairs = paired_scores(first, second)
    whole = pairs[~np.isnan(pairs).any(axis=1)]
    n = len(whole)
    if n < 3:
        raise DataError(
            f"at least 3 people with both measurements are needed; there are {n}."
        )
    difference, middle = whole[:, 0] - whole[:, 1], whole.mean(axis=1)
    mean, sd = float(difference.mean()), float(difference.std(ddof=1))
    z, root = critical(coverage), np.sqrt(n)
    tails = np.array([(1 - conf_level) / 2, (1 + conf_level) / 2])
    exact = special.nctdtrit(n - 1, z * root, tails) * sd / root
    half = critical(conf_level, n - 1) * sd / root
    rows = [
        ("lower limit", mean - z * sd, mean - exact[1], mean - exact[0]),
        ("mean difference", mean, mean - half, mean + half),
        ("upper limit", mean + z * sd, mean + exact[0], mean + exact[1]),
    ]
    slope, p = _slope(middle, difference)
    return LimitsOfAgreement(
        limits=pd.DataFrame(rows, columns=["term", "estimate", "ci_low", "ci_high"]),
        sd=sd,
        slope=slope,
        slope_p=p,
        n=n,
        n_excluded=len(pairs) - n,
        coverage=coverage,
        conf_level=conf_level,
        simulated=is_simulated(first) or is_simulated(second),
    )


def _slope(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Return the slope of y on x and its two-sided p value."""
    n = len(x)
    centred = x - x.mean()
    square = float(centred @ centred)
    if not square > 0:
        return np.nan, np.nan
    slope = float(centred @ y) / square
    rest = y - y.mean() - slope * centred
    variance = float(rest @ rest) / (n - 2) / square
    if not variance > 0:
        return slope, np.nan if slope == 0 else 0.0
    return slope, float(two_sided(slope / np.sqrt(variance), n - 2))


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise DataError(f"{name} must lie between 0 and 1; got {value!r}.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DetectableChange(Result):
    """What a change must exceed to be more than measurement error.

    Attributes
    ----------
    form : str
        ``"agreement"`` or ``"consistency"``: whether levels of the occasions count.
    sem, sem_low, sem_high : float
        Standard error of measurement with its interval.
    sdc, sdc_low, sdc_high : float
        Smallest detectable change of one person with its interval.
    sdc_group : float
        Smallest detectable change of the mean of all n people.
    icc : float
        ICC(2,1) for agreement, ICC(3,1) for consistency.
    n, n_ratings : int
        People and measurements.
    coverage : float
        Share of the changes by error alone that stay below ``sdc``.
    conf_level : float
        Confidence level of the intervals.
    components : DataFrame
        Variance components.
    notes : tuple of str
        What a reader must know.
    """

    form: str
    sem: float
    sem_low: float
    sem_high: float
    sdc: float
    sdc_low: float
    sdc_high: float
    sdc_group: float
    icc: float
    n: int
    n_ratings: int
    coverage: float
    conf_level: float
    components: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the scores are SIMULATED."""
        return noted(self.notes)

    def to_frame(self) -> pd.DataFrame:
        """Return a row each for SEM and the change of a person and of the group."""
        frame = pd.DataFrame(
            {
                "term": ["sem", "sdc", "sdc_group"],
                "estimate": [self.sem, self.sdc, self.sdc_group],
                "ci_low": [
                    self.sem_low,
                    self.sdc_low,
                    self.sdc_low / np.sqrt(self.n),
                ],
                "ci_high": [
                    self.sem_high,
                    self.sdc_high,
                    self.sdc_high / np.sqrt(self.n),
                ],
            }
        )
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return what was computed."""
        return (
            f"Smallest detectable change ({self.form}), {level(self.coverage)}: "
            f"{fixed(self.sdc, 3)} for a person, {fixed(self.sdc_group, 3)} for the mean "
            f"of {self.n}; SEM {fixed(self.sem, 3)}, ICC {coefficient(self.icc)}"
            f"{of_simulated(self.simulated)}"
        )

    def closing(self) -> str:
        """Return the notes."""
        return "\n".join(self.notes)


def smallest_detectable_change(
    data: pd.DataFrame | ArrayLike,
    *,
    targets: Hashable | None = None,
    raters: Hashable | None = None,
    ratings: Hashable | None = None,
    form: str = "agreement",
    coverage: float = 0.95,
    conf_level: float = 0.95,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> DetectableChange:
    r"""Return the smallest change of a score beyond measurement error.

    Parameters
    ----------
    data : DataFrame or array_like
        Scores of stable people on several occasions (or by several raters): long with
        three columns named, or wide with one row per person. Gaps are allowed.
    targets, raters, ratings : column names, optional
        Who, when (or by whom), and the score, of a long table.
    form : {"agreement", "consistency"}
        Whether systematic differences between occasions count as error.
    coverage : float
        Share of the changes by error alone that stay below it.
    conf_level : float
        Confidence level of the intervals.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    DetectableChange
        Standard error of measurement and smallest detectable change.

    Raises
    ------
    DataError
        As in :func:`intraclass_correlation`.

    Notes
    -----
    :math:`SEM=\sqrt{\sigma^2_o+\sigma^2_e}` for agreement, :math:`\sqrt{\sigma^2_e}` for
    consistency, :math:`SDC=z\sqrt2\,SEM`, of a group :math:`SDC/\sqrt n` (de Vet et al.,
    2006), with components by restricted maximum likelihood. Limits by chi-square with
    the degrees of freedom that give the estimate its variance (Satterthwaite); exact for
    consistency and complete scores. :func:`reliable_change` asks the same of one person's
    change from a published reliability.

    References
    ----------
    de Vet, H. C. W., et al. (2006). Journal of Clinical Epidemiology, 59, 1033-1039.

    Examples
    --------
    >>> scores = [[10, 11], [12, 12], [9, 8], [14, 15], [11, 13], [13, 13]]
    >>> found = smallest_detectable_change(scores, form="consistency")
    >>> round(found.sem, 3), round(found.sdc, 3)
    (0.742, 2.056)
    """
    data = as_frame(data)
    form = check_option("form", form, ("agreement", "consistency"))
    check_conf_level(conf_level)
    _check_share("coverage", coverage)
    icc = intraclass_correlation(
        data,
        targets=targets,
        raters=raters,
        ratings=ratings,
        form="2,1" if form == "agreement" else "3,1",
        missing="reml",
        missing_codes=missing_codes,
        accept=accept,
    )
    parts = icc.components.set_index("component")["variance"]
    spread = icc.variances
    if form == "agreement":
        variance = float(parts["rater"] + parts["error"])
        uncertainty = float(spread[1:, 1:].sum())
    else:
        variance = float(parts["error"])
        uncertainty = float(spread[-1, -1])
    df = 2 * variance**2 / uncertainty
    tail = (1 - conf_level) / 2
    sem = np.sqrt(variance)
    low = sem * np.sqrt(df / special.chdtri(df, tail))
    high = sem * np.sqrt(df / special.chdtri(df, 1 - tail))
    factor = critical(coverage) * np.sqrt(2)
    return DetectableChange(
        form=form,
        sem=float(sem),
        sem_low=float(low),
        sem_high=float(high),
        sdc=float(factor * sem),
        sdc_low=float(factor * low),
        sdc_high=float(factor * high),
        sdc_group=float(factor * sem / np.sqrt(icc.n)),
        icc=icc.estimate,
        n=icc.n,
        n_ratings=icc.n_ratings,
        coverage=coverage,
        conf_level=conf_level,
        components=icc.components,
        notes=icc.notes,
    )


def reliability_of_change(
    first: ItemsLike,
    second: ItemsLike,
    *,
    ci: str | None = "adf",
    conf_level: float = 0.95,
    scale: str = "raw",
    kind: str = "percentile",
    n_resamples: int = 2000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> ReliabilityEstimate:
    r"""Return the reliability of change scores, from the items of two occasions.

    Parameters
    ----------
    first, second : DataFrame or array_like of shape (n, m)
        Keyed items of the same people on both occasions; frames with different indexes
        are matched by index.
    ci : {"adf", "normal-theory", "jackknife", "bootstrap"}
        The interval; None for none.
    conf_level, scale, kind, n_resamples, seed, missing_codes, accept
        As in :func:`cronbach_alpha`.

    Returns
    -------
    ReliabilityEstimate
        The reliability of second less first; n of those with all answers.

    Raises
    ------
    DataError
        If the people cannot be matched, or change does not vary.

    Notes
    -----
    With variances V, covariance C of the two totals and their alphas a,

    .. math:: \rho_D = \frac{a_1V_1 + a_2V_2 - 2C}{V_1 + V_2 - 2C},

    the classical formula (Lord, 1963): errors of the two occasions are uncorrelated. An
    item whose own error returns on the second occasion makes C too large and this too
    low. :func:`multilevel_reliability` has the reliability of change over many sessions.

    References
    ----------
    Lord, F. M. (1963). In C. W. Harris (Ed.), Problems in measuring change (pp. 21-38).
    University of Wisconsin Press.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> level, gain = rng.normal(size=(2, 200, 1))
    >>> before = level + rng.normal(size=(200, 5))
    >>> after = level + gain + rng.normal(size=(200, 5))
    >>> round(reliability_of_change(before, after).estimate, 2)
    0.67
    """
    first = as_frame(first)
    second = as_frame(second)
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(DELTA_INTERVALS)
    matched, notes = match_respondents(
        {"first": first, "second": second},
        missing_codes=missing_codes,
        accept=accept,
    )
    one, two = matched.values()
    both = np.column_stack([one.values, two.values])
    whole = ~np.isnan(both).any(axis=1)
    with gated():
        sample = prepare(both[whole])
    split = one.n_items
    s = sample.moments.covariance
    value = float(change_of(s, split))
    if np.isnan(value):
        raise DataError(
            "change scores do not vary, so they have no reliability; check that the two "
            "occasions are not the same answers."
        )
    spread = delta_spread(
        sample,
        value,
        _change_gradient(s, split),
        lambda matrices: change_of(matrices, split),
        request,
    )
    if is_simulated(first) or is_simulated(second):
        notes += (NOTE,)
    return ReliabilityEstimate(
        coefficient="reliability_of_change",
        estimate=value,
        **spread.limits(conf_level),
        n=int(whole.sum()),
        n_items=split,
        n_excluded=int((~whole).sum()),
        method="Reliability of change scores from alpha on both occasions.",
        notes=notes + spread.notes,
    )


def change_of(s: FloatArray, split: int) -> FloatArray:
    """Return the reliability of change (...) of covariances (..., m1 + m2, m1 + m2)."""
    weights = _change_weights(s.shape[-1], split)
    signs = np.where(np.arange(s.shape[-1]) < split, -1.0, 1.0)
    variance = np.einsum("i,...ij,j->...", signs, s, signs)
    top = (weights * s).sum(axis=(-1, -2))
    trace = np.trace(s, axis1=-2, axis2=-1)
    safe = np.where(variance > 1e-12 * trace, variance, np.nan)
    found: FloatArray = top / safe
    return found


def _change_weights(m: int, split: int) -> FloatArray:
    """Return weights (m, m) of the covariances that make a1 V1 + a2 V2 - 2 C."""
    weights = -np.ones((m, m))
    for part in (slice(0, split), slice(split, m)):
        size = part.stop - part.start
        weights[part, part] = size / (size - 1) * (1 - np.eye(size))
    return weights


def _change_gradient(s: FloatArray, split: int) -> FloatArray:
    m = len(s)
    signs = np.where(np.arange(m) < split, -1.0, 1.0)
    variance = float(signs @ s @ signs)
    value = float(change_of(s, split))
    found: FloatArray = (
        _change_weights(m, split) - value * np.outer(signs, signs)
    ) / variance
    return found
