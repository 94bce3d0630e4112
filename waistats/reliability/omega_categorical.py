"""Categorical omega: reliability of the sum of ordered answers (Green & Yang, 2009)."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from waistats._typing import FloatArray
from waistats.errors import ConvergenceError, check_option
from waistats.provenance import marked, noted
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._categorical import (
    fit_one_factor,
    green_yang,
    green_yang_gradient,
    loading_derivatives,
    person_scores,
)
from waistats.reliability._delta import (
    IntervalRequest,
    Spread,
    bootstrap_spread,
    spread_without_each,
)
from waistats.reliability._items import ItemsLike
from waistats.reliability._polychoric import Polychoric
from waistats.reliability._resampling import Seed
from waistats.reliability.omega import (
    FactorReliability,
    opposite,
    uncorrelated,
    wald_spread,
    without_delta,
)
from waistats.reliability.ordinal import (
    OrdinalSample,
    chosen,
    ordinal_sample,
    parts_without_each,
    resampled_parts,
)

METHODS = ("dwls", "uls")


def omega_categorical(
    items: ItemsLike,
    *,
    method: str = "dwls",
    denominator: str = "observed",
    correct: float = 0.0,
    smooth: bool = False,
    ci: str | None = "auto",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "bonett",
    kind: str = "normal",
    n_resamples: int = 1000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> FactorReliability:
    r"""Return categorical omega: the reliability of the sum of ordered answers.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses in at most 20 ordered categories, at least three items.
    method : {"dwls", "uls"}
        How the factor is fitted to the polychoric correlations: weighted by the
        reciprocals of their variances, or unweighted.
    denominator : {"observed", "model"}
        Variance of the sum by the polychoric correlations (MBESS; semTools'
        ``compRelSEM``), or by those of the model (semTools' older ``omega``).
    correct : float
        Count put into the empty cells of each pair's table; 0 leaves them empty.
    smooth : bool
        Whether a matrix of polychoric correlations that is not positive semidefinite is
        changed to the nearest that is, or refused.
    ci : {"auto", "adf", "jackknife", "bootstrap"}
        The interval, as in :func:`ordinal_alpha`; None for none.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise"}
        Treatment of missing answers.
    scale : {"bonett", "raw"}
        Where the interval is symmetric: on -ln(1 - omega), or on omega itself.
    kind : {"normal", "percentile"}
        Bootstrap interval.
    n_resamples : int
        Bootstrap samples.
    seed : int, Generator or None
        Makes the bootstrap reproducible.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    FactorReliability
        Estimate, standard error, interval and standardized loadings.

    Raises
    ------
    DataError
        If the answers are not in a few ordered categories, or fewer than three items
        vary.
    ConvergenceError
        If no one-factor solution is found.

    Notes
    -----
    With thresholds :math:`\tau`, loadings :math:`\lambda` and polychoric correlations
    :math:`\rho`,

    .. math::

        \omega_c = \frac{\sum_{jk}\left[\sum_{cd}\Phi_2(\tau_{jc},\tau_{kd};
        \lambda_j\lambda_k)-\sum_c\Phi(\tau_{jc})\sum_d\Phi(\tau_{kd})\right]}
        {\sum_{jk}\left[\sum_{cd}\Phi_2(\tau_{jc},\tau_{kd};\rho_{jk})
        -\sum_c\Phi(\tau_{jc})\sum_d\Phi(\tau_{kd})\right]}

    with :math:`\rho_{jj}=1`. Unlike ordinal alpha and omega, which are the reliability
    of the normal variables behind the answers, this is that of the score that is used.
    Categories count 0, 1, ... in order. It is MBESS's
    ``ci.reliability(type = "categorical")`` and semTools' ``compRelSEM``; lavaan's WLSMV
    has the same loadings as ``"dwls"``, up to its divisor of the weights.

    The delta method carries the errors of thresholds, correlations and loadings; the
    weights are taken as fixed. Coverage of 95 % intervals in SIMULATED answers with 58 %
    at the ceiling and 4 % in the lowest category: ``"adf"`` .83 and .85 at n = 60 and 150,
    ``"jackknife"``, which ``"auto"`` takes there, .94, .93, .94 and .97 at n = 40, 60, 100
    and 150, ``"bootstrap"`` .91, .94 and .96 at 60, 100 and 150; with five even categories
    and n = 200 ``"adf"`` .94.

    References
    ----------
    Green, S. B., & Yang, Y. (2009). Psychometrika, 74, 155-167.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> latent = rng.normal(size=(300, 1)) + rng.normal(size=(300, 4))
    >>> answers = np.digitize(latent, [-2, -1, 0, 1])
    >>> result = omega_categorical(answers)
    >>> round(result.estimate, 3), round(result.se, 3)
    (0.747, 0.023)
    """
    method = check_option("method", method, METHODS)
    denominator = check_option("denominator", denominator, ("observed", "model"))
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(("auto", "adf", "jackknife", "bootstrap"))
    kind = check_option("kind", kind, ("normal", "percentile"))
    ordinal = ordinal_sample(
        items,
        correct=correct,
        missing_codes=missing_codes,
        accept=accept,
        missing=missing,
        at_least_items=3,
        smoothed=smooth,
    )
    names = ordinal.sample.names
    scores = person_scores(ordinal.fit)
    weights = _weights(ordinal.fit, scores.correlations, method)
    r = ordinal.correlation
    one = fit_one_factor(r, weights)
    if not one.converged:
        raise ConvergenceError(
            "the one-factor model of the polychoric correlations did not converge. "
            "Check the keys of the items (audit_keys)."
        )
    lam = one.loadings
    model = np.outer(lam, lam)
    np.fill_diagonal(model, 1.0)
    whole = r if denominator == "observed" else model
    thresholds = ordinal.fit.thresholds
    estimate, by_threshold, by_r, by_loading = green_yang_gradient(
        thresholds, whole, lam
    )
    heywood = np.flatnonzero(lam**2 >= 1 - 1e-8)
    problems = tuple(
        f"Heywood case: no positive unique variance of {names[j]}." for j in heywood
    )
    request = chosen(request, ordinal)
    request, refusal = without_delta(request, problems + ordinal.problems)
    spread = Spread()
    omega = _function(weights, denominator)
    if request.ci == "bootstrap":
        spread = _bootstrap(ordinal, estimate, request, omega)
    elif request.ci == "jackknife":
        without = omega(*parts_without_each(ordinal.fit))
        spread = spread_without_each(without, estimate, request)
    elif request.ci == "adf":
        moved = loading_derivatives(r, weights, lam)
        if denominator == "model":
            first, second = ordinal.fit.pairs
            by_loading = by_loading + np.bincount(
                first, by_r * lam[second], minlength=len(lam)
            )
            by_loading += np.bincount(second, by_r * lam[first], minlength=len(lam))
            by_r = np.zeros_like(by_r)
        n = len(scores.correlations)
        influence = scores.thresholds.reshape(n, -1) @ by_threshold.ravel()
        influence += scores.correlations @ (by_r + by_loading @ moved)
        se = float(np.sqrt((influence**2).sum())) / n
        spread = wald_spread(estimate, se, request)
    problems += opposite(lam, names)
    problems += uncorrelated(r, int(ordinal.sample.moments.n))
    fitted = "diagonally weighted" if method == "dwls" else "unweighted"
    over = "polychoric" if denominator == "observed" else "model's"
    notes = ordinal.notes + problems + refusal + spread.notes
    frame = pd.DataFrame(
        {
            "item": list(names),
            "loading": lam,
            "communality": lam**2,
            "uniqueness": 1 - lam**2,
        }
    )
    return FactorReliability(
        coefficient="omega_categorical",
        estimate=estimate,
        **spread.limits(conf_level),
        **ordinal.sample.counts,
        method=f"Categorical omega (Green & Yang), one factor by {fitted} least "
        f"squares, variance by the {over} correlations.",
        notes=notes,
        loadings=marked(frame, noted(notes)),
    )


def _weights(fit: Polychoric, scores: FloatArray, method: str) -> FloatArray:
    m = len(fit.correlation)
    if method == "uls":
        return np.ones((m, m))
    variance = (scores**2).sum(axis=0) / len(scores) ** 2
    found = np.zeros((m, m))
    # a correlation at its limit has no variance to speak of, but is no certainty
    least = 1e-4 * np.median(variance)
    found[fit.pairs] = 1 / np.maximum(variance, max(least, 1e-300))
    return found + found.T


def _function(
    weights: FloatArray, denominator: str
) -> Callable[[FloatArray, FloatArray], FloatArray]:
    def omega(thresholds: FloatArray, r: FloatArray) -> FloatArray:
        usable = np.isfinite(r).all(axis=(-1, -2))
        found = np.full(len(r), np.nan)
        one = fit_one_factor(r[usable], weights)
        whole = r[usable]
        if denominator == "model":
            whole = one.loadings[:, :, None] * one.loadings[:, None, :]
        value = green_yang(thresholds[usable], whole, one.loadings)
        found[usable] = np.where(one.converged, value, np.nan)
        return found

    return omega


def _bootstrap(
    ordinal: OrdinalSample,
    estimate: float,
    request: IntervalRequest,
    omega: Callable[[FloatArray, FloatArray], FloatArray],
) -> Spread:
    thresholds, matrices = resampled_parts(
        ordinal.fit, request.n_resamples, request.seed
    )
    drawn = omega(thresholds, matrices)
    return bootstrap_spread(np.where(drawn < 1, drawn, np.nan), estimate, request)
