"""Agreement of raters: intraclass correlations."""

from collections.abc import Hashable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from waistats.errors import DataError, check_conf_level, check_option
from waistats.provenance import marked, noted
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.mean_squares import (
    FORMS,
    MeanSquares,
    icc_limits,
    icc_of,
    mean_squares,
)
from waistats.reliability.ratings import read_ratings

_WORDS = {
    "1,1": "one-way, single rating",
    "2,1": "two-way random, absolute agreement, single rating",
    "3,1": "two-way mixed, consistency, single rating",
    "1,k": "one-way, mean of k ratings",
    "2,k": "two-way random, absolute agreement, mean of k ratings",
    "3,k": "two-way mixed, consistency, mean of k ratings",
}


def intraclass_correlation(
    data: pd.DataFrame | ArrayLike,
    *,
    targets: Hashable | None = None,
    raters: Hashable | None = None,
    ratings: Hashable | None = None,
    form: str = "2,1",
    ci: str | None = "f",
    conf_level: float = 0.95,
) -> ReliabilityEstimate:
    r"""Return an intraclass correlation of ratings of the same targets.

    Parameters
    ----------
    data : DataFrame or array_like
        Long, one row a rating, with the three columns named; or wide, one row a target
        and one column a rater, with none of them named.
    targets, raters, ratings : column names, optional
        Who is rated (clients, sessions), by whom (or when), and the rating.
    form : {"1,1", "2,1", "3,1", "1,k", "2,k", "3,k"}
        Shrout and Fleiss's form: 1 each target has its own raters, 2 raters are a
        random sample and their level counts (absolute agreement), 3 these raters only
        (consistency); one rating or the mean of all k.
    ci : {"f"}
        Interval by the F distribution; None for none.
    conf_level : float
        Confidence level.

    Returns
    -------
    ReliabilityEstimate
        Estimate, standard error and interval; ``n`` counts targets, ``n_items`` raters.

    Raises
    ------
    DataError
        If a rater rates a target twice, or fewer than two targets were rated by all.

    Notes
    -----
    With mean squares of targets B, of raters J, of residuals E, and within targets W,

    .. math:: ICC(2,1) = \frac{B - E}{B + (k-1)E + k(J-E)/n}

    and so on (Shrout & Fleiss, 1979), with limits as theirs and as in McGraw and Wong
    (1996): equal to psych's ``ICC(lmer = FALSE)`` and pingouin's ``intraclass_corr``.
    The mean squares are exact sums in NumPy, so pingouin serves only as a test oracle;
    it rounds its limits. ICC(3,k) is Cronbach's alpha with raters as items. Targets
    without all ratings are left out and counted. The standard error is the delta method
    on independent mean squares, each with variance :math:`2 MS^2/df`.

    Examples
    --------
    >>> shrout_fleiss = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8],
    ...                  [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> icc = intraclass_correlation(shrout_fleiss, form="2,1")
    >>> round(icc.estimate, 2), round(icc.ci_low, 2), round(icc.ci_high, 2)
    (0.29, 0.02, 0.76)
    """
    check_option("form", form, FORMS)
    if ci is not None:
        check_option("ci", ci, ("f", "none"))
    check_conf_level(conf_level)
    table = read_ratings(data, targets=targets, raters=raters, ratings=ratings)
    squares = mean_squares(table.values)
    _check_spread(squares)
    estimate, se = icc_of(squares, form)
    low, high = icc_limits(squares, form, conf_level)
    if ci in (None, "none"):
        low = high = np.nan
    return ReliabilityEstimate(
        coefficient="icc",
        estimate=estimate,
        se=se,
        ci_low=low,
        ci_high=high,
        conf_level=conf_level,
        ci="f" if ci == "f" else "",
        n=squares.n,
        n_items=squares.k,
        n_excluded=table.n_excluded,
        method=f"ICC({form}): {_WORDS[form]}.",
        notes=table.notes + _notes(estimate),
    )


def intraclass_correlations(
    data: pd.DataFrame | ArrayLike,
    *,
    targets: Hashable | None = None,
    raters: Hashable | None = None,
    ratings: Hashable | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return all six intraclass correlations of the same ratings.

    Parameters
    ----------
    data : DataFrame or array_like
        As in :func:`intraclass_correlation`.
    targets, raters, ratings : column names, optional
        As in :func:`intraclass_correlation`.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``term`` (the form), ``estimate, se, statistic, df1, df2, p_value, ci_low,
        ci_high`` and ``description``.

    Examples
    --------
    >>> intraclass_correlations([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8]])[
    ...     ["term", "estimate"]].round(3)
      term  estimate
    0  1,1     0.252
    1  2,1     0.343
    2  3,1     0.673
    3  1,k     0.574
    4  2,k     0.676
    5  3,k     0.891
    """
    check_conf_level(conf_level)
    table = read_ratings(data, targets=targets, raters=raters, ratings=ratings)
    squares = mean_squares(table.values)
    _check_spread(squares)
    rows = []
    for form in FORMS:
        estimate, se = icc_of(squares, form)
        low, high = icc_limits(squares, form, conf_level)
        statistic, df2 = squares.f_test(form)
        df1 = squares.n - 1
        rows.append(
            {
                "term": form,
                "estimate": estimate,
                "se": se,
                "statistic": statistic,
                "df1": df1,
                "df2": df2,
                "p_value": float(special.fdtrc(df1, df2, statistic)),
                "ci_low": low,
                "ci_high": high,
                "description": _WORDS[form],
            }
        )
    frame = marked(pd.DataFrame(rows), noted(table.notes))
    frame.attrs["notes"] = table.notes
    return frame


def _check_spread(squares: MeanSquares) -> None:
    if squares.targets == 0 and squares.within == 0:
        raise DataError("the ratings do not vary: every one of them is the same.")


def _notes(estimate: float) -> tuple[str, ...]:
    if estimate < 0:
        return ("Negative: ratings of a target differ more than targets do.",)
    return ()
