"""Two correlated outcomes per study: restricted likelihood with known sampling blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from waistats._format import counted
from waistats._typing import FloatArray
from waistats.errors import ConvergenceError
from waistats.meta._unstructured import climb as climb_forms, entries

GRID = 16
# of the mean sampling variance
NO_VARIANCE = 1e-8
_D = np.array([[[1, 0], [0, 0]], [[0, 1], [1, 0]], [[0, 0], [0, 1]]], dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bivariate:
    """Data of the model, in units of the mean sampling variance.

    Attributes
    ----------
    y : ndarray, shape (k, 2)
        Both outcomes.
    V : ndarray, shape (k, 2, 2)
        Their sampling covariances.
    X : ndarray, shape (k, p)
        Design of both outcomes.
    unit : float
        What a variance of 1 is in the data's own units.
    """

    y: FloatArray
    V: FloatArray
    X: FloatArray
    unit: float

    @property
    def constant(self) -> float:
        """What the restricted log-likelihood of the data's units has besides `value`."""
        k, p = self.X.shape
        size = 2 * (k - p)
        # both outcomes have the same design, so ln|X'X| of the stacked one is twice
        whole = 2 * np.linalg.slogdet(self.X.T @ self.X)[1]
        number: float = -0.5 * size * np.log(2 * np.pi * self.unit) + 0.5 * float(whole)
        return number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class At:
    """The likelihood and its derivatives at one between-study covariance.

    ``score`` (3,) and ``hessian`` (3, 3) are those in the variance of the first outcome,
    the covariance and the variance of the second; ``beta`` is (2, p).
    """

    value: float
    score: FloatArray
    hessian: FloatArray
    beta: FloatArray
    cov: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BivariateFit:
    """A maximum, in the data's own units.

    Attributes
    ----------
    sigma : ndarray, shape (2, 2)
        Between-study covariance.
    beta : ndarray, shape (2, p)
        Coefficients of both outcomes; ``cov`` (2p, 2p) is their covariance, those of
        the first outcome first.
    log_likelihood : float
        Restricted, with metafor's constants.
    """

    sigma: FloatArray
    beta: FloatArray
    cov: FloatArray
    log_likelihood: float


def prepare(y: FloatArray, V: FloatArray, X: FloatArray) -> Bivariate:
    """Return the data in units of their mean sampling variance."""
    unit = float(np.trace(V, axis1=1, axis2=2).mean() / 2)
    return Bivariate(y=y / np.sqrt(unit), V=V / unit, X=X, unit=unit)


def evaluate(data: Bivariate, theta: FloatArray) -> At:
    """Return the restricted likelihood at (variance, covariance, variance)."""
    y, X = data.y, data.X
    sigma = np.array([[theta[0], theta[1]], [theta[1], theta[2]]])
    M = data.V + sigma
    det = M[:, 0, 0] * M[:, 1, 1] - M[:, 0, 1] ** 2
    W = np.empty_like(M)
    W[:, 0, 0], W[:, 1, 1] = M[:, 1, 1], M[:, 0, 0]
    W[:, 0, 1] = W[:, 1, 0] = -M[:, 0, 1]
    W /= det[:, None, None]
    k, p = X.shape
    XX = (X[:, :, None] * X[:, None, :]).reshape(k, p * p)

    def crossed(inner: FloatArray) -> FloatArray:
        """Return the stacked design's X'AX for blocks A, shape (..., 2p, 2p)."""
        batch = inner.shape[:-3]
        flat = np.swapaxes(inner.reshape(*batch, k, 4), -1, -2) @ XX
        parts = np.swapaxes(flat.reshape(*batch, 2, 2, p, p), -3, -2)
        return parts.reshape(*batch, 2 * p, 2 * p)

    B = crossed(W)
    C = np.asarray(np.linalg.inv(B), dtype=float)
    Wy = (W @ y[:, :, None])[..., 0]
    beta = (C @ (Wy.T @ X).ravel()).reshape(2, p)
    rest = y - X @ beta.T
    Py = (W @ rest[:, :, None])[..., 0]
    log_det = np.log(det).sum() + np.linalg.slogdet(B)[1]
    WD = W @ _D[:, None]
    WDW = WD @ W
    CA = C @ crossed(WDW)
    u = Py @ _D
    trace_of = np.trace(WD, axis1=-2, axis2=-1).sum(-1) - np.trace(
        CA, axis1=-2, axis2=-1
    )
    score = 0.5 * ((u * Py).sum(axis=(-2, -1)) - trace_of)
    double = crossed(WD[:, None] @ WDW)
    trace = np.einsum("aiop,bipo->ab", WD, WD)
    trace += np.einsum("aop,bpo->ab", CA, CA)
    trace -= 2 * (double * C).sum(axis=(-2, -1))
    Wu = (W @ u[..., None])[..., 0]
    XWu = (np.swapaxes(Wu, -1, -2) @ X).reshape(3, 2 * p)
    quadratic = u.reshape(3, -1) @ Wu.reshape(3, -1).T - XWu @ C @ XWu.T
    return At(
        value=-0.5 * float(log_det + (Py * rest).sum()),
        score=score,
        hessian=0.5 * trace - quadratic,
        beta=beta,
        cov=C,
    )


def climb(
    data: Bivariate, shape: FloatArray, start: FloatArray
) -> tuple[float, FloatArray]:
    """Return the maximum over parameters phi with theta_a = phi' shape_a phi."""
    name = f"The bivariate model of {counted(len(data.y), 'study')}"
    return climb_forms(lambda theta: evaluate(data, theta), shape, start, name)


def _highest(
    data: Bivariate, shape: FloatArray, starts: Sequence[FloatArray]
) -> tuple[float, FloatArray]:
    """Return the highest of the maxima that are reached; an error if none is."""
    found = []
    for start in starts:
        try:
            found.append(climb(data, shape, start))
        except ConvergenceError as error:
            lost = error
    if not found:
        raise lost
    return max(found, key=lambda one: one[0])


# Sigma = L L' with phi the lower triangle of L
_WHOLE = np.array(
    [
        [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 1, 0], [0, 0, 1]],
    ]
)


def _sloped(slope: float) -> FloatArray:
    """Return the shape of Sigma = s^2 (b, 1)(b, 1)' + q^2 (1, 0)(1, 0)'."""
    first = np.array([[slope**2, 0], [0, 1.0]])
    return np.array([first, [[slope, 0], [0, 0]], [[1.0, 0], [0, 0]]])


def _excess(data: Bivariate) -> FloatArray:
    """Return rough between-study variances of both outcomes, shape (2,)."""
    beta = np.linalg.lstsq(data.X, data.y, rcond=None)[0]
    rest = data.y - data.X @ beta
    k, p = data.X.shape
    total = (rest**2).sum(axis=0) / max(k - p, 1)
    known = np.diagonal(data.V, axis1=1, axis2=2).mean(axis=0)
    # a search that starts at no variance stays there
    values: FloatArray = np.maximum(total - known, 0.05 * np.maximum(total, known))
    return values


def maximise(data: Bivariate) -> BivariateFit:
    """Return the highest restricted maximum over all between-study covariances."""
    sd = np.sqrt(_excess(data))
    starts = [
        np.array([a * sd[0], rho * b * sd[1], np.sqrt(1 - rho**2) * b * sd[1]])
        for rho in (-0.7, 0.0, 0.7)
        for a, b in ((1.0, 1.0), (0.2, 1.0), (1.0, 0.2))
    ]
    _, phi = _highest(data, _WHOLE, starts)
    theta = entries(_WHOLE, phi)
    # the edge is reached to rounding only
    gone = theta[[0, 2]] < NO_VARIANCE
    theta = np.where([gone[0], gone.any(), gone[1]], 0.0, theta)
    at = evaluate(data, theta)
    return BivariateFit(
        sigma=data.unit * np.array([theta[:2], theta[1:]]),
        beta=at.beta * np.sqrt(data.unit),
        cov=at.cov * data.unit,
        log_likelihood=at.value + data.constant,
    )


def slope_likelihood(data: Bivariate, slope: float) -> float:
    """Return the restricted log-likelihood where the slope of y1 on y2 is given."""
    sd = np.sqrt(_excess(data))
    shape = _sloped(slope)
    own = sd[1] if slope == 0 else min(sd[1], sd[0] / abs(slope))
    starts = (
        np.array([own, sd[0]]),
        np.array([0.3 * own, sd[0]]),
        np.array([own, 0.2 * sd[0]]),
    )
    return _highest(data, shape, starts)[0] + data.constant


def no_slope_likelihood(data: Bivariate) -> float:
    """Return the restricted log-likelihood where the second outcome is homogeneous.

    The slope is then arbitrary; it is also the limit of an endless slope.
    """
    shape = np.array([[[1.0]], [[0.0]], [[0.0]]])
    start = np.sqrt(_excess(data)[:1])
    return climb(data, shape, start)[0] + data.constant


def slope_limits(
    data: Bivariate, fit: BivariateFit, drop: float
) -> tuple[float, float]:
    """Return where twice the profile likelihood of the slope falls by ``drop``.

    A side on which it never does is infinite; both are, where no variance of the second
    outcome lets a slope be told.
    """
    center = slope_of(fit)
    if np.isnan(center):
        return -np.inf, np.inf

    def fall(angle: float) -> float:
        value = slope_likelihood(data, float(np.tan(angle)))
        return 2 * (fit.log_likelihood - value) - drop

    def limit(side: int) -> float:
        inside = float(np.arctan(center))
        for angle in np.linspace(inside, side * (np.pi / 2 - 1e-3), GRID + 1)[1:]:
            if fall(angle) > 0:
                return float(np.tan(optimize.brentq(fall, inside, angle, xtol=1e-10)))
            inside = angle
        return side * np.inf

    return limit(-1), limit(1)


def slope_of(fit: BivariateFit) -> float:
    """Return the slope of the first outcome on the second; NaN without variance."""
    spread = fit.sigma[1, 1]
    return float(fit.sigma[0, 1] / spread) if spread > 0 else float("nan")
