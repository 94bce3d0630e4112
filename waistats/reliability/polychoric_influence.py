"""Influence of each respondent on functions of polychoric correlations."""

import numpy as np
from scipy import special

from waistats.arrays import FloatArray
from waistats.reliability.polychoric import (
    LARGEST,
    Polychoric,
    cell_probabilities,
    cell_slopes,
    finite,
)

_TWO_PI = 2 * np.pi


def polychoric_influence(fit: Polychoric, gradient: FloatArray) -> FloatArray:
    """Return each person's influence on a function of the polychoric matrix.

    Parameters
    ----------
    fit : Polychoric
        Correlations without correction for empty cells.
    gradient : ndarray of shape (m, m)
        Symmetric derivative of the function by the correlations.

    Returns
    -------
    ndarray of shape (n,)
        Influences on the scale where the variance is ``sum(influence**2) / n**2``.

    Notes
    -----
    Two-step estimation (Muthen, 1984): the score of a correlation less what the
    thresholds' own influence makes of it. Information is taken from the sample tables,
    as in lavaan's ``NACOV``. With missing answers each pair counts its own people.
    """
    first, second = fit.pairs
    n, m = fit.codes.shape
    size = fit.thresholds.shape[1] - 1
    rho = np.clip(fit.correlation[first, second], -LARGEST, LARGEST)
    a, b = fit.thresholds[first], fit.thresholds[second]
    expected = np.maximum(cell_probabilities(a, b, rho), 1e-15)
    counts = fit.tables.sum((-1, -2))
    share = fit.tables / counts[:, None, None]
    ratio = np.where(share > 0, cell_slopes(a, b, rho) / expected, 0.0)
    information = (share * ratio**2).sum((-1, -2))
    weight = gradient[first, second] * 2 / np.maximum(information, 1e-12)
    mixed = share * ratio / expected
    by_row = _threshold_information(mixed, a, b, rho)
    by_column = _threshold_information(np.swapaxes(mixed, -1, -2), b, a, rho)
    on_thresholds = np.zeros((m, size - 1))
    np.add.at(on_thresholds, first, weight[:, None] * by_row)
    np.add.at(on_thresholds, second, weight[:, None] * by_column)
    form = np.zeros((m, size, m, size))
    form[first, :, second, :] = ratio * (weight * n / counts)[:, None, None]
    one_hot = fit.codes[..., None] == np.arange(size)
    flat = one_hot.reshape(n, m * size).astype(float)
    scores = ((flat @ form.reshape(m * size, m * size)) * flat).sum(1)
    answered = one_hot.any(-1)
    below = np.cumsum(one_hot, axis=-1)[..., :-1]
    share_below = below.sum(0) / answered.sum(0)[:, None]
    inner = fit.thresholds[:, 1:-1]
    density = np.exp(-(finite(inner) ** 2) / 2) / np.sqrt(_TWO_PI)
    usable = np.isfinite(inner)
    per_threshold = np.where(usable, on_thresholds / np.where(usable, density, 1), 0.0)
    per_threshold *= (n / answered.sum(0))[:, None]
    away = (below - share_below) * answered[..., None]
    influence: FloatArray = scores - (away * per_threshold).sum((1, 2))
    return influence


def _threshold_information(
    mixed: FloatArray, own: FloatArray, other: FloatArray, rho: FloatArray
) -> FloatArray:
    """Return the information (pairs, K - 1) between rho and the row thresholds."""
    at = finite(own[:, 1:-1])
    density = np.exp(-(at**2) / 2) / np.sqrt(_TWO_PI)
    root = np.sqrt((1 - rho) * (1 + rho))[:, None, None]
    limits = np.clip(other, -1e3, 1e3)
    given = special.ndtr(
        (limits[:, None, :] - rho[:, None, None] * at[..., None]) / root
    )
    slopes = density[..., None] * np.diff(given, axis=-1)
    information: FloatArray = (slopes * (mixed[:, :-1] - mixed[:, 1:])).sum(-1)
    return information
