"""Leaving out one respondent at a time: what each of them does to a coefficient."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import special

from waistats._progress import progress
from waistats._typing import FloatArray
from waistats.reliability._moments import alpha_from_variances, centred

# values of covariance matrices held at once, about 30 MB
_BLOCK = 4_000_000

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
    size = max(1, _BLOCK // m**2)
    for start in progress(range(0, n, size), "leaving out each respondent"):
        part = away[start : start + size]
        own = part[:, :, None] * part[:, None, :]
        found.append(function((whole - n / (n - 1) * own) / (n - 2)))
    return np.concatenate(found)


def weights_without_each(n: int, n_values: int) -> Iterator[FloatArray]:
    """Yield weights (b, n) that are 0 for one respondent each, in blocks."""
    size = max(1, _BLOCK // (n * n_values))
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
    t = float(special.stdtrit(n - 1, (1 + conf_level) / 2))
    se = _jackknife_se(without)
    if scale == "raw":
        return se, estimate - t * se, min(1.0, estimate + t * se)
    half = t * _jackknife_se(-np.log1p(-without))
    rest = 1 - estimate
    return se, float(1 - rest * np.exp(half)), float(1 - rest * np.exp(-half))


def _jackknife_se(values: FloatArray) -> float:
    deviation = values - values.mean()
    n = len(values)
    return float(np.sqrt((n - 1) / n * (deviation @ deviation)))
