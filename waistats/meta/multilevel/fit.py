"""Fit a model with nested random effects and any sampling covariance."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._areas import chi2_sf
from waistats._format import counted
from waistats._frames import as_frame
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import ModelError, check_conf_level, check_option
from waistats.meta._design import (
    Design,
    build_design,
    intercept_only,
    with_complete_moderators,
)
from waistats.meta._effects import Effects, independence_notes, usable_effects
from waistats.meta._fits import Deferred, Fits
from waistats.meta.multilevel._blocks import connect, level_codes
from waistats.meta.multilevel._data import (
    Problem,
    check_rows_apart,
    covariance_notes,
    group_codes,
    level_names,
    prepare,
    table_covariance,
)
from waistats.meta.multilevel._intervals import degrees
from waistats.meta.multilevel._likelihood import Maxima, estimable, maximise
from waistats.meta.multilevel.result import MultilevelResult


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
    missing_moderators: str = "error",
) -> MultilevelResult:
    r"""Pool coefficients that share studies, samples or respondents.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`. Rows without ``yi, vi`` are excluded and listed in
        the result's ``excluded``; the order of rows does not matter.
    moderators : str, optional
        A formula such as ``"~ rater + np.log(n_items)"``, as for `fit_meta`.
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
        ``"t"`` counts studies: intervals and tests are cluster-robust (CR2) on
        Satterthwaite's degrees of freedom; where these are below 4, the wider of that
        and the model's own on t with studies - p; where one study alone decides a
        contrast, the model's own. ``"wald"`` is the model's own on the normal and
        chi-square, metafor's default.
    conf_level : float, default 0.95
        Confidence level.
    missing_moderators : {"error", "drop"}, default "error"
        Refuse rows without a value of a moderator, or leave them out: they are then
        listed in ``excluded``, and a note names them.

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
    variance that is not identifiable given outer levels or moderators is held at 0,
    with a note; metafor splits it arbitrarily.

    metafor's ``test="t"`` has k - p degrees of freedom, coefficients instead of
    studies: 95% intervals of 3 to 8 studies with several coefficients each then cover
    76% to 94% (simulated). The columns of ``to_frame()`` are those of the interval that
    is shown, and ``basis`` says which it is; ``se``, ``cov`` and ``df`` of the result
    are the model's own.

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
    return fit_nested(
        effects,
        moderators,
        levels=levels,
        within_correlation=within_correlation,
        V=V,
        method=method,
        small_sample=small_sample,
        conf_level=conf_level,
        missing_moderators=missing_moderators,
    )


def fit_nested(
    effects: pd.DataFrame,
    moderators: str | None = None,
    *,
    levels: Sequence[str] = ("study_id", "coefficient_id"),
    within_correlation: float | None = None,
    V: Any = None,
    method: str = "REML",
    small_sample: str = "t",
    conf_level: float = 0.95,
    missing_moderators: str = "error",
    fits: Fits | None = None,
) -> MultilevelResult:
    """Fit as `fit_multilevel` does; what ``fits`` holds is not fitted again."""
    effects = as_frame(effects)
    method = check_option("method", method, ("REML", "ML"))
    small_sample = check_option("small_sample", small_sample, ("t", "wald"))
    check_conf_level(conf_level)
    effects, left_out = with_complete_moderators(
        effects, moderators, missing_moderators
    )
    used = usable_effects(effects, moderators)
    names = level_names(levels)
    codes = level_codes([group_codes(used, name) for name in names])
    check_rows_apart(used, names, codes)
    covariance = table_covariance(effects, used, names, within_correlation, V)
    notes = left_out + covariance_notes(used, covariance, within_correlation, V)
    used = replace(used, vi=covariance.diagonal())
    design = (
        intercept_only(len(used.yi))
        if moderators is None
        else build_design(moderators, used.table)
    )
    joined = connect(covariance, codes[0])
    notes += independence_notes(used, design.variables, joined)
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
        fits=fits,
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
    fits: Fits | None = None,
) -> MultilevelResult:
    """Fit checked effects to a checked design and nested groups.

    What ``fits`` holds is taken from it.
    """
    k, p = design.X.shape
    if k <= p:
        raise ModelError(
            f"A model with {counted(p, 'coefficient')} fitted to {counted(k, 'row')} "
            "leaves no degrees of freedom to estimate variances from; use fewer "
            "moderators."
        )
    clusters = np.unique(connect(V, codes[0]), return_inverse=True)[1].reshape(-1)
    problem, estimated, held, found = _highest(
        (used.yi, design.X, V, codes, names, method),
        f"{design.formula} with levels {', '.join(names)}",
        fits,
    )
    unit = problem.unit
    sigma2 = np.zeros(len(names))
    sigma2[estimated] = found.sigma2[0] * unit
    sigma2_cov = np.full((len(names), len(names)), np.nan)
    sigma2_cov[np.ix_(estimated, estimated)] = (
        np.linalg.pinv(found.at.expected[0], hermitian=True) * unit**2
    )
    turn = np.linalg.inv(problem.triangle)
    likelihood = float(found.at.log_likelihood[0]) + constant(problem)
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
        clusters=clusters,
        problem=problem,
        maximum=found,
        tau2=tau2,
        I2=100 * tau2 / (tau2 + typical),
        H2=1 + tau2 / typical,
        Q=problem.Q,
        Q_df=k - p,
        Q_p=float(chi2_sf(problem.Q, k - p)),
        beta=turn @ (problem.start + np.sqrt(unit) * found.at.beta[0]),
        cov=turn @ found.at.vcov[0] @ turn.T * unit,
        df=None if small_sample == "wald" else degrees(int(clusters.max()) + 1, p),
        effects=used,
        design=design,
        method=method,
        small_sample=small_sample,
        conf_level=conf_level,
        n_parameters=p + int(estimated.sum()),
        deferred=Deferred(
            fits,
            R2=partial(
                _explained, used.yi, design, V, codes, names, method, tau2, fits
            ),
            log_likelihood=likelihood,
        ),
        fit_notes=notes + held,
    )


def _highest(
    given: tuple[Any, ...], name: str, fits: Fits | None
) -> tuple[Problem, BoolArray, tuple[str, ...], Maxima]:
    """Return what `_telling` gives and the highest maximum, from ``fits`` if there."""

    def search() -> tuple[Problem, BoolArray, tuple[str, ...], Maxima]:
        problem, estimated, held = _telling(*given)
        return problem, estimated, held, maximise(problem, name=name)

    return search() if fits is None else fits.once("levels", given, search)


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
                f"both together is listed under {names[twin]}."
            )
    problem = prepare(y, X, V, [codes[i] for i in kept], restricted=method == "REML")
    tells = estimable(problem)
    if not tells.all():
        notes += [
            f"The variance of {names[i]} is not identifiable given the moderators and "
            "the other levels; it is held at 0."
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
    fits: Fits | None,
) -> float:
    """Return R2, the share of all variances that moderators explain, 0-100."""
    if not design.has_intercept or design.X.shape[1] == 1:
        return float("nan")
    given = (y, np.ones((len(y), 1)), V, codes, names, method)
    problem, _, _, found = _highest(given, "the model without moderators", fits)
    null = float(found.sigma2.sum()) * problem.unit
    return max(0.0, 100 * (null - tau2) / null) if null > 0 else float("nan")
