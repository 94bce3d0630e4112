"""One factor by minimum residuals, of many matrices at once."""

import numpy as np

from waistats.arrays import FloatArray
from waistats.reliability.factor import (
    MAX_ITERATIONS,
    TOLERANCE,
    FactorFit,
    finished_fit,
    first_axes,
    standardise,
)


def fit_minres(
    covariances: FloatArray,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> FactorFit:
    """Fit one factor by least squares on the off-diagonal correlations.

    Parameters
    ----------
    covariances : ndarray of shape (..., m, m)
        Covariance or correlation matrices; they need not be positive definite.
    tolerance : float
        Bound on the expected gain of one more step.
    max_iterations : int
        Steps before a fit counts as not converged.

    Returns
    -------
    FactorFit
        Fits on the scale of ``covariances``.

    Notes
    -----
    Minimum residual factoring is done on correlations, as in psych, because its result
    depends on the items' units; loadings are then scaled back. Gauss-Newton steps with
    halving. Unique variances are not kept above .005 as in psych: a Heywood case is
    seen as what it is.
    """
    batch, sds = standardise(covariances)
    m = batch.shape[-1]
    off = ~np.eye(m, dtype=bool)
    target = batch * off
    lam = first_axes(batch, np.ones((m, 1), dtype=bool))[0][..., 0]
    converged = np.zeros(len(batch), dtype=bool)
    active = np.arange(len(batch))
    n_iter = 0
    while active.size and n_iter < max_iterations:
        n_iter += 1
        r, at = target[active], lam[active]
        outer = at[:, :, None] * at[:, None, :]
        residual = (r - outer) * off
        score = (residual @ at[..., None])[..., 0]
        information = outer * off
        index = np.arange(m)
        squares = at**2
        information[:, index, index] = squares.sum(-1, keepdims=True) - squares + 1e-12
        step = np.linalg.solve(information, score[..., None])[..., 0]
        gain = (step * score).sum(-1)
        before = (residual**2).sum((-1, -2))
        size = np.ones(active.size)
        for _ in range(30):
            new = at + size[:, None] * step
            after = (((r - new[:, :, None] * new[:, None, :]) * off) ** 2).sum((-1, -2))
            worse = after > before + 1e-14
            if not worse.any():
                break
            size[worse] /= 2
        lam[active] = np.where(worse[:, None], at, new)
        finished = gain < tolerance
        converged[active[finished]] = True
        active = active[~finished & ~worse]
    shape = covariances.shape[:-2]
    return finished_fit(lam[..., None], 1 - lam**2, sds, converged, n_iter, shape)


def minres_gradient(
    correlation: FloatArray, loadings: FloatArray, by_loading: FloatArray
) -> FloatArray:
    """Return the derivative of a function of minres loadings by the correlations.

    Parameters
    ----------
    correlation : ndarray of shape (..., m, m)
        The matrix fitted.
    loadings : ndarray of shape (..., m)
        Minres loadings of ``correlation``.
    by_loading : ndarray of shape (..., m)
        Derivative of the function by each loading.

    Returns
    -------
    ndarray of shape (..., m, m)
        Symmetric matrix with zero diagonal, ``G`` of :func:`ml_gradient`.
    """
    m = loadings.shape[-1]
    off = ~np.eye(m, dtype=bool)
    outer = loadings[..., :, None] * loadings[..., None, :]
    hessian = (2 * outer - correlation) * off
    index = np.arange(m)
    squares = loadings**2
    hessian[..., index, index] = squares.sum(-1, keepdims=True) - squares
    direction = np.linalg.solve(hessian, by_loading[..., None])[..., 0]
    half = direction[..., :, None] * loadings[..., None, :] * off
    return (half + np.swapaxes(half, -1, -2)) / 2
