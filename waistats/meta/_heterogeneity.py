"""Intervals for the heterogeneity variance by inverting the Q test."""

import numpy as np
import pandas as pd

from waistats._areas import chi2_ppf
from waistats._typing import FloatArray
from waistats.errors import ConvergenceError
from waistats.meta._linalg import trace_P, weighted_fit
from waistats.meta.tau2 import ESTIMATORS, solve_Q


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
    standard_error = ESTIMATORS[method].standard_error
    if standard_error is None or k <= p:
        return float("nan")
    return standard_error(y[:, None], v[:, None], X, tau2)
