"""Whether reversed items are reversed in a file already: evidence from sums.

An item that the key reverses correlates negatively with the items that it does not
reverse while the file is raw, and positively once it is keyed. Those items are the same
in both cases, so the sign of the correlation with their sum decides, without knowing
the answer first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from waistats._typing import BoolArray, FloatArray, IntArray

RAW, KEYED, CONFLICT, WEAK = "raw", "keyed", "conflict", "weak"
# two-sided 1 %: evidence below this could be chance
_CLEAR = NormalDist().inv_cdf(0.995)
# an item of its own that contradicts the others, and items that correlate negatively
# with the rest
_AGAINST = NormalDist().inv_cdf(0.995)
_FEWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeySums:
    """Sums over complete respondents, one row per sample.

    Attributes
    ----------
    n : ndarray of int, shape (k,)
        Respondents.
    sums, squares : ndarray, shape (k, m)
        Of the items as they are in the file.
    with_own, with_all : ndarray, shape (k, m)
        Sums of products of each item with the sum of the unreversed items of its own
        subscale, and of the whole form; the latter is asked of reversed items only.
    own_squares : ndarray, shape (k, g)
        Sums of squares of the sums of the unreversed items of the g subscales.
    all_squares : ndarray, shape (k,)
        The same for the whole form.
    """

    n: IntArray
    sums: FloatArray
    squares: FloatArray
    with_own: FloatArray
    with_all: FloatArray
    own_squares: FloatArray
    all_squares: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyLayout:
    """Which items the key reverses, and which subscale each belongs to.

    Attributes
    ----------
    reverse : ndarray of bool, shape (m,)
        Items that the key reverses.
    group : ndarray of int, shape (m,)
        Subscale of each item, 0 ... g - 1.
    """

    reverse: BoolArray
    group: IntArray

    @property
    def n_groups(self) -> int:
        """Number of subscales."""
        return int(self.group.max(initial=-1)) + 1

    def members(self, group: int) -> BoolArray:
        """Return the unreversed items of a subscale."""
        chosen: BoolArray = (self.group == group) & ~self.reverse
        return chosen


def key_sums(values: FloatArray, codes: IntArray, k: int, layout: KeyLayout) -> KeySums:
    """Return the sums of responses (N, m) in memory, NaN where missing."""
    kept = np.isfinite(values).all(axis=1)
    values, codes = values[kept], codes[kept]
    origin = values[:1000].mean(axis=0) if len(values) else np.zeros(1)
    values = values - np.round(origin)

    def summed(column: FloatArray) -> FloatArray:
        found = np.bincount(codes, weights=column, minlength=k)[:k]
        return np.asarray(found, dtype=np.float64)

    of_group = [
        values[:, layout.members(g)].sum(axis=1) for g in range(layout.n_groups)
    ]
    whole = values[:, ~layout.reverse].sum(axis=1)
    items = range(values.shape[1])
    single = layout.n_groups == 1
    with_own = np.column_stack(
        [summed(values[:, j] * of_group[layout.group[j]]) for j in items]
    )
    return KeySums(
        n=np.bincount(codes, minlength=k)[:k].astype(np.int64),
        sums=np.column_stack([summed(values[:, j]) for j in items]),
        squares=np.column_stack([summed(values[:, j] ** 2) for j in items]),
        with_own=with_own,
        with_all=with_own
        if single
        else np.column_stack([summed(values[:, j] * whole) for j in items]),
        own_squares=np.column_stack([summed(total**2) for total in of_group]),
        all_squares=summed(whole**2),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Correlations of items, as they are in the file, with the unreversed others.

    Attributes
    ----------
    n : ndarray of int, shape (u,)
        Respondents of each unit: a study, or the answers of one rater in it.
    own, whole : ndarray, shape (u, m)
        Correlations within samples, with the own subscale and with the whole form;
        NaN where they are not defined.
    """

    n: IntArray
    own: FloatArray
    whole: FloatArray

    def strength(self, which: str = "own") -> FloatArray:
        """Return the correlations as normal deviates, NaN for tiny samples."""
        r = np.clip(getattr(self, which), -0.999999, 0.999999)
        room = np.where(self.n >= _FEWEST, np.sqrt(np.maximum(self.n - 3, 1)), np.nan)
        return np.asarray(np.arctanh(r) * room[:, None])


def evidence(sums: KeySums, layout: KeyLayout, unit: IntArray, u: int) -> Evidence:
    """Return the evidence of each unit, pooled within its samples.

    Parameters
    ----------
    sums : KeySums
        Sums of k samples.
    layout : KeyLayout
        The key.
    unit : ndarray of int, shape (k,)
        Unit of each sample.
    u : int
        Number of units.
    """
    n = np.maximum(sums.n, 1)[:, None].astype(np.float64)

    def within(
        products: FloatArray, first: FloatArray, second: FloatArray
    ) -> FloatArray:
        return _grouped(products - first * second / n, unit, u)

    m = len(layout.reverse)
    groups = range(layout.n_groups)
    totals = np.column_stack(
        [sums.sums[:, layout.members(g)].sum(axis=1) for g in groups]
    )
    total = sums.sums[:, ~layout.reverse].sum(axis=1)[:, None]
    item = within(sums.squares, sums.sums, sums.sums)
    own_with = within(sums.with_own, sums.sums, totals[:, layout.group])
    all_with = within(sums.with_all, sums.sums, np.repeat(total, m, axis=1))
    own_total = within(sums.own_squares, totals, totals)[:, layout.group]
    all_total = within(sums.all_squares[:, None], total, total)
    size = np.array([layout.members(g).sum() for g in groups])[layout.group]
    return Evidence(
        n=_grouped(sums.n, unit, u),
        own=_correlation(item, own_with, own_total, layout.reverse, size),
        whole=_correlation(
            item,
            all_with,
            np.repeat(all_total, m, axis=1),
            layout.reverse,
            np.full(m, int((~layout.reverse).sum())),
        ),
    )


def _grouped(values: np.ndarray, unit: IntArray, u: int) -> np.ndarray:
    total = np.zeros((u, *values.shape[1:]), dtype=values.dtype)
    np.add.at(total, unit, values)
    return total


def _correlation(
    item: FloatArray,
    product: FloatArray,
    total: FloatArray,
    reverse: BoolArray,
    size: IntArray,
) -> FloatArray:
    """Return correlations with the sum of the unreversed others."""
    # an unreversed item is part of the sum, and is taken out of it
    inside = ~reverse
    product = np.where(inside, product - item, product)
    rest = np.where(inside, total - 2 * product - item, total)
    others = size - inside.astype(np.int64)
    scale = np.sqrt(np.clip(item * rest, 0, None))
    defined = (scale > 1e-9 * (np.abs(item) + np.abs(total))) & (others >= 1)
    found: FloatArray = np.divide(
        product, scale, out=np.full(item.shape, np.nan), where=defined
    )
    return found


def key_states(found: Evidence, layout: KeyLayout) -> list[str]:
    """Return the state of each unit: raw, keyed, conflict or weak.

    The evidence of the own subscale counts; that of the whole form where the former is
    weak and does not contradict it.
    """
    reverse = layout.reverse
    if not reverse.any():
        return [KEYED] * len(found.n)
    own = found.strength("own")[:, reverse]
    whole = found.strength("whole")[:, reverse]
    return [_state(a, b) for a, b in zip(own, whole, strict=True)]


def _state(own: FloatArray, whole: FloatArray) -> str:
    first, second = _read(own), _read(whole)
    if first != WEAK:
        return first
    if second in (RAW, KEYED):
        mean = float(np.nanmean(own)) if np.isfinite(own).any() else 0.0
        opposed = mean > 1 if second == RAW else mean < -1
        return WEAK if opposed else second
    return second


def _read(strength: FloatArray) -> str:
    """Return what the deviates of the reversed items of one unit say."""
    given = strength[np.isfinite(strength)]
    if len(given) == 0:
        return WEAK
    limit = NormalDist().inv_cdf(1 - 0.005 / len(given))
    strong = given[np.abs(given) >= limit]
    if len(strong) and strong.min() < 0 < strong.max():
        return CONFLICT
    mean = float(given.mean())
    if abs(mean) >= _CLEAR:
        return RAW if mean < 0 else KEYED
    if len(strong):
        side = float(np.sign(strong[0]))
        if (given * side > -1.64).all():
            return RAW if side < 0 else KEYED
    return WEAK


def shared_state(states: Sequence[str], found: Evidence, layout: KeyLayout) -> str:
    """Return the state that units without clear evidence of their own share.

    That of all units that are clear, if these agree; with none, that of all units
    together; else weak.
    """
    clear = {state for state in states if state in (RAW, KEYED)}
    if len(clear) == 1:
        return clear.pop()
    if clear or CONFLICT in states:
        return WEAK
    own = found.strength("own")[:, layout.reverse]
    whole = found.strength("whole")[:, layout.reverse]
    return _state(_together(own), _together(whole))


def _together(strength: FloatArray) -> FloatArray:
    """Return Stouffer's combination of deviates over units."""
    given = np.isfinite(strength)
    count = given.sum(axis=0)
    total = np.where(given, strength, 0.0).sum(axis=0)
    found: FloatArray = np.divide(
        total, np.sqrt(count), out=np.full(len(count), np.nan), where=count > 0
    )
    return found


def against_rest(
    found: Evidence, layout: KeyLayout, turned: BoolArray
) -> tuple[BoolArray, BoolArray]:
    """Return the items that contradict their subscale: (u, m) by unit, (m,) overall.

    Parameters
    ----------
    found : Evidence
        Of the items as they are in the file.
    layout : KeyLayout
        The key.
    turned : ndarray of bool, shape (u, m)
        Items that are reversed before scoring, in each unit.
    """
    deviates = np.where(turned, -1.0, 1.0) * found.strength("own")
    one = np.nan_to_num(deviates, nan=0.0) <= -_AGAINST
    overall = np.nan_to_num(_together(deviates), nan=0.0) <= -_AGAINST
    return one, overall
