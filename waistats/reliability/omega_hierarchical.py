"""Omega hierarchical: how much of a total score is one general factor."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import coefficient, counted
from waistats._typing import FloatArray
from waistats.errors import ModelError, check_option, listing
from waistats.provenance import marked, noted
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._bifactor import (
    LEAST_UNIQUENESS,
    Groups,
    SchmidLeiman,
    bifactor_gradient,
    bifactor_omega,
    group_pattern,
    omega_gradient,
    resampled_omega,
    schmid_leiman,
)
from waistats.reliability._delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability._factor import check_identified, fit_ml
from waistats.reliability._intervals import normal_theory_se
from waistats.reliability._items import ItemsLike
from waistats.reliability._moments import correlation
from waistats.reliability._resampling import Seed
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import (
    Sample,
    refuse_impossible,
    require_inverse,
    varying_sample,
)
from waistats.reliability.omega import (
    ROUGH,
    FactorReliability,
    check_converged,
    improper,
    loading_frame,
    opposite,
    through_correlation,
    uncorrelated,
    wald_spread,
    without_delta,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class HierarchicalReliability(FactorReliability):
    """Omega hierarchical with omega total of the same model.

    Attributes
    ----------
    omega_total : float
        Share of the total's variance due to general and group factors together.
    explained_common_variance : float
        Share of the items' common variance due to the general factor.
    """

    omega_total: float
    explained_common_variance: float

    def closing(self) -> str:
        """Return omega total, the method and the notes."""
        also = (
            f"Omega total of the same model {coefficient(self.omega_total)}; explained "
            f"common variance {coefficient(self.explained_common_variance)}."
        )
        return f"{also}\n{ReliabilityEstimate.closing(self)}"


def omega_hierarchical(
    items: ItemsLike,
    *,
    factors: int = 3,
    groups: Groups | None = None,
    method: str | None = None,
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "bonett",
    kind: str = "normal",
    n_resamples: int = 2000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> HierarchicalReliability:
    r"""Return omega hierarchical: the share of a total score due to a general factor.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses.
    factors : int
        Group factors to look for where ``groups`` is not given.
    groups : mapping of str to sequence of item names, optional
        Known groups, such as the items of task, bond and goal: a confirmatory bifactor
        model. Items in no group load on the general factor only.
    method : {"minres", "ml"}, optional
        Extraction of the exploratory factors; minres by default. The bifactor model is
        fitted by maximum likelihood.
    ci : {"adf", "normal-theory", "jackknife", "bootstrap"}
        The interval; None for none.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.
    scale : {"bonett", "raw"}
        Where the interval is symmetric: on -ln(1 - omega), or on omega itself.
    kind : {"normal", "percentile", "bca"}
        Bootstrap interval.
    n_resamples : int
        Bootstrap samples.
    seed : int, Generator or None
        Makes the bootstrap reproducible.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    HierarchicalReliability
        Estimate with interval, omega total of the same model, and loadings.

    Raises
    ------
    DataError
        If groups name unknown items or an item twice.
    ModelError
        If the model is not identified, as with groups of two items.
    ConvergenceError
        If no solution is found.

    Notes
    -----
    .. math:: \omega_h = \frac{(\sum_j\lambda_{jg})^2}{V}

    *Without groups*: Schmid-Leiman. Exploratory factors of the correlation matrix,
    rotated by oblimin, and one factor of their correlations, with V the observed sum of
    the correlations: psych's ``omega(nfactors = 3)`` (which reverses items that load
    negatively; here a note says so). psych stops its searches early, at about the fifth
    decimal.

    *With groups*: an orthogonal bifactor model of the covariance matrix by maximum
    likelihood, with V as the model implies it: lavaan's ``cfa(orthogonal = TRUE)``
    and semTools' omega. Known groups are the better choice for a published form
    (exploratory factors need not be its subscales).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> groups = np.repeat(rng.normal(size=(300, 3)), 3, axis=1)
    >>> answers = rng.normal(size=(300, 1)) + groups / 2 + rng.normal(size=(300, 9))
    >>> result = omega_hierarchical(answers)
    >>> round(result.estimate, 2), round(result.omega_total, 2)
    (0.8, 0.91)
    """
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(DELTA_INTERVALS)
    known = ("minres", "ml") if groups is None else ("ml",)
    check_option("method", method or known[0], known)
    sample = varying_sample(
        items, missing, at_least_items=3, missing_codes=missing_codes, accept=accept
    )
    if groups is None:
        return _exploratory(sample, factors, method or "minres", request)
    return _confirmatory(sample, groups, request)


def _exploratory(
    sample: Sample, factors: int, method: str, request: IntervalRequest
) -> HierarchicalReliability:
    m = sample.n_items
    _check_factors(factors, m)
    s = sample.moments.covariance
    if method == "ml":
        require_inverse(sample, option("method", "minres"))
    r = correlation(s)
    solution = schmid_leiman(r, factors, method)
    estimate = float(solution.general.sum() ** 2 / r.sum())
    refuse_impossible(sample, estimate, "omega hierarchical")
    problems = _heywood(solution, sample.names)
    request, refusal = without_delta(request, problems)
    problems += opposite(solution.general, sample.names)
    problems += uncorrelated(r, int(sample.moments.n))
    if factors == 2:
        problems = (_TWO_FACTORS, *problems)

    def many(covariances: FloatArray) -> FloatArray:
        return resampled_omega(covariances, factors, method)

    spread = Spread()
    if request.ci not in (None, "none"):
        gradient = through_correlation(s, omega_gradient(r, solution, method))
        spread = delta_spread(sample, estimate, gradient, many, request)
    names = ("general", *(f"group{j + 1}" for j in range(factors)))
    common = np.column_stack([solution.general, solution.group])
    frame = pd.DataFrame(common, columns=list(names))
    frame.insert(0, "item", list(sample.names))
    frame["communality"] = 1 - solution.uniquenesses
    frame["uniqueness"] = solution.uniquenesses
    how = "minimum residuals" if method == "minres" else "maximum likelihood"
    return _result(
        sample,
        estimate,
        spread,
        request,
        method=f"Omega hierarchical, Schmid-Leiman: {counted(factors, 'factor')} by {how}, "
        "oblimin, correlation matrix, observed variance.",
        notes=problems + refusal,
        loadings=frame,
        omega_total=float(1 - solution.uniquenesses.sum() / r.sum()),
        common=common,
    )


def _confirmatory(
    sample: Sample, groups: Groups, request: IntervalRequest
) -> HierarchicalReliability:
    pattern = group_pattern(groups, sample.names)
    n = int(sample.moments.n)
    s = sample.moments.covariance * ((n - 1) / n)
    require_inverse(sample, "omega_hierarchical without groups")
    fit = fit_ml(s, pattern)
    check_converged(fit, "bifactor", sample.names)
    check_identified(fit)
    estimate = float(bifactor_omega(fit))
    problems = improper(fit, sample.names)
    request, refusal = without_delta(request, problems)
    problems += opposite(fit.loadings[:, 0], sample.names)
    problems += uncorrelated(correlation(s), n)

    def many(covariances: FloatArray) -> FloatArray:
        fits = fit_ml(covariances, pattern, **ROUGH)
        return np.where(fits.converged, bifactor_omega(fits), np.nan)

    spread = Spread()
    if request.ci not in (None, "none"):
        gradient = bifactor_gradient(fit)
        if request.ci == "normal-theory" and sample.likelihood is None:
            se = float(normal_theory_se(fit.implied(), gradient, n))
            spread = wald_spread(estimate, se, request)
        else:
            # lavaan's standard errors divide by n
            scaled = gradient * np.sqrt((n - 1) / n)
            spread = delta_spread(sample, estimate, scaled, many, request)
    total = fit.implied().sum()
    frame = loading_frame(fit, sample.names, ("general", *map(str, groups)))
    return _result(
        sample,
        estimate,
        spread,
        request,
        method="Omega hierarchical, bifactor model with known groups by maximum "
        "likelihood, covariance matrix, model-implied variance.",
        notes=problems + refusal,
        loadings=frame,
        omega_total=float(1 - fit.uniquenesses.sum() / total),
        common=frame[["general", *map(str, groups)]].to_numpy(),
    )


def _result(
    sample: Sample,
    estimate: float,
    spread: Spread,
    request: IntervalRequest,
    *,
    method: str,
    notes: tuple[str, ...],
    loadings: pd.DataFrame,
    omega_total: float,
    common: FloatArray,
) -> HierarchicalReliability:
    squares = common**2
    return HierarchicalReliability(
        coefficient="omega_hierarchical",
        estimate=estimate,
        **spread.limits(request.conf_level),
        **sample.counts,
        method=method,
        notes=sample.notes + notes + spread.notes,
        loadings=marked(loadings, noted(sample.notes)),
        omega_total=omega_total,
        explained_common_variance=float(squares[:, 0].sum() / squares.sum()),
    )


_TWO_FACTORS = (
    "Two factors do not identify a general factor; its loadings are set equal."
)


def _check_factors(factors: int, m: int) -> None:
    if factors < 2:
        raise ModelError(
            f"factors must be at least 2; got {factors}; use omega_total for one."
        )
    if (m - factors) ** 2 < m + factors:
        raise ModelError(
            f"{counted(m, 'item')} do not identify {counted(factors, 'factor')}. Ask "
            "for fewer factors, or give groups= for a bifactor model."
        )


def _heywood(solution: SchmidLeiman, names: tuple[str, ...]) -> tuple[str, ...]:
    where = solution.uniquenesses <= LEAST_UNIQUENESS * 1.001
    if not where.any():
        return ()
    which = (name for name, bad in zip(names, where, strict=True) if bad)
    return (f"Heywood case: virtually no unique variance of: {listing(which)}.",)
