r"""Reliability on two levels by maximum likelihood: persons, and sessions within them.

Within-person covariances and the persons' means are independent normal samples: of
:math:`\Sigma_W`, and of :math:`\Sigma_W+s\Sigma_B` for persons with s sessions. So the
engine of covariance structures fits both levels at once, one part for each s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from waistats._format import counted
from waistats._typing import FloatArray, IntArray
from waistats.errors import ConvergenceError, ModelError
from waistats.reliability._factor_structure import factor_structure, omega_of
from waistats.reliability._moments import alpha_gradient, alpha_of
from waistats.reliability._structure import (
    Part,
    Structure,
    StructureFit,
    Unrestricted,
    fit_structure,
)

TERMS = ("alpha_between_ml", "alpha_within_ml", "omega_between_ml", "omega_within_ml")
_ROUNDS = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoLevel:
    """Coefficients of both levels with their standard errors.

    Attributes
    ----------
    estimates, ses : ndarray of shape (4,)
        In the order of ``TERMS``; NaN where a model has no solution.
    between, within : ndarray of shape (m, m)
        Maximum likelihood covariances of both levels.
    log_likelihoods : tuple of two floats
        Of the unrestricted and the one-factor model, without constants.
    notes : tuple of str
        What a reader must know.
    """

    estimates: FloatArray
    ses: FloatArray
    between: FloatArray
    within: FloatArray
    log_likelihoods: tuple[float, float]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sums:
    """Persons' means by number of sessions, and what is within persons."""

    within: FloatArray
    rows: int
    sizes: IntArray
    means: list[FloatArray]

    @property
    def persons(self) -> int:
        return sum(len(part) for part in self.means)

    def parts(self, mu: FloatArray) -> list[Part]:
        found = [
            Part(
                weight=float(self.rows - self.persons),
                matrix=self.within,
                shares=(1.0, 0.0),
            )
        ]
        for size, means in zip(self.sizes, self.means, strict=True):
            away = means - mu
            found.append(
                Part(
                    weight=float(len(means)),
                    matrix=float(size) * away.T @ away / len(means),
                    shares=(1.0, float(size)),
                )
            )
        return found

    def mean(self, within: FloatArray, between: FloatArray) -> FloatArray:
        """Return the generalized least squares mean (m,)."""
        total = np.zeros_like(within)
        right = np.zeros(len(within))
        for size, means in zip(self.sizes, self.means, strict=True):
            weight = size * np.linalg.inv(within + size * between)
            total += len(means) * weight
            right += weight @ means.sum(axis=0)
        return np.asarray(np.linalg.solve(total, right), dtype=np.float64)


def _sums(values: FloatArray, person: IntArray) -> _Sums:
    count = np.bincount(person)
    sums = [np.bincount(person, weights=column) for column in values.T]
    means = np.column_stack(sums) / count[:, None]
    away = values - means[person]
    rows, persons = len(values), len(count)
    sizes = np.unique(count)
    return _Sums(
        within=away.T @ away / (rows - persons),
        rows=rows,
        sizes=sizes,
        means=[means[count == size] for size in sizes],
    )


def two_level(values: FloatArray, person: IntArray) -> TwoLevel:
    """Return alpha and omega of both levels by maximum likelihood.

    Parameters
    ----------
    values : ndarray of shape (N, m)
        Complete answers, one row per person-session.
    person : ndarray of int of shape (N,)
        Codes 0 ... P - 1.

    Raises
    ------
    ModelError
        If there are not more rows within persons, or not more persons, than items.
    ConvergenceError
        If the unrestricted model has no maximum.

    Notes
    -----
    Alpha from the unrestricted covariances of both levels, omega from one factor on each
    (Geldhof, Preacher & Zyphur, 2014), both levels at once, means free: lavaan's
    two-level models. Standard errors are from the expected information.
    """
    sums = _sums(values, person)
    m = values.shape[1]
    if sums.rows - sums.persons <= m or sums.persons <= m:
        raise ModelError(
            f"maximum likelihood on two levels needs more than {counted(m, 'person')} "
            f"and more than {m} further sessions for {counted(m, 'item')}; there are "
            f"{sums.persons} and {sums.rows - sums.persons}."
        )
    start = _start(sums)
    free = Unrestricted(m=m)
    fit = _fit(sums, (free, free), [free.parameters(s) for s in start])
    if not fit.converged:
        raise ConvergenceError(
            "the unrestricted covariances of both levels have no maximum of the "
            "likelihood."
        )
    within, between = (free.matrix(theta) for theta in fit.parameters)
    estimates, ses = np.full(4, np.nan), np.full(4, np.nan)
    covariance = fit.covariance()
    row, column = np.triu_indices(m)
    twice = np.where(row == column, 1.0, 2.0)
    spans = {1: slice(0, len(row)), 0: slice(len(row), None)}
    for place, matrix in ((0, between), (1, within)):
        if matrix.sum() > 0:
            estimates[place] = float(alpha_of(matrix))
            gradient = twice * alpha_gradient(matrix)[row, column]
            block = covariance[spans[place], spans[place]]
            ses[place] = np.sqrt(gradient @ block @ gradient)
    notes: tuple[str, ...] = ()
    factor_likelihood = np.nan
    if m >= 3:
        found, notes = _omegas(sums, within, between)
        if found is not None:
            factor_likelihood = -found[2] / 2
            estimates[2:], ses[2:] = found[0], found[1]
    return TwoLevel(
        estimates=estimates,
        ses=ses,
        between=between,
        within=within,
        log_likelihoods=(-fit.discrepancy / 2, factor_likelihood),
        notes=notes,
    )


def _start(sums: _Sums) -> tuple[FloatArray, FloatArray]:
    means = np.vstack(sums.means)
    size = sums.rows / sums.persons
    between = np.cov(means.T) - sums.within / size
    values, vectors = np.linalg.eigh(between)
    floor = 0.05 * np.trace(sums.within) / len(between) / size
    return sums.within, (vectors * np.maximum(values, floor)) @ vectors.T


def _fit(
    sums: _Sums, structures: Sequence[Structure], start: Sequence[FloatArray]
) -> StructureFit:
    """Alternate between covariances given the mean, and the mean given them."""
    theta = [np.asarray(x) for x in start]
    within, between = (s.matrix(x) for s, x in zip(structures, theta, strict=True))
    mu = sums.mean(within, between)
    before = np.inf
    for _ in range(_ROUNDS):
        fit = fit_structure(sums.parts(mu), structures, theta)
        theta = list(fit.parameters)
        within, between = (s.matrix(x) for s, x in zip(structures, theta, strict=True))
        mu = sums.mean(within, between)
        if not fit.converged or before - fit.discrepancy < 1e-11 * abs(fit.discrepancy):
            return fit
        before = fit.discrepancy
    return fit


def _omegas(
    sums: _Sums, within: FloatArray, between: FloatArray
) -> tuple[tuple[FloatArray, FloatArray, float] | None, tuple[str, ...]]:
    m = len(within)
    names = tuple(str(j) for j in range(m))
    structure = factor_structure(names, {"factor": names})
    start = []
    for matrix in (within, between):
        values, vectors = np.linalg.eigh(matrix)
        axis = vectors[:, -1] * (1 if vectors[:, -1].sum() >= 0 else -1)
        lam = np.sqrt(max(0.8 * values[-1], 1e-8)) * axis
        rest = np.maximum(np.diagonal(matrix) - lam**2, 0.1 * np.diagonal(within))
        start.append(np.concatenate([lam, rest]))
    fit = _fit(sums, (structure, structure), start)
    if not fit.converged or not fit.is_identified():
        return None, (
            "The one-factor model on both levels has no likelihood maximum, so omega by "
            "maximum likelihood is not given.",
        )
    covariance = fit.covariance()
    p = structure.n_parameters
    spans = {1: slice(0, p), 0: slice(p, None)}
    values, ses = np.empty(2), np.empty(2)
    negative = []
    for place, name in ((0, "between"), (1, "within")):
        theta = fit.parameters[1 - place]
        values[place], gradient = omega_of(structure, theta, np.ones(m))
        block = covariance[spans[place], spans[place]]
        ses[place] = np.sqrt(gradient @ block @ gradient)
        if (np.diagonal(structure.residuals(theta)) <= 0).any():
            negative.append(name)
    notes: tuple[str, ...] = ()
    if negative:
        notes = (
            "A unique variance is not positive on the level "
            f"{' and '.join(negative)} persons; omega there is unreliable.",
        )
    return (values, ses, fit.discrepancy), notes
