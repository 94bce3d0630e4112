"""Heterogeneity variance: the estimators by name, over a batch of data sets.

A new estimator is a function and a line of `ESTIMATORS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from waistats._typing import FloatArray
from waistats.errors import check_option
from waistats.meta._distributions import chi2_ppf
from waistats.meta._linalg import (
    ols_sums,
    ols_trace_PVPV,
    spread,
    trace_P,
    trace_PP,
    weighted_fit,
)
from waistats.meta._tau2_alone import hedges_alone, one_mean, zero_alone
from waistats.meta._tau2_search import (
    Tau2,
    better_of_zero,
    find_zero,
    highest_maximum,
    moments,
    new_search,
    of_one,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """An estimator of the heterogeneity variance, and what it can do.

    Attributes
    ----------
    estimate : callable
        ``(y, v, X, k, thorough)`` of a batch -> `Tau2`, with k the studies used, (B,).
    standard_error : callable or None
        ``(y, v, X, tau2)`` of one data set, y and v (k, 1) -> its standard error, from
        expected information or the variance of its quadratic form, as in metafor.
    iterative : bool
        Whether it is found by iteration.
    moderators : bool
        Whether it estimates residual heterogeneity, given moderators.
    of_effects : bool
        Whether it needs the effects themselves; others see residuals only.
    """

    estimate: Callable[[FloatArray, FloatArray, FloatArray, FloatArray, bool], Tau2]
    standard_error: (
        Callable[[FloatArray, FloatArray, FloatArray, float], float] | None
    ) = None
    iterative: bool = False
    moderators: bool = True
    of_effects: bool = False


def _found(tau2: FloatArray) -> Tau2:
    return Tau2(tau2, np.isfinite(tau2), 0, tau2 > 0)


def _none(
    y: FloatArray, v: FloatArray, X: FloatArray, k: FloatArray, thorough: bool
) -> Tau2:
    return _found(np.zeros(y.shape[1]))


def _hedges(
    y: FloatArray, v: FloatArray, X: FloatArray, k: FloatArray, thorough: bool
) -> Tau2:
    return _found(np.maximum(moments(y, v, X, k - X.shape[1]), 0))


def _sidik_jonkman(
    y: FloatArray, v: FloatArray, X: FloatArray, k: FloatArray, thorough: bool
) -> Tau2:
    tau2 = spread(y, v)
    return _found(tau2 * weighted_fit(y, v, X, tau2).rss / (k - X.shape[1]))


def _dersimonian_laird(
    y: FloatArray, v: FloatArray, X: FloatArray, k: FloatArray, thorough: bool
) -> Tau2:
    fit = weighted_fit(y, v, X, np.zeros(y.shape[1]))
    excess = fit.rss - (k - X.shape[1])
    return _found(np.maximum(excess / trace_P(X, fit, fit.w**2), 0))


def _hunter_schmidt(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    k: FloatArray,
    thorough: bool,
    *,
    corrected: bool,
) -> Tau2:
    fit = weighted_fit(y, v, X, np.zeros(y.shape[1]))
    rss = fit.rss * k / (k - X.shape[1]) if corrected else fit.rss
    return _found(np.maximum((rss - k) / fit.w.sum(0), 0))


def _likelihood(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    k: FloatArray,
    thorough: bool,
    *,
    method: str,
) -> Tau2:
    df = k - X.shape[1]
    search = new_search(y, v, X, k, df)
    if thorough:
        return highest_maximum(search, method, df)
    result = find_zero(search, method, moments(y, v, X, df))
    result.tau2 = better_of_zero(y, v, X, result, method)
    return result


def _solved(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    k: FloatArray,
    thorough: bool,
    *,
    median: bool = False,
) -> Tau2:
    """Solve y'Py = k - p, or the median of its distribution."""
    df = k - X.shape[1]
    target = chi2_ppf(0.5, df) if median else df
    if (alone := one_mean(y, v, X)) is not None:
        start = hedges_alone(*alone)
        return of_one(zero_alone(*alone, "PM", float(target[0]), start=start))
    search = new_search(y, v, X, k, target)
    return find_zero(search, "PM", moments(y, v, X, df))


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


_SOLVED = Estimator(estimate=_solved, standard_error=_se_solved, iterative=True)

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
            estimate=partial(_likelihood, method="ML"),
            standard_error=_se_ml,
            iterative=True,
        ),
        "REML": Estimator(
            estimate=partial(_likelihood, method="REML"),
            standard_error=_se_reml,
            iterative=True,
        ),
        "EB": _SOLVED,
        "PM": _SOLVED,
        "PMM": Estimator(
            estimate=partial(_solved, median=True),
            standard_error=_se_solved,
            iterative=True,
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
        Look for the highest maximum of a likelihood where sampling variances differ
        more than fourfold; without it the maximum nearest to the HE estimate is taken,
        as by metafor, which is another one in about 1 of 5,000 data sets.

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
    k_used = np.isfinite(v).sum(0).astype(float)
    p = X.shape[1]
    enough = k_used > p
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        estimator = ESTIMATORS[method]
        k = np.where(enough, k_used, p + 1.0) if estimator.iterative else k_used
        result = estimator.estimate(y, v, X, k, thorough)
    result.tau2 = np.where(enough, result.tau2, np.where(k_used == p, 0.0, np.nan))
    result.converged = result.converged | ~enough
    return result


def solve_Q(y: FloatArray, v: FloatArray, X: FloatArray, target: FloatArray) -> Tau2:
    """Solve y'Py = target for the heterogeneity variance, 0 where y'P(0)y is below."""
    k = np.isfinite(v).sum(0).astype(float)
    rss, tr_pv = ols_sums(y, v, X)
    start = (rss - tr_pv) / target
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return find_zero(new_search(y, v, X, k, target), "PM", start)
