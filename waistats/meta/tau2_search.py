"""Heterogeneity variance by iteration: the zero of a scoring step, batched."""

from dataclasses import dataclass

import numpy as np

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.meta.sums import (
    Weighted,
    cross,
    dot,
    is_mean,
    product,
    trace,
    weighted_fit,
)

MAX_ITERATIONS = 200


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
        scale = s.k / fit.w.sum(0)
        up = f > 0
        s.climbs |= up
        s.low, s.high = np.where(up, t, s.low), np.where(up, s.high, t)
        slope = (f - s.fold) / (t - s.told)
        new = t - f / slope
        # 0 is tried only where it is not known to lie below an ascent
        below = new <= 0
        if below.any():
            new[below & (slope < 0) & ~s.climbs] = 0.0
        wild = ~(slope < 0) | ((new <= s.low) & s.climbs) | (new >= s.high)
        if wild.any():
            bounded = np.isfinite(s.high)
            middle = np.where(bounded, (s.low + s.high) / 2, 2 * t + np.abs(f))
            new = np.where(wild, middle, new)
        ground = ~up & ~s.climbs & (t <= 1e-14 * scale)
        size = np.abs(f)
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
