"""Cronbach's alpha and KR-20, from items.

Standardized alpha: alpha of the correlations.

Spearman-Brown reliability of two items.
"""

from dataclasses import replace

import numpy as np

from waistats._areas import critical
from waistats._caller import option
from waistats._format import coefficient, counted, fixed, percent
from waistats._typing import FloatArray
from waistats.errors import DataError, check_option, listing
from waistats.reliability._answers import Accepted, Codes, read_answers
from waistats.reliability._delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability._intervals import (
    FORMULA_INTERVALS,
    bonett_limits,
    bonett_se,
    feldt_limits,
    hakstian_whalen_limits,
    hakstian_whalen_se,
    strain_words,
)
from waistats.reliability._items import ItemsLike
from waistats.reliability._moments import (
    alpha_gradient,
    alpha_of,
    centred,
    correlation,
    standardized_alpha_gradient,
    standardized_alpha_of,
    variance_strain,
)
from waistats.reliability._resampling import Seed
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import Sample, prepare, refuse_impossible

ALPHA_INTERVALS = FORMULA_INTERVALS + DELTA_INTERVALS
# respondents from which the distribution-free interval and the bootstrap hold their level
_MANY = 150
# share of answers at one end from which the formulas are too short, whatever n
_AT_ONE_END = 0.6
# an alpha this near to 1 is 1 but for rounding
_ROUNDING = 1e-12


def cronbach_alpha(
    items: ItemsLike,
    *,
    ci: str | None = "feldt",
    conf_level: float = 0.95,
    missing: str = "listwise",
    bias: str = "none",
    scale: str = "raw",
    kind: str = "percentile",
    n_resamples: int = 2000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> ReliabilityEstimate:
    r"""Return Cronbach's alpha of keyed items, with an interval.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Numeric responses, reversed items already keyed; empty where missing.
    ci : str or None
        The interval: ``"feldt"``, ``"bonett"``, ``"hakstian-whalen"``,
        ``"normal-theory"``, ``"adf"``, ``"jackknife"`` or ``"bootstrap"``; None for none.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise", "em"}
        Use those who answered every item; use for each covariance those who have both
        items; or estimate the covariances by normal maximum likelihood.
    bias : {"none", "bonett", "exact"}
        Bias removed from -ln(1 - alpha) in Bonett's interval: none (as metafor), his
        ln(n / (n - 1)), or that which follows from Feldt's F distribution.
    scale : {"raw", "bonett"}
        Where the normal-theory and ADF intervals are symmetric: on alpha itself, as in
        psych and MBESS, or on -ln(1 - alpha), which keeps them below 1. The coverage
        of the first is as good or slightly better.
    kind : {"percentile", "bca", "normal"}
        Bootstrap interval.
    n_resamples : int
        Resamples of the bootstrap.
    seed : int, Generator or None
        Makes the bootstrap reproducible.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    ReliabilityEstimate
        Alpha, standard error, interval, and the n that was used.

    Raises
    ------
    DataError
        If items are not numeric, fewer than 3 respondents remain, the total score does
        not vary, or pairwise covariances are impossible and alpha would exceed 1.

    Notes
    -----
    With item covariances S, their trace and their sum,

    .. math:: \alpha = \frac{m}{m - 1}\left(1 - \frac{\mathrm{tr} S}{1'S1}\right)

    as in psych, SPSS and JASP. Items without variance are kept (psych drops them) and
    named in the notes. A negative alpha is allowed and kept.

    The standard error belongs to the interval's method, always on alpha's own scale:
    Bonett's for ``"feldt"`` and ``"bonett"`` (its square is metafor's ``ARAW``
    variance), Hakstian and Whalen's; van Zyl's (psych's ``ase``) for
    ``"normal-theory"``; the distribution-free one of Maydeu-Olivares, Coffman and
    Hartmann (2007), as MBESS, for ``"adf"``; Tukey's (1958) for ``"jackknife"``, alpha
    without each respondent, with t on n - 1 degrees of freedom; the spread of the
    resamples for ``"bootstrap"``.

    Where answers meet a ceiling, the formulas are too short whatever n, and ``"adf"`` and
    the bootstrap in small samples: with a strong ceiling (SIMULATED) 95 % limits of
    ``"adf"`` hold alpha in .85 of samples of 30 and .88 of samples of 60, those of
    ``"jackknife"`` in .93 and .94, and with normal answers in .94 and .95.

    The interval uses the n of the covariances. psych and pingouin use the n from before
    listwise deletion. With ``"pairwise"``, formulas use the smallest n of any pair.
    With ``"em"`` no n makes a formula valid, so ``"adf"`` takes their place; its
    standard error is that of the incomplete data.

    References
    ----------
    Feldt, L. S. (1965). Psychometrika, 30, 357-370. Bonett, D. G. (2002). J. Educ.
    Behav. Stat., 27, 335-340. Hakstian, A. R., & Whalen, T. E. (1976). Psychometrika,
    41, 219-231. van Zyl, J. M., et al. (2000). Psychometrika, 65, 271-280.

    Examples
    --------
    >>> answers = [[1, 2, 2], [3, 3, 4], [4, 4, 3], [5, 4, 5], [2, 3, 3], [4, 5, 5]]
    >>> print(cronbach_alpha(answers).heading())
    alpha = .921, 95% CI [.666, .988] (feldt), n = 6, 3 items, se = 0.0682
    """
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(ALPHA_INTERVALS)
    bias = check_option("bias", bias, ("none", "bonett", "exact"))
    return alpha_of_sample(
        prepare(items, missing, missing_codes=missing_codes, accept=accept),
        request,
        bias=bias,
    )


def alpha_of_sample(
    sample: Sample,
    request: IntervalRequest,
    *,
    bias: str = "none",
    coefficient: str = "alpha",
) -> ReliabilityEstimate:
    """Return alpha of a prepared sample; the checks are the caller's."""
    covariance = sample.moments.covariance
    estimate = exactly_one(float(alpha_of(covariance)))
    refuse_impossible(sample, estimate, "alpha")
    if np.isnan(estimate):
        raise DataError(no_total_variance(int(sample.moments.n)))
    n, m = int(sample.moments.n), sample.n_items
    notes = sample.notes + alpha_notes(estimate)
    if request.ci in FORMULA_INTERVALS and sample.likelihood is None:
        se, low, high = formula_limits(
            estimate, n, m, str(request.ci), request.conf_level, bias
        )
        spread = Spread(
            se=float(se), ci_low=float(low), ci_high=float(high), ci=str(request.ci)
        )
        notes += _strain_note(sample, str(request.ci))
    else:
        if request.ci in FORMULA_INTERVALS:
            notes += (
                f"No n makes the {request.ci} interval right for covariances by EM; "
                "the interval is distribution-free instead.",
            )
            request = IntervalRequest(
                ci="adf", conf_level=request.conf_level, scale=request.scale
            )
        spread = delta_spread(
            sample, estimate, alpha_gradient(covariance), alpha_of, request
        )
        notes += _small_note(spread.ci, n)
    return ReliabilityEstimate(
        coefficient=coefficient,
        estimate=estimate,
        **spread.limits(request.conf_level),
        **sample.counts,
        method=_METHODS[coefficient],
        notes=notes + spread.notes,
    )


def _strain_note(sample: Sample, ci: str) -> tuple[str, ...]:
    """Return that an interval for normal items is too short for these, and why."""
    if not len(sample.values) or sample.missing != "listwise":
        return ()
    values = sample.values
    words = strain_words(*variance_strain(values))
    if not words:
        return _end_note(values, ci)
    away = centred(values)[1]
    second = (away**2).mean(axis=0)
    varies = second > 0
    fourth = (away[:, varies] ** 4).mean(axis=0)
    kurtosis = float((fourth / second[varies] ** 2).mean() - 3)
    return (
        f"{words} (mean excess kurtosis of the items {fixed(kurtosis, 1)}), so the {ci} "
        f"interval is too short; use {option('ci', 'jackknife')}"
        + (f" or {option('ci', 'adf')}." if len(values) >= _MANY else "."),
    )


def _end_note(values: FloatArray, ci: str) -> tuple[str, ...]:
    """Return that answers at one end shorten an interval, where few cannot show it."""
    if len(values) >= _MANY:
        return ()
    low, high = values.min(), values.max()
    end = max(float((values == x).mean()) for x in (low, high))
    binary = ((values == low) | (values == high)).all()
    if end < _AT_ONE_END or binary:
        return ()
    return (
        f"{percent(100 * end, 0)} of the answers are at one end of the scale. With 69% "
        f"there, 95% limits of {ci} held alpha in .84 to .87 of SIMULATED samples, "
        f"{option('ci', 'jackknife')} in .92 to .95; "
        f"{counted(len(values), 'respondent')} are too few to show it.",
    )


def _small_note(ci: str, n: int) -> tuple[str, ...]:
    """Return how short an interval is with so few respondents, if it is."""
    if ci not in ("adf", "bootstrap") or n >= _MANY:
        return ()
    return (
        f"With few respondents (here {n}) this interval is short: in SIMULATED answers "
        "its 95% limits hold alpha in .91 of samples of 30 and .93 of samples of 60 with "
        f"normal answers, in .85 and .88 with a strong ceiling; "
        f"{option('ci', 'jackknife')} in .92 to .96.",
    )


_METHODS = {
    "alpha": "Cronbach's alpha of the item covariances.",
    "kr20": "Kuder-Richardson formula 20: Cronbach's alpha of items scored 0 and 1.",
}


def formula_limits(
    alpha: float | FloatArray,
    n: int | FloatArray,
    n_items: int | FloatArray,
    ci: str,
    conf_level: float,
    bias: str = "none",
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return standard error and limits that need only alpha, n and n_items."""
    if ci == "hakstian-whalen":
        low, high = hakstian_whalen_limits(alpha, n, n_items, conf_level)
        return hakstian_whalen_se(alpha, n, n_items), low, high
    if ci == "bonett":
        low, high = bonett_limits(alpha, n, n_items, conf_level, bias)
    else:
        low, high = feldt_limits(alpha, n, n_items, conf_level)
    return bonett_se(alpha, n, n_items), low, high


def exactly_one(alpha: float) -> float:
    """Return alpha, or 1 where only rounding keeps it from 1."""
    return 1.0 if abs(alpha - 1) < _ROUNDING else alpha


def no_total_variance(n: int) -> str:
    """Return in words why alpha is not defined."""
    return (
        f"the total score of the {counted(n, 'respondent')} does not vary, so alpha is "
        "not defined; check the items and their keys"
    )


def alpha_notes(alpha: float) -> tuple[str, ...]:
    """Return what a reader must know of alphas that cannot be taken at face value."""
    if alpha == 1:
        return ("Alpha is exactly 1: the items are copies of each other.",)
    if alpha < 0:
        return (
            "Alpha is negative: some items probably still need to be reverse-scored.",
        )
    return ()


def kr20(
    items: ItemsLike,
    *,
    ci: str | None = "feldt",
    conf_level: float = 0.95,
    missing: str = "listwise",
    bias: str = "none",
    scale: str = "raw",
    kind: str = "percentile",
    n_resamples: int = 2000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> ReliabilityEstimate:
    """Return the Kuder-Richardson formula 20 of items scored 0 and 1.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Responses scored 0 or 1.
    ci, conf_level, missing, bias, scale, kind, n_resamples, seed, missing_codes, accept
        As in :func:`cronbach_alpha`.

    Returns
    -------
    ReliabilityEstimate
        KR-20 with its interval.

    Raises
    ------
    DataError
        If an answer is neither 0 nor 1.

    Notes
    -----
    KR-20 is Cronbach's alpha of dichotomous items, p(1 - p) being their variances; the
    variance of the total has the same divisor, so the divisor cancels.

    Examples
    --------
    >>> answers = [[1, 1, 0], [1, 1, 1], [0, 0, 0], [1, 0, 0], [1, 1, 1]]
    >>> round(kr20(answers).estimate, 4)
    0.7941
    """
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(ALPHA_INTERVALS)
    bias = check_option("bias", bias, ("none", "bonett", "exact"))
    responses = read_answers(items, missing_codes=missing_codes, accept=accept)
    values = responses.values
    wrong = np.argwhere((values != 0) & (values != 1) & ~np.isnan(values))
    if len(wrong):
        places = [
            f"{responses.names[j]} is {values[i, j]:g} (row {responses.rows[i]})"
            for i, j in wrong
        ]
        raise DataError(
            f"KR-20 needs answers scored 0 or 1, but {listing(places)}. Use "
            "cronbach_alpha for answers on a longer scale."
        )
    return alpha_of_sample(
        prepare(responses, missing),
        request,
        bias=bias,
        coefficient="kr20",
    )


def standardized_alpha(
    items: ItemsLike,
    *,
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "raw",
    kind: str = "percentile",
    n_resamples: int = 2000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> ReliabilityEstimate:
    r"""Return standardized alpha: alpha of the correlation matrix.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed numeric responses; every item must vary.
    ci : {"adf", "normal-theory", "jackknife", "bootstrap"}
        The interval; None for none. Feldt's, Bonett's and Hakstian and Whalen's are
        derived for raw alpha only.
    conf_level, missing, scale, kind, n_resamples, seed, missing_codes, accept
        As in :func:`cronbach_alpha`.

    Returns
    -------
    ReliabilityEstimate
        Standardized alpha with its interval.

    Raises
    ------
    DataError
        If an item does not vary.

    Notes
    -----
    With the mean correlation r, :math:`m r / (1 + (m - 1) r)`: the reliability of the
    sum of standardized items, psych's ``std.alpha``. The interval takes account of the
    items' standard deviations being estimated.

    Examples
    --------
    >>> answers = [[1, 2, 2], [3, 3, 4], [4, 4, 3], [5, 4, 5], [2, 3, 3], [4, 5, 5]]
    >>> round(standardized_alpha(answers).estimate, 4)
    0.9307
    """
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(DELTA_INTERVALS)
    sample = prepare(items, missing, missing_codes=missing_codes, accept=accept)
    covariance = sample.moments.covariance
    flat = np.flatnonzero(~(sample.moments.item_variance > 0))
    if len(flat):
        raise DataError(
            "standardized alpha needs items that vary, but these do not: "
            f"{listing(sample.names[j] for j in flat)}. Leave them out or use "
            "cronbach_alpha."
        )
    estimate = exactly_one(float(standardized_alpha_of(covariance)))
    refuse_impossible(sample, estimate, "standardized alpha")
    if np.isnan(estimate):
        raise DataError(no_total_variance(int(sample.moments.n)))
    spread = delta_spread(
        sample,
        estimate,
        standardized_alpha_gradient(covariance),
        standardized_alpha_of,
        request,
    )
    return ReliabilityEstimate(
        coefficient="standardized_alpha",
        estimate=estimate,
        **spread.limits(conf_level),
        **sample.counts,
        method="Alpha of the item correlations (standardized alpha).",
        notes=sample.notes + alpha_notes(estimate) + spread.notes,
    )


def two_item_reliability(
    items: ItemsLike,
    *,
    ci: str | None = "fisher-z",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "raw",
    kind: str = "percentile",
    n_resamples: int = 2000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> ReliabilityEstimate:
    r"""Return the Spearman-Brown reliability of two items.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, 2)
        Two keyed items that vary.
    ci : {"fisher-z", "adf", "normal-theory", "jackknife", "bootstrap"}
        The interval; None for none. ``"fisher-z"`` is that of the correlation, put
        through the formula; it supposes normal responses.
    conf_level, missing, scale, kind, n_resamples, seed, missing_codes, accept
        As in :func:`cronbach_alpha`.

    Returns
    -------
    ReliabilityEstimate
        The reliability of the sum of the two standardized items.

    Raises
    ------
    DataError
        If there are not two items, or one does not vary.

    Notes
    -----
    :math:`2r / (1 + r)`, the standardized alpha of two items; the coefficient of choice
    for a two-item scale (Eisinga, te Grotenhuis & Pelzer, 2013).

    Examples
    --------
    >>> round(two_item_reliability([[1, 2], [2, 2], [3, 5], [5, 4]]).estimate, 4)
    0.8117
    """
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(("fisher-z", *DELTA_INTERVALS))
    sample = prepare(items, missing, missing_codes=missing_codes, accept=accept)
    if sample.n_items != 2:
        raise DataError(
            f"two_item_reliability takes two items; got {sample.n_items}. Use "
            "cronbach_alpha for more."
        )
    covariance = sample.moments.covariance
    r = float(correlation(covariance)[0, 1])
    if np.isnan(r):
        raise DataError("both items must vary, but one has the same answer throughout.")
    refuse_impossible(sample, 2 * r / (1 + r) if r > -1 else np.nan, "the coefficient")
    if r <= -1 + 1e-12:
        raise DataError(no_total_variance(int(sample.moments.n)))
    estimate = exactly_one(2 * r / (1 + r))
    if request.ci == "fisher-z":
        spread = _fisher(r, int(sample.moments.n), conf_level)
    else:
        spread = delta_spread(
            sample,
            estimate,
            standardized_alpha_gradient(covariance),
            standardized_alpha_of,
            request,
        )
    if sample.likelihood is not None and request.ci == "fisher-z":
        way = option("ci", "adf")
        note = f"The interval assumes complete answers; {way} does not."
        spread = replace(spread, notes=(*spread.notes, note))
    return ReliabilityEstimate(
        coefficient="spearman_brown",
        estimate=estimate,
        **spread.limits(conf_level),
        **sample.counts,
        method=f"Spearman-Brown of two items, r = {coefficient(r)}.",
        notes=sample.notes + alpha_notes(estimate) + spread.notes,
    )


def _fisher(r: float, n: int, conf_level: float) -> Spread:
    """Return the limits of r by Fisher's z, put through Spearman-Brown."""
    if n < 4:
        note = "Fisher's z needs at least 4 respondents; no interval is given."
        return Spread(notes=(note,))
    if r >= 1 - 1e-12:
        return Spread(se=0.0, ci_low=1.0, ci_high=1.0, ci="fisher-z")
    root = np.sqrt(n - 3)
    ends = np.tanh(np.arctanh(r) + critical(conf_level) / root * np.array([-1, 1]))
    low, high = 2 * ends / (1 + ends)
    se = 2 / (1 + r) ** 2 * (1 - r**2) / root
    return Spread(se=float(se), ci_low=float(low), ci_high=float(high), ci="fisher-z")
