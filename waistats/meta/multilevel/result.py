"""The result of a multilevel model."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._areas import chi2_ppf, chi2_sf, f_sf
from waistats._format import fixed, frame_html, frame_text, p_statement, words_html
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import check_option
from waistats.meta._contrasts import Contrasts, model_contrasts
from waistats.meta._design import term_names
from waistats.meta._heterogeneity import intervals_frame
from waistats.meta._prediction import PREDICTIONS, Distribution, Student
from waistats.meta._promises import bias_notes, level_notes
from waistats.meta._verdict import enough_df
from waistats.meta.multilevel._blocks import connect, padded_rows
from waistats.meta.multilevel._data import Problem, check_contains, cluster_codes
from waistats.meta.multilevel._intervals import (
    cautious,
    degrees,
    interval_notes,
    names_of,
)
from waistats.meta.multilevel._likelihood import Maxima
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
from waistats.meta.results import FittedModel, MetaResult, TestResult
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
    def is_multilevel(self) -> Literal[True]:
        """True: rows share random effects or sampling errors."""
        return True

    def sampling_covariance(self) -> sparse.csr_array:
        """Return the sampling covariance of the rows, (k, k)."""
        return self.V

    def weighted_design(self, sigma2: FloatArray | None = None) -> FloatArray:
        """Return the rows of M^-1 X, (k, p), at given variances or those of the fit.

        Parameters
        ----------
        sigma2 : ndarray of shape (L,)
            Variances of the levels.
        """
        X = self.design.X
        out = np.empty_like(X)
        at = self.sigma2 if sigma2 is None else sigma2
        for rows in padded_rows(connect(self.V, self.codes[0])):
            M = working_blocks(rows, self.V, list(self.codes), at)
            real = rows >= 0
            out[rows[real]] = np.linalg.solve(M, X[rows] * real[..., None])[real]
        return out

    @property
    def n_clusters(self) -> int:
        """Independent groups of rows, as a rule studies."""
        return int(self.clusters.max()) + 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the model and of its intervals."""
        if "notes" not in self._memory:
            self._memory["notes"] = (
                *interval_notes(self),
                *bias_notes(self),
                *level_notes(self, "ci"),
            )
        return (*self.fit_notes, *self._memory["notes"])

    def prediction_notes(self) -> tuple[str, ...]:
        """Return what a reader must know of the default prediction interval."""
        return level_notes(self, "pi")

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

        Parameters
        ----------
        rows : ndarray of shape (n, p)
            Combinations of the coefficients.
        conf_level : float, optional
            Level of the intervals; that of the result by default.
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

        Parameters
        ----------
        terms : str or list of str, optional
            Terms of the formula, or names of coefficients; all moderators by default.
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
        """Return the study that alone decides terms of the formula; empty for none.

        Parameters
        ----------
        terms : str or list of str, optional
            Terms of the formula, or names of coefficients; all moderators by default.
        """
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

        Parameters
        ----------
        prediction : {"confidence-distribution", "metafor"}
            Kind of the prediction interval.
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
        first asked for; they are missing for a variance that is not identifiable.
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
        values: FloatArray = self._memory[what]
        return values

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
            Independent clusters, one value per row; the outermost level by default.

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
        values: FloatArray = 100 * weights / weights.sum()
        return values

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


# what most of the package takes: a model of one level or of several
Model: TypeAlias = MetaResult | MultilevelResult
