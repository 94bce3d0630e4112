"""Schmid-Leiman: exploratory factors -> one general factor and group factors.

Orthogonal bifactor models of known groups: pattern, omega and its derivative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from waistats._format import counted
from waistats._progress import progress
from waistats._typing import BoolArray, FloatArray
from waistats.errors import ConvergenceError, DataError, ModelError, listing, near
from waistats.reliability._factor import (
    FactorFit,
    fit_minres,
    fit_ml,
    ml_gradient,
    oblimin,
    rotated_derivative,
)
from waistats.reliability._moments import correlation

Groups = Mapping[str, Sequence[str]]


def group_pattern(groups: Groups, names: tuple[str, ...]) -> BoolArray:
    """Return free loadings of shape (m, 1 + groups): the general factor comes first.

    Parameters
    ----------
    groups : mapping of str to sequence of item names
        Items of each group.
    names : tuple of str
        All items.

    Returns
    -------
    ndarray of bool
        True where a loading is free.

    Raises
    ------
    DataError
        If an item is unknown or in two groups.
    ModelError
        If a group has fewer than three items.
    """
    members = {str(g): [str(item) for item in items] for g, items in groups.items()}
    flat = [item for items in members.values() for item in items]
    unknown = [f"{item!r}{near(item, names)}" for item in flat if item not in names]
    if unknown:
        raise DataError(f"groups name unknown items: {listing(unknown)}.")
    twice = sorted({item for item in flat if flat.count(item) > 1})
    if twice:
        raise DataError(f"each item may be in one group only: {listing(twice)}.")
    small = [f"{g} ({len(items)})" for g, items in members.items() if len(items) < 3]
    if small or not members:
        raise ModelError(
            "a bifactor model needs groups of at least 3 items, but these have fewer: "
            f"{listing(small) or 'none was given'}. Leave such groups out: their items "
            "then load on the general factor only."
        )
    pattern = np.zeros((len(names), 1 + len(members)), dtype=bool)
    pattern[:, 0] = True
    for column, items in enumerate(members.values(), start=1):
        pattern[:, column] = [name in set(items) for name in names]
    return pattern


def bifactor_omega(fit: FactorFit) -> FloatArray:
    """Return omega hierarchical (...) of fits whose first factor is general."""
    sums = fit.loadings.sum(-2)
    total = (sums**2).sum(-1) + fit.uniquenesses.sum(-1)
    result: FloatArray = sums[..., 0] ** 2 / total
    return result


def bifactor_gradient(fit: FactorFit) -> FloatArray:
    """Return the derivative (m, m) of omega hierarchical by the covariances."""
    sums = fit.loadings.sum(-2)
    total = (sums**2).sum(-1) + fit.uniquenesses.sum(-1)
    share = sums[0] ** 2 / total
    by_sum = -2 * share * sums / total
    by_sum[0] += 2 * sums[0] / total
    free = fit.loadings != 0
    by_uniqueness = np.full(fit.uniquenesses.shape, -share / total)
    return ml_gradient(fit, free * by_sum, by_uniqueness)


# psych's bound on unique variances
LEAST_UNIQUENESS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SchmidLeiman:
    """A Schmid-Leiman solution of a correlation matrix.

    Attributes
    ----------
    unrotated : ndarray of shape (m, k)
        Exploratory loadings before rotation.
    rotation : ndarray of shape (k, k)
        ``T`` of the oblique rotation; columns of length one.
    general : ndarray of shape (m,)
        Loadings on the general factor.
    group : ndarray of shape (m, k)
        Loadings on the group factors.
    uniquenesses : ndarray of shape (m,)
        Unique variances.
    higher : ndarray of shape (k,)
        Loadings of the oblique factors on the general factor.
    """

    unrotated: FloatArray
    rotation: FloatArray
    general: FloatArray
    group: FloatArray
    uniquenesses: FloatArray
    higher: FloatArray


def schmid_leiman(r: FloatArray, factors: int, method: str = "minres") -> SchmidLeiman:
    """Return the Schmid-Leiman solution of a correlation matrix.

    Parameters
    ----------
    r : ndarray of shape (m, m)
        Correlations.
    factors : int
        Oblique factors, at least two.
    method : {"minres", "ml"}
        How factors are extracted, at both levels.

    Returns
    -------
    SchmidLeiman
        Loadings and what they came from.

    Raises
    ------
    ConvergenceError
        If the extraction does not converge or the factors have no general factor.
    """
    loadings, psi = exploratory(r, factors, method)
    rotation = oblimin(loadings)
    pattern = loadings @ np.linalg.inv(rotation).T
    phi = rotation.T @ rotation
    higher = higher_order(phi, method)
    return SchmidLeiman(
        unrotated=loadings,
        rotation=rotation,
        general=pattern @ higher,
        group=pattern * np.sqrt(np.maximum(1 - higher**2, 0.0)),
        uniquenesses=psi,
        higher=higher,
    )


def exploratory(r: FloatArray, k: int, method: str) -> tuple[FloatArray, FloatArray]:
    """Return unrotated loadings (m, k) and unique variances (m,).

    Notes
    -----
    Both criteria are minimised over the unique variances alone (Joreskog, 1967;
    Harman & Jones, 1966), whose eigenvectors give the loadings.
    """
    criterion = _ml_criterion if method == "ml" else _minres_criterion
    start = np.clip(1 / np.diagonal(np.linalg.pinv(r)), LEAST_UNIQUENESS, 0.995)
    found = minimize(
        criterion,
        start,
        args=(r, k),
        jac=True,
        method="L-BFGS-B",
        bounds=[(LEAST_UNIQUENESS, 1.0)] * len(r),
        options={"maxiter": 2000, "ftol": 1e-16, "gtol": 1e-9},
    )
    # near the minimum rounding can stop the line search; the slope decides
    slope = found.jac[(found.x > LEAST_UNIQUENESS * 1.001) & (found.x < 0.999)]
    if slope.size and np.abs(slope).max() > 1e-4:
        raise ConvergenceError(
            f"extraction of {counted(k, 'factor')} did not converge. Ask for fewer "
            f"factors, or use method={'minres' if method == 'ml' else 'ml'!r}."
        )
    psi: FloatArray = found.x
    scale = np.sqrt(psi) if method == "ml" else np.ones(len(r))
    reduced = r / np.outer(scale, scale)
    index = np.arange(len(r))
    reduced[index, index] = (1 / psi if method == "ml" else 1 - psi) * 1.0
    shift = 1.0 if method == "ml" else 0.0
    values, vectors = np.linalg.eigh(reduced)
    top = np.sqrt(np.maximum(values[: -k - 1 : -1] - shift, 0.0))
    loadings = vectors[:, : -k - 1 : -1] * top * scale[:, None]
    sign = np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    return loadings * sign, psi


def _minres_criterion(
    psi: FloatArray, r: FloatArray, k: int
) -> tuple[float, FloatArray]:
    values, vectors = np.linalg.eigh(r - np.diag(psi))
    rest, axes = values[:-k], vectors[:, :-k]
    return float(rest @ rest) / 2, -(axes**2 @ rest)


def _ml_criterion(psi: FloatArray, r: FloatArray, k: int) -> tuple[float, FloatArray]:
    scale = np.sqrt(psi)
    values, vectors = np.linalg.eigh(r / np.outer(scale, scale))
    rest, axes = np.maximum(values[:-k], 1e-12), vectors[:, :-k]
    value = float((rest - np.log(rest) - 1).sum())
    return value, (axes**2 @ (1 - rest)) / psi


def higher_order(phi: FloatArray, method: str) -> FloatArray:
    """Return the loadings (k,) of correlated factors on one general factor.

    Notes
    -----
    Two factors do not identify it; their loadings are set equal, as psych does.
    """
    if len(phi) == 2:
        between = phi[0, 1]
        root = np.sqrt(abs(between))
        return np.array([root, np.sign(between) * root])
    fitter = fit_ml if method == "ml" else fit_minres
    fit = fitter(phi)
    loadings: FloatArray = fit.loadings[:, 0]
    if not fit.converged or (np.abs(loadings) > 1 + 1e-9).any():
        raise ConvergenceError(
            "the factors' correlations do not follow one general factor, so omega "
            "hierarchical by Schmid-Leiman is not defined. Give groups= for a bifactor "
            "model, or another number of factors."
        )
    return loadings


def resampled_omega(covariances: FloatArray, factors: int, method: str) -> FloatArray:
    """Return omega hierarchical (B,) of covariances (B, m, m); NaN where undefined."""
    found = np.full(len(covariances), np.nan)
    for i, matrix in enumerate(progress(covariances, "resamples")):
        r = correlation(matrix)
        try:
            general = schmid_leiman(r, factors, method).general
        except (ConvergenceError, np.linalg.LinAlgError, ValueError):
            continue
        found[i] = general.sum() ** 2 / r.sum()
    return found


def omega_gradient(r: FloatArray, solution: SchmidLeiman, method: str) -> FloatArray:
    """Return the derivative (m, m) of omega hierarchical by the correlations."""

    def length(loadings: FloatArray, rotation: FloatArray) -> float:
        higher = higher_order(rotation.T @ rotation, method)
        return float((loadings @ np.linalg.inv(rotation).T @ higher).sum())

    total, top = r.sum(), solution.general.sum()
    by_loading = rotated_derivative(solution.unrotated, solution.rotation, length) * (
        2 * top / total
    )
    loadings, psi = solution.unrotated, solution.uniquenesses
    if method == "ml":
        fit = FactorFit(
            loadings=loadings, uniquenesses=psi, converged=np.array(True), n_iter=0
        )
        inner = ml_gradient(fit, by_loading, np.zeros_like(psi), free_rotation=True)
    else:
        inner = minres_derivative(r, loadings, by_loading)
    result: FloatArray = inner - (top / total) ** 2
    return result


def minres_derivative(
    r: FloatArray, loadings: FloatArray, by_loading: FloatArray
) -> FloatArray:
    """Return the derivative (m, m) by correlations, given that by minres loadings.

    Parameters
    ----------
    r : ndarray of shape (m, m)
        Correlations.
    loadings : ndarray of shape (m, k)
        Minres loadings.
    by_loading : ndarray of shape (m, k)
        Derivative of a function that does not depend on how the loadings are rotated.

    Returns
    -------
    ndarray of shape (m, m)
        Symmetric, zero on the diagonal.
    """
    m, k = loadings.shape
    off = ~np.eye(m, dtype=bool)
    residual = (r - loadings @ loadings.T) * off
    system = np.zeros((m, k, m, k))
    # how the conditions of item i, factor a move with the loading of item j, factor b
    cross = np.einsum("ib,ja->iajb", loadings, loadings)
    system += cross * off[:, None, :, None]
    for a in range(k):
        system[:, a, :, a] -= residual
    products = loadings.T @ loadings
    for i in range(m):
        system[i, :, i, :] = products - np.outer(loadings[i], loadings[i])
    flat = system.reshape(m * k, m * k)
    direction = np.linalg.lstsq(flat.T, by_loading.ravel(), rcond=1e-10)[0]
    half = (direction.reshape(m, k) @ loadings.T) * off
    return (half + half.T) / 2
