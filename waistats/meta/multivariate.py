"""Several outcomes per study at once, with an unstructured between-study covariance."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._areas import chi2_sf
from waistats._format import counted
from waistats._frames import as_frame
from waistats._typing import FloatArray, IntArray
from waistats.errors import (
    DataError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
    near,
)
from waistats.meta._design import Design, build_design, intercept_only
from waistats.meta._effects import Effects, usable_effects
from waistats.meta._unstructured import (
    At,
    Stacked,
    evaluate,
    filled,
    maximise,
    shapes,
    standardised,
)
from waistats.meta.multilevel._blocks import is_diagonal
from waistats.meta.multilevel._data import (
    check_contains,
    covariance_notes,
    table_covariance,
)
from waistats.meta.multivariate_result import MultivariateResult, _bound_notes
from waistats.meta.results import information

STRUCTS = ("UN", "CS", "DIAG", "ID")


def fit_multivariate(
    effects: pd.DataFrame,
    moderators: str | None = None,
    *,
    outcome: str = "scale",
    study: str = "study_id",
    V: Any = None,
    within_correlation: float | None = None,
    struct: str = "UN",
    method: str = "REML",
    small_sample: str = "t",
    conf_level: float = 0.95,
) -> MultivariateResult:
    r"""Pool several outcomes of the same studies together, such as subscales.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`, one row per coefficient. Rows without ``yi, vi`` are
        excluded and listed in ``excluded``.
    moderators : str, optional
        A formula; every outcome has its own coefficients.
    outcome : str, default "scale"
        Column that names the outcome of each row (task, bond, goal).
    study : str, default "study_id"
        Column of the studies, whose true values vary together.
    V : array, list of arrays or dict, optional
        Known sampling covariance on the scale of ``yi``, as in `fit_multilevel`; from
        item data ``reliability_by_study`` computes it. Subscales answered by the same
        people have correlated errors: without V or ``within_correlation`` these go into
        the correlation between studies.
    within_correlation : float, optional
        Correlation of the sampling errors of one study (or sample) in place of V.
    struct : {"UN", "CS", "DIAG", "ID"}
        Between-study covariance: unstructured; one variance and one correlation;
        variances without correlations; one variance.
    method : {"REML", "ML"}
        Restricted or full maximum likelihood.
    small_sample : {"t", "wald"}
        CR2 with Satterthwaite's degrees of freedom, clustered on studies; where these
        are below 4 the wider of it and the model's own, t on the studies with an outcome
        less its coefficients. Or the normal and chi-square.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    MultivariateResult
        With ``between``, ``correlations``, ``components``, ``contrasts()``,
        ``omnibus``, ``predict()`` and ``robust()``.

    Raises
    ------
    DataError
        For blank outcomes or studies, and for a V that does not fit.
    ModelError
        For fewer than two outcomes, outcomes in too few studies, and pairs of outcomes
        that no two studies have in common.
    ConvergenceError
        If the covariance does not converge.

    Notes
    -----
    :math:`y_j\sim N(X_j\beta, V_j + Z_jGZ_j')` for study j, with :math:`Z_j` the
    outcomes of its rows and G their covariance between studies [1]_: metafor's
    ``rma.mv(yi, V, mods = ~ outcome - 1, random = ~ outcome | study, struct = "UN")``,
    whose likelihood it is, constants included. The maximum is sought by Newton's steps
    on a Cholesky factor of G from several starts, so that G is always a covariance, its
    edge included. A study need not report every outcome. Rows of the same study and
    outcome (samples) share one true value; where they vary more than their sampling
    errors, use `fit_multilevel`.

    References
    ----------
    .. [1] Berkey, C. S., et al. (1998). Statistics in Medicine, 17, 2537-2550; Jackson,
       D., Riley, R., & White, I. R. (2011). Statistics in Medicine, 30, 2481-2498.

    Examples
    --------
    >>> from waistats import effect_sizes
    >>> table = pd.DataFrame(
    ...     {"study_id": list("AABBCCDDEE"), "scale": ["task", "bond"] * 5,
    ...      "coefficient_id": [str(i) for i in range(10)],
    ...      "estimate": [.91, .85, .79, .80, .93, .88, .88, .80, .85, .81],
    ...      "n": [84, 84, 154, 154, 231, 231, 120, 120, 90, 90], "n_items": 4})
    >>> fit = fit_multivariate(effect_sizes(table), within_correlation=0.6)
    >>> fit.predict().round(3)[["outcome", "estimate", "ci_low", "ci_high"]]
      outcome  estimate  ci_low  ci_high
    0    task     0.882   0.795    0.932
    1    bond     0.835   0.775    0.879
    """
    effects = as_frame(effects)
    struct = check_option("struct", struct, STRUCTS)
    method = check_option("method", method, ("REML", "ML"))
    small_sample = check_option("small_sample", small_sample, ("t", "wald"))
    check_conf_level(conf_level)
    used = usable_effects(effects, moderators)
    outcomes, outcome_code = _groups(used, outcome, "outcome")
    _, study_code = _groups(used, study, "study")
    covariance = table_covariance(effects, used, (study,), within_correlation, V)
    notes = covariance_notes(used, covariance, within_correlation, V is not None)
    used = replace(used, vi=covariance.diagonal())
    base = (
        intercept_only(len(used.yi))
        if moderators is None
        else build_design(moderators, used.table)
    )
    _check_counts(outcomes, outcome_code, study_code, base, struct)
    if not is_diagonal(covariance):
        check_contains(study_code, study, covariance, [])
    elif V is None and within_correlation is None:
        notes = (
            *notes,
            "Sampling errors are taken as independent; those of outcomes answered by the "
            "same people are not, and their correlation then counts as one between "
            "studies. Give V or within_correlation.",
        )
    return _fit(
        used,
        base,
        covariance,
        (outcomes, outcome_code, study_code),
        struct=struct,
        method=method,
        small_sample=small_sample,
        conf_level=conf_level,
        notes=notes,
    )


def _fit(
    used: Effects,
    base: Design,
    V: sparse.csr_array,
    groups: tuple[tuple[str, ...], IntArray, IntArray],
    *,
    struct: str,
    method: str,
    small_sample: str,
    conf_level: float,
    notes: tuple[str, ...],
) -> MultivariateResult:
    """Fit checked effects."""
    outcomes, outcome, study = groups
    design = _stacked_design(base, outcomes, outcome)
    X, k, q = design.X, len(used.yi), len(outcomes)
    data, start, residual, unit = standardised(
        used.yi, used.vi, X, V, (outcome, study), q, method
    )
    theta = maximise(data, residual, used.vi / unit, outcome, struct)
    at = evaluate(data, theta)
    at_zero = evaluate(data, np.zeros_like(theta))
    rest = residual - X @ at_zero.beta
    G = filled(theta, q) * unit
    P = X.shape[1]
    n_parameters = P + len(shapes(q, struct)[0])
    likelihood = at.value + _constant(X, k, unit, method)
    aic, bic, aicc = information(likelihood, n_parameters, k, P, method)
    Q = _quadratic(data, at_zero, rest)
    size = np.bincount(np.unique(np.stack([study, outcome]), axis=1)[1], minlength=q)
    df = np.repeat(size - len(base.names), len(base.names)).astype(float)
    return MultivariateResult(
        outcomes=outcomes,
        between=G,
        beta=start + np.sqrt(unit) * at.beta,
        cov=at.cov * unit,
        df=None if small_sample == "wald" else df,
        Q=Q,
        Q_df=k - P,
        Q_p=float(chi2_sf(Q, k - P)) if k > P else 1.0,
        log_likelihood=likelihood,
        aic=aic,
        bic=bic,
        aicc=aicc,
        n_parameters=n_parameters,
        n_studies=int(study.max()) + 1,
        V=V,
        effects=used,
        design=design,
        base=base,
        study=study,
        outcome=outcome,
        method=method,
        struct=struct,
        small_sample=small_sample,
        conf_level=conf_level,
        notes=(*notes, *_bound_notes(G, outcomes, struct)),
    )


def _quadratic(data: Stacked, at: At, rest: FloatArray) -> float:
    """Return the weighted residual sum of squares with W = V^-1."""
    r = data.y - data.X @ at.beta
    W = np.linalg.solve(data.V, r[..., None])[..., 0]
    return max(float((r * W).sum()), 0.0) if rest.size else 0.0


def _constant(X: FloatArray, k: int, unit: float, method: str) -> float:
    """Return what metafor's log-likelihood has besides the value of `evaluate`."""
    P = X.shape[1]
    size = k - P if method == "REML" else k
    value = -0.5 * size * (np.log(2 * np.pi) + np.log(unit))
    if method == "REML":
        value += 0.5 * float(np.linalg.slogdet(X.T @ X)[1])
    return float(value)


def _groups(used: Effects, column: str, what: str) -> tuple[tuple[str, ...], IntArray]:
    """Return the names of the groups of a column, and each row's group."""
    source = used.source
    if column not in source:
        raise DataError(
            f"{what}={column!r} is not a column of the table"
            f"{near(column, map(str, source.columns))}."
        )
    values = source[column].to_numpy(dtype=object)[used.rows]
    blank = pd.isna(values) | (values == "")
    if blank.any():
        raise DataError(
            f"{column} is empty in rows {listing(used.rows[blank] + 1)} of the table. "
            "Fill these cells, or leave the rows out."
        )
    codes, names = pd.factorize(np.array([str(v) for v in values], dtype=object))
    return tuple(str(name) for name in names), codes.astype(np.int64)


def _check_counts(
    outcomes: tuple[str, ...],
    outcome: IntArray,
    study: IntArray,
    base: Design,
    struct: str,
) -> None:
    """Refuse what leaves a mean, a variance or a correlation without data."""
    if len(outcomes) < 2:
        raise ModelError(
            f"A multivariate model needs at least 2 outcomes; there is only "
            f"{outcomes[0]!r}. fit_meta() and fit_multilevel() pool one."
        )
    reported = np.zeros((int(study.max()) + 1, len(outcomes)), dtype=bool)
    reported[study, outcome] = True
    size, p = reported.sum(axis=0), len(base.names)
    few = [f"{name} ({n})" for name, n in zip(outcomes, size, strict=True) if n <= p]
    if few:
        raise ModelError(
            f"Every outcome needs more studies than its {counted(p, 'coefficient')}; "
            f"too few have {listing(few)}."
        )
    if struct != "UN":
        return
    together = reported.T.astype(int) @ reported
    apart = [
        f"{outcomes[i]} and {outcomes[j]}"
        for i, j in combinations(range(len(outcomes)), 2)
        if together[i, j] < 2
    ]
    if apart:
        raise ModelError(
            f"Fewer than 2 studies have {listing(apart)}, so their correlation between "
            "studies is unknown; use struct='CS' or 'DIAG', or leave an outcome out."
        )


def _stacked_design(
    base: Design, outcomes: tuple[str, ...], outcome: IntArray
) -> Design:
    """Return the design in which every outcome has coefficients of its own."""
    k, p = base.X.shape
    q = len(outcomes)
    X = (np.eye(q)[outcome][:, :, None] * base.X[:, None, :]).reshape(k, q * p)
    names = tuple(
        name if term == "Intercept" else f"{name}:{term}"
        for name in outcomes
        for term in base.names
    )
    if np.linalg.matrix_rank(X) < q * p:
        raise ModelError(
            "The moderators are constant or collinear within an outcome, so its "
            f"coefficients are not identifiable: {base.formula}."
        )
    return replace(
        base,
        X=X,
        names=names,
        term_columns={name: (i,) for i, name in enumerate(names)},
    )
