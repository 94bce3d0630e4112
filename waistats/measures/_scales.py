"""Scales on which coefficients are pooled, and the way back."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from waistats._typing import FloatArray
from waistats.errors import check_option

MEASURES = ("bonett", "hakstian-whalen", "raw", "fisher-z")
BIASES = ("none", "bonett", "exact")


def transform(estimate: Any, measure: str = "bonett") -> FloatArray:
    r"""Put coefficients on a scale on which they can be pooled.

    Parameters
    ----------
    estimate : array_like of float
        Reliability coefficients, below 1.
    measure : {"bonett", "hakstian-whalen", "raw", "fisher-z"}
        The scale: :math:`-\ln(1-a)`, :math:`1-(1-a)^{1/3}`, :math:`a` or
        :math:`\operatorname{artanh} a`.

    Returns
    -------
    ndarray
        Values of the shape of ``estimate``; a larger value is a higher coefficient.

    Examples
    --------
    >>> transform([0.9, 0.8]).round(4)
    array([2.3026, 1.6094])
    """
    measure = check_option("measure", measure, MEASURES)
    a = np.asarray(estimate, dtype=float)
    if measure == "bonett":
        found: FloatArray = -np.log1p(-a)
        return found
    if measure == "hakstian-whalen":
        result: FloatArray = 1 - np.cbrt(1 - a)
        return result
    return a.copy() if measure == "raw" else np.arctanh(a)


def slope(estimate: Any, measure: str = "bonett") -> FloatArray:
    """Return the derivative of `transform`, for the delta method."""
    measure = check_option("measure", measure, MEASURES)
    a = np.asarray(estimate, dtype=float)
    if measure == "bonett":
        return 1 / (1 - a)
    if measure == "hakstian-whalen":
        found: FloatArray = np.cbrt(1 - a) ** -2.0 / 3
        return found
    return np.ones_like(a) if measure == "raw" else 1 / (1 - a**2)


def back_transform(values: Any, measure: str = "bonett") -> Any:
    r"""Return values from the pooling scale to the scale of the coefficient.

    Parameters
    ----------
    values : float, array_like, Series or DataFrame
        Values on the scale of ``measure``.
    measure : {"bonett", "hakstian-whalen", "raw", "fisher-z"}
        The scale.

    Returns
    -------
    float, ndarray, Series or DataFrame
        Coefficients, of the type and shape of ``values``.

    Notes
    -----
    The inverses are :math:`1-e^{-T}`, :math:`1-(1-T)^3`, :math:`T` and
    :math:`\tanh T`. A limit below zero stays below zero, where metafor's
    ``transf.iabt`` and ``transf.iahw`` return 0; :math:`T>1`, which no coefficient has
    on the Hakstian-Whalen scale, gives 1 in both. ``raw`` has no end: limits of few or
    small studies may pass 1, as in metafor, and say that the scale does not suit them.
    A back-transformed mean is the median of the coefficients, not their mean.

    Examples
    --------
    >>> round(back_transform(2.302585093), 6)
    0.9
    """
    measure = check_option("measure", measure, MEASURES)
    if isinstance(values, (pd.Series, pd.DataFrame)):
        t = values.astype(float)
    else:
        t = np.asarray(values, dtype=float)
    if measure == "bonett":
        back = -np.expm1(-t)
    elif measure == "hakstian-whalen":
        back = 1 - np.maximum(1 - t, 0) ** 3
    elif measure == "raw":
        back = t.copy()
    else:
        back = np.tanh(t)
    return float(back) if np.ndim(values) == 0 else back


def alpha_variance(estimate: Any, n: Any, n_items: Any, measure: str) -> FloatArray:
    r"""Return the sampling variance of a transformed alpha.

    Parameters
    ----------
    estimate, n, n_items : array_like
        Alpha, respondents (at least 3; 4 for Fisher z) and items (at least 2).
    measure : str
        The scale.

    Returns
    -------
    ndarray
        Variances of the broadcast shape.

    Notes
    -----
    With :math:`m` items: ``bonett`` :math:`2m/((m-1)(n-2))` [1]_; ``raw`` the same
    times :math:`(1-a)^2`; ``hakstian-whalen``
    :math:`18m(n-1)(1-a)^{2/3}/((m-1)(9n-11)^2)` [2]_; ``fisher-z`` :math:`1/(n-3)`,
    which ignores :math:`m` and is wrong for alpha: it is here to compare with older
    studies. The first three equal metafor's ``ABT``, ``ARAW`` and ``AHW``.

    References
    ----------
    .. [1] Bonett, D. G. (2002). Journal of Educational and Behavioral Statistics, 27,
       335-340.
    .. [2] Hakstian, A. R., & Whalen, T. E. (1976). Psychometrika, 41, 219-231.
    """
    measure = check_option("measure", measure, MEASURES)
    a, n, m = (np.asarray(x, dtype=float) for x in (estimate, n, n_items))
    factor = m / (m - 1)
    if measure == "bonett":
        found: FloatArray = 2 * factor / (n - 2) + 0 * a
        return found
    if measure == "raw":
        result: FloatArray = 2 * factor * (1 - a) ** 2 / (n - 2)
        return result
    if measure == "hakstian-whalen":
        array: FloatArray = (
            18 * factor * (n - 1) * np.cbrt(1 - a) ** 2 / (9 * n - 11) ** 2
        )
        return array
    made: FloatArray = 1 / (n - 3) + 0 * a * m
    return made


def bonett_bias(n: Any, n_items: Any, bias: str) -> FloatArray:
    r"""Return the bias of a sample's :math:`-\ln(1-a)`.

    ``"bonett"`` is Bonett's :math:`-\ln(n/(n-1))`; ``"exact"`` follows from the F law
    of alpha, :math:`[\psi(d_1/2)-\ln(d_1/2)]-[\psi(d_2/2)-\ln(d_2/2)]` with
    :math:`d_1=n-1, d_2=(n-1)(m-1)`; Bonett's term over-corrects short scales.
    """
    bias = check_option("bias", bias, BIASES)
    n, m = np.asarray(n, dtype=float), np.asarray(n_items, dtype=float)
    if bias == "none":
        return np.zeros(np.broadcast_shapes(n.shape, m.shape))
    if bias == "bonett":
        found: FloatArray = -np.log(n / (n - 1)) + 0 * m
        return found
    half1, half2 = (n - 1) / 2, (n - 1) * (m - 1) / 2
    result: FloatArray = (
        special.digamma(half1) - np.log(half1) - special.digamma(half2) + np.log(half2)
    )
    return result
