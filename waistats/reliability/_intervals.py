"""Standard errors and confidence limits of alpha, on arrays of any batch shape.

Every function takes the n that was really used and returns unclipped limits.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from waistats._areas import critical
from waistats._format import fixed
from waistats._typing import FloatArray
from waistats.errors import check_option
from waistats.measures import alpha_variance, bonett_bias

Limits = tuple[FloatArray, FloatArray]


def feldt_limits(
    alpha: ArrayLike, n: ArrayLike, n_items: ArrayLike, conf_level: float = 0.95
) -> Limits:
    """Return Feldt's (1965) limits, exact for parallel normal items.

    (1 - population alpha) / (1 - alpha) follows F with n - 1 and (n - 1)(m - 1)
    degrees of freedom.
    """
    alpha = np.asarray(alpha, dtype=np.float64)
    df1 = np.asarray(n, dtype=np.float64) - 1
    df2 = df1 * (np.asarray(n_items, dtype=np.float64) - 1)
    tail = (1 - conf_level) / 2
    return (
        1 - (1 - alpha) * special.fdtri(df1, df2, 1 - tail),
        1 - (1 - alpha) * special.fdtri(df1, df2, tail),
    )


def bonett_variance(n: ArrayLike, n_items: ArrayLike) -> FloatArray:
    """Return Bonett's (2002) variance of -ln(1 - alpha), NaN below n = 3."""
    n = np.asarray(n, dtype=np.float64)
    return alpha_variance(0.0, np.where(n > 2, n, np.nan), n_items, "bonett")


def bonett_limits(
    alpha: ArrayLike,
    n: ArrayLike,
    n_items: ArrayLike,
    conf_level: float = 0.95,
    bias: str = "none",
) -> Limits:
    """Return Bonett's (2002) limits: normal on -ln(1 - alpha), and back.

    ``bias`` removes the bias of the transformed alpha first (see ``bonett_bias``).
    """
    rest = 1 - np.asarray(alpha, dtype=np.float64)
    shift = bonett_bias(n, n_items, bias)
    half = critical(conf_level) * np.sqrt(bonett_variance(n, n_items))
    return 1 - rest * np.exp(shift + half), 1 - rest * np.exp(shift - half)


def bonett_se(alpha: ArrayLike, n: ArrayLike, n_items: ArrayLike) -> FloatArray:
    """Return the standard error of alpha that Bonett's variance implies."""
    rest = 1 - np.asarray(alpha, dtype=np.float64)
    return rest * np.sqrt(bonett_variance(n, n_items))


def hakstian_whalen_variance(
    alpha: ArrayLike, n: ArrayLike, n_items: ArrayLike
) -> FloatArray:
    """Return Hakstian and Whalen's (1976) variance of 1 - (1 - alpha)**(1/3)."""
    return alpha_variance(alpha, n, n_items, "hakstian-whalen")


def hakstian_whalen_limits(
    alpha: ArrayLike, n: ArrayLike, n_items: ArrayLike, conf_level: float = 0.95
) -> Limits:
    """Return Hakstian and Whalen's limits: normal on the cube root, and back."""
    root = np.cbrt(1 - np.asarray(alpha, dtype=np.float64))
    half = critical(conf_level) * np.sqrt(hakstian_whalen_variance(alpha, n, n_items))
    return 1 - (root + half) ** 3, 1 - (root - half) ** 3


def hakstian_whalen_se(
    alpha: ArrayLike, n: ArrayLike, n_items: ArrayLike
) -> FloatArray:
    """Return the standard error of alpha that the cube-root variance implies."""
    root = np.cbrt(1 - np.asarray(alpha, dtype=np.float64))
    return 3 * root**2 * np.sqrt(hakstian_whalen_variance(alpha, n, n_items))


def normal_theory_se(
    covariance: FloatArray, gradient: FloatArray, n: ArrayLike
) -> FloatArray:
    """Return the standard error (...) of a function of covariances of normal items.

    The delta method, variance ``2 trace(GSGS) / n``. For alpha this is the closed form
    of van Zyl, Neudecker and Nel (2000), psych's ``ase``; MBESS computes it from
    correlations with n - 1, which differs slightly.
    """
    product = gradient @ covariance
    variance = 2 * np.einsum("...jk,...kj->...", product, product)
    values: FloatArray = np.sqrt(variance / np.asarray(n, dtype=np.float64))
    return values


# intervals of alpha by a formula for normal items
FORMULA_INTERVALS = ("feldt", "bonett", "hakstian-whalen")

# a formula's variance that is too small by this factor is worth a word: limits that are
# 14 % too narrow
STRAINED = 1.3


def is_strained(ratio: float, error: float) -> bool:
    """Return whether an interval by formula is too short: see `variance_strain`."""
    return bool(ratio >= STRAINED and ratio - error > 1)


def strain_words(ratio: float, error: float) -> str:
    """Return in words that Bonett's variance is too small, or ``""``."""
    if not is_strained(ratio, error):
        return ""
    return (
        f"The distribution-free variance of alpha is {fixed(ratio, 1)} times what "
        "Bonett's and Feldt's formulas assume"
    )


def wald_limits(
    estimate: ArrayLike, se: ArrayLike, conf_level: float = 0.95, scale: str = "raw"
) -> Limits:
    """Return estimate -/+ z se, on its own scale or on -ln(1 - estimate) and back."""
    scale = check_option("scale", scale, ("raw", "bonett"))
    estimate = np.asarray(estimate, dtype=np.float64)
    half = critical(conf_level) * np.asarray(se, dtype=np.float64)
    if scale == "raw":
        return estimate - half, estimate + half
    rest = 1 - estimate
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(rest > 0, half / rest, 0.0)
    return 1 - rest * np.exp(ratio), 1 - rest * np.exp(-ratio)
