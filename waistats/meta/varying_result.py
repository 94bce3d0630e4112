"""Results of the varying-coefficient model: means of groups, and regressions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray, IntArray
from waistats.errors import ModelError, listing, near
from waistats.format import coefficient, interval, level
from waistats.meta.coefficients import coefficient_frame
from waistats.meta.design import Design, term_names
from waistats.meta.effects import Effects, OfEffects
from waistats.meta.predict import on_alpha_scale, prediction_frame
from waistats.meta.wald import TestResult, wald_test
from waistats.provenance import marked, of_simulated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class VaryingMeans(OfEffects):
    """Mean alphas of all studies or of groups of studies, on the alpha scale.

    Attributes
    ----------
    terms : tuple of str
        Groups in sorted order; ``("Intercept",)`` without groups.
    estimate, se, ci_low, ci_high : ndarray, shape (groups,)
        Unweighted mean alphas, their standard errors and limits.
    k : ndarray of int, shape (groups,)
        Studies of each group.
    by : str or None
        The column of the groups.
    effects : Effects
        The rows used.
    conf_level : float
        Level of the intervals.
    """

    terms: tuple[str, ...]
    estimate: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    k: IntArray
    by: str | None
    effects: Effects = field(repr=False)
    conf_level: float

    def predict(self) -> pd.DataFrame:
        """Return the mean alphas, one row a group: ``estimate, ci_low, ci_high``.

        The model says nothing of populations that were not studied, so there is no
        prediction interval.
        """
        names = ("estimate", "ci_low", "ci_high")
        frame = pd.DataFrame({name: getattr(self, name) for name in names})
        if self.by is not None:
            frame = frame.set_index(pd.Index(self.terms))
        return marked(frame, self.simulated)

    def contrast(self, weights: Mapping[str, float]) -> pd.DataFrame:
        r"""Return a weighted sum of group means with its MOVER interval.

        Parameters
        ----------
        weights : mapping of group to float
            Such as ``{"client": 1, "therapist": -1}``; groups not named weigh 0.

        Returns
        -------
        DataFrame
            One row: ``term, estimate, se, ci_low, ci_high, k``.

        Notes
        -----
        The sum is :math:`d=\sum c_j\bar a_j`; its lower limit
        :math:`d-\sqrt{\sum(c_j\bar a_j-l_j)^2}` with :math:`l_j` the lower end of
        :math:`c_j[L_j,U_j]`, its upper limit likewise [1]_.

        References
        ----------
        .. [1] Zou, G. Y., Huang, W., & Zhang, X. (2009). Computational Statistics and
           Data Analysis, 53, 1080-1085.
        """
        words = {str(name): float(w) for name, w in weights.items()}
        unknown = [f"{n}{near(n, self.terms)}" for n in words if n not in self.terms]
        if unknown:
            raise ModelError(
                f"No such groups: {listing(unknown)}. Groups: {listing(self.terms)}."
            )
        c = np.array([words.get(term, 0.0) for term in self.terms])
        ends = np.sort(np.stack([c * self.ci_low, c * self.ci_high]), axis=0)
        center = c * self.estimate
        d = float(center.sum())
        frame = pd.DataFrame(
            {
                "term": [_contrast_name(words)],
                "estimate": [d],
                "se": [float(np.sqrt((c**2 * self.se**2).sum()))],
                "ci_low": [d - float(np.linalg.norm(center - ends[0]))],
                "ci_high": [d + float(np.linalg.norm(ends[1] - center))],
                "k": [int(self.k[c != 0].sum())],
            }
        )
        return marked(frame, self.simulated)

    def differences(self) -> pd.DataFrame:
        """Return every difference of two groups, with MOVER intervals."""
        pairs = [self.contrast({a: 1, b: -1}) for a, b in combinations(self.terms, 2)]
        return pd.concat(pairs, ignore_index=True) if pairs else self._means().iloc[:0]

    def _means(self) -> pd.DataFrame:
        names = ("estimate", "se", "ci_low", "ci_high", "k")
        columns = {name: getattr(self, name) for name in names}
        frame = pd.DataFrame({"term": list(self.terms)} | columns)
        return marked(frame, self.simulated)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a mean and then one a difference, on the alpha scale."""
        differences = self.differences()
        if len(differences) == 0:
            return self._means()
        return pd.concat([self._means(), differences], ignore_index=True)

    def heading(self) -> str:
        """Return the model line."""
        title = f"Varying-Coefficient Model (k = {len(self.effects.yi)}; Bonett, 2010)"
        title += of_simulated(self.simulated)
        return f"{title}\n\nMean alpha of the studies, {level(self.conf_level)} CI:"

    def closing(self) -> str:
        """Return the mean in a sentence, and what was left out."""
        lines = []
        if self.by is None:
            limits = interval(float(self.ci_low[0]), float(self.ci_high[0]))
            mean = coefficient(float(self.estimate[0]))
            lines.append(f"Mean alpha: {mean}, {level(self.conf_level)} CI {limits}")
        lines.append("It speaks of these studies only; no prediction interval exists.")
        return "\n".join([*lines, *_left_out(self.effects)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class VaryingRegression(OfEffects):
    r"""A varying-coefficient meta-regression, on the scale :math:`-\ln(1-a)`.

    Attributes
    ----------
    beta : ndarray, shape (p,)
        Coefficients; ``cov`` (p, p) is their covariance.
    effects, design : Effects, Design
        The rows and the design that were fitted.
    conf_level : float
        Level of the intervals.
    """

    beta: FloatArray
    cov: FloatArray
    effects: Effects = field(repr=False)
    design: Design = field(repr=False)
    conf_level: float

    @property
    def k(self) -> int:
        """Coefficients used."""
        return len(self.effects.yi)

    @property
    def omnibus(self) -> TestResult:
        """Wald test of all moderators."""
        columns = term_names(self.design, None)
        return wald_test(
            self.beta, self.cov, columns, None, "Moderators", simulated=self.simulated
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row a coefficient, on the Bonett scale."""
        frame = coefficient_frame(
            self.design.names, self.beta, self.cov, None, self.conf_level
        )
        return marked(frame, self.simulated)

    def predict(
        self,
        new: pd.DataFrame | Mapping[str, Any] | None = None,
        back_transform: bool = True,
    ) -> pd.DataFrame:
        """Return the expected alpha at values of the moderators.

        Parameters
        ----------
        new : DataFrame or mapping, optional
            Values of the moderators, a row a prediction; None for the fitted rows.
        back_transform : bool, default True
            Return the alpha scale (then without ``se``) instead of the Bonett scale.

        Returns
        -------
        DataFrame
            ``estimate, ci_low, ci_high`` (and ``se``), index of ``new``.
        """
        rows = self.design.X if new is None else self.design.rows(new)
        frame = prediction_frame(
            rows,
            self.beta,
            self.cov,
            0.0,
            conf_level=self.conf_level,
            df=None,
            pi_df=None,
        ).drop(columns=["pi_low", "pi_high"])
        if isinstance(new, pd.DataFrame):
            frame.index = new.index
        if back_transform:
            frame = on_alpha_scale(frame, "bonett")
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return the model line and the test of moderators."""
        title = f"Varying-Coefficient Meta-Regression (k = {len(self.effects.yi)})"
        title += of_simulated(self.simulated)
        test = f"Test of Moderators:\n{self.omnibus.sentence()}"
        return f"{title}\n\n{test}\n\nModel Results (bonett scale):"

    def closing(self) -> str:
        """Return what was left out."""
        return "\n".join(_left_out(self.effects))


def _contrast_name(weights: Mapping[str, float]) -> str:
    """Return ``a - b`` for a difference, else the weights in words."""
    kept = {name: w for name, w in weights.items() if w != 0}
    text = " ".join(
        f"{'-' if w < 0 else '+'} {'' if abs(w) == 1 else f'{abs(w):g} '}{name}"
        for name, w in kept.items()
    )
    return text.removeprefix("+ ")


def _left_out(used: Effects) -> list[str]:
    count = len(used.excluded)
    return [f"{count} coefficients left out; see .excluded."] if count else []
