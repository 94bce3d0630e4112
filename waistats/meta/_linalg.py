"""The sums that every fit is made of, over a batch of data sets.

Arrays here have the studies first and the batch last: ``y, v`` are (k, B), a shared
design is (k, p), a design per data set is (k, p, B). A study that is left out of a fit
has ``v = inf`` and so weight 0. NumPy then runs along the contiguous batch axis.
"""

from dataclasses import dataclass

import numpy as np

from waistats._typing import FloatArray

# doubles per array that stay in the cache
CHUNK = 30_000
# columns of a design beyond which sums are taken data set by data set
WIDE = 40


def is_mean(X: FloatArray) -> bool:
    """Return whether a design is an intercept alone, whose sums need no products."""
    return X.ndim == 2 and X.shape[1] == 1 and np.count_nonzero(X == 1) == len(X)


def cross(X: FloatArray, w: FloatArray) -> FloatArray:
    """Return X'diag(w)X, of shape (p, p, B)."""
    if X.ndim == 2 and X.shape[1] == 1:
        return ((X * X).T @ w)[None]
    if X.ndim == 2:
        k, p = X.shape
        if p > WIDE:
            # all products of two columns would not fit into memory
            found = [(X.T * w[:, b]) @ X for b in range(w.shape[1])]
            return np.stack(found, axis=-1)
        pairs = (X[:, :, None] * X[:, None, :]).reshape(k, p * p)
        return (pairs.T @ w).reshape(p, p, -1)
    values: FloatArray = np.einsum("kpb,kqb,kb->pqb", X, X, w, optimize=True)
    return values


def project(X: FloatArray, z: FloatArray) -> FloatArray:
    """Return X'z, of shape (p, B)."""
    return X.T @ z if X.ndim == 2 else np.einsum("kpb,kb->pb", X, z)


def expand(X: FloatArray, b: FloatArray) -> FloatArray:
    """Return Xb, of shape (k, B), or (1, B) where it is a mean."""
    if X.ndim == 3:
        values: FloatArray = np.einsum("kpb,pb->kb", X, b)
        return values
    if len(b) == 1:
        return b if is_mean(X) else X * b
    return X @ b


def inverse(A: FloatArray) -> FloatArray:
    """Return the inverses of (p, p, B) matrices; a singular one becomes NaN."""
    p = len(A)
    if p == 1:
        return 1 / A
    if p == 2:
        det = A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0]
        values: FloatArray = np.stack([[A[1, 1], -A[0, 1]], [-A[1, 0], A[0, 0]]]) / det
        return values
    moved: FloatArray = np.moveaxis(A, -1, 0)
    try:
        return np.moveaxis(np.asarray(np.linalg.inv(moved), dtype=np.float64), 0, -1)
    except np.linalg.LinAlgError:
        usable = np.linalg.matrix_rank(moved, hermitian=True) == p
        out: FloatArray = np.full(moved.shape, np.nan)
        out[usable] = np.linalg.inv(moved[usable])
        return np.moveaxis(out, 0, -1)


def solve(C: FloatArray, z: FloatArray) -> FloatArray:
    """Return Cz, of shape (p, B), for inverses C (p, p, B)."""
    values: FloatArray = C[0] * z if len(C) == 1 else np.einsum("pqb,qb->pb", C, z)
    return values


def log_det(A: FloatArray) -> FloatArray:
    """Return ln|A| of positive definite (p, p, B) matrices, of shape (B,)."""
    if len(A) == 1:
        values: FloatArray = np.log(A[0, 0])
        return values
    result: FloatArray = np.linalg.slogdet(np.moveaxis(A, -1, 0))[1]
    return result


def product(A: FloatArray, B: FloatArray) -> FloatArray:
    """Return the matrix products of (p, q, B) and (q, r, B)."""
    if len(A) == 1:
        return A * B
    values: FloatArray = np.einsum("pqb,qrb->prb", A, B)
    return values


def trace(A: FloatArray, B: FloatArray) -> FloatArray:
    """Return tr(AB) of (p, q, B) and (q, p, B)."""
    if len(A) == 1:
        values: FloatArray = A[0, 0] * B[0, 0]
        return values
    result: FloatArray = np.einsum("pqb,qpb->b", A, B)
    return result


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the sums over studies of products, of shape (B,)."""
    values: FloatArray = np.einsum("kb,kb->b", a, b)
    return values


@dataclass(slots=True)
class Weighted:
    """A weighted least squares fit with weights 1 / (v + tau2), per data set.

    Attributes
    ----------
    w : (k, B)
        Weights.
    u : (k, B)
        Py, the weighted residuals, where P = W - WX(X'WX)^-1 X'W.
    b : (p, B)
        Coefficients.
    A, C : (p, p, B)
        X'WX and its inverse.
    r : (k, B)
        Residuals.
    """

    w: FloatArray
    u: FloatArray
    r: FloatArray
    b: FloatArray
    A: FloatArray
    C: FloatArray

    @property
    def rss(self) -> FloatArray:
        """y'Py, of shape (B,)."""
        return dot(self.u, self.r)


def weighted_fit(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    tau2: FloatArray,
    into: Weighted | None = None,
) -> Weighted:
    """Fit by weighted least squares at a given heterogeneity variance (B,).

    ``into`` is an earlier fit that is no longer needed, whose memory is used again:
    new memory costs more than the arithmetic on it.
    """
    if into is not None and into.w.shape == y.shape == v.shape:
        w, u, r = into.w, into.u, into.r
    else:
        shape = np.broadcast_shapes(y.shape, v.shape, tau2.shape)
        w, u, r = (np.empty(shape, dtype=y.dtype) for _ in range(3))
    np.reciprocal(np.add(v, tau2, out=w), out=w)
    A = cross(X, w)
    C = inverse(A)
    b = solve(C, project(X, np.multiply(w, y, out=u)))
    np.multiply(w, np.subtract(y, expand(X, b), out=r), out=u)
    return Weighted(w=w, u=u, r=r, b=b, A=A, C=C)


def studies_used(v: FloatArray) -> FloatArray:
    """Return how many studies enter each fit, of shape (B,)."""
    if v.max(initial=0.0) < np.inf:
        return np.full(v.shape[1], float(len(v)))
    values: FloatArray = np.isfinite(v).sum(0).astype(float)
    return values


def without_fit(
    y: FloatArray, v: FloatArray, X: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the coefficients (p, B) at tau2 = 0 and the residuals, 0 where undefined."""
    start = weighted_fit(y, v, X, np.zeros(y.shape[1]))
    b, r = start.b, start.r
    if not np.isfinite(b).all():
        r[~np.isfinite(r)] = 0.0
    return b, r


def trace_P(X: FloatArray, fit: Weighted, w2: FloatArray) -> FloatArray:
    """Return tr P, of shape (B,); ``w2`` is the squared weights."""
    values: FloatArray = fit.w.sum(0) - trace(fit.C, cross(X, w2))
    return values


def trace_PP(X: FloatArray, fit: Weighted, w2: FloatArray) -> FloatArray:
    """Return tr PP, of shape (B,)."""
    CA2 = product(fit.C, cross(X, w2))
    CA3 = cross(X, w2 * fit.w)
    values: FloatArray = w2.sum(0) - 2 * trace(fit.C, CA3) + trace(CA2, CA2)
    return values


def sum_of_logs(w: FloatArray) -> FloatArray:
    """Return the sums of ln w over studies with a weight, of shape (B,)."""
    if w.min(initial=1.0) <= 0:
        w = np.where(w > 0, w, 1.0)
    # a logarithm costs several products, so products of eight come first
    whole = len(w) // 8
    with np.errstate(over="ignore"):
        eights = w[: 8 * whole].reshape(whole, 8, w.shape[1]).prod(1)
        rest = w[8 * whole :].prod(0)
    smallest = 1e15 * np.finfo(w.dtype).tiny
    for products in (eights, rest):
        low, high = products.min(initial=1), products.max(initial=1)
        if not (low > smallest and high < np.inf):
            values: FloatArray = np.log(w).sum(0)
            return values
    result: FloatArray = np.log(eights).sum(0) + np.log(rest)
    return result


def log_likelihood(fit: Weighted, *, restricted: bool) -> FloatArray:
    """Return the (restricted) log-likelihood up to its constants, of shape (B,)."""
    value = 0.5 * (sum_of_logs(fit.w) - fit.rss)
    return value - 0.5 * log_det(fit.A) if restricted else value


def ols_sums(
    y: FloatArray, v: FloatArray, X: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the unweighted RSS and tr(P0 V), each (B,)."""
    used = np.isfinite(v)
    one = used.astype(float)
    v0 = v if used.all() else np.where(used, v, 0.0)
    C = inverse(cross(X, one))
    r = y - expand(X, solve(C, project(X, one * y)))
    return dot(one * r, r), v0.sum(0) - trace(C, cross(X, v0))


def spread(y: FloatArray, v: FloatArray) -> FloatArray:
    """Return the variance of y with divisor k, of shape (B,)."""
    used = np.isfinite(v)
    if np.count_nonzero(used) == used.size:
        rest = y - np.add.reduce(y) / len(y)
        values: FloatArray = np.add.reduce(rest * rest) / len(y)
        return values
    k = used.sum(0)
    mean = np.where(used, y, 0).sum(0) / k
    result: FloatArray = np.where(used, (y - mean) ** 2, 0).sum(0) / k
    return result


def ols_trace_PVPV(v: FloatArray, X: FloatArray) -> FloatArray:
    """Return tr(P0 V P0 V), of shape (B,)."""
    C = inverse(cross(X, np.ones_like(v)))
    CXVX = product(C, cross(X, v))
    values: FloatArray = (
        (v**2).sum(0) - 2 * trace(C, cross(X, v**2)) + trace(CXVX, CXVX)
    )
    return values


def even_basis(X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a basis of the columns of X of even size, and what leads back.

    Normal equations square the condition of a design: of a moderator such as a date,
    far from 0 for its spread, half of the digits would be lost.
    """
    k, p = X.shape
    if p == 1 or k < p:
        return X, np.eye(p)
    Q, R = np.linalg.qr(X / np.sqrt(k))
    return Q * np.sqrt(k), np.linalg.inv(R)
