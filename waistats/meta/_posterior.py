"""The posterior of a normal-normal model by quadrature over tau, without a sampler.

Priors of the heterogeneity standard deviation.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from waistats._typing import FloatArray
from waistats.errors import ModelError, check_option
from waistats.meta._distributions import GRID, mixture_quantiles, rule, support
from waistats.meta._linalg import log_det, weighted_fit

PRIORS = ("half-normal", "half-cauchy", "uniform")
# the end of a uniform prior that goes with the scale of the other two
UNIFORM_END = 4.0


class Density(Protocol):
    """What integration needs of a prior of tau; the integral need not be 1."""

    @property
    def kind(self) -> str:
        """Its name."""

    @property
    def scale(self) -> float:
        """Where tau is of its size."""

    @property
    def end(self) -> float:
        """The largest possible tau."""

    def log_density(self, tau: FloatArray) -> FloatArray:
        """Return its logarithm."""


@dataclass(frozen=True, slots=True)
class Prior:
    """A prior of tau: ``kind`` of `PRIORS`; ``scale`` is the end of a uniform one."""

    kind: str
    scale: float

    @property
    def end(self) -> float:
        """The largest possible tau."""
        return self.scale if self.kind == "uniform" else np.inf

    def log_density(self, tau: FloatArray) -> FloatArray:
        """Return the normalised log density."""
        A = self.scale
        if self.kind == "half-normal":
            values: FloatArray = (
                0.5 * np.log(2 / np.pi) - np.log(A) - 0.5 * (tau / A) ** 2
            )
            return values
        if self.kind == "half-cauchy":
            found: FloatArray = np.log(2 / (np.pi * A)) - np.log1p((tau / A) ** 2)
            return found
        return np.where(tau <= A, -np.log(A), -np.inf)

    def quantile(self, p: FloatArray) -> FloatArray:
        """Return prior quantiles of tau."""
        if self.kind == "half-normal":
            values: FloatArray = self.scale * special.ndtri((1 + p) / 2)
            return values
        if self.kind == "half-cauchy":
            return self.scale * np.tan(np.pi * p / 2)
        return self.scale * p

    def neighbours(self) -> list["Prior"]:
        """Return half-normal priors around it, and the other two kinds."""
        A = self.scale / UNIFORM_END if self.kind == "uniform" else self.scale
        return [
            *(Prior("half-normal", A * factor) for factor in (0.5, 1.0, 2.0)),
            Prior("half-cauchy", A),
            Prior("uniform", UNIFORM_END * A),
        ]


def checked_prior(kind: str, scale: float) -> Prior:
    """Return a prior of tau, or raise a ModelError."""
    kind = check_option("prior", kind, PRIORS)
    if not (np.isfinite(scale) and scale > 0):
        raise ModelError(f"prior_scale must be positive and finite; got {scale!r}.")
    return Prior(kind, float(scale))


# doubles per array when nodes are evaluated for many studies
BLOCK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    r"""The posterior as a mixture over nodes of tau.

    Attributes
    ----------
    tau, weight : ndarray, shape (m,)
        Nodes and their probabilities, which sum to 1.
    mean : ndarray, shape (p, m)
        Conditional posterior means of the coefficients.
    cov : ndarray, shape (p, p, m)
        Their conditional covariances.
    log_bayes_factor : float
        Logarithm of the evidence of tau > 0 under the prior over that of tau = 0.
    tail : float
        Posterior moments of tau of this order and above are infinite.
    bounded : bool
        Whether priors bound the coefficients' variances whatever tau is.
    low, high, center : float
        The nodes are Gauss-Legendre in :math:`t=\tau/(\tau+c)` on [low, high], with
        c the center.
    """

    tau: FloatArray
    weight: FloatArray
    mean: FloatArray
    cov: FloatArray
    log_bayes_factor: float
    tail: float
    bounded: bool
    low: float
    high: float
    center: float

    def tau_quantiles(self, probabilities: FloatArray) -> FloatArray:
        """Return quantiles of tau."""
        q = rule().quantiles(probabilities, self.weight)
        t = self.low + (self.high - self.low) * (q + 1) / 2
        return self.center * t / (1 - t)

    def tau_moments(self) -> tuple[float, float]:
        """Return the mean and the standard deviation of tau."""
        first = float(self.weight @ self.tau)
        spread = float(self.weight @ (self.tau - first) ** 2)
        return (
            first if self.tail > 1 else np.inf,
            float(np.sqrt(spread)) if self.tail > 2 else np.inf,
        )

    def mixture(
        self, rows: FloatArray, new_population: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Return conditional means and standard deviations of Xb for design rows.

        Both (rows, m); for the true value of a new population they include tau.
        """
        variance = np.einsum("rp,pqm,rq->rm", rows, self.cov, rows, optimize=True)
        if new_population:
            variance = variance + self.tau**2
        return rows @ self.mean, np.sqrt(variance)

    def quantiles(
        self,
        rows: FloatArray,
        probabilities: FloatArray,
        *,
        new_population: bool = False,
    ) -> FloatArray:
        """Return quantiles of Xb, of shape (rows, probabilities)."""
        mean, sd = self.mixture(rows, new_population)
        return mixture_quantiles(probabilities, self.weight, mean, sd)

    def moments(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return means and standard deviations of Xb, of shape (rows,)."""
        means, sds = self.mixture(rows)
        mean = means @ self.weight
        sd = np.sqrt((sds**2 + (means - mean[:, None]) ** 2) @ self.weight)
        return mean, sd if self.bounded or self.tail > 2 else np.inf * sd

    def shrunken(
        self, y: FloatArray, v: FloatArray, X: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the mixtures of the studies' own true values, and the shrinkage."""
        mean, sd = self.mixture(X)
        pull = v[:, None] / (v[:, None] + self.tau**2)
        own = pull * mean + (1 - pull) * y[:, None]
        spread = np.sqrt((1 - pull) * v[:, None] + (pull * sd) ** 2)
        return own, spread, pull @ self.weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is known before tau: effects, variances, design, and a pseudo-row.

    Attributes
    ----------
    y, v : ndarray, shape (k,)
        Effects and sampling variances.
    X : ndarray, shape (k, p)
        Design.
    row : ndarray, shape (p,), or None
        Design row with a normal prior, mean and variance ``known``.
    """

    y: FloatArray
    v: FloatArray
    X: FloatArray
    row: FloatArray | None = None
    known: tuple[float, float] = (0.0, 1.0)

    def given(self, tau: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the log-likelihood of tau and the coefficients given tau.

        Log-likelihood (m,) with the coefficients integrated out; means (p, m),
        covariances (p, p, m).
        """
        width = max(1, BLOCK // len(self.y))
        parts = [
            self._block(tau[start : start + width])
            for start in range(0, len(tau), width)
        ]
        value, mean, cov = (
            np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True)
        )
        return value, mean, cov

    def _block(self, tau: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        y, X = self.y[:, None], self.X
        s = self.v[:, None] + tau**2
        logs = np.log(s).sum(0)
        if self.row is not None:
            y = np.append(y, [[self.known[0]]], axis=0)
            s = np.append(s, np.full((1, len(tau)), self.known[1]), axis=0)
            X = np.append(X, self.row[None], axis=0)
        fit = weighted_fit(y, s, X, np.zeros(len(tau)))
        return -0.5 * (logs + log_det(fit.A) + fit.rss), fit.b, fit.C


def integrate(model: Model, prior: Density) -> Posterior:
    r"""Return the posterior of a model.

    Notes
    -----
    Integration is in :math:`t=\tau/(\tau+c)`, which turns heavy tails into powers of
    1 - t; c is near the posterior mode of :math:`\ln\tau`. Nodes cover the interval in
    which the log density is within 40 of its peak.
    """
    # effects far from 0 would cost digits
    shift = weighted_fit(model.y[:, None], model.v[:, None], model.X, np.zeros(1))
    centred = Model(
        y=shift.r[:, 0],
        v=model.v,
        X=model.X,
        row=model.row,
        known=_shifted(model, shift.b[:, 0]),
    )
    c = _scale(centred, prior)

    def log_density(t: FloatArray) -> FloatArray:
        tau = c * t / (1 - t)
        jacobian = np.log(c) - 2 * np.log1p(-t)
        values: FloatArray = centred.given(tau)[0] + prior.log_density(tau) + jacobian
        return values

    end = 1.0 if np.isinf(prior.end) else prior.end / (prior.end + c)
    low, high = support(log_density, end)
    nodes = rule()
    t = low + (high - low) * (nodes.x + 1) / 2
    tau = c * t / (1 - t)
    likelihood, mean, cov = centred.given(tau)
    logs = likelihood + prior.log_density(tau) + np.log(c) - 2 * np.log1p(-t)
    peak = float(logs.max())
    mass = nodes.w * np.exp(logs - peak) * (high - low) / 2
    at_zero = float(centred.given(np.zeros(1))[0][0])
    k, p = model.X.shape
    flat = p - (model.row is not None)
    return Posterior(
        tau=tau,
        weight=mass / mass.sum(),
        mean=mean + shift.b,
        cov=cov,
        log_bayes_factor=peak + float(np.log(mass.sum())) - at_zero,
        tail=k - flat + 1.0 if prior.kind == "half-cauchy" else np.inf,
        bounded=flat == 0,
        low=low,
        high=high,
        center=c,
    )


def _shifted(model: Model, b: FloatArray) -> tuple[float, float]:
    if model.row is None:
        return model.known
    return model.known[0] - float(model.row @ b), model.known[1]


def _scale(model: Model, prior: Density) -> float:
    """Return tau near the mode of the posterior of its logarithm."""
    sd = np.sqrt(model.v)
    lowest = 1e-4 * min(prior.scale, float(sd.min()))
    highest = 1e3 * max(prior.scale, float(sd.max()), float(np.ptp(model.y)))
    tau = np.geomspace(lowest, min(highest, prior.end), GRID)
    logs = model.given(tau)[0] + prior.log_density(tau) + np.log(tau)
    return float(tau[np.argmax(logs)])
