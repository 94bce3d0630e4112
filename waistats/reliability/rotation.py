"""Oblique rotation of factor loadings, and derivatives through it."""

from collections.abc import Callable

import numpy as np

from waistats.arrays import FloatArray

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
    return (by_a + by_t @ moved).reshape(a.shape)


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
