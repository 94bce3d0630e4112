"""How many respondents a study of, or with, a reliability needs."""

from functools import partial
from typing import Any

import numpy as np
from scipy import special

from waistats._typing import FloatArray
from waistats.errors import ModelError, check_conf_level, check_option
from waistats.meta._distributions import critical
from waistats.practice._source import across, check_alpha, check_range, like, numbers


def sample_size_for_alpha(
    alpha: Any,
    n_items: Any,
    *,
    width: Any = None,
    null: Any = None,
    alpha2: Any = None,
    n_items2: Any = None,
    power: float = 0.80,
    conf_level: float = 0.95,
    bias: str = "bonett",
) -> Any:
    r"""Return the respondents needed to estimate, test or compare alphas.

    Parameters
    ----------
    alpha : float, array_like, model or study
        Alpha that is expected; the lower prediction limit is the cautious choice. A
        fitted model gives the answer at its estimate and at both limits.
    n_items : int or array_like
        Items of the scale.
    width : float or array_like, optional
        Whole width of the confidence interval that is wanted.
    null : float or array_like, optional
        Value that alpha is to be told from.
    alpha2 : float or array_like, optional
        Alpha of a second, independent group; the answer is the size of each group.
    n_items2 : int or array_like, optional
        Items in the second group; those of the first by default.
    power : float, default 0.80
        Probability of telling them apart, for ``null`` and ``alpha2``.
    conf_level : float, default 0.95
        Level of the interval; tests are two-sided at one minus this level.
    bias : {"bonett", "none"}
        Interval whose width is meant: with Bonett's bias correction, or plain.

    Returns
    -------
    int or ndarray of int
        Respondents (of each group). With a model, a Series indexed ``estimate, pi_low,
        pi_high``.

    Raises
    ------
    ModelError
        Unless exactly one of ``width``, ``null`` and ``alpha2`` is given.
    DataError
        For values out of range.

    Notes
    -----
    With :math:`f=m/(m-1)` [1]_, for a width w first
    :math:`n_0=\lceil 8f(1-\alpha)^2(z/w)^2+2\rceil`, then
    :math:`\lceil (n_0-2)(w_0/w)^2+2\rceil` where
    :math:`w_0=2(1-\alpha)\frac{n_0-1}{n_0}\sinh(z\sqrt{2f/(n_0-2)})` is the width at
    :math:`n_0` (without :math:`(n_0-1)/n_0` for ``bias="none"``). For a test
    :math:`\lceil 2f(z_{\alpha/2}+z_\beta)^2/\ln^2\frac{1-\alpha}{1-h}+2\rceil`; for two
    groups the sum of both f takes the place of f. statpsych 1.9's
    ``size.ci.cronbach`` places the 2 inside the product and differs.

    References
    ----------
    .. [1] Bonett, D. G. (2002). Journal of Educational and Behavioral Statistics, 27,
       335-340.

    Examples
    --------
    >>> sample_size_for_alpha(.90, 12, width=.05)
    137
    >>> sample_size_for_alpha(.88, 12, null=.80), sample_size_for_alpha(
    ...     .85, 12, alpha2=.90)
    (68, 211)
    """
    check_conf_level(conf_level)
    check_option("bias", bias, ("bonett", "none"))
    goals = {"width": width, "null": null, "alpha2": alpha2}
    given = [name for name, value in goals.items() if value is not None]
    if len(given) != 1:
        raise ModelError(
            "Give exactly one of width (of an interval), null (a value to test "
            f"against) and alpha2 (a second group); got {', '.join(given) or 'none'}."
        )
    if n_items2 is not None and alpha2 is None:
        raise ModelError("n_items2 belongs to a second group; give alpha2 too.")
    m = numbers("n_items", n_items)
    check_range("n_items", m, 2, np.inf)
    goal = numbers(given[0], goals[given[0]])
    others = {"m": m, "goal": goal}
    z = critical(conf_level, None)
    series = (n_items, goals[given[0]])
    if given[0] == "width":
        check_range("width", goal, 0, 1, open_low=True, open_high=True)
        formula = partial(_for_width, z=z, bias=bias)
    else:
        check_alpha(given[0], goal, below_one=True)
        others["m2"] = _second(m, n_items2, two=alpha2 is not None)
        formula = partial(_for_test, total=z + _power_quantile(power))
    return across(formula, alpha, others, series=series, below_one=True)


def _second(m: FloatArray, n_items2: Any, *, two: bool) -> FloatArray:
    """Return the items of the second group, NaN where there is none."""
    if not two:
        return np.full(m.shape, np.nan)
    if n_items2 is None:
        return m
    second = numbers("n_items2", n_items2)
    check_range("n_items2", second, 2, np.inf)
    return second


def _power_quantile(power: float) -> float:
    check_range("power", numbers("power", power), 0, 1, open_low=True, open_high=True)
    return float(special.ndtri(power))


def whole(n: FloatArray) -> Any:
    """Return sizes rounded up; a hair above a whole number is that number."""
    up = np.ceil(n - 1e-9)
    return up if np.isnan(up).any() else up.astype(np.int64)


def _for_width(
    a: FloatArray, m: FloatArray, goal: FloatArray, *, z: float, bias: str
) -> Any:
    factor = m / (m - 1)
    first = np.ceil(8 * factor * (1 - a) ** 2 * (z / goal) ** 2 + 2 - 1e-9)
    first = np.maximum(first, 3)
    reached = 2 * (1 - a) * np.sinh(z * np.sqrt(2 * factor / (first - 2)))
    if bias == "bonett":
        reached = reached * (first - 1) / first
    return whole(np.maximum((first - 2) * (reached / goal) ** 2 + 2, 3))


def _for_test(
    a: FloatArray, m: FloatArray, goal: FloatArray, m2: FloatArray, *, total: float
) -> Any:
    second = np.where(np.isnan(m2), 0.0, m2 / (m2 - 1))
    distance = np.log1p(-a) - np.log1p(-goal)
    if np.any(distance == 0):
        raise ModelError("The alphas to be told apart are equal; no size is enough.")
    n = 2 * (m / (m - 1) + second) * (total / distance) ** 2 + 2
    return whole(np.maximum(n, 3))


def sample_size_for_correlation(
    rho: Any,
    alpha_x: Any = 1.0,
    alpha_y: Any = 1.0,
    *,
    power: float = 0.80,
    conf_level: float = 0.95,
) -> Any:
    r"""Return the respondents needed to find a correlation, given unreliability.

    Parameters
    ----------
    rho : float or array_like
        Correlation of the true scores.
    alpha_x, alpha_y : float or array_like
        Reliabilities of both scores.
    power : float, default 0.80
        Probability of a significant correlation.
    conf_level : float, default 0.95
        The test is two-sided at one minus this level.

    Returns
    -------
    int or ndarray of int
        Respondents.

    Raises
    ------
    DataError
        For values out of range.

    Notes
    -----
    :math:`\lceil((z_{\alpha/2}+z_\beta)/
    \operatorname{artanh}(\rho\sqrt{\alpha_x\alpha_y}))^2+3\rceil`.

    Examples
    --------
    >>> sample_size_for_correlation(.30), sample_size_for_correlation(.30, .92, .90)
    (85, 104)
    """
    check_conf_level(conf_level)
    true = numbers("rho", rho)
    check_range("rho", true, -1, 1, open_low=True, open_high=True)
    x, y = numbers("alpha_x", alpha_x), numbers("alpha_y", alpha_y)
    check_alpha("alpha_x", x, above_zero=True)
    check_alpha("alpha_y", y, above_zero=True)
    if np.any(true == 0):
        raise ModelError("rho is 0; no size is enough to find it.")
    total = critical(conf_level, None) + _power_quantile(power)
    n = (total / np.arctanh(true * np.sqrt(x * y))) ** 2 + 3
    return like(whole(n), (rho, alpha_x, alpha_y))
