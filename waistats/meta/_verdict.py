"""What the test of a moderator allows to say, in one place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from waistats._format import fixed, p_statement

# Tipton (2015): below this, t with Satterthwaite's degrees of freedom is off
SMALLEST_DF = 4
DF_TOLERANCE = 0.01


def enough_df(df: float | None) -> bool:
    """Return whether degrees of freedom are enough; None is a normal, NaN is not."""
    return df is None or bool(df >= SMALLEST_DF - DF_TOLERANCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a moderator may be said to explain differences, and why not.

    Attributes
    ----------
    explains : bool
        Whether words such as "explains" and "differs" are allowed.
    why : str
        What the decision rests on, as part of a sentence.
    """

    explains: bool
    why: str


def verdict(
    p_adjusted: float,
    df: float | None,
    *,
    conf_level: float = 0.95,
    decided_by: str = "",
    same_as: Sequence[str] = (),
) -> Verdict:
    """Return what may be said of a moderator.

    Parameters
    ----------
    p_adjusted : float
        p value, adjusted for the number of moderators that were tested; NaN where
        there is no test or no adjustment.
    df : float or None
        Degrees of freedom of the test's denominator; None of a chi-square test.
    conf_level : float, default 0.95
        One minus the level of the test.
    decided_by : str
        The one study that decides the contrast; empty where several do.
    same_as : sequence of str
        Moderators that are the same contrast in these rows.

    Returns
    -------
    Verdict
        Nothing explains where one study decides, where another moderator is the same
        contrast, below 4 degrees of freedom, or without a significant adjusted test.
    """
    if decided_by:
        return Verdict(
            explains=False, why=f"{decided_by} alone determines this contrast"
        )
    if same_as:
        names = " and ".join(same_as)
        return Verdict(explains=False, why=f"not distinguishable from {names}")
    if np.isnan(p_adjusted):
        return Verdict(explains=False, why="not tested")
    if not enough_df(df):
        shown = "undefined" if df is None or np.isnan(df) else fixed(df, 1)
        few = f"too few studies: {shown} degrees of freedom, fewer than {SMALLEST_DF}"
        return Verdict(explains=False, why=few)
    said = p_statement(p_adjusted)
    if p_adjusted >= 1 - conf_level:
        return Verdict(explains=False, why=f"no difference was shown (adjusted {said})")
    return Verdict(explains=True, why=f"adjusted {said}")
