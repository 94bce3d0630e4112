"""The smallest change of a reverse key that explains reported totals."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from waistats._typing import BoolArray, FloatArray

# Every change of up to this many items is tried on this many respondents first.
_MOST_TRIED = 3
_SAMPLE = 400
# A larger change is taken only if it explains this share of respondents more.
_WORTH = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyChange:
    """A change of key and what it explains.

    Attributes
    ----------
    changed : ndarray of bool, shape (n_items,)
        Items whose reversal differs from the key.
    share_before, share_after : float
        Share of respondents whose reported total is reproduced.
    n : int
        Respondents compared: reported total and all items present.
    """

    changed: BoolArray
    share_before: float
    share_after: float
    n: int


def _candidates(n_items: int) -> Iterator[tuple[int, ...]]:
    for size in range(min(_MOST_TRIED, n_items) + 1):
        yield from combinations(range(n_items), size)


def _least_squares(differences: FloatArray, effects: FloatArray) -> BoolArray:
    """Return the 0-1 solution nearest to the least-squares one."""
    solution = np.linalg.lstsq(effects, differences, rcond=None)[0]
    return np.asarray(solution > 0.5)


def find_key_change(
    keyed: FloatArray, reported: FloatArray, both_ends: float, tolerance: float
) -> KeyChange:
    """Find the smallest change of key that reproduces the reported totals.

    ``keyed`` has the shape (n, n_items), with the form's key applied; ``reported`` the
    shape (n,), as sums. A total is linear in the changes: turning item ``x`` adds
    ``both_ends - 2 x``. All changes of up to three items are tried; larger ones are
    found by least squares, and every one is verified by the share it reproduces.
    """
    complete = np.isfinite(keyed).all(axis=1) & np.isfinite(reported)
    effects = both_ends - 2 * keyed[complete]
    differences = reported[complete] - keyed[complete].sum(axis=1)
    n, n_items = effects.shape
    none = np.zeros(n_items, dtype=bool)
    if n == 0:
        return KeyChange(changed=none, share_before=np.nan, share_after=np.nan, n=0)

    def share(changed: BoolArray, rows: slice = slice(None)) -> float:
        left = differences[rows] - effects[rows][:, changed].sum(axis=1)
        return float(np.mean(np.abs(left) <= tolerance))

    before = share(none)
    best, best_share = none, before
    if best_share < 1:
        best, best_share = _best_small_change(differences, effects, tolerance)
        best_share = share(best)
    if best_share < 1:
        larger = _least_squares(differences, effects)
        if share(larger) >= best_share + _WORTH:
            best, best_share = larger, share(larger)
    return KeyChange(changed=best, share_before=before, share_after=best_share, n=n)


def _best_small_change(
    differences: FloatArray, effects: FloatArray, tolerance: float
) -> tuple[BoolArray, float]:
    # evenly spaced rows, so that files sorted by anything are still well covered
    step = max(1, len(differences) // _SAMPLE)
    target, columns = differences[::step], effects[::step]
    n_items = effects.shape[1]
    best: tuple[int, ...] = ()
    best_share = -1.0
    for chosen in _candidates(n_items):
        left = target - columns[:, chosen].sum(axis=1)
        share = float(np.mean(np.abs(left) <= tolerance))
        worth = _WORTH if len(chosen) > len(best) and best_share >= 0 else 0.0
        if share > best_share and (share == 1 or share >= best_share + worth):
            best, best_share = chosen, share
        if best_share == 1:
            break
    changed = np.zeros(n_items, dtype=bool)
    changed[list(best)] = True
    return changed, best_share


def explain_totals(
    values: FloatArray,
    reported: FloatArray,
    reverse: BoolArray,
    limits: tuple[int, int],
) -> KeyChange:
    """Find the change for sums, and for item means where the totals look like means."""
    low, high = limits
    keyed = np.where(reverse, low + high - values, values)
    found = [find_key_change(keyed, reported, low + high, 1e-6)]
    given = reported[np.isfinite(reported)]
    if given.size and given.min() >= low and given.max() <= high:
        n_items = values.shape[1]
        decimals = next((d for d in range(6) if np.allclose(given, given.round(d))), 6)
        tolerance = n_items * 0.5 * 10.0**-decimals + 1e-6
        found.append(find_key_change(keyed, reported * n_items, low + high, tolerance))
    return max(found, key=lambda change: (change.share_after, -change.changed.sum()))
