"""Variance components of persons, sessions and items, balanced or not.

A table of repeated sessions -> complete answers with person and session codes.

Repeated sessions -> sums over persons, from which every component follows.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats._format import counted
from waistats._frames import as_frame
from waistats._typing import FloatArray, IntArray
from waistats.errors import DataError, listing, near
from waistats.provenance import NOTE, is_simulated
from waistats.reliability._answers import Accepted, Codes, read_answers
from waistats.reliability._moments import complete

# above this, sessions are taken to be labels that no two persons share
MOST_SESSIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sessions:
    """Complete person-sessions.

    Attributes
    ----------
    values : ndarray of shape (N, m)
        Answers less their grand mean.
    person, session : ndarray of int of shape (N,)
        Codes from 0.
    shared : bool
        Whether sessions are few enough to be shared by persons.
    n_labels : int
        Different sessions.
    n_excluded : int
        Rows left out for missing answers.
    notes : tuple of str
        What was excluded.
    """

    values: FloatArray
    person: IntArray
    session: IntArray
    shared: bool
    n_labels: int
    n_excluded: int
    notes: tuple[str, ...]


def read_sessions(
    data: pd.DataFrame,
    person: Hashable,
    session: Hashable,
    items: Sequence[Hashable],
    *,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> Sessions:
    """Return complete person-sessions, or raise naming every bad place.

    Parameters
    ----------
    data : DataFrame
        One row for each person in each session.
    person, session : column names
        Who and when.
    items : sequence of column names
        The items.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    Sessions
        Values and codes.
    """
    data = as_frame(data)
    if not isinstance(data, pd.DataFrame):
        raise DataError("data must be a DataFrame with a row for each person-session.")
    wanted = [person, session, *items]
    unknown = [
        f"{name!r}{near(str(name), map(str, data.columns))}"
        for name in wanted
        if name not in data.columns
    ]
    if unknown:
        raise DataError(f"no such column: {listing(unknown)}.")
    nameless = data[[person, session]].isna().any(axis=1)
    if nameless.any():
        raise DataError(
            "every row needs a person and a session, but these have none: "
            f"{listing(data.index[nameless])}."
        )
    twice = data.duplicated([person, session])
    if twice.any():
        shown = data.loc[twice, [person, session]].itertuples(index=False)
        raise DataError(
            "a person may have each session once, but these are repeated: "
            f"{listing(f'{p} in {t}' for p, t in shown)}."
        )
    responses = read_answers(
        data[list(items)], missing_codes=missing_codes, accept=accept
    )
    whole = complete(responses.values)
    values = responses.values[whole]
    people, _ = pd.factorize(data.loc[whole, person])
    times, labels = pd.factorize(data.loc[whole, session], sort=True)
    if not len(values) or people.max() < 1 or len(people) == people.max() + 1:
        raise DataError(
            "at least two persons are needed, and one of them with two sessions whose "
            f"items are all answered; {int(whole.sum())} of "
            f"{counted(len(whole), 'row')} are."
        )
    lost = int((~whole).sum())
    notes = responses.notes
    if lost:
        notes += (f"{counted(lost, 'person-session')} with missing answers excluded.",)
    if is_simulated(data):
        notes += (NOTE,)
    shared = len(labels) <= MOST_SESSIONS
    if not shared:
        # each person's first, second, ...: enough for what is nested
        times = pd.Series(people).groupby(people).cumcount().to_numpy()
    return Sessions(
        values=values - values.mean(),
        person=people,
        session=times,
        shared=shared,
        n_labels=len(labels),
        n_excluded=lost,
        notes=notes,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersonSums:
    """Sums over persons, or over persons counted several times in resamples.

    Attributes
    ----------
    persons, rows : ndarray of shape (...)
        Persons and person-sessions.
    squared_rows : ndarray of shape (...)
        Sum over persons of their squared number of sessions.
    sessions : ndarray of shape (..., T)
        Persons in each session.
    design : ndarray of shape (..., T, T)
        Cross-products of the session indicators, centred within persons.
    session_sums : ndarray of shape (..., T, m)
        Sums of the items in each session.
    session_deviations : ndarray of shape (..., T, m)
        Sums of the items, centred within persons, in each session.
    products : ndarray of shape (..., m, m)
        Cross-products of the items.
    between : ndarray of shape (..., m, m)
        Cross-products of persons' sums over their number of sessions.
    """

    persons: FloatArray
    rows: FloatArray
    squared_rows: FloatArray
    sessions: FloatArray
    design: FloatArray
    session_sums: FloatArray
    session_deviations: FloatArray
    products: FloatArray
    between: FloatArray

    @property
    def within(self) -> FloatArray:
        """Cross-products (..., m, m) of the items, centred within persons."""
        return self.products - self.between


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersonFeatures:
    """What each person adds to :class:`PersonSums`, as one flat row.

    Attributes
    ----------
    table : ndarray of shape (P, F)
        One row per person.
    n_sessions, n_items : int
        T and m.
    """

    table: FloatArray
    n_sessions: int
    n_items: int

    def sums(self, weights: FloatArray | None = None) -> PersonSums:
        """Return the sums with every person counted ``weights`` (..., P) times."""
        flat = self.table.sum(axis=0) if weights is None else weights @ self.table
        lead, t, m = flat.shape[:-1], self.n_sessions, self.n_items
        shapes = [(), (), (), (t,), (t, t), (t, m), (t, m), (m, m), (m, m)]
        parts, start = [], 0
        for shape in shapes:
            size = int(np.prod(shape))
            parts.append(flat[..., start : start + size].reshape((*lead, *shape)))
            start += size
        names = PersonSums.__slots__
        return PersonSums(**dict(zip(names, parts, strict=True)))


def person_features(
    values: FloatArray, person: IntArray, session: IntArray
) -> PersonFeatures:
    """Return what each person adds to the sums.

    Parameters
    ----------
    values : ndarray of shape (N, m)
        Complete answers, one row per person-session; centred for precision.
    person, session : ndarray of int of shape (N,)
        Codes 0 ... P - 1 and 0 ... T - 1; a person has one row per session.

    Returns
    -------
    PersonFeatures
        One row per person.
    """
    p, t, m = int(person.max()) + 1, int(session.max()) + 1, values.shape[1]
    there = np.zeros((p, t))
    there[person, session] = 1.0
    cube = np.zeros((p, t, m))
    cube[person, session] = values
    rows = there.sum(axis=1)
    own = cube.sum(axis=1)
    design = -there[:, :, None] * there[:, None, :] / rows[:, None, None]
    index = np.arange(t)
    design[:, index, index] += there
    deviations = cube - there[:, :, None] * (own / rows[:, None])[:, None, :]
    products = np.einsum("pti,ptj->pij", cube, cube)
    between = own[:, :, None] * own[:, None, :] / rows[:, None, None]
    blocks = [
        np.ones((p, 1)),
        rows[:, None],
        rows[:, None] ** 2,
        there,
        design.reshape(p, -1),
        cube.reshape(p, -1),
        deviations.reshape(p, -1),
        products.reshape(p, -1),
        between.reshape(p, -1),
    ]
    return PersonFeatures(table=np.hstack(blocks), n_sessions=t, n_items=m)


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
