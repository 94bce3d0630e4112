"""Repeated sessions -> sums over persons, from which every component follows."""

from dataclasses import dataclass

import numpy as np

from waistats.arrays import FloatArray, IntArray


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
        One row a person.
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
        Complete answers, one row a person-session; centred for precision.
    person, session : ndarray of int of shape (N,)
        Codes 0 ... P - 1 and 0 ... T - 1; a person has one row a session.

    Returns
    -------
    PersonFeatures
        One row a person.
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
