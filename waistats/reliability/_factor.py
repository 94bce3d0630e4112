"""Oblique rotation of factor loadings, and derivatives through it.

Factor models of covariance matrices, fitted to many matrices at once.

One factor by minimum residuals, of many matrices at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, ModelError

# A Newton decrement this small leaves loadings right to about ten digits.
TOLERANCE = 1e-20
MAX_ITERATIONS = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactorFit:
    """Loadings and unique variances of a batch of covariance matrices.

    Attributes
    ----------
    loadings : ndarray of shape (..., m, f)
        Loadings on uncorrelated factors of variance one.
    uniquenesses : ndarray of shape (..., m)
        Unique variances; below zero in a Heywood case.
    converged : ndarray of bool of shape (...)
        Whether the tolerance was reached.
    n_iter : int
        Iterations of the slowest fit.
    """

    loadings: FloatArray
    uniquenesses: FloatArray
    converged: BoolArray
    n_iter: int

    def implied(self) -> FloatArray:
        """Return the model's covariance matrices, of shape (..., m, m)."""
        return implied_covariance(self.loadings, self.uniquenesses)


def implied_covariance(loadings: FloatArray, uniquenesses: FloatArray) -> FloatArray:
    """Return ``loadings @ loadings' + diag(uniquenesses)``."""
    sigma = loadings @ np.swapaxes(loadings, -1, -2)
    index = np.arange(sigma.shape[-1])
    sigma[..., index, index] += uniquenesses
    return sigma


def fit_ml(
    covariances: FloatArray,
    pattern: BoolArray | None = None,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> FactorFit:
    """Fit an orthogonal factor model by normal maximum likelihood.

    Parameters
    ----------
    covariances : ndarray of shape (..., m, m)
        Positive definite covariance matrices.
    pattern : ndarray of bool of shape (m, f), optional
        Which loadings are free; by default one factor with all loadings free.
    tolerance : float
        Bound on the expected gain of one more step.
    max_iterations : int
        Steps before a fit counts as not converged.

    Returns
    -------
    FactorFit
        Fits on the scale of ``covariances``. Factors are signed so that their loadings
        have a positive sum.

    Notes
    -----
    Fisher scoring with step halving on the standardized matrices; unique variances are
    free to become negative, as in lavaan, so that a Heywood case can be seen.
    """
    batch, sds = standardise(covariances)
    m = batch.shape[-1]
    free = np.ones((m, 1), dtype=bool) if pattern is None else np.asarray(pattern, bool)
    loadings, psi = first_axes(batch, free)
    fit = np.array(_discrepancy(batch, loadings, psi))
    converged = np.zeros(len(batch), dtype=bool)
    active = np.arange(len(batch))
    n_iter = 0
    while active.size and n_iter < max_iterations:
        n_iter += 1
        s, lam, ps = batch[active], loadings[active], psi[active]
        d_lam, d_psi, gain = _scoring_step(s, lam, ps, free)
        size = np.ones(active.size)
        done = np.zeros(active.size, dtype=bool)
        for _ in range(30):
            todo = np.flatnonzero(~done)
            t = size[todo]
            new_lam = lam[todo] + t[:, None, None] * d_lam[todo]
            new_psi = ps[todo] + t[:, None] * d_psi[todo]
            value = _discrepancy(s[todo], new_lam, new_psi)
            # the last steps gain less than the rounding error of the discrepancy
            better = value <= fit[active[todo]] + 1e-13 * m
            won = todo[better]
            loadings[active[won]], psi[active[won]] = new_lam[better], new_psi[better]
            fit[active[won]] = np.minimum(value[better], fit[active[won]])
            done[won] = True
            size[todo[~better]] /= 2
            if done.all():
                break
        finished = done & (gain < tolerance)
        converged[active[finished]] = True
        active = active[done & ~finished]
    return finished_fit(loadings, psi, sds, converged, n_iter, covariances.shape[:-2])


def ml_gradient(
    fit: FactorFit,
    by_loading: FloatArray,
    by_uniqueness: FloatArray,
    *,
    free_rotation: bool = False,
) -> FloatArray:
    """Return the derivative of a function of an ML fit by the covariance matrix.

    Parameters
    ----------
    fit : FactorFit
        One fit or a batch; zero loadings are taken as fixed.
    by_loading : ndarray of shape (..., m, f)
        Derivative of the function by each loading.
    by_uniqueness : ndarray of shape (..., m)
        Derivative by each unique variance.
    free_rotation : bool
        Whether the loadings are free to rotate; the function must not depend on it.

    Returns
    -------
    ndarray of shape (..., m, m)
        Symmetric ``G``: to first order a change ``dS`` of the covariance matrix changes
        the function by ``trace(G dS)``.

    Notes
    -----
    With score ``s`` and expected information ``I`` per person the influence of a person
    is ``g' I^-1 s``, which is the quadratic form of ``G`` in the centred answers.
    """
    lam, psi = fit.loadings, fit.uniquenesses
    free = np.any(lam != 0, axis=tuple(range(lam.ndim - 2)))
    rows, columns = np.nonzero(free)
    inverse = np.linalg.inv(implied_covariance(lam, psi)).astype(np.float64, copy=False)
    scaled = inverse @ lam
    information = _information(inverse, lam, scaled, rows, columns)
    g = np.concatenate([by_loading[..., rows, columns], by_uniqueness], axis=-1)
    if free_rotation:
        back = np.linalg.pinv(information, rcond=1e-9, hermitian=True)
        direction = (back @ g[..., None])[..., 0]
    else:
        direction = np.linalg.solve(information, g[..., None])[..., 0]
    weights = np.zeros_like(lam)
    weights[..., rows, columns] = direction[..., : rows.size]
    half = inverse @ weights @ np.swapaxes(scaled, -1, -2)
    middle = inverse * direction[..., None, rows.size :]
    found: FloatArray = (half + np.swapaxes(half, -1, -2) + middle @ inverse) / 2
    return found


def check_positive_definite(covariance: FloatArray) -> None:
    """Raise a DataError where maximum likelihood is not defined."""
    scaled, _ = standardise(covariance)
    if np.linalg.eigvalsh(scaled).min() < 1e-10:
        raise DataError(
            "the items' covariance matrix is not positive definite (items that are "
            "sums or copies of others, or no more respondents than items), so maximum "
            "likelihood is not defined. Leave such items out or use method='minres'."
        )


def check_identified(fit: FactorFit) -> None:
    """Raise a ModelError where other parameters would fit as well."""
    free = fit.loadings != 0
    rows, columns = np.nonzero(free)
    inverse = np.linalg.inv(fit.implied()).astype(np.float64, copy=False)
    information = _information(
        inverse, fit.loadings, inverse @ fit.loadings, rows, columns
    )
    scale = np.sqrt(np.diagonal(information))
    if np.linalg.eigvalsh(information / np.outer(scale, scale))[0] < 1e-7:
        raise ModelError(
            "the model is not identified: other loadings fit these items as well. It "
            "needs at least three groups of three items each, or items outside the "
            "groups."
        )


def check_common(fit: FactorFit) -> None:
    """Raise a DataError where the items have nothing in common to find a factor in.

    Where loadings vanish the likelihood is flat, and omega whatever the search ended
    with.
    """
    sd = np.sqrt((fit.loadings**2).sum(-1) + fit.uniquenesses)
    if (np.abs(fit.loadings / sd[:, None]) > 1e-3).any(axis=1).sum() < 3:
        raise DataError(
            "the items do not correlate, or only two of them do, so a common factor is "
            "not identified. Check the items and their keys, or use cronbach_alpha."
        )


def standardise(covariances: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a flat batch of correlation matrices and their standard deviations."""
    m = covariances.shape[-1]
    batch = np.asarray(covariances, dtype=float).reshape(-1, m, m)
    sds = np.sqrt(np.diagonal(batch, axis1=-2, axis2=-1))
    return batch / (sds[:, :, None] * sds[:, None, :]), sds


def finished_fit(
    loadings: FloatArray,
    psi: FloatArray,
    sds: FloatArray,
    converged: BoolArray,
    n_iter: int,
    shape: tuple[int, ...],
) -> FactorFit:
    """Return a flat batch of standardized fits in its own units, signs and shape."""
    sign = np.where(loadings.sum(-2, keepdims=True) < 0, -1.0, 1.0)
    raw = loadings * sign * sds[..., None]
    m, f = raw.shape[-2:]
    return FactorFit(
        loadings=raw.reshape(*shape, m, f),
        uniquenesses=(psi * sds**2).reshape(*shape, m),
        converged=converged.reshape(shape),
        n_iter=n_iter,
    )


def first_axes(batch: FloatArray, free: BoolArray) -> tuple[FloatArray, FloatArray]:
    """First axes of the matrix, then of each factor's block of the residual."""
    loadings = np.zeros((len(batch), *free.shape))
    residual = batch.copy()
    for factor in range(free.shape[1]):
        items = np.flatnonzero(free[:, factor])
        block = residual[:, items[:, None], items]
        values, vectors = np.linalg.eigh(block)
        # the first axis holds unique variance too; .8 of it is nearer the loadings
        axis = vectors[..., -1] * 0.8 * np.sqrt(np.maximum(values[..., -1:], 0.05))
        loadings[:, items, factor] = axis
        residual[:, items[:, None], items] -= axis[:, :, None] * axis[:, None, :]
    communality = (loadings**2).sum(-1)
    shrink = np.sqrt(np.minimum(1.0, 0.8 / np.maximum(communality, 1e-12)))
    loadings *= shrink[..., None]
    return loadings, 1 - (loadings**2).sum(-1)


def _discrepancy(s: FloatArray, loadings: FloatArray, psi: FloatArray) -> FloatArray:
    """Return ``ln|Sigma| + tr(S Sigma^-1)``, infinite where Sigma is no covariance."""
    sigma = implied_covariance(loadings, psi)
    ok = np.linalg.eigvalsh(sigma)[..., 0] > 1e-12 if np.any(psi <= 0) else True
    good = np.broadcast_to(ok, sigma.shape[:-2])
    value = np.full(sigma.shape[:-2], np.inf)
    _, logdet = np.linalg.slogdet(sigma[good])
    value[good] = logdet + (np.linalg.inv(sigma[good]) * s[good]).sum((-1, -2))
    return value


def _scoring_step(
    s: FloatArray, loadings: FloatArray, psi: FloatArray, free: BoolArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    rows, columns = np.nonzero(free)
    sigma = implied_covariance(loadings, psi)
    inverse = np.linalg.inv(sigma).astype(np.float64, copy=False)
    scaled = inverse @ loadings
    slope = inverse @ (s - sigma) @ inverse
    score = np.concatenate(
        [
            (slope @ loadings)[:, rows, columns],
            np.diagonal(slope, axis1=-2, axis2=-1) / 2,
        ],
        axis=-1,
    )
    information = _information(inverse, loadings, scaled, rows, columns)
    step = np.linalg.solve(information, score[..., None])[..., 0]
    change = np.zeros_like(loadings)
    change[:, rows, columns] = step[:, : rows.size]
    return change, step[:, rows.size :], np.abs((step * score).sum(-1))


def _information(
    inverse: FloatArray,
    loadings: FloatArray,
    scaled: FloatArray,
    rows: np.ndarray,
    columns: np.ndarray,
) -> FloatArray:
    """Return the expected information per person on free loadings and uniquenesses."""
    q, m = rows.size, inverse.shape[-1]
    between = np.swapaxes(loadings, -1, -2) @ scaled
    out = np.empty((*inverse.shape[:-2], q + m, q + m))
    cross = scaled[..., rows[:, None], columns]
    out[..., :q, :q] = inverse[..., rows[:, None], rows] * between[
        ..., columns[:, None], columns
    ] + cross * np.swapaxes(cross, -1, -2)
    mixed = inverse[..., rows, :] * np.swapaxes(scaled, -1, -2)[..., columns, :]
    out[..., :q, q:] = mixed
    out[..., q:, :q] = np.swapaxes(mixed, -1, -2)
    out[..., q:, q:] = inverse**2 / 2
    index = np.arange(q + m)
    # keeps a model that is barely identified solvable
    out[..., index, index] *= 1 + 1e-12
    return out


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


_STEP = 1e-6


def oblimin(loadings: FloatArray) -> FloatArray:
    """Return the rotation T of direct quartimin (oblimin, gamma 0).

    Notes
    -----
    From a varimax start, as psych does, by statsmodels' gradient projection (Bernaards
    & Jennrich, 2005). Factors are turned so that their loadings have a positive sum.
    """
    from statsmodels.multivariate.factor_rotation import rotate_factors

    # gradient projection slows down near its end, where Newton's steps take over
    with np.errstate(divide="ignore"):
        _, turn = rotate_factors(loadings, "varimax", tol=1e-4)
        _, rotation = rotate_factors(
            loadings, "oblimin", 0, "oblique", T=turn, tol=1e-4, max_tries=2000
        )
    for _ in range(10):
        wrong = _rotation_conditions(loadings, rotation)
        if np.abs(wrong).max() < 1e-12:
            break
        slopes = _differences(lambda t: _rotation_conditions(loadings, t), rotation)
        step = np.linalg.lstsq(slopes, -wrong, rcond=None)[0]
        rotation = rotation + step.reshape(rotation.shape)
    pattern = loadings @ np.linalg.inv(rotation).T
    signs = np.where(pattern.sum(axis=0) < 0, -1.0, 1.0)
    turned: FloatArray = rotation * signs
    return turned


def rotated_derivative(
    a: FloatArray, t: FloatArray, function: Callable[[FloatArray, FloatArray], float]
) -> FloatArray:
    """Return the derivative (m, k) of a function by the unrotated loadings.

    Parameters
    ----------
    a : ndarray of shape (m, k)
        Unrotated loadings.
    t : ndarray of shape (k, k)
        Their :func:`oblimin` rotation.
    function : callable
        Unrotated loadings and rotation to a number; the rotation follows the loadings.

    Returns
    -------
    ndarray of shape (m, k)
        The total derivative.

    Notes
    -----
    The rotation is given by its first-order conditions, so that it moves by the
    implicit function theorem; derivatives of the conditions are central differences.
    """
    by_a = _differences(lambda x: np.array([function(x, t)]), a)[0]
    by_t = _differences(lambda x: np.array([function(a, x)]), t)[0]
    conditions_by_a = _differences(lambda x: _rotation_conditions(x, t), a)
    conditions_by_t = _differences(lambda x: _rotation_conditions(a, x), t)
    moved = np.linalg.lstsq(conditions_by_t, -conditions_by_a, rcond=None)[0]
    found: FloatArray = (by_a + by_t @ moved).reshape(a.shape)
    return found


def _rotation_conditions(a: FloatArray, t: FloatArray) -> FloatArray:
    """Return what is zero at an oblique quartimin rotation of length-one columns."""
    inverse = np.linalg.inv(t)
    pattern = a @ inverse.T
    squares = pattern**2
    slope = pattern * (squares.sum(axis=1, keepdims=True) - squares)
    gradient = -(pattern.T @ slope @ inverse).T
    projected = gradient - t * (t * gradient).sum(axis=0)
    return np.concatenate([projected.ravel(), (t**2).sum(axis=0) - 1])


def _differences(
    function: Callable[[FloatArray], FloatArray], at: FloatArray
) -> FloatArray:
    """Return the Jacobian (outputs, inputs) by central differences."""
    columns = []
    for index in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[index] = _STEP
        columns.append((function(at + step) - function(at - step)) / (2 * _STEP))
    return np.array(columns).T
