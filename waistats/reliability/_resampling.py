"""Resampling of respondents: drawn by multinomial weights, and left out one at a time."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from waistats._areas import critical
from waistats._progress import progress
from waistats._typing import FloatArray
from waistats.errors import ModelError, check_option
from waistats.measures import transform
from waistats.reliability._intervals import Limits
from waistats.reliability._moments import alpha_from_variances, centred

KINDS = ("percentile", "bca", "normal")
# counts drawn at once; bounds the memory of a block to about 30 MB
_BLOCK = 2_000_000

Seed = int | np.random.Generator | None


def check_resamples(n_resamples: int) -> None:
    """Raise a ModelError unless there are enough resamples for an interval."""
    if n_resamples < 100:
        raise ModelError(
            f"n_resamples must be at least 100 for an interval; got {n_resamples}."
        )


def resampled_sums(features: FloatArray, n_resamples: int, seed: Seed) -> FloatArray:
    """Return sums of features (n, f) over respondents drawn with replacement.

    Parameters
    ----------
    features : ndarray, shape (n, f)
        One row per respondent.
    n_resamples : int
        Number of resamples B.
    seed : int or Generator
        Makes the draws reproducible.

    Returns
    -------
    ndarray, shape (B, f)
        The sums of each resample.
    """
    counts = resampled_counts(len(features), n_resamples, seed)
    return np.concatenate([block @ features for block in counts])


def resampled_counts(n: int, n_resamples: int, seed: Seed) -> Iterator[FloatArray]:
    """Yield how often each of n respondents is drawn, in blocks of resamples (b, n)."""
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // n)
    for start in progress(range(0, n_resamples, block), "resamples"):
        size = min(block, n_resamples - start)
        drawn = rng.integers(0, n, size=(size, n), dtype=np.int64)
        drawn += (np.arange(size) * n)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n)
        yield counts.reshape(size, n).astype(np.float64)


def resampled_covariances(
    values: FloatArray, n_resamples: int, seed: Seed
) -> FloatArray:
    """Return the covariance matrices (B, m, m) of B resamples of complete values."""
    n, m = values.shape
    centred = values - values.mean(axis=0)
    row, column = np.triu_indices(m)
    features = np.hstack([centred, centred[:, row] * centred[:, column]])
    sums = resampled_sums(features, n_resamples, seed)
    means = sums[:, :m] / n
    upper = (sums[:, m:] - n * means[:, row] * means[:, column]) / (n - 1)
    covariances = np.empty((n_resamples, m, m))
    covariances[:, row, column] = upper
    covariances[:, column, row] = upper
    return covariances


def resampled_alphas(values: FloatArray, n_resamples: int, seed: Seed) -> FloatArray:
    """Return Cronbach's alpha (B,) of B resamples; it needs no cross-products."""
    n, m = values.shape
    centred = values - values.mean(axis=0)
    squares = np.einsum("ij,ij->i", centred, centred)
    total = centred.sum(axis=1)
    features = np.column_stack([centred, squares, total**2])
    sums = resampled_sums(features, n_resamples, seed)
    means = sums[:, :m] / n
    items = sums[:, m] - n * (means**2).sum(axis=1)
    whole = sums[:, m + 1] - n * means.sum(axis=1) ** 2
    return alpha_from_variances(items, whole, m)


def bootstrap_limits(
    replicates: FloatArray,
    estimate: float,
    conf_level: float,
    *,
    kind: str = "percentile",
    influence: ArrayLike | None = None,
) -> Limits:
    """Return limits from the coefficient's values in the resamples.

    Parameters
    ----------
    replicates : ndarray, shape (B,)
        The coefficient in each resample; those not defined (NaN) are excluded.
    estimate : float
        The coefficient in the sample.
    conf_level : float
        Confidence level.
    kind : {"percentile", "bca", "normal"}
        Quantiles; quantiles corrected for bias and acceleration (Efron, 1987), with
        the acceleration from the influence values; or -ln(1 - estimate) -/+ z times
        its bootstrap standard deviation, and back.
    influence : array_like, shape (n,), optional
        Influence of each respondent, needed by ``"bca"``.

    Returns
    -------
    tuple of float arrays
        Lower and upper limit.
    """
    kind = check_option("kind", kind, KINDS)
    values = replicates[np.isfinite(replicates)]
    z = critical(conf_level)
    if kind == "normal":
        transformed = transform(values[values < 1])
        half = z * transformed.std(ddof=1)
        rest = 1 - estimate
        return (
            np.asarray(1 - rest * np.exp(half)),
            np.asarray(1 - rest * np.exp(-half)),
        )
    levels = np.array([(1 - conf_level) / 2, (1 + conf_level) / 2])
    if kind == "bca":
        if influence is None:
            raise ModelError("kind='bca' needs influence values for this coefficient.")
        levels = _bca_levels(values, estimate, z, np.asarray(influence, float))
    low, high = np.quantile(values, levels)
    return low, high


def _bca_levels(
    values: FloatArray, estimate: float, z: float, influence: FloatArray
) -> FloatArray:
    """Return the two quantile levels of the BCa interval."""
    below = ((values < estimate).mean() + (values <= estimate).mean()) / 2
    if not 0 < below < 1:
        raise ModelError(
            "the BCa interval is not defined: every resample lies on one side of the "
            "estimate. Use kind='percentile'."
        )
    bias = special.ndtri(below)
    spread = (influence**2).sum()
    acceleration = (influence**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
    ends = bias + np.array([-z, z])
    levels: FloatArray = special.ndtr(bias + ends / (1 - acceleration * ends))
    return levels


# values of covariance matrices held at once, about 30 MB
_LEFT_OUT_BLOCK = 4_000_000

CoefficientOf = Callable[[FloatArray], FloatArray]


def alphas_without_each(values: FloatArray) -> FloatArray:
    """Return alpha (n,) of complete values (n, m) without each respondent.

    Sums without one respondent follow from those with all, so this is one pass. NaN
    where the total no longer varies.
    """
    n, m = values.shape
    away = centred(values)[1]
    total = away.sum(axis=1) ** 2
    squares = np.einsum("ij,ij->i", away, away)
    share = n / (n - 1)
    items = squares.sum() - share * squares
    whole = total.sum() - share * total
    return alpha_from_variances(items, np.where(whole > 1e-12 * items, whole, 0.0), m)


def without_each(values: FloatArray, function: CoefficientOf) -> FloatArray:
    """Return a function of covariances (B, m, m) without each of n respondents.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        Complete answers.
    function : callable
        Covariances (B, m, m) to coefficients (B,).

    Returns
    -------
    ndarray, shape (n,)
        NaN where the coefficient is not defined.
    """
    n, m = values.shape
    away = centred(values)[1]
    whole = away.T @ away
    found = []
    size = max(1, _LEFT_OUT_BLOCK // m**2)
    for start in progress(range(0, n, size), "leaving out each respondent"):
        part = away[start : start + size]
        own = part[:, :, None] * part[:, None, :]
        found.append(function((whole - n / (n - 1) * own) / (n - 2)))
    return np.concatenate(found)


def weights_without_each(n: int, n_values: int) -> Iterator[FloatArray]:
    """Yield weights (b, n) that are 0 for one respondent each, in blocks."""
    size = max(1, _LEFT_OUT_BLOCK // (n * n_values))
    for start in progress(range(0, n, size), "leaving out each respondent"):
        weights = np.ones((min(size, n - start), n))
        weights[np.arange(len(weights)), start + np.arange(len(weights))] = 0.0
        yield weights


def jackknife_limits(
    without: FloatArray, estimate: float, conf_level: float, scale: str
) -> tuple[float, float, float]:
    r"""Return the jackknife's standard error and limits.

    Parameters
    ----------
    without : ndarray, shape (n,)
        The coefficient without each respondent.
    estimate : float
        The coefficient of all.
    conf_level : float
        Confidence level.
    scale : {"raw", "bonett"}
        Where the interval is symmetric: the coefficient itself, or -ln(1 - coefficient).

    Notes
    -----
    :math:`s^2 = \frac{n-1}{n}\sum_i(a_{(i)}-\bar a)^2` and a - t s to a + t s, t on
    n - 1 degrees of freedom (Tukey, 1958). The standard error is on the coefficient's own
    scale. A reliability is at most 1, so the upper limit is, too.
    """
    n = len(without)
    t = critical(conf_level, n - 1)
    se = _jackknife_se(without)
    if scale == "raw":
        return se, estimate - t * se, min(1.0, estimate + t * se)
    half = t * _jackknife_se(transform(without))
    rest = 1 - estimate
    return se, float(1 - rest * np.exp(half)), float(1 - rest * np.exp(-half))


def _jackknife_se(values: FloatArray) -> float:
    deviation = values - values.mean()
    n = len(values)
    return float(np.sqrt((n - 1) / n * (deviation @ deviation)))
