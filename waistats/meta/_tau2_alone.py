"""Heterogeneity variance of one mean in floats, by the rules of `_tau2_search`.

On arrays of one number those rules cost ten times the sums over the coefficients. Tests
hold both to the same answers.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from waistats._typing import FloatArray
from waistats.meta._linalg import is_mean

MAX_ITERATIONS = 200
TINY = float(np.finfo(float).tiny)
# points on which the step of a likelihood is looked at first, and how many times the
# smallest variance they may reach
COARSE, WIDEST = 7, 1e6


@dataclass(slots=True)
class Alone:
    """The heterogeneity variance of one data set, as a batch of one in `Tau2`."""

    tau2: float
    converged: bool
    n_iter: int
    climbs: bool


def one_mean(
    y: FloatArray, v: FloatArray, X: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Return the effects and variances of a batch of one mean, (k,) each, else None."""
    if y.shape[1] != 1 or v.shape[1] != 1 or not is_mean(X):
        return None
    used = np.isfinite(v[:, 0])
    count = np.count_nonzero(used)
    if count == len(used):
        return (y[:, 0], v[:, 0]) if count > 1 else None
    return (y[used, 0], v[used, 0]) if count > 1 else None


def hedges_alone(y: FloatArray, v: FloatArray) -> float:
    """Return Hedges' estimate before it is cut at 0."""
    k = len(y)
    r = y - np.add.reduce(y) / k
    return float(r @ r) / (k - 1) - float(np.add.reduce(v)) / k


def _step_alone(
    method: str, y: FloatArray, v: FloatArray, t: float, target: float
) -> tuple[float, float]:
    """Return the scoring step of one mean, and the scale that it is judged by."""
    k = len(y)
    w = 1 / (v + t)
    s1 = float(np.add.reduce(w))
    if not s1 * s1 / k > TINY:
        return math.nan, math.nan
    r = y - float(w @ y) / s1
    u = w * r
    scale = k / s1
    if method == "REML":
        w2 = w * w
        s2 = float(np.add.reduce(w2))
        return _reml(float(u @ u), s1, s2, float(w2 @ w), target), scale
    if method == "ML":
        return (float(u @ u) - s1) / float(w @ w), scale
    return (float(u @ r) / target - 1) * scale, scale


def _reml(uu: float, s1: float, s2: float, s3: float, target: float) -> float:
    """Return the REML step from y'PPy and the sums of powers of the weights."""
    mean = s2 / s1
    tr_p, tr_pp = s1 - mean, s2 + mean * mean - 2 * s3 / s1
    return (uu - tr_p) / max(tr_pp, tr_p * tr_p / target, TINY)


def zero_alone(
    y: FloatArray,
    v: FloatArray,
    method: str,
    target: float,
    *,
    start: float,
    told: float = 0.0,
    near: tuple[float, float] | None = None,
    low: float = 0.0,
    high: float = math.inf,
    climbs: bool = False,
) -> Alone:
    """Find the zero of the step by the rule of `find_zero`."""
    fold, _ = _step_alone(method, y, v, told, target)
    first = fold
    if not math.isfinite(fold):
        return Alone(math.nan, False, 0, False)
    climbs = climbs or fold > 0
    t = fold if start <= 0 and climbs else max(start, 0.0)
    if near is not None and math.isfinite(near[1]):
        told, fold = near
    answer, n_iter = 0.0, 0
    converged = not t > 0
    while not converged and n_iter < MAX_ITERATIONS:
        n_iter += 1
        f, scale = _step_alone(method, y, v, t, target)
        if not math.isfinite(f):
            answer = math.nan
            break
        if f > 0:
            climbs, low = True, t
        else:
            high = t
        rise, run = f - fold, t - told
        slope = rise / run if run else math.nan
        new = t - f / slope if slope else math.nan
        if new <= 0 and slope < 0 and not climbs:
            new = 0.0
        if not slope < 0 or (new <= low and climbs) or new >= high:
            new = (low + high) / 2 if math.isfinite(high) else 2 * t + abs(f)
        ground = f <= 0 and not climbs and t <= 1e-14 * scale
        tight = abs(f) <= 1e-13 * scale or high - low < 4e-16 * high
        close = abs(new - t) <= 1e-8 * scale and abs(f) <= 1e-7 * scale
        if ground or tight or close:
            answer = 0.0 if ground else t if tight else new
            converged = True
        told, fold, t = t, f, new
    if not converged and not math.isnan(answer):
        # rounding can keep the last steps just above their tolerance
        f, scale = _step_alone(method, y, v, t, target)
        answer, converged = t, abs(f) <= 1e-7 * scale
    return Alone(answer, converged, n_iter, first > 0)


def highest_alone(
    y: FloatArray, v: FloatArray, method: str, target: float
) -> Alone | None:
    """Return the highest maximum of a likelihood where its step changes sign once.

    None where it does so more often, so that there may be several maxima: that is for
    `highest_maximum`.
    """
    k = len(y)
    smallest = float(np.minimum.reduce(v))
    r = y - np.add.reduce(y) / k
    top = max(4 * float(r @ r) / k, smallest)
    if not top <= WIDEST * smallest:
        return None
    ratio = (30 * top / smallest) ** (1 / (COARSE - 1))
    points = [0.0, *(smallest / 30 * ratio**j for j in range(COARSE))]
    w = np.reciprocal(np.add.outer(points, v))
    s1 = np.add.reduce(w, 1)
    u = y - (w @ y / s1)[:, None]
    u *= w
    w2 = w * w
    powers = (
        np.einsum("pk,pk->p", u, u).tolist(),
        s1.tolist(),
        np.add.reduce(w2, 1).tolist(),
        np.einsum("pk,pk->p", w2, w).tolist(),
    )
    if not min(powers[2]) > TINY:
        return None
    if method == "REML":
        steps = [_reml(*sums, target) for sums in zip(*powers, strict=True)]
    else:
        steps = [(uu - one) / two for uu, one, two, _ in zip(*powers, strict=True)]
    up = [step > 0 for step in steps]
    turns = sum(one != other for one, other in pairwise(up))
    if not math.isfinite(sum(steps)) or turns > 1 or up[-1] or (turns and not up[0]):
        return None
    if not turns:
        return zero_alone(y, v, method, target, start=0.0)
    last = sum(up) - 1
    left, right = points[last], points[last + 1]
    above, below = steps[last], steps[last + 1]
    between = left + (right - left) * above / (above - below)
    return zero_alone(y, v, method, target, start=between, near=(left, above))
