"""Distinct orders of things of which some are alike."""

from itertools import chain, combinations
from math import comb, factorial, prod

import numpy as np
from numpy.typing import NDArray

from waistats.arrays import BoolArray, FloatArray, IntArray


def row_kinds(X: FloatArray) -> IntArray:
    """Return the kind of each row; equal rows are of one kind."""
    return np.unique(X, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def count_arrangements(kinds: IntArray) -> int:
    """Return how many distinct orders there are."""
    counts = np.bincount(kinds)
    return factorial(len(kinds)) // prod(factorial(int(c)) for c in counts)


def all_arrangements(kinds: IntArray) -> NDArray[np.int16]:
    """Return every distinct order once, as kinds, of shape (orders, k)."""
    counts = np.bincount(kinds)
    first, *rest = np.argsort(-counts, kind="stable")
    orders = np.full((1, counts[first]), first, dtype=np.int16)
    for kind in rest:
        size, added = orders.shape[1], int(counts[kind])
        places = _choices(size + added, added)
        # the others keep their order in the places that are left
        source = np.cumsum(~places, axis=1) - 1
        grown = np.where(places, np.int16(kind), orders[:, np.maximum(source, 0)])
        orders = grown.reshape(-1, size + added)
    return orders


def _choices(size: int, chosen: int) -> BoolArray:
    """Return every choice of some places out of all, as booleans."""
    number = comb(size, chosen)
    flat = chain.from_iterable(combinations(range(size), chosen))
    index = np.fromiter(flat, dtype=np.int64, count=number * chosen)
    places = np.zeros((number, size), dtype=bool)
    np.put_along_axis(places, index.reshape(number, chosen), True, axis=1)
    return places


def matching(orders: NDArray[np.int16], kinds: IntArray) -> IntArray:
    """Return, for each order, which place each row of the original now stands in.

    Of shape (orders, k): entry r is the place that the row r took, rows of one kind in
    their first order.
    """
    index = np.empty(orders.shape, dtype=np.int64)
    index[:, np.argsort(kinds, kind="stable")] = np.argsort(
        orders, axis=1, kind="stable"
    )
    return index
