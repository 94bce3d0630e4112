"""Correlations between true scores, and what measurement error hides of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import ModelError, check_conf_level
from waistats.fitted import as_model
from waistats.format import Result, coefficient, fixed, interval, level
from waistats.meta.distributions import critical
from waistats.practice.source import (
    alpha_points,
    check_alpha,
    check_range,
    is_model,
    like,
    numbers,
)
from waistats.transforms import slope


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
        """Return one row a correlation."""
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
        Reliabilities. A fitted model lends its pooled alpha to a sample that reported
        none; its standard error then holds the heterogeneity too.
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
    if not is_model(alpha):
        a = numbers(f"alpha_{name}", alpha)
        check_alpha(f"alpha_{name}", a, above_zero=True)
        error = np.zeros(()) if se is None else numbers(f"se_{name}", se)
        check_range(f"se_{name}", error, 0, np.inf)
        return a, error**2
    if se is not None:
        raise ModelError(
            f"alpha_{name} is a model and brings its own standard error; leave "
            f"se_{name} out."
        )
    a = np.asarray(alpha_points(alpha)[0])
    check_alpha(f"alpha_{name}", a, above_zero=True)
    model = as_model(alpha)
    variance = (model.se**2 + model.tau2) / slope(a, str(model.measure)) ** 2
    notes.append(
        f"alpha_{name} is induced from {model.k} other coefficients; its error holds "
        "their heterogeneity."
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
