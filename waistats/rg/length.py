"""Reliability and test length."""

from typing import Any

import numpy as np
import pandas as pd

from waistats._typing import FloatArray
from waistats.errors import DataError


def _checked(estimate: Any, n_items: Any) -> tuple[FloatArray, FloatArray]:
    a = np.asarray(estimate, dtype=float)
    m = np.asarray(n_items, dtype=float)
    if np.any(a > 1):
        raise DataError("Coefficients must not be above 1.")
    if np.any(m <= 0):
        raise DataError("Numbers of items must be positive.")
    return a, m


def spearman_brown(estimate: Any, n_items: Any, target: Any) -> Any:
    r"""Project coefficients to another number of parallel items.

    Parameters
    ----------
    estimate : float, array_like or Series
        Coefficients of scales with ``n_items`` items.
    n_items : float or array_like
        Their numbers of items.
    target : float or array_like
        The common number of items.

    Returns
    -------
    float, ndarray or Series
        Coefficients at the common length.

    Raises
    ------
    DataError
        For coefficients above 1, numbers of items that are not positive, and negative
        coefficients that have no counterpart at the target length.

    Notes
    -----
    :math:`a_f=fa/(1+(f-1)a)` with :math:`f=m_{target}/m`. It holds for parallel items;
    it compares forms of different length and is not a way to pool different scales. The
    moderator :math:`\ln m` is current practice.

    Examples
    --------
    >>> round(spearman_brown(.91, 12, 36), 4), round(spearman_brown(.95, 36, 12), 4)
    (0.9681, 0.8636)
    """
    a, m = _checked(estimate, n_items)
    _, goal = _checked(0.0, target)
    f = goal / m
    below = 1 + (f - 1) * a
    if np.any(below <= 0):
        raise DataError(
            "A negative coefficient cannot be projected to this length: its mean "
            "inter-item correlation is not possible there."
        )
    out = f * a / below
    if isinstance(estimate, pd.Series):
        return pd.Series(out, index=estimate.index, name=estimate.name)
    return float(out) if out.ndim == 0 else out


def mean_inter_item_correlation(estimate: Any, n_items: Any) -> Any:
    r"""Return the mean inter-item correlation that a standardized alpha implies.

    :math:`\bar r=a/(m-(m-1)a)`: free of length, so versions can be compared on it.

    Parameters
    ----------
    estimate : float, array_like or Series
        Standardized alpha.
    n_items : int or array_like of int
        Items behind it.

    Returns
    -------
    float, ndarray or Series
        The correlation, of the shape of ``estimate``.

    Examples
    --------
    >>> round(mean_inter_item_correlation(.91, 12), 4)
    0.4573
    """
    a, m = _checked(estimate, n_items)
    out = a / (m - (m - 1) * a)
    if isinstance(estimate, pd.Series):
        return pd.Series(out, index=estimate.index, name=estimate.name)
    return float(out) if out.ndim == 0 else out


def lengthening_factor(estimate: Any, target: Any) -> Any:
    """Return how many times longer a scale must be to reach a target coefficient.

    Parameters
    ----------
    estimate : float or array_like
        The coefficient of the scale as it is, between 0 and 1.
    target : float or array_like
        The coefficient that is wanted, between 0 and 1.

    Returns
    -------
    float or ndarray
        2 for twice as many items of the same kind.

    Examples
    --------
    >>> round(lengthening_factor(.80, .90), 2)
    2.25
    """
    a, _ = _checked(estimate, 1)
    goal, _ = _checked(target, 1)
    if np.any((a <= 0) | (a >= 1) | (goal <= 0) | (goal >= 1)):
        raise DataError("Both coefficients must lie between 0 and 1.")
    out = goal * (1 - a) / (a * (1 - goal))
    return float(out) if out.ndim == 0 else out
