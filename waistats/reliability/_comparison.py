"""What a comparison of alphas found: of two, or of three and more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._adjusted import adjusted_p
from waistats._format import (
    Result,
    coefficient,
    counted,
    fixed,
    interval,
    level,
    p_statement,
)
from waistats.provenance import marked, of_simulated

# more pairs than this are not printed
_MOST_PAIRS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AlphaComparison(Result):
    """A test of two alphas being equal in the population.

    Attributes
    ----------
    estimate_1, estimate_2 : float
        The alphas.
    ratio : float
        (1 - estimate_2) / (1 - estimate_1): above 1 where the first alpha is higher.
    ci_low, ci_high : float
        Limits of the ratio; NaN where the method gives none.
    statistic : float
        Feldt's W (the ratio), F, or t for alphas of the same people.
    df, df2 : float
        Degrees of freedom; ``df2`` is NaN for t, both are for the exact law.
    p_value : float
        Two-sided.
    method : str
        Which test, in words.
    conf_level : float
        Confidence level of the limits.
    simulated : bool
        Whether the responses of either are SIMULATED.
    difference_low, difference_high : float
        Limits of the first population alpha less the second; NaN where the method
        gives none.
    notes : tuple of str
        What a reader must know.
    """

    estimate_1: float
    estimate_2: float
    ratio: float
    ci_low: float
    ci_high: float
    statistic: float
    df: float
    df2: float
    p_value: float
    method: str
    conf_level: float = 0.95
    simulated: bool = False
    difference_low: float = np.nan
    difference_high: float = np.nan
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the test in one row."""
        names = (
            *("estimate_1", "estimate_2", "ratio", "ci_low", "ci_high"),
            *("statistic", "df", "df2", "p_value"),
            *("difference_low", "difference_high"),
        )
        frame = pd.DataFrame({name: [getattr(self, name)] for name in names})
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return the alphas and the verdict in a line."""
        return (
            f"alpha = {coefficient(self.estimate_1)} and "
            f"{coefficient(self.estimate_2)}{of_simulated(self.simulated)}, "
            f"{p_statement(self.p_value)}"
        )

    def closing(self) -> str:
        """Return the method, the intervals of ratio and difference, and the notes."""
        lines = [self.method]
        if not np.isnan(self.ci_low):
            limits = interval(self.ci_low, self.ci_high)
            lines.append(f"{level(self.conf_level)} CI of the ratio {limits}")
        if not np.isnan(self.difference_low):
            limits = interval(self.difference_low, self.difference_high)
            lines.append(f"{level(self.conf_level)} CI of the difference {limits}")
        return "\n".join([*lines, *self.notes])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AlphasComparison(Result):
    """A test of three or more alphas being equal in the population.

    Attributes
    ----------
    estimates : tuple of float
        The alphas, in the order given.
    n, n_items : tuple of int
        Respondents and items of each.
    statistic : float
        Chi-square, or F of the jackknife.
    df, df2 : float
        Degrees of freedom; ``df2`` is NaN for chi-square.
    p_value : float
        Of the test that all are equal.
    method : str
        Which test, in words.
    pairs : DataFrame
        One row per pair: both terms, the difference of the alphas and the ratio as
        :class:`AlphaComparison` has them, the p value, and that after Holm's correction.
        Limits are simultaneous (Bonferroni).
    conf_level : float
        Confidence level of all limits together.
    simulated : bool
        Whether the responses of any are SIMULATED.
    notes : tuple of str
        What a reader must know.
    """

    estimates: tuple[float, ...]
    n: tuple[int, ...]
    n_items: tuple[int, ...]
    statistic: float
    df: float
    df2: float
    p_value: float
    method: str
    pairs: pd.DataFrame
    conf_level: float = 0.95
    simulated: bool = False
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per alpha."""
        frame = pd.DataFrame(
            {
                "term": [f"alpha{i + 1}" for i in range(len(self.estimates))],
                "estimate": self.estimates,
                "n": self.n,
                "n_items": self.n_items,
            }
        )
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return the test in a line."""
        if np.isnan(self.df2):
            test = f"chi-square({self.df:g}) = {fixed(self.statistic, 2)}"
        else:
            test = f"F({self.df:g}, {self.df2:g}) = {fixed(self.statistic, 2)}"
        return (
            f"{counted(len(self.estimates), 'alpha')}{of_simulated(self.simulated)}: "
            f"{test}, {p_statement(self.p_value)}"
        )

    def closing(self) -> str:
        """Return the method, the pairs and the notes."""
        lines = [self.method]
        if len(self.pairs) > _MOST_PAIRS:
            lines.append(f"{len(self.pairs)} pairs of alphas: see pairs.")
        else:
            lines.append(
                f"Differences with simultaneous {level(self.conf_level)} limits "
                "(Bonferroni), p by Holm:"
            )
            lines += [_pair_line(row) for row in self.pairs.to_dict("records")]
        return "\n".join([*lines, *self.notes])


def _pair_line(row: Mapping[str, Any]) -> str:
    limits = ""
    if not np.isnan(row["difference_low"]):
        limits = f" {interval(row['difference_low'], row['difference_high'])}"
    return (
        f"{row['term_1']} - {row['term_2']}: {coefficient(row['difference'])}{limits}, "
        f"{p_statement(row['p_adjusted'])}"
    )


def pair_frame(
    found: Mapping[tuple[int, int], AlphaComparison], simulated: bool
) -> pd.DataFrame:
    """Return one row per pair of alphas, p values adjusted by Holm's method."""
    rows = []
    for (i, j), two in found.items():
        rows.append(
            {
                "term_1": f"alpha{i + 1}",
                "term_2": f"alpha{j + 1}",
                "difference": two.estimate_1 - two.estimate_2,
                "difference_low": two.difference_low,
                "difference_high": two.difference_high,
                "ratio": two.ratio,
                "ci_low": two.ci_low,
                "ci_high": two.ci_high,
                "p_value": two.p_value,
            }
        )
    frame = pd.DataFrame(rows)
    frame["p_adjusted"] = adjusted_p(frame["p_value"].to_numpy(), "holm")
    return marked(frame, simulated)
