"""Heterogeneity variance by iteration, batched: zeros of a score, and maxima.

A likelihood can have several maxima; the highest is found. Where the score proves that
there is one, it is not looked for.
"""

from dataclasses import dataclass

import numpy as np

from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.meta._linalg import (
    CHUNK,
    is_mean,
    log_likelihood,
    ols_sums,
    spread,
    weighted_fit,
)
from waistats.meta._score import (
    CLOSE,
    Parts,
    Score,
    falls_beyond,
    is_single,
    prove_single,
)

MAX_ITERATIONS = 200
# steps after which the bracket is halved: by then rounding leads the others astray
PATIENCE = 40


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
    single : (B,) or None
        Whether a likelihood is proven to have no other maximum.
    sums : (3, B) or None
        Of one mean: the sums of w, wy and wy^2 at tau2.
    """

    tau2: FloatArray
    converged: BoolArray
    n_iter: int
    climbs: BoolArray
    single: BoolArray | None = None
    sums: FloatArray | None = None


@dataclass(slots=True)
class _Open:
    """The data sets whose zero is still sought, and where it must lie."""

    score: Score
    index: IntArray
    low: FloatArray
    high: FloatArray
    climbs: BoolArray
    t: FloatArray
    zero: FloatArray

    def only(self, keep: BoolArray) -> "_Open":
        """Return the search restricted to some data sets."""
        index = np.flatnonzero(keep)
        if len(index) == len(keep):
            return self
        rest = (getattr(self, name)[index] for name in self.__slots__[1:])
        return _Open(self.score.only(index), *rest)


def moved(sums: FloatArray, x: FloatArray) -> FloatArray:
    """Return the sums of w, wy and wy^2 after a small step of tau2, (3, B)."""
    result: FloatArray = sums[0] - x * (sums[1] - x * sums[2])
    return result


def find_zero(
    score: Score,
    start: FloatArray,
    at_zero: Parts,
    *,
    low: FloatArray | None = None,
    high: FloatArray | None = None,
) -> Tau2:
    """Find the zero of the score by tangents inside a shrinking bracket.

    Plain scoring cycles on about 0.2 % of data sets. The tangents of `Score.step` arrive
    in three or four steps, and whenever they leave the bracket of sign changes it is
    halved, so a zero that exists is found. ``low`` and ``high`` are where the score is
    known to be positive and negative.
    """
    size = len(start)
    rises = score.rises(at_zero)
    climbs = rises if low is None else low > 0
    finite = np.isfinite(at_zero.q1) & np.isfinite(at_zero.t1)
    usable = (start > 0) & (start < np.inf)
    first = np.where(usable, start, np.where(climbs, at_zero.scale, 0.0))
    if score.target is not None:
        # y'Py falls: where it is too small at 0, it is so everywhere
        first = np.where(rises, first, 0.0)
    found = Tau2(np.zeros(size), finite.copy(), 0, rises)
    found.tau2[~finite] = np.nan
    found.single = falls_beyond(at_zero.q1, at_zero.t1, at_zero.t2) > 0
    found.sums = None if at_zero.sums is None else at_zero.sums[0].copy()
    s = _Open(
        score=score,
        index=np.arange(size),
        low=np.zeros(size) if low is None else low,
        high=np.full(size, np.inf) if high is None else high,
        climbs=climbs,
        t=first,
        zero=at_zero.t1,
    )
    # what starts at 0 and does not climb from there stays there
    s = s.only((s.t > 0) & finite)
    done = np.zeros(len(s.index), dtype=bool)
    while len(s.index) and found.n_iter < MAX_ITERATIONS:
        found.n_iter += 1
        t = s.t
        at = s.score.at(t)
        up = s.score.rises(at)
        s.climbs |= up
        s.low, s.high = np.where(up, t, s.low), np.where(up, s.high, t)
        x = s.score.step(at)
        new, near = t + x, np.abs(x) <= CLOSE * at.scale
        s.t = new
        # while every step falls inside its bracket, far from its end, that is all
        easy = (new > s.low) & (new < s.high) & ~near
        if np.count_nonzero(easy) == len(easy) and found.n_iter < PATIENCE:
            continue
        # 0 is tried only where it is not known to lie below an ascent
        new = np.where(~(new > 0) & ~up & ~s.climbs, 0.0, new)
        wild = ~(new > s.low) & s.climbs | ~(new < s.high)
        wild |= (found.n_iter >= PATIENCE) & ~near
        middle = np.where(np.isfinite(s.high), (s.low + s.high) / 2, 2 * t + at.scale)
        lost = ~np.isfinite(at.q1) | ~np.isfinite(at.t1)
        ground = ~s.climbs & ~up & (new <= 0)
        tight = s.high - s.low < 4e-16 * s.high
        s.t = np.where(wild & ~near, middle, new)
        finished = np.flatnonzero((near | ground | tight | lost) & ~done)
        if len(finished) == 0:
            continue
        place = s.index[finished]
        final = np.maximum(np.where(near, new, np.where(ground, 0.0, t)), 0.0)
        found.tau2[place] = np.where(lost, np.nan, final)[finished]
        found.converged[place] = ~lost[finished]
        if score.target is None:
            single = is_single(at, t, s.zero) & s.climbs & (near | tight)
            found.single[place] |= single[finished]
        if found.sums is not None and at.sums is not None:
            kept = moved(at.sums, np.where(near | tight, final - t, 0.0))
            inner = finished[final[finished] > 0]
            found.sums[:, s.index[inner]] = kept[:, inner]
        done[finished] = True
        # to move the rest together costs more than a few idle data sets
        if 4 * np.count_nonzero(done) >= len(done):
            s, done = s.only(~done), done[~done]
    left = s.index[~done]
    found.converged[left], found.tau2[left] = False, s.t[~done]
    return found


# points on which likelihoods are searched for a higher maximum, and how many times the
# smallest variance they may reach before more are needed
GRID, WIDEST = 14, 1e6


def _likelihoods(
    y: FloatArray, v: FloatArray, X: FloatArray, tau2: FloatArray, *, restricted: bool
) -> FloatArray:
    """Return the (restricted) log-likelihood at each data set's tau2, (B,)."""
    fit = weighted_fit(y, v, X, tau2)
    return log_likelihood(fit, restricted=restricted)


def _on_grid(score: Score, grid: FloatArray) -> FloatArray:
    """Return the likelihoods at each row of a grid (points, B), some rows at a time."""
    y, v, X = score.y, score.v, score.X
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
        found = log_likelihood(fit, restricted=score.restricted)
        values[start : start + rows] = found.reshape(-1, size)
    return values


def better_of_zero(score: Score, found: Tau2) -> None:
    """Put 0 where the likelihood is higher there than at an inner maximum."""
    inner = np.flatnonzero((found.tau2 > 0) & ~found.climbs)
    if len(inner) == 0:
        return
    some, tau2 = score.only(inner), found.tau2[inner]
    data = (some.y, some.v, some.X)
    at_zero = _likelihoods(*data, np.zeros(len(inner)), restricted=score.restricted)
    reached = _likelihoods(*data, tau2, restricted=score.restricted)
    _put(found, score, inner[at_zero > reached], 0.0)


def _put(found: Tau2, score: Score, place: IntArray, tau2: FloatArray | float) -> None:
    """Put other estimates into what was found."""
    found.tau2[place], found.converged[place] = tau2, True
    if found.sums is not None and len(place):
        sums = score.only(place).at(found.tau2[place]).sums
        assert sums is not None
        found.sums[:, place] = sums[0]


def hedges(y: FloatArray, v: FloatArray, X: FloatArray, df: FloatArray) -> FloatArray:
    """Return Hedges' estimate before it is cut at 0, where iterations start."""
    if is_mean(X) and np.isfinite(v.max()):
        k = len(y)
        total = np.add.reduce(y)
        ss = np.einsum("kb,kb->b", y, y) - total * total / k
        result: FloatArray = ss / (k - 1) - np.add.reduce(v) / k
        return result
    rss, tr_pv = ols_sums(y, v, X)
    return (rss - tr_pv) / df


def highest_maximum(score: Score, at_zero: Parts, *, thorough: bool) -> Tau2:
    """Return the highest maximum of each likelihood.

    Without ``thorough`` the maximum nearest to Hedges' estimate. A likelihood can have
    several once sampling variances differ several-fold. Where that there is one is not
    proven, its values on a logarithmic grid show a higher one; the search is repeated
    there.
    """
    start = hedges(score.y, score.v, score.X, score.df)
    climbs = score.rises(at_zero)
    single = ~climbs & (falls_beyond(at_zero.q1, at_zero.t1, at_zero.t2) > 0)
    # of a small tau2 the tangents at 0 know more than the spread of the effects
    small = start <= (at_zero.scale if thorough else 0.0)
    start = np.where(climbs & small, score.step(at_zero), start)
    found = find_zero(score, np.where(single, 0.0, start), at_zero)
    better_of_zero(score, found)
    if thorough and found.single is not None:
        doubtful = np.flatnonzero(~found.single & np.isfinite(found.tau2))
        if len(doubtful):
            _look_further(score, at_zero, found, doubtful)
    return found


def _look_further(score: Score, at_zero: Parts, found: Tau2, index: IntArray) -> None:
    """Prove by more steps that there is one maximum, or look for a higher one."""
    some, tau2 = score.only(index), found.tau2[index]
    proven = prove_single(some, tau2, at_zero.only(index))
    rest = np.flatnonzero(~proven)
    if len(rest) == 0:
        return
    some, index = some.only(rest), index[rest]
    smallest = some.v.min(0)
    top = np.maximum(4 * spread(some.y, some.v), smallest)
    wide = top > WIDEST * smallest
    for chosen, points in ((~wide, GRID), (wide, 5 * GRID)):
        part = np.flatnonzero(chosen)
        if len(part):
            grid = _grid(smallest[part] / 100, top[part], points)
            _climb_again(some.only(part), at_zero, found, index[part], grid)


def _grid(low: FloatArray, top: FloatArray, points: int) -> FloatArray:
    """Return logarithmic grids, of shape (points, B)."""
    return low * ((top / low) ** (1 / (points - 1))) ** np.arange(points)[:, None]


def _climb_again(
    score: Score, at_zero: Parts, found: Tau2, index: IntArray, grid: FloatArray
) -> None:
    """Search again from the highest grid point where it is above what was found."""
    values = _on_grid(score, grid)
    reached = _likelihoods(
        score.y, score.v, score.X, found.tau2[index], restricted=score.restricted
    )
    best = values.argmax(0)
    higher = np.flatnonzero(values.max(0) > reached + 1e-9 * (1 + np.abs(reached)))
    if len(higher) == 0:
        return
    peak = best[higher]
    start = grid[peak, higher]
    below = np.where(peak > 0, grid[np.maximum(peak - 1, 0), higher], 0.0)
    above = start * (grid[1] / grid[0])[higher]
    again = find_zero(
        score.only(higher), start, at_zero.only(index[higher]), low=below, high=above
    )
    # a second search that does not end leaves the first one's answer
    ended = np.flatnonzero(again.converged)
    place = index[higher][ended]
    found.tau2[place], found.converged[place] = again.tau2[ended], True
    if found.sums is not None and again.sums is not None:
        found.sums[:, place] = again.sums[:, ended]
