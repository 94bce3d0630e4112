"""Whether alpha differs because scores spread more, or because error differs.

Whether scores spread differently, or errors do, with a verdict in words.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import Result, counted, fixed, interval, level, p_statement
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import (
    ConvergenceError,
    DataError,
    ModelError,
    check_conf_level,
    listing,
)
from waistats.meta._design import Design, build_design, intercept_only
from waistats.meta._distributions import chi2_ppf, chi2_sf
from waistats.meta._effects import Effects
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
from waistats.provenance import is_simulated, marked, of_simulated
from waistats.reliability._answers import Accepted, Codes, read_answers
from waistats.reliability._factor import (
    check_common,
    check_positive_definite,
    fit_ml,
)
from waistats.reliability._items import ItemsLike
from waistats.rg._spread_rows import sampling_blocks, spread_rows

# sampling variances of alpha where half of the answers are at the top
CEILING_FACTOR = 1.3
DESCRIPTIVE_K = 10

WORDS = {
    "homogeneous": "No difference between the alphas was shown beyond sampling error, so "
    "there is nothing to explain.",
    "spread": "Differences in alpha reflect score spread, not measurement quality: the "
    "heterogeneity of error variance is clearly less than that of alpha, and alpha rises "
    "with the score variance.",
    "error": "Error variance differs across samples; that alpha rises with the score "
    "variance was not shown.",
    "both": "Both differ: alpha rises with the score variance, and error variance "
    "differs across samples as well.",
    "compensated": "Error variance and score variance both differ across samples, while "
    "no difference between the alphas was shown.",
    "unclear": "These studies do not show whether score variance or measurement error "
    "makes the alphas "
    "differ.",
}
CAUTION = (
    "The error variance s²(1 − α) is error alone only for items with equal loadings; "
    "otherwise it rises with the spread of true scores, so a difference of spread "
    "looks like one of error."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SpreadResult(Result):
    """Whether alpha differs because scores spread more or because error differs.

    Attributes
    ----------
    slope, slope_low, slope_high : float
        Slope of the true transformed alpha on the true log score variance, with
        profile-likelihood limits (infinite where there is none). It is 1 where only
        true-score variance differs.
    test_zero, test_one : TestResult
        Likelihood-ratio tests of a slope of 0, and of 1.
    bivariate : BivariateFit
        The bivariate model: transformed alpha first, log score variance second.
    alpha, spread, error : MetaResult
        Meta-analyses of transformed alpha, of the log score variance and of the log
        error variance.
    table : DataFrame
        Rows used, with ``sd, sem`` on the common metric, ``log_variance`` and
        ``log_error_variance``.
    excluded : DataFrame
        ``study_id, coefficient_id, reason``.
    metric : str
        ``"pomp"`` (percent of the possible range) or ``"as_given"``.
    finding : str
        ``"homogeneous"``, ``"spread"``, ``"error"``, ``"both"``, ``"compensated"`` or
        ``"unclear"``.
    c2 : float, str or None
        Squared coefficient of variation of the loadings that errors are corrected for,
        or its column; None for none.
    """

    slope: float
    slope_low: float
    slope_high: float
    test_zero: TestResult
    test_one: TestResult
    bivariate: BivariateFit = field(repr=False)
    alpha: MetaResult = field(repr=False)
    spread: MetaResult = field(repr=False)
    error: MetaResult = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    excluded: pd.DataFrame = field(repr=False)
    metric: str
    finding: str
    conf_level: float
    c2: float | str | None = None
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Samples used."""
        return len(self.table)

    @property
    def simulated(self) -> bool:
        """Whether the coefficients are SIMULATED."""
        return self.alpha.simulated

    @property
    def sigma(self) -> FloatArray:
        """Between-study covariance of transformed alpha and log score variance."""
        return self.bivariate.sigma

    @property
    def correlation(self) -> float:
        """Correlation of both true values; NaN where one does not vary."""
        scale = np.sqrt(self.sigma[0, 0] * self.sigma[1, 1])
        return float(np.clip(self.sigma[0, 1] / scale, -1, 1)) if scale > 0 else np.nan

    @property
    def verdict(self) -> str:
        """The finding in words, with what it takes for granted of the loadings."""
        return f"{WORDS[self.finding]} {self.caution}"

    @property
    def caution(self) -> str:
        """What the finding takes for granted of the loadings."""
        if self.c2 is None:
            return CAUTION
        shown = f"{self.c2:.3g}" if isinstance(self.c2, float) else f"in {self.c2!r}"
        return (
            "Error variances are corrected for loadings with the stated squared "
            f"coefficient of variation ({shown}), for one factor."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return ``term, estimate, ci_low, ci_high, null, statistic, df, p_value``.

        ``tau2_error, tau2_spread, tau2_alpha`` are heterogeneity variances of log error
        variance, log score variance and transformed alpha, with Q-profile limits and
        the Q test; ``slope`` is tested against 1; ``correlation`` is that of the
        bivariate model.
        """
        rows: list[tuple[Any, ...]] = []
        for term in ("error", "spread", "alpha"):
            fit: MetaResult = getattr(self, term)
            low, high = fit.heterogeneity_intervals().loc["tau2", ["ci_low", "ci_high"]]
            rows.append(
                (f"tau2_{term}", fit.tau2, low, high, 0.0, fit.Q, fit.Q_df, fit.Q_p)
            )
        one = self.test_one
        ends = (self.slope, self.slope_low, self.slope_high)
        rows.append(("slope", *ends, 1.0, one.statistic, one.df, one.p_value))
        rows.append(("correlation", self.correlation, *[np.nan] * 6))
        names = ["term", "estimate", "ci_low", "ci_high", "null", "statistic", "df"]
        frame = pd.DataFrame(rows, columns=[*names, "p_value"])
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return what was asked, of how many samples."""
        mark = of_simulated(self.simulated)
        question = "Do alphas differ by score variance or measurement error?"
        return f"{question} (k = {self.k}){mark}"

    def closing(self) -> str:
        """Return the verdict, typical sizes, what was excluded, and notes."""
        lines = [self.verdict, self._sizes()]
        zero = self.test_zero
        lines.append(
            f"Slope of transformed alpha on log score variance {fixed(self.slope, 2)}, "
            f"{level(self.conf_level)} CI "
            f"{interval(self.slope_low, self.slope_high, lambda x: fixed(x, 2))}; "
            f"against 0 {p_statement(zero.p_value)}, against 1 "
            f"{p_statement(self.test_one.p_value)}. 1 means that only spread differs."
        )
        if len(self.excluded):
            lines.append(
                f"{counted(len(self.excluded), 'coefficient')} excluded; see .excluded "
                "for the reasons."
            )
        return "\n".join([*lines, *self.notes])

    def _sizes(self) -> str:
        """Return the typical error and spread, and how far they range."""
        if self.alpha.has_moderators:
            return "With moderators, tau2, slope and correlation are residual."
        unit = "% of the possible range" if self.metric == "pomp" else ""
        parts = []
        for what, fit in (
            ("standard error", self.error),
            ("SD of scores", self.spread),
        ):
            row = fit.predict(back_transform=False).iloc[0]
            at = [fixed(float(np.exp(row[c] / 2)), 2) for c in _ENDS]
            parts.append(f"{what} {at[0]}{unit}, true values {at[1]} to {at[2]}")
        return f"Typical {'; '.join(parts)} ({level(self.conf_level)} PI)."


_ENDS = ("estimate", "pi_low", "pi_high")


def judge(
    alpha: MetaResult,
    spread: MetaResult,
    error: MetaResult,
    fit: BivariateFit,
    slope_low: float,
) -> str:
    """Return the finding.

    No finding rests on a test that is not significant: error or score variance differs
    where its Q test says so; alpha rises with spread where the slope's interval lies
    above 0; errors are called similar only where their heterogeneity is clearly less than
    that of transformed alpha; "compensated" needs the tests of error and of spread.
    """
    level_of_test = 1 - alpha.conf_level
    if error.Q_p < level_of_test:
        if alpha.Q_p >= level_of_test:
            return "compensated" if spread.Q_p < level_of_test else "unclear"
        return "both" if slope_low > 0 else "error"
    if alpha.Q_p >= level_of_test:
        return "homogeneous"
    most = error.heterogeneity_intervals().loc["tau2", "ci_high"]
    sure = most < alpha.tau2 and not np.isnan(slope_of(fit))
    return "spread" if slope_low > 0 and sure else "unclear"


def cautions(error: MetaResult, table: pd.DataFrame) -> list[str]:
    """Return what could mislead: few studies, other lengths, ceilings."""
    notes = []
    if len(table) < DESCRIPTIVE_K:
        notes.append(f"Descriptive only: fewer than {DESCRIPTIVE_K} samples.")
    items = pd.to_numeric(table["n_items"], errors="coerce").unique()
    if len(items) > 1 and "n_items" not in error.design.variables:
        notes.append(
            "Forms of different length have different errors for that reason alone; "
            "moderators='~ np.log(n_items)' takes that out."
        )
    limit = 1 - error.conf_level
    if error.Q_p < limit <= chi2_sf(error.Q / CEILING_FACTOR, error.Q_df):
        notes.append(
            "The difference in error is small enough to be an artefact of scores at the "
            f"ceiling: with sampling variances {CEILING_FACTOR} times as large it is not "
            "significant."
        )
    return notes


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
            raise DataError(f"c2: column {c2!r} was not found.")
        values = pd.to_numeric(table[c2], errors="coerce").to_numpy(dtype=float)
    else:
        values = np.full(len(table), float(c2))
    alpha = 1 - np.exp(-table["yi"].to_numpy(dtype=float))
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
    return -np.log1p(-alpha / (1 - share)), scaled


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
