"""Heterogeneity variance by iteration, batched: zeros of a scoring step, and maxima.

A likelihood can have several maxima; the highest is found.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.meta._linalg import (
    CHUNK,
    Weighted,
    cross,
    dot,
    is_mean,
    log_likelihood,
    ols_sums,
    product,
    spread,
    trace,
    weighted_fit,
)
from waistats.meta._tau2_alone import (
    COARSE,
    MAX_ITERATIONS,
    Alone,
    hedges_alone,
    highest_alone,
    one_mean,
    zero_alone,
)


@dataclass(slots=True)
class Tau2:
    """Heterogeneity variances of a batch.

    Attributes
    ----------
    tau2 : (B,)
        Estimates, at least 0.
    converged : (B,)
        Whether the tolerance was reached; always true for closed forms.
    n_iter : int
        Most iterations that any data set took.
    climbs : (B,)
        Whether the criterion rises at 0, so that 0 cannot be the answer.
    """

    tau2: FloatArray
    converged: BoolArray
    n_iter: int
    climbs: BoolArray


def step(
    method: str, fit: Weighted, X: FloatArray, k: FloatArray, target: FloatArray
) -> FloatArray:
    """Return the scoring step: zero at the estimate, with a slope near -1 there.

    The residuals of the fit are overwritten.
    """
    if method == "REML" and is_mean(X):
        w2 = np.multiply(fit.w, fit.w, out=fit.r)
        s1, s2 = fit.A[0, 0], cross(X, w2)[0, 0]
        mean = s2 / s1
        tr_pp = s2 + mean * mean - 2 * dot(w2, fit.w) / s1
        return (dot(fit.u, fit.u) - s1 + mean) / _at_least(tr_pp, s1 - mean, target)
    if method == "REML":
        w2 = np.multiply(fit.w, fit.w, out=fit.r)
        CA2 = product(fit.C, cross(X, w2))
        tr_p = fit.w.sum(0) - np.einsum("ppb->b", CA2)
        tr_pp = w2.sum(0) + trace(CA2, CA2)
        w2 *= fit.w
        tr_pp -= 2 * trace(fit.C, cross(X, w2))
        return (dot(fit.u, fit.u) - tr_p) / _at_least(tr_pp, tr_p, target)
    if method == "ML":
        return (dot(fit.u, fit.u) - fit.w.sum(0)) / dot(fit.w, fit.w)
    return (fit.rss / target - 1) * k / fit.w.sum(0)


def _at_least(tr_pp: FloatArray, tr_p: FloatArray, rank: FloatArray) -> FloatArray:
    """Return tr PP, not below (tr P)^2 / rank P.

    Where one weight dwarfs the others its sums cancel, down to 0 and beyond.
    """
    least = np.maximum(tr_p * tr_p / rank, np.finfo(tr_p.dtype).tiny)
    return np.maximum(tr_pp, least)


@dataclass(slots=True)
class Search:
    """The data sets whose zero is still sought, and where it must lie."""

    y: FloatArray
    v: FloatArray
    X: FloatArray
    k: FloatArray
    target: FloatArray
    index: IntArray
    low: FloatArray
    high: FloatArray
    climbs: BoolArray
    t: FloatArray
    told: FloatArray
    fold: FloatArray

    def only(self, keep: BoolArray) -> "Search":
        """Return the search restricted to some data sets."""
        index = np.flatnonzero(keep)
        if len(index) == len(keep):
            return self
        shared = self.X.ndim == 2
        parts = {
            name: getattr(self, name).take(index, axis=-1)
            for name in self.__slots__
            if not (name == "X" and shared)
        }
        return Search(**({"X": self.X} | parts))


def new_search(
    y: FloatArray, v: FloatArray, X: FloatArray, k: FloatArray, target: FloatArray
) -> Search:
    """Return a search over data sets of which nothing is known yet."""
    size = y.shape[1]
    zero = np.zeros(size)
    return Search(
        y=y,
        v=v,
        X=X,
        k=k,
        target=target,
        index=np.arange(size),
        low=zero,
        high=np.full(size, np.inf),
        climbs=zero > 0,
        t=zero,
        told=zero,
        fold=zero,
    )


def of_one(found: Alone) -> Tau2:
    """Return what was found for one mean as a batch of one."""
    return Tau2(
        np.array([found.tau2]),
        np.array([found.converged]),
        found.n_iter,
        np.array([found.climbs]),
    )


def find_zero(
    search: Search,
    method: str,
    start: FloatArray,
    near: tuple[FloatArray, FloatArray] | None = None,
) -> Tau2:
    """Find the zero of the step by the secant rule inside a shrinking bracket.

    Plain scoring cycles on about 0.2 % of data sets. The secant through the last two
    steps is faster, and whenever it leaves the bracket of sign changes the bracket is
    halved, so a zero that exists is found. ``near`` is another point and its step for
    the first secant, in place of ``search.told``; NaN for none.
    """
    if (alone := one_mean(search.y, search.v, search.X)) is not None:
        return of_one(
            zero_alone(
                *alone,
                method,
                float(search.target[0]),
                start=float(start[0]),
                told=float(search.told[0]),
                near=None if near is None else (float(near[0][0]), float(near[1][0])),
                low=float(search.low[0]),
                high=float(search.high[0]),
                climbs=bool(search.climbs[0]),
            )
        )
    tau2 = np.zeros(len(search.index))
    converged = np.ones(len(search.index), dtype=bool)
    fit = weighted_fit(search.y, search.v, search.X, search.told)
    f0 = step(method, fit, search.X, search.k, search.target)
    search.climbs, search.fold = search.climbs | (f0 > 0), f0
    search.t = np.where((start <= 0) & search.climbs, f0, np.maximum(start, 0))
    if near is not None:
        told, fold = near
        known = np.isfinite(fold)
        search.told = np.where(known, told, search.told)
        search.fold = np.where(known, fold, f0)
    # what starts at 0 and does not climb from there stays there
    s = search.only((search.t > 0) & np.isfinite(f0))
    tau2[~np.isfinite(f0)], converged[~np.isfinite(f0)] = np.nan, False
    n_iter, done = 0, np.zeros(len(s.index), dtype=bool)
    while len(s.index) and n_iter < MAX_ITERATIONS:
        n_iter += 1
        t = s.t
        fit = weighted_fit(s.y, s.v, s.X, t, into=fit)
        f = step(method, fit, s.X, s.k, s.target)
        scale = s.k / np.add.reduce(fit.w)
        up = f > 0
        s.climbs |= up
        s.low, s.high = np.where(up, t, s.low), np.where(up, s.high, t)
        slope = (f - s.fold) / (t - s.told)
        new = t - f / slope
        size = np.abs(f)
        # while every secant falls inside its bracket, far from the tolerance, that is all
        easy = (slope < 0) & (new > s.low) & (new < s.high) & (size > 1e-7 * scale)
        if np.count_nonzero(easy) == len(easy):
            s.told, s.fold, s.t = t, f, new
            continue
        # 0 is tried only where it is not known to lie below an ascent
        below = new <= 0
        if np.count_nonzero(below):
            new[below & (slope < 0) & ~s.climbs] = 0.0
        wild = ~(slope < 0) | ((new <= s.low) & s.climbs) | (new >= s.high)
        if np.count_nonzero(wild):
            bounded = np.isfinite(s.high)
            middle = np.where(bounded, (s.low + s.high) / 2, 2 * t + size)
            new = np.where(wild, middle, new)
        ground = ~up & ~s.climbs & (t <= 1e-14 * scale)
        tight = (size <= 1e-13 * scale) | (s.high - s.low < 4e-16 * s.high)
        close = (np.abs(new - t) <= 1e-8 * scale) & (size <= 1e-7 * scale)
        lost = ~np.isfinite(f)
        finished = np.flatnonzero((ground | tight | close | lost) & ~done)
        s.told, s.fold, s.t = t, f, new
        if len(finished) == 0:
            continue
        final = np.where(ground, 0.0, np.where(tight, t, new))
        tau2[s.index[finished]] = np.where(lost, np.nan, final)[finished]
        converged[s.index[finished]] = ~lost[finished]
        done[finished] = True
        # to move the rest together costs more than a few idle data sets
        if 4 * np.count_nonzero(done) >= len(done):
            s, done = s.only(~done), done[~done]
    left = s.only(~done)
    if len(left.index):
        # rounding can keep the last steps just above their tolerance
        fit = weighted_fit(left.y, left.v, left.X, left.t)
        f = step(method, fit, left.X, left.k, left.target)
        tau2[left.index] = left.t
        converged[left.index] = np.abs(f) <= 1e-7 * left.k / fit.w.sum(0)
    return Tau2(tau2, converged, n_iter, f0 > 0)


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


def moments(y: FloatArray, v: FloatArray, X: FloatArray, df: FloatArray) -> FloatArray:
    """Return Hedges' estimate before it is cut at 0, where iterations start."""
    if (alone := one_mean(y, v, X)) is not None:
        return np.array([hedges_alone(*alone)])
    rss, tr_pv = ols_sums(y, v, X)
    return (rss - tr_pv) / df


def highest_maximum(search: Search, method: str, df: FloatArray) -> Tau2:
    """Return the highest maximum of each likelihood.

    A likelihood can have several maxima once sampling variances differ several-fold.
    Its values on a logarithmic grid show a higher one; the search is repeated there.
    """
    y, v, X = search.y, search.v, search.X
    if (alone := one_mean(y, v, X)) is not None:
        found_alone = highest_alone(*alone, method, float(search.target[0]))
        if found_alone is not None:
            return of_one(found_alone)
    smallest = v.min(0)
    top = np.maximum(4 * spread(y, v), smallest)
    wide = top > 1e6 * smallest
    doubtful, near = np.ones(y.shape[1], dtype=bool), None
    if is_mean(X):
        doubtful, start, near = _scan(search, method, smallest, top)
        if np.count_nonzero(doubtful):
            start = np.where(doubtful, moments(y, v, X, df), start)
    else:
        start = moments(y, v, X, df)
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
    smallest: FloatArray,
    top: FloatArray,
) -> tuple[BoolArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """Look where the step changes its sign, in single precision.

    Returns whether it does so more than once (B,), a start for the search where it does
    not, and a point below it with its step. In units of the smallest variance no weight
    exceeds 1, so that no part of the step cancels another.
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
    k, target = (a.astype(single) for a in (search.k, search.target))
    if len(smallest) > 1:
        y, v, k, target = (np.tile(a, rows) for a in (y, v, k, target))
    fit = None
    for first in range(0, len(grid), rows):
        tau2 = points[first : first + rows].ravel()
        n = len(tau2)
        fit = weighted_fit(y[:, :n], v[:, :n], X, tau2, into=fit)
        found = step(method, fit, X, k[:n], target[:n])
        steps[first : first + rows] = found.reshape(-1, len(smallest))
    up = steps > 0
    turns = np.count_nonzero(up[1:] != up[:-1], axis=0)
    once = up[0] & ~up[-1] & (turns == 1)
    falls = ~up[0] & (turns == 0)
    last = np.where(once, np.count_nonzero(up, axis=0) - 1, 0)
    each = np.arange(len(last))
    left, right = grid[last, each], grid[last + 1, each]
    above, below = steps[last, each] * smallest, steps[last + 1, each] * smallest
    between = left + (right - left) * above / (above - below)
    once &= np.isfinite(between)
    start = np.where(once, between, 0.0)
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
