"""Fit a model with nested random effects and any sampling covariance."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.errors import ModelError, check_conf_level, check_option
from waistats.meta.ascent import Maxima
from waistats.meta.blocks import level_codes
from waistats.meta.design import Design, build_design, intercept_only
from waistats.meta.distributions import chi2_sf
from waistats.meta.effects import Effects, usable_effects
from waistats.meta.fit import information
from waistats.meta.levels import (
    check_rows_apart,
    covariance_notes,
    group_codes,
    level_names,
    table_covariance,
)
from waistats.meta.maximum import estimable, maximise
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.problem import Problem, prepare


def fit_multilevel(
    effects: pd.DataFrame,
    moderators: str | None = None,
    *,
    levels: Sequence[str] = ("study_id", "coefficient_id"),
    within_correlation: float | None = None,
    V: Any = None,
    method: str = "REML",
    small_sample: str = "t",
    conf_level: float = 0.95,
) -> MultilevelResult:
    r"""Pool coefficients that share studies, samples or respondents.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`. Rows without ``yi, vi`` are left out and listed in
        the result's ``excluded``; the order of rows does not matter.
    moderators : str, optional
        A formula such as ``"~ rater + np.log(n_items)"`` (formulaic).
    levels : sequence of str, default ("study_id", "coefficient_id")
        Columns with the nested groups, outermost first; each gets a random effect. An
        absent ``coefficient_id`` is the row number.
    within_correlation : float, optional
        Correlation of the sampling errors of one study, at least 0 and below 1: the
        correlated and hierarchical effects model (CHE) [1]_. Where the table has
        ``sample_id``, the samples of a study are independent.
    V : array, list of arrays or dict, optional
        Known sampling covariance on the scale of ``yi``, in the order of the table's
        rows: (k, k); or blocks of consecutive rows; or ``study_id`` to block, such as
        covariances computed from item data. Its diagonal replaces ``vi``.
    method : {"REML", "ML"}
        Restricted or full maximum likelihood.
    small_sample : {"t", "wald"}
        Tests on t and F with k - p degrees of freedom, or on the normal and chi-square.
        ``.robust()`` is safer than both where studies are few or V is a guess.
    conf_level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    MultilevelResult
        Prints as metafor's ``rma.mv`` prints, and on the alpha scale.

    Raises
    ------
    DataError
        For missing groups, and for a V that does not fit or is not positive definite.
    ModelError
        For fewer than two effects, mixed scales or kinds of coefficients, and
        moderators that are missing, constant or collinear.
    ConvergenceError
        If the variances do not converge.

    Notes
    -----
    :math:`y \sim N(X\beta, M)`, :math:`M = V + \sum_l \sigma_l^2 Z_lZ_l'`. The
    likelihood is metafor's, constants included, and is maximised by scoring from
    several starts; metafor's default tolerance stops about 1e-5 short of it.
    :math:`I_l^2 = 100\,\sigma_l^2/(\sum\sigma^2+\tilde v)`,
    :math:`\tilde v = (k-p)/\operatorname{tr}P` with the full V. With one level of
    single rows and no V it is `fit_meta` (with ``small_sample="wald"`` there). A
    variance that the data cannot tell from outer levels or moderators is held at 0,
    with a note; metafor splits it arbitrarily.

    References
    ----------
    .. [1] Pustejovsky, J. E., & Tipton, E. (2022). Prevention Science, 23, 425-438.

    Examples
    --------
    >>> import pandas as pd
    >>> from waistats import effect_sizes, fit_multilevel
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "A", "B", "B", "C", "D"],
    ...      "estimate": [.91, .85, .79, .84, .93, .88],
    ...      "n": [84, 84, 54, 54, 231, 120], "n_items": [36, 12, 12, 12, 12, 12]})
    >>> fit = fit_multilevel(effect_sizes(table), within_correlation=0.6)
    >>> fit.components.round(3)[["level", "sigma2", "I2"]]
                level  sigma2      I2
    0        study_id   0.074  44.495
    1  coefficient_id   0.076  45.162
    """
    check_option("method", method, ("REML", "ML"))
    check_option("small_sample", small_sample, ("t", "wald"))
    check_conf_level(conf_level)
    used = usable_effects(effects, moderators)
    names = level_names(levels)
    codes = level_codes([group_codes(used, name) for name in names])
    check_rows_apart(used, names, codes)
    covariance = table_covariance(effects, used, names, within_correlation, V)
    notes = covariance_notes(used, covariance, within_correlation, V is not None)
    used = replace(used, vi=covariance.diagonal())
    design = (
        intercept_only(len(used.yi))
        if moderators is None
        else build_design(moderators, used.table)
    )
    return fit_levels(
        used,
        design,
        covariance,
        names,
        codes,
        method=method,
        small_sample=small_sample,
        conf_level=conf_level,
        notes=notes,
    )


def fit_levels(
    used: Effects,
    design: Design,
    V: sparse.csr_array,
    names: tuple[str, ...],
    codes: list[IntArray],
    *,
    method: str,
    small_sample: str,
    conf_level: float,
    notes: tuple[str, ...] = (),
) -> MultilevelResult:
    """Fit checked effects to a checked design and nested groups."""
    k, p = design.X.shape
    if k <= p:
        raise ModelError(
            f"{p} coefficients and {k} rows leave nothing to estimate variances from; "
            "use fewer moderators."
        )
    problem, estimated, held = _telling(used.yi, design.X, V, codes, names, method)
    found = maximise(problem, name=f"{design.formula} with levels {', '.join(names)}")
    unit = problem.unit
    sigma2 = np.zeros(len(names))
    sigma2[estimated] = found.sigma2[0] * unit
    sigma2_cov = np.full((len(names), len(names)), np.nan)
    sigma2_cov[np.ix_(estimated, estimated)] = (
        np.linalg.pinv(found.at.expected[0], hermitian=True) * unit**2
    )
    turn = np.linalg.inv(problem.triangle)
    likelihood = float(found.at.log_likelihood[0]) + constant(problem)
    n_parameters = p + int(estimated.sum())
    aic, bic, aicc = information(likelihood, n_parameters, k, p, method)
    tau2, typical = float(sigma2.sum()), problem.typical_variance
    return MultilevelResult(
        levels=names,
        sigma2=sigma2,
        sigma2_cov=sigma2_cov,
        n_levels={
            name: int(code.max()) + 1 for name, code in zip(names, codes, strict=True)
        },
        typical_variance=typical,
        V=V,
        codes=tuple(codes),
        estimated=estimated,
        problem=problem,
        maximum=found,
        tau2=tau2,
        I2=100 * tau2 / (tau2 + typical),
        H2=1 + tau2 / typical,
        Q=problem.Q,
        Q_df=k - p,
        Q_p=float(chi2_sf(problem.Q, k - p)),
        R2=_explained(used.yi, design, V, codes, names, method, tau2),
        log_likelihood=likelihood,
        aic=aic,
        bic=bic,
        aicc=aicc,
        beta=turn @ (problem.start + np.sqrt(unit) * found.at.beta[0]),
        cov=turn @ found.at.vcov[0] @ turn.T * unit,
        df=None if small_sample == "wald" else float(k - p),
        effects=used,
        design=design,
        method=method,
        small_sample=small_sample,
        conf_level=conf_level,
        n_parameters=n_parameters,
        notes=notes + held,
    )


def constant(problem: Problem) -> float:
    """Return what metafor's log-likelihood has besides the problem's own."""
    size = problem.k - problem.p if problem.restricted else problem.k
    value = -0.5 * size * (np.log(2 * np.pi) + np.log(problem.unit))
    if problem.restricted:
        value += 0.5 * problem.p * np.log(problem.k)
    return float(value)


def _telling(
    y: FloatArray,
    X: FloatArray,
    V: sparse.csr_array,
    codes: list[IntArray],
    names: tuple[str, ...],
    method: str,
) -> tuple[Problem, BoolArray, tuple[str, ...]]:
    """Return the problem with the levels whose variances the data can tell."""
    kept: list[int] = []
    notes = []
    for i, code in enumerate(codes):
        twin = next((j for j in kept if np.array_equal(codes[j], code)), None)
        if twin is None:
            kept.append(i)
        else:
            notes.append(
                f"{names[i]} groups the rows as {names[twin]} does; the variance of "
                f"both together stands under {names[twin]}."
            )
    problem = prepare(y, X, V, [codes[i] for i in kept], restricted=method == "REML")
    tells = estimable(problem)
    if not tells.all():
        notes += [
            f"The variance of {names[i]} cannot be told from the moderators and the "
            "other levels; it is held at 0."
            for i, tell in zip(kept, tells, strict=True)
            if not tell
        ]
        kept = [i for i, tell in zip(kept, tells, strict=True) if tell]
        problem = prepare(
            y, X, V, [codes[i] for i in kept], restricted=method == "REML"
        )
    estimated = np.zeros(len(codes), dtype=bool)
    estimated[kept] = True
    return problem, estimated, tuple(notes)


def _explained(
    y: FloatArray,
    design: Design,
    V: sparse.csr_array,
    codes: list[IntArray],
    names: tuple[str, ...],
    method: str,
    tau2: float,
) -> float:
    """Return R2, the share of all variances that moderators explain, 0-100."""
    if not design.has_intercept or design.X.shape[1] == 1:
        return float("nan")
    problem, _, _ = _telling(y, np.ones((len(y), 1)), V, codes, names, method)
    found: Maxima = maximise(problem, name="the model without moderators")
    null = float(found.sigma2.sum()) * problem.unit
    return max(0.0, 100 * (null - tau2) / null) if null > 0 else float("nan")
