"""Heterogeneity variance: every estimator, over a batch of data sets."""

import numpy as np

from waistats.arrays import FloatArray
from waistats.errors import check_option
from waistats.meta.distributions import chi2_ppf
from waistats.meta.sums import (
    ols_sums,
    spread,
    trace_P,
    weighted_fit,
)
from waistats.meta.tau2_maxima import better_of_zero, highest_maximum
from waistats.meta.tau2_search import Tau2, find_zero, new_search

ALIASES = {"EE": "CE", "FE": "CE", "MP": "PM"}
METHODS = (
    "CE", "DL", "HE", "HS", "HSk", "SJ", "ML", "REML", "EB", "PM", "PMM", "SJIT",
)  # fmt: skip
ITERATIVE = frozenset({"ML", "REML", "EB", "PM", "PMM", "SJIT"})


def check_method(method: str) -> str:
    """Return the canonical name of a method, or raise a ModelError."""
    name = ALIASES.get(method, method) if isinstance(method, str) else method
    check_option("method", name, (*METHODS, *ALIASES))
    return name


def _closed_form(
    y: FloatArray, v: FloatArray, X: FloatArray, method: str, k: FloatArray, p: int
) -> FloatArray:
    """Return an estimate that needs no iteration, of shape (B,)."""
    zero = np.zeros(y.shape[1])
    if method == "CE":
        return zero
    if method == "HE":
        rss, tr_pv = ols_sums(y, v, X)
        return np.maximum((rss - tr_pv) / (k - p), 0)
    if method == "SJ":
        tau2 = spread(y, v)
        return tau2 * weighted_fit(y, v, X, tau2).rss / (k - p)
    fit = weighted_fit(y, v, X, zero)
    if method == "DL":
        return np.maximum((fit.rss - (k - p)) / trace_P(X, fit, fit.w**2), 0)
    rss = fit.rss if method == "HS" else fit.rss * k / (k - p)
    return np.maximum((rss - k) / fit.w.sum(0), 0)


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
        if method not in ITERATIVE:
            tau2 = _closed_form(y, v, X, method, k_used, p)
            result = Tau2(tau2, np.isfinite(tau2), 0, tau2 > 0)
        else:
            result = _iterate(
                y, v, X, method, np.where(enough, k_used, p + 1.0), thorough
            )
    result.tau2 = np.where(enough, result.tau2, np.where(k_used == p, 0.0, np.nan))
    result.converged = result.converged | ~enough
    return result


def _iterate(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    method: str,
    k: FloatArray,
    thorough: bool,
) -> Tau2:
    """Return an estimate that needs iteration."""
    df = k - X.shape[1]
    rss, tr_pv = ols_sums(y, v, X)
    target = chi2_ppf(0.5, df) if method == "PMM" else df
    search, start = new_search(y, v, X, k, target), (rss - tr_pv) / df
    if method not in {"ML", "REML"}:
        return find_zero(search, method, start)
    if thorough:
        return highest_maximum(search, method, start)
    result = find_zero(search, method, start)
    result.tau2 = better_of_zero(y, v, X, result, method)
    return result


def solve_Q(y: FloatArray, v: FloatArray, X: FloatArray, target: FloatArray) -> Tau2:
    """Solve y'Py = target for the heterogeneity variance, 0 where y'P(0)y is below."""
    k = np.isfinite(v).sum(0).astype(float)
    rss, tr_pv = ols_sums(y, v, X)
    start = (rss - tr_pv) / target
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return find_zero(new_search(y, v, X, k, target), "PM", start)
