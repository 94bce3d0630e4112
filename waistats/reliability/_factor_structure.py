"""Confirmatory factor models: which parameters there are, and their estimates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from waistats._format import counted
from waistats._typing import FloatArray, IntArray
from waistats.errors import ConvergenceError, DataError, ModelError, listing, near
from waistats.reliability._moments import correlation
from waistats.reliability._structure import Part, StructureFit, fit_structure

Factors = Mapping[str, Sequence[str]]
Pairs = Sequence[tuple[str, str]]
EQUAL = ("nothing", "loadings", "loadings and residuals")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactorStructure:
    r"""A confirmatory factor model :math:`\Lambda\Phi\Lambda'+\Theta`.

    Factors have variance one. Each index array names the parameter that fills a
    place, -1 where the place is fixed; equal numbers are equal parameters.

    Attributes
    ----------
    loading : ndarray of int of shape (m, f)
        Parameters of the loadings; a fixed loading is 0.
    residual : ndarray of int of shape (m, m)
        Parameters of unique variances and residual covariances, symmetric.
    between : ndarray of int of shape (f, f)
        Parameters of the factors' correlations, symmetric, -1 on the diagonal.
    second : ndarray of int of shape (f,)
        Parameters of the factors' loadings on a second-order factor, whose products are
        their correlations; all -1 without one.
    """

    loading: IntArray
    residual: IntArray
    between: IntArray
    second: IntArray
    n_parameters: int = field(init=False)

    def __post_init__(self) -> None:
        most = max(
            int(part.max(initial=-1))
            for part in (self.loading, self.residual, self.between, self.second)
        )
        object.__setattr__(self, "n_parameters", most + 1)

    def loadings(self, parameters: FloatArray) -> FloatArray:
        """Return the loadings (m, f)."""
        return _placed(self.loading, parameters)

    def correlations(self, parameters: FloatArray) -> FloatArray:
        """Return the correlations (f, f) of the factors."""
        phi = _placed(self.between, parameters)
        if self.has_second_order:
            higher = self.second_order(parameters)
            phi = np.outer(higher, higher)
        np.fill_diagonal(phi, 1.0)
        return phi

    def second_order(self, parameters: FloatArray) -> FloatArray:
        """Return the factors' loadings (f,) on the second-order factor."""
        return _placed(self.second, parameters)

    def residuals(self, parameters: FloatArray) -> FloatArray:
        """Return unique variances and residual covariances (m, m)."""
        return _placed(self.residual, parameters)

    @property
    def has_second_order(self) -> bool:
        """Whether a second-order factor makes the factors' correlations."""
        return bool((self.second >= 0).any())

    def common(self, parameters: FloatArray) -> FloatArray:
        """Return the covariances (m, m) that the factors make."""
        lam = self.loadings(parameters)
        return lam @ self.correlations(parameters) @ lam.T

    def matrix(self, parameters: FloatArray) -> FloatArray:
        """Return the model's covariance matrix (m, m)."""
        return self.common(parameters) + self.residuals(parameters)

    def common_derivatives(self, parameters: FloatArray) -> FloatArray:
        """Return derivatives (p, m, m) of what the factors make."""
        lam = self.loadings(parameters)
        phi = self.correlations(parameters)
        p, m = self.n_parameters, len(lam)
        slopes = np.zeros((p, m, m))
        half = lam @ phi
        for item, factor in np.argwhere(self.loading >= 0):
            slopes[self.loading[item, factor], item, :] += half[:, factor]
            slopes[self.loading[item, factor], :, item] += half[:, factor]
        for a, b in np.argwhere(np.triu(self.between >= 0, 1)):
            one = np.outer(lam[:, a], lam[:, b])
            slopes[self.between[a, b]] += one + one.T
        if self.has_second_order:
            higher = self.second_order(parameters)
            for a in range(len(higher)):
                others = lam @ np.where(np.arange(len(higher)) == a, 0.0, higher)
                one = np.outer(lam[:, a], others)
                slopes[self.second[a]] += one + one.T
        return slopes

    def derivatives(self, parameters: FloatArray) -> FloatArray:
        """Return derivatives (p, m, m) of the covariance matrix."""
        slopes = self.common_derivatives(parameters)
        for a, b in np.argwhere(self.residual >= 0):
            slopes[self.residual[a, b], a, b] += 1.0
        return slopes


def _placed(index: IntArray, parameters: FloatArray) -> FloatArray:
    return np.where(index >= 0, parameters[np.maximum(index, 0)], 0.0)


def factor_structure(
    names: tuple[str, ...],
    factors: Mapping[str, Sequence[str]],
    *,
    correlated_residuals: Pairs = (),
    second_order: bool = False,
    orthogonal: bool = False,
    equal: str = "nothing",
) -> FactorStructure:
    """Return the index arrays of a factor model.

    Parameters
    ----------
    names : tuple of str
        All items.
    factors : mapping of str to sequence of str
        Items of each factor.
    correlated_residuals, second_order, orthogonal
        As in :func:`omega_from_model`.
    equal : {"nothing", "loadings", "loadings and residuals"}
        What is the same for all items: nothing (congeneric), the loadings of a factor
        (tau-equivalent), or both (parallel).

    Raises
    ------
    DataError
        For unknown items, or items that no factor holds.
    ModelError
        For a second order of fewer than three factors.
    """
    place = {name: j for j, name in enumerate(names)}
    flat = [item for members in factors.values() for item in members]
    flat += [str(item) for pair in correlated_residuals for item in pair]
    unknown = dict.fromkeys(item for item in flat if item not in place)
    if unknown:
        told = listing(f"{item!r}{near(item, names)}" for item in unknown)
        raise DataError(f"the model names unknown items: {told}.")
    outside = [name for name in names if not any(name in f for f in factors.values())]
    if outside:
        raise DataError(
            f"every item must belong to a factor, but these do not: {listing(outside)}. "
            "Leave them out of items= or name their factor."
        )
    twice = [f for f, members in factors.items() if len(set(members)) < len(members)]
    if twice:
        raise DataError(f"a factor names an item more than once: {listing(twice)}.")
    if second_order and len(factors) < 3:
        raise ModelError(
            f"a second-order factor needs at least 3 factors; got {len(factors)}."
        )
    m, f = len(names), len(factors)
    count = 0
    loading = np.full((m, f), -1)
    for column, members in enumerate(factors.values()):
        for item in members:
            loading[place[item], column] = count
            count += equal == "nothing"
        count += equal != "nothing"
    residual = np.full((m, m), -1)
    for j in range(m):
        residual[j, j] = count
        count += equal != "loadings and residuals"
    count += equal == "loadings and residuals"
    for first, other in correlated_residuals:
        a, b = place[str(first)], place[str(other)]
        if a == b:
            raise DataError(f"the residual of {first} cannot correlate with itself.")
        residual[a, b] = residual[b, a] = count
        count += 1
    between = np.full((f, f), -1)
    second = np.full(f, -1)
    if second_order:
        second = np.arange(count, count + f)
    elif not orthogonal:
        for a, b in combinations(range(f), 2):
            between[a, b] = between[b, a] = count
            count += 1
    return FactorStructure(
        loading=loading, residual=residual, between=between, second=second
    )


def fit_factors(s: FloatArray, structure: FactorStructure, n: int) -> StructureFit:
    """Return the fit of a factor model to covariances, or raise where there is none."""
    m = len(s)
    if structure.n_parameters > m * (m + 1) // 2:
        raise ModelError(
            f"the model has {counted(structure.n_parameters, 'parameter')}, more than "
            f"the {m * (m + 1) // 2} variances and covariances of {counted(m, 'item')}."
        )
    fit = fit_structure([Part(weight=n, matrix=s)], [structure], [_start(s, structure)])
    if not fit.is_identified():
        raise ModelError(
            "the model is not identified: other parameters fit these items as well. "
            "Give each factor at least three items, or two where factors correlate, "
            "and correlate fewer residuals."
        )
    lam = structure.loadings(fit.parameters[0])
    share = (lam**2).sum(axis=0) / np.diagonal(s).sum()
    if (share < 1e-6).any():
        raise DataError(
            "the items of a factor do not correlate, or cancel out, so it is not "
            "identified. Check "
            "the items and their keys, or use cronbach_alpha."
        )
    if not fit.converged:
        raise ConvergenceError(
            f"the factor model did not converge in {counted(fit.n_iter, 'iteration')}. "
            "Check the keys of the items (audit_keys) and which items belong to which "
            "factor."
        )
    return _signed(structure, fit)


def _signed(structure: FactorStructure, fit: StructureFit) -> StructureFit:
    """Return the same fit with factors whose loadings have a positive sum."""
    theta = fit.parameters[0].copy()
    information = fit.information.copy()
    flips = np.ones(len(theta))
    lam = structure.loadings(theta)
    for f in np.flatnonzero(lam.sum(axis=0) < 0):
        for index in (structure.loading[:, f], structure.between[f]):
            flips[np.unique(index[index >= 0])] *= -1
        if structure.has_second_order:
            flips[structure.second[f]] *= -1
    if structure.has_second_order:
        at = structure.second
        if (theta * flips)[at].sum() < 0:
            flips[at] *= -1
    return StructureFit(
        parameters=(theta * flips,),
        information=information * np.outer(flips, flips),
        discrepancy=fit.discrepancy,
        converged=fit.converged,
        n_iter=fit.n_iter,
    )


def _start(s: FloatArray, structure: FactorStructure) -> FloatArray:
    """Return parameters to begin with: first axes, composites, and what is left."""
    r = correlation(s)
    sd = np.sqrt(np.diagonal(s))
    free = structure.loading >= 0
    lam = np.zeros(free.shape)
    for f in range(free.shape[1]):
        own = np.flatnonzero(free[:, f])
        if len(own) == 1:
            lam[own, f] = 0.7
            continue
        values, vectors = np.linalg.eigh(r[np.ix_(own, own)])
        axis = vectors[:, -1] * (1 if vectors[:, -1].sum() >= 0 else -1)
        lam[own, f] = 0.8 * np.sqrt(values[-1]) * axis
    # items of several factors share their communality between them
    lam /= np.sqrt(np.maximum(free.sum(axis=1, keepdims=True), 1))
    weights = lam / np.sqrt(np.einsum("jf,jk,kf->f", lam, r, lam))
    phi = np.clip(weights.T @ r @ weights, -0.8, 0.8)
    np.fill_diagonal(phi, 1.0)
    if not structure.has_second_order and (structure.between < 0).all():
        phi = np.eye(len(phi))
    communality = np.einsum("jf,fg,jg->j", lam, phi, lam)
    shrink = np.sqrt(np.minimum(1.0, 0.7 / np.maximum(communality, 1e-12)))
    lam *= shrink[:, None]
    left = 1 - np.einsum("jf,fg,jg->j", lam, phi, lam)
    theta = np.zeros(structure.n_parameters)
    counts = np.zeros(structure.n_parameters)

    def put(index: IntArray, values: FloatArray) -> None:
        at = index >= 0
        np.add.at(theta, index[at], values[at])
        np.add.at(counts, index[at], 1)

    put(structure.loading, lam * sd[:, None])
    put(structure.residual, np.diag(left * sd**2))
    put(structure.between, phi)
    if structure.has_second_order:
        values, vectors = np.linalg.eigh(phi)
        axis = vectors[:, -1] * (1 if vectors[:, -1].sum() >= 0 else -1)
        put(structure.second, np.clip(0.9 * np.sqrt(values[-1]) * axis, -0.9, 0.9))
    theta /= np.maximum(counts, 1)
    sigma = structure.matrix(theta)
    if np.linalg.eigvalsh(sigma)[0] > 0:
        return theta
    # factors that nearly coincide: begin uncorrelated
    for index in (structure.between, structure.second):
        theta[index[index >= 0]] = 0.1
    return theta


def omega_of(
    structure: FactorStructure, parameters: FloatArray, weights: FloatArray
) -> tuple[float, FloatArray]:
    """Return omega of a weighted sum of the items and its derivative (p,)."""
    common = weights @ structure.common(parameters) @ weights
    total = weights @ structure.matrix(parameters) @ weights
    by_common = np.einsum(
        "i,pij,j->p", weights, structure.common_derivatives(parameters), weights
    )
    by_total = np.einsum(
        "i,pij,j->p", weights, structure.derivatives(parameters), weights
    )
    gradient = (by_common * total - common * by_total) / total**2
    return float(common / total), gradient


def hierarchical_of(structure: FactorStructure, parameters: FloatArray) -> float:
    """Return the share of a second-order factor in the sum's variance, or NaN."""
    if not structure.has_second_order:
        return np.nan
    loadings = structure.loadings(parameters) @ structure.second_order(parameters)
    return float(loadings.sum() ** 2 / structure.matrix(parameters).sum())


def degrees_of_freedom(structure: FactorStructure, s: FloatArray) -> int:
    """Return covariances less parameters."""
    m = len(s)
    return m * (m + 1) // 2 - structure.n_parameters
