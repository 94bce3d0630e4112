"""Intervals for the heterogeneity variance by inverting the Q test."""

import numpy as np
import pandas as pd

from waistats._typing import FloatArray
from waistats.errors import ConvergenceError
from waistats.meta._distributions import chi2_ppf
from waistats.meta._linalg import (
    ols_sums,
    ols_trace_PVPV,
    spread,
    trace_P,
    trace_PP,
    weighted_fit,
)
from waistats.meta.tau2 import solve_Q


def profile_Q(
    y: FloatArray, v: FloatArray, X: FloatArray, conf_level: float
) -> tuple[float, float]:
    r"""Return the Q-profile limits of tau2.

    Notes
    -----
    :math:`Q(\tau^2)=y'Py` falls in :math:`\tau^2` and is chi-square on k - p degrees of
    freedom at the true value; the limits are where it equals the distribution's
    quantiles [1]_. If Q(0) is below the lower quantile the set is empty and (0, 0) is
    returned.

    References
    ----------
    .. [1] Viechtbauer, W. (2007). Statistics in Medicine, 26, 37-52.
    """
    k, p = X.shape
    tail = (1 - conf_level) / 2
    target = chi2_ppf(np.array([1 - tail, tail]), k - p)
    found = solve_Q(np.repeat(y[:, None], 2, 1), np.repeat(v[:, None], 2, 1), X, target)
    if not found.converged.all():
        raise ConvergenceError("The Q-profile limits of tau^2 did not converge.")
    return float(found.tau2[0]), float(found.tau2[1])


def typical_variance(y: FloatArray, v: FloatArray, X: FloatArray) -> float:
    r"""Return the typical sampling variance, :math:`(k-p)/\operatorname{tr}P(0)`."""
    k, p = X.shape
    fit = weighted_fit(y[:, None], v[:, None], X, np.zeros(1))
    return float((k - p) / trace_P(X, fit, fit.w**2)[0])


def intervals_frame(
    tau2: float, I2: float, H2: float, limits: tuple[float, float], typical: float
) -> pd.DataFrame:
    """Return tau2, tau, I2 and H2 with the same limits carried to each."""
    low, high = limits
    columns = {
        "estimate": [tau2, np.sqrt(tau2), I2, H2],
        "ci_low": [low, np.sqrt(low), 100 * low / (low + typical), 1 + low / typical],
        "ci_high": [
            high,
            np.sqrt(high),
            100 * high / (high + typical),
            1 + high / typical,
        ],
    }
    return pd.DataFrame(columns, index=["tau2", "tau", "I2", "H2"])


def tau2_se(
    y: FloatArray, v: FloatArray, X: FloatArray, tau2: float, method: str
) -> float:
    r"""Return the standard error of tau2 from expected information.

    Notes
    -----
    REML :math:`\sqrt{2/\operatorname{tr}PP}`, ML :math:`\sqrt{2/\sum w^2}`; the moment
    estimators have the square root of the variance of their quadratic form at the
    estimate; PM, EB, PMM and SJIT
    :math:`\sqrt{2k^2/((k-p)(\sum w)^2)}`. As in metafor.
    """
    k, p = X.shape
    y, v = y[:, None], v[:, None]
    zero = np.zeros(1)
    if method == "CE" or k <= p:
        return float("nan")
    at = weighted_fit(y, v, X, np.array([tau2]))
    if method == "REML":
        return float(np.sqrt(2 / trace_PP(X, at, at.w**2)[0]))
    if method == "ML":
        return float(np.sqrt(2 / (at.w**2).sum()))
    if method in {"PM", "EB", "PMM", "SJIT"}:
        return float(np.sqrt(2 * k**2 / (k - p)) / at.w.sum())
    if method == "HE":
        pv = float(ols_sums(y, v, X)[1][0])
        pvpv = float(ols_trace_PVPV(v, X)[0])
        form = 2 * pvpv + 4 * tau2 * pv + 2 * tau2**2 * (k - p)
        return float(np.sqrt(form) / (k - p))
    base = spread(y, v) if method == "SJ" else zero
    fit = weighted_fit(y, v, X, base)
    w2 = fit.w**2
    p1, p2 = float(trace_P(X, fit, w2)[0]), float(trace_PP(X, fit, w2)[0])
    if method == "SJ":
        # V is (1/w - base), and PWP^-1 = P, so PV = (P W^-1) - base P
        b = float(base[0])
        pvpv = (k - p) - 2 * b * p1 + b**2 * p2
        pvp = p1 - b * p2
        form = 2 * pvpv + 4 * tau2 * pvp + 2 * tau2**2 * p2
        return float(b / (k - p) * np.sqrt(form))
    form = 2 * (k - p) + 4 * tau2 * p1 + 2 * tau2**2 * p2
    if method == "DL":
        return float(np.sqrt(form) / p1)
    share = 1.0 if method == "HS" else k / (k - p)
    return float(share * np.sqrt(form) / fit.w.sum())
