"""Whether alpha differs because scores spread more, or because error differs.

Whether scores spread differently, or errors do, with a verdict in words.
"""

from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import chi2_ppf, chi2_sf
from waistats._format import counted
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import (
    ConvergenceError,
    DataError,
    ModelError,
    check_conf_level,
    listing,
    near,
)
from waistats.measures import back_transform, transform
from waistats.meta._design import Design, build_design, intercept_only
from waistats.meta._effects import Effects
from waistats.meta._fits import Fits
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
from waistats.meta.fit import fit_design
from waistats.meta.results import MetaResult, TestResult
from waistats.provenance import is_simulated
from waistats.reliability._answers import Accepted, Codes, read_answers
from waistats.reliability._factor import (
    check_common,
    check_positive_definite,
    fit_ml,
)
from waistats.reliability._items import ItemsLike
from waistats.rg._spread_result import SpreadResult, cautions, judge
from waistats.rg._spread_rows import SpreadRows, sampling_blocks, spread_rows


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
    c2: float | str | None = None,
) -> SpreadResult:
    r"""Test whether alphas differ by score variance or by measurement error.

    Parameters
    ----------
    coefficients : DataFrame
        A coefficient table with ``score_sd``, one alpha per sample. Other rows are listed
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
        Confidence level.
    c2 : float or column name, optional
        Squared coefficient of variation of the items' loadings (population variance
        over squared mean), to correct error variances with; `loading_variation`
        estimates it from items.

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

    For one factor with m loadings of mean l and squared coefficient of variation c2,
    errors that sum to :math:`\theta` and true scores of variance T,
    :math:`s^2(1-a)=\theta+T\,c_2/(m-1)`: it is the error variance only for equal
    loadings. With c2 stated, :math:`\theta=s^2(1-a/(1-g))`, :math:`g=c_2/(m-1)`,
    takes its place, and :math:`a/(1-g)` that of alpha.

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
    coefficients = as_frame(coefficients)
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
    return spread_of(
        rows,
        moderators,
        metric=metric,
        variance_factor=variance_factor,
        V=V,
        conf_level=conf_level,
        c2=c2,
    )


def spread_of(
    rows: SpreadRows,
    moderators: str | None = None,
    *,
    metric: str = "pomp",
    variance_factor: float = 1.0,
    V: Any = None,
    conf_level: float,
    c2: float | str | None = None,
    fits: Fits | None = None,
) -> SpreadResult:
    """Return what `spread_analysis` does of rows that were chosen before.

    ``fits`` keeps what is fitted.
    """
    table = _with_variances(rows.table)
    design = _design(moderators, table, rows.excluded)
    blocks = variance_factor * (
        sampling_blocks(table) if V is None else _given(V, table)
    )
    T, S = table["yi"].to_numpy(), table["log_variance"].to_numpy()
    if c2 is not None:
        T, blocks = _congeneric(table, blocks, c2)
        table = table.assign(
            yi=T,
            sem=np.exp((S - T) / 2),
            log_error_variance=S - T,
        )
    of_error = blocks[:, 0, 0] - 2 * blocks[:, 0, 1] + blocks[:, 1, 1]
    if V is None and c2 is None:
        freedom = ((table["n"] - 1) * (table["n_items"] - 1)).to_numpy(dtype=float)
        of_error = variance_factor * 2 / freedom

    def pooled(y: FloatArray, v: FloatArray, measure: str | None) -> MetaResult:
        return fit_design(
            _effects(table, y, v, measure),
            design,
            method="REML",
            small_sample="knapp-hartung",
            conf_level=conf_level,
            fits=fits,
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
        finding=judge(alpha, spread, error, fit, low),
        conf_level=conf_level,
        c2=c2 if c2 is None or isinstance(c2, str) else float(c2),
        notes=tuple(notes),
    )


def _congeneric(
    table: pd.DataFrame, blocks: FloatArray, c2: float | str
) -> tuple[FloatArray, FloatArray]:
    """Return transformed coefficients and covariances, corrected for unequal loadings.

    The derivative of -ln(1 - a / (1 - g)) is that of -ln(1 - a) times
    (1 - a) / (1 - g - a).
    """
    if isinstance(c2, str):
        if c2 not in table:
            hint = near(c2, map(str, table.columns))
            raise DataError(f"c2: column {c2!r} was not found{hint}.")
        values = pd.to_numeric(table[c2], errors="coerce").to_numpy(dtype=float)
    else:
        values = np.full(len(table), float(c2))
    alpha = back_transform(table["yi"].to_numpy(dtype=float))
    share = values / (table["n_items"].to_numpy(dtype=float) - 1)
    wrong = ~((values >= 0) & (alpha < 1 - share))
    if wrong.any():
        raise DataError(
            "c2 must be at least 0 and leave some error variance (alpha below "
            "1 - c2 / (n_items - 1)), but does not for study_id "
            f"{listing(table.loc[wrong, 'study_id'])}."
        )
    ratio = (1 - alpha) / (1 - share - alpha)
    scaled = blocks.copy()
    scaled[:, 0, :] *= ratio[:, None]
    scaled[:, :, 0] *= ratio[:, None]
    return transform(alpha / (1 - share)), scaled


def loading_variation(
    items: ItemsLike,
    *,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> float:
    r"""Return the squared coefficient of variation of the loadings of one factor.

    Parameters
    ----------
    items : DataFrame or array_like, shape (n, m)
        Keyed responses to at least 3 items; people with a missing answer are excluded.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    float
        The ``c2`` of `spread_analysis`.

    Raises
    ------
    DataError
        For too few items or people, and loadings that do not all point one way.

    Notes
    -----
    :math:`c_2=\operatorname{var}(l)/\bar l^2` with the population variance, of maximum
    likelihood loadings of the covariance matrix.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> loadings = np.array([0.5, 1.0, 1.5, 1.0])
    >>> answers = rng.normal(size=(2000, 1)) * loadings + rng.normal(size=(2000, 4))
    >>> round(loading_variation(answers), 2)
    0.13
    """
    values = read_answers(items, missing_codes=missing_codes, accept=accept).values
    values = values[~np.isnan(values).any(axis=1)]
    if values.shape[1] < 3 or len(values) <= values.shape[1]:
        raise DataError(
            "One factor needs at least 3 items and more people than items; there are "
            f"{counted(values.shape[1], 'item')} and "
            f"{counted(len(values), 'person', 'people')}."
        )
    covariance = np.cov(values, rowvar=False)
    check_positive_definite(covariance)
    fit = fit_ml(covariance)
    if not fit.converged:
        raise ConvergenceError("The one-factor model of these items did not converge.")
    check_common(fit)
    loadings = fit.loadings[:, 0]
    if (loadings <= 0).any():
        raise DataError(
            "The loadings do not all have the same sign: reverse-score the items first."
        )
    return float(loadings.var() / loadings.mean() ** 2)


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
    why = "; ".join(
        f"{counted(count, 'row')}: {text}" for text, count in reasons.items()
    )
    raise ModelError(
        f"Only {counted(k, 'sample has', 'samples have')} an alpha and a standard "
        "deviation on one metric, too few "
        f"for this model. {f'Excluded: {why}.' if why else ''}".rstrip()
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
