"""The result of a random-effects or common-effect model."""

from dataclasses import dataclass

import pandas as pd

from waistats.arrays import FloatArray
from waistats.format import fixed, p_statement
from waistats.meta.heterogeneity import (
    intervals_frame,
    profile_Q,
    typical_variance,
)
from waistats.meta.model import FittedModel
from waistats.provenance import marked, of_simulated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MetaResult(FittedModel):
    """A fitted model with one random effect a row, or none.

    Attributes
    ----------
    tau2_se : float
        Standard error of the heterogeneity variance.
    weights : ndarray or None
        User weights; None for inverse variances.

    The other attributes are those of `FittedModel`.
    """

    tau2_se: float
    weights: FloatArray | None = None

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
