r"""Sampling variances of published coefficients, from what a publication prints.

Alpha needs only n and the number of items. An intraclass correlation needs its form and
the number of ratings, omega its standardized loadings; what lacks them has no variance,
and is excluded with a reason.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, check_option

# the intraclass correlations whose law the numbers printed beside them determine
ICC_FORMS = ("1,1", "3,1", "1,k", "3,k")
# a unique variance this small is none: the delta method ends there
_HEYWOOD = 1e-6


def icc_form(text: object) -> str | None:
    """Return a form of the intraclass correlation as Shrout and Fleiss write it.

    Parameters
    ----------
    text : object
        A form as tables spell it: ``"ICC(3,1)"``, ``"3,k"``, ``"ICC3k"`` (psych).

    Returns
    -------
    str or None
        ``"1,1"`` to ``"3,k"``; None for anything else.

    Examples
    --------
    >>> icc_form("ICC(3, k)"), icc_form("ICC2"), icc_form("agreement")
    ('3,k', '2,1', None)
    """
    letters = re.sub(r"[^0-9A-Z]", "", str(text).upper()).removeprefix("ICC")
    found = re.fullmatch(r"([123])([1K]?)", letters)
    return None if found is None else f"{found[1]},{(found[2] or '1').lower()}"


def icc_variance(
    icc: ArrayLike,
    n: ArrayLike,
    n_raters: ArrayLike,
    form: str = "3,1",
    *,
    rater_share: ArrayLike | None = None,
    consistency: ArrayLike | None = None,
) -> FloatArray:
    r"""Return the sampling variance of intraclass correlations on their own scale.

    Parameters
    ----------
    icc : array_like of float
        Intraclass correlations below 1.
    n : array_like of int
        Targets, at least 2.
    n_raters : array_like of int
        Ratings of each target, at least 2.
    form : {"1,1", "2,1", "3,1", "1,k", "2,k", "3,k"}
        Shrout and Fleiss's form. The two forms of absolute agreement need one of the
        following.
    rater_share : array_like of float, optional
        Share of the raters in the variance of a rating.
    consistency : array_like of float, optional
        ICC(3,1) of the same ratings, from which that share follows.

    Returns
    -------
    ndarray
        Variances of the broadcast shape.

    Raises
    ------
    ModelError
        For ICC(2,1) or ICC(2,k) without ``rater_share`` or ``consistency``, or with two
        raters, whose level is known too badly.
    DataError
        For values out of range.

    Notes
    -----
    The delta method on the mean squares of normal ratings. With r of one rating and k
    ratings: ICC(3,1)
    :math:`2(1-r)^2(1+(k-1)r)^2/[k(k-1)(n-1)]`; ICC(1,1)
    :math:`(1-r)^2(1+(k-1)r)^2[2/(n-1)+2/(n(k-1))]/k^2`; ICC(2,1) with the shares e of
    error and q of raters, e = 1 - r - q,

    .. math::

        \frac{2(1-r)^2(kr+e)^2}{k^2(n-1)}
        + \frac{2(1+r(k-1-k/n))^2e^2}{k^2(n-1)(k-1)}
        + \frac{2r^2(nq+e)^2}{n^2(k-1)},

    whose last term does not shrink with n: only more raters tell their level better. A
    mean of k ratings R has the variance of its single rating r times
    :math:`(k/(1+(k-1)r)^2)^2`.

    Examples
    --------
    >>> icc_variance(0.6, 60, 3).round(6), icc_variance(0.6, 60, 3, "1,1").round(6)
    (np.float64(0.004375), np.float64(0.004351))
    """
    form = check_option("form", form, (*ICC_FORMS, "2,1", "2,k"))
    r, size, k = _checked(icc, n, n_raters)
    averaged = form.endswith("k")
    single = r / (k - (k - 1) * r) if averaged else r
    if form.startswith("2"):
        variance = _absolute(
            single, size, k, *_shares(single, k, rater_share, consistency)
        )
    else:
        common = (1 - single) ** 2 * (1 + (k - 1) * single) ** 2
        if form.startswith("3"):
            variance = 2 * common / (k * (k - 1) * (size - 1))
        else:
            variance = common / k**2 * (2 / (size - 1) + 2 / (size * (k - 1)))
    if averaged:
        variance = variance * (k / (1 + (k - 1) * single) ** 2) ** 2
    found: FloatArray = np.asarray(variance, dtype=np.float64)
    return found[()]


def icc_log_variance(
    n: ArrayLike, n_raters: ArrayLike, form: str = "3,k", *, exact: bool = False
) -> FloatArray:
    r"""Return the sampling variance of -ln(1 - R) of a mean of k ratings.

    Parameters
    ----------
    n : array_like of int
        Targets, at least 3.
    n_raters : array_like of int
        Ratings k of each target, at least 2.
    form : {"1,k", "3,k"}
        The form; it matters only to the exact variance.
    exact : bool
        The exact variance for normal ratings; by default Bonett's of alpha with
        raters as items, so that ICC(3,k), which is that alpha, keeps alpha's variance.

    Returns
    -------
    ndarray
        Variances: they do not depend on R.

    Notes
    -----
    :math:`2k/[(k-1)(n-2)]`, or exactly
    :math:`\psi'\{(n-1)/2\}+\psi'\{(n-1)(k-1)/2\}` for ICC(3,k); n(k - 1)/2 replaces the
    last for ICC(1,k).

    Examples
    --------
    >>> icc_log_variance(50, 3).round(4), icc_log_variance(50, 3, exact=True).round(10)
    (np.float64(0.0625), np.float64(0.0622784685))
    """
    form = check_option("form", form, ("1,k", "3,k"))
    _, size, k = _checked(0.0, n, n_raters, least=3)
    if not exact:
        return np.asarray(2 * k / ((k - 1) * (size - 2)), dtype=np.float64)[()]
    targets = size if form == "1,k" else size - 1
    first = special.polygamma(1, (size - 1) / 2)
    second = special.polygamma(1, targets * (k - 1) / 2)
    return np.asarray(first + second, dtype=np.float64)[()]


def omega_variance(
    loadings: ArrayLike, n: int, *, sds: ArrayLike | None = None
) -> tuple[float, float]:
    r"""Return omega total and its sampling variance from published loadings.

    Parameters
    ----------
    loadings : array_like of float, shape (m,)
        Standardized loadings of a one-factor maximum likelihood solution.
    n : int
        Respondents.
    sds : array_like of float, shape (m,), optional
        Standard deviations of the items. With them it is the omega of the sum of the
        items as answered; without, of the sum of the standardized items.

    Returns
    -------
    omega, variance : float
        On omega's own scale; divide the variance by (1 - omega)**2 for -ln(1 - omega).

    Raises
    ------
    DataError
        If a loading is not inside (-1, 1), which has no unique variance.
    ModelError
        If the information matrix is singular, as with fewer than three loadings.

    Notes
    -----
    With :math:`\Sigma=ll'+\mathrm{diag}(1-l^2)`, C the inverse of the expected
    information of loadings and unique variances per person, :math:`L=\sum l`,
    :math:`\Theta=\sum(1-l^2)`, :math:`D=L^2+\Theta` and
    :math:`h_i=2L(\Theta+Ll_i)/D^2`, the gradient of the omega of *standardized* items
    is :math:`h_i(1-l_i^2)` for loadings and :math:`-h_il_i/2` for unique variances, and
    the variance :math:`g'Cg/n`: items are standardized by the sample, and this allows
    for it. Normal answers are supposed. It does not hold for polychoric loadings or
    correlated errors.

    Examples
    --------
    >>> omega, variance = omega_variance([.8, .7, .6, .5, .7, .6], 200)
    >>> round(omega, 9), round(variance, 12)
    (0.816863588, 0.000379770009)
    """
    lam = np.asarray(loadings, dtype=np.float64)
    if lam.ndim != 1 or len(lam) < 3:
        raise ModelError(
            "omega needs the standardized loadings of at least 3 items; got "
            f"{lam.size if lam.ndim == 1 else f'{lam.ndim} dimensions'}."
        )
    if not np.all(np.abs(lam) < 1 - _HEYWOOD):
        raise DataError(
            "standardized loadings must lie between -1 and 1, but are "
            f"{', '.join(f'{x:g}' for x in lam if not abs(x) < 1 - _HEYWOOD)}. "
            "Unstandardized loadings need the items' residual variances."
        )
    if not n > len(lam):
        raise DataError(f"n must exceed the number of items, {len(lam)}; got {n:g}.")
    if sds is None:
        theta = 1 - lam**2
        length, rest = lam.sum(), theta.sum()
        total = length**2 + rest
        slope = 2 * length * (rest + length * lam) / total**2
        gradient = np.concatenate([slope * theta, -slope * lam / 2])
    else:
        sd = np.asarray(sds, dtype=np.float64)
        if sd.shape != lam.shape or not np.all(sd > 0):
            raise DataError(
                "sds must be as many positive numbers as there are loadings."
            )
        theta = (1 - lam**2) * sd**2
        lam = lam * sd
        length, rest = lam.sum(), theta.sum()
        total = length**2 + rest
        gradient = np.concatenate(
            [
                np.full(len(lam), 2 * length * rest / total**2),
                np.full(len(lam), -(length**2) / total**2),
            ]
        )
    information = _one_factor_information(lam, theta)
    try:
        direction = np.linalg.solve(information, gradient)
    except np.linalg.LinAlgError as error:
        raise ModelError(
            "these loadings do not identify a one-factor model, so omega has no "
            "sampling variance."
        ) from error
    return float(length**2 / total), float(gradient @ direction / n)


def _one_factor_information(lam: FloatArray, theta: FloatArray) -> FloatArray:
    """Return the expected information (2m, 2m) per person on loadings and uniques."""
    w = np.linalg.inv(np.outer(lam, lam) + np.diag(theta))
    scaled = w @ lam
    mixed = w * scaled
    top = w * (lam @ scaled) + np.outer(scaled, scaled)
    # column b of the mixed block is W_ab (W lambda)_b
    return np.block([[top, mixed], [mixed.T, w**2 / 2]])


def _checked(
    icc: ArrayLike, n: ArrayLike, n_raters: ArrayLike, *, least: int = 2
) -> tuple[FloatArray, FloatArray, FloatArray]:
    parts: list[Any] = [np.asarray(x, dtype=np.float64) for x in (icc, n, n_raters)]
    r, size, k = np.broadcast_arrays(*parts)
    problems = []
    if not np.all(r < 1):
        problems.append(f"an ICC must be below 1, but is {np.max(r):g}")
    if not np.all(size >= least):
        problems.append(f"n must be at least {least}, but is {np.min(size):g}")
    if not np.all(k >= 2):
        problems.append(f"n_raters must be at least 2, but is {np.min(k):g}")
    if problems:
        raise DataError(f"{'; '.join(problems)}.")
    return r, size, k


def _shares(
    r: FloatArray,
    k: FloatArray,
    rater_share: ArrayLike | None,
    consistency: ArrayLike | None,
) -> tuple[FloatArray, FloatArray]:
    """Return the shares of error and of raters in the variance of one rating."""
    if (rater_share is None) == (consistency is None):
        raise ModelError(
            "ICC(2,1) and ICC(2,k) need the raters' share of the variance: give "
            "rater_share=, or consistency= (ICC(3,1) of the same ratings)."
        )
    if np.any(k < 3):
        raise ModelError(
            "with two raters the variance of their levels has one degree of freedom, "
            "so ICC(2,1) and ICC(2,k) have no usable sampling variance."
        )
    if rater_share is not None:
        q = np.asarray(rater_share, dtype=np.float64)
        error = 1 - r - q
    else:
        c = np.asarray(consistency, dtype=np.float64)
        error = r * (1 - c) / c
        q = 1 - r - error
    if np.any(error < -1e-12) or np.any(q < -1e-12):
        raise DataError(
            "the shares of targets, raters and error must not be negative; agreement "
            "cannot exceed consistency."
        )
    return np.maximum(error, 0.0), np.maximum(q, 0.0)


def _absolute(
    r: FloatArray, n: FloatArray, k: FloatArray, error: FloatArray, q: FloatArray
) -> FloatArray:
    targets = 2 * (1 - r) ** 2 * (k * r + error) ** 2 / (k**2 * (n - 1))
    residual = (
        2 * (1 + r * (k - 1 - k / n)) ** 2 * error**2 / (k**2 * (n - 1) * (k - 1))
    )
    raters = 2 * r**2 * (n * q + error) ** 2 / (n**2 * (k - 1))
    found: FloatArray = targets + residual + raters
    return found
