"""Agreement of raters: intraclass correlations."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from waistats._areas import critical
from waistats._format import counted, fixed
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import DataError, check_conf_level, check_option, listing
from waistats.measures import back_transform, transform
from waistats.provenance import marked, noted
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._rating_components import rating_components
from waistats.reliability._ratings import (
    FORMS,
    MeanSquares,
    Ratings,
    icc_limits,
    icc_of,
    mean_squares,
    read_ratings,
)
from waistats.reliability._result import ReliabilityEstimate

_WORDS = {
    "1,1": "one-way, single rating",
    "2,1": "two-way random, absolute agreement, single rating",
    "3,1": "two-way mixed, consistency, single rating",
    "1,k": "one-way, mean of k ratings",
    "2,k": "two-way random, absolute agreement, mean of k ratings",
    "3,k": "two-way mixed, consistency, mean of k ratings",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RatingReliability(ReliabilityEstimate):
    """An intraclass correlation with the variance components behind it.

    Attributes
    ----------
    components : DataFrame
        ``component`` (target, rater, error), ``variance`` and ``percent`` of a rating's
        variance. In one-way forms raters are part of the error.
    n_ratings : int
        Ratings used.
    variances : ndarray of shape (q, q)
        Sampling covariance of the components by restricted maximum likelihood: target,
        rater where raters are random, error; empty otherwise.
    """

    components: pd.DataFrame
    n_ratings: int
    variances: FloatArray = field(default_factory=lambda: np.empty((0, 0)))


def intraclass_correlation(
    data: pd.DataFrame | ArrayLike,
    *,
    targets: Hashable | None = None,
    raters: Hashable | None = None,
    ratings: Hashable | None = None,
    form: str = "2,1",
    ci: str | None = "f",
    conf_level: float = 0.95,
    missing: str = "listwise",
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> RatingReliability:
    r"""Return an intraclass correlation of ratings of the same targets.

    Parameters
    ----------
    data : DataFrame or array_like
        Long, one row per rating, with the three columns named; or wide, one row per target
        and one column per rater, with none of them named.
    targets, raters, ratings : column names, optional
        Who is rated (clients, sessions), by whom (or when), and the rating.
    form : {"1,1", "2,1", "3,1", "1,k", "2,k", "3,k"}
        Shrout and Fleiss's form: 1 each target has its own raters, 2 raters are a
        random sample and their level counts (absolute agreement), 3 these raters only
        (consistency); one rating or the mean of all k.
    ci : {"f"}
        Interval by the F distribution; None for none. With ``missing="reml"`` it is the
        delta method on -ln(1 - R) of the mean of k ratings.
    conf_level : float
        Confidence level.
    missing : {"listwise", "reml"}
        Use the targets that every rater rated; or all ratings there are, by restricted
        maximum likelihood.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    RatingReliability
        Estimate, standard error, interval and variance components; ``n`` counts targets,
        ``n_items`` raters.

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
    without all ratings are excluded and counted. The standard error is the delta method
    on independent mean squares, each with variance :math:`2 MS^2/df`.

    With ``missing="reml"`` the variance components are those of lme4's
    ``lmer(rating ~ (1 | target) + (1 | rater))`` (raters as fixed effects for form 3, none
    for form 1), as psych's ``ICC(lmer = TRUE)`` has them for complete ratings; psych and
    pingouin drop a target with a missing rating. It holds where ratings are missing at
    random. k is then the harmonic mean of the ratings of a target. For complete ratings
    and positive components it equals the analysis of variance.

    Examples
    --------
    >>> shrout_fleiss = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8],
    ...                  [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> icc = intraclass_correlation(shrout_fleiss, form="2,1")
    >>> round(icc.estimate, 2), round(icc.ci_low, 2), round(icc.ci_high, 2)
    (0.29, 0.02, 0.76)
    """
    data = as_frame(data)
    form = check_option("form", form, FORMS)
    if ci is not None:
        ci = check_option("ci", ci, ("f", "none"))
    check_conf_level(conf_level)
    missing = check_option("missing", missing, ("listwise", "reml"))
    table = read_ratings(
        data,
        targets=targets,
        raters=raters,
        ratings=ratings,
        gaps=missing == "reml",
        missing_codes=missing_codes,
        accept=accept,
    )
    if missing == "reml":
        return _by_reml(table, form, ci, conf_level)
    squares = mean_squares(table.values)
    _check_spread(squares)
    estimate, se = icc_of(squares, form)
    low, high = icc_limits(squares, form, conf_level)
    if ci in (None, "none"):
        low = high = np.nan
    error = squares.within if form.startswith("1") else squares.residual
    parts = {
        "target": (squares.targets - error) / squares.k,
        "rater": 0.0
        if form.startswith("1")
        else (squares.raters - squares.residual) / squares.n,
        "error": error,
    }
    return RatingReliability(
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
        components=_component_frame(parts, noted(table.notes)),
        n_ratings=squares.n * squares.k,
    )


def _by_reml(
    table: Ratings, form: str, ci: str | None, conf_level: float
) -> RatingReliability:
    model, unit = form.split(",")
    found = rating_components(table.every, model)
    counts = np.isfinite(table.every).sum(axis=1)
    k = len(counts) / (1 / counts).sum()
    rater = found.rater if model == "2" else 0.0
    rest = rater + found.error
    # derivative by target, rater and error of ln of target over the rest
    by = [1 / max(found.target, 1e-300), -1 / rest, -1 / rest]
    gradient = np.array(by if model == "2" else [by[0], by[2]])
    log_se = float(np.sqrt(gradient @ found.covariance @ gradient))
    per = k if unit == "k" else 1.0
    estimate = found.target / (found.target + rest / per)
    se = estimate * (1 - estimate) * log_se
    low = high = np.nan
    notes = table.notes + _notes(estimate)
    if found.at_zero:
        notes += (
            f"Variance of {listing(found.at_zero)} is zero at the maximum of the "
            "likelihood.",
        )
    if "target" in found.at_zero:
        se = np.nan
    elif ci == "f":
        # symmetric on -ln(1 - R) of the mean of k ratings
        mean = found.target / (found.target + rest / k)
        half = critical(conf_level) * mean * log_se
        ends = back_transform(transform(mean) + np.array([-half, half]))
        if unit == "1":
            ends = ends / (k - (k - 1) * ends)
        low, high = (float(x) for x in ends)
    if model == "2" and found.n_raters < 10:
        notes += (
            f"The variance of the raters' levels rests on {found.n_raters - 1} degrees "
            "of freedom.",
        )
    parts = {"target": found.target, "rater": found.rater, "error": found.error}
    return RatingReliability(
        coefficient="icc",
        estimate=float(estimate),
        se=float(se),
        ci_low=low,
        ci_high=high,
        conf_level=conf_level,
        ci="delta" if np.isfinite(low) else "",
        n=found.n,
        n_items=found.n_raters,
        n_excluded=table.n_excluded,
        method=f"ICC({form}): {_WORDS[form]}; restricted maximum likelihood of "
        f"{counted(found.n_ratings, 'rating')}, k = {fixed(k, 2)}.",
        notes=notes,
        components=_component_frame(parts, noted(notes)),
        n_ratings=found.n_ratings,
        variances=found.covariance,
    )


def _component_frame(parts: dict[str, float], simulated: bool) -> pd.DataFrame:
    variance = np.array(list(parts.values()))
    kept = np.maximum(variance, 0.0)
    frame = pd.DataFrame(
        {
            "component": list(parts),
            "variance": variance,
            "percent": 100 * kept / kept.sum(),
        }
    )
    return marked(frame, simulated)


def intraclass_correlations(
    data: pd.DataFrame | ArrayLike,
    *,
    targets: Hashable | None = None,
    raters: Hashable | None = None,
    ratings: Hashable | None = None,
    conf_level: float = 0.95,
    missing_codes: Codes = (),
    accept: Accepted = (),
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
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

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
    data = as_frame(data)
    check_conf_level(conf_level)
    table = read_ratings(
        data,
        targets=targets,
        raters=raters,
        ratings=ratings,
        missing_codes=missing_codes,
        accept=accept,
    )
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


# pytest would take the name for a test
