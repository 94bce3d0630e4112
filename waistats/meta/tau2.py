"""Heterogeneity variance: the estimators by name, over a batch of data sets.

A new estimator is a function and a line of `ESTIMATORS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from waistats._areas import chi2_ppf
from waistats._typing import FloatArray
from waistats.errors import check_option
from waistats.meta._linalg import (
    ols_sums,
    ols_trace_PVPV,
    spread,
    studies_used,
    trace_P,
    trace_PP,
    weighted_fit,
    without_fit,
)
from waistats.meta._score import Parts, Score
from waistats.meta._tau2_alone import Alone, alone, one_mean
from waistats.meta._tau2_search import Tau2, find_zero, hedges, highest_maximum


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """An estimator of the heterogeneity variance, and what it can do.

    Attributes
    ----------
    estimate : callable
        ``(score, at_zero, thorough)`` of a batch -> `Tau2`, with the parts of the score
        at tau2 = 0.
    standard_error : callable or None
        ``(y, v, X, tau2)`` of one data set, y and v (k, 1) -> its standard error, from
        expected information or the variance of its quadratic form, as in metafor.
    iterative : bool
        Whether it is found by iteration.
    moderators : bool
        Whether it estimates residual heterogeneity, given moderators.
    of_effects : bool
        Whether it needs the effects themselves; others see residuals only.
    restricted : bool
        Whether the likelihood in question is REML's.
    target : callable or None
        Degrees of freedom -> what y'Py must be; None for a likelihood or a closed form.
    """

    estimate: Callable[[Score, Parts, bool], Tau2]
    standard_error: (
        Callable[[FloatArray, FloatArray, FloatArray, float], float] | None
    ) = None
    iterative: bool = False
    moderators: bool = True
    of_effects: bool = False
    restricted: bool = True
    target: Callable[[FloatArray], FloatArray] | None = None


def _found(tau2: FloatArray) -> Tau2:
    return Tau2(tau2, np.isfinite(tau2), 0, tau2 > 0)


def _none(score: Score, at_zero: Parts, thorough: bool) -> Tau2:
    return _found(np.zeros(len(score.k)))


def _hedges(score: Score, at_zero: Parts, thorough: bool) -> Tau2:
    return _found(np.maximum(hedges(score.y, score.v, score.X, score.df), 0))


def _sidik_jonkman(score: Score, at_zero: Parts, thorough: bool) -> Tau2:
    tau2 = spread(score.y, score.v)
    rss = weighted_fit(score.y, score.v, score.X, tau2).rss
    return _found(tau2 * rss / score.df)


def _dersimonian_laird(score: Score, at_zero: Parts, thorough: bool) -> Tau2:
    return _found(np.maximum((at_zero.q1 - score.df) / at_zero.t1, 0))


def _hunter_schmidt(
    score: Score, at_zero: Parts, thorough: bool, *, corrected: bool
) -> Tau2:
    rss = at_zero.q1 * score.k / score.df if corrected else at_zero.q1
    return _found(np.maximum((rss - score.k) * at_zero.scale / score.k, 0))


def _likelihood(score: Score, at_zero: Parts, thorough: bool) -> Tau2:
    return highest_maximum(score, at_zero, thorough=thorough)


def _solved(score: Score, at_zero: Parts, thorough: bool) -> Tau2:
    """Solve y'Py = the target."""
    return find_zero(score, hedges(score.y, score.v, score.X, score.df), at_zero)


def _se_reml(y: FloatArray, v: FloatArray, X: FloatArray, tau2: float) -> float:
    at = weighted_fit(y, v, X, np.array([tau2]))
    return float(np.sqrt(2 / trace_PP(X, at, at.w**2)[0]))


def _se_ml(y: FloatArray, v: FloatArray, X: FloatArray, tau2: float) -> float:
    at = weighted_fit(y, v, X, np.array([tau2]))
    return float(np.sqrt(2 / (at.w**2).sum()))


def _se_solved(y: FloatArray, v: FloatArray, X: FloatArray, tau2: float) -> float:
    k, p = X.shape
    at = weighted_fit(y, v, X, np.array([tau2]))
    return float(np.sqrt(2 * k**2 / (k - p)) / at.w.sum())


def _se_hedges(y: FloatArray, v: FloatArray, X: FloatArray, tau2: float) -> float:
    k, p = X.shape
    pv = float(ols_sums(y, v, X)[1][0])
    pvpv = float(ols_trace_PVPV(v, X)[0])
    form = 2 * pvpv + 4 * tau2 * pv + 2 * tau2**2 * (k - p)
    return float(np.sqrt(form) / (k - p))


def _se_sidik_jonkman(
    y: FloatArray, v: FloatArray, X: FloatArray, tau2: float
) -> float:
    k, p = X.shape
    base = spread(y, v)
    fit = weighted_fit(y, v, X, base)
    w2 = fit.w**2
    p1, p2 = float(trace_P(X, fit, w2)[0]), float(trace_PP(X, fit, w2)[0])
    # V is (1/w - base), and PWP^-1 = P, so PV = (P W^-1) - base P
    b = float(base[0])
    pvpv = (k - p) - 2 * b * p1 + b**2 * p2
    pvp = p1 - b * p2
    form = 2 * pvpv + 4 * tau2 * pvp + 2 * tau2**2 * p2
    return float(b / (k - p) * np.sqrt(form))


def _moment_form(
    y: FloatArray, v: FloatArray, X: FloatArray, tau2: float
) -> tuple[float, float, float]:
    """Return the square root of var(y'P(0)y), tr P(0) and the sum of the weights."""
    k, p = X.shape
    fit = weighted_fit(y, v, X, np.zeros(1))
    w2 = fit.w**2
    p1, p2 = float(trace_P(X, fit, w2)[0]), float(trace_PP(X, fit, w2)[0])
    form = 2 * (k - p) + 4 * tau2 * p1 + 2 * tau2**2 * p2
    return float(np.sqrt(form)), p1, float(fit.w.sum())


def _se_dersimonian_laird(
    y: FloatArray, v: FloatArray, X: FloatArray, tau2: float
) -> float:
    form, p1, _ = _moment_form(y, v, X, tau2)
    return form / p1


def _se_hunter_schmidt(
    y: FloatArray, v: FloatArray, X: FloatArray, tau2: float, *, corrected: bool
) -> float:
    k, p = X.shape
    form, _, weights = _moment_form(y, v, X, tau2)
    return (k / (k - p) if corrected else 1.0) * form / weights


def _itself(df: FloatArray) -> FloatArray:
    return df


def _median(df: FloatArray) -> FloatArray:
    return np.asarray(chi2_ppf(0.5, df), dtype=float)


_SOLVED = Estimator(
    estimate=_solved, standard_error=_se_solved, iterative=True, target=_itself
)

ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        "CE": Estimator(estimate=_none),
        "DL": Estimator(
            estimate=_dersimonian_laird, standard_error=_se_dersimonian_laird
        ),
        "HE": Estimator(estimate=_hedges, standard_error=_se_hedges),
        "HS": Estimator(
            estimate=partial(_hunter_schmidt, corrected=False),
            standard_error=partial(_se_hunter_schmidt, corrected=False),
        ),
        "HSk": Estimator(
            estimate=partial(_hunter_schmidt, corrected=True),
            standard_error=partial(_se_hunter_schmidt, corrected=True),
        ),
        "SJ": Estimator(
            estimate=_sidik_jonkman, standard_error=_se_sidik_jonkman, of_effects=True
        ),
        "ML": Estimator(
            estimate=_likelihood,
            standard_error=_se_ml,
            iterative=True,
            restricted=False,
        ),
        "REML": Estimator(
            estimate=_likelihood,
            standard_error=_se_reml,
            iterative=True,
        ),
        "EB": _SOLVED,
        "PM": _SOLVED,
        "PMM": Estimator(
            estimate=_solved,
            standard_error=_se_solved,
            iterative=True,
            target=_median,
        ),
        "SJIT": _SOLVED,
    }
)
METHODS = tuple(ESTIMATORS)


# other names of metafor's
def check_method(method: str) -> str:
    """Return the canonical name of a method, or raise a ModelError."""
    return str(check_option("method", method, METHODS))


def estimate_tau2(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    method: str,
    *,
    thorough: bool = True,
) -> Tau2:
    r"""Estimate the heterogeneity variance of every data set of a batch.

    Parameters
    ----------
    y, v : (k, B)
        Effects and sampling variances; a study left out has ``v = inf, y = 0``.
    X : (k, p) or (k, p, B)
        Design.
    method : str
        A name of `METHODS`.
    thorough : bool, default True
        Look for the highest maximum of a likelihood where its score does not prove that
        there is one; without it the maximum nearest to the HE estimate is taken, as by
        metafor, which is another one in about 1 of 5,000 data sets.

    Returns
    -------
    Tau2
        NaN where fewer than p studies are left; 0 where exactly p are.

    Notes
    -----
    With :math:`W=\operatorname{diag}(1/(v+\tau^2))`,
    :math:`P=W-WX(X'WX)^{-1}X'W` and P(0) its value at 0:
    DL :math:`(y'P(0)y-(k-p))/\operatorname{tr}P(0)`;
    HE the same with identity weights; HS :math:`(y'P(0)y-k)/\sum 1/v`; HSk the same
    with :math:`y'P(0)y\,k/(k-p)`; SJ :math:`s^2 y'Py/(k-p)` with P at
    :math:`s^2=\sum(y-\bar y)^2/k`; ML and REML maximise the (restricted) likelihood;
    PM, EB and SJIT solve :math:`y'Py=k-p`, PMM its median,
    :math:`y'Py=\chi^2_{k-p,.5}`. All are cut at 0, as in metafor. metafor stops SJIT
    at a tolerance on its way to 0; here it is at its limit, which is PM's solution.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if (single := estimate_alone(y, v, X, method)) is not None:
            return of_one(single[1])
        if not ESTIMATORS[method].of_effects:
            y = without_fit(y, v, X)[1]
        score = new_score(y, v, X, studies_used(v), method)
        return estimate(score, score.at(np.zeros(y.shape[1])), method, thorough)


def of_one(found: Alone) -> Tau2:
    """Return what was found for one mean as a batch of one."""
    climbs = found.tau2 > 0 or found.n_iter > 0
    return Tau2(
        np.array([found.tau2]), np.array([True]), found.n_iter, np.array([climbs])
    )


def new_score(
    y: FloatArray, v: FloatArray, X: FloatArray, k: FloatArray, method: str
) -> Score:
    """Return what an estimator searches, with k the studies used, (B,)."""
    entry = ESTIMATORS[method]
    target = None if entry.target is None else entry.target(k - X.shape[1])
    return Score(y=y, v=v, X=X, k=k, restricted=entry.restricted, target=target)


def estimate_alone(
    y: FloatArray, v: FloatArray, X: FloatArray, method: str
) -> tuple[float, Alone] | None:
    """Return the mean at tau2 = 0 and the estimate of a batch of one mean.

    None where that is for `estimate`.
    """
    entry = ESTIMATORS[method]
    if not entry.iterative or (pair := one_mean(y, v, X)) is None:
        return None
    y, v = pair
    w = 1 / v
    mean = float(w @ y) / float(np.add.reduce(w))
    target = None
    if entry.target is not None:
        target = float(entry.target(np.array(len(y) - 1.0)))
    found = alone(y - mean, v, target, restricted=entry.restricted)
    return None if found is None else (mean, found)


def estimate(score: Score, at_zero: Parts, method: str, thorough: bool) -> Tau2:
    """Estimate as `estimate_tau2` does, from the score and its parts at tau2 = 0."""
    estimator, k, p = ESTIMATORS[method], score.k, score.X.shape[1]
    enough = k > p
    every = bool(enough.all())
    if estimator.iterative and not every:
        score.k = np.where(enough, k, p + 1.0)
    result = estimator.estimate(score, at_zero, thorough)
    if not every:
        result.tau2 = np.where(enough, result.tau2, np.where(k == p, 0.0, np.nan))
        result.converged = result.converged | ~enough
        result.sums = None
    return result


def solve_Q(y: FloatArray, v: FloatArray, X: FloatArray, target: FloatArray) -> Tau2:
    """Solve y'Py = target for the heterogeneity variance, 0 where y'P(0)y is below."""
    rss, tr_pv = ols_sums(y, v, X)
    start = (rss - tr_pv) / target
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        residual, k = without_fit(y, v, X)[1], studies_used(v)
        score = Score(y=residual, v=v, X=X, k=k, restricted=True, target=target)
        return find_zero(score, start, score.at(np.zeros(y.shape[1])))
