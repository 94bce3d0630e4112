"""Variance components of persons, sessions and items, balanced or not."""

import numpy as np

from waistats.arrays import FloatArray
from waistats.reliability.person_sums import PersonSums

COMPONENTS = (
    "person",
    "session",
    "item",
    "person x session",
    "person x item",
    "session x item",
    "residual",
)


def crossed_components(sums: PersonSums) -> FloatArray:
    r"""Return the seven components (..., 7) of persons by sessions by items.

    Parameters
    ----------
    sums : PersonSums
        Sums over persons, of any batch shape.

    Returns
    -------
    ndarray of shape (..., 7)
        In the order of ``COMPONENTS``; negative where the data say so, NaN where
        sessions are not shared.

    Notes
    -----
    Every row holds all items, so the model falls into two: the row means, and the
    deviations of items from them. Each is an unbalanced two-way model of persons and
    sessions, and is solved by fitting constants (Henderson's method 3): unbiased for any
    pattern of sessions, and the analysis of variance when every person has every
    session.
    """
    m = sums.products.shape[-1]
    mean = np.full((m, 1), 1 / m)
    contrast = np.eye(m) - 1 / m
    by_mean = _two_way(sums, mean, 1)
    by_item = _two_way(sums, contrast, m - 1)
    person_item, session_item, residual = np.moveaxis(by_item, -1, 0)
    totals = sums.session_sums.sum(axis=-2) / sums.rows[..., None]
    spread = totals.var(axis=-1, ddof=1)
    shared = (
        sums.squared_rows * person_item
        + (sums.sessions**2).sum(axis=-1) * session_item
        + sums.rows * residual
    )
    item = spread - shared / sums.rows**2
    person, session, both = np.moveaxis(by_mean - by_item / m, -1, 0)
    return np.stack(
        [person, session, item, both, person_item, session_item, residual], axis=-1
    )


def _two_way(sums: PersonSums, columns: FloatArray, df: int) -> FloatArray:
    """Return person, session and residual variances (..., 3) of linear combinations."""
    n, p = sums.rows, sums.persons
    present = sums.sessions > 0
    t = present.sum(axis=-1)
    rank, inverse = _pseudo_inverse(sums.design)
    moved = sums.session_deviations @ columns
    by_session = np.einsum("...ta,...ts,...sa->...", moved, inverse, moved)
    within = np.einsum("ia,...ij,ja->...", columns, sums.within, columns)
    every = np.einsum("ia,...ij,ja->...", columns, sums.products, columns)
    session_sums = sums.session_sums @ columns
    size = np.where(present, sums.sessions, 1.0)
    of_sessions = (session_sums**2 / size[..., None]).sum(axis=(-1, -2))
    error = within - by_session
    error_df = (n - p - rank) * df
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = error / np.where(error_df > 0, error_df, np.nan)
        # n - t - (n - p - rank) degrees of freedom are the persons'
        persons = every - of_sessions - error - (p + rank - t) * df * residual
        person = persons / np.where(n > t, (n - t) * df, np.nan)
        sessions = by_session - rank * df * residual
        session = sessions / np.where((n > p) & (rank > 0), (n - p) * df, np.nan)
    return np.stack([person, session, residual], axis=-1)


def _pseudo_inverse(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    values, vectors = np.linalg.eigh(matrices)
    largest = np.maximum(values[..., -1:], 1e-300)
    keep = values > 1e-9 * np.maximum(largest, 1e-6)
    inverse = np.where(keep, 1 / np.where(keep, values, 1.0), 0.0)
    back = (vectors * inverse[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return keep.sum(axis=-1).astype(np.float64), back


def nested_components(sums: PersonSums) -> FloatArray:
    """Return variances (..., 3) of persons, of sessions within them, and of items.

    Parameters
    ----------
    sums : PersonSums
        Sums over persons.

    Returns
    -------
    ndarray of shape (..., 3)
        Person, session within person, and what is left between the items of a row.
    """
    m = sums.products.shape[-1]
    n, p = sums.rows, sums.persons
    contrast = np.eye(m) - 1 / m
    mean = np.full(m, 1 / m)
    between_items = np.einsum("ij,...ij->...", contrast, sums.products)
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = between_items / (n * (m - 1))
        within = np.einsum("i,...ij,j->...", mean, sums.within, mean)
        row_variance = within / np.where(n > p, n - p, np.nan)
        grand = sums.session_sums.sum(axis=-2) @ mean
        persons = np.einsum("i,...ij,j->...", mean, sums.between, mean) - grand**2 / n
        size = n - sums.squared_rows / n
        person = (persons - (p - 1) * row_variance) / np.where(size > 0, size, np.nan)
    return np.stack([person, row_variance - residual / m, residual], axis=-1)


def level_covariances(sums: PersonSums) -> tuple[FloatArray, FloatArray]:
    """Return the items' between- and within-person covariances (..., m, m).

    Parameters
    ----------
    sums : PersonSums
        Sums over persons.

    Returns
    -------
    between, within : ndarray of shape (..., m, m)
        Unbiased; ``between`` need not be positive definite.
    """
    n, p = sums.rows, sums.persons
    totals = sums.session_sums.sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        free = np.where(n > p, n - p, np.nan)[..., None, None]
        within = sums.within / free
        outer = totals[..., :, None] * totals[..., None, :] / n[..., None, None]
        mean_square = (sums.between - outer) / (p - 1)[..., None, None]
        size = (n - sums.squared_rows / n) / (p - 1)
        between = (mean_square - within) / size[..., None, None]
    return between, within
