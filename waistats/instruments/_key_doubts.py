"""Doubts about a reverse key: items that correlate negatively, totals that it misses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from waistats._caller import command, option
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import listing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemSigns:
    """Which items correlate negatively with the rest.

    Attributes
    ----------
    against : ndarray of bool, shape (n_items,)
        Items with a negative correlation.
    correlation : ndarray, shape (n_items,)
        Correlation of each item, unchanged, with the sum of the others, each of them
        oriented by its sign on the first principal component; NaN without variance.
    """

    against: BoolArray
    correlation: FloatArray


def strong_signs(correlation: FloatArray, n: IntArray) -> BoolArray:
    """Return which correlations are more than chance, with n answers to each item."""
    limit = 2 / np.sqrt(np.maximum(n, 1))
    return np.asarray(np.nan_to_num(np.abs(correlation), nan=0.0) >= limit)


def signs_within(
    covariance: FloatArray, reverse: BoolArray, groups: Sequence[IntArray], n: IntArray
) -> tuple[ItemSigns, BoolArray]:
    """Find items that correlate negatively with their subscale, and the sure signs.

    The first principal component of a whole form says little of subscales that are not
    related. Where both agree on every item, the correlations are those with all other
    items of the form; else those with the other items of the subscale. A sign is sure
    where either correlation is more than chance with n answers to each item.
    """
    whole = item_signs(covariance, [reverse])
    if len(groups) < 2:
        return whole, strong_signs(whole.correlation, n)
    against = whole.against.copy()
    correlation = whole.correlation.copy()
    for at in groups:
        if len(at) < 2:
            continue
        part = item_signs(covariance[np.ix_(at, at)], [reverse[at]])
        against[at], correlation[at] = part.against, part.correlation
    strong = strong_signs(correlation, n)
    if (against == whole.against).all():
        return whole, strong | strong_signs(whole.correlation, n)
    return ItemSigns(against=against, correlation=correlation), strong


def pairwise_covariance(values: FloatArray) -> FloatArray:
    """Return the covariance matrix of the items, each pair from its own answers."""
    covariance: FloatArray = pd.DataFrame(values).cov().fillna(0.0).to_numpy()
    return covariance


def item_signs(covariance: FloatArray, expected: Sequence[BoolArray]) -> ItemSigns:
    """Find items that correlate negatively with the rest, from the covariance matrix.

    The signs of the first principal component say which items belong together, up to
    one overall sign. Of both orientations the one nearest to an ``expected`` pattern
    is taken, else the one with fewer items against the rest, else, as in psych, the one
    with the larger sum of correlations with the component.
    """
    component = np.linalg.eigh(covariance)[1][:, -1]
    sd = np.sqrt(np.diag(covariance))
    loading = np.divide(component, sd, out=np.zeros_like(sd), where=sd > 0)
    patterns = [np.zeros(len(component), dtype=bool), *expected]

    def distance(orientation: FloatArray) -> tuple[float, float, float]:
        against = orientation < 0
        away = min(np.sum(against != pattern) for pattern in patterns)
        return float(away), float(against.sum()), -float(orientation.sum())

    oriented = min(loading, -loading, key=distance)
    correlation = _rest_correlation(covariance, oriented < 0)
    return ItemSigns(against=correlation < 0, correlation=correlation)


def _rest_correlation(covariance: FloatArray, against: BoolArray) -> FloatArray:
    signs = np.where(against, -1.0, 1.0)
    signed = covariance * signs
    with_rest = signed.sum(axis=1) - np.diag(signed)
    oriented = signs[:, None] * signed
    rest = oriented.sum() - 2 * oriented.sum(axis=1) + np.diag(covariance)
    scale = np.sqrt(np.clip(np.diag(covariance) * rest, 0, None))
    correlation: FloatArray = np.full(len(scale), np.nan)
    np.divide(with_rest, scale, out=correlation, where=scale > 1e-12)
    return correlation


def file_state(
    against: BoolArray, reverse: BoolArray, strong: BoolArray | None = None
) -> str:
    """Say whether a file is raw (nothing reverse-scored yet), keyed, or neither.

    Signs that could be chance do not count, unless all are.
    """
    if not reverse.any():
        return "keyed"
    sure = np.ones_like(reverse) if strong is None or not strong.any() else strong
    raw = int(np.sum((against != reverse) & sure))
    keyed = int(np.sum(against & sure))
    if raw == keyed:
        return "mixed"
    return "raw" if raw < keyed else "keyed"


def item_finding(against: bool, reverse: bool, state: str, form: str) -> str:
    """Say in words what the sign of one item means."""
    if reverse and against:
        if state == "raw":
            return "reversed item, not reverse-scored yet, as in a raw file"
        return "reversed item left unreversed"
    if against:
        return f"correlates negatively with the rest, but {form} does not reverse it"
    if reverse and state == "raw":
        return "reversed item, already reverse-scored although the file is raw"
    return ""


def file_summary(
    names: Sequence[object],
    against: BoolArray,
    reverse: BoolArray,
    state: str,
    form: str,
) -> str:
    """Say in words what the signs mean for a file of this form."""

    def these(chosen: BoolArray) -> str:
        found = [name for name, one in zip(names, chosen, strict=True) if one]
        return f"{'item' if len(found) == 1 else 'items'} {listing(found, 40)}"

    wrong = against & ~reverse
    extra = f" Besides, {these(wrong)} should not correlate negatively with the rest."
    if not reverse.any():
        if not against.any():
            return f"No item correlates negatively with the rest, as {form} expects."
        start = f"Negatively correlated with the rest, although {form} reverses no item"
        return f"{start}: {these(against)}."
    if state == "raw":
        done = reverse & ~against
        text = (
            f"The file is raw: reverse {these(reverse & against)} "
            f"({command('score')} does)."
        )
        if done.any():
            text += (
                f" Already reverse-scored, so {command('score')} would reverse back: "
                f"{these(done)}."
            )
        return text + (extra if wrong.any() else "")
    if state == "keyed" and not against.any():
        return (
            "The file is already reverse-scored: no item correlates negatively with "
            "the rest. Score it with "
            f"{option('already_keyed', True)}."
        )
    left = reverse & against
    start = "The file is keyed, but" if state == "keyed" else "The file is mixed:"
    if left.any():
        verb = "was" if left.sum() == 1 else "were"
        text = f"{start} {these(left)} {verb} left unreversed."
        return text + (extra if wrong.any() else "")
    return f"{start} {these(wrong)} should not correlate negatively with the rest."


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
