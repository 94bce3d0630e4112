"""Heterogeneity variance: every estimator, over a batch of data sets."""

from dataclasses import dataclass

import numpy as np

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.errors import check_option
from waistats.meta.distributions import chi2_ppf
from waistats.meta.sums import (
    Weighted,
    cross,
    dot,
    expand,
    inverse,
    log_likelihood,
    product,
    project,
    solve,
    trace,
    trace_P,
    weighted_fit,
)

ALIASES = {"EE": "CE", "FE": "CE", "MP": "PM"}
METHODS = (
    "CE", "DL", "HE", "HS", "HSk", "SJ", "ML", "REML", "EB", "PM", "PMM", "SJIT",
)  # fmt: skip
ITERATIVE = frozenset({"ML", "REML", "EB", "PM", "PMM", "SJIT"})
MAX_ITERATIONS = 200
# where likelihoods are searched for a second maximum, and on how many points
RATIO, GRID = 4.0, 14


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


def check_method(method: str) -> str:
    """Return the canonical name of a method, or raise a ModelError."""
    name = ALIASES.get(method, method) if isinstance(method, str) else method
    check_option("method", name, (*METHODS, *ALIASES))
    return name


def ols_sums(
    y: FloatArray, v: FloatArray, X: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the unweighted RSS, tr(P0 V) and tr(P0 V P0 V), each (B,)."""
    used = np.isfinite(v)
    one = used.astype(float)
    v0 = np.where(used, v, 0.0)
    C = inverse(cross(X, one))
    b = solve(C, project(X, one * y))
    rss = (one * (y - expand(X, b)) ** 2).sum(0)
    XVX, XV2X = cross(X, v0), cross(X, v0**2)
    CXVX = product(C, XVX)
    tr_pv = v0.sum(0) - trace(C, XVX)
    tr_pvpv = (v0**2).sum(0) - 2 * trace(C, XV2X) + trace(CXVX, CXVX)
    return rss, tr_pv, tr_pvpv


def spread(y: FloatArray, v: FloatArray) -> FloatArray:
    """Return the variance of y with divisor k, of shape (B,)."""
    used = np.isfinite(v)
    k = used.sum(0)
    mean = np.where(used, y, 0).sum(0) / k
    return np.where(used, (y - mean) ** 2, 0).sum(0) / k


def _closed_form(
    y: FloatArray, v: FloatArray, X: FloatArray, method: str, k: FloatArray, p: int
) -> FloatArray:
    """Return an estimate that needs no iteration, of shape (B,)."""
    zero = np.zeros(y.shape[1])
    if method == "CE":
        return zero
    if method == "HE":
        rss, tr_pv, _ = ols_sums(y, v, X)
        return np.maximum((rss - tr_pv) / (k - p), 0)
    if method == "SJ":
        tau2 = spread(y, v)
        return tau2 * weighted_fit(y, v, X, tau2).rss / (k - p)
    fit = weighted_fit(y, v, X, zero)
    if method == "DL":
        return np.maximum((fit.rss - (k - p)) / trace_P(X, fit, fit.w**2), 0)
    rss = fit.rss if method == "HS" else fit.rss * k / (k - p)
    return np.maximum((rss - k) / fit.w.sum(0), 0)


def _step(
    method: str, fit: Weighted, X: FloatArray, k: FloatArray, target: FloatArray
) -> FloatArray:
    """Return the scoring step: zero at the estimate, with a slope near -1 there."""
    if method == "REML":
        w2 = fit.w * fit.w
        A2 = cross(X, w2)
        CA2 = product(fit.C, A2)
        tr_p = fit.w.sum(0) - np.einsum("ppb->b", CA2)
        tr_pp = w2.sum(0) + trace(CA2, CA2)
        w2 *= fit.w
        tr_pp -= 2 * trace(fit.C, cross(X, w2))
        return (dot(fit.u, fit.u) - tr_p) / tr_pp
    if method == "ML":
        return (dot(fit.u, fit.u) - fit.w.sum(0)) / dot(fit.w, fit.w)
    return (fit.rss / target - 1) * k / fit.w.sum(0)


@dataclass(slots=True)
class _Search:
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

    def only(self, keep: BoolArray) -> "_Search":
        """Return the search restricted to some data sets."""
        shared = self.X.ndim == 2
        parts = {
            name: getattr(self, name)[..., keep]
            for name in self.__slots__
            if not (name == "X" and shared)
        }
        return _Search(**({"X": self.X} | parts))


def _solve(search: _Search, method: str, start: FloatArray) -> Tau2:
    """Find the zero of the step by the secant rule inside a shrinking bracket.

    Plain scoring cycles on about 0.2 % of data sets. The secant through the last two
    steps is faster, and whenever it leaves the bracket of sign changes the bracket is
    halved, so a zero that exists is found.
    """
    tau2 = np.zeros(len(search.index))
    converged = np.ones(len(search.index), dtype=bool)
    f0 = _step(
        method,
        weighted_fit(search.y, search.v, search.X, search.told),
        search.X,
        search.k,
        search.target,
    )
    search.climbs, search.fold = search.climbs | (f0 > 0), f0
    search.t = np.where((start <= 0) & search.climbs, f0, np.maximum(start, 0))
    # what starts at 0 and does not climb from there stays there
    s = search.only((search.t > 0) & np.isfinite(f0))
    tau2[~np.isfinite(f0)], converged[~np.isfinite(f0)] = np.nan, False
    n_iter = 0
    while len(s.index) and n_iter < MAX_ITERATIONS:
        n_iter += 1
        t = s.t
        fit = weighted_fit(s.y, s.v, s.X, t)
        f = _step(method, fit, s.X, s.k, s.target)
        scale = s.k / fit.w.sum(0)
        up = f > 0
        s.low, s.climbs = np.where(up, t, s.low), s.climbs | up
        s.high = np.where(up, s.high, t)
        slope = (f - s.fold) / (t - s.told)
        new = t - f / slope
        # 0 is tried only where it is not known to lie below an ascent
        new = np.where((new <= 0) & (slope < 0) & ~s.climbs, 0.0, new)
        wild = ~(slope < 0) | ((new <= s.low) & s.climbs) | (new >= s.high)
        bounded = np.isfinite(s.high)
        middle = np.where(bounded, (s.low + s.high) / 2, 2 * t + np.abs(f))
        new = np.where(wild, middle, new)
        ground = ~up & ~s.climbs & (t <= 1e-14 * scale)
        tight = np.abs(f) <= 1e-13 * scale
        shut = np.isfinite(s.high) & (s.high - s.low <= 4e-16 * s.high)
        close = (np.abs(new - t) <= 1e-8 * scale) & (np.abs(f) <= 1e-7 * scale)
        lost = ~np.isfinite(f)
        finished = ground | tight | shut | close | lost
        final = np.where(ground, 0.0, np.where(tight | shut, t, new))
        tau2[s.index[finished]] = np.where(lost, np.nan, final)[finished]
        converged[s.index[lost]] = False
        s.told, s.fold, s.t = t, f, new
        if finished.any():
            s = s.only(~finished)
    tau2[s.index], converged[s.index] = s.t, False
    return Tau2(tau2, converged, n_iter, f0 > 0)


def _likelihoods(
    y: FloatArray, v: FloatArray, X: FloatArray, tau2: FloatArray, method: str
) -> FloatArray:
    """Return the (restricted) log-likelihood at each data set's tau2, (B,)."""
    fit = weighted_fit(y, v, X, tau2)
    return log_likelihood(v, fit, tau2, restricted=method == "REML")


def _better_of_zero(
    y: FloatArray, v: FloatArray, X: FloatArray, found: Tau2, method: str
) -> FloatArray:
    """Return 0 where the likelihood is higher there than at an inner maximum."""
    tau2 = found.tau2
    inner = np.flatnonzero((tau2 > 0) & ~found.climbs)
    if len(inner) == 0:
        return tau2
    y, v, X = y[:, inner], v[:, inner], _columns(X, inner)
    at_zero = _likelihoods(y, v, X, np.zeros(len(inner)), method)
    out = tau2.copy()
    out[inner[at_zero > _likelihoods(y, v, X, tau2[inner], method)]] = 0.0
    return out


def _columns(X: FloatArray, index: IntArray) -> FloatArray:
    return X if X.ndim == 2 else X[:, :, index]


def _global_maximum(
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
        if len(index):
            bounds = smallest[index] / 100, top[index]
            _climb_again(y, v, X, found, method, index, bounds, points)


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
    y, v, X = y[:, index], v[:, index], _columns(X, index)
    ratio = (top / low) ** (1 / (points - 1))
    grid = low * ratio ** np.arange(points)[:, None]
    design = X if X.ndim == 2 else np.tile(X, (1, 1, points))
    tiled = np.tile(y, (1, points)), np.tile(v, (1, points))
    values = _likelihoods(*tiled, design, grid.ravel(), method).reshape(grid.shape)
    reached = _likelihoods(y, v, X, found.tau2[index], method)
    best = values.argmax(0)
    higher = np.flatnonzero(values.max(0) > reached + 1e-9 * (1 + np.abs(reached)))
    if len(higher) == 0:
        return
    peak = best[higher]
    start = grid[peak, higher]
    below = np.where(peak > 0, grid[np.maximum(peak - 1, 0), higher], 0.0)
    k = np.isfinite(v[:, higher]).sum(0).astype(float)
    search = _search(y[:, higher], v[:, higher], _columns(X, higher), k, k - X.shape[1])
    search.told = search.low = below
    search.high = start * ratio[higher]
    search.climbs = below > 0
    again = _solve(search, method, start)
    place = index[higher]
    found.tau2[place], found.converged[place] = again.tau2, again.converged


def estimate_tau2(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    method: str,
    *,
    thorough: bool = True,
) -> Tau2:
    r"""Estimate the heterogeneity variance of every data set of a batch.

    Parameters
    ----------
    y, v : (k, B)
        Effects and sampling variances; a study left out has ``v = inf, y = 0``.
    X : (k, p) or (k, p, B)
        Design.
    method : str
        A name of `METHODS`.
    thorough : bool, default True
        Look for the highest maximum of a likelihood where sampling variances differ
        more than fourfold; without it the maximum nearest to the HE estimate is taken,
        as by metafor, which is another one in about 1 of 5,000 data sets.

    Returns
    -------
    Tau2
        NaN where fewer than p studies are left; 0 where exactly p are.

    Notes
    -----
    With :math:`W=\operatorname{diag}(1/(v+\tau^2))`,
    :math:`P=W-WX(X'WX)^{-1}X'W` and P(0) its value at 0:
    DL :math:`(y'P(0)y-(k-p))/\operatorname{tr}P(0)`;
    HE the same with identity weights; HS :math:`(y'P(0)y-k)/\sum 1/v`; HSk the same
    with :math:`y'P(0)y\,k/(k-p)`; SJ :math:`s^2 y'Py/(k-p)` with P at
    :math:`s^2=\sum(y-\bar y)^2/k`; ML and REML maximise the (restricted) likelihood;
    PM, EB and SJIT solve :math:`y'Py=k-p`, PMM its median,
    :math:`y'Py=\chi^2_{k-p,.5}`. All are cut at 0, as in metafor. metafor stops SJIT
    at a tolerance on its way to 0; here it is at its limit, which is PM's solution.
    """
    k_used = np.isfinite(v).sum(0).astype(float)
    p = X.shape[1]
    enough = k_used > p
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if method not in ITERATIVE:
            tau2 = _closed_form(y, v, X, method, k_used, p)
            result = Tau2(tau2, np.isfinite(tau2), 0, tau2 > 0)
        else:
            result = _iterate(
                y, v, X, method, np.where(enough, k_used, p + 1.0), thorough
            )
    result.tau2 = np.where(enough, result.tau2, np.where(k_used == p, 0.0, np.nan))
    result.converged = result.converged | ~enough
    return result


def _search(
    y: FloatArray, v: FloatArray, X: FloatArray, k: FloatArray, target: FloatArray
) -> _Search:
    size = y.shape[1]
    zero = np.zeros(size)
    return _Search(
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


def _iterate(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    method: str,
    k: FloatArray,
    thorough: bool,
) -> Tau2:
    """Return an estimate that needs iteration."""
    df = k - X.shape[1]
    rss, tr_pv, _ = ols_sums(y, v, X)
    target = chi2_ppf(0.5, df) if method == "PMM" else df
    result = _solve(_search(y, v, X, k, target), method, (rss - tr_pv) / df)
    if method in {"ML", "REML"}:
        result.tau2 = _better_of_zero(y, v, X, result, method)
        if thorough:
            _global_maximum(y, v, X, result, method)
    return result


def solve_Q(y: FloatArray, v: FloatArray, X: FloatArray, target: FloatArray) -> Tau2:
    """Solve y'Py = target for the heterogeneity variance, 0 where y'P(0)y is below."""
    k = np.isfinite(v).sum(0).astype(float)
    rss, tr_pv, _ = ols_sums(y, v, X)
    start = (rss - tr_pv) / target
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _solve(_search(y, v, X, k, target), "PM", start)
