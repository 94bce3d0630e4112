"""Split-half reliability: one split, or the mean, best and worst of all.

Splits of items into halves: all of them, or a sample and its improvement.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from waistats._areas import critical
from waistats._caller import option
from waistats._format import coefficient, counted
from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, check_option, listing, near
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._best_split import BestSplit, best_split
from waistats.reliability._delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability._items import ItemsLike
from waistats.reliability._moments import correlation
from waistats.reliability._resampling import Seed
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import Sample, refuse_impossible, varying_sample
from waistats.reliability.alpha import no_total_variance
from waistats.reliability.omega import through_correlation

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
    result: FloatArray = 1 - difference / r.sum()
    return result


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
        halves = check_option("halves", halves, NAMED_HALVES)
        position = np.arange(len(names))
        if halves == "odd-even":
            mask: BoolArray = position % 2 == 0
            return mask
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
        raise DataError(f"halves name unknown items: {listing(unknown)}.")
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


FORMULAS = ("guttman", "spearman-brown")
# more splits than this cannot be averaged again in every resample
_MOST_RESAMPLED = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SplitHalf(ReliabilityEstimate):
    """A split-half reliability with the spread over splits.

    Attributes
    ----------
    best : float
        Highest value: Guttman's of *all* splits, equal or not (lambda 4);
        Spearman-Brown's of the splits into equal halves.
    worst, mean : float
        Lowest and mean value over the splits into equal halves.
    n_splits : int
        Splits behind worst and mean.
    best_halves, worst_halves : tuple of two tuples of str
        Items of the halves of the best and the worst split.
    """

    best: float
    worst: float
    mean: float
    n_splits: int
    best_halves: tuple[tuple[str, ...], tuple[str, ...]]
    worst_halves: tuple[tuple[str, ...], tuple[str, ...]]

    def closing(self) -> str:
        """Return the spread over splits, the method and the notes."""
        spread = (
            f"Best split {coefficient(self.best)}; over "
            f"{counted(self.n_splits, 'split')} into equal halves: mean "
            f"{coefficient(self.mean)}, worst {coefficient(self.worst)}."
        )
        # zero-argument super() does not work in a dataclass with slots
        return f"{spread}\n{ReliabilityEstimate.closing(self)}"


def split_half(
    items: ItemsLike,
    *,
    halves: Halves = None,
    formula: str = "guttman",
    matrix: str = "correlation",
    n_samples: int = 10_000,
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "bonett",
    kind: str = "normal",
    n_resamples: int = 2000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> SplitHalf:
    r"""Return the split-half reliability of the sum of the items.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses to at least two items.
    halves : {"odd-even", "first-last"} or pair of lists of item names, optional
        One split; by default the mean over all splits is the estimate.
    formula : {"guttman", "spearman-brown"}
        Guttman's (Flanagan's, Rulon's) coefficient, which lets halves differ in
        variance, or the Spearman-Brown formula on the correlation of the halves.
    matrix : {"correlation", "covariance"}
        Of standardized items, as psych's ``splitHalf``, or of the items.
    n_samples : int
        Random splits above 20 items; up to 20 all are tried.
    ci : {"adf", "normal-theory", "fisher-z", "jackknife", "bootstrap"}
        The interval; None for none. ``"fisher-z"`` is that of the correlation of the
        halves, for one split and the Spearman-Brown formula.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.
    scale : {"bonett", "raw"}
        Where the interval is symmetric: on -ln(1 - estimate), or on its own scale.
    kind : {"normal", "percentile", "bca"}
        Bootstrap interval.
    n_resamples : int
        Bootstrap samples.
    seed : int, Generator or None
        Makes sampled splits and the bootstrap reproducible.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    SplitHalf
        The estimate with its interval, and best, worst and mean of the splits.

    Raises
    ------
    DataError
        If the halves are not two disjoint sets of the items.

    Notes
    -----
    With c the covariance of the halves, a and b their variances,
    :math:`4c/(a + b + 2c)` (``"guttman"``) or :math:`2r/(1 + r)`,
    :math:`r = c/\sqrt{ab}`. The mean of Guttman's coefficient over all splits of an
    even number of items is alpha (Cronbach, 1951). psych's ``splitHalf`` reverses items
    that load negatively first, and for an odd number of items tries only half of the
    splits. The best split of a sample is too high; intervals are given for one split
    and for the mean only.

    With two items there is one split: the Spearman-Brown reliability, which for two
    items is better than alpha (Eisinga, te Grotenhuis & Pelzer, 2013).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(200, 1)) + rng.normal(size=(200, 4))
    >>> result = split_half(answers)
    >>> round(result.best, 3), round(result.mean, 3), round(result.worst, 3)
    (0.794, 0.777, 0.765)
    """
    formula = check_option("formula", formula, FORMULAS)
    matrix = check_option("matrix", matrix, ("correlation", "covariance"))
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check((*DELTA_INTERVALS, "fisher-z"))
    sample = varying_sample(items, missing, missing_codes=missing_codes, accept=accept)
    s = sample.moments.covariance
    r = correlation(s) if matrix == "correlation" else s
    if not abs(r.sum()) > 1e-12 * np.trace(r):
        raise DataError(f"{no_total_variance(int(sample.moments.n))}.")
    guttman, splits = split_values(r, n_samples=n_samples, seed=seed)
    value = _VALUES[formula]
    every = guttman if formula == "guttman" else value(r, splits)
    equal_best, worst = extremes(r, guttman, splits)
    best_half = equal_best.half
    notes: tuple[str, ...] = ()
    if len(splits) < n_splits(sample.n_items):
        notes = (
            f"Mean and worst are over {len(splits)} random splits of "
            f"{n_splits(sample.n_items)}; the worst is improved by swapping items.",
        )
    if formula == "guttman":
        found = best_split(r, seed=seed)
        best_half = found.half
        if not found.exhaustive:
            notes += (searched_note(found),)
    best = float(value(r, best_half))
    refuse_impossible(sample, best, "the best split half")
    chosen = splits if halves is None else named_half(halves, sample.names)[None]
    estimate = float(value(r, chosen).mean())
    refuse_impossible(sample, estimate, "the split half")
    form = _Form(halves=chosen, formula=formula, matrix=matrix)
    spread = _spread(form, sample, r, estimate, request)
    which = "mean of all splits" if halves is None else "one split"
    return SplitHalf(
        coefficient="split_half",
        estimate=estimate,
        **spread.limits(conf_level),
        **sample.counts,
        method=f"Split-half reliability, {formula} formula, {matrix} matrix, {which}.",
        notes=sample.notes + notes + spread.notes,
        best=best,
        worst=float(value(r, worst.half)),
        mean=float(every.mean()),
        n_splits=len(splits),
        best_halves=names_of_halves(best_half, sample.names),
        worst_halves=names_of_halves(worst.half, sample.names),
    )


def searched_note(found: BestSplit) -> str:
    """Return in words how the best split of many items was found."""
    return (
        f"The best split was searched for from {found.n_splits} starts, not found by "
        "trying all; a better one may exist."
    )


def spearman_brown_of_halves(r: FloatArray, halves: BoolArray) -> FloatArray:
    """Return twice the correlation of the halves (..., m) over one plus it."""
    _, _, _, between = _parts(r, halves)
    return 2 * between / (1 + between)


_VALUES: dict[str, Callable[[FloatArray, BoolArray], FloatArray]] = {
    "guttman": lambda4,
    "spearman-brown": spearman_brown_of_halves,
}


def _parts(
    r: FloatArray, halves: BoolArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return covariance, both variances and correlation of the halves."""
    first = halves.astype(float)
    second = 1 - first
    cross = ((first @ r) * second).sum(-1)
    a, b = ((first @ r) * first).sum(-1), ((second @ r) * second).sum(-1)
    return cross, a, b, cross / np.sqrt(a * b)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Form:
    halves: BoolArray
    formula: str
    matrix: str

    def many(self, s: FloatArray) -> FloatArray:
        """Return the mean over the splits for covariances (B, m, m)."""
        r = correlation(s) if self.matrix == "correlation" else s
        if self.formula == "guttman":
            signs = np.where(self.halves, 1.0, -1.0)
            products = signs.T @ signs / len(signs)
            result: FloatArray = 1 - (products * r).sum((-1, -2)) / r.sum((-1, -2))
            return result
        return np.array([_VALUES[self.formula](x, self.halves).mean() for x in r])

    def gradient(self, s: FloatArray, r: FloatArray) -> FloatArray:
        """Return the derivative (m, m) of the mean by the covariances."""
        by_r = (
            self._guttman_gradient(r)
            if self.formula == "guttman"
            else self._spearman_brown_gradient(r)
        )
        return through_correlation(s, by_r) if self.matrix == "correlation" else by_r

    def _guttman_gradient(self, r: FloatArray) -> FloatArray:
        signs = np.where(self.halves, 1.0, -1.0)
        products = signs.T @ signs / len(signs)
        total = r.sum()
        result: FloatArray = -products / total + (products * r).sum() / total**2
        return result

    def _spearman_brown_gradient(self, r: FloatArray) -> FloatArray:
        _, a, b, between = _parts(r, self.halves)
        first = self.halves.astype(float)
        second = 1 - first
        weight = 2 / (1 + between) ** 2 / len(first)
        cross = (first * (weight / np.sqrt(a * b) / 2)[:, None]).T @ second
        own = (first * (weight * between / a / 2)[:, None]).T @ first
        other = (second * (weight * between / b / 2)[:, None]).T @ second
        result: FloatArray = cross + cross.T - own - other
        return result


def _spread(
    form: _Form,
    sample: Sample,
    r: FloatArray,
    estimate: float,
    request: IntervalRequest,
) -> Spread:
    if request.ci in (None, "none"):
        return Spread()
    gradient = form.gradient(sample.moments.covariance, r)
    if request.ci == "fisher-z":
        return _fisher_z(form, sample, r, gradient, request)
    slow = form.formula == "spearman-brown" and len(form.halves) > _MOST_RESAMPLED
    if request.ci in ("bootstrap", "jackknife") and slow:
        raise ModelError(
            f"the mean of {len(form.halves)} Spearman-Brown values cannot be resampled "
            f"in reasonable time. Use {option('formula', 'guttman')}, "
            f"{option('ci', 'adf')}, or name the halves."
        )
    return delta_spread(sample, estimate, gradient, form.many, request)


def _fisher_z(
    form: _Form,
    sample: Sample,
    r: FloatArray,
    gradient: FloatArray,
    request: IntervalRequest,
) -> Spread:
    if len(form.halves) > 1 or form.formula != "spearman-brown":
        raise ModelError(
            f"{option('ci', 'fisher-z')} is for one split and "
            f"{option('formula', 'spearman-brown')}. Name the halves, or use "
            f"{option('ci', 'adf')}."
        )
    n = int(sample.moments.n)
    if n < 4:
        raise ModelError(f"ci='fisher-z' needs at least 4 respondents; there are {n}.")
    between = float(_parts(r, form.halves)[3][0])
    half = critical(request.conf_level) / np.sqrt(n - 3)
    with np.errstate(divide="ignore"):
        limits = np.tanh(np.arctanh(between) + np.array([-half, half]))
    low, high = 2 * limits / (1 + limits)
    return Spread(
        se=sample.normal_se(gradient),
        ci_low=float(low),
        ci_high=float(high),
        ci="fisher-z",
    )
