"""Whether alpha differs because scores spread more, or because error differs."""

from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import DataError, ModelError, check_conf_level
from waistats.generalization.spread_result import SpreadResult, cautions, judge
from waistats.generalization.spread_rows import sampling_blocks, spread_rows
from waistats.meta.bivariate import (
    Bivariate,
    BivariateFit,
    maximise,
    no_slope_likelihood,
    prepare,
    slope_likelihood,
    slope_limits,
    slope_of,
)
from waistats.meta.design import Design, build_design, intercept_only
from waistats.meta.distributions import chi2_ppf, chi2_sf
from waistats.meta.effects import Effects
from waistats.meta.fit import fit_design
from waistats.meta.result import MetaResult
from waistats.meta.wald import TestResult
from waistats.provenance import is_simulated


def spread_analysis(
    coefficients: pd.DataFrame,
    moderators: str | None = None,
    *,
    scale: str | None = None,
    metric: str = "pomp",
    score_metric: str | None = None,
    response_min: float | None = None,
    response_max: float | None = None,
    variance_factor: float = 1.0,
    V: Any = None,
    conf_level: float = 0.95,
) -> SpreadResult:
    r"""Tell whether alpha differs by the spread of scores or by measurement error.

    Parameters
    ----------
    coefficients : DataFrame
        A coefficient table with ``score_sd``, one alpha a sample. Other rows are listed
        in the result's ``excluded`` with the reason.
    moderators : str, optional
        A formula such as ``"~ np.log(n_items)"``: what to hold constant, in the alphas
        and in the variances.
    scale : str, optional
        The scale to use; of several, ``total`` by default.
    metric : {"pomp", "as_given"}, default "pomp"
        Bring standard deviations to percent of the possible range; or take them as they
        are, on one metric already.
    score_metric : {"sum", "item_mean"}, optional
        What scores are; by default the table's column ``score_metric``, else what
        ``score_mean`` and ``score_sd`` allow.
    response_min, response_max : float, optional
        Lowest and highest answer, where neither the columns of these names nor the
        bundled form says.
    variance_factor : float, default 1
        Multiplies all sampling variances: 1.3 is a check against scores of which half
        are at the ceiling, 2 against 70%.
    V : array_like, shape (k, 2, 2), optional
        Sampling covariances of transformed alpha and log score variance of the used
        rows, in place of those that follow from n and n_items; `spread_covariance`
        makes them from items.
    conf_level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    SpreadResult
        Prints a verdict in words.

    Raises
    ------
    DataError
        For missing columns, impossible values, and samples with several alphas.
    ModelError
        For too few samples, and several scales without a choice.
    ConvergenceError
        If a model does not converge.

    Notes
    -----
    With error variance :math:`s^2(1-a)`, transformed alpha :math:`T=-\ln(1-a)` is the
    log score variance minus the log error variance. If only true-score variance differs
    across samples, log error variance is homogeneous and T has slope 1 on
    :math:`\ln s^2`. A regression of T on :math:`\ln s^2` cannot show this, because both
    hold the same sampling error: even samples of one population have a slope near 1.
    The bivariate model knows that error,

    .. math:: \begin{pmatrix} T_i \\ \ln s_i^2 \end{pmatrix} \sim
       N\left(\mu, \Sigma + \begin{pmatrix} v_i & 2/(n_i-1) \\ 2/(n_i-1) & 2/(n_i-1)
       \end{pmatrix}\right), \quad v_i = \frac{2m_i}{(m_i-1)(n_i-2)},

    and its slope is :math:`\Sigma_{12}/\Sigma_{22}`. It is fitted by restricted maximum
    likelihood, as metafor's ``rma.mv`` with ``struct="UN"``; the search allows a
    correlation of exactly 1, which is the hypothesis, where metafor stops short. The log
    error variance has sampling variance :math:`2/((n-1)(m-1))`, for parallel items and
    normal scores; with loadings of .3 to .9 it is about 14% larger.

    References
    ----------
    .. [1] Botella, J., Suero, M., & Gambara, H. (2010). Psychological Methods, 15,
       386-397.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({
    ...     "study_id": list("ABCDEF"), "n": [120, 90, 200, 150, 80, 110],
    ...     "estimate": [.95, .84, .91, .80, .93, .88], "n_items": 12,
    ...     "score_sd": [11.7, 6.6, 8.7, 5.8, 9.9, 7.6]})
    >>> found = spread_analysis(
    ...     table, score_metric="sum", response_min=1, response_max=5)
    >>> found.finding, round(found.slope, 1)
    ('spread', 1.0)
    """
    check_conf_level(conf_level)
    if not variance_factor > 0:
        raise ModelError(f"variance_factor must be positive; got {variance_factor!r}.")
    rows = spread_rows(
        coefficients,
        scale=scale,
        metric=metric,
        score_metric=score_metric,
        response_min=response_min,
        response_max=response_max,
    )
    table = _with_variances(rows.table)
    design = _design(moderators, table, rows.excluded)
    blocks = variance_factor * (
        sampling_blocks(table) if V is None else _given(V, table)
    )
    T, S = table["yi"].to_numpy(), table["log_variance"].to_numpy()
    of_error = blocks[:, 0, 0] - 2 * blocks[:, 0, 1] + blocks[:, 1, 1]
    if V is None:
        freedom = ((table["n"] - 1) * (table["n_items"] - 1)).to_numpy(dtype=float)
        of_error = variance_factor * 2 / freedom

    def pooled(y: FloatArray, v: FloatArray, measure: str | None) -> MetaResult:
        return fit_design(
            _effects(table, y, v, measure),
            design,
            method="REML",
            small_sample="knapp-hartung",
            conf_level=conf_level,
        )

    alpha = pooled(T, blocks[:, 0, 0], "bonett")
    spread = pooled(S, blocks[:, 1, 1], None)
    error = pooled(S - T, of_error, None)
    data = prepare(np.column_stack([T, S]), blocks, design.X)
    fit = maximise(data)
    low, high = slope_limits(data, fit, float(chi2_ppf(conf_level, 1)))
    notes = [*rows.notes, *cautions(error, table)]
    return SpreadResult(
        slope=slope_of(fit),
        slope_low=low,
        slope_high=high,
        test_zero=_slope_test(data, fit, 0.0, alpha.simulated),
        test_one=_slope_test(data, fit, 1.0, alpha.simulated),
        bivariate=fit,
        alpha=alpha,
        spread=spread,
        error=error,
        table=table,
        excluded=rows.excluded,
        metric=metric,
        finding=judge(alpha, error, fit, low),
        conf_level=conf_level,
        notes=tuple(notes),
    )


def _with_variances(table: pd.DataFrame) -> pd.DataFrame:
    rest = np.exp(-table["yi"].to_numpy(dtype=float))
    sd = table["sd"].to_numpy(dtype=float)
    return table.assign(
        sem=sd * np.sqrt(rest),
        log_variance=2 * np.log(sd),
        log_error_variance=2 * np.log(sd) + np.log(rest),
    )


def _design(
    moderators: str | None, table: pd.DataFrame, excluded: pd.DataFrame
) -> Design:
    """Return the design; too few samples are a ModelError that says where they went."""
    k = len(table)
    if k:
        design = (
            intercept_only(k) if moderators is None else build_design(moderators, table)
        )
        if k >= design.X.shape[1] + 2:
            return design
    reasons = excluded["reason"].value_counts()
    why = "; ".join(f"{count} rows: {text}" for text, count in reasons.items())
    raise ModelError(
        f"Only {k} samples have an alpha and a standard deviation on one metric, too few "
        f"for this model. {f'Left out were {why}.' if why else ''}".rstrip()
    )


def _given(V: Any, table: pd.DataFrame) -> FloatArray:
    """Return sampling covariances that were given; they must be positive definite."""
    blocks = np.asarray(V, dtype=float)
    k = len(table)
    if blocks.shape != (k, 2, 2):
        raise DataError(
            f"V must have the shape ({k}, 2, 2), one block for each used row; its shape "
            f"is {blocks.shape}."
        )
    symmetric = np.allclose(blocks, np.swapaxes(blocks, 1, 2), rtol=1e-8, atol=0)
    if not (np.isfinite(blocks).all() and symmetric):
        raise DataError("V must be finite and symmetric.")
    wrong = np.linalg.eigvalsh(blocks)[:, 0] <= 0
    if wrong.any():
        ids = ", ".join(table.loc[wrong, "study_id"])
        raise DataError(f"V must be positive definite, but is not for study_id {ids}.")
    return blocks


def _effects(
    table: pd.DataFrame, y: FloatArray, v: FloatArray, measure: str | None
) -> Effects:
    return Effects(
        yi=y,
        vi=v,
        measure=measure,
        rows=np.arange(len(table)),
        source=table,
        simulated=is_simulated(table),
    )


def _slope_test(
    data: Bivariate, fit: BivariateFit, slope: float, simulated: bool
) -> TestResult:
    """Return the likelihood-ratio test of a slope."""
    other = max(slope_likelihood(data, slope), no_slope_likelihood(data))
    statistic = max(2 * (fit.log_likelihood - other), 0.0)
    return TestResult(
        name=f"slope = {slope:g}",
        statistic=statistic,
        df=1,
        p_value=float(chi2_sf(statistic, 1)),
        distribution="chi2",
        estimate=slope_of(fit),
        simulated=simulated,
    )
