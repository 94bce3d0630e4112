"""Do small studies report other coefficients than large ones? Tests of funnel asymmetry."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from waistats.errors import ModelError, check_option
from waistats.format import coefficient, fixed, interval, level, p_statement
from waistats.meta.model import FittedModel
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.robust import SMALLEST_DF, WARNING
from waistats.meta.wald import TestResult
from waistats.provenance import of_simulated
from waistats.sensitivity.precision import (
    MODELS,
    PREDICTORS,
    VANISHING,
    check_varies,
    regress_on,
    scale_notes,
)
from waistats.sensitivity.refit import check_meta, check_model
from waistats.transforms import back_transform


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EggerTest(TestResult):
    """A regression test for funnel asymmetry.

    Attributes
    ----------
    estimate, se : float
        Slope of the effect on the predictor, and its standard error.
    limit, limit_low, limit_high : float
        What the regression expects of an infinitely large study, on the model's scale;
        NaN with moderators or a predictor that does not vanish.
    model, predictor : str
        As asked for.
    fit : MetaResult or MultilevelResult
        The regression.
    """

    se: float
    limit: float
    limit_low: float
    limit_high: float
    model: str
    predictor: str
    fit: FittedModel = field(repr=False)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"{self.name} ({self.model} model, predictor {self.predictor})"
            f"{of_simulated(self.simulated)}",
            f"{self.sentence()}, slope {fixed(self.estimate)} (se {fixed(self.se)})",
        ]
        if not np.isnan(self.limit):
            lines.append(self._limit_sentence())
        return "\n".join([*lines, *self.notes])

    def _limit_sentence(self) -> str:
        shown = level(self.fit.conf_level)
        text = f"Limit as samples grow: {fixed(self.limit)} {shown} CI "
        text += interval(self.limit_low, self.limit_high, fixed)
        if self.fit.measure:
            ends = (self.limit, self.limit_low, self.limit_high)
            a, low, high = (back_transform(x, self.fit.measure) for x in ends)
            text += f"; alpha {coefficient(a)} {interval(low, high)}"
        return text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RankTest(TestResult):
    """A rank correlation test for funnel asymmetry; ``statistic`` is Kendall's tau."""

    exact: bool
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return the test as a paper prints it."""
        return f"Kendall's τ = {fixed(self.statistic)}, {p_statement(self.p_value, 4)}"

    def __str__(self) -> str:
        how = "exact" if self.exact else "normal approximation, ties"
        first = f"{TestResult.__str__(self)} ({how})"
        return "\n".join([first, *self.notes])


def egger_test(
    result: Any, model: str = "mixed", predictor: str = "se", *, robust: bool = False
) -> EggerTest:
    r"""Test whether effects depend on the precision of their studies (Egger).

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`; moderators stay in the regression.
    model : {"mixed", "classical"}, default "mixed"
        The model of ``result`` with the predictor added, or weighted least squares
        with weights :math:`1/v_i` and a free scale (Egger's own; not multilevel).
    predictor : {"se", "variance", "n", "inverse_n", "sqrt_n", "inverse_sqrt_n"}
        What stands for precision.
    robust : bool, default False
        For a multilevel model: CR2 standard errors and Satterthwaite degrees of
        freedom, clustered on the outermost level.

    Returns
    -------
    EggerTest
        ``statistic, df, p_value`` of the slope, ``estimate`` (the slope) and ``limit``.
        ``df`` is NaN for a normal statistic.

    Raises
    ------
    ModelError
        If the predictor does not vary or repeats a moderator, or too few rows are left.

    Notes
    -----
    A test of the slope in :math:`y_i=\beta_0+\beta_1 x_i` [1]_, metafor's ``regtest``
    with ``model="rma"`` and ``"lm"``, which has no multilevel models. It is valid where
    :math:`y` and :math:`x` are unrelated unless reporting depends on both. On the
    Bonett scale :math:`v_i=2m_i/((m_i-1)(n_i-2))` holds n and the number of items only,
    so this is so. The variance of a raw alpha holds :math:`(1-a)^2`, that of Hakstian
    and Whalen :math:`(1-a)^{2/3}`: a high alpha is precise because it is high, and the
    funnel is asymmetric without any selection; there take ``"inverse_sqrt_n"``. Where
    the number of items differs, longer forms are more precise and more reliable: take
    ``"inverse_sqrt_n"`` and ``"~ np.log(n_items)"`` as moderators.

    References
    ----------
    .. [1] Egger, M., et al. (1997). BMJ, 315, 629-634; Sterne, J. A. C., & Egger, M.
       (2005). In Publication bias in meta-analysis (pp. 99-110).

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDE"), "estimate": [.91, .79, .93, .88, .90],
    ...      "n": [84, 54, 231, 120, 300], "n_items": 12})
    >>> test = egger_test(fit_meta(effect_sizes(table)))
    >>> round(test.statistic, 3), test.df, round(test.p_value, 3)
    (-1.902, 3.0, 0.153)
    """
    fitted = check_model(result, "egger_test")
    check_option("model", model, MODELS)
    check_option("predictor", predictor, PREDICTORS)
    fit, name = regress_on(fitted, model, predictor)
    frame = _coefficients(fit, robust=robust)
    slope, df = frame.loc[name], float(frame.loc[name, "df"])
    limit = (float("nan"),) * 3
    if not fitted.has_moderators and predictor in VANISHING:
        row = frame.loc["Intercept"]
        limit = (float(row.estimate), float(row.ci_low), float(row.ci_high))
    return EggerTest(
        name="Regression test for funnel asymmetry",
        statistic=float(slope.statistic),
        df=df,
        p_value=float(slope.p_value),
        distribution="z" if np.isnan(df) else "t",
        estimate=float(slope.estimate),
        se=float(slope.se),
        limit=limit[0],
        limit_low=limit[1],
        limit_high=limit[2],
        simulated=fitted.simulated,
        model=model,
        predictor=predictor,
        fit=fit,
        notes=(
            *(
                (f"df below {SMALLEST_DF}: {WARNING}.",)
                if df < SMALLEST_DF and robust
                else ()
            ),
            *scale_notes(fitted, predictor in {"se", "variance"}),
        ),
    )


def rank_test(result: Any) -> RankTest:
    r"""Test whether effects and variances are rank-correlated (Begg and Mazumdar).

    Parameters
    ----------
    result : MetaResult
        From `fit_meta`; its moderators are not used.

    Returns
    -------
    RankTest
        ``statistic`` and ``estimate`` are Kendall's tau; ``df`` is NaN.

    Notes
    -----
    Kendall's tau of :math:`v_i` and :math:`(y_i-\bar y)/\sqrt{v_i-1/\sum w}` [1]_,
    metafor's ``ranktest``: exact without ties, with ties the normal approximation. Few
    studies give it little power. Valid on the Bonett scale, where :math:`v_i` holds n
    and the number of items only; on the others a high alpha has a small variance
    without any selection.

    References
    ----------
    .. [1] Begg, C. B., & Mazumdar, M. (1994). Biometrics, 50, 1088-1101.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDE"), "estimate": [.91, .79, .93, .88, .90],
    ...      "n": [84, 54, 231, 120, 300], "n_items": 12})
    >>> print(rank_test(fit_meta(effect_sizes(table))))
    Rank test for funnel asymmetry: Kendall's τ = -0.4000, p = .4833 (exact)
    """
    fitted = check_meta(result, "rank_test")
    y, v = fitted.effects.yi, fitted.effects.vi
    check_varies(v, "sampling variances", fitted)
    w = 1 / v
    deviate = (y - (w @ y) / w.sum()) / np.sqrt(v - 1 / w.sum())
    ties = len(np.unique(v)) < len(v) or len(np.unique(deviate)) < len(v)
    tau, p = stats.kendalltau(deviate, v, method="asymptotic" if ties else "exact")
    return RankTest(
        name="Rank test for funnel asymmetry",
        statistic=float(tau),
        df=float("nan"),
        p_value=float(p),
        distribution="tau",
        estimate=float(tau),
        simulated=fitted.simulated,
        exact=not ties,
        notes=scale_notes(fitted, True),
    )


def _coefficients(fit: FittedModel, *, robust: bool) -> pd.DataFrame:
    """Return the coefficients of a regression by their terms."""
    if not robust:
        return fit.to_frame().set_index("term")
    if not isinstance(fit, MultilevelResult):
        raise ModelError("robust=True needs the result of fit_multilevel().")
    return fit.robust().to_frame().set_index("term")
