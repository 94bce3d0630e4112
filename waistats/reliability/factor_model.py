"""Omega from a stated factor model, its fit, and the test of tau-equivalence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import special

from waistats._format import Result, coefficient, fixed, p_statement
from waistats._typing import FloatArray, IntArray
from waistats.errors import ConvergenceError, DataError, ModelError, listing, near
from waistats.provenance import marked, noted, of_simulated
from waistats.reliability._bootstrap import Seed
from waistats.reliability._delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability._factor import check_positive_definite
from waistats.reliability._intervals import normal_theory_se, wald_limits
from waistats.reliability._items import ItemsLike
from waistats.reliability._model_fit import ModelFit, model_fit, robust_trace
from waistats.reliability._moments import alpha_of, correlation
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import Sample, varying_sample
from waistats.reliability._structure import (
    FactorStructure,
    Part,
    StructureFit,
    by_covariances,
    fit_structure,
)

Factors = Mapping[str, Sequence[str]]
Pairs = Sequence[tuple[str, str]]
EQUAL = ("nothing", "loadings", "loadings and residuals")


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
        Items that share something beside the factors, such as a wording.
    second_order : bool
        Whether one factor of a second order makes the factors' correlations; it needs
        at least three factors.
    orthogonal : bool
        Whether factors are uncorrelated.
    ci : {"adf", "normal-theory", "bootstrap"}
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

    Returns
    -------
    ModelReliability
        Omega with its interval, the parameters and the fit of the model.

    Raises
    ------
    DataError
        If factors or pairs name unknown items.
    ModelError
        If the model is not identified or the covariances allow no maximum likelihood.
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
    (0.84, 8, 1.0)
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
    sample = varying_sample(items, missing, at_least_items=3)
    named = {str(f): [str(x) for x in members] for f, members in (factors or {}).items()}
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
    check_positive_definite(s)
    fitted = _fitted(s, structure, n)
    theta = fitted.parameters[0]
    trace, covariance = _robust(sample, s, structure, fitted)
    whole = np.ones(sample.n_items)
    value, gradient = omega_of(structure, theta, whole)
    problems = _improper(structure, theta, s, sample.names, tuple(named))
    spread, refusal = _spread(sample, s, structure, theta, value, gradient, request)
    sigma = structure.matrix(theta)
    notes = sample.notes + problems + refusal + spread.notes
    return ModelReliability(
        coefficient="omega_total",
        estimate=value,
        se=spread.se,
        ci_low=spread.ci_low,
        ci_high=spread.ci_high,
        conf_level=conf_level,
        ci=spread.ci,
        n=n,
        n_items=sample.n_items,
        n_excluded=int(sample.moments.n_excluded),
        method=_described(named, correlated_residuals, second_order, orthogonal),
        notes=notes,
        fit=model_fit(s, sigma, _degrees_of_freedom(structure, s), n, trace),
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


def factor_structure(
    names: tuple[str, ...],
    factors: Mapping[str, Sequence[str]],
    *,
    correlated_residuals: Pairs = (),
    second_order: bool = False,
    orthogonal: bool = False,
    equal: str = "nothing",
) -> FactorStructure:
    """Return the index arrays of a factor model.

    Parameters
    ----------
    names : tuple of str
        All items.
    factors : mapping of str to sequence of str
        Items of each factor.
    correlated_residuals, second_order, orthogonal
        As in :func:`omega_from_model`.
    equal : {"nothing", "loadings", "loadings and residuals"}
        What is the same for all items: nothing (congeneric), the loadings of a factor
        (tau-equivalent), or both (parallel).

    Raises
    ------
    DataError
        For unknown items, or items that no factor holds.
    ModelError
        For a second order of fewer than three factors.
    """
    place = {name: j for j, name in enumerate(names)}
    flat = [item for members in factors.values() for item in members]
    flat += [str(item) for pair in correlated_residuals for item in pair]
    unknown = dict.fromkeys(item for item in flat if item not in place)
    if unknown:
        told = listing(f"{item!r}{near(item, names)}" for item in unknown)
        raise DataError(f"the model names items that are not there: {told}.")
    outside = [name for name in names if not any(name in f for f in factors.values())]
    if outside:
        raise DataError(
            f"every item must belong to a factor, but these do not: {listing(outside)}. "
            "Leave them out of items= or name their factor."
        )
    twice = [f for f, members in factors.items() if len(set(members)) < len(members)]
    if twice:
        raise DataError(f"a factor names an item more than once: {listing(twice)}.")
    if second_order and len(factors) < 3:
        raise ModelError(
            f"a second-order factor needs at least 3 factors; got {len(factors)}."
        )
    m, f = len(names), len(factors)
    count = 0
    loading = np.full((m, f), -1)
    for column, members in enumerate(factors.values()):
        for item in members:
            loading[place[item], column] = count
            count += equal == "nothing"
        count += equal != "nothing"
    residual = np.full((m, m), -1)
    for j in range(m):
        residual[j, j] = count
        count += equal != "loadings and residuals"
    count += equal == "loadings and residuals"
    for first, second in correlated_residuals:
        a, b = place[str(first)], place[str(second)]
        if a == b:
            raise DataError(f"the residual of {first} cannot correlate with itself.")
        residual[a, b] = residual[b, a] = count
        count += 1
    between = np.full((f, f), -1)
    second = np.full(f, -1)
    if second_order:
        second = np.arange(count, count + f)
    elif not orthogonal:
        for a, b in combinations(range(f), 2):
            between[a, b] = between[b, a] = count
            count += 1
    return FactorStructure(
        loading=loading, residual=residual, between=between, second=second
    )


def _fitted(s: FloatArray, structure: FactorStructure, n: int) -> StructureFit:
    m = len(s)
    if structure.n_parameters > m * (m + 1) // 2:
        raise ModelError(
            f"the model has {structure.n_parameters} parameters, more than the "
            f"{m * (m + 1) // 2} variances and covariances of {m} items."
        )
    fit = fit_structure(
        [Part(weight=n, matrix=s)], [structure], [_start(s, structure)]
    )
    if not fit.is_identified():
        raise ModelError(
            "the model is not identified: other parameters fit these items as well. "
            "Give each factor at least three items, or two where factors correlate, "
            "and correlate fewer residuals."
        )
    if not fit.converged:
        raise ConvergenceError(
            f"the factor model did not converge in {fit.n_iter} iterations. Check the "
            "keys of the items (audit_keys) and which items belong to which factor."
        )
    return _signed(structure, fit)


def _signed(structure: FactorStructure, fit: StructureFit) -> StructureFit:
    """Return the same fit with factors whose loadings have a positive sum."""
    theta = fit.parameters[0].copy()
    information = fit.information.copy()
    flips = np.ones(len(theta))
    lam = structure.loadings(theta)
    for f in np.flatnonzero(lam.sum(axis=0) < 0):
        for index in (structure.loading[:, f], structure.between[f]):
            flips[np.unique(index[index >= 0])] *= -1
        if structure.has_second_order:
            flips[structure.second[f]] *= -1
    if structure.has_second_order:
        at = structure.second
        if (theta * flips)[at].sum() < 0:
            flips[at] *= -1
    return StructureFit(
        parameters=(theta * flips,),
        information=information * np.outer(flips, flips),
        discrepancy=fit.discrepancy,
        converged=fit.converged,
        n_iter=fit.n_iter,
    )


def _start(s: FloatArray, structure: FactorStructure) -> FloatArray:
    """Return parameters to begin with: first axes, composites, and what is left."""
    r = correlation(s)
    sd = np.sqrt(np.diagonal(s))
    free = structure.loading >= 0
    lam = np.zeros(free.shape)
    for f in range(free.shape[1]):
        own = np.flatnonzero(free[:, f])
        if len(own) == 1:
            lam[own, f] = 0.7
            continue
        values, vectors = np.linalg.eigh(r[np.ix_(own, own)])
        axis = vectors[:, -1] * (1 if vectors[:, -1].sum() >= 0 else -1)
        lam[own, f] = 0.8 * np.sqrt(values[-1]) * axis
    # items of several factors share their communality between them
    lam /= np.sqrt(np.maximum(free.sum(axis=1, keepdims=True), 1))
    weights = lam / np.sqrt(np.einsum("jf,jk,kf->f", lam, r, lam))
    phi = np.clip(weights.T @ r @ weights, -0.8, 0.8)
    np.fill_diagonal(phi, 1.0)
    if not structure.has_second_order and (structure.between < 0).all():
        phi = np.eye(len(phi))
    communality = np.einsum("jf,fg,jg->j", lam, phi, lam)
    shrink = np.sqrt(np.minimum(1.0, 0.7 / np.maximum(communality, 1e-12)))
    lam *= shrink[:, None]
    left = 1 - np.einsum("jf,fg,jg->j", lam, phi, lam)
    theta = np.zeros(structure.n_parameters)
    counts = np.zeros(structure.n_parameters)

    def put(index: IntArray, values: FloatArray) -> None:
        at = index >= 0
        np.add.at(theta, index[at], values[at])
        np.add.at(counts, index[at], 1)

    put(structure.loading, lam * sd[:, None])
    put(structure.residual, np.diag(left * sd**2))
    put(structure.between, phi)
    if structure.has_second_order:
        values, vectors = np.linalg.eigh(phi)
        axis = vectors[:, -1] * (1 if vectors[:, -1].sum() >= 0 else -1)
        put(structure.second, np.clip(0.9 * np.sqrt(values[-1]) * axis, -0.9, 0.9))
    theta /= np.maximum(counts, 1)
    sigma = structure.matrix(theta)
    if np.linalg.eigvalsh(sigma)[0] > 0:
        return theta
    # factors that nearly coincide: begin uncorrelated
    for index in (structure.between, structure.second):
        theta[index[index >= 0]] = 0.1
    return theta


def omega_of(
    structure: FactorStructure, parameters: FloatArray, weights: FloatArray
) -> tuple[float, FloatArray]:
    """Return omega of a weighted sum of the items and its derivative (p,)."""
    common = weights @ structure.common(parameters) @ weights
    total = weights @ structure.matrix(parameters) @ weights
    by_common = np.einsum(
        "i,pij,j->p", weights, structure.common_derivatives(parameters), weights
    )
    by_total = np.einsum(
        "i,pij,j->p", weights, structure.derivatives(parameters), weights
    )
    gradient = (by_common * total - common * by_total) / total**2
    return float(common / total), gradient


def hierarchical_of(structure: FactorStructure, parameters: FloatArray) -> float:
    """Return the share of a second-order factor in the sum's variance, or NaN."""
    if not structure.has_second_order:
        return np.nan
    loadings = structure.loadings(parameters) @ structure.second_order(parameters)
    return float(loadings.sum() ** 2 / structure.matrix(parameters).sum())


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
    if (np.diagonal(structure.residuals(theta)) <= 1e-8 * np.diagonal(s)).any() and (
        request.ci != "bootstrap"
    ):
        return Spread(), (
            "No standard error is given for such a solution; ci='bootstrap' resamples "
            "respondents instead.",
        )
    n = int(sample.moments.n)
    by_s = by_covariances(structure, theta, gradient)
    if request.ci == "normal-theory" and sample.likelihood is None:
        se = float(normal_theory_se(structure.matrix(theta), by_s, n))
        low, high = wald_limits(value, se, request.conf_level, request.scale)
        return (
            Spread(
                se=se, ci_low=float(low), ci_high=float(high), ci="normal-theory"
            ),
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
    for b, matrix in enumerate(covariances):
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


def _robust(
    sample: Sample, s: FloatArray, structure: FactorStructure, fit: StructureFit
) -> tuple[float, FloatArray]:
    if len(sample.values) and sample.missing == "listwise":
        return robust_trace(sample.values, s, structure, fit.parameters[0])
    return np.nan, fit.covariance()


def _degrees_of_freedom(structure: FactorStructure, s: FloatArray) -> int:
    m = len(s)
    return m * (m + 1) // 2 - structure.n_parameters


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
        se = float(np.sqrt(max(gradient @ covariance @ gradient, 0.0)))
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
            add(f"second order -> {factor}", "second-order loading", structure.second[f], 1)
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
    return pd.DataFrame(rows, columns=["term", "kind", "estimate", "se", "standardized"])


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
        model = f"{count} factors and one of a second order"
    else:
        model = f"{count} {'uncorrelated' if orthogonal else 'correlated'} factors"
    if pairs:
        model += f", {len(pairs)} correlated residual{'s' if len(pairs) > 1 else ''}"
    return (
        f"Omega total, {model}, by maximum likelihood, covariance matrix, model-implied "
        "variance."
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TauEquivalence(Result):
    """Whether the items are tau-equivalent, as alpha supposes.

    Attributes
    ----------
    models : DataFrame
        ``term`` (parallel, tau-equivalent, congeneric) and the measures of
        :class:`ModelFit`, with ``omega`` of each model.
    chi_square, df, p_value : float
        Test of equal loadings: tau-equivalent against congeneric.
    chi_square_scaled, p_value_scaled : float
        The same without supposing normal answers (Satorra & Bentler, 2001); NaN where
        the correction is not positive.
    alpha, omega : float
        Cronbach's alpha, and omega total of the congeneric model.
    n, n_items : int
        Respondents and items used.
    notes : tuple of str
        What a reader must know.
    """

    models: pd.DataFrame
    chi_square: float
    df: int
    p_value: float
    chi_square_scaled: float
    p_value_scaled: float
    alpha: float
    omega: float
    n: int
    n_items: int
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the responses are SIMULATED."""
        return noted(self.notes)

    def to_frame(self) -> pd.DataFrame:
        """Return a row a model."""
        return self.models.copy()

    def shown(self) -> pd.DataFrame:
        """Return the measures that are usually reported."""
        columns = ["term", "chi_square", "df", "p_value", "rmsea", "cfi", "srmr", "omega"]
        return self.models[columns]

    def heading(self) -> str:
        """Return the test and both coefficients in a line."""
        return (
            f"Equal loadings: chi-square({self.df}) = {fixed(self.chi_square, 2)}, "
            f"{p_statement(self.p_value)} (scaled {fixed(self.chi_square_scaled, 2)}, "
            f"{p_statement(self.p_value_scaled)}); alpha = {coefficient(self.alpha)}, "
            f"omega = {coefficient(self.omega)}, n = {self.n}, {self.n_items} items"
            f"{of_simulated(self.simulated)}"
        )

    def closing(self) -> str:
        """Return the notes."""
        return "\n".join(self.notes)


def tau_equivalence(items: ItemsLike, *, missing: str = "listwise") -> TauEquivalence:
    r"""Test whether the items load equally on one factor, as Cronbach's alpha supposes.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses to at least three items.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.

    Returns
    -------
    TauEquivalence
        Parallel, tau-equivalent and congeneric models, and the test of equal loadings.

    Raises
    ------
    DataError
        If fewer than three items vary.
    ModelError
        If the covariances allow no maximum likelihood.

    Notes
    -----
    One factor with free loadings (congeneric), equal loadings (essentially
    tau-equivalent), or equal loadings and unique variances (parallel), by normal maximum
    likelihood on the covariances. Alpha equals the reliability of the sum under the
    second and is below it under the first. The likelihood-ratio test supposes normal
    answers and rejects too often with ordinal ones; the scaled test does not. In large
    samples both reject for differences that hardly touch alpha: look at alpha and omega.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(200, 1)) + rng.normal(size=(200, 4))
    >>> result = tau_equivalence(answers)
    >>> result.df, round(result.p_value, 2)
    (3, 0.13)
    """
    sample = varying_sample(items, missing, at_least_items=3)
    n, m = int(sample.moments.n), sample.n_items
    s = sample.moments.covariance * ((n - 1) / n)
    check_positive_definite(s)
    factors = {"factor": list(sample.names)}
    rows, fits = [], {}
    labels = ("congeneric", "tau-equivalent", "parallel")
    for term, equal in zip(labels, EQUAL, strict=True):
        structure = factor_structure(sample.names, factors, equal=equal)
        fitted = _fitted(s, structure, n)
        theta = fitted.parameters[0]
        trace, _ = _robust(sample, s, structure, fitted)
        fit = model_fit(
            s, structure.matrix(theta), _degrees_of_freedom(structure, s), n, trace
        )
        omega = omega_of(structure, theta, np.ones(m))[0]
        fits[term] = fit, trace
        rows.append({"term": term, **fit.to_frame().iloc[0].to_dict(), "omega": omega})
    models = pd.DataFrame(rows[::-1]).astype({"df": int})
    (equal_fit, equal_trace), (free_fit, free_trace) = (
        fits["tau-equivalent"],
        fits["congeneric"],
    )
    df = equal_fit.df - free_fit.df
    statistic = max(equal_fit.chi_square - free_fit.chi_square, 0.0)
    correction = (equal_trace - (free_trace if free_fit.df else 0.0)) / df
    scaled = statistic / correction if correction > 0 else np.nan
    return TauEquivalence(
        models=marked(models, noted(sample.notes)),
        chi_square=statistic,
        df=df,
        p_value=float(special.chdtrc(df, statistic)),
        chi_square_scaled=float(scaled),
        p_value_scaled=float(special.chdtrc(df, scaled)),
        alpha=float(alpha_of(s)),
        omega=float(rows[0]["omega"]),
        n=n,
        n_items=m,
        notes=sample.notes,
    )
