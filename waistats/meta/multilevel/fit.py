"""Fit a model with nested random effects and any sampling covariance.

The result of a multilevel model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._format import fixed, frame_html, frame_text, p_statement, words_html
from waistats._frames import as_frame
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import ModelError, check_conf_level, check_option
from waistats.meta._contrasts import Contrasts, model_contrasts
from waistats.meta._deferred import Deferred
from waistats.meta._design import (
    Design,
    build_design,
    intercept_only,
    term_names,
    with_complete_moderators,
)
from waistats.meta._distributions import chi2_ppf, chi2_sf, f_sf
from waistats.meta._effects import Effects, independence_notes, usable_effects
from waistats.meta._prediction import PREDICTIONS, Distribution, Student
from waistats.meta._verdict import enough_df
from waistats.meta.heterogeneity import intervals_frame
from waistats.meta.multilevel._blocks import connect, level_codes, padded_rows
from waistats.meta.multilevel._data import (
    Problem,
    check_contains,
    check_rows_apart,
    cluster_codes,
    covariance_notes,
    group_codes,
    level_names,
    prepare,
    table_covariance,
)
from waistats.meta.multilevel._intervals import (
    cautious,
    degrees,
    interval_notes,
    names_of,
)
from waistats.meta.multilevel._likelihood import Maxima, estimable, maximise
from waistats.meta.multilevel._profile import (
    component_limits,
    q_limits,
    total_limits,
    without_component,
)
from waistats.meta.multilevel.robust import (
    RobustResult,
    Sandwich,
    hotelling,
    robust_contrasts,
    sandwich,
    working_blocks,
)
from waistats.meta.results import FittedModel, TestResult
from waistats.provenance import marked, of_simulated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MultilevelResult(FittedModel):
    """A fitted model with nested random effects or correlated sampling errors.

    Attributes
    ----------
    levels : tuple of str
        Names of the levels, outermost first.
    sigma2 : ndarray, shape (L,)
        Variance of each level; ``tau2`` is their sum.
    sigma2_cov : ndarray, shape (L, L)
        Their covariance from expected information; NaN for what cannot be estimated.
    n_levels : dict of str to int
        Groups of each level.
    typical_variance : float
        Typical sampling variance, (k - p) / tr P with W = V^-1.
    V : sparse array, shape (k, k)
        Sampling covariance of the rows that were fitted.
    codes : tuple of int arrays, shape (k,)
        Groups of each level.
    estimated : ndarray of bool, shape (L,)
        Levels whose variance the data can tell; the others are held at 0.
    clusters : ndarray of int, shape (k,)
        Independent groups of rows: those of the outermost level, joined where V joins
        them. Degrees of freedom count them.

    The other attributes are those of `FittedModel`.
    """

    levels: tuple[str, ...]
    sigma2: FloatArray
    sigma2_cov: FloatArray
    n_levels: dict[str, int]
    typical_variance: float
    V: sparse.csr_array = field(repr=False)
    codes: tuple[IntArray, ...] = field(repr=False)
    estimated: BoolArray
    clusters: IntArray = field(repr=False)
    problem: Problem = field(repr=False)
    maximum: Maxima = field(repr=False)
    _memory: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def n_clusters(self) -> int:
        """Independent groups of rows, as a rule studies."""
        return int(self.clusters.max()) + 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the model and of its intervals."""
        if "notes" not in self._memory:
            self._memory["notes"] = interval_notes(self)
        return (*self.fit_notes, *self._memory["notes"])

    def sandwich(self) -> Sandwich | None:
        """Return what robust intervals are made of; None with a single cluster."""
        if "sandwich" not in self._memory:
            self._memory["sandwich"] = (
                None if self.n_clusters < 2 else self._sandwich(self.clusters)
            )
        found: Sandwich | None = self._memory["sandwich"]
        return found

    def _sandwich(self, cluster: IntArray) -> Sandwich:
        return sandwich(
            self.design.X,
            self.effects.yi - self.design.X @ self.beta,
            self.V,
            list(self.codes),
            self.sigma2,
            self.cov,
            cluster,
        )

    def contrasts(self, rows: FloatArray, conf_level: float | None = None) -> Contrasts:
        """Return estimates of ``rows @ beta`` with the intervals that are printed.

        CR2 with Satterthwaite's degrees of freedom; where these are below 4 the wider
        of it and the model's own, t on studies - p; where one study alone decides, or
        under ``"wald"``, the model's own.
        """
        shown = conf_level or self.conf_level
        own = model_contrasts(rows, self.beta, self.cov, self.df, shown)
        parts = None if self.small_sample == "wald" else self.sandwich()
        if parts is None:
            return own
        return cautious(robust_contrasts(parts, rows, self.beta, shown), own)

    def test(self, terms: str | list[str] | None = None) -> TestResult:
        """Test that terms of the formula have no effect; all moderators by default.

        HTZ of CR2; where its degrees of freedom are below 4 the more cautious of it
        and the model's own, F on studies - p; where one study alone decides, or under
        ``"wald"``, the model's own. ``basis`` says which it was.
        """
        own = super(MultilevelResult, self).test(terms)
        if self.small_sample == "wald":
            return own
        own = replace(own, basis="model")
        parts, columns = self.sandwich(), list(term_names(self.design, terms))
        if parts is None:
            return own
        each = np.eye(len(self.beta))[columns]
        if len(columns) == 1:
            found = self.contrasts(each)
            F, df = float(found.statistic[0] ** 2), float(found.df[0])
            p, basis = float(found.p_value[0]), found.basis[0]
        else:
            if parts.decided(each).any():
                return own
            F, _, df = hotelling(parts, each, self.beta)
            p, basis = float(f_sf(F, len(columns), df)), "CR2"
            if np.isnan(df) or (not enough_df(df) and not p >= own.p_value):
                return own
        return replace(own, statistic=F, df_denominator=df, p_value=p, basis=basis)

    def decided_by(self, terms: str | list[str] | None = None) -> str:
        """Return the study that alone decides terms of the formula; empty for none."""
        parts, columns = self.sandwich(), list(term_names(self.design, terms))
        each = np.eye(len(self.beta))[columns]
        if parts is None:
            return ""
        names = self.cluster_names()
        found = {j for contrast in each for j in parts.deciders(contrast)}
        return " and ".join(names[j] for j in sorted(found))

    def cluster_names(self) -> tuple[str, ...]:
        """Return the names of the clusters by their codes."""
        return names_of(self.clusters, self.effects, self.levels[0])

    def predictive(self, prediction: str = "confidence-distribution") -> Distribution:
        """Return the distribution of true values of new populations.

        A t on studies - p with all variances together; ``"metafor"`` has k - p.
        """
        prediction = check_option("prediction", prediction, PREDICTIONS)
        df: float | None = degrees(self.n_clusters, len(self.beta))
        if prediction == "metafor":
            df = None if self.df is None else float(self.Q_df)
        return Student(beta=self.beta, cov=self.cov, tau2=self.tau2, df=df)

    def _shrunken(self) -> tuple[FloatArray, FloatArray]:
        """Return empirical Bayes estimates and their variances, (k,) each."""
        X, y = self.design.X, self.effects.yi
        center, variance = X @ self.beta, np.zeros(self.k)
        residual = y - center
        nothing = sparse.csr_array(self.V.shape)
        for rows in padded_rows(self.clusters):
            real = rows >= 0
            codes = list(self.codes)
            M = working_blocks(rows, self.V, codes, self.sigma2)
            G = working_blocks(rows, nothing, codes, self.sigma2)
            # the padded places of a block without V count 1
            G = np.where(real[:, :, None] & real[:, None, :], G, 0.0)
            e = np.where(real, residual[rows], 0.0)[..., None]
            Xj = np.where(real[..., None], X[rows], 0.0)
            pull = np.linalg.solve(M, G).mT
            D = Xj - pull @ Xj
            center[rows[real]] += (pull @ e)[..., 0][real]
            spread = G - pull @ G + D @ self.cov @ D.mT
            variance[rows[real]] = np.diagonal(spread, axis1=1, axis2=2)[real]
        return center, np.maximum(variance, 0.0)

    @property
    def sigma2_se(self) -> FloatArray:
        """Standard errors of the variances, shape (L,)."""
        return np.sqrt(np.diag(self.sigma2_cov))

    @property
    def tau2_se(self) -> float:
        """Standard error of the sum of the variances."""
        inside = np.ix_(self.estimated, self.estimated)
        return float(np.sqrt(self.sigma2_cov[inside].sum()))

    @property
    def I2_by_level(self) -> FloatArray:
        """Share of the total variability at each level, 0-100; they add up to I2."""
        return 100 * self.sigma2 / (self.tau2 + self.typical_variance)

    @property
    def components(self) -> pd.DataFrame:
        """Variances with profile-likelihood intervals, outer level first.

        Columns ``level, sigma2, ci_low, ci_high, I2``. The limits are computed when
        first asked for; they are missing for a variance that the data cannot tell.
        """
        limits = np.full((len(self.levels), 2), np.nan)
        if self.estimated.any():
            limits[self.estimated] = self._limits("components")
        frame = pd.DataFrame(
            {
                "level": list(self.levels),
                "sigma2": self.sigma2,
                "ci_low": limits[:, 0],
                "ci_high": limits[:, 1],
                "I2": self.I2_by_level,
            }
        )
        return marked(frame, self.simulated)

    def _limits(self, what: str) -> FloatArray:
        if what not in self._memory:
            drop = float(chi2_ppf(self.conf_level, 1))
            if what == "components":
                found = component_limits(self.problem, self.maximum, drop)
            elif self.problem.n_levels == 1:
                found = np.array(q_limits(self.problem, self.conf_level))
            else:
                found = total_limits(self.problem, self.maximum, drop)
            self._memory[what] = found * self.problem.unit
        return self._memory[what]

    def component_tests(self) -> pd.DataFrame:
        """Return the likelihood-ratio test of each variance against 0.

        Returns
        -------
        DataFrame
            ``level, log_likelihood`` (without that variance), ``statistic, df,
            p_value, p_value_chi2``.

        Notes
        -----
        0 is the edge of what a variance can be, so under the hypothesis the statistic
        is 0 half of the time: ``p_value`` is half of the chi-square one [1]_.
        metafor's ``anova`` gives ``p_value_chi2``.

        References
        ----------
        .. [1] Self, S. G., & Liang, K.-Y. (1987). Journal of the American Statistical
           Association, 82, 605-610.
        """
        n = len(self.levels)
        without = np.full(n, np.nan)
        if self.estimated.any():
            drop = self.maximum.at.log_likelihood[0] - without_component(self.problem)
            without[self.estimated] = self.log_likelihood - np.maximum(drop, 0.0)
        statistic = 2 * (self.log_likelihood - without)
        p = chi2_sf(statistic, 1)
        frame = pd.DataFrame(
            {
                "level": list(self.levels),
                "log_likelihood": without,
                "statistic": statistic,
                "df": 1,
                "p_value": np.where(statistic > 0, p / 2, p),
                "p_value_chi2": p,
            }
        )
        return marked(frame, self.simulated)

    def heterogeneity_intervals(self) -> pd.DataFrame:
        """Return tau2, tau, I2 and H2 of all levels together, with limits.

        Q-profile limits with one level, as `fit_meta` has them; profile-likelihood
        limits of the sum of the variances with several.
        """
        if self.estimated.any():
            low, high = self._limits("total")
        else:
            low = high = float("nan")
        limits = (float(low), float(high))
        typical = self.typical_variance
        frame = intervals_frame(self.tau2, self.I2, self.H2, limits, typical)
        return marked(frame, self.simulated)

    def robust(self, cluster: Any = None) -> RobustResult:
        """Return CR2 standard errors with Satterthwaite and HTZ tests.

        Parameters
        ----------
        cluster : column name or array_like, optional
            Independent clusters, one value a row; the outermost level by default.

        Returns
        -------
        RobustResult
            Prints coefficients, tests and a warning where clusters are too few.

        Raises
        ------
        ModelError
            If random effects or sampling covariances join different clusters.
        """
        default = (self.codes[0], self.levels[0])
        code, name = cluster_codes(self.effects, cluster, default)
        check_contains(
            code,
            name,
            self.V,
            [
                (group, level)
                for group, level, variance in zip(
                    self.codes, self.levels, self.sigma2, strict=True
                )
                if variance > 0
            ],
        )
        parts = self._sandwich(code)
        return RobustResult(
            beta=self.beta,
            cluster=name,
            n_clusters=len(parts.scores),
            k=self.k,
            conf_level=self.conf_level,
            measure=self.measure,
            simulated=self.simulated,
            design=self.design,
            parts=parts,
            labels=names_of(code, self.effects, name),
        )

    def compare(self, reduced: FittedModel) -> TestResult:
        """Return the likelihood-ratio test of this model against a nested one.

        Both fitted to the same rows and V; by ML, or by REML with the same moderators.
        """
        if isinstance(reduced, MultilevelResult):
            gap = self.V - reduced.V if self.V.shape == reduced.V.shape else None
            if gap is None or abs(gap).sum() > 0:
                raise ModelError("Both models must have the same V.")
        return super(MultilevelResult, self).compare(reduced)

    def weight_shares(self) -> FloatArray:
        """Return the weight of each coefficient in the mean in percent, shape (k,).

        Row sums of the inverse working covariance, metafor's ``type="rowsum"``; one may
        be negative under strong correlations.
        """
        weights = np.zeros(self.k)
        joined = connect(self.V, self.codes[0])
        for rows in padded_rows(joined):
            M = working_blocks(rows, self.V, list(self.codes), self.sigma2)
            real = rows >= 0
            sums = np.linalg.solve(M, real[..., None].astype(float))[..., 0]
            weights[rows[real]] = sums[real]
        return 100 * weights / weights.sum()

    def heading(self) -> str:
        """Return the model line, variances and tests, as metafor prints them."""
        variances = f"Variance Components:\n{frame_text(self._variances())}"
        return "\n\n".join([self._title(), variances, *self._tests()])

    def _repr_html_(self) -> str:
        above = words_html(self._title(), title=True)
        between, below = (
            words_html(text) for text in ("\n\n".join(self._tests()), self.closing())
        )
        return (
            f'<div class="waistats">{above}{frame_html(self._variances())}{between}'
            f"{frame_html(self.to_frame())}{below}</div>"
        )

    def _title(self) -> str:
        text = f"Multilevel Meta-Analysis Model (k = {self.k}; method: {self.method})"
        return text + of_simulated(self.simulated)

    def _variances(self) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "component": [f"sigma^2.{i + 1}" for i in range(len(self.levels))],
                "estimate": self.sigma2,
                "sqrt": np.sqrt(self.sigma2),
                "n_levels": list(self.n_levels.values()),
                "I2": self.I2_by_level,
                "level": [
                    "/".join(self.levels[: i + 1]) for i in range(len(self.levels))
                ],
            }
        )

    def _tests(self) -> list[str]:
        """Return heterogeneity and tests, a block each."""
        kind = "residual" if self.has_moderators else "total"
        lines = [
            f"I^2 ({kind} heterogeneity / total variability): {fixed(self.I2, 2)}%",
            f"H^2 (total variability / sampling variability): {fixed(self.H2, 2)}",
        ]
        if self.has_moderators:
            lines.append(
                f"R^2 (amount of heterogeneity accounted for): {fixed(self.R2, 2)}%"
            )
        what = "Residual Heterogeneity" if self.has_moderators else "Heterogeneity"
        q = f"Q(df = {self.Q_df}) = {fixed(self.Q)}, {p_statement(self.Q_p, 4)}"
        blocks = ["\n".join(lines), f"Test for {what}:\n{q}"]
        if self.has_moderators:
            blocks.append(f"Test of Moderators:\n{self.omnibus.sentence()}")
        scale = f" ({self.measure} scale)" if self.measure else ""
        return [*blocks, f"Model Results{scale}:"]


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
        A table from `effect_sizes`. Rows without ``yi, vi`` are left out and listed in
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
    clusters = np.unique(connect(V, codes[0]), return_inverse=True)[1].reshape(-1)
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
            R2=partial(_explained, used.yi, design, V, codes, names, method, tau2),
            log_likelihood=likelihood,
        ),
        fit_notes=notes + held,
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
) -> float:
    """Return R2, the share of all variances that moderators explain, 0-100."""
    if not design.has_intercept or design.X.shape[1] == 1:
        return float("nan")
    problem, _, _ = _telling(y, np.ones((len(y), 1)), V, codes, names, method)
    found: Maxima = maximise(problem, name="the model without moderators")
    null = float(found.sigma2.sum()) * problem.unit
    return max(0.0, 100 * (null - tau2) / null) if null > 0 else float("nan")
