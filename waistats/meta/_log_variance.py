"""Maximum likelihood of heterogeneity variances that are log-linear in covariates."""

from dataclasses import dataclass

import numpy as np

from waistats._typing import BoolArray, FloatArray
from waistats.meta._optimize import Slopes, damped_newton

MAX_ITERATIONS = 200
# change of a log variance below which a step is at its end
TOLERANCE = 1e-9
# largest change of a log variance in one step
STRIDE = 3.0
# starting slopes: change of a log variance by one standard deviation
SLOPE = 1.5


@dataclass(slots=True)
class LogVarianceFit:
    r"""A maximum of the likelihood of :math:`\ln\tau_i^2=z_i'\gamma`.

    Attributes
    ----------
    gamma : ndarray, shape (q,)
        Coefficients of the log variances.
    cov : ndarray, shape (q, q)
        Inverse of the observed information.
    tau2 : ndarray, shape (k,)
        Variances of the rows.
    log_likelihood : float
        With all constants; restricted with metafor's.
    converged : bool
        Whether the maximum was reached.
    fading : ndarray of bool, shape (k,)
        Rows whose variance runs off to 0 while the likelihood rises; with any of them
        there is no finite maximum.
    """

    gamma: FloatArray
    cov: FloatArray
    tau2: FloatArray
    log_likelihood: float
    converged: bool
    fading: BoolArray


@dataclass(slots=True)
class _Surface:
    """The likelihood of one data set; X and Z are orthonormal but for a factor."""

    y: FloatArray
    v: FloatArray
    X: FloatArray
    Z: FloatArray
    restricted: bool

    def value(self, gamma: FloatArray) -> float:
        """Return the log-likelihood up to its constant."""
        s = self.v + np.exp(self.Z @ gamma)
        WX = self.X / s[:, None]
        A = self.X.T @ WX
        r = self.y - self.X @ np.linalg.solve(A, WX.T @ self.y)
        total = np.log(s).sum() + (r * r / s).sum()
        if self.restricted:
            total += np.linalg.slogdet(A)[1]
        return float(-0.5 * total)

    def derivatives(
        self, gamma: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        r"""Return the score, the observed and the expected information.

        With P as in the mixed model and :math:`u=Py`, the derivative by
        :math:`\tau_i^2` is :math:`(u_i^2-P_{ii})/2`, and the second one
        :math:`P_{ij}^2/2-u_iP_{ij}u_j`. P is W less an outer product of p columns, so
        no k by k matrix is made.
        """
        t = np.exp(self.Z @ gamma)
        w = 1 / (self.v + t)
        WX = w[:, None] * self.X
        root = np.linalg.cholesky(self.X.T @ WX)
        a = np.linalg.solve(root, WX.T).T
        u = w * self.y - a @ (a.T @ self.y)
        lever = (a * a).sum(1)
        tZ = t[:, None] * self.Z
        # u'Pu-like part, shared by both likelihoods
        mixed = (a * u[:, None]).T @ tZ
        curve = tZ.T @ ((w * u * u)[:, None] * tZ) - mixed.T @ mixed
        if self.restricted:
            slope = 0.5 * (u * u - w + lever)
            k, p = a.shape
            pairs = (a[:, :, None] * a[:, None, :]).reshape(k, p * p).T @ tZ
            squares = tZ.T @ ((w * (w - 2 * lever))[:, None] * tZ) + pairs.T @ pairs
        else:
            slope = 0.5 * (u * u - w)
            squares = tZ.T @ ((w * w)[:, None] * tZ)
        expected = 0.5 * squares
        own = tZ.T @ (slope[:, None] * self.Z)
        return tZ.T @ slope, curve - expected - own, expected


def maximise(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    Z: FloatArray,
    tau2: float,
    *,
    restricted: bool,
) -> LogVarianceFit:
    """Maximise from several starts and return the best end.

    Parameters
    ----------
    y, v : ndarray, shape (k,)
        Effects and sampling variances.
    X, Z : ndarray, shapes (k, p) and (k, q)
        Designs of the mean and of the log variance, full rank.
    tau2 : float
        The constant heterogeneity variance, for the starts.
    restricted : bool
        REML instead of ML.
    """
    k = len(y)
    basis_x, _ = np.linalg.qr(X)
    basis_z, triangle = np.linalg.qr(Z)
    r = y - basis_x @ (basis_x.T @ y)
    surface = _Surface(r, v, basis_x, np.sqrt(k) * basis_z, restricted)
    floor = max(tau2, 0.05 * float(np.median(v)))
    ends = [_climb(surface, start) for start in _starts(surface, floor)]
    # a finite maximum is preferred to one at infinity, where some tau^2 is 0
    finite = [end for end in ends if end[2]]
    value, gamma, converged, fading = max(finite or ends, key=lambda end: end[0])
    back = np.sqrt(k) * np.linalg.inv(triangle)
    _, information, _ = surface.derivatives(gamma)
    cov = np.full((len(gamma), len(gamma)), np.nan)
    if converged and np.linalg.eigvalsh(information)[0] > 0:
        cov = back @ np.linalg.inv(information) @ back.T
    # orthonormal X makes ln|X'WX| - ln|X'X| of the given X, as metafor's constant
    constant = -0.5 * (k - (X.shape[1] if restricted else 0)) * np.log(2 * np.pi)
    return LogVarianceFit(
        gamma=back @ gamma,
        cov=cov,
        tau2=np.exp(surface.Z @ gamma),
        log_likelihood=value + float(constant),
        converged=converged,
        fading=fading,
    )


def _starts(surface: _Surface, tau2: float) -> list[FloatArray]:
    """Return a constant variance, slopes either way, log residuals on covariates."""
    Z, k = surface.Z, len(surface.y)
    constant = Z.T @ np.full(k, np.log(tau2)) / k
    starts = [constant]
    if Z.shape[1] > 1:
        starts.append(Z.T @ np.log(surface.y**2 + 0.1 * surface.v) / k)
        slopes = SLOPE * np.eye(Z.shape[1])[1:]
        starts += [constant + sign * slope for slope in slopes for sign in (-1, 1)]
    return starts


def _climb(
    surface: _Surface, gamma: FloatArray
) -> tuple[float, FloatArray, bool, BoolArray]:
    """Climb by Newton steps, by scoring where the surface is not concave."""
    Z = surface.Z

    def at(gamma: FloatArray) -> tuple[float, Slopes]:
        return surface.value(gamma), lambda: _uphill(*surface.derivatives(gamma))

    def finished(
        gamma: FloatArray, step: FloatArray, promise: float, value: float
    ) -> str | None:
        longest = float(np.abs(Z @ step).max())
        if longest < TOLERANCE:
            return "converged"
        # a long step that gains nothing: the likelihood levels off towards tau^2 = 0
        return "fading" if longest > 1e-3 and promise < 1e-13 else None

    found = damped_newton(
        at,
        gamma,
        finished=finished,
        shorten=lambda gamma, step: min(1.0, STRIDE / float(np.abs(Z @ step).max())),
        slack=1e-12,
        max_iterations=MAX_ITERATIONS,
    )
    change = Z @ found.step
    fading = np.zeros(len(surface.y), dtype=bool)
    if found.status == "fading":
        fading = (change < -1e-3) | (Z @ found.at < -700)
    converged = found.status == "converged" or (
        found.status == "stalled" and float(np.abs(change).max()) < 1e-5
    )
    return found.value, found.at, converged, fading


def _uphill(
    score: FloatArray, observed: FloatArray, expected: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the score and the information, the expected one where that is no ascent."""
    for information in (observed, expected):
        try:
            np.linalg.cholesky(information)
        except np.linalg.LinAlgError:
            continue
        return score, information
    ridge = np.trace(expected) / len(score) + np.finfo(float).tiny
    return score, expected + ridge * np.eye(len(score))
