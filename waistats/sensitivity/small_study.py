"""Do small studies report other coefficients than large ones? Tests of funnel asymmetry.

Measures of a study's precision, and the regression of effects on one.

The coefficient expected of an infinitely large study: PET and PEESE.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import Result, coefficient, fixed, interval, level, p_statement
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, check_option, listing
from waistats.measures import back_transform
from waistats.meta._design import build_design
from waistats.meta.fit import fit_design
from waistats.meta.multilevel.fit import fit_levels
from waistats.meta.multilevel.result import Model
from waistats.meta.multilevel.robust import SMALLEST_DF, WARNING
from waistats.meta.results import FittedModel, MetaResult, TestResult
from waistats.provenance import marked, of_simulated
from waistats.sensitivity._dependence import one_a_study, studies, study_model
from waistats.sensitivity._power import Power, PowerOf, power_of
from waistats.sensitivity._refit import check_mean, check_model
from waistats.sensitivity._regressions import kendall, kendall_p, nested_p, single_p

PREDICTORS = ("se", "variance", "n", "inverse_n", "sqrt_n", "inverse_sqrt_n")
# predictors that go to 0 as samples grow
VANISHING = frozenset({"se", "variance", "inverse_n", "inverse_sqrt_n"})
MODELS = ("mixed", "classical")


def regress_on(result: Model, model: str, predictor: str) -> tuple[Model, str]:
    """Return the model with a measure of precision as a moderator, and its name."""
    values = precision(result, predictor)
    check_varies(values, predictor, result)
    taken = set(result.effects.table.columns)
    name = predictor if predictor == "n" else f"sampling_{predictor}"
    while name in taken - {"n"}:
        name += "_"
    table = result.effects.table.assign(**{name: values})
    design = build_design(f"{result.design.formula} + {name}", table)
    classical = model == "classical"
    if result.is_multilevel:
        nested = fit_levels(
            result.effects,
            design,
            result.V,
            result.levels,
            list(result.codes),
            method=result.method,
            small_sample=result.small_sample,
            conf_level=result.conf_level,
            fits=result.deferred.fits,
        )
        return nested, name
    fit = fit_design(
        result.effects,
        design,
        method="CE" if classical else result.method,
        small_sample="knapp-hartung" if classical else result.small_sample,
        conf_level=result.conf_level,
        weights=None if classical else result.weights,
        fits=result.deferred.fits,
    )
    return fit, name


def precision(result: FittedModel, predictor: str) -> FloatArray:
    """Return a measure of precision for each row."""
    if predictor == "se":
        return np.sqrt(result.effects.vi)
    if predictor == "variance":
        return result.effects.vi
    table = result.effects.table
    if "n" not in table:
        raise ModelError(
            f"predictor={predictor!r} needs the column n; the effects have none."
        )
    n = pd.to_numeric(table["n"], errors="coerce").to_numpy(dtype=float)
    bad = ~(n > 0)
    if bad.any():
        ids = listing(table["study_id"].to_numpy()[bad])
        raise DataError(f"n must be positive, but is not for study_id {ids}.")
    powers = {"n": 1.0, "inverse_n": -1.0, "sqrt_n": 0.5, "inverse_sqrt_n": -0.5}
    found: FloatArray = n ** powers[predictor]
    return found


def scale_notes(result: FittedModel, by_variance: bool) -> tuple[str, ...]:
    """Return the warning due where variances hold the coefficient itself."""
    if by_variance and result.measure in {"raw", "hakstian-whalen"}:
        return (
            f"On the {result.measure} scale the variance of a coefficient falls as the "
            "coefficient rises, so the funnel is asymmetric without any "
            "selection. Use measure='bonett', or predictor='inverse_sqrt_n'.",
        )
    return ()


def check_varies(values: FloatArray, name: str, result: FittedModel) -> None:
    """Raise a ModelError if all values are equal."""
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        raise ModelError(
            f"All {result.k} {name} are equal, so nothing can depend on them."
        )


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
    power_of: PowerOf = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def power(self) -> Power:
        """What the test would find with these samples; computed when asked."""
        return self.power_of()

    def __str__(self) -> str:
        lines = [
            f"{self.name} ({self.model} model, predictor {self.predictor})"
            f"{of_simulated(self.simulated)}",
            f"{self.sentence()}, slope {fixed(self.estimate)} (se {fixed(self.se)})",
        ]
        if not np.isnan(self.limit):
            lines.append(self._limit_sentence())
        return "\n".join([*lines, *filter(None, [self.power.sentence()]), *self.notes])

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
    """A rank correlation test for funnel asymmetry; ``statistic`` is Kendall's tau.

    ``used`` is the one-level model of the coefficients that it ranks.
    """

    exact: bool
    used: MetaResult = field(repr=False)
    power_of: PowerOf = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def power(self) -> Power:
        """What the test would find with these samples; computed when asked."""
        return self.power_of()

    def sentence(self) -> str:
        """Return the test as a paper prints it."""
        return f"Kendall's τ = {fixed(self.statistic)}, {p_statement(self.p_value, 4)}"

    def __str__(self) -> str:
        how = "exact" if self.exact else "normal approximation, ties"
        first = f"{TestResult.__str__(self)} ({how})"
        return "\n".join([first, *filter(None, [self.power.sentence()]), *self.notes])


def egger_test(
    result: Any, model: str = "mixed", predictor: str = "se", *, robust: bool = False
) -> EggerTest:
    r"""Test whether effects depend on the precision of their studies (Egger).

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`; moderators stay in the regression.
    model : {"mixed", "classical"}, default "mixed"
        The model of ``result`` with the predictor added (where studies give several
        coefficients a multilevel one), or weighted least squares with weights
        :math:`1/v_i` and a free scale (Egger's own; of one coefficient per study).
    predictor : {"se", "variance", "n", "inverse_n", "sqrt_n", "inverse_sqrt_n"}
        The measure of precision.
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
    A test of the slope in :math:`y_i=\beta_0+\beta_1 x_i` [1]_, metafor's
    ``regtest`` with ``model="rma"`` and ``"lm"``, which has no multilevel models. It is
    valid where :math:`y` and :math:`x` are unrelated unless reporting depends on both.
    On the Bonett scale :math:`v_i=2m_i/((m_i-1)(n_i-2))` contains only n and the number
    of items, so this holds. The variance of a raw alpha holds :math:`(1-a)^2`, that of
    Hakstian and Whalen :math:`(1-a)^{2/3}`: a high alpha is precise because it is high,
    and the funnel is asymmetric without any selection; there take ``"inverse_sqrt_n"``.
    Where the number of items differs, longer forms are more precise and more reliable:
    take ``"inverse_sqrt_n"`` and ``"~ np.log(n_items)"`` as moderators.

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
    given = check_model(result, "egger_test")
    model = check_option("model", model, MODELS)
    predictor = check_option("predictor", predictor, PREDICTORS)
    fitted, notes = _for_regression(given, model, "The classical regression")
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
        power_of=PowerOf(partial(_egger_power, fitted, fit, name, model)),
        notes=(
            *notes,
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
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`; moderators are not used. Of studies that
        give several coefficients one is used: that of the most respondents, then of
        the most items, then the first.

    Returns
    -------
    RankTest
        ``statistic`` and ``estimate`` are Kendall's tau; ``df`` is NaN.

    Notes
    -----
    Kendall's tau of :math:`v_i` and :math:`(y_i-\bar y)/\sqrt{v_i-1/\sum
    w}` [1]_, metafor's ``ranktest``: exact without ties, with ties the normal
    approximation. Few studies give it little power. Valid on the Bonett scale, where
    :math:`v_i` contains only n and the number of items; on the others a high alpha has
    a small variance without any selection.

    References
    ----------
    .. [1] Begg, C. B., & Mazumdar, M. (1994). Biometrics, 50, 1088-1101.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDE"), "estimate": [.91, .79, .93, .88, .90],
    ...      "n": [84, 54, 231, 120, 300], "n_items": 12})
    >>> test = rank_test(fit_meta(effect_sizes(table)))
    >>> round(test.statistic, 3), round(test.p_value, 3), round(test.power.power, 2)
    (-0.4, 0.483, 0.01)
    """
    fitted, notes = one_a_study(check_model(result, "rank_test"), "The rank test")
    y, v = fitted.effects.yi, fitted.effects.vi
    check_varies(v, "sampling variances", fitted)
    tau, p, ties = kendall(y, v)
    return RankTest(
        name="Rank test for funnel asymmetry",
        statistic=float(tau),
        df=float("nan"),
        p_value=float(p),
        distribution="tau",
        estimate=float(tau),
        simulated=fitted.simulated,
        exact=not ties,
        used=fitted,
        power_of=PowerOf(partial(_rank_power, fitted)),
        notes=(*notes, *scale_notes(fitted, True)),
    )


def _rank_power(fitted: MetaResult) -> Power:
    """Return the power of the rank test."""
    return power_of(fitted, partial(kendall_p, v=fitted.effects.vi))


def _for_regression(
    given: Model, model: str, what: str
) -> tuple[Model, tuple[str, ...]]:
    """Return the model that a regression on precision extends, and a note."""
    return study_model(given) if model == "mixed" else one_a_study(given, what)


def _egger_power(fitted: Model, fit: Model, name: str, model: str) -> Power:
    """Return the power of the regression test."""
    column = fit.design.names.index(name)
    if fit.is_multilevel and fitted.is_multilevel:
        return power_of(fitted, partial(nested_p, fitted, fit, column))
    assert not fit.is_multilevel
    return power_of(fitted, partial(single_p, fit, column))


def _coefficients(fit: Model, *, robust: bool) -> pd.DataFrame:
    """Return the coefficients of a regression by their terms."""
    if not robust:
        return fit.to_frame().set_index("term")
    if not fit.is_multilevel:
        raise ModelError("robust=True needs the result of fit_multilevel().")
    return fit.robust().to_frame().set_index("term")


PAIRS = {"se": ("se", "variance"), "inverse_sqrt_n": ("inverse_sqrt_n", "inverse_n")}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PetPeese(Result):
    r"""Regression estimates of the coefficient of an infinitely large study.

    Attributes
    ----------
    pet, peese : MetaResult or MultilevelResult
        Regressions on the standard error and on the variance (or on
        :math:`1/\sqrt n` and :math:`1/n`).
    chosen : str
        ``"PEESE"`` where the PET intercept is above 0 at one-sided .05, else ``"PET"``.
    estimate, ci_low, ci_high : float
        The chosen intercept on the model's scale.
    """

    pet: FittedModel = field(repr=False)
    peese: FittedModel = field(repr=False)
    chosen: str
    estimate: float
    ci_low: float
    ci_high: float
    model: str
    predictor: str
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the effects are SIMULATED."""
        return self.pet.simulated

    def to_frame(self) -> pd.DataFrame:
        """Return intercept and slope of both regressions: ``method, term, ...``."""
        parts = []
        for method, fit in (("PET", self.pet), ("PEESE", self.peese)):
            frame = fit.to_frame().drop(columns="provenance", errors="ignore")
            frame.insert(0, "method", method)
            parts.append(frame)
        frame = pd.concat(parts, ignore_index=True)
        frame["chosen"] = frame["method"] == self.chosen
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return the model line."""
        mark = of_simulated(self.simulated)
        return f"PET-PEESE (k = {self.pet.k}; {self.model} model){mark}"

    def closing(self) -> str:
        """Return the chosen estimate on the alpha scale, and notes."""
        lines = []
        if self.pet.measure:
            ends = (self.estimate, self.ci_low, self.ci_high)
            a, low, high = (back_transform(x, self.pet.measure) for x in ends)
            lines.append(
                f"{self.chosen}, on the alpha scale: {coefficient(a)}, "
                f"{level(self.pet.conf_level)} CI {interval(low, high)}"
            )
        return "\n".join([*lines, *self.notes])


def pet_peese(result: Any, model: str | None = None, predictor: str = "se") -> PetPeese:
    r"""Estimate the coefficient that an infinitely large study would report.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`, without moderators.
    model : {"classical", "mixed"}, optional
        Weighted least squares with a free scale, as published and by default, or the
        model of ``result``, by default where studies give several coefficients.
    predictor : {"se", "inverse_sqrt_n"}
        PET on the standard error and PEESE on the variance, or on
        :math:`1/\sqrt n` and :math:`1/n`; see `egger_test` for when.

    Returns
    -------
    PetPeese
        Both regressions, and the intercept that the published rule chooses.

    Notes
    -----
    Intercepts of :math:`y_i=\beta_0+\beta_1\sqrt{v_i}` (PET) and
    :math:`y_i=\beta_0+\beta_1v_i` (PEESE); the rule takes PEESE where the PET intercept
    differs from 0 [1]_. A reliability is far above 0, so the rule almost always takes
    PEESE; it says nothing about selection. Both extrapolate beyond the largest study
    and are unstable with few studies or much heterogeneity.

    References
    ----------
    .. [1] Stanley, T. D., & Doucouliagos, H. (2014). Research Synthesis Methods, 5,
       60-78.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDE"), "estimate": [.91, .79, .93, .88, .90],
    ...      "n": [84, 54, 231, 120, 300], "n_items": 12})
    >>> found = pet_peese(fit_meta(effect_sizes(table)))
    >>> found.chosen, round(float(found.estimate), 3)
    ('PEESE', 2.613)
    """
    given = check_model(result, "pet_peese")
    check_mean(given, "pet_peese")
    if model is None:
        alone = not given.is_multilevel and studies(given) is None
        model = "classical" if alone else "mixed"
    model = check_option("model", model, MODELS)
    predictor = check_option("predictor", predictor, PAIRS)
    fitted, notes = _for_regression(given, model, "The classical regression")
    pet, peese = (regress_on(fitted, model, name)[0] for name in PAIRS[predictor])
    intercept = pet.to_frame().iloc[0]
    positive = intercept.estimate > 0 and intercept.p_value / 2 < 0.05
    row = (peese if positive else pet).to_frame().iloc[0]
    return PetPeese(
        pet=pet,
        peese=peese,
        chosen="PEESE" if positive else "PET",
        estimate=float(row.estimate),
        ci_low=float(row.ci_low),
        ci_high=float(row.ci_high),
        model=model,
        predictor=predictor,
        notes=(*notes, *scale_notes(fitted, predictor == "se")),
    )
