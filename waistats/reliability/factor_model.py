"""Omega from a factor model that is stated, with the fit of the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import coefficient, counted
from waistats._progress import progress
from waistats._typing import FloatArray
from waistats.errors import listing
from waistats.provenance import marked, noted
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability._factor_structure import (
    Factors,
    FactorStructure,
    Pairs,
    degrees_of_freedom,
    factor_structure,
    fit_factors,
    hierarchical_of,
    omega_of,
)
from waistats.reliability._intervals import normal_theory_se, wald_limits
from waistats.reliability._items import ItemsLike
from waistats.reliability._model_fit import ModelFit, model_fit, robust_parts
from waistats.reliability._moments import correlation
from waistats.reliability._resampling import Seed
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import Sample, require_inverse, varying_sample
from waistats.reliability._structure import Part, by_covariances, fit_structure
from waistats.reliability.omega import uncorrelated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ModelReliability(ReliabilityEstimate):
    """Omega of a stated factor model, with the model.

    Attributes
    ----------
    fit : ModelFit
        Chi-square, RMSEA, CFI, TLI and SRMR.
    parameters : DataFrame
        ``term, kind, estimate, se, standardized``: loadings, factor correlations,
        second-order loadings, unique variances and residual covariances. Standard
        errors are robust where there are responses.
    by_factor : DataFrame
        ``term, estimate, se, ci_low, ci_high, n_items``: omega of the sum of each
        factor's items.
    omega_hierarchical : float
        Share of the total's variance due to the second-order factor; NaN without one.
    """

    fit: ModelFit
    parameters: pd.DataFrame
    by_factor: pd.DataFrame
    omega_hierarchical: float = np.nan

    def closing(self) -> str:
        """Return the fit, omega of each factor, the method and the notes."""
        lines = [self.fit.heading()]
        if len(self.by_factor) > 1:
            parts = zip(self.by_factor["term"], self.by_factor["estimate"], strict=True)
            lines.append(
                "Omega of each factor's items: "
                + ", ".join(f"{name} {coefficient(value)}" for name, value in parts)
                + "."
            )
        if np.isfinite(self.omega_hierarchical):
            lines.append(
                "Omega hierarchical, the second-order factor alone: "
                f"{coefficient(self.omega_hierarchical)}."
            )
        # zero-argument super() does not work in a dataclass with slots
        return "\n".join([*lines, ReliabilityEstimate.closing(self)])


def omega_from_model(
    items: ItemsLike,
    factors: Factors | None = None,
    *,
    correlated_residuals: Pairs = (),
    second_order: bool = False,
    orthogonal: bool = False,
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "bonett",
    kind: str = "normal",
    n_resamples: int = 1000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> ModelReliability:
    r"""Return omega of the sum of the items under a factor model that you state.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses.
    factors : mapping of str to sequence of item names, optional
        Items of each factor, such as task, bond and goal; an item may load on several.
        By default one factor of all items.
    correlated_residuals : sequence of pairs of item names
        Items that share something in addition to the factors, such as a wording.
    second_order : bool
        Whether one factor of a second order makes the factors' correlations; it needs
        at least three factors.
    orthogonal : bool
        Whether factors are uncorrelated.
    ci : {"adf", "normal-theory", "jackknife", "bootstrap"}
        The interval; None for none. ``"adf"`` is robust: it needs no normal answers.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.
    scale : {"bonett", "raw"}
        Where the interval is symmetric: on -ln(1 - omega), or on omega itself.
    kind : {"normal", "percentile", "bca"}
        Bootstrap interval.
    n_resamples : int
        Bootstrap samples; each is a new fit.
    seed : int, Generator or None
        Makes the bootstrap reproducible.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    ModelReliability
        Omega with its interval, the parameters and the fit of the model.

    Raises
    ------
    DataError
        If factors or pairs name unknown items, or the covariances allow no maximum
        likelihood.
    ModelError
        If the model is not identified.
    ConvergenceError
        If no solution is found.

    Notes
    -----
    .. math::

        \omega = \frac{1'\Lambda\Phi\Lambda'1}{1'(\Lambda\Phi\Lambda'+\Theta)1}

    by normal maximum likelihood, with factors of variance one. What correlated residuals
    share counts as error (Raykov, 2001; semTools' ``omega2``). With a second order
    :math:`\Phi` has :math:`\gamma_f\gamma_g` off its diagonal, and omega hierarchical is
    :math:`(1'\Lambda\gamma)^2` over the same variance. Parameters, chi-square and fit
    are lavaan's ``cfa(std.lv = TRUE)``; the scaled chi-square is that of its ``MLM``,
    robust standard errors are ``se = "robust.sem"``.

    References
    ----------
    Raykov, T. (2001). British Journal of Mathematical and Statistical Psychology, 54,
    315-323. Satorra, A., & Bentler, P. M. (1994). In A. von Eye & C. C. Clogg (Eds.),
    Latent variables analysis (pp. 399-419). Sage.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> both = rng.multivariate_normal([0, 0], [[1, .6], [.6, 1]], size=300)
    >>> answers = np.repeat(both, 3, axis=1) + rng.normal(size=(300, 6))
    >>> result = omega_from_model(answers, {"a": ["1", "2", "3"], "b": ["4", "5", "6"]})
    >>> round(result.estimate, 3), result.fit.df, round(result.fit.cfi, 3)
    (0.815, 8, 0.996)
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
    sample = varying_sample(
        items, missing, at_least_items=3, missing_codes=missing_codes, accept=accept
    )
    named = {
        str(f): [str(x) for x in members] for f, members in (factors or {}).items()
    }
    if not named:
        named = {"factor": list(sample.names)}
    structure = factor_structure(
        sample.names,
        named,
        correlated_residuals=correlated_residuals,
        second_order=second_order,
        orthogonal=orthogonal,
    )
    n = int(sample.moments.n)
    s = sample.moments.covariance * ((n - 1) / n)
    require_inverse(sample, "cronbach_alpha")
    fitted = fit_factors(s, structure, n)
    theta = fitted.parameters[0]
    trace, covariance = robust_parts(sample, s, structure, fitted)
    whole = np.ones(sample.n_items)
    value, gradient = omega_of(structure, theta, whole)
    problems = _improper(structure, theta, s, sample.names, tuple(named))
    problems += uncorrelated(correlation(s), n)
    spread, refusal = _spread(sample, s, structure, theta, value, gradient, request)
    sigma = structure.matrix(theta)
    notes = sample.notes + problems + refusal + spread.notes
    return ModelReliability(
        coefficient="omega_total",
        estimate=value,
        **spread.limits(conf_level),
        **sample.counts,
        method=_described(named, correlated_residuals, second_order, orthogonal),
        notes=notes,
        fit=model_fit(s, sigma, degrees_of_freedom(structure, s), n, trace),
        parameters=marked(
            _parameter_frame(structure, theta, covariance, sigma, sample.names, named),
            noted(notes),
        ),
        by_factor=marked(
            _by_factor(structure, theta, covariance, sample.names, named, request),
            noted(notes),
        ),
        omega_hierarchical=hierarchical_of(structure, theta),
    )


def _spread(
    sample: Sample,
    s: FloatArray,
    structure: FactorStructure,
    theta: FloatArray,
    value: float,
    gradient: FloatArray,
    request: IntervalRequest,
) -> tuple[Spread, tuple[str, ...]]:
    if request.ci in (None, "none"):
        return Spread(), ()
    unique = np.diagonal(structure.residuals(theta))
    if (unique <= 1e-8 * np.diagonal(s)).any() and request.ci != "bootstrap":
        return Spread(), (
            f"No standard error is given for such a solution; {option('ci', 'bootstrap')} "
            "resamples respondents instead.",
        )
    n = int(sample.moments.n)
    by_s = by_covariances(structure, theta, gradient)
    if request.ci == "normal-theory" and sample.likelihood is None:
        se = float(normal_theory_se(structure.matrix(theta), by_s, n))
        low, high = wald_limits(value, se, request.conf_level, request.scale)
        return (
            Spread(se=se, ci_low=float(low), ci_high=float(high), ci="normal-theory"),
            (),
        )

    def many(covariances: FloatArray) -> FloatArray:
        return _resampled(covariances, structure, theta)

    scaled = by_s * np.sqrt((n - 1) / n)
    return delta_spread(sample, value, scaled, many, request), ()


def _resampled(
    covariances: FloatArray, structure: FactorStructure, start: FloatArray
) -> FloatArray:
    """Return omega (B,) of resampled covariances; NaN where there is no fit."""
    found = np.full(len(covariances), np.nan)
    ones = np.ones(covariances.shape[-1])
    for b, matrix in enumerate(progress(covariances, "resamples")):
        if not np.isfinite(matrix).all() or np.linalg.eigvalsh(matrix)[0] <= 0:
            continue
        fit = fit_structure(
            [Part(weight=1.0, matrix=matrix)],
            [structure],
            [start],
            tolerance=1e-10,
            max_iterations=60,
        )
        if fit.converged:
            theta = fit.parameters[0]
            common = ones @ structure.common(theta) @ ones
            found[b] = common / structure.matrix(theta).sum()
    return found


def _improper(
    structure: FactorStructure,
    theta: FloatArray,
    s: FloatArray,
    names: tuple[str, ...],
    factors: tuple[str, ...],
) -> tuple[str, ...]:
    notes = []
    unique = np.diagonal(structure.residuals(theta))
    heywood = np.flatnonzero(unique <= 1e-8 * np.diagonal(s))
    if heywood.size:
        notes.append(
            "Heywood case: no positive unique variance of "
            f"{listing(names[j] for j in heywood)}."
        )
    phi = structure.correlations(theta)
    if np.linalg.eigvalsh(phi)[0] < -1e-8 or (
        structure.has_second_order
        and (np.abs(structure.second_order(theta)) > 1 + 1e-8).any()
    ):
        notes.append(
            f"The correlations of the factors {listing(factors)} are not those of real "
            "variables (one is beyond 1); a model with fewer factors may do."
        )
    lam = structure.loadings(theta)
    against = np.flatnonzero((lam < 0).any(axis=1))
    if against.size:
        notes.append(
            f"Loading of opposite sign: {listing(names[j] for j in against)}. Check the "
            "keys of reversed items."
        )
    return tuple(notes)


def _by_factor(
    structure: FactorStructure,
    theta: FloatArray,
    covariance: FloatArray,
    names: tuple[str, ...],
    factors: Mapping[str, Sequence[str]],
    request: IntervalRequest,
) -> pd.DataFrame:
    rows = []
    for factor, members in factors.items():
        weights = np.array([float(name in set(members)) for name in names])
        value, gradient = omega_of(structure, theta, weights)
        se = float(np.sqrt(max(float(gradient @ covariance @ gradient), 0.0)))
        low, high = wald_limits(value, se, request.conf_level, request.scale)
        rows.append((factor, value, se, float(low), float(high), int(weights.sum())))
    return pd.DataFrame(
        rows, columns=["term", "estimate", "se", "ci_low", "ci_high", "n_items"]
    )


def _parameter_frame(
    structure: FactorStructure,
    theta: FloatArray,
    covariance: FloatArray,
    sigma: FloatArray,
    names: tuple[str, ...],
    factors: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    sd = np.sqrt(np.diagonal(sigma))
    ses = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    labels = list(factors)
    rows: list[tuple[str, str, float, float, float]] = []

    def add(term: str, kind: str, index: int, scale: float) -> None:
        at = float(theta[index])
        rows.append((term, kind, at, float(ses[index]), at / scale))

    for f, factor in enumerate(labels):
        for j in np.flatnonzero(structure.loading[:, f] >= 0):
            add(f"{factor} -> {names[j]}", "loading", structure.loading[j, f], sd[j])
    for f, factor in enumerate(labels):
        if structure.second[f] >= 0:
            add(
                f"second order -> {factor}",
                "second-order loading",
                structure.second[f],
                1,
            )
    for a, b in combinations(range(len(labels)), 2):
        if structure.between[a, b] >= 0:
            term = f"{labels[a]} with {labels[b]}"
            add(term, "factor correlation", structure.between[a, b], 1)
    for a, b in np.argwhere(np.triu(structure.residual >= 0)):
        kind = "unique variance" if a == b else "residual covariance"
        term = names[a] if a == b else f"{names[a]} with {names[b]}"
        unique = np.sqrt(np.abs(np.diagonal(structure.residuals(theta))))
        scale = sd[a] ** 2 if a == b else max(unique[a] * unique[b], 1e-300)
        add(term, kind, structure.residual[a, b], float(scale))
    return pd.DataFrame(
        rows, columns=["term", "kind", "estimate", "se", "standardized"]
    )


def _described(
    factors: Mapping[str, Sequence[str]],
    pairs: Pairs,
    second_order: bool,
    orthogonal: bool,
) -> str:
    count = len(factors)
    if count == 1:
        model = "one factor"
    elif second_order:
        model = f"{counted(count, 'factor')} and one of a second order"
    else:
        model = f"{count} {'uncorrelated' if orthogonal else 'correlated'} factors"
    if pairs:
        model += f", {counted(len(pairs), 'correlated residual')}"
    return (
        f"Omega total, {model}, by maximum likelihood, covariance matrix, model-implied "
        "variance."
    )
