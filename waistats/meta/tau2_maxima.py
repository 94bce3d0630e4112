"""The highest of the maxima that a likelihood of the heterogeneity variance has."""

import numpy as np

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.meta.sums import (
    CHUNK,
    is_mean,
    log_likelihood,
    spread,
    weighted_fit,
)
from waistats.meta.tau2_search import Tau2, find_zero, new_search

# where likelihoods are searched for a second maximum, and on how many points
RATIO, GRID = 4.0, 14


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


def highest_maximum(
    y: FloatArray, v: FloatArray, X: FloatArray, found: Tau2, method: str
) -> None:
    """Replace local maxima by the highest one, in place.

    A likelihood can have several maxima once sampling variances differ several-fold.
    Its values on a logarithmic grid show a higher one; the search is repeated there.
    """
    used = np.isfinite(v)
    largest = np.where(used, v, 0.0).max(0)
    smallest = v.min(0)
    top = np.maximum(4 * spread(y, v), smallest)
    at_risk = (largest > RATIO * smallest) & np.isfinite(found.tau2)
    wide = top > 1e6 * smallest
    for chosen, points in ((at_risk & ~wide, GRID), (at_risk & wide, 5 * GRID)):
        index = np.flatnonzero(chosen)
        if points == GRID and len(index) > 50 and is_mean(X):
            part = _columns(y, v, X, index)
            grid = _grid(smallest[index] / 100, top[index], points)
            index = index[_in_doubt(*part, grid, found.tau2[index], method)]
        if len(index):
            bounds = smallest[index] / 100, top[index]
            _climb_again(y, v, X, found, method, index, bounds, points)


def _grid(low: FloatArray, top: FloatArray, points: int) -> FloatArray:
    """Return logarithmic grids, of shape (points, B)."""
    return low * ((top / low) ** (1 / (points - 1))) ** np.arange(points)[:, None]


def _in_doubt(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    grid: FloatArray,
    tau2: FloatArray,
    method: str,
) -> BoolArray:
    """Return whether single precision leaves room for a higher point, (B,).

    Half the work, and it settles most data sets. In units of the smallest variance no
    weight exceeds 1, so that no part of the likelihood cancels another.
    """
    unit = v.min(0)
    single = np.float32
    y, v = (y / np.sqrt(unit)).astype(single), (v / unit).astype(single)
    points = (np.vstack([tau2, grid]) / unit).astype(single)
    values = _on_grid(y, v, X.astype(single), points, method)
    error = 1e-5 + (1e-5 + 1e-7 * len(y)) * np.abs(values[0])
    return ~(values[1:].max(0) < values[0] - error)


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
