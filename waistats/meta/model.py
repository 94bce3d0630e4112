"""What every fitted model shares: coefficients, tests, predictions, comparison."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import ModelError, check_option
from waistats.format import coefficient, frame_text, interval, level
from waistats.meta.design import Design, term_names
from waistats.meta.distributions import critical, two_sided
from waistats.meta.effects import Effects, OfEffects
from waistats.meta.moderators import alpha_effects, variance_inflation
from waistats.meta.predict import on_alpha_scale, prediction_frame
from waistats.meta.wald import TestResult, likelihood_ratio, wald_test
from waistats.provenance import marked


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
    R2 : float
        Share of heterogeneity that the moderators explain, 0-100; NaN without them.
    log_likelihood, aic, bic, aicc : float
        Restricted under REML; otherwise of maximum likelihood.
    beta : ndarray, shape (p,)
        Coefficients on the model's scale; ``cov`` (p, p) is their covariance.
    df : float or None
        Degrees of freedom of tests and intervals, k - p; None for the normal.
    effects, design : Effects, Design
        The rows and the design that were fitted.
    method, small_sample, conf_level, measure
        As asked for; ``measure`` is None for effects of unknown scale.
    """

    tau2: float
    I2: float
    H2: float
    Q: float
    Q_df: int
    Q_p: float
    R2: float
    log_likelihood: float
    aic: float
    bic: float
    aicc: float
    beta: FloatArray
    cov: FloatArray
    df: float | None
    effects: Effects = field(repr=False)
    design: Design = field(repr=False)
    method: str
    small_sample: str
    conf_level: float
    n_parameters: int
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Coefficients used."""
        return len(self.effects.yi)

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
        ``at`` says otherwise; see `waistats.meta.moderators.alpha_effects`.
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
