"""Cluster-robust tests and intervals of a fitted model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from waistats.arrays import FloatArray
from waistats.format import Result, coefficient, interval, level
from waistats.meta.design import Design, term_names
from waistats.meta.distributions import f_sf
from waistats.meta.sandwich import Sandwich, hotelling, satterthwaite
from waistats.meta.wald import TestResult
from waistats.provenance import marked, of_simulated
from waistats.transforms import back_transform as turn_back

# Tipton (2015): below this, t with Satterthwaite's degrees of freedom is off
SMALLEST_DF = 4
WARNING = "too few clusters to trust"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RobustResult(Result):
    """Coefficients of a model with CR2 standard errors, clustered.

    Attributes
    ----------
    beta : ndarray, shape (p,)
        Coefficients on the model's scale; ``cov`` (p, p) is their CR2 covariance.
    cluster : str
        What was clustered on.
    n_clusters, k : int
        Clusters and coefficients.
    conf_level : float
        Level of the intervals.
    measure : str or None
        The scale of the effects.
    simulated : bool
        Whether the effects are SIMULATED.
    design : Design
        The design that was fitted.
    parts : Sandwich
        What the tests are made of.
    """

    beta: FloatArray
    cluster: str
    n_clusters: int
    k: int
    conf_level: float
    measure: str | None
    simulated: bool
    design: Design = field(repr=False)
    parts: Sandwich = field(repr=False)

    @property
    def cov(self) -> FloatArray:
        """The CR2 covariance of the coefficients."""
        return self.parts.cov

    @property
    def omnibus(self) -> TestResult:
        """HTZ test of all moderators; without moderators, of the mean against 0."""
        return self.test()

    def _rows(self, contrasts: FloatArray) -> dict[str, FloatArray]:
        estimate = contrasts @ self.beta
        df = satterthwaite(self.parts, contrasts)
        variance = np.einsum("np,pr,nr->n", contrasts, self.cov, contrasts)
        se = np.where(np.isnan(df), np.nan, np.sqrt(variance))
        half = special.stdtrit(df, (1 + self.conf_level) / 2) * se
        return {
            "estimate": estimate,
            "se": se,
            "df": df,
            "ci_low": estimate - half,
            "ci_high": estimate + half,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row a coefficient, on the model's scale."""
        row = self._rows(np.eye(len(self.beta)))
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = row["estimate"] / row["se"]
        frame = pd.DataFrame(
            {
                "term": list(self.design.names),
                "estimate": row["estimate"],
                "se": row["se"],
                "statistic": statistic,
                "df": row["df"],
                "p_value": 2 * special.stdtr(row["df"], -np.abs(statistic)),
                "ci_low": row["ci_low"],
                "ci_high": row["ci_high"],
            }
        )
        return marked(frame, self.simulated)

    def test(self, terms: str | list[str] | None = None) -> TestResult:
        """Test that terms of the formula have no effect; all moderators by default.

        Hotelling's T-squared with estimated degrees of freedom (HTZ), as clubSandwich's
        ``Wald_test``; NaN where the clusters are too few for it.
        """
        columns = list(term_names(self.design, terms))
        contrasts = np.eye(len(self.beta))[columns]
        if terms is None:
            name = "Moderators" if self.design.names != ("Intercept",) else "Mean"
        else:
            name = terms if isinstance(terms, str) else ", ".join(terms)
        F, q, df = hotelling(self.parts, contrasts, self.beta)
        return TestResult(
            name=name,
            statistic=F,
            df=q,
            p_value=float(f_sf(F, q, df)) if df == df else float("nan"),
            distribution="F",
            df_denominator=df,
            simulated=self.simulated,
        )

    def predict(
        self,
        new: pd.DataFrame | Mapping[str, Any] | None = None,
        back_transform: bool = True,
    ) -> pd.DataFrame:
        """Return predicted means with robust intervals.

        Parameters
        ----------
        new : DataFrame or mapping, optional
            Values of the moderators, a row a prediction. None gives one row without
            moderators and one row a fitted coefficient with them.
        back_transform : bool, default True
            Return the alpha scale (then without ``se``) instead of the model's.

        Returns
        -------
        DataFrame
            ``estimate, df, ci_low, ci_high`` (and ``se``). Prediction intervals rest
            on the model's variances; the model's own ``predict`` has them.
        """
        if new is not None:
            rows = self.design.rows(new)
        elif self.design.names == ("Intercept",):
            rows = np.ones((1, 1))
        else:
            rows = self.design.X
        frame = pd.DataFrame(self._rows(rows))
        if isinstance(new, pd.DataFrame):
            frame.index = new.index
        if not back_transform:
            return marked(frame, self.simulated)
        frame = frame.drop(columns="se")
        if self.measure is not None:
            for name in ("estimate", "ci_low", "ci_high"):
                frame[name] = turn_back(frame[name], self.measure)
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return what was clustered, the joint test, and the scale."""
        title = (
            f"Cluster-Robust Results (CR2, {self.n_clusters} clusters of "
            f"{self.cluster}, k = {self.k}){of_simulated(self.simulated)}"
        )
        parts = [title]
        if self.design.names != ("Intercept",):
            parts.append(f"Test of Moderators (HTZ):\n{self.omnibus.sentence()}")
        scale = f" ({self.measure} scale)" if self.measure else ""
        parts.append(f"Model Results{scale}, Satterthwaite df:")
        return "\n\n".join(parts)

    def closing(self) -> str:
        """Return the mean on the alpha scale and a warning for small df."""
        lines = []
        if self.measure and self.design.names == ("Intercept",):
            row = self.predict().iloc[0]
            lines.append(
                f"On the alpha scale: {coefficient(row.estimate)}, "
                f"{level(self.conf_level)} CI {interval(row.ci_low, row.ci_high)}"
            )
        df = satterthwaite(self.parts, np.eye(len(self.beta)))
        few = [
            name
            for name, value in zip(self.design.names, df, strict=True)
            if not value >= SMALLEST_DF
        ]
        if few:
            lines.append(f"df below {SMALLEST_DF} for {', '.join(few)}: {WARNING}.")
        joint = self.omnibus.df_denominator
        if len(self.beta) > 1 and not joint >= SMALLEST_DF:
            lines.append(f"df of the joint test below {SMALLEST_DF}: {WARNING}.")
        return "\n".join(lines)
