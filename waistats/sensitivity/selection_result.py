"""What a model with selection at reliability thresholds says."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from waistats.arrays import FloatArray, IntArray
from waistats.errors import ModelError
from waistats.format import (
    Result,
    coefficient,
    fixed,
    interval,
    level,
    p_statement,
)
from waistats.meta.predict import critical
from waistats.meta.result import MetaResult
from waistats.meta.wald import TestResult
from waistats.provenance import marked, of_simulated
from waistats.transforms import back_transform


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ThresholdSelection(Result):
    """A model with selection at reliability thresholds.

    Attributes
    ----------
    beta, cov : ndarray, shapes (p,) and (p, p)
        Coefficients on the model's scale, corrected for selection.
    tau2, tau2_se, tau2_low, tau2_high : float
        Heterogeneity variance, its standard error and profile-likelihood limits.
    weights, weights_se, weights_low, weights_high : ndarray, shape (m,)
        Relative probability of being reported below the lowest threshold and between
        thresholds; 1 above the highest. Limits are of the profile likelihood.
    thresholds : ndarray, shape (m,)
        Reliability thresholds, rising.
    counts : ndarray of int, shape (m + 1,)
        Coefficients below, between and above the thresholds.
    lrt : TestResult
        Likelihood-ratio test that all weights are 1.
    log_likelihood : float
        At the maximum.
    unselected : ndarray, shape (p + 1,)
        Coefficients and tau2 without selection, by maximum likelihood.
    terms : tuple of str
        Names of the coefficients.
    """

    beta: FloatArray
    cov: FloatArray
    tau2: float
    tau2_se: float
    tau2_low: float
    tau2_high: float
    weights: FloatArray
    weights_se: FloatArray
    weights_low: FloatArray
    weights_high: FloatArray
    thresholds: FloatArray
    counts: IntArray
    lrt: TestResult
    log_likelihood: float
    unselected: FloatArray
    terms: tuple[str, ...]
    conf_level: float
    original: MetaResult = field(repr=False)

    @property
    def simulated(self) -> bool:
        """Whether the effects are SIMULATED."""
        return self.original.simulated

    @property
    def estimate(self) -> float:
        """The mean on the model's scale; only without moderators."""
        if len(self.beta) > 1:
            raise ModelError("A model with moderators has no single mean; see beta.")
        return float(self.beta[0])

    @property
    def se(self) -> float:
        """Standard error of the mean; only without moderators."""
        self.estimate  # noqa: B018
        return float(np.sqrt(self.cov[0, 0]))

    @property
    def weight(self) -> float | FloatArray:
        """Relative probability of being reported below the threshold.

        An array with several thresholds.
        """
        return float(self.weights[0]) if len(self.weights) == 1 else self.weights

    def to_frame(self) -> pd.DataFrame:
        """Return coefficients, tau2 and weights: ``term, estimate, se, ...``."""
        se = np.sqrt(np.diag(self.cov))
        half = critical(self.conf_level, None) * se
        z = self.beta / se
        mean = pd.DataFrame(
            {
                "term": list(self.terms),
                "estimate": self.beta,
                "se": se,
                "statistic": z,
                "p_value": 2 * stats.norm.sf(np.abs(z)),
                "ci_low": self.beta - half,
                "ci_high": self.beta + half,
            }
        )
        rest = pd.DataFrame(
            {
                "term": ["tau2", *self._zones()],
                "estimate": [self.tau2, *self.weights],
                "se": [self.tau2_se, *self.weights_se],
                "statistic": np.nan,
                "p_value": np.nan,
                "ci_low": [self.tau2_low, *self.weights_low],
                "ci_high": [self.tau2_high, *self.weights_high],
            }
        )
        return marked(pd.concat([mean, rest], ignore_index=True), self.simulated)

    def _zones(self) -> list[str]:
        cuts = [coefficient(float(c), 2) for c in self.thresholds]
        between = [f"{a} to {b}" for a, b in pairwise(cuts)]
        return [f"weight below {cuts[0]}", *(f"weight {text}" for text in between)]

    def heading(self) -> str:
        """Return the model line and the counts by threshold."""
        cuts = ", ".join(coefficient(float(c), 2) for c in self.thresholds)
        text = f"Selection at {cuts} (k = {self.counts.sum()}; maximum likelihood)"
        text += of_simulated(self.simulated)
        counts = [
            f"{n} {zone}" for n, zone in zip(self.counts, self._where(), strict=True)
        ]
        return f"{text}\n\nCoefficients: {', '.join(counts)}"

    def _where(self) -> list[str]:
        cuts = [coefficient(float(c), 2) for c in self.thresholds]
        between = [f"from {a} to {b}" for a, b in pairwise(cuts)]
        return [f"below {cuts[0]}", *between, f"from {cuts[-1]}"]

    def closing(self) -> str:
        """Return the test and both pooled alphas."""
        lines = [
            f"Likelihood-ratio test of no selection: χ²({self.lrt.df:g}) = "
            f"{fixed(self.lrt.statistic)}, {p_statement(self.lrt.p_value, 4)}"
        ]
        measure = self.original.measure
        if len(self.beta) == 1 and measure:
            row = self.to_frame().iloc[0]
            ends = (row.estimate, row.ci_low, row.ci_high, self.unselected[0])
            a, low, high, plain = (back_transform(x, measure) for x in ends)
            lines.append(
                f"On the alpha scale: {coefficient(a)}, {level(self.conf_level)} CI "
                f"{interval(low, high)}; without selection {coefficient(plain)}."
            )
        lines.append(
            "A skewed distribution of true coefficients looks like selection: read this "
            "as a sensitivity analysis, not as a test of suppression."
        )
        return "\n".join(lines)
