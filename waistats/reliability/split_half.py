"""Split-half reliability: one split, or the mean, best and worst of all."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from waistats.arrays import BoolArray, FloatArray
from waistats.errors import ModelError, check_option
from waistats.format import coefficient
from waistats.reliability.bootstrap import Seed
from waistats.reliability.delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.intervals import normal_quantile
from waistats.reliability.moments import correlation
from waistats.reliability.omega_form import through_correlation
from waistats.reliability.responses import ItemsLike
from waistats.reliability.sample import Sample
from waistats.reliability.splits import (
    Halves,
    extremes,
    lambda4,
    n_splits,
    named_half,
    names_of_halves,
    split_values,
)
from waistats.reliability.usable import varying_sample

FORMULAS = ("guttman", "spearman-brown")
# more splits than this cannot be averaged anew in every resample
_MOST_RESAMPLED = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SplitHalf(ReliabilityEstimate):
    """A split-half reliability with the spread over splits.

    Attributes
    ----------
    best, worst, mean : float
        Highest, lowest and mean value over the splits.
    n_splits : int
        Splits behind them.
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
            f"Over {self.n_splits} splits: best {coefficient(self.best)}, "
            f"mean {coefficient(self.mean)}, worst {coefficient(self.worst)}."
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
    ci : {"adf", "normal-theory", "fisher-z", "bootstrap"}
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
    check_option("formula", formula, FORMULAS)
    check_option("matrix", matrix, ("correlation", "covariance"))
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check((*DELTA_INTERVALS, "fisher-z"))
    sample = varying_sample(items, missing)
    s = sample.moments.covariance
    r = correlation(s) if matrix == "correlation" else s
    guttman, splits = split_values(r, n_samples=n_samples, seed=seed)
    value = _VALUES[formula]
    every = guttman if formula == "guttman" else value(r, splits)
    best, worst = extremes(r, guttman, splits)
    notes: tuple[str, ...] = ()
    if len(splits) < n_splits(sample.n_items):
        notes = (
            f"{len(splits)} random splits of {n_splits(sample.n_items)}; best and "
            "worst are improved by swapping items.",
        )
    chosen = splits if halves is None else named_half(halves, sample.names)[None]
    estimate = float(value(r, chosen).mean())
    form = _Form(halves=chosen, formula=formula, matrix=matrix)
    spread = _spread(form, sample, r, estimate, request)
    which = "mean of all splits" if halves is None else "one split"
    return SplitHalf(
        coefficient="split_half",
        estimate=estimate,
        se=spread.se,
        ci_low=spread.ci_low,
        ci_high=spread.ci_high,
        conf_level=conf_level,
        ci=spread.ci,
        n=int(sample.moments.n),
        n_items=sample.n_items,
        n_excluded=int(sample.moments.n_excluded),
        method=f"Split-half reliability, {formula} formula, {matrix} matrix, {which}.",
        notes=sample.notes + notes + spread.notes,
        best=float(value(r, best.half)),
        worst=float(value(r, worst.half)),
        mean=float(every.mean()),
        n_splits=len(splits),
        best_halves=names_of_halves(best.half, sample.names),
        worst_halves=names_of_halves(worst.half, sample.names),
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
            return 1 - (products * r).sum((-1, -2)) / r.sum((-1, -2))
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
        return -products / total + (products * r).sum() / total**2

    def _spearman_brown_gradient(self, r: FloatArray) -> FloatArray:
        _, a, b, between = _parts(r, self.halves)
        first = self.halves.astype(float)
        second = 1 - first
        weight = 2 / (1 + between) ** 2 / len(first)
        cross = (first * (weight / np.sqrt(a * b) / 2)[:, None]).T @ second
        own = (first * (weight * between / a / 2)[:, None]).T @ first
        other = (second * (weight * between / b / 2)[:, None]).T @ second
        return cross + cross.T - own - other


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
    if request.ci == "bootstrap" and slow:
        raise ModelError(
            f"the mean of {len(form.halves)} Spearman-Brown values cannot be resampled "
            "in reasonable time. Use formula='guttman', ci='adf', or name the halves."
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
            "ci='fisher-z' is for one split and formula='spearman-brown'. Name the "
            "halves, or use ci='adf'."
        )
    n = int(sample.moments.n)
    if n < 4:
        raise ModelError(f"ci='fisher-z' needs at least 4 respondents; there are {n}.")
    between = float(_parts(r, form.halves)[3][0])
    half = normal_quantile(request.conf_level) / np.sqrt(n - 3)
    with np.errstate(divide="ignore"):
        limits = np.tanh(np.arctanh(between) + np.array([-half, half]))
    low, high = 2 * limits / (1 + limits)
    return Spread(
        se=sample.normal_se(gradient),
        ci_low=float(low),
        ci_high=float(high),
        ci="fisher-z",
    )
