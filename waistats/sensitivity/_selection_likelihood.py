"""The likelihood of coefficients that are reported by where they lie, and its maximum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import ConvergenceError
from waistats.meta._optimize import Slopes, damped_newton

MAX_ITERATIONS = 200
# beyond these log weights the likelihood is a ridge, not a maximum
FARTHEST = 12.0
STARTS = (0.0, -1.5, 1.5)
# a gain in log-likelihood below this is lost in rounding
NEGLIGIBLE = 1e-13
LEAST_STEP = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Effects and where the probability of being reported changes.

    Attributes
    ----------
    y, v : ndarray, shape (k,)
        Effects and sampling variances.
    X : ndarray, shape (k, p)
        Design.
    cuts : ndarray, shape (m,)
        Thresholds on the scale of y, rising.
    zone : ndarray of int, shape (k,)
        Thresholds at or below each effect; m is the zone of weight 1.
    """

    y: FloatArray
    v: FloatArray
    X: FloatArray
    cuts: FloatArray
    zone: IntArray


class Point(NamedTuple):
    """Log-likelihood with gradient and Hessian in (beta, tau, log weights)."""

    value: float
    gradient: FloatArray
    hessian: FloatArray


def evaluate(data: Selection, at: FloatArray) -> Point:
    r"""Evaluate the likelihood at coefficients, tau and log weights.

    Notes
    -----
    With :math:`s_i^2=v_i+\tau^2`, weights :math:`\omega_0,...,\omega_m=1` of the zones
    and :math:`\Phi_{ij}=\Phi((T_j-\mu_i)/s_i)`,

    .. math:: \ell=\sum_i \ln\omega_{z_i}+\ln\phi(y_i;\mu_i,s_i^2)-\ln A_i, \qquad
       A_i=\omega_m+\sum_j(\omega_{j-1}-\omega_j)\Phi_{ij}.
    """
    X, m = data.X, len(data.cuts)
    p = X.shape[1]
    mu, u, eta = X @ at[:p], at[p], at[p + 1 :]
    t = data.v + u * u
    s, r = np.sqrt(t), data.y - mu
    omega = np.append(np.exp(eta), 1.0)
    a = (data.cuts[:, None] - mu) / s
    Phi = special.ndtr(a)
    phi = np.exp(-0.5 * a * a) / np.sqrt(2 * np.pi)
    d = (omega[:-1] - omega[1:])[:, None]
    A = 1.0 + (d * Phi).sum(0)
    logs = np.append(eta, 0.0)[data.zone]
    value = logs - 0.5 * np.log(2 * np.pi * t) - r * r / (2 * t) - np.log(A)

    # first derivatives of A over A by mu, t and each log weight
    zones = omega[:m, None]
    phi_a = phi * a
    A_m = -(d * phi).sum(0) / s / A
    A_t = -(d * phi_a).sum(0) / (2 * t) / A
    A_e = zones * _between(Phi) / A
    A_mm = -(d * phi_a).sum(0) / t / A
    A_mt = -(d * phi * (a * a - 1)).sum(0) / (2 * t * s) / A
    A_tt = (d * phi_a * (3 - a * a)).sum(0) / (4 * t * t) / A
    A_me = -zones * _between(phi) / s / A
    A_te = -zones * _between(phi_a) / (2 * t) / A

    member = (data.zone == np.arange(m)[:, None]).astype(float)
    l_m = r / t - A_m
    l_t = -0.5 / t + r * r / (2 * t * t) - A_t
    gradient = np.concatenate(
        [X.T @ l_m, [2 * u * l_t.sum()], (member - A_e).sum(axis=1)]
    )
    l_mm = -1 / t - A_mm + A_m * A_m
    l_mt = -r / (t * t) - A_mt + A_m * A_t
    l_tt = 0.5 / t**2 - r * r / t**3 - A_tt + A_t * A_t
    l_me = -A_me + A_m * A_e
    l_te = -A_te + A_t * A_e
    H = np.zeros((p + 1 + m, p + 1 + m))
    H[:p, :p] = X.T @ (l_mm[:, None] * X)
    H[:p, p] = H[p, :p] = X.T @ l_mt * 2 * u
    H[p, p] = 2 * l_t.sum() + 4 * u * u * l_tt.sum()
    H[:p, p + 1 :] = X.T @ l_me.T
    H[p + 1 :, :p] = H[:p, p + 1 :].T
    H[p, p + 1 :] = H[p + 1 :, p] = 2 * u * l_te.sum(axis=1)
    H[p + 1 :, p + 1 :] = A_e @ A_e.T - np.diag(A_e.sum(axis=1))
    return Point(float(value.sum()), gradient, H)


def _between(at_cuts: FloatArray) -> FloatArray:
    """Return differences from threshold to threshold, from 0 at minus infinity."""
    if len(at_cuts) == 1:
        return at_cuts
    return np.diff(at_cuts, axis=0, prepend=0.0)


def climb(data: Selection, start: FloatArray, free: BoolArray) -> FloatArray:
    """Return the maximum over the free parameters.

    Raises
    ------
    ConvergenceError
        Where a reporting weight runs off, or the climb does not end.
    """
    index = np.flatnonzero(free)
    first = len(start) - len(data.cuts)

    def whole(part: FloatArray) -> FloatArray:
        at = start.copy()
        at[index] = part
        return at

    def at(part: FloatArray) -> tuple[float, Slopes]:
        point = evaluate(data, whole(part))
        return point.value, lambda: (
            point.gradient[index],
            -point.hessian[np.ix_(index, index)],
        )

    def finished(
        part: FloatArray, step: FloatArray, promise: float, value: float
    ) -> str | None:
        weights = whole(part)[first:]
        if len(weights) and np.abs(weights).max() > FARTHEST:
            return "ridge"
        return "converged" if promise < NEGLIGIBLE * max(1.0, abs(value)) else None

    found = damped_newton(
        at,
        start[index],
        finished=finished,
        shorten=lambda part, step: min(1.0, float(3 / np.abs(step).max())),
        max_iterations=MAX_ITERATIONS,
    )
    if found.status == "ridge":
        raise ConvergenceError(
            "threshold_selection: the reporting weight diverges to 0 or infinity, so "
            "these data do not determine it. Choose a threshold with more "
            "coefficients on both sides."
        )
    if found.status == "exhausted":
        raise ConvergenceError(
            f"threshold_selection did not converge in {MAX_ITERATIONS} iterations."
        )
    return whole(found.at)


def maximise(
    data: Selection,
    start: FloatArray,
    free: BoolArray,
    starts: Sequence[float] = STARTS,
) -> FloatArray:
    """Return the best maximum from several starting weights."""
    p1 = len(start) - len(data.cuts)
    found, failures = [], []
    for log_weight in starts:
        at = start.copy()
        at[p1:] = log_weight * np.arange(len(data.cuts), 0, -1) / len(data.cuts)
        try:
            found.append(climb(data, at, free))
        except ConvergenceError as error:
            failures.append(error)
    if not found:
        raise failures[0]
    best = max(found, key=lambda at: evaluate(data, at).value)
    best[p1 - 1] = abs(best[p1 - 1])
    return best


def profile_limits(
    data: Selection,
    top: FloatArray,
    free: BoolArray,
    j: int,
    *,
    se: float,
    drop: float,
) -> tuple[float, float]:
    """Return where the profile likelihood of parameter j has fallen by drop / 2.

    Infinite where it does not fall that far; for tau, which is never below 0, the lower
    limit is then 0. ``se`` decides only where the search begins.
    """
    best = evaluate(data, top).value
    others = free.copy()
    others[j] = False
    tau = len(top) - len(data.cuts) - 1
    step = max(np.sqrt(drop) * (se if np.isfinite(se) else 0.3), LEAST_STEP)

    def search(sign: float) -> float:
        warm = [top]

        def excess(x: float) -> float:
            # the root of the fall is nearly linear, so few evaluations are needed
            start = warm[0].copy()
            start[j] = x
            warm[0] = climb(data, start, others)
            fall = 2 * (best - evaluate(data, warm[0]).value)
            return float(np.sqrt(max(fall, 0.0)) - np.sqrt(drop))

        inner, width = float(top[j]), step
        while True:
            outer = inner + sign * width
            if j == tau and outer <= 0:
                if inner <= 0 or excess(0.0) <= 0:
                    return 0.0
                outer = 0.0
            elif abs(outer - top[j]) > FARTHEST:
                return 0.0 if j == tau and sign < 0 else sign * np.inf
            elif excess(outer) <= 0:
                # widths must grow: a flat profile falls far out or never
                inner, width = outer, 1.5 * width
                continue
            if excess(inner) >= 0:
                return inner
            low, high = sorted((inner, outer))
            return float(optimize.brentq(excess, low, high, xtol=1e-11))

    return search(-1.0), search(1.0)
