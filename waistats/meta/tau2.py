"""Heterogeneity variance: every estimator, over a batch of data sets."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.errors import check_option
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
    search.climbs, search.fold = f0 > 0, f0
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
        ground = (t == 0) & ~up
        tight = np.abs(f) <= 1e-13 * scale
        shut = np.isfinite(s.high) & (s.high - s.low <= 4e-16 * s.high)
        close = (np.abs(new - t) <= 1e-8 * scale) & (np.abs(f) <= 1e-7 * scale)
        lost = ~np.isfinite(f)
        finished = ground | tight | shut | close | lost
        final = np.where(ground | tight | shut, t, new)
        tau2[s.index[finished]] = np.where(lost, np.nan, final)[finished]
        converged[s.index[lost]] = False
        s.told, s.fold, s.t = t, f, new
        if finished.any():
            s = s.only(~finished)
    tau2[s.index], converged[s.index] = s.t, False
    return Tau2(tau2, converged, n_iter, f0 > 0)


def _better_of_zero(
    y: FloatArray, v: FloatArray, X: FloatArray, found: Tau2, *, restricted: bool
) -> FloatArray:
    """Return 0 where the likelihood is higher there than at an inner maximum."""
    tau2 = found.tau2
    inner = np.flatnonzero((tau2 > 0) & ~found.climbs)
    if len(inner) == 0:
        return tau2
    y, v = y[:, inner], v[:, inner]
    X = X if X.ndim == 2 else X[:, :, inner]
    values = [
        log_likelihood(v, weighted_fit(y, v, X, t), t, restricted=restricted)
        for t in (np.zeros(len(inner)), tau2[inner])
    ]
    out = tau2.copy()
    out[inner[values[0] > values[1]]] = 0.0
    return out


def estimate_tau2(y: FloatArray, v: FloatArray, X: FloatArray, method: str) -> Tau2:
    r"""Estimate the heterogeneity variance of every data set of a batch.

    Parameters
    ----------
    y, v : (k, B)
        Effects and sampling variances; a study left out has ``v = inf, y = 0``.
    X : (k, p) or (k, p, B)
        Design.
    method : str
        A name of `METHODS`.

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
            result = _iterate(y, v, X, method, np.where(enough, k_used, p + 1.0))
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
    y: FloatArray, v: FloatArray, X: FloatArray, method: str, k: FloatArray
) -> Tau2:
    """Return an estimate that needs iteration."""
    df = k - X.shape[1]
    rss, tr_pv, _ = ols_sums(y, v, X)
    target = stats.chi2.median(df) if method == "PMM" else df
    result = _solve(_search(y, v, X, k, target), method, (rss - tr_pv) / df)
    if method in {"ML", "REML"}:
        restricted = method == "REML"
        result.tau2 = _better_of_zero(y, v, X, result, restricted=restricted)
    return result


def solve_Q(y: FloatArray, v: FloatArray, X: FloatArray, target: FloatArray) -> Tau2:
    """Solve y'Py = target for the heterogeneity variance, 0 where y'P(0)y is below."""
    k = np.isfinite(v).sum(0).astype(float)
    rss, tr_pv, _ = ols_sums(y, v, X)
    start = (rss - tr_pv) / target
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _solve(_search(y, v, X, k, target), "PM", start)
