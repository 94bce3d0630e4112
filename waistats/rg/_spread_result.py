"""What an analysis of spread returns, and the words for it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import chi2_sf
from waistats._format import Result, counted, fixed, interval, level, p_statement
from waistats._typing import FloatArray
from waistats.meta._verdict import enough_df
from waistats.meta.bivariate import (
    BivariateFit,
    slope_of,
)
from waistats.meta.results import MetaResult, TestResult
from waistats.provenance import marked, of_simulated

# sampling variances of alpha where half of the answers are at the top
CEILING_FACTOR = 1.3


DESCRIPTIVE_K = 10


WORDS = {
    "homogeneous": "No difference between the alphas was shown beyond sampling error, so "
    "whether spread or error makes them differ cannot be determined.",
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

    No finding rests on a test that is not significant, or on fewer than 4 degrees of
    freedom: error or score variance differs where its Q test says so; alpha rises with
    spread where the slope's interval lies above 0; errors are called similar only where
    their heterogeneity is clearly less than that of transformed alpha; "compensated"
    needs the tests of error and of spread.
    """
    level_of_test = 1 - alpha.conf_level
    if not enough_df(alpha.Q_df):
        return "unclear"
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
            "Forms of different length have different errors for that reason alone. "
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
