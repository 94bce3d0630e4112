"""Profile-likelihood limits of the variances and correlations between studies."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from scipy import optimize

from waistats._typing import FloatArray
from waistats.errors import ConvergenceError
from waistats.meta._unstructured import (
    At,
    Stacked,
    climb,
    entries,
    evaluate,
    filled,
    shapes,
)

# standard deviations or correlations, of which limits are known to this
PRECISION = 1e-9
FAILED = "A profile likelihood of the multivariate model"

# a value that is kept -> the highest log-likelihood; what is lost beyond what may be
_Profile: TypeAlias = Callable[[float], float]
_Loss: TypeAlias = Callable[[float], float]


def variance_limits(
    data: Stacked, theta: FloatArray, struct: str, drop: float
) -> FloatArray:
    """Return profile limits of each outcome's variance, shape (q, 2).

    Parameters
    ----------
    data : Stacked
        The rows.
    theta : ndarray, shape (a,)
        The lower triangle of the covariance of highest likelihood.
    struct : str
        Its structure.
    drop : float
        Twice the log-likelihood that the interval may lose: a chi-square quantile.
    """
    q = data.Z.shape[2]
    best = evaluate(data, theta).value
    G = filled(theta, q)
    out = np.empty((q, 2))
    one = struct in {"CS", "ID"}
    for i in range(1 if one else q):
        loss = _loss(_variance(data, G, struct, i), best, drop)
        out[i] = _from_0(loss, float(np.sqrt(G[i, i])))
    if one:
        out[:] = out[0]
    return out**2


def correlation_limits(
    data: Stacked, theta: FloatArray, struct: str, drop: float
) -> FloatArray:
    """Return profile limits of the correlations, shape (q, q, 2).

    NaN without a variance, and for structures without correlations.
    """
    q = data.Z.shape[2]
    best = evaluate(data, theta).value
    G = filled(theta, q)
    out = np.full((q, q, 2), np.nan)
    if struct not in {"UN", "CS"}:
        return out
    end = -1.0 if struct == "UN" else -1 / (q - 1)
    pairs = [(i, j) for i in range(q) for j in range(i)]
    for i, j in pairs[:1] if struct == "CS" else pairs:
        if not (G[i, i] > 0 and G[j, j] > 0):
            continue
        loss = _loss(_correlation(data, G, struct, (i, j)), best, drop)
        top = float(np.clip(G[i, j] / np.sqrt(G[i, i] * G[j, j]), end, 1.0))
        out[i, j] = out[j, i] = _between(loss, end, top, 1.0)
    if struct == "CS":
        out[~np.eye(q, dtype=bool)] = out[1, 0]
    return out


def _loss(profile: _Profile, best: float, drop: float) -> _Loss:
    return lambda value: 2 * (best - profile(value)) - drop


def _root(loss: _Loss, a: float, b: float) -> float:
    return float(optimize.brentq(loss, a, b, xtol=PRECISION, rtol=1e-12))


def _from_0(loss: _Loss, top: float) -> tuple[float, float]:
    """Return where the loss is 0 on both sides of the best standard deviation."""
    low = _root(loss, 0.0, top) if top > 0 and loss(0.0) > 0 else 0.0
    start, end = top, 2 * max(top, 0.5)
    while loss(end) < 0:
        if end > 1e6:
            return low, float("inf")
        start, end = end, 2 * end
    return low, _root(loss, start, end)


def _between(loss: _Loss, low: float, top: float, high: float) -> tuple[float, float]:
    """Return where the loss is 0 on both sides of the best correlation, or an end."""
    first = _root(loss, low, top) if top > low and loss(low) > 0 else low
    last = _root(loss, top, high) if top < high and loss(high) > 0 else high
    return first, last


def _free_maximum(
    data: Stacked,
    shape: FloatArray,
    B: FloatArray,
    c: FloatArray,
    starts: list[FloatArray],
    *,
    signed: bool = False,
) -> tuple[float, FloatArray] | None:
    """Return the highest likelihood with parameters B psi + c, and its covariance.

    ``signed`` leaves out where the first two of psi have not one sign.
    """

    def at(theta: FloatArray) -> At:
        return evaluate(data, theta)

    found = []
    for start in starts:
        # a start from far off may not climb; the others do
        with suppress(ConvergenceError):
            found.append(climb(at, shape, start, FAILED, (B, c)))
    if not found:
        raise ConvergenceError(f"{FAILED} did not converge.")
    if signed:
        found = [one for one in found if one[1][0] * one[1][1] > 0]
    if not found:
        return None
    value, psi = max(found, key=lambda one: one[0])
    return value, filled(entries(shape, B @ psi + c), data.Z.shape[2])


def _first(data: Stacked, G: FloatArray, *kept: int) -> tuple[Stacked, FloatArray]:
    """Return the rows and the covariance with some outcomes before the others."""
    order = [*kept, *(i for i in range(len(G)) if i not in kept)]
    return replace(data, Z=data.Z[..., order]), G[np.ix_(order, order)]


def _factor(sd: FloatArray, R: FloatArray) -> FloatArray:
    """Return the lower triangle of a Cholesky factor, of singular ones nearly."""
    q = len(sd)
    # others' correlations give way to the one that is kept
    for _ in range(200):
        try:
            L = np.linalg.cholesky(R + 1e-12 * np.eye(q))
            return np.asarray((sd[:, None] * L)[np.tril_indices(q)], dtype=float)
        except np.linalg.LinAlgError:
            kept = R[1, 0]
            R = 0.9 * R + 0.1 * np.eye(q)
            R[1, 0] = R[0, 1] = kept
    raise ConvergenceError(f"{FAILED} did not converge.")


def _parts(G: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return standard deviations and correlations; without variance a small one."""
    sd = np.sqrt(np.maximum(np.diagonal(G), 1e-4))
    R = G / np.outer(sd, sd)
    np.fill_diagonal(R, 1.0)
    return sd, R


def _variance(data: Stacked, G: FloatArray, struct: str, i: int) -> _Profile:
    """Return the profile likelihood of the standard deviation of one outcome."""
    shape = shapes(len(G), struct)
    if struct == "ID":
        return lambda sd: evaluate(data, entries(shape, np.array([sd]))).value
    if struct == "CS":
        return _common_variance(data, shape)
    data, G = _first(data, G, i)
    n, last = shape.shape[1], G

    def profile(kept: float) -> float:
        nonlocal last
        c = np.zeros(n)
        c[0] = kept
        starts = []
        for start in (last, G, np.diag(np.diagonal(G))):
            sd, R = _parts(start)
            if struct == "DIAG":
                starts.append(sd[1:])
                continue
            sd[0] = kept
            starts.append(_factor(sd, R)[1:])
        found = _free_maximum(data, shape, np.eye(n)[:, 1:], c, starts)
        assert found is not None
        value, last = found
        return value

    return profile


def _common_variance(data: Stacked, shape: FloatArray) -> _Profile:
    """Return the profile likelihood of the one standard deviation of all outcomes."""
    q = data.Z.shape[2]
    cuts = np.append(np.linspace(-1 / (q - 1), 0.8, 4), 1.0)

    def profile(kept: float) -> float:
        def value(rho: float) -> float:
            roots = np.sqrt(np.maximum([1 - rho, 1 + (q - 1) * rho], 0.0))
            return evaluate(data, entries(shape, kept * roots)).value

        inside = [
            -optimize.minimize_scalar(
                lambda rho: -value(rho),
                bounds=ends,
                method="bounded",
                options={"xatol": PRECISION},
            ).fun
            for ends in pairwise(cuts)
        ]
        number: float = max(*inside, value(cuts[0]), value(1.0))
        return number

    return profile


def _correlation(
    data: Stacked, G: FloatArray, struct: str, pair: tuple[int, int]
) -> _Profile:
    """Return the profile likelihood of one correlation."""
    q = len(G)
    shape = shapes(q, struct)
    # without the variance of either outcome every correlation is as likely
    edge = max(_variance(data, G, struct, i)(0.0) for i in pair)
    data, G = _first(data, G, *pair)
    n, last = shape.shape[1], G

    def profile(rho: float) -> float:
        nonlocal last
        if struct == "CS":
            roots = np.sqrt(np.maximum([1 - rho, 1 + (q - 1) * rho], 0.0))
            starts = [np.array([f * np.sqrt(G[0, 0])]) for f in (1.0, 0.5)]
            one = _free_maximum(data, shape, roots[:, None], np.zeros(2), starts)
            return edge if one is None else max(edge, one[0])
        # the second row of the factor is s (rho, sqrt(1 - rho^2))
        B = np.delete(np.eye(n), 1, axis=1)
        B[1, 1], B[2, 1] = rho, np.sqrt(1 - rho**2)
        starts = []
        for start in (last, G, np.diag(np.diagonal(G))):
            sd, R = _parts(start)
            R[1, 0] = R[0, 1] = rho
            L = _factor(sd, R)
            starts.append(np.concatenate([[sd[0], sd[1]], L[3:]]))
        found = _free_maximum(data, shape, B, np.zeros(n), starts, signed=True)
        if found is None:
            return edge
        last = found[1]
        return max(edge, found[0])

    return profile
