"""Integrals over one variable to full precision, and quantiles of what they mix."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre
from scipy import special

from waistats._progress import progress
from waistats._typing import FloatArray

NODES = 200
# nodes are spent where the log density is within this of its peak
DEPTH = 40.0
GRID = 64
SHORT: tuple[FloatArray, FloatArray] = legendre.leggauss(12)


@dataclass(frozen=True, slots=True)
class Rule:
    """Gauss-Legendre nodes and weights, and what integrates between the nodes."""

    x: FloatArray
    w: FloatArray
    integral: FloatArray
    barycentric: FloatArray

    def interpolate(self, values: FloatArray, at: FloatArray) -> FloatArray:
        """Return the polynomial through values at the nodes, at points of any shape."""
        gap = at[..., None] - self.x
        parts = self.barycentric / np.where(gap == 0, 1e-300, gap)
        found: FloatArray = (parts @ values) / parts.sum(-1)
        return found

    def quantiles(self, probabilities: FloatArray, mass: FloatArray) -> FloatArray:
        """Return quantiles on [-1, 1] of a density known by the mass of its nodes."""
        density = mass / self.w
        cdf = np.maximum.accumulate(self.integral @ mass)
        q = np.interp(probabilities, cdf, self.x)
        for _ in range(6):
            start = np.abs(q[:, None] - self.x).argmin(1)
            half = (q - self.x[start]) / 2
            inside = self.x[start, None] + half[:, None] * (1 + SHORT[0])
            f = self.interpolate(density, np.append(inside, q[:, None], axis=1))
            excess = cdf[start] + half * (f[:, :-1] @ SHORT[1]) - probabilities
            q = np.clip(q - excess / np.maximum(f[:, -1], 1e-300), -1, 1)
        return q


@lru_cache(maxsize=4)
def rule(nodes: int = NODES) -> Rule:
    """Return the rule of a number of nodes on [-1, 1]."""
    x, w = legendre.leggauss(nodes)
    powers = legendre.legvander(x, nodes)
    order = np.arange(nodes)
    # the integral of P_n from -1 is (P_{n+1} - P_{n-1}) / (2n + 1), of P_0 it is 1 + x
    steps = np.empty((nodes, nodes))
    steps[:, 0] = 1 + x
    steps[:, 1:] = (powers[:, 2:] - powers[:, :-2]) / (2 * order[1:] + 1)
    integral = steps @ ((order + 0.5)[:, None] * powers[:, :-1].T)
    signs = np.where(order % 2 == 0, 1.0, -1.0)
    return Rule(x, w, integral, signs * np.sqrt((1 - x**2) * w))


def support(
    log_density: Callable[[FloatArray], FloatArray], end: float
) -> tuple[float, float]:
    """Return the part of (0, end) where the log density is near its peak."""
    low, high = 0.0, end
    for _ in range(60):
        cell = (high - low) / GRID
        t = low + cell * (np.arange(GRID, dtype=np.float64) + 0.5)
        logs = log_density(t)
        near = np.flatnonzero(logs > logs.max() - DEPTH)
        a = max(low, float(t[near[0]]) - 1.5 * cell)
        b = min(high, float(t[near[-1]]) + 1.5 * cell)
        shrunk = (b - a) / (high - low)
        low, high = a, b
        if shrunk > 0.5:
            break
    return low, high


def mixture_cdf(
    x: FloatArray, weight: FloatArray, mean: FloatArray, sd: FloatArray
) -> FloatArray:
    """Return cdfs (r, q) at x (r, q) of r normal mixtures.

    Means and standard deviations are (r, m), weights (m,) or (r, m).
    """
    z = (x[:, :, None] - mean[:, None, :]) / sd[:, None, :]
    return _mixed(special.ndtr(z), weight)


def mixture_above(
    cuts: FloatArray, weight: FloatArray, mean: FloatArray, sd: FloatArray
) -> FloatArray:
    """Return probabilities (r, c) that r normal mixtures exceed c cuts."""
    x = np.broadcast_to(cuts, (len(mean), len(cuts)))
    # the mirrored mixture keeps the digits of small probabilities
    return mixture_cdf(-x, weight, -mean, sd)


def _mixed(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return sums over the last axis of values (r, q, m) with weights."""
    if weight.ndim == 1:
        return values @ weight
    found: FloatArray = np.einsum("rqm,rm->rq", values, weight)
    return found


def mixture_quantiles(
    probabilities: FloatArray, weight: FloatArray, mean: FloatArray, sd: FloatArray
) -> FloatArray:
    """Return quantiles (r, q) of normal mixtures by Newton steps inside a bracket.

    As `mixture_cdf` has them.
    """
    r, q = len(mean), len(probabilities)
    z = special.ndtri(probabilities)
    ends = mean[:, None, :] + z[:, None] * sd[:, None, :]
    low, high = ends.min(2), ends.max(2)
    x = _mixed(ends, weight).clip(low, high)
    target = np.broadcast_to(probabilities, (r, q))
    for _ in progress(range(100), "quantiles"):
        z = (x[:, :, None] - mean[:, None, :]) / sd[:, None, :]
        excess = _mixed(special.ndtr(z), weight) - target
        low = np.where(excess < 0, x, low)
        high = np.where(excess > 0, x, high)
        heights = np.exp(-0.5 * z * z) / (np.sqrt(2 * np.pi) * sd[:, None, :])
        density = _mixed(heights, weight)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = x - excess / density
        new = np.where((new > low) & (new < high), new, (low + high) / 2)
        done = np.abs(new - x) <= 1e-14 * np.maximum(np.abs(x), sd.min())
        x = np.where(excess == 0, x, new)
        if np.all(done | (excess == 0)):
            break
    return x
