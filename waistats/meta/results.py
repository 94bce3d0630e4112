"""What every fitted model shares, and the result of a one-level model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._areas import critical
from waistats._format import (
    coefficient,
    counted,
    fixed,
    frame_text,
    interval,
    level,
    p_statement,
)
from waistats._typing import FloatArray
from waistats.errors import ModelError, check_option
from waistats.measures import back_transform as turn_back
from waistats.meta._contrasts import (
    Contrasts,
    TestResult as TestResult,
    likelihood_ratio,
    model_contrasts,
    wald_test,
)
from waistats.meta._design import Design, term_names
from waistats.meta._effects import Effects, OfEffects
from waistats.meta._fits import Deferred
from waistats.meta._heterogeneity import intervals_frame, profile_Q, typical_variance
from waistats.meta._predict import (
    COLUMNS,
    alpha_effects,
    as_asked,
    too_wide,
    variance_inflation,
)
from waistats.meta._prediction import (
    PREDICTIONS,
    Distribution,
    Student,
    calibrated,
    predictive,
)
from waistats.meta._promises import bias_notes, mean_notes, prediction_notes
from waistats.provenance import marked, of_simulated


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
        Degrees of freedom of the model's own tests and intervals: k - p with one
        level, studies - p with several; None for the normal.
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
    fit_notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the model and of its intervals."""
        return (*self.fit_notes, *bias_notes(self))

    @property
    def is_multilevel(self) -> bool:
        """Whether rows share random effects or sampling errors (`fit_multilevel`)."""
        return False

    def sampling_covariance(self) -> sparse.csr_array:
        """Return the sampling covariance of the rows, (k, k); here of independent ones."""
        return sparse.csr_array(sparse.diags_array(self.effects.vi))

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
        k, p = self.design.X.shape
        return information(self.log_likelihood, self.n_parameters, k, p, self.method)

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
        """The model's standard error of the pooled mean; only without moderators."""
        return float(np.sqrt(self._mean()[1]))

    def _mean(self) -> tuple[float, float]:
        if len(self.beta) != 1:
            raise ModelError(
                "A model with moderators has no single mean; use predict()."
            )
        return self.beta[0], self.cov[0, 0]

    def contrasts(self, rows: FloatArray, conf_level: float | None = None) -> Contrasts:
        """Return estimates of ``rows @ beta`` with the intervals that are printed.

        Parameters
        ----------
        rows : ndarray, shape (n, p)
            Combinations of coefficients, such as rows of a design.
        conf_level : float, optional
            Level of the intervals; that of the fit by default.
        """
        shown = conf_level or self.conf_level
        return model_contrasts(rows, self.beta, self.cov, self.df, shown)

    def predictive(self, prediction: str = "confidence-distribution") -> Distribution:
        """Return the distribution of true values of new populations.

        It has ``limits`` and ``above`` for design rows; `predict` uses the first.

        Parameters
        ----------
        prediction : {"confidence-distribution", "metafor"}
            Kind of the prediction interval.
        """
        prediction = check_option("prediction", prediction, PREDICTIONS)
        return Student(beta=self.beta, cov=self.cov, tau2=self.tau2, df=self.df)

    def calibrated(self) -> Distribution:
        """Return the distribution that probabilities of new populations come from."""
        return self.predictive()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per coefficient, on the model's scale."""
        found = self.contrasts(np.eye(len(self.beta)))
        return marked(found.to_frame(self.design.names), self.simulated)

    def test(self, terms: str | list[str] | None = None) -> TestResult:
        """Test that terms of the formula have no effect; all moderators by default.

        F with Knapp-Hartung, chi-square otherwise.

        Parameters
        ----------
        terms : str or list of str, optional
            Terms of the formula, or names of coefficients; all moderators by default.
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
        return self.design.has_moderators

    def predict(
        self,
        new: pd.DataFrame | Mapping[str, Any] | None = None,
        back_transform: bool = True,
        *,
        conf_level: float | None = None,
        prediction: str = "confidence-distribution",
        pi_df: str | None = None,
    ) -> pd.DataFrame:
        r"""Predict the mean and the range of true values of new populations.

        Parameters
        ----------
        new : DataFrame or mapping, optional
            Values of the moderators, one row per prediction. None gives one row without
            moderators and one row per fitted coefficient with them.
        back_transform : bool, default True
            Return the alpha scale (then without ``se``) instead of the model's. Limits
            of a model of untransformed alphas (``raw``) may pass 1, as in metafor.
        conf_level : float, optional
            Level of both intervals; that of the fit by default.
        prediction : {"confidence-distribution", "metafor"}
            Prediction interval: with the uncertainty of the heterogeneity variance, or
            metafor's :math:`x'b\pm t\sqrt{se^2+\tau^2}` on k - p, which takes the
            estimate for the truth. See Notes.
        pi_df : {"k-p", "k-p-1"}, optional
            Degrees of freedom of metafor's interval with Knapp-Hartung: its k - p, or
            one fewer. To give it is to ask for that interval.

        Returns
        -------
        DataFrame
            ``estimate, ci_low, ci_high, pi_low, pi_high`` (and ``se``), index of
            ``new``.

        Notes
        -----
        With :math:`\tau` half of the standard errors or about as large, 95% intervals
        of metafor's kind cover 83% to 90% of new populations (5 to 50 coefficients);
        those of the confidence distribution cover 93% to 97%, and up to 99.9% where
        :math:`\tau` is near 0. A model with several levels has t on studies - p.
        """
        prediction = check_option("prediction", prediction, PREDICTIONS)
        if pi_df is not None:
            pi_df = check_option("pi_df", pi_df, ("k-p", "k-p-1"))
            prediction = "metafor"
        rows = self.design.asked_rows(new)
        shown = conf_level or self.conf_level
        found = self.contrasts(rows, shown)
        spread = self.predictive(prediction)
        if pi_df == "k-p-1" and isinstance(spread, Student) and spread.df is not None:
            spread = replace(spread, df=spread.df - 1)
        low, high = spread.limits(rows, shown)
        ends = (found.estimate, found.se, found.ci_low, found.ci_high, low, high)
        frame = pd.DataFrame(dict(zip(COLUMNS, ends, strict=True)))
        return as_asked(
            frame,
            new,
            self.measure,
            back_transform=back_transform,
            simulated=self.simulated,
        )

    def true_values(
        self, conf_level: float | None = None, *, back_transform: bool = True
    ) -> pd.DataFrame:
        r"""Return empirical Bayes estimates of each coefficient's true value.

        Parameters
        ----------
        conf_level : float, optional
            Level of the intervals; that of the fit by default.
        back_transform : bool, default True
            Return the alpha scale instead of the model's.

        Returns
        -------
        DataFrame
            ``study_id, coefficient_id, estimate, ci_low, ci_high``, one row per
            coefficient, drawn towards the fitted value by its imprecision.

        Notes
        -----
        With M the marginal covariance, G that of the true values and
        :math:`D=X-GM^{-1}X`, the estimate is :math:`Xb+GM^{-1}(y-Xb)` with the
        variance :math:`G-GM^{-1}G+DV_bD'`; with one level
        :math:`\lambda_ix_i'b+(1-\lambda_i)y_i`,
        :math:`\lambda_i=v_i/(v_i+\tau^2)`, with
        :math:`(1-\lambda_i)v_i+\lambda_i^2x_i'V_bx_i` [1]_, as metafor's ``blup``. The
        variances of true values are taken as known.

        References
        ----------
        .. [1] Raudenbush, S. W., & Bryk, A. S. (1985). Journal of Educational
           Statistics, 10, 75-98.
        """
        center, variance = self._shrunken()
        half = critical(conf_level or self.conf_level, self.df) * np.sqrt(variance)
        frame = self.effects.table[["study_id", "coefficient_id"]].copy()
        ends = {"estimate": center, "ci_low": center - half, "ci_high": center + half}
        for name, values in ends.items():
            back = back_transform and self.measure is not None
            frame[name] = turn_back(values, str(self.measure)) if back else values
        return marked(frame, self.simulated)

    def _shrunken(self) -> tuple[FloatArray, FloatArray]:
        """Return empirical Bayes estimates and their variances, (k,) each."""
        X, y, v = self.design.X, self.effects.yi, self.effects.vi
        pull = v / (v + self.tau2)
        center = pull * (X @ self.beta) + (1 - pull) * y
        fitted = np.einsum("ij,jk,ik->i", X, self.cov, X)
        return center, (1 - pull) * v + pull**2 * fitted

    def alpha_effects(self, at: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the change in alpha by each moderator from a baseline.

        The baseline is the mean of numbers and the first level of categories, unless
        ``at`` says otherwise; see `waistats.meta._predict.alpha_effects`.

        Parameters
        ----------
        at : mapping, optional
            Values of moderators at the baseline.
        """
        effects = alpha_effects(self.design, self.predict, dict(at or {}))
        return marked(effects, self.simulated)

    def vif(self) -> pd.DataFrame:
        """Return variance inflation factors: ``term, df, vif, gvif``."""
        return marked(variance_inflation(self.design, self.cov), self.simulated)

    def compare(self, reduced: "FittedModel") -> TestResult:
        """Return the likelihood-ratio test of this model against a nested one.

        Both fitted to the same rows by ML; or by REML with the same moderators.

        Parameters
        ----------
        reduced : FittedModel
            The nested model.
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
        if abs(self.sampling_covariance() - reduced.sampling_covariance()).sum() > 0:
            raise ModelError("Both models must have the same V.")
        return likelihood_ratio(
            (self.log_likelihood, self.n_parameters),
            (reduced.log_likelihood, reduced.n_parameters),
            f"{self.design.formula} against {reduced.design.formula}",
            simulated=self.simulated or reduced.simulated,
        )

    def closing(self) -> str:
        """Return the same on the alpha scale, what was excluded, and notes."""
        lines = []
        if self.measure and not self.has_moderators:
            lines.append(f"On the alpha scale: {self.alpha_sentence()}")
        elif self.measure and self.design.data is not None:
            lines.append("On the alpha scale, from the baseline of the first row:")
            shown = self.alpha_effects().drop(columns="provenance", errors="ignore")
            lines.append(frame_text(shown, 3))
        if len(self.excluded):
            lines.append(
                f"{counted(len(self.excluded), 'coefficient')} excluded; see .excluded "
                "for the reasons."
            )
        return "\n".join([*lines, *self.notes, *self.prediction_notes()])

    def prediction_notes(self) -> tuple[str, ...]:
        """Return what a reader must know of the default prediction interval."""
        return ()

    def alpha_sentence(self) -> str:
        """Return ``.905, 95% CI [.885, .922], 95% PI [.834, .946]``."""
        row = self.predict().iloc[0]
        shown = level(self.conf_level)
        text = coefficient(row.estimate)
        kinds = [("CI", row.ci_low, row.ci_high)]
        if self.method != "CE":
            kinds.append(("PI", row.pi_low, row.pi_high))
        for kind, low, high in kinds:
            why = too_wide(low, high, self.measure)
            text += f", {shown} {kind} "
            text += f"withheld ({why})" if why else interval(low, high)
        return text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MetaResult(FittedModel):
    """A fitted model with one random effect per row, or none.

    Attributes
    ----------
    weights : ndarray or None
        User weights; None for inverse variances.

    The other attributes are those of `FittedModel`.
    """

    weights: FloatArray | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the model and of its intervals."""
        return (*super(MetaResult, self).notes, *mean_notes(self))

    @property
    def is_multilevel(self) -> Literal[False]:
        """False: every row has a random effect and a sampling error of its own."""
        return False

    def weighted_design(self) -> FloatArray:
        """Return the design, each row times its weight, (k, p)."""
        w = self.weights
        if w is None:
            w = 1 / (self.effects.vi + self.tau2)
        return w[:, None] * self.design.X

    @property
    def tau2_se(self) -> float:
        """Standard error of the heterogeneity variance; computed when asked."""
        return self.deferred["tau2_se"]

    def predictive(self, prediction: str = "confidence-distribution") -> Distribution:
        """Return the distribution of true values of new populations.

        A mixture over the confidence distribution of the heterogeneity variance; a
        common-effect model, one that leaves no degrees of freedom, and metafor's
        interval have a normal or t.

        Parameters
        ----------
        prediction : {"confidence-distribution", "metafor"}
            Kind of the prediction interval.
        """
        prediction = check_option("prediction", prediction, PREDICTIONS)
        if prediction == "metafor" or self.method == "CE" or self.Q_df < 1:
            return super(MetaResult, self).predictive(prediction)
        effects = self.effects
        given = (effects.yi, effects.vi, self.design.X, self.weights)
        return self.deferred.fits.once("predictive", given, lambda: predictive(*given))

    def calibrated(self) -> Distribution:
        """Return the distribution that probabilities of new populations come from.

        A mixture over a posterior of the heterogeneity variance; with one degree of
        freedom, and for a common-effect model, that of `predictive`.
        """
        if self.method == "CE" or self.Q_df < 2:
            return self.predictive()
        effects = self.effects
        return calibrated(effects.yi, effects.vi, self.design.X, self.weights)

    def prediction_notes(self) -> tuple[str, ...]:
        """Return what a reader must know of the default prediction interval."""
        return prediction_notes(self)

    def heterogeneity_intervals(self) -> pd.DataFrame:
        """Return tau2, tau, I2, H2 with Q-profile limits, indexed by those names."""
        y, v, X = self.effects.yi, self.effects.vi, self.design.X
        given = (y, v, X, self.conf_level)
        limits = self.deferred.fits.once("Q-profile", given, lambda: profile_Q(*given))
        typical = typical_variance(y, v, X)
        frame = intervals_frame(self.tau2, self.I2, self.H2, limits, typical)
        return marked(frame, self.simulated)

    def weight_shares(self) -> FloatArray:
        """Return the weight of each coefficient in percent, shape (k,)."""
        w = self.weights
        if w is None:
            w = 1 / (self.effects.vi + self.tau2)
        result: FloatArray = 100 * w / w.sum()
        return result

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
