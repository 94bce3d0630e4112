"""Splits of items into halves: all of them, or a sample and its improvement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from waistats.arrays import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, check_option, listing, near
from waistats.reliability.bootstrap import Seed

Halves = str | tuple[Sequence[str], Sequence[str]] | None

NAMED_HALVES = ("odd-even", "first-last")

# 92,378 splits: a second of work; 22 items would have four times as many
MOST_ITEMS = 20
_BLOCK = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """One split and the reliability of the whole that it gives.

    Attributes
    ----------
    value : float
        Guttman's lambda 4 of this split.
    half : ndarray of bool of shape (m,)
        Items of the first half.
    """

    value: float
    half: BoolArray


def n_splits(m: int) -> int:
    """Return how many ways there are to split m items into (nearly) equal halves."""
    ways = comb(m, m // 2)
    return ways if m % 2 else ways // 2


def all_splits(m: int) -> Iterator[BoolArray]:
    """Yield blocks (b, m) of every split; True marks the first half."""
    # of an even number, the first item's half names the split: none comes twice
    fixed = () if m % 2 else (0,)
    rest = range(len(fixed), m)
    chosen = ((*fixed, *other) for other in combinations(rest, m // 2 - len(fixed)))
    block: list[tuple[int, ...]] = []
    for items in chosen:
        block.append(items)
        if len(block) == _BLOCK:
            yield _halves(block, m)
            block = []
    if block:
        yield _halves(block, m)


def _halves(block: list[tuple[int, ...]], m: int) -> BoolArray:
    halves = np.zeros((len(block), m), dtype=bool)
    np.put_along_axis(halves, np.array(block), True, axis=1)
    return halves


def sampled_splits(m: int, n_samples: int, seed: Seed) -> BoolArray:
    """Return random splits of shape (n_samples, m)."""
    rng = np.random.default_rng(seed)
    order = rng.random((n_samples, m)).argsort(axis=1)
    return order < m // 2


def lambda4(r: FloatArray, halves: BoolArray) -> FloatArray:
    r"""Return :math:`4 c_{12} / V` of splits (..., m) of a matrix.

    Parameters
    ----------
    r : ndarray of shape (m, m)
        Covariances or correlations.
    halves : ndarray of bool of shape (..., m)
        Items of the first half.

    Returns
    -------
    ndarray of shape (...)
        With c12 the covariance of the halves and V the variance of the whole.
    """
    signs = np.where(halves, 1.0, -1.0)
    difference = ((signs @ r) * signs).sum(-1)
    return 1 - difference / r.sum()


def split_values(
    r: FloatArray, *, n_samples: int = 10_000, seed: Seed = 0
) -> tuple[FloatArray, BoolArray]:
    """Return lambda 4 of every split, or of sampled ones, and whether all were tried.

    Parameters
    ----------
    r : ndarray of shape (m, m)
        Covariances or correlations.
    n_samples : int
        Random splits above ``MOST_ITEMS`` items.
    seed : int, Generator or None
        Makes them reproducible.

    Returns
    -------
    values : ndarray of shape (splits,)
        Lambda 4.
    halves : ndarray of bool of shape (splits, m)
        The splits.
    """
    m = len(r)
    if m > MOST_ITEMS:
        halves = sampled_splits(m, n_samples, seed)
    else:
        halves = np.concatenate(list(all_splits(m)))
    return lambda4(r, halves), halves


def best_and_worst(
    r: FloatArray, *, n_samples: int = 10_000, seed: Seed = 0
) -> tuple[Split, Split]:
    """Return the best and the worst split.

    Parameters
    ----------
    r : ndarray of shape (m, m)
        Covariances or correlations.
    n_samples : int
        Random splits above ``MOST_ITEMS`` items, improved by swaps.
    seed : int, Generator or None
        Makes them reproducible.

    Returns
    -------
    tuple of two Split
        Best first.
    """
    values, halves = split_values(r, n_samples=n_samples, seed=seed)
    return extremes(r, values, halves)


def extremes(
    r: FloatArray, values: FloatArray, halves: BoolArray
) -> tuple[Split, Split]:
    """Return the best and the worst of given splits, improved if not all were tried."""
    found = []
    for sign in (1.0, -1.0):
        order = np.argsort(-sign * values)
        half = halves[order[0]]
        if len(r) > MOST_ITEMS:
            tries = np.array([swapped(sign * r, halves[i]) for i in order[:20]])
            half = tries[np.argmax(sign * lambda4(r, tries))]
        found.append(Split(value=float(lambda4(r, half)), half=half))
    return found[0], found[1]


def swapped(r: FloatArray, half: BoolArray) -> BoolArray:
    """Return a split that no swap of two items makes better.

    Notes
    -----
    With signs s of the halves and g = Rs, swapping item i of the first half with j of
    the second changes s'Rs by ``-4 (g_i - r_ii) + 4 (g_j + r_jj) - 8 r_ij``.
    """
    s = np.where(half, 1.0, -1.0)
    for _ in range(10 * len(s)):
        slope = r @ s
        first, second = np.flatnonzero(s > 0), np.flatnonzero(s < 0)
        own = np.diagonal(r)
        change = (
            -4 * (slope[first] - own[first])[:, None]
            + 4 * (slope[second] + own[second])[None, :]
            - 8 * r[np.ix_(first, second)]
        )
        i, j = np.unravel_index(np.argmin(change), change.shape)
        if change[i, j] > -1e-12:
            break
        s[first[i]], s[second[j]] = -1.0, 1.0
    return s > 0


def named_half(halves: Halves, names: tuple[str, ...]) -> BoolArray:
    """Return which items are in the first half."""
    if isinstance(halves, str):
        check_option("halves", halves, NAMED_HALVES)
        position = np.arange(len(names))
        if halves == "odd-even":
            return position % 2 == 0
        return position < (len(names) + 1) // 2
    if not isinstance(halves, tuple | list) or len(halves) != 2:
        raise ModelError(
            "halves must be 'odd-even', 'first-last' or a pair of lists of item names."
        )
    first, second = ([str(name) for name in half] for half in halves)
    known = set(names)
    unknown = [
        f"{name!r}{near(name, names)}" for name in first + second if name not in known
    ]
    if unknown:
        raise DataError(f"halves name items that are not there: {listing(unknown)}.")
    twice = sorted({n for n in first + second if (first + second).count(n) > 1})
    if twice:
        raise DataError(f"each item may be in one half only: {listing(twice)}.")
    absent = [name for name in names if name not in {*first, *second}]
    if absent:
        raise DataError(f"every item must be in a half; missing: {listing(absent)}.")
    if not first or not second:
        raise DataError("each half must hold at least one item.")
    return np.array([name in set(first) for name in names])


def names_of_halves(
    half: BoolArray, names: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the items' names of both halves."""
    first = tuple(n for n, chosen in zip(names, half, strict=True) if chosen)
    second = tuple(n for n, chosen in zip(names, half, strict=True) if not chosen)
    return first, second
