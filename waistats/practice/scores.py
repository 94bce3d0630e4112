"""What a reliability means for one person's score and for its change."""

from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import check_conf_level, check_option
from waistats.meta.distributions import critical
from waistats.practice.source import (
    across,
    check_alpha,
    check_positive,
    like,
    numbers,
)

KINDS = ("measurement", "estimation", "prediction")


def standard_error_of_measurement(
    sd: Any, alpha: Any, *, kind: str = "measurement"
) -> Any:
    r"""Return the standard error of one person's score.

    Parameters
    ----------
    sd : float or array_like
        Standard deviation of the scores, on the metric that the answer is wanted on.
    alpha : float, array_like, model or study
        Reliability; or a fitted model, for its estimate and both ends of its
        prediction interval.
    kind : {"measurement", "estimation", "prediction"}
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
    check_option("kind", kind, KINDS)
    s = numbers("sd", sd)
    check_positive("sd", s)

    def formula(a: FloatArray, s: FloatArray) -> FloatArray:
        if kind == "measurement":
            return s * np.sqrt(1 - a)
        return s * np.sqrt(a * (1 - a) if kind == "estimation" else 1 - a**2)

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
    :math:`z\,s\sqrt{2(1-\alpha)}` and :math:`\Delta/(s\sqrt{2(1-\alpha)})` [1]_. Alpha
    knows no transient error: for a change between sessions a test-retest reliability
    is the right one, and alpha calls too many changes reliable.

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
    r"""Estimate true scores, drawn towards the mean by what is error.

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
        One row a score: ``score, estimate, se, ci_low, ci_high``.

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
    se = standard_error_of_measurement(sd, alpha, kind="estimation") + 0 * x
    half = critical(conf_level, None) * se
    columns = {"score": x, "estimate": estimate, "se": se}
    columns |= {"ci_low": estimate - half, "ci_high": estimate + half}
    index = score.index if isinstance(score, pd.Series) else None
    return pd.DataFrame(columns, index=index)


def range_change(alpha: Any, sd: Any, new_sd: Any) -> Any:
    r"""Return the alpha where scores spread differently but errors are the same.

    Parameters
    ----------
    alpha, sd : float or array_like
        Alpha and standard deviation of the scores where they are known.
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
    >>> round(range_change(.92, 9, 6), 3), round(range_change(.92, 9, 12), 3)
    (0.82, 0.955)
    """
    s0, s1 = numbers("sd", sd), numbers("new_sd", new_sd)
    check_positive("sd", s0)
    check_positive("new_sd", s1)

    def formula(a: FloatArray, s0: FloatArray, s1: FloatArray) -> FloatArray:
        return 1 - (s0 / s1) ** 2 * (1 - a)

    return across(formula, alpha, {"s0": s0, "s1": s1}, series=(sd, new_sd))


def decision_words(alpha: Any) -> Any:
    """Say what scores of this reliability are held to be good for.

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
    >>> decision_words(.84)
    'good enough for decisions on groups, not on single persons'
    """
    a = numbers("alpha", alpha)
    rules = [
        (np.isnan(a), "not known"),
        (a < 0.70, "too low even for research"),
        (a < 0.80, "good enough for research, not for decisions"),
        (a < 0.90, "good enough for decisions on groups, not on single persons"),
        (a <= 0.95, "good enough for decisions on single persons"),
    ]
    conditions, words = zip(*rules, strict=True)
    text = np.select(
        conditions,
        words,
        "good enough for decisions on single persons; above .95 items may be redundant",
    )
    return like(text, (alpha,))
