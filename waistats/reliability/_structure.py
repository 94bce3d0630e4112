r"""Covariance structures by normal maximum likelihood: any model, one or two levels.

A structure says how parameters make a covariance matrix and how that matrix moves with
them. Fisher scoring needs no more, so that factor models with correlated factors,
correlated residuals, equal loadings or a second order, and unrestricted matrices, share
one engine. ``_factor`` has the special case of many uncorrelated-factor models at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from waistats._typing import FloatArray, IntArray

# a Newton decrement this small leaves estimates right to about nine digits
TOLERANCE = 1e-18
MAX_ITERATIONS = 500


class Structure(Protocol):
    """How parameters make a covariance matrix."""

    @property
    def n_parameters(self) -> int:
        """Number of free parameters p."""

    def matrix(self, parameters: FloatArray) -> FloatArray:
        """Return the covariance matrix (m, m)."""

    def derivatives(self, parameters: FloatArray) -> FloatArray:
        """Return its derivatives (p, m, m) by the parameters."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unrestricted:
    """Every variance and covariance is a parameter.

    Attributes
    ----------
    m : int
        Items.
    """

    m: int

    @property
    def n_parameters(self) -> int:
        """Number of variances and covariances."""
        return self.m * (self.m + 1) // 2

    def matrix(self, parameters: FloatArray) -> FloatArray:
        """Return the matrix of its upper triangle."""
        row, column = np.triu_indices(self.m)
        sigma = np.zeros((self.m, self.m))
        sigma[row, column] = sigma[column, row] = parameters
        return sigma

    def derivatives(self, parameters: FloatArray) -> FloatArray:
        """Return ones where a parameter stands."""
        row, column = np.triu_indices(self.m)
        slopes = np.zeros((len(row), self.m, self.m))
        index = np.arange(len(row))
        slopes[index, row, column] = slopes[index, column, row] = 1.0
        return slopes

    def parameters(self, sigma: FloatArray) -> FloatArray:
        """Return the parameters of a matrix."""
        return sigma[np.triu_indices(self.m)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One sample matrix, and which levels its expectation is made of.

    Attributes
    ----------
    weight : float
        Degrees of freedom behind the matrix.
    matrix : ndarray of shape (m, m)
        Sample covariances.
    shares : tuple of float
        How often each structure's matrix enters the expectation.
    """

    weight: float
    matrix: FloatArray
    shares: tuple[float, ...] = (1.0,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StructureFit:
    """Maximum likelihood parameters of covariance structures.

    Attributes
    ----------
    parameters : tuple of ndarray
        Parameters of each structure.
    information : ndarray of shape (p, p)
        Expected information of all parameters together, for all degrees of freedom.
    discrepancy : float
        Sum over the parts of weight times ``ln|Sigma| + tr(S Sigma^-1)``.
    converged : bool
        Whether the tolerance was reached.
    n_iter : int
        Steps made.
    """

    parameters: tuple[FloatArray, ...]
    information: FloatArray
    discrepancy: float
    converged: bool
    n_iter: int

    def is_identified(self) -> bool:
        """Return whether no other parameters fit as well."""
        scale = np.sqrt(np.diagonal(self.information))
        if not np.all(scale > 0):
            return False
        scaled = self.information / np.outer(scale, scale)
        return bool(np.linalg.eigvalsh(scaled)[0] > 1e-7)

    def covariance(self) -> FloatArray:
        """Return the sampling covariance (p, p) of the parameters, normal answers."""
        found = np.linalg.pinv(self.information, rcond=1e-12, hermitian=True)
        return np.asarray(found, dtype=np.float64)


def fit_structure(
    parts: Sequence[Part],
    structures: Sequence[Structure],
    start: Sequence[FloatArray],
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> StructureFit:
    """Fit covariance structures by normal maximum likelihood.

    Parameters
    ----------
    parts : sequence of Part
        Sample matrices. One level: one part with weight n and the covariances with
        divisor n.
    structures : sequence of Structure
        One for each level.
    start : sequence of ndarray
        Parameters to begin with, at which every expectation is positive definite.
    tolerance : float
        Bound on the expected gain of one more step, a degree of freedom.
    max_iterations : int
        Steps before the fit counts as not converged.

    Returns
    -------
    StructureFit
        The estimates.

    Notes
    -----
    Fisher scoring with step halving. Where the information is singular the step is
    damped, so that a model that is not identified still ends somewhere.
    """
    sizes = [len(x) for x in start]
    ends = np.cumsum([0, *sizes])
    theta = np.concatenate(list(start)).astype(np.float64)
    total = sum(part.weight for part in parts)
    value = _discrepancy(parts, structures, theta, ends)
    converged = False
    information = np.eye(len(theta))
    n_iter = 0
    while n_iter < max_iterations and not converged and np.isfinite(value):
        n_iter += 1
        score, information = _score(parts, structures, theta, ends)
        step = _solved(information, score)
        gain = float(step @ score) / total
        size, better = 1.0, False
        for _ in range(40):
            new = _discrepancy(parts, structures, theta + size * step, ends)
            # the last steps gain less than the rounding error of the discrepancy
            if new <= value + 1e-13 * abs(value):
                better = True
                break
            size /= 2
        if not better:
            converged = gain < 1e-10
            break
        theta = theta + size * step
        value = min(new, value)
        converged = gain < tolerance
    if converged:
        _, information = _score(parts, structures, theta, ends)
    return StructureFit(
        parameters=tuple(theta[a:b] for a, b in pairwise(ends)),
        information=information,
        discrepancy=float(value),
        converged=converged,
        n_iter=n_iter,
    )


def _solved(information: FloatArray, score: FloatArray) -> FloatArray:
    scale = np.sqrt(np.maximum(np.diagonal(information), 1e-300))
    scaled = information / np.outer(scale, scale)
    values, vectors = np.linalg.eigh(scaled)
    kept = np.maximum(values, 1e-10 * values[-1])
    step: FloatArray = (vectors @ ((vectors.T @ (score / scale)) / kept)) / scale
    return step


def _expected(
    part: Part,
    structures: Sequence[Structure],
    theta: FloatArray,
    ends: IntArray,
) -> FloatArray:
    sigma = np.zeros_like(part.matrix)
    spans = pairwise(ends)
    for share, structure, (a, b) in zip(part.shares, structures, spans, strict=True):
        if share:
            sigma += share * structure.matrix(theta[a:b])
    return sigma


def _discrepancy(
    parts: Sequence[Part],
    structures: Sequence[Structure],
    theta: FloatArray,
    ends: IntArray,
) -> float:
    """Return the sum of weight (ln|Sigma| + tr S Sigma^-1); infinite if not defined."""
    value = 0.0
    for part in parts:
        sigma = _expected(part, structures, theta, ends)
        if not np.isfinite(sigma).all():
            return np.inf
        try:
            root = np.linalg.cholesky(sigma)
        except np.linalg.LinAlgError:
            return np.inf
        logdet = 2 * np.log(np.diagonal(root)).sum()
        value += part.weight * (logdet + np.trace(np.linalg.solve(sigma, part.matrix)))
    return float(value)


def _score(
    parts: Sequence[Part],
    structures: Sequence[Structure],
    theta: FloatArray,
    ends: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the score (p,) and the expected information (p, p)."""
    slopes = [
        structure.derivatives(theta[a:b])
        for structure, (a, b) in zip(structures, pairwise(ends), strict=True)
    ]
    p, m = len(theta), slopes[0].shape[-1]
    score, information = np.zeros(p), np.zeros((p, p))
    for part in parts:
        sigma = _expected(part, structures, theta, ends)
        inverse = np.linalg.inv(sigma)
        residual = inverse @ (part.matrix - sigma) @ inverse
        used = [
            (np.arange(a, b), share * slope)
            for share, slope, (a, b) in zip(
                part.shares, slopes, pairwise(ends), strict=True
            )
            if share
        ]
        at = np.concatenate([index for index, _ in used])
        flat = np.concatenate([slope for _, slope in used])
        score[at] += part.weight / 2 * (flat.reshape(len(at), -1) @ residual.ravel())
        around = (inverse @ flat @ inverse).reshape(len(at), m * m)
        block = part.weight / 2 * (flat.reshape(len(at), -1) @ around.T)
        information[np.ix_(at, at)] += block
    return score, (information + information.T) / 2


def by_covariances(
    structure: Structure, parameters: FloatArray, gradient: FloatArray
) -> FloatArray:
    """Return the derivative (m, m) of a function of an ML fit by the covariances.

    Parameters
    ----------
    structure : Structure
        The model.
    parameters : ndarray of shape (p,)
        Its estimates.
    gradient : ndarray of shape (p,)
        Derivative of the function by the parameters.

    Returns
    -------
    ndarray of shape (m, m)
        Symmetric ``G``: a change ``dS`` of the covariances changes the function by
        ``trace(G dS)``, to first order and under expected information.
    """
    inverse = np.linalg.inv(structure.matrix(parameters))
    slopes = structure.derivatives(parameters)
    around = inverse @ slopes @ inverse
    flat = slopes.reshape(len(slopes), -1)
    information = flat @ around.reshape(len(slopes), -1).T / 2
    direction = _solved(information, gradient)
    found: FloatArray = np.tensordot(direction, around, axes=1) / 2
    return found
