"""The highest of the maxima that a likelihood of the heterogeneity variance has."""

from typing import Any

import numpy as np

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.meta.sums import (
    CHUNK,
    is_mean,
    log_likelihood,
    spread,
    weighted_fit,
)
from waistats.meta.tau2_search import (
    Search,
    Tau2,
    find_zero,
    new_search,
    step,
)

# where likelihoods are searched for a second maximum, on how many points, and on how
# many at first
RATIO, GRID, COARSE = 4.0, 14, 7


def _likelihoods(
    y: FloatArray, v: FloatArray, X: FloatArray, tau2: FloatArray, method: str
) -> FloatArray:
    """Return the (restricted) log-likelihood at each data set's tau2, (B,)."""
    fit = weighted_fit(y, v, X, tau2)
    return log_likelihood(fit, restricted=method == "REML")


def _on_grid(
    y: FloatArray, v: FloatArray, X: FloatArray, grid: FloatArray, method: str
) -> FloatArray:
    """Return the likelihoods at each row of a grid (points, B), some rows at a time."""
    points, size = grid.shape
    rows = min(points, max(1, CHUNK // y.size))
    design = X if X.ndim == 2 else np.tile(X, (1, 1, rows))
    y, v = np.tile(y, (1, rows)), np.tile(v, (1, rows))
    values = np.empty((points, size))
    fit = None
    for start in range(0, points, rows):
        tau2 = grid[start : start + rows].ravel()
        n = len(tau2)
        X = design if X.ndim == 2 else design[:, :, :n]
        fit = weighted_fit(y[:, :n], v[:, :n], X, tau2, into=fit)
        found = log_likelihood(fit, restricted=method == "REML")
        values[start : start + rows] = found.reshape(-1, size)
    return values


def better_of_zero(
    y: FloatArray, v: FloatArray, X: FloatArray, found: Tau2, method: str
) -> FloatArray:
    """Return 0 where the likelihood is higher there than at an inner maximum."""
    tau2 = found.tau2
    inner = np.flatnonzero((tau2 > 0) & ~found.climbs)
    if len(inner) == 0:
        return tau2
    y, v, X = _columns(y, v, X, inner)
    at_zero = _likelihoods(y, v, X, np.zeros(len(inner)), method)
    out = tau2.copy()
    out[inner[at_zero > _likelihoods(y, v, X, tau2[inner], method)]] = 0.0
    return out


def _columns(
    y: FloatArray, v: FloatArray, X: FloatArray, index: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return some data sets; all of them without a copy."""
    if len(index) == y.shape[1]:
        return y, v, X
    design = X if X.ndim == 2 else X.take(index, axis=-1)
    return y.take(index, axis=1), v.take(index, axis=1), design


def highest_maximum(search: Search, method: str, start: FloatArray) -> Tau2:
    """Return the highest maximum of each likelihood.

    A likelihood can have several maxima once sampling variances differ several-fold.
    Its values on a logarithmic grid show a higher one; the search is repeated there.
    """
    y, v, X = search.y, search.v, search.X
    smallest = v.min(0)
    top = np.maximum(4 * spread(y, v), smallest)
    wide = top > 1e6 * smallest
    doubtful, near = np.ones(len(start), dtype=bool), None
    if is_mean(X):
        doubtful, start, near = _scan(search, method, start, smallest, top)
    found = find_zero(search, method, start, near)
    found.tau2 = better_of_zero(y, v, X, found, method)
    largest = np.where(np.isfinite(v), v, 0.0).max(0)
    at_risk = (largest > RATIO * smallest) & np.isfinite(found.tau2)
    for chosen, points in ((doubtful & ~wide, GRID), (wide, 5 * GRID)):
        index = np.flatnonzero(chosen & at_risk)
        if len(index):
            bounds = smallest[index] / 100, top[index]
            _climb_again(y, v, X, found, method, index, bounds, points)
    return found


def _grid(low: FloatArray, top: FloatArray, points: int) -> FloatArray:
    """Return logarithmic grids, of shape (points, B)."""
    return low * ((top / low) ** (1 / (points - 1))) ** np.arange(points)[:, None]


def _scan(
    search: Search,
    method: str,
    start: FloatArray,
    smallest: FloatArray,
    top: FloatArray,
) -> tuple[BoolArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """Look where the step changes its sign, in single precision.

    Returns whether it does so more than once (B,), a start for the search, and a point
    below it with its step. In units of the smallest variance no weight exceeds 1, so
    that no part of the step cancels another.
    """
    single: Any = np.float32
    y: FloatArray = (search.y / np.sqrt(smallest)).astype(single)
    v: FloatArray = (search.v / smallest).astype(single)
    X: FloatArray = search.X.astype(single)
    low = np.zeros((1, len(smallest)))
    grid = np.vstack([low, _grid(smallest / 30, top, COARSE)])
    points = (grid / smallest).astype(single)
    steps = np.empty_like(points)
    rows = min(len(grid), max(1, 2 * CHUNK // y.size))
    y, v = np.tile(y, rows), np.tile(v, rows)
    k, target = (np.tile(a.astype(single), rows) for a in (search.k, search.target))
    fit = None
    for first in range(0, len(grid), rows):
        tau2 = points[first : first + rows].ravel()
        n = len(tau2)
        fit = weighted_fit(y[:, :n], v[:, :n], X, tau2, into=fit)
        found = step(method, fit, X, k[:n], target[:n])
        steps[first : first + rows] = found.reshape(-1, len(smallest))
    up = steps > 0
    once = up[0] & ~up[-1] & ((up[1:] != up[:-1]).sum(0) == 1)
    last = np.where(once, up.sum(0) - 1, 0)
    each = np.arange(len(last))
    left, right = grid[last, each], grid[last + 1, each]
    above, below = steps[last, each] * smallest, steps[last + 1, each] * smallest
    between = left + (right - left) * above / (above - below)
    once &= np.isfinite(between)
    falls = ~up.any(0)
    start = np.where(once, between, np.where(falls, 0.0, start))
    return ~(once | falls), start, (left, np.where(once, above, np.nan))


def _climb_again(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    found: Tau2,
    method: str,
    index: IntArray,
    bounds: tuple[FloatArray, FloatArray],
    points: int,
) -> None:
    """Search again from the highest grid point where it is above what was found."""
    low, top = bounds
    y, v, X = _columns(y, v, X, index)
    grid = _grid(low, top, points)
    values = _on_grid(y, v, X, grid, method)
    reached = _likelihoods(y, v, X, found.tau2[index], method)
    best = values.argmax(0)
    higher = np.flatnonzero(values.max(0) > reached + 1e-9 * (1 + np.abs(reached)))
    if len(higher) == 0:
        return
    peak = best[higher]
    start = grid[peak, higher]
    below = np.where(peak > 0, grid[np.maximum(peak - 1, 0), higher], 0.0)
    y, v, X = _columns(y, v, X, higher)
    k = np.isfinite(v).sum(0).astype(float)
    search = new_search(y, v, X, k, k - X.shape[1])
    search.told = search.low = below
    search.high = start * (grid[1] / grid[0])[higher]
    search.climbs = below > 0
    again = find_zero(search, method, start)
    # a second search that does not end leaves the first one's answer
    place = index[higher][again.converged]
    found.tau2[place], found.converged[place] = again.tau2[again.converged], True
