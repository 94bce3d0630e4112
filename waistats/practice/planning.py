"""How many respondents a study of, or with, a reliability needs."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import special

from waistats._areas import critical
from waistats._format import coefficient, counted
from waistats._published_variances import omega_variance
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, check_conf_level, check_option
from waistats.measures import transform
from waistats.practice._source import across, check_alpha, check_range, like, numbers
from waistats.reliability._ratings import FORMS, icc_widths


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
    assurance: float | None = None,
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
        Full width of the confidence interval that is wanted.
    null : float or array_like, optional
        Value to test alpha against.
    alpha2 : float or array_like, optional
        Alpha of a second, independent group; the answer is the size of each group.
    n_items2 : int or array_like, optional
        Items in the second group; those of the first by default.
    power : float, default 0.80
        Power of the test, for ``null`` and ``alpha2``.
    conf_level : float, default 0.95
        Level of the interval; tests are two-sided at one minus this level.
    bias : {"bonett", "none"}
        Interval whose width is meant: with Bonett's bias correction, or plain.
    assurance : float, optional
        Probability, such as .80 or .95, that the interval is no wider than ``width``.
        Without it the width at the expected alpha is meant, which about half of all
        samples exceed.

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

    With ``assurance``, the smallest n for which :math:`P\{(1-a)c_n\le
    w\}=P\{F\ge(1-\alpha)c_n/w\}` reaches it, where the width is :math:`(1-a)c_n` and
    :math:`F` has n - 1 and (n - 1)(m - 1) degrees of freedom: the exact distribution of
    alpha of parallel normal items (Feldt, 1965).

    References
    ----------
    .. [1] Bonett, D. G. (2002). Journal of Educational and Behavioral Statistics, 27,
       335-340.

    Examples
    --------
    >>> sample_size_for_alpha(.90, 12, width=.05)
    137
    >>> sample_size_for_alpha(.90, 12, width=.05, assurance=.80)
    168
    >>> sample_size_for_alpha(.88, 12, null=.80), sample_size_for_alpha(
    ...     .85, 12, alpha2=.90)
    (68, 211)
    """
    check_conf_level(conf_level)
    bias = check_option("bias", bias, ("bonett", "none"))
    goals = {"width": width, "null": null, "alpha2": alpha2}
    given = [name for name, value in goals.items() if value is not None]
    if len(given) != 1:
        raise ModelError(
            "Give exactly one of width (of an interval), null (a value to test "
            f"against) and alpha2 (a second group); got {', '.join(given) or 'none'}."
        )
    if assurance is not None:
        if width is None:
            raise ModelError("assurance belongs to a width; give width too.")
        check_assurance(assurance)
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
        if assurance is not None:
            formula = partial(_assured, z=z, bias=bias, assurance=float(assurance))
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


def check_assurance(assurance: Any) -> None:
    """Raise a DataError unless this is a probability inside 0 and 1."""
    value = numbers("assurance", assurance)
    check_range("assurance", value, 0, 1, open_low=True, open_high=True)


def _assured(
    a: FloatArray,
    m: FloatArray,
    goal: FloatArray,
    *,
    z: float,
    bias: str,
    assurance: float,
) -> Any:
    """Return the smallest n whose interval is narrow enough in so many samples."""

    def reached(n: FloatArray) -> FloatArray:
        spread = 2 * np.sinh(z * np.sqrt(2 * m / ((m - 1) * (n - 2))))
        if bias == "bonett":
            spread = spread * (n - 1) / n
        found: FloatArray = special.fdtrc(
            n - 1, (n - 1) * (m - 1), (1 - a) * spread / goal
        )
        return found

    return smallest(
        reached, assurance, np.broadcast_shapes(a.shape, m.shape, goal.shape)
    )


def smallest(
    reached: Callable[[FloatArray], FloatArray],
    wanted: float,
    shape: tuple[int, ...],
    *,
    least: int = 4,
) -> Any:
    """Return the smallest whole n (of a shape) from which a probability is reached.

    NaN where it is not defined.
    """
    low, high = np.full(shape, float(least)), np.full(shape, 2.0 * least)
    for _ in range(40):
        short = reached(high) < wanted
        if not short.any():
            break
        low, high = np.where(short, high, low), np.where(short, 2 * high, high)
    else:
        raise ModelError(
            "No size below four billion is enough; ask for a wider interval."
        )
    for _ in range(64):
        if (high - low <= 1).all():
            break
        middle = np.floor((low + high) / 2)
        enough = reached(middle) >= wanted
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle)
    first = reached(np.full(shape, float(least)))
    n = np.where(first >= wanted, float(least), high)
    return whole(np.where(np.isnan(first), np.nan, n))


def _for_test(
    a: FloatArray, m: FloatArray, goal: FloatArray, m2: FloatArray, *, total: float
) -> Any:
    second = np.where(np.isnan(m2), 0.0, m2 / (m2 - 1))
    distance = transform(goal) - transform(a)
    if np.any(distance == 0):
        raise ModelError("The alphas to be compared are equal; no size is enough.")
    n = 2 * (m / (m - 1) + second) * (total / distance) ** 2 + 2
    return whole(np.maximum(n, 3))


def sample_size_for_omega(
    loadings: Any,
    *,
    width: float,
    assurance: float | None = None,
    conf_level: float = 0.95,
) -> int:
    r"""Return the respondents needed to estimate omega total to a given width.

    Parameters
    ----------
    loadings : array_like of float, shape (m,)
        Standardized loadings that are expected, of at least three items.
    width : float
        Full width of the confidence interval that is wanted.
    assurance : float, optional
        Probability, such as .80 or .95, that the interval is no wider. Without it the
        width at the expected omega is meant.
    conf_level : float
        Level of the interval.

    Returns
    -------
    int
        Respondents.

    Raises
    ------
    DataError
        If a loading is not inside (-1, 1), or for values out of range.

    Notes
    -----
    The interval is symmetric on -ln(1 - omega), with the variance v/n there that the
    loadings imply for normal answers (``omega_total(ci="normal-theory")``); its width is
    :math:`2(1-\hat\omega)\sinh(z\sqrt{v/n})`. With assurance, :math:`\ln(1-\hat\omega)`
    is taken as normal with variance v/n: a large-sample approximation.

    Examples
    --------
    >>> sample_size_for_omega([.8, .7, .6, .5, .7, .6], width=.08)
    196
    >>> sample_size_for_omega([.8, .7, .6, .5, .7, .6], width=.08, assurance=.80)
    232
    """
    check_conf_level(conf_level)
    goal = numbers("width", width)
    check_range("width", goal, 0, 1, open_low=True, open_high=True)
    lam = np.asarray(loadings, dtype=np.float64)
    # any n gives the variance of one respondent; the sums are of items as answered
    some = lam.size + 100
    omega, variance = omega_variance(lam, some, sds=np.ones(lam.size))
    v = variance * some / (1 - omega) ** 2
    z = critical(conf_level, None)
    beyond = 0.0
    if assurance is not None:
        check_assurance(assurance)
        beyond = float(special.ndtri(float(assurance)))

    def reached(n: FloatArray) -> FloatArray:
        root = np.sqrt(v / n)
        wide = 2 * (1 - omega) * np.exp(beyond * root) * np.sinh(z * root)
        return np.asarray(wide <= goal, dtype=np.float64)

    return int(smallest(reached, 1.0, (), least=lam.size + 1))


def sample_size_for_icc(
    icc: float,
    n_raters: int,
    *,
    width: float,
    form: str = "2,1",
    rater_share: float | None = None,
    assurance: float | None = None,
    conf_level: float = 0.95,
) -> int:
    r"""Return the targets needed to estimate an intraclass correlation to a width.

    Parameters
    ----------
    icc : float
        Intraclass correlation that is expected, of the form that is meant.
    n_raters : int
        Ratings of each target.
    width : float
        Full width of the confidence interval that is wanted.
    form : {"1,1", "2,1", "3,1", "1,k", "2,k", "3,k"}
        Shrout and Fleiss's form.
    rater_share : float, optional
        For form 2: share of the raters' levels in the variance of one rating; 0 by
        default.
    assurance : float, optional
        Probability, such as .80 or .95, that the interval is no wider. Without it the
        expected width is meant.
    conf_level : float
        Level of the interval.

    Returns
    -------
    int
        Targets.

    Raises
    ------
    DataError
        For values out of range.
    ModelError
        If no number of targets is enough: with few raters the raters' own level stays
        unknown however many targets they rate.

    Notes
    -----
    The distribution of the mean squares of normal ratings is known, so
    width and probability are integrals over it; no simulation and no large-sample
    formula is used. Forms 1 and 3 need one F, form 2 three chi-squares (4,096
    quasi-random nodes).

    Examples
    --------
    >>> sample_size_for_icc(.80, 3, width=.15, form="3,1")
    65
    >>> sample_size_for_icc(.80, 3, width=.15, form="3,1", assurance=.80)
    80
    """
    check_conf_level(conf_level)
    form = check_option("form", form, FORMS)
    goal = numbers("width", width)
    check_range("width", goal, 0, 1, open_low=True, open_high=True)
    r, k = float(numbers("icc", icc)), float(numbers("n_raters", n_raters))
    check_range("icc", numbers("icc", icc), 0, 1, open_low=True, open_high=True)
    check_range("n_raters", numbers("n_raters", n_raters), 2, np.inf)
    if rater_share is not None and not form.startswith("2"):
        raise ModelError("rater_share belongs to forms 2,1 and 2,k.")
    share = 0.0 if rater_share is None else float(numbers("rater_share", rater_share))
    if assurance is not None:
        check_assurance(assurance)
    single = r / (k - (k - 1) * r) if form.endswith("k") else r
    error = 1 - single - share
    if not (share >= 0 and error > 0):
        raise DataError(
            f"rater_share must be at least 0 and leave some error; got {share:g} with "
            f"an ICC of one rating of {coefficient(single)}."
        )

    def reached(n: FloatArray) -> FloatArray:
        found = [
            icc_widths(int(size), int(k), form, single, share, error, conf_level)
            for size in np.atleast_1d(n)
        ]
        if assurance is None:
            enough = [float(widths.mean() <= goal) for widths in found]
        else:
            enough = [float((widths <= goal).mean() >= assurance) for widths in found]
        return np.asarray(enough).reshape(np.shape(n))

    limit = icc_widths(10**7, int(k), form, single, share, error, conf_level)
    ends = (limit <= goal).mean() >= assurance if assurance else limit.mean() <= goal
    if not ends:
        raise ModelError(
            f"No number of targets gives this width with {counted(k, 'rater')}: the "
            "variance of the raters' levels remains unknown. Plan more raters, or "
            "form '3,1'."
        )
    return int(smallest(reached, 1.0, ()))


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
