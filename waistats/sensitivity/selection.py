"""Selection at a reliability threshold: low coefficients reported less often.

What a model with selection at reliability thresholds says.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import chi2_ppf, chi2_sf, critical, two_sided
from waistats._format import Result, coefficient, fixed, interval, level, p_statement
from waistats._progress import progress
from waistats._typing import FloatArray, IntArray
from waistats.errors import ConvergenceError, ModelError, check_conf_level, listing
from waistats.measures import back_transform, transform
from waistats.meta._contrasts import TestResult, likelihood_ratio
from waistats.meta.results import MetaResult
from waistats.provenance import marked, of_simulated
from waistats.sensitivity._dependence import one_level
from waistats.sensitivity._power import Power, PowerOf, power_of
from waistats.sensitivity._refit import check_model
from waistats.sensitivity._selection_likelihood import (
    STARTS,
    Selection,
    climb,
    evaluate,
    maximise,
    profile_limits,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ThresholdSelection(Result):
    """A model with selection at reliability thresholds.

    Attributes
    ----------
    beta, cov : ndarray, shapes (p,) and (p, p)
        Coefficients on the model's scale, corrected for selection.
    tau2, tau2_se, tau2_low, tau2_high : float
        Heterogeneity variance, its standard error and profile-likelihood limits.
    weights, weights_se, weights_low, weights_high : ndarray, shape (m,)
        Relative probability of being reported below the lowest threshold and between
        thresholds; 1 above the highest. Limits are of the profile likelihood.
    thresholds : ndarray, shape (m,)
        Reliability thresholds, rising.
    counts : ndarray of int, shape (m + 1,)
        Coefficients below, between and above the thresholds.
    lrt : TestResult
        Likelihood-ratio test that all weights are 1.
    log_likelihood : float
        At the maximum.
    unselected : ndarray, shape (p + 1,)
        Coefficients and tau2 without selection, by maximum likelihood.
    terms : tuple of str
        Names of the coefficients.
    """

    beta: FloatArray
    cov: FloatArray
    tau2: float
    tau2_se: float
    tau2_low: float
    tau2_high: float
    weights: FloatArray
    weights_se: FloatArray
    weights_low: FloatArray
    weights_high: FloatArray
    thresholds: FloatArray
    counts: IntArray
    lrt: TestResult
    log_likelihood: float
    unselected: FloatArray
    terms: tuple[str, ...]
    conf_level: float
    original: MetaResult = field(repr=False)
    power_of: PowerOf = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def power(self) -> Power:
        """What the test would find with these samples; computed when asked."""
        return self.power_of()

    @property
    def simulated(self) -> bool:
        """Whether the effects are SIMULATED."""
        return self.original.simulated

    @property
    def estimate(self) -> float:
        """The mean on the model's scale; only without moderators."""
        if len(self.beta) > 1:
            raise ModelError("A model with moderators has no single mean; see beta.")
        return float(self.beta[0])

    @property
    def se(self) -> float:
        """Standard error of the mean; only without moderators."""
        self.estimate  # noqa: B018
        return float(np.sqrt(self.cov[0, 0]))

    @property
    def weight(self) -> float | FloatArray:
        """Relative probability of being reported below the threshold.

        An array with several thresholds.
        """
        return float(self.weights[0]) if len(self.weights) == 1 else self.weights

    def to_frame(self) -> pd.DataFrame:
        """Return coefficients, tau2 and weights: ``term, estimate, se, ...``."""
        se = np.sqrt(np.diag(self.cov))
        half = critical(self.conf_level, None) * se
        z = self.beta / se
        mean = pd.DataFrame(
            {
                "term": list(self.terms),
                "estimate": self.beta,
                "se": se,
                "statistic": z,
                "p_value": two_sided(z, None),
                "ci_low": self.beta - half,
                "ci_high": self.beta + half,
            }
        )
        rest = pd.DataFrame(
            {
                "term": ["tau2", *self._zones()],
                "estimate": [self.tau2, *self.weights],
                "se": [self.tau2_se, *self.weights_se],
                "statistic": np.nan,
                "p_value": np.nan,
                "ci_low": [self.tau2_low, *self.weights_low],
                "ci_high": [self.tau2_high, *self.weights_high],
            }
        )
        return marked(pd.concat([mean, rest], ignore_index=True), self.simulated)

    def _zones(self) -> list[str]:
        cuts = [coefficient(float(c), 2) for c in self.thresholds]
        between = [f"{a} to {b}" for a, b in pairwise(cuts)]
        return [f"weight below {cuts[0]}", *(f"weight {text}" for text in between)]

    def heading(self) -> str:
        """Return the model line and the counts by threshold."""
        cuts = ", ".join(coefficient(float(c), 2) for c in self.thresholds)
        text = f"Selection at {cuts} (k = {self.counts.sum()}; maximum likelihood)"
        text += of_simulated(self.simulated)
        counts = [
            f"{n} {zone}" for n, zone in zip(self.counts, self._where(), strict=True)
        ]
        return f"{text}\n\nCoefficients: {', '.join(counts)}"

    def _where(self) -> list[str]:
        cuts = [coefficient(float(c), 2) for c in self.thresholds]
        between = [f"from {a} to {b}" for a, b in pairwise(cuts)]
        return [f"below {cuts[0]}", *between, f"from {cuts[-1]}"]

    def closing(self) -> str:
        """Return the test and both pooled alphas."""
        lines = [
            f"Likelihood-ratio test of no selection: χ²({self.lrt.df:g}) = "
            f"{fixed(self.lrt.statistic)}, {p_statement(self.lrt.p_value, 4)}"
        ]
        measure = self.original.measure
        if len(self.beta) == 1 and measure:
            row = self.to_frame().iloc[0]
            ends = (row.estimate, row.ci_low, row.ci_high, self.unselected[0])
            a, low, high, plain = (back_transform(x, measure) for x in ends)
            lines.append(
                f"On the alpha scale: {coefficient(a)}, {level(self.conf_level)} CI "
                f"{interval(low, high)}; without selection {coefficient(plain)}."
            )
        lines.append(
            "A skewed distribution of true coefficients looks like selection: read this "
            "as a sensitivity analysis, not as a test of suppression."
        )
        lines += [*filter(None, [self.power.sentence()]), *self.notes]
        return "\n".join(lines)


# a model is fitted twice to each
RUNS_OF_SELECTION = 100
# a coefficient printed equal to the threshold is not below it
TIE = 1e-9


def threshold_selection(
    result: Any, threshold: Any = 0.70, *, conf_level: float | None = None
) -> ThresholdSelection:
    r"""Fit a model in which coefficients below a threshold are reported less often.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`; moderators stay in the model. Effects must
        be without bias correction, so that a threshold is one point of their scale. Of a
        multilevel model one coefficient per study is used: that of the most respondents,
        then of the most items, then the first.
    threshold : float or sequence of float, default 0.70
        Reliability at which the probability of being reported changes.
    conf_level : float, optional
        Level of the intervals; that of ``result`` by default.

    Returns
    -------
    ThresholdSelection
        ``estimate, tau2`` on the model's scale, ``weight``, intervals and the
        likelihood-ratio test ``lrt``.

    Raises
    ------
    ModelError
        If a side of a threshold (or the space between two) is empty, or the effects
        do not name their scale, are bias-corrected or have user weights.
    ConvergenceError
        If the weight is not determined by the data.

    Notes
    -----
    A coefficient in zone z is reported with probability proportional to
    :math:`\omega_z`, :math:`\omega=1` above the highest threshold;

    .. math:: \ell=\sum_i\Bigl[\ln\omega_{z_i}+\ln\phi(y_i;\mu,v_i+\tau^2)
       -\ln\sum_z\omega_z P_{iz}\Bigr]

    with :math:`P_{iz}` the probability of zone z. The transformations rise, so
    :math:`y>T(c)` exactly when :math:`a>c`, and with one threshold this is metafor's
    ``selmodel(type="stepfun", steps=.5, alternative="greater")`` on :math:`y-T(c)`.
    metafor bounds the weight at 100. Zones are told on the coefficients themselves; one
    equal to the threshold is not below it. Printed coefficients are rounded: see how
    much changes with thresholds half a unit of the last digit lower and higher.
    Weights and tau2 have profile-likelihood limits, the mean a normal one.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDEFGH"), "n": [84, 54, 231, 120, 300, 90, 60, 150],
    ...      "estimate": [.91, .66, .83, .78, .72, .75, .85, .69], "n_items": 12})
    >>> found = threshold_selection(fit_meta(effect_sizes(table)), .70)
    >>> round(found.estimate, 3), round(found.weight, 3), round(found.lrt.p_value, 3)
    (1.663, 3.091, 0.46)
    """
    given = check_model(result, "threshold_selection")
    model, notes = one_level(given, "The selection model")
    conf_level = model.conf_level if conf_level is None else conf_level
    check_conf_level(conf_level)
    if model.weights is not None:
        raise ModelError("threshold_selection is not defined for user weights.")
    cuts = _thresholds(threshold)
    data, counts = _data(model, cuts)
    p, m = data.X.shape[1], len(cuts)
    free = np.ones(p + 1 + m, dtype=bool)
    free[p] = model.method != "CE"
    start = np.concatenate([model.beta, [np.sqrt(max(model.tau2, 1e-4))], np.zeros(m)])
    if not free[p]:
        start[p] = 0.0
    plain = free.copy()
    plain[p + 1 :] = False
    null = climb(data, start, plain)
    top = maximise(data, null, free)
    best, reduced = (evaluate(data, at).value for at in (top, null))
    cov = _covariance(data, top, free)
    drop = float(chi2_ppf(conf_level, 1))
    se = np.sqrt(np.diag(cov))
    limits = np.full((m + 1, 2), np.nan)
    for j in range(0 if free[p] else 1, m + 1):
        at = p + j
        limits[j] = profile_limits(data, top, free, at, se=se[at], drop=drop)
    weights, tau = np.exp(top[p + 1 :]), top[p]
    n_free = int(free.sum())
    return ThresholdSelection(
        beta=top[:p],
        cov=cov[:p, :p],
        tau2=float(tau**2),
        tau2_se=float(2 * tau * se[p]),
        tau2_low=float(limits[0, 0]) ** 2,
        tau2_high=float(limits[0, 1]) ** 2,
        weights=weights,
        weights_se=weights * se[p + 1 :],
        weights_low=np.exp(limits[1:, 0]),
        weights_high=np.exp(limits[1:, 1]),
        thresholds=cuts,
        counts=counts,
        lrt=likelihood_ratio(
            (best, n_free),
            (reduced, n_free - m),
            "No selection at the threshold",
            simulated=model.simulated,
        ),
        log_likelihood=best,
        unselected=np.append(null[:p], null[p] ** 2),
        terms=model.design.names,
        conf_level=conf_level,
        original=model,
        power_of=PowerOf(partial(_power, model, data, cuts)),
        notes=notes,
    )


def _power(model: MetaResult, data: Selection, cuts: FloatArray) -> Power:
    """Return the power of the likelihood-ratio test against its first threshold."""
    measure = str(model.measure)
    p, m = data.X.shape[1], len(cuts)
    free = np.ones(p + 1 + m, dtype=bool)
    free[p] = model.method != "CE"
    plain = free.copy()
    plain[p + 1 :] = False

    def test(y: FloatArray) -> float:
        a = back_transform(y, measure)
        zone = np.searchsorted(cuts - TIE, a, side="right").astype(np.int64)
        if len(np.unique(zone)) <= m:
            return float("nan")
        drawn = replace(data, y=y, zone=zone)
        start = np.concatenate(
            [
                model.beta,
                [np.sqrt(max(model.tau2, 1e-4)) if free[p] else 0],
                np.zeros(m),
            ]
        )
        try:
            null = climb(drawn, start, plain)
        except ConvergenceError:
            return float("nan")
        try:
            # one start: a SIMULATED literature is near the model that it is drawn from
            top = maximise(drawn, null, free, STARTS[:1])
        except ConvergenceError:
            try:
                top = maximise(drawn, null, free, STARTS[1:])
            except ConvergenceError:
                return float("nan")
        rise = evaluate(drawn, top).value - evaluate(drawn, null).value
        return float(chi2_sf(max(2 * rise, 0.0), m))

    def rejects(y: FloatArray) -> FloatArray:
        drawn = progress(y.T, "power of selection", total=y.shape[1])
        return np.array([test(column) for column in drawn])

    return power_of(model, rejects, threshold=float(cuts[0]), runs=RUNS_OF_SELECTION)


def _thresholds(threshold: Any) -> FloatArray:
    """Return the thresholds, rising and different."""
    cuts = np.atleast_1d(np.asarray(threshold, dtype=float))
    if cuts.ndim != 1 or len(cuts) == 0 or not np.all(cuts < 1):
        raise ModelError(
            f"threshold must be a reliability below 1, or several; got {threshold!r}."
        )
    if len(np.unique(cuts)) < len(cuts):
        raise ModelError(f"Thresholds must differ; got {listing(cuts)}.")
    return np.sort(cuts)


def _data(model: MetaResult, cuts: FloatArray) -> tuple[Selection, IntArray]:
    """Return the data of the likelihood and the coefficients of each zone."""
    effects, measure = model.effects, model.measure
    if measure is None:
        raise ModelError(
            "threshold_selection needs effects that name their measure, as those of "
            "effect_sizes() do."
        )
    a = back_transform(effects.yi, measure)
    if "estimate" in effects.table:
        given = pd.to_numeric(effects.table["estimate"]).to_numpy(dtype=float)
        if np.abs(transform(given, measure) - effects.yi).max() > 1e-8:
            raise ModelError(
                "The effects are bias-corrected, so a threshold is a different "
                "point for every study. Use effect_sizes(..., bias='none')."
            )
        a = given
    zone = np.searchsorted(cuts - TIE, a, side="right").astype(np.int64)
    counts = np.bincount(zone, minlength=len(cuts) + 1)
    for i in np.flatnonzero(counts == 0):
        raise ModelError(
            f"No coefficient lies {_zone_name(cuts, int(i))} (they run from "
            f"{coefficient(float(a.min()))} to {coefficient(float(a.max()))}), so the "
            "model has nothing to compare. Choose thresholds within their range."
        )
    data = Selection(
        y=effects.yi,
        v=effects.vi,
        X=model.design.X,
        cuts=transform(cuts, measure),
        zone=zone,
    )
    return data, counts


def _zone_name(cuts: FloatArray, i: int) -> str:
    shown = [coefficient(float(c)) for c in cuts]
    if i == 0:
        return f"below {shown[0]}"
    if i == len(cuts):
        return f"at or above {shown[-1]}"
    return f"from {shown[i - 1]} to {shown[i]}"


def _covariance(data: Selection, top: FloatArray, free: np.ndarray) -> FloatArray:
    """Return the inverse of the observed information; NaN for what is fixed or at 0."""
    p = data.X.shape[1]
    inside = free.copy()
    if top[p] < 1e-6:
        inside[p] = False
    index = np.ix_(inside, inside)
    cov = np.full((len(top), len(top)), np.nan)
    cov[index] = np.linalg.inv(-evaluate(data, top).hessian[index])
    return cov
