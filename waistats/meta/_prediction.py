"""Predictive distributions that carry the uncertainty of the heterogeneity variance."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.polynomial import legendre
from scipy import special

from waistats._areas import chi2_cdf, chi2_ppf, chi2_sf, critical
from waistats._typing import FloatArray
from waistats.meta._distributions import mixture_above, mixture_quantiles
from waistats.meta._linalg import dot, even_basis, weighted_fit
from waistats.meta._posterior import Model, integrate

DEFAULT_PREDICTION = "confidence-distribution"
PREDICTIONS = (DEFAULT_PREDICTION, "metafor")
NODES = 64
MAX_ITERATIONS = 100
# coefficients up to which the whole mass at tau2 = 0 counts
FULL_MASS = 15
# doubles per array when many data sets are solved at once
BLOCK = 400_000


class Distribution(Protocol):
    """The true values of new populations, on the model's scale, for design rows."""

    def limits(
        self, rows: FloatArray, conf_level: float, extra: FloatArray | float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Return equal-tailed limits for rows (n, p), each (n,)."""

    def above(
        self, rows: FloatArray, thresholds: FloatArray, extra: FloatArray | float = 0.0
    ) -> FloatArray:
        """Return probabilities of exceeding thresholds (c,) for rows, (n, c)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Student:
    r"""A t, or a normal without ``df``, around :math:`x'b` with a given variance.

    Attributes
    ----------
    beta, cov : ndarray, shapes (p,) and (p, p)
        Coefficients and their covariance.
    tau2 : float
        Variance of true values, taken as known.
    df : float or None
        Degrees of freedom; below 1 there are no limits.
    """

    beta: FloatArray
    cov: FloatArray
    tau2: float
    df: float | None

    def _spread(
        self, rows: FloatArray, extra: FloatArray | float
    ) -> tuple[FloatArray, FloatArray]:
        variance = np.einsum("ij,jk,ik->i", rows, self.cov, rows)
        return rows @ self.beta, np.sqrt(variance + self.tau2 + extra)

    def limits(
        self, rows: FloatArray, conf_level: float, extra: FloatArray | float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Return the equal-tailed limits for design rows (n, p), each (n,)."""
        center, sd = self._spread(rows, extra)
        half = critical(conf_level, self.df) * sd
        return center - half, center + half

    def above(
        self, rows: FloatArray, thresholds: FloatArray, extra: FloatArray | float = 0.0
    ) -> FloatArray:
        """Return probabilities of exceeding thresholds (c,) for rows, (n, c)."""
        center, sd = self._spread(rows, extra)
        distance = center[:, None] - thresholds
        with np.errstate(divide="ignore", invalid="ignore"):
            z = distance / sd[:, None]
        # without any spread everything lies on one side
        z = np.where(np.isnan(z) & (distance == 0), -np.inf, z)
        values: FloatArray = (
            special.ndtr(z) if self.df is None else special.stdtr(self.df, z)
        )
        return values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictive:
    r"""True values of new populations as a mixture over the heterogeneity variance.

    Attributes
    ----------
    tau2 : ndarray, shape (m,)
        Nodes of the distribution of the heterogeneity variance; 0 comes first where it
        is the confidence distribution.
    weight : ndarray, shape (m,)
        Their probabilities, which sum to 1.
    beta : ndarray, shape (p, m)
        Coefficients at each node, on the model's scale.
    cov : ndarray, shape (p, p, m)
        Their covariances.

    No array can be written: models of the same numbers share a distribution.
    """

    tau2: FloatArray
    weight: FloatArray
    beta: FloatArray
    cov: FloatArray

    def __post_init__(self) -> None:
        for array in (self.tau2, self.weight, self.beta, self.cov):
            array.flags.writeable = False

    @property
    def mass_at_zero(self) -> float:
        """Confidence in no heterogeneity at all."""
        return float(self.weight[self.tau2 == 0].sum())

    def mixture(
        self, rows: FloatArray, extra: FloatArray | float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Return means and standard deviations at the nodes, (n, m), of design rows.

        ``extra`` is variance that joins, such as that of a planned sample, (n,).
        """
        variance = np.einsum("np,pqm,nq->nm", rows, self.cov, rows, optimize=True)
        variance = variance + self.tau2 + np.reshape(extra, (-1, 1))
        return rows @ self.beta, np.sqrt(variance)

    def limits(
        self,
        rows: FloatArray,
        conf_level: float,
        extra: FloatArray | float = 0.0,
    ) -> tuple[FloatArray, FloatArray]:
        """Return the equal-tailed limits for design rows (n, p), each (n,)."""
        tail = (1 - conf_level) / 2
        mean, sd = self.mixture(rows, extra)
        ends = mixture_quantiles(np.array([tail, 1 - tail]), self.weight, mean, sd)
        return ends[:, 0], ends[:, 1]

    def above(
        self,
        rows: FloatArray,
        thresholds: FloatArray,
        extra: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Return probabilities of exceeding thresholds (c,) for rows, (n, c)."""
        mean, sd = self.mixture(rows, extra)
        return mixture_above(thresholds, self.weight, mean, sd)


@lru_cache(maxsize=1)
def _rule() -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of Gauss and Legendre on (0, 1)."""
    x, w = legendre.leggauss(NODES)
    return (x + 1) / 2, w / 2


def confidence_distribution(
    y: FloatArray, v: FloatArray, X: FloatArray
) -> tuple[FloatArray, FloatArray]:
    r"""Return nodes and weights of the confidence distribution of tau2, (m, B) each.

    Parameters
    ----------
    y, v : (k, B)
        Effects and sampling variances.
    X : (k, p)
        Design, with k > p.

    Notes
    -----
    :math:`Q(\tau^2)=y'Py` falls in :math:`\tau^2` and is chi-square on k - p degrees
    of freedom at the true value, so that :math:`1-F(Q(\tau^2))` is a distribution
    function of :math:`\tau^2` with :math:`H_0=1-F(Q(0))` at 0. The rest is integrated
    at :math:`Q(\tau^2)=F^{-1}[(1-H_0)(1-s)^3]` with the weights
    :math:`3(1-H_0)(1-s)^2`, s the nodes of Gauss and Legendre: near s = 1, where
    :math:`\tau^2` runs away, the nodes are dense.

    With K = k - p + 1 above 15 the mass at 0 counts :math:`15/K` of itself. Many
    coefficients with a :math:`\tau` of a third to three quarters of their standard
    errors often give a Q below its degrees of freedom; an interval with the whole mass
    at 0 then collapses, and covers .90 to .93 (at K = 25 to 200) instead of .93 to .96.
    Studies with v = inf are omitted.
    """
    p, size = X.shape[1], y.shape[1]
    df = np.isfinite(v).sum(axis=0) - p
    s, w = _rule()
    at_zero = weighted_fit(y, v, X, np.zeros(size)).rss
    rest = chi2_cdf(at_zero, df)
    target = chi2_ppf(rest * ((1 - s) ** 3)[:, None], df)
    tau2 = _solve(y, v, X, target)
    weight = rest * (3 * (1 - s) ** 2 * w)[:, None]
    mass = chi2_sf(at_zero, df) * np.minimum(1.0, FULL_MASS / (df + 1))
    weight = np.vstack([mass, weight])
    return np.vstack([np.zeros(size), tau2]), weight / weight.sum(axis=0)


def _solve(
    y: FloatArray, v: FloatArray, X: FloatArray, target: FloatArray
) -> FloatArray:
    """Return where y'Py equals each target (m, B), none of them above y'P(0)y.

    1 / y'Py rises and is concave in tau2 (y'Py is a sum of fractions a / (b + tau2)), so
    that Newton steps on it from 0 reach the solution from below and never pass it; for
    equal sampling variances the first step ends there.
    """
    m, size = target.shape
    flat = target.ravel()
    # Q(0) of very many studies may lie so low that no node has any of the confidence:
    # then all of it is at 0
    some = flat > np.finfo(float).tiny
    goal = np.divide(1, flat, out=np.zeros_like(flat), where=some)
    y, v = np.tile(y, (1, m)), np.tile(v, (1, m))
    tau2, fit = np.zeros(m * size), None
    for _ in range(MAX_ITERATIONS):
        fit = weighted_fit(y, v, X, tau2, into=fit)
        Q, fall = fit.rss, dot(fit.u, fit.u)
        # without any residual the confidence is all at 0, whatever the nodes
        some = fall > 0
        step = np.divide((goal * Q - 1) * Q, fall, out=np.zeros_like(Q), where=some)
        step = np.maximum(step, 0.0)
        tau2 = tau2 + step
        if np.all(step <= 1e-15 * tau2 + 1e-300):
            break
    return tau2.reshape(m, size)


def predictive(
    y: FloatArray, v: FloatArray, X: FloatArray, weights: FloatArray | None = None
) -> Predictive:
    r"""Return the predictive distribution of a one-level model.

    Parameters
    ----------
    y, v : ndarray, shape (k,)
        Effects and sampling variances.
    X : ndarray, shape (k, p)
        Design, with k > p.
    weights : ndarray, shape (k,), optional
        Weights other than inverse variances.

    Returns
    -------
    Predictive
        Its ``limits`` are the prediction interval, its ``above`` probabilities.

    Notes
    -----
    Given :math:`\tau^2`, the true value of a new population at x is normal around
    :math:`x'b(\tau^2)` with variance :math:`\tau^2+x'(X'WX)^{-1}x`, and
    :math:`b(\tau^2)` is independent of :math:`Q(\tau^2)`: the mixture over the
    confidence distribution of :math:`\tau^2` is the predictive distribution [1]_. For
    v = 0 it is :math:`\bar y\pm t_{k-1}s\sqrt{1+1/k}` exactly. The source draws
    :math:`\tau^2` by simulation; here it is integrated, in under a millisecond. With
    weights of the user's own, b and its covariance are those of these weights.

    References
    ----------
    .. [1] Nagashima, K., Noma, H., & Furukawa, T. A. (2019). Prediction intervals for
       random-effects meta-analysis: A confidence distribution approach. Statistical
       Methods in Medical Research, 28, 1689-1702.
    """
    X, back = even_basis(X)
    # effects far from 0 would cost digits
    start = weighted_fit(y[:, None], v[:, None], X, np.zeros(1))
    residual = start.r.reshape(-1, 1)
    nodes = confidence_distribution(residual, v[:, None], X)
    tau2, weight = (a[:, 0] for a in nodes)
    beta, cov = _given(tau2, residual, v, X, weights)
    return Predictive(
        tau2=tau2,
        weight=weight,
        beta=back @ (start.b + beta),
        cov=np.einsum("ap,pqm,bq->abm", back, cov, back, optimize=True),
    )


def _given(
    tau2: FloatArray,
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    weights: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """Return coefficients (p, m) and covariances (p, p, m) at nodes of tau2 (m,).

    ``y`` is (k, 1).
    """
    m = len(tau2)
    if weights is None:
        fit = weighted_fit(np.tile(y, (1, m)), np.tile(v[:, None], (1, m)), X, tau2)
        return fit.b, fit.C
    AX = weights[:, None] * X
    bread = np.linalg.inv(X.T @ AX)
    beta = np.tile(bread @ (AX.T @ y), (1, m))
    meat = np.einsum("kp,km,kq->pqm", AX, v[:, None] + tau2, AX, optimize=True)
    return beta, np.einsum("ap,pqm,qb->abm", bread, meat, bread, optimize=True)


def mean_limits(
    y: FloatArray, v: FloatArray, conf_level: float
) -> tuple[FloatArray, FloatArray]:
    """Return prediction limits of the mean's populations for data sets (k, B), (B,) each.

    Those of `predictive`, for many data sets in one call; left out is ``v = inf``. NaN
    for data sets of fewer than two studies.
    """
    k, size = y.shape
    out: FloatArray = np.full((2, size), np.nan)
    usable = np.flatnonzero(np.isfinite(v).sum(axis=0) > 1)
    width = max(1, BLOCK // (k * (NODES + 1)))
    for start in range(0, len(usable), width):
        part = usable[start : start + width]
        out[:, part] = _mean_limits(y[:, part], v[:, part], conf_level)
    return out[0], out[1]


def _mean_limits(y: FloatArray, v: FloatArray, conf_level: float) -> FloatArray:
    X = np.ones((len(y), 1))
    start = weighted_fit(y, v, X, np.zeros(y.shape[1]))
    residual = np.where(np.isfinite(v), start.r, 0.0)
    tau2, weight = confidence_distribution(residual, v, X)
    m = len(tau2)
    at = weighted_fit(np.tile(residual, (1, m)), np.tile(v, (1, m)), X, tau2.ravel())
    mean = (start.b + at.b.reshape(m, -1)).T
    sd = np.sqrt(at.C.reshape(m, -1) + tau2).T
    tail = (1 - conf_level) / 2
    return mixture_quantiles(np.array([tail, 1 - tail]), weight.T, mean, sd).T


@dataclass(frozen=True, slots=True)
class Reference:
    r"""A prior of tau: :math:`\tau/\sqrt{s^2+\tau^2}`, flat beyond the errors' size.

    Its integral is infinite; the posterior is proper from two degrees of freedom on.
    """

    scale: float
    kind: str = "reference"
    end: float = np.inf

    def log_density(self, tau: FloatArray) -> FloatArray:
        """Return its logarithm."""
        return np.log(tau) - 0.5 * np.log(self.scale**2 + tau**2)


def calibrated(
    y: FloatArray, v: FloatArray, X: FloatArray, weights: FloatArray | None = None
) -> Predictive:
    r"""Return the distribution that probabilities are read from.

    Parameters
    ----------
    y, v : ndarray, shape (k,)
        Effects and sampling variances.
    X : ndarray, shape (k, p)
        Design, with k > p + 1.
    weights : ndarray, shape (k,), optional
        Weights other than inverse variances.

    Notes
    -----
    The confidence distribution of :math:`\tau^2` is made for limits that hold whatever
    :math:`\tau^2` is. Probabilities read from it are too extreme on average: those
    stated above .9 are .05 to .06 too high, since its mass at 0 and near it counts
    whenever the coefficients of few studies happen to lie close together. Here
    :math:`\tau` has the posterior under the prior :math:`\tau/\sqrt{s^2+\tau^2}`, with
    :math:`s^2` the harmonic mean of the sampling variances, and coefficients are flat.
    ``docs/promises.md`` has what stated probabilities are worth, decile by decile.
    """
    X, back = even_basis(X)
    start = weighted_fit(y[:, None], v[:, None], X, np.zeros(1))
    residual = start.r.reshape(-1, 1)
    prior = Reference(float(np.sqrt(1 / np.mean(1 / v))))
    found = integrate(Model(y=residual[:, 0], v=v, X=X), prior)
    tau2 = found.tau**2
    beta, cov = _given(tau2, residual, v, X, weights)
    return Predictive(
        tau2=tau2,
        weight=found.weight,
        beta=back @ (start.b + beta),
        cov=np.einsum("ap,pqm,bq->abm", back, cov, back, optimize=True),
    )
