r"""Pooling of vectors, such as the correlations of all items, over studies.

:math:`y_i\sim N(\mu,V_i+\mathrm{diag}(\tau^2))`, with :math:`\tau^2` by REML.
"""

from dataclasses import dataclass

import numpy as np

from waistats._typing import FloatArray
from waistats.errors import ConvergenceError

_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledVector:
    """A mean vector over studies.

    Attributes
    ----------
    mean : ndarray of shape (p,)
        The pooled vector.
    covariance : ndarray of shape (p, p)
        Its covariance by the model.
    tau2 : ndarray of shape (p,)
        Variances between studies; zero for a common effect.
    weights : ndarray of shape (k, p, p)
        Inverse covariances of the studies under the model.
    residuals : ndarray of shape (k, p)
        Studies less the mean.
    """

    mean: FloatArray
    covariance: FloatArray
    tau2: FloatArray
    weights: FloatArray
    residuals: FloatArray

    def model_se(self, gradient: FloatArray) -> float:
        """Return the standard error of a function by the model."""
        return float(np.sqrt(gradient @ self.covariance @ gradient))

    def robust(self, gradient: FloatArray) -> tuple[float, float]:
        r"""Return standard error and df of a function from how the studies differ.

        Study i contributes :math:`c_i=g'CW_ie_i`, scaled so that its mean square is
        right under the model (CR2 for one contrast); df are Satterthwaite's. Unlike
        the model it needs no assumption on how the elements vary together.
        """
        bread = self.covariance @ gradient
        loads = self.weights @ bread
        raw = np.einsum("kp,kp->k", loads, self.residuals)
        own = loads @ bread
        shrunk = np.einsum("kp,pq,kq->k", loads, self.covariance, loads)
        factor = own / np.maximum(own - shrunk, 1e-12 * own)
        variance = float((factor * raw**2).sum())
        scaled = np.sqrt(factor)[:, None] * loads
        expected = -(scaled @ self.covariance @ scaled.T)
        expected += np.diag(factor * own)
        df = np.trace(expected) ** 2 / (expected**2).sum()
        return float(np.sqrt(variance)), float(df)


def pool_vectors(y: FloatArray, V: FloatArray, *, random: bool) -> PooledVector:
    """Return the mean of vectors (k, p) with sampling covariances V (k, p, p)."""
    p = y.shape[1]
    tau2 = np.zeros(p)
    if random:
        own = np.diagonal(V, axis1=1, axis2=2).mean(axis=0)
        tau2 = np.maximum(y.var(axis=0, ddof=1) - own, 0.1 * own)
    mean, cov, w, value = _at(y, V, tau2)
    for _ in range(_MOST if random else 0):
        rest = y - mean
        we = np.einsum("kpq,kq->kp", w, rest)
        around = np.einsum("kpq,qr,krp->p", w, cov, w, optimize=True)
        score = (we**2).sum(axis=0) - np.einsum("kpp->p", w) + around
        free = (tau2 > 0) | (score > 0)
        information = (w * w).sum(axis=0)[np.ix_(free, free)]
        step = np.zeros(p)
        step[free] = np.linalg.solve(information, score[free])
        size, new = 1.0, tau2
        for _ in range(30):
            new = np.maximum(tau2 + size * step, 0.0)
            found = _at(y, V, new)
            if found[3] >= value - 1e-12 * abs(value):
                break
            size /= 2
        moved = np.abs(new - tau2).max()
        tau2 = new
        mean, cov, w, value = found
        if moved < 1e-9 * max(tau2.max(), np.diagonal(V[0]).mean()):
            break
    else:
        if random:
            raise ConvergenceError(
                f"the between-study variances did not converge in {_MOST} iterations. "
                "Use effects='common', or fewer items."
            )
    return PooledVector(
        mean=mean, covariance=cov, tau2=tau2, weights=w, residuals=y - mean
    )


def _at(
    y: FloatArray, V: FloatArray, tau2: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Return mean, its covariance, weights and restricted log-likelihood."""
    total = V + np.diag(tau2)
    w: FloatArray = np.asarray(np.linalg.inv(total), dtype=np.float64)
    precision = w.sum(axis=0)
    cov: FloatArray = np.asarray(np.linalg.inv(precision), dtype=np.float64)
    mean: FloatArray = cov @ np.einsum("kpq,kq->p", w, y)
    rest = y - mean
    fit = float(np.einsum("kp,kpq,kq->", rest, w, rest, optimize=True))
    logs = float(np.linalg.slogdet(total)[1].sum() + np.linalg.slogdet(precision)[1])
    return mean, cov, w, -(logs + fit) / 2


def correlation_covariance(r: FloatArray) -> FloatArray:
    """Return n times the covariance of the correlations of normal answers.

    Rows and columns are the pairs of ``np.tril_indices(m, -1)`` (Olkin & Siotani).
    """
    i, j = np.tril_indices(len(r), -1)
    ij, ik, il = r[i, j], r[np.ix_(i, i)], r[np.ix_(i, j)]
    jk, jl = r[np.ix_(j, i)], r[np.ix_(j, j)]
    one, other = ij[:, None], ij[None, :]
    squares = one * other * (ik**2 + il**2 + jk**2 + jl**2) / 2
    crosses = one * (ik * il + jk * jl) + other * (ik * jk + il * jl)
    found: FloatArray = squares + ik * jl + il * jk - crosses
    return found


def covariance_covariance(s: FloatArray) -> FloatArray:
    """Return n - 1 times the covariance of the covariances of normal answers."""
    i, j = np.tril_indices(len(s))
    found: FloatArray = (
        s[np.ix_(i, i)] * s[np.ix_(j, j)] + s[np.ix_(i, j)] * s[np.ix_(j, i)]
    )
    return found
