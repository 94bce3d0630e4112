r"""The best split half over *all* splits of the items, equal or not.

With signs s of the halves, Guttman's lambda 4 is :math:`1 - s'Rs/1'R1`, so the best
split has the smallest s'Rs. The signs fall into two blocks, and
:math:`s'Rs = u'R_{11}u + v'R_{22}v + 2u'R_{12}v`: one matrix product looks at all of them.
"""

from dataclasses import dataclass

import numpy as np

from waistats._typing import BoolArray, FloatArray

# 2**27 splits: half a second
MOST_ITEMS = 28
_STARTS = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BestSplit:
    """The split with the highest lambda 4.

    Attributes
    ----------
    value : float
        Lambda 4.
    half : ndarray of bool of shape (m,)
        Items of the first half, to which the first item belongs.
    exhaustive : bool
        Whether every split was looked at; otherwise the best that a search found.
    n_splits : int
        Splits looked at; of a search, the splits it started from.
    """

    value: float
    half: BoolArray
    exhaustive: bool
    n_splits: int


def best_split(
    r: FloatArray,
    *,
    most_items: int = MOST_ITEMS,
    n_starts: int = _STARTS,
    seed: int | np.random.Generator | None = 0,
) -> BestSplit:
    """Return the split of the items, equal or not, with the highest lambda 4.

    Parameters
    ----------
    r : ndarray of shape (m, m)
        Covariances or correlations whose sum is positive.
    most_items : int
        Above this many items a search takes the place of trying every split.
    n_starts : int
        Random splits that the search improves, besides the signs of the eigenvectors.
    seed : int, Generator or None
        Makes the search reproducible.

    Returns
    -------
    BestSplit
        The best of all ``2**(m - 1) - 1`` splits, or of a search.

    Notes
    -----
    The search moves single items and swaps pairs as long as that helps. It can miss the
    best split; the value is then still a split half, and so still a lower bound.

    Examples
    --------
    >>> loadings = np.array([3.0, 1, 1, 1])
    >>> found = best_split(np.outer(loadings, loadings) + np.eye(4))
    >>> round(found.value, 12), found.half.tolist()
    (0.9, [True, False, False, False])
    """
    m = len(r)
    if m <= most_items:
        half = _exhaustive(r)
        looked_at = 2 ** (m - 1) - 1
    else:
        half = _searched(r, n_starts, seed)
        looked_at = n_starts + m
    signs = np.where(half, 1.0, -1.0)
    return BestSplit(
        value=float(1 - signs @ r @ signs / r.sum()),
        half=half if half[0] else ~half,
        exhaustive=m <= most_items,
        n_splits=looked_at,
    )


def _all_signs(k: int) -> FloatArray:
    """Return all signs of k items, shape (2**k, k); the last row is all plus."""
    codes = np.arange(2**k)[:, None] >> np.arange(k)
    return np.where(codes & 1, 1.0, -1.0)


def _exhaustive(r: FloatArray) -> BoolArray:
    m = len(r)
    first = m // 2
    # the first item is always in the first half, so no split comes twice
    u = np.hstack([np.ones((2 ** (first - 1), 1)), _all_signs(first - 1)])
    v = _all_signs(m - first)
    own_u = np.einsum("ij,jk,ik->i", u, r[:first, :first], u, optimize=True)
    own_v = np.einsum("ij,jk,ik->i", v, r[first:, first:], v, optimize=True)
    across = v @ (2 * r[first:, :first])
    best, where = np.inf, (0, 0)
    block = max(1, 2**20 // len(v))
    for start in range(0, len(u), block):
        part = u[start : start + block]
        values = part @ across.T
        values += own_u[start : start + block, None]
        values += own_v
        if start + block >= len(u):
            # everyone in one half is no split
            values[-1, -1] = np.inf
        at = int(np.argmin(values))
        row, column = divmod(at, values.shape[1])
        if values[row, column] < best:
            best, where = float(values[row, column]), (start + row, column)
    signs = np.concatenate([u[where[0]], v[where[1]]])
    return np.asarray(signs > 0)


def _searched(
    r: FloatArray, n_starts: int, seed: int | np.random.Generator | None
) -> BoolArray:
    rng = np.random.default_rng(seed)
    m = len(r)
    vectors = np.linalg.eigh(r)[1].T
    starts = np.vstack([np.sign(vectors), rng.choice([-1.0, 1.0], (n_starts, m))])
    starts[starts == 0] = 1.0
    best, half = np.inf, starts[0]
    for start in starts:
        signs = _improved(r, start.copy())
        value = float(signs @ r @ signs)
        if value < best:
            best, half = value, signs
    return np.asarray(half > 0)


def _improved(r: FloatArray, s: FloatArray) -> FloatArray:
    """Return signs that no move of one item and no swap of two makes better."""
    own = np.diagonal(r)
    tolerance = 1e-12 * float(np.abs(r).sum())
    for _ in range(20 * len(s)):
        slope = s * (r @ s) - own
        # s'Rs changes by -4 slope_i, by a swap by -4 (slope_i + slope_j) + 8 s_i s_j r_ij
        alone = -4 * slope
        moved = np.sum(s > 0)
        if moved in (1, len(s) - 1):
            # the last item of a half must stay, or there is no split
            alone = np.where(s == (1 if moved == 1 else -1), np.inf, alone)
        swap = alone[:, None] + alone[None, :] + 8 * np.outer(s, s) * r
        swap[np.equal.outer(s, s)] = np.inf
        i = int(np.argmin(alone))
        j, k = np.unravel_index(int(np.argmin(swap)), swap.shape)
        gain_one, gain_two = float(alone[i]), float(swap[j, k])
        if min(gain_one, gain_two) > -tolerance:
            break
        if gain_one <= gain_two:
            s[i] = -s[i]
        else:
            s[j], s[k] = -s[j], -s[k]
    return s
