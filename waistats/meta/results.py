"""The result of a random-effects or common-effect model.

Wald tests and likelihood-ratio tests, and how they print.

What every fitted model shares: coefficients, tests, predictions, comparison.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import (
    Result,
    coefficient,
    fixed,
    frame_text,
    interval,
    level,
    p_statement,
)
from waistats._typing import FloatArray
from waistats.errors import ModelError, check_option
from waistats.meta._deferred import Deferred
from waistats.meta._design import Design, term_names
from waistats.meta._distributions import chi2_sf, critical, f_sf, two_sided
from waistats.meta._effects import Effects, OfEffects
from waistats.meta._predict import (
    alpha_effects,
    on_alpha_scale,
    prediction_frame,
    variance_inflation,
)
from waistats.meta.heterogeneity import intervals_frame, profile_Q, typical_variance
from waistats.provenance import marked, of_simulated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TestResult(Result):
    """A test of a hypothesis.

    Attributes
    ----------
    name : str
        What was tested.
    statistic : float
        The statistic.
    df : float
        Degrees of freedom (of the numerator for an F; of the t for a t).
    p_value : float
        p value.
    distribution : str
        ``"F"``, ``"chi2"``, ``"t"`` or ``"z"``.
    df_denominator : float
        Of an F; NaN otherwise.
    estimate : float
        What was estimated, where the test has an estimate; NaN otherwise.
    simulated : bool
        Whether the data are SIMULATED.
    """

    __test__ = False

    name: str
    statistic: float
    df: float
    p_value: float
    distribution: str
    df_denominator: float = float("nan")
    estimate: float = float("nan")
    simulated: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row with the test."""
        frame = pd.DataFrame(
            {
                "term": [self.name],
                "estimate": [self.estimate],
                "statistic": [self.statistic],
                "df": [self.df],
                "df_denominator": [self.df_denominator],
                "p_value": [self.p_value],
            }
        )
        return marked(frame, self.simulated)

    def sentence(self) -> str:
        """Return the test as a paper prints it."""
        if self.distribution == "F":
            df = f"{_df(self.df)}, {_df(self.df_denominator)}"
            head = f"F({df})"
        elif self.distribution == "z":
            head = "z"
        else:
            symbol = "χ²" if self.distribution == "chi2" else self.distribution
            head = f"{symbol}({_df(self.df)})"
        return f"{head} = {fixed(self.statistic)}, {p_statement(self.p_value, 4)}"

    def __str__(self) -> str:
        return f"{self.name}{of_simulated(self.simulated)}: {self.sentence()}"


def _df(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else fixed(value, 2)


def wald_test(
    beta: FloatArray,
    cov: FloatArray,
    columns: tuple[int, ...],
    df_residual: float | None,
    name: str,
    *,
    simulated: bool,
) -> TestResult:
    r"""Test that some coefficients are zero.

    Notes
    -----
    :math:`Q=b'V^{-1}b` over q coefficients; chi-square on q, or with residual
    degrees of freedom :math:`F=Q/q` on (q, k - p).
    """
    index = list(columns)
    b, V = beta[index], cov[np.ix_(index, index)]
    q = len(index)
    try:
        Q = float(b @ np.linalg.solve(V, b))
    except np.linalg.LinAlgError:
        Q = float("inf") if np.any(b != 0) else float("nan")
    if df_residual is None:
        p = float(chi2_sf(Q, q))
        return TestResult(
            name=name,
            statistic=Q,
            df=q,
            p_value=p,
            distribution="chi2",
            simulated=simulated,
        )
    return TestResult(
        name=name,
        statistic=Q / q,
        df=q,
        p_value=float(f_sf(Q / q, q, df_residual)),
        distribution="F",
        df_denominator=df_residual,
        simulated=simulated,
    )


def likelihood_ratio(
    full: tuple[float, int], reduced: tuple[float, int], name: str, *, simulated: bool
) -> TestResult:
    """Test a reduced model against a full one, each as (log-likelihood, parameters)."""
    df = full[1] - reduced[1]
    if df <= 0:
        raise ModelError(
            "The first model must have more parameters than the second; the second "
            "must be nested in it."
        )
    statistic = max(2 * (full[0] - reduced[0]), 0.0)
    return TestResult(
        name=name,
        statistic=statistic,
        df=df,
        p_value=float(chi2_sf(statistic, df)),
        distribution="chi2",
        simulated=simulated,
    )


def information(
    likelihood: float, parameters: int, k: int, p: int, method: str
) -> tuple[float, float, float]:
    """Return AIC, BIC and AICc as metafor counts them."""
    size = k - p if method == "REML" else k
    aic = -2 * likelihood + 2 * parameters
    bic = -2 * likelihood + parameters * np.log(size) if size > 0 else float("nan")
    h = max(size, parameters + 2)
    return aic, float(bic), -2 * likelihood + 2 * parameters * h / (h - parameters - 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FittedModel(OfEffects):
    """A fitted meta-analytic model.

    Attributes
    ----------
    tau2 : float
        Heterogeneity variance (residual, with moderators); of all levels together.
    I2, H2 : float
        Share of variability that is heterogeneity (0-100), and total over sampling
        variability.
    Q, Q_df, Q_p : float
        (Residual) heterogeneity test.
    beta : ndarray, shape (p,)
        Coefficients on the model's scale; ``cov`` (p, p) is their covariance.
    df : float or None
        Degrees of freedom of tests and intervals, k - p; None for the normal.
    effects, design : Effects, Design
        The rows and the design that were fitted.
    method, small_sample, conf_level, measure
        As asked for; ``measure`` is None for effects of unknown scale.
    deferred : Deferred
        What is computed when first asked for: ``R2`` (0-100, NaN without moderators),
        ``log_likelihood`` (restricted under REML) and with it ``aic, bic, aicc``.
    """

    tau2: float
    I2: float
    H2: float
    Q: float
    Q_df: int
    Q_p: float
    beta: FloatArray
    cov: FloatArray
    df: float | None
    effects: Effects = field(repr=False)
    design: Design = field(repr=False)
    method: str
    small_sample: str
    conf_level: float
    n_parameters: int
    deferred: Deferred = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Coefficients used."""
        return len(self.effects.yi)

    @property
    def R2(self) -> float:
        """Share of heterogeneity that the moderators explain; computed when asked."""
        return self.deferred["R2"]

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood with metafor's constants; computed when asked."""
        return self.deferred["log_likelihood"]

    def _information(self) -> tuple[float, float, float]:
        return information(
            self.log_likelihood, self.n_parameters, *self.design.X.shape, self.method
        )

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return self._information()[0]

    @property
    def bic(self) -> float:
        """Schwarz's, with ln(k - p) under REML and ln k under ML."""
        return self._information()[1]

    @property
    def aicc(self) -> float:
        """Akaike's, corrected for few coefficients."""
        return self._information()[2]

    @property
    def tau(self) -> float:
        """Square root of tau2."""
        return float(np.sqrt(self.tau2))

    @property
    def omnibus(self) -> TestResult:
        """Test of all moderators; without moderators, of the mean against 0."""
        return self.test()

    @property
    def estimate(self) -> float:
        """The pooled mean on the model's scale; only without moderators."""
        return float(self._mean()[0])

    @property
    def se(self) -> float:
        """Standard error of the pooled mean; only without moderators."""
        return float(np.sqrt(self._mean()[1]))

    def _mean(self) -> tuple[float, float]:
        if len(self.beta) != 1:
            raise ModelError(
                "A model with moderators has no single mean; use predict()."
            )
        return self.beta[0], self.cov[0, 0]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a coefficient, on the model's scale."""
        se = np.sqrt(np.diag(self.cov))
        half = critical(self.conf_level, self.df) * se
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = self.beta / se
        if self.df is None:
            df, p = float("nan"), two_sided(statistic, None)
        else:
            df, p = self.df, two_sided(statistic, self.df)
        frame = pd.DataFrame(
            {
                "term": list(self.design.names),
                "estimate": self.beta,
                "se": se,
                "statistic": statistic,
                "df": df,
                "p_value": p,
                "ci_low": self.beta - half,
                "ci_high": self.beta + half,
            }
        )
        return marked(frame, self.simulated)

    def test(self, terms: str | list[str] | None = None) -> TestResult:
        """Test that terms of the formula have no effect; all moderators by default.

        F with Knapp-Hartung, chi-square otherwise.
        """
        columns = term_names(self.design, terms)
        if terms is None:
            name = "Moderators" if self.has_moderators else "Mean"
        else:
            name = terms if isinstance(terms, str) else ", ".join(terms)
        return wald_test(
            self.beta, self.cov, columns, self.df, name, simulated=self.simulated
        )

    @property
    def has_moderators(self) -> bool:
        """Whether the model has more than an intercept."""
        return self.design.names != ("Intercept",)

    def predict(
        self,
        new: pd.DataFrame | Mapping[str, Any] | None = None,
        back_transform: bool = True,
        *,
        conf_level: float | None = None,
        pi_df: str = "k-p",
    ) -> pd.DataFrame:
        """Predict the mean and the range of true values of new populations.

        Parameters
        ----------
        new : DataFrame or mapping, optional
            Values of the moderators, a row a prediction. None gives one row without
            moderators and one row a fitted coefficient with them.
        back_transform : bool, default True
            Return the alpha scale (then without ``se``) instead of the model's. Limits
            of a model of untransformed alphas (``raw``) may pass 1, as in metafor.
        conf_level : float, optional
            Level of both intervals; that of the fit by default.
        pi_df : {"k-p", "k-p-1"}
            Degrees of freedom of the prediction interval with Knapp-Hartung: metafor's
            k - p, or one fewer.

        Returns
        -------
        DataFrame
            ``estimate, ci_low, ci_high, pi_low, pi_high`` (and ``se``), index of
            ``new``.
        """
        check_option("pi_df", pi_df, ("k-p", "k-p-1"))
        if new is None:
            rows = self.design.X if self.has_moderators else np.ones((1, 1))
        else:
            rows = self.design.rows(new)
        far = self.df
        if far is not None and pi_df == "k-p-1":
            far = far - 1
        frame = prediction_frame(
            rows,
            self.beta,
            self.cov,
            self.tau2,
            conf_level=conf_level or self.conf_level,
            df=self.df,
            pi_df=far,
        )
        if isinstance(new, pd.DataFrame):
            frame.index = new.index
        if back_transform:
            frame = on_alpha_scale(frame, self.measure)
        return marked(frame, self.simulated)

    def alpha_effects(self, at: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the change in alpha by each moderator from a baseline.

        The baseline is the mean of numbers and the first level of categories, unless
        ``at`` says otherwise; see `waistats.meta._predict.alpha_effects`.
        """
        effects = alpha_effects(self.design, self.predict, dict(at or {}))
        return marked(effects, self.simulated)

    def vif(self) -> pd.DataFrame:
        """Return variance inflation factors: ``term, df, vif, gvif``."""
        return marked(variance_inflation(self.design, self.cov), self.simulated)

    def compare(self, reduced: "FittedModel") -> TestResult:
        """Return the likelihood-ratio test of this model against a nested one.

        Both fitted to the same rows by ML; or by REML with the same moderators.
        """
        if self.method != reduced.method and {self.method, reduced.method} - {
            "ML",
            "CE",
        }:
            raise ModelError("Both models must be fitted by the same method.")
        if self.method == "REML" and self.design.names != reduced.design.names:
            raise ModelError(
                "REML likelihoods of models with different moderators cannot be "
                "compared; fit both with method='ML'."
            )
        same = np.array_equal(self.effects.yi, reduced.effects.yi)
        if not (same and np.array_equal(self.effects.vi, reduced.effects.vi)):
            raise ModelError("Both models must be fitted to the same rows.")
        return likelihood_ratio(
            (self.log_likelihood, self.n_parameters),
            (reduced.log_likelihood, reduced.n_parameters),
            f"{self.design.formula} against {reduced.design.formula}",
            simulated=self.simulated or reduced.simulated,
        )

    def closing(self) -> str:
        """Return the same on the alpha scale, what was left out, and notes."""
        lines = []
        if self.measure and not self.has_moderators:
            lines.append(f"On the alpha scale: {self.alpha_sentence()}")
        elif self.measure and self.design.data is not None:
            lines.append("On the alpha scale, from the baseline of the first row:")
            shown = self.alpha_effects().drop(columns="provenance", errors="ignore")
            lines.append(frame_text(shown, 3))
        if len(self.excluded):
            lines.append(
                f"{len(self.excluded)} coefficients left out; see .excluded for the "
                "reasons."
            )
        return "\n".join([*lines, *self.notes])

    def alpha_sentence(self) -> str:
        """Return ``.905, 95% CI [.885, .922], 95% PI [.839, .944]``."""
        row = self.predict().iloc[0]
        shown = level(self.conf_level)
        text = f"{coefficient(row.estimate)}, {shown} CI "
        text += interval(row.ci_low, row.ci_high)
        if self.method != "CE":
            text += f", {shown} PI {interval(row.pi_low, row.pi_high)}"
        return text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MetaResult(FittedModel):
    """A fitted model with one random effect a row, or none.

    Attributes
    ----------
    weights : ndarray or None
        User weights; None for inverse variances.

    The other attributes are those of `FittedModel`.
    """

    weights: FloatArray | None = None

    @property
    def tau2_se(self) -> float:
        """Standard error of the heterogeneity variance; computed when asked."""
        return self.deferred["tau2_se"]

    def heterogeneity_intervals(self) -> pd.DataFrame:
        """Return tau2, tau, I2, H2 with Q-profile limits, indexed by those names."""
        y, v, X = self.effects.yi, self.effects.vi, self.design.X
        limits = profile_Q(y, v, X, self.conf_level)
        typical = typical_variance(y, v, X)
        frame = intervals_frame(self.tau2, self.I2, self.H2, limits, typical)
        return marked(frame, self.simulated)

    def weight_shares(self) -> FloatArray:
        """Return the weight of each coefficient in percent, shape (k,)."""
        w = self.weights
        if w is None:
            w = 1 / (self.effects.vi + self.tau2)
        return 100 * w / w.sum()

    def heading(self) -> str:
        """Return the model line and the heterogeneity block, as metafor prints them."""
        if self.method == "CE":
            title = "Common-Effect Model"
            estimator = ""
        else:
            title = (
                "Mixed-Effects Model"
                if self.has_moderators
                else ("Random-Effects Model")
            )
            estimator = f"; tau^2 estimator: {self.method}"
        mark = of_simulated(self.simulated)
        parts = [f"{title} (k = {self.k}{estimator}){mark}"]
        parts.append(self._heterogeneity_lines())
        what = "Residual Heterogeneity" if self.has_moderators else "Heterogeneity"
        q = f"Q(df = {self.Q_df}) = {fixed(self.Q)}, {p_statement(self.Q_p, 4)}"
        parts.append(f"Test for {what}:\n{q}")
        if self.has_moderators:
            parts.append(f"Test of Moderators:\n{self.omnibus.sentence()}")
        scale = f" ({self.measure} scale)" if self.measure else ""
        parts.append(f"Model Results{scale}:")
        return "\n\n".join(parts)

    def _heterogeneity_lines(self) -> str:
        kind = "residual" if self.has_moderators else "total"
        lines = []
        if self.method != "CE":
            lines += [
                f"tau^2 (estimated amount of {kind} heterogeneity): "
                f"{fixed(self.tau2)} (SE = {fixed(self.tau2_se)})",
                f"tau (square root of estimated tau^2 value):      {fixed(self.tau)}",
            ]
        lines += [
            f"I^2 ({kind} heterogeneity / total variability):   {fixed(self.I2, 2)}%",
            f"H^2 (total variability / sampling variability):  {fixed(self.H2, 2)}",
        ]
        if self.has_moderators and self.method != "CE":
            lines.append(
                f"R^2 (amount of heterogeneity accounted for):     {fixed(self.R2, 2)}%"
            )
        return "\n".join(lines)
