"""Reliability coefficients of repeated sessions from sums over persons."""

import numpy as np

from waistats.arrays import FloatArray
from waistats.reliability.components import (
    COMPONENTS,
    crossed_components,
    level_covariances,
    nested_components,
)
from waistats.reliability.moments import alpha_of
from waistats.reliability.omega_form import OmegaForm
from waistats.reliability.person_sums import PersonSums

MEANINGS = {
    "R1F": "person's mean of one session, sessions fixed",
    "RkF": "person's mean of k sessions, sessions fixed",
    "R1R": "person's mean of one session, sessions random",
    "RkR": "person's mean of k sessions, sessions random",
    "RC": "change of a person from session to session",
    "RkRn": "person's mean of k sessions, sessions nested in persons",
    "RCn": "change of a person, sessions nested in persons",
    "alpha_between": "alpha of persons' true means",
    "alpha_within": "alpha of deviations from persons' means",
    "omega_between": "omega total of persons' true means",
    "omega_within": "omega total of deviations from persons' means",
}
TERMS = tuple(MEANINGS)


def coefficients_of(sums: PersonSums, k: float, *, crossed: bool) -> FloatArray:
    """Return the coefficients (..., 11) in the order of ``TERMS``."""
    m = sums.products.shape[-1]
    if crossed:
        parts = np.moveaxis(np.maximum(crossed_components(sums), 0.0), -1, 0)
    else:
        parts = np.full((len(COMPONENTS), *sums.persons.shape), np.nan)
    person, session, _, both, person_item, _, error = parts
    true = person + person_item / m
    nested = np.moveaxis(np.maximum(nested_components(sums), 0.0), -1, 0)
    between, within = level_covariances(sums)
    # the between-person matrix need not be positive definite, which rules out ml
    form = OmegaForm(method="minres")
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [
            true / (true + error / m),
            true / (true + error / (k * m)),
            true / (true + session + both + error / m),
            true / (true + (session + both) / k + error / (k * m)),
            both / (both + error / m),
            nested[0] / (nested[0] + nested[1] / k + nested[2] / (k * m)),
            nested[1] / (nested[1] + nested[2] / m),
        ]
    for matrix in (between, within):
        found.append(_alpha(matrix))
    for matrix in (between, within):
        found.append(_omega(form, matrix))
    return np.stack([np.asarray(value, dtype=np.float64) for value in found], axis=-1)


def _alpha(matrix: FloatArray) -> FloatArray:
    return np.where(matrix.sum(axis=(-1, -2)) > 0, alpha_of(matrix), np.nan)


def _omega(form: OmegaForm, matrix: FloatArray) -> FloatArray:
    m = matrix.shape[-1]
    if m < 3:
        return np.full(matrix.shape[:-2], np.nan)
    batch = matrix.reshape(-1, m, m)
    lowest = np.diagonal(batch, axis1=-2, axis2=-1).min(axis=-1)
    safe = np.where(lowest[:, None, None] > 0, batch, np.nan)
    return form.many(safe).reshape(matrix.shape[:-2])
