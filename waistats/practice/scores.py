"""What a reliability means for one person's score and for its change.

Correlations between true scores, and what measurement error hides of them.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats._caller import outside
from waistats._format import Result, coefficient, counted, fixed, interval, level
from waistats._signature import renamed
from waistats._typing import FloatArray
from waistats.errors import ModelError, check_conf_level, check_option
from waistats.measures import slope
from waistats.practice._source import (
    across,
    alpha_points,
    check_alpha,
    check_positive,
    check_range,
    like,
    numbers,
)
from waistats.rg.as_model import as_model, has_model

KINDS = ("measurement", "estimation", "prediction")


@renamed(kind="of")
def standard_error_of_measurement(
    sd: Any, alpha: Any, *, of: str = "measurement"
) -> Any:
    r"""Return the standard error of one person's score.

    Parameters
    ----------
    sd : float or array_like
        Standard deviation of the scores, on the metric that the answer is wanted on.
    alpha : float, array_like, model or study
        Reliability; or a fitted model, for its estimate and both ends of its
        prediction interval.
    of : {"measurement", "estimation", "prediction"}
        Of the observed around the true score; of the true score around Kelley's
        estimate; or of a retest around the score that is expected from the first.

    Returns
    -------
    float or ndarray
        In the units of ``sd``. With a model, a Series indexed ``estimate, pi_low,
        pi_high``, or a frame with those columns for several ``sd``.

    Raises
    ------
    DataError
        For an ``sd`` that is not positive or an ``alpha`` outside 0 ... 1.

    Notes
    -----
    :math:`s\sqrt{1-\alpha}`, :math:`s\sqrt{\alpha(1-\alpha)}` and
    :math:`s\sqrt{1-\alpha^2}` [1]_. A prediction limit below 0 counts as 0, so that no
    error exceeds the spread of the scores.

    References
    ----------
    .. [1] Dudek, F. J. (1979). Psychological Bulletin, 86, 335-337.

    Examples
    --------
    >>> round(standard_error_of_measurement(9, .92), 3)
    2.546
    """
    of = check_option("of", of, KINDS)
    s = numbers("sd", sd)
    check_positive("sd", s)

    def formula(a: FloatArray, s: FloatArray) -> FloatArray:
        if of == "measurement":
            return s * np.sqrt(1 - a)
        return s * np.sqrt(a * (1 - a) if of == "estimation" else 1 - a**2)

    return across(formula, alpha, {"s": s}, series=(sd,))


def reliable_change(
    sd: Any, alpha: Any, change: Any = None, conf_level: float = 0.95
) -> Any:
    r"""Return how large a change must be to exceed measurement error.

    Parameters
    ----------
    sd : float or array_like
        Standard deviation of the scores.
    alpha : float, array_like, model or study
        Reliability; or a fitted model, for its estimate and both ends of its
        prediction interval.
    change : float or array_like, optional
        A change that was observed.
    conf_level : float, default 0.95
        Two-sided confidence that a person without change stays below.

    Returns
    -------
    float or ndarray
        The smallest reliable change, in the units of ``sd``; with ``change``, the
        reliable change index, which is reliable beyond +/-1.96 (at 95%). With a model,
        a Series indexed ``estimate, pi_low, pi_high``.

    Raises
    ------
    DataError
        For an ``sd`` that is not positive or an ``alpha`` outside 0 ... 1.

    Notes
    -----
    :math:`z\,s\sqrt{2(1-\alpha)}` and :math:`\Delta/(s\sqrt{2(1-\alpha)})`
    [1]_. Alpha does not include transient error: for a change between sessions a
    test-retest reliability is the right one, and alpha calls too many changes reliable.

    References
    ----------
    .. [1] Jacobson, N. S., & Truax, P. (1991). Journal of Consulting and Clinical
       Psychology, 59, 12-19.

    Examples
    --------
    >>> round(reliable_change(9, .92), 2), round(reliable_change(9, .92, 8), 2)
    (7.06, 2.22)
    """
    check_conf_level(conf_level)
    s = numbers("sd", sd)
    check_positive("sd", s)
    others = {"s": s}
    if change is not None:
        others["difference"] = numbers("change", change)
    z = critical(conf_level, None)

    def formula(
        a: FloatArray, s: FloatArray, difference: FloatArray | None = None
    ) -> FloatArray:
        spread = s * np.sqrt(2 * (1 - a))
        return z * spread if difference is None else difference / spread

    return across(
        formula, alpha, others, series=(sd, change), below_one=change is not None
    )


def kelley_true_score(
    score: Any, mean: float, sd: float, alpha: float, *, conf_level: float = 0.95
) -> pd.DataFrame:
    r"""Estimate true scores by regression towards the mean (Kelley).

    Parameters
    ----------
    score : float or array_like
        Observed scores.
    mean, sd : float
        Mean and standard deviation of the persons' population.
    alpha : float
        Reliability.
    conf_level : float, default 0.95
        Level of the interval.

    Returns
    -------
    DataFrame
        One row per score: ``score, estimate, se, ci_low, ci_high``.

    Raises
    ------
    DataError
        For an ``sd`` that is not positive or an ``alpha`` outside 0 ... 1.

    Notes
    -----
    :math:`\hat T=M+\alpha(x-M)` with standard error of estimation
    :math:`s\sqrt{\alpha(1-\alpha)}` [1]_.

    References
    ----------
    .. [1] Kelley, T. L. (1947). Fundamentals of statistics. Harvard University Press.

    Examples
    --------
    >>> kelley_true_score(36, mean=48, sd=9, alpha=.92).round(3)
       score  estimate     se  ci_low  ci_high
    0   36.0     36.96  2.442  32.174   41.746
    """
    check_conf_level(conf_level)
    x, center = np.atleast_1d(numbers("score", score)), numbers("mean", mean)
    a = numbers("alpha", alpha)
    check_alpha("alpha", a)
    estimate = center + a * (x - center)
    se = standard_error_of_measurement(sd, alpha, of="estimation") + 0 * x
    half = critical(conf_level, None) * se
    columns = {"score": x, "estimate": estimate, "se": se}
    columns |= {"ci_low": estimate - half, "ci_high": estimate + half}
    index = score.index if isinstance(score, pd.Series) else None
    return pd.DataFrame(columns, index=index)


def restrict_range(sd: Any, alpha: Any, new_sd: Any) -> Any:
    r"""Return alpha at another standard deviation, with the same error variance.

    Parameters
    ----------
    sd, alpha : float or array_like
        Standard deviation and alpha of the scores where they are known.
    new_sd : float or array_like
        Standard deviation of the scores elsewhere, on the same metric.

    Returns
    -------
    float or ndarray
        Below 0 where the errors alone would spread more than ``new_sd``. With a model
        for ``alpha``, a Series indexed ``estimate, pi_low, pi_high``.

    Raises
    ------
    DataError
        For standard deviations that are not positive or an ``alpha`` outside 0 ... 1.

    Notes
    -----
    :math:`1-(s_0^2/s_1^2)(1-\alpha_0)`. `spread_analysis` tells whether errors are
    indeed the same across samples.

    Examples
    --------
    >>> round(restrict_range(9, .92, 6), 3), round(restrict_range(9, .92, 12), 3)
    (0.82, 0.955)
    """
    s0, s1 = numbers("sd", sd), numbers("new_sd", new_sd)
    check_positive("sd", s0)
    check_positive("new_sd", s1)

    def formula(a: FloatArray, s0: FloatArray, s1: FloatArray) -> FloatArray:
        return 1 - (s0 / s1) ** 2 * (1 - a)

    return across(formula, alpha, {"s0": s0, "s1": s1}, series=(sd, new_sd))


def interpret_reliability(alpha: Any) -> Any:
    """Say what scores with this reliability are usually considered adequate for.

    Parameters
    ----------
    alpha : float or array_like
        Reliabilities.

    Returns
    -------
    str or ndarray of str
        By the convention of Nunnally: .70 for research, .80 for decisions on groups,
        .90 for decisions on persons; above .95 a warning of redundant items.

    Examples
    --------
    >>> interpret_reliability(.84)
    'good enough for decisions about groups, not about individuals'
    """
    a = numbers("alpha", alpha)
    rules = [
        (np.isnan(a), "not known"),
        (a < 0.70, "too low even for research"),
        (a < 0.80, "good enough for research, not for decisions"),
        (a < 0.90, "good enough for decisions about groups, not about individuals"),
        (a <= 0.95, "good enough for decisions about individuals"),
    ]
    conditions, words = zip(*rules, strict=True)
    text = np.select(
        conditions,
        words,
        "good enough for decisions about individuals; above .95 items may be redundant",
    )
    return like(text, (alpha,))


def _old(name: str, new: str) -> None:
    warnings.warn(
        f"{name}() is now {new}; the old name will be removed in the next version.",
        DeprecationWarning,
        stacklevel=outside(),
    )


def range_change(alpha: Any, sd: Any, new_sd: Any) -> Any:
    """Return what `restrict_range` does: the old name, with the old order.

    Parameters
    ----------
    alpha, sd, new_sd : float or array_like
        As `restrict_range` takes them.
    """
    _old("range_change", "restrict_range(sd, alpha, new_sd)")
    return restrict_range(sd, alpha, new_sd)


def decision_words(alpha: Any) -> Any:
    """Return what `interpret_reliability` does: the old name.

    Parameters
    ----------
    alpha : float or array_like
        Reliabilities.
    """
    _old("decision_words", "interpret_reliability()")
    return interpret_reliability(alpha)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Disattenuated(Result):
    """A correlation between true scores.

    Attributes
    ----------
    estimate, se, ci_low, ci_high : float or ndarray
        The corrected correlation, its standard error (NaN where none was given for the
        observed one) and limits, not cut at 1.
    observed : float or ndarray
        The correlation that was corrected.
    alpha_x, alpha_y : float or ndarray
        The reliabilities it was corrected for.
    conf_level : float
        Level of the limits.
    notes : tuple of str
        What a reader must know.
    """

    estimate: Any
    se: Any
    ci_low: Any
    ci_high: Any
    observed: Any
    alpha_x: Any
    alpha_y: Any
    conf_level: float
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per correlation."""
        names = ("observed", "alpha_x", "alpha_y", "estimate", "se", "ci_low")
        columns = {n: np.ravel(getattr(self, n)) for n in (*names, "ci_high")}
        arrays = np.broadcast_arrays(*columns.values())
        return pd.DataFrame(dict(zip(columns, arrays, strict=True)))

    def heading(self) -> str:
        """Return what was computed, in a line."""
        if np.ndim(self.estimate):
            return "Correlations corrected for attenuation"
        text = f"Correlation corrected for attenuation = {coefficient(self.estimate)}"
        if np.isfinite(self.se):
            limits = interval(self.ci_low, self.ci_high)
            text += f", se = {fixed(self.se)}, {level(self.conf_level)} CI {limits}"
        return text

    def closing(self) -> str:
        """Return the notes."""
        return "\n".join(self.notes)


def disattenuate(
    r: Any,
    alpha_x: Any,
    alpha_y: Any = 1.0,
    *,
    n: Any = None,
    se_r: Any = None,
    se_x: Any = None,
    se_y: Any = None,
    conf_level: float = 0.95,
) -> Disattenuated:
    r"""Correct a correlation for measurement error in both variables.

    Parameters
    ----------
    r : float or array_like
        Observed correlation; not one between latent variables.
    alpha_x, alpha_y : float, array_like, model or study
        Reliabilities. A fitted model stands for a sample that reported none; its
        standard error then includes the heterogeneity.
    n : int or array_like, optional
        Respondents behind ``r``; gives ``se_r`` as :math:`(1-r^2)/\sqrt{n-1}`.
    se_r, se_x, se_y : float or array_like, optional
        Standard errors of the correlation and of the reliabilities; without ``se_x``
        or ``se_y`` that reliability is taken as known.
    conf_level : float, default 0.95
        Level of the interval.

    Returns
    -------
    Disattenuated
        ``estimate, se, ci_low, ci_high``; ``se`` is NaN without ``n`` and ``se_r``.

    Raises
    ------
    DataError
        For values out of range.
    ModelError
        For ``n`` together with ``se_r``, or a standard error next to a model.

    Notes
    -----
    :math:`\hat\rho=r/\sqrt{\alpha_x\alpha_y}` with, by the delta method and errors
    independent of each other,

    .. math:: se^2 = \frac{se_r^2}{\alpha_x\alpha_y}
       + \hat\rho^2\left(\frac{v_x}{4\alpha_x^2} + \frac{v_y}{4\alpha_y^2}\right).

    For a model, :math:`v=(se^2+\tau^2)/T'(\alpha)^2`. Alpha and r of the same sample
    are not quite independent.

    Examples
    --------
    >>> round(disattenuate(.278, .92, .90).estimate, 4)
    0.3055
    """
    check_conf_level(conf_level)
    rho = numbers("r", r)
    check_range("r", rho, -1, 1)
    notes: list[str] = []
    x, v_x = _reliability("x", alpha_x, se_x, notes)
    y, v_y = _reliability("y", alpha_y, se_y, notes)
    se = _correlation_error(rho, n, se_r)
    shrink = x * y
    estimate = rho / np.sqrt(shrink)
    variance = se**2 / shrink + estimate**2 * (v_x / (4 * x**2) + v_y / (4 * y**2))
    error = np.sqrt(variance)
    half = critical(conf_level, None) * error
    if np.any(np.abs(estimate) > 1):
        notes.append(
            "A corrected correlation beyond 1 means that sampling error is large or "
            "that a reliability is too low for these data."
        )
    given = (r, alpha_x, alpha_y)
    return Disattenuated(
        estimate=like(estimate, given),
        se=like(error, given),
        ci_low=like(estimate - half, given),
        ci_high=like(estimate + half, given),
        observed=like(rho, given),
        alpha_x=like(x, ()),
        alpha_y=like(y, ()),
        conf_level=conf_level,
        notes=tuple(notes),
    )


def _reliability(
    name: str, alpha: Any, se: Any, notes: list[str]
) -> tuple[FloatArray, FloatArray]:
    """Return a reliability and its variance."""
    if not has_model(alpha):
        a = numbers(f"alpha_{name}", alpha)
        check_alpha(f"alpha_{name}", a, above_zero=True)
        error = np.zeros(()) if se is None else numbers(f"se_{name}", se)
        check_range(f"se_{name}", error, 0, np.inf)
        return a, error**2
    if se is not None:
        raise ModelError(
            f"alpha_{name} is a model and has its own standard error; leave "
            f"se_{name} out."
        )
    a = np.asarray(alpha_points(alpha)[0])
    check_alpha(f"alpha_{name}", a, above_zero=True)
    model = as_model(alpha)
    variance = (model.se**2 + model.tau2) / slope(a, str(model.measure)) ** 2
    notes.append(
        f"alpha_{name} is induced from {counted(model.k, 'other coefficient')}; its "
        "standard error includes their heterogeneity."
    )
    return a, np.asarray(variance)


def _correlation_error(rho: FloatArray, n: Any, se_r: Any) -> FloatArray:
    if n is not None and se_r is not None:
        raise ModelError("Give n or se_r, not both.")
    if n is not None:
        size = numbers("n", n)
        check_range("n", size, 3, np.inf)
        return (1 - rho**2) / np.sqrt(size - 1)
    if se_r is None:
        return np.full(rho.shape, np.nan)
    error = numbers("se_r", se_r)
    check_range("se_r", error, 0, np.inf)
    return error
