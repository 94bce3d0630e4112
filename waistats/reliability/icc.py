"""Stability of a score over two occasions.

Ratings, long or wide -> one complete table of targets by raters.

Mean squares of targets by raters, and the intraclass correlations they give.

Agreement of raters: intraclass correlations.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from waistats._caller import option
from waistats._frames import as_frame
from waistats._renamed import renamed
from waistats._typing import FloatArray
from waistats.errors import (
    DataError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
    near,
)
from waistats.provenance import NOTE, is_simulated, marked, noted
from waistats.reliability._answers import Accepted, Codes, gated, read_answers
from waistats.reliability._intervals import normal_quantile
from waistats.reliability._items import read_items
from waistats.reliability._moments import complete, correlation, mean_and_covariance
from waistats.reliability._rating_components import rating_components
from waistats.reliability._result import ReliabilityEstimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ratings:
    """Complete ratings.

    Attributes
    ----------
    values : ndarray of shape (n, k)
        One row per target, one column a rater; complete.
    n_excluded : int
        Targets left out for a missing rating.
    notes : tuple of str
        What was left out.
    every : ndarray of shape (N, k)
        All targets with a rating, NaN where one is missing.
    """

    values: FloatArray
    n_excluded: int
    notes: tuple[str, ...]
    every: FloatArray


def read_ratings(
    data: pd.DataFrame | ArrayLike,
    *,
    targets: Hashable | None = None,
    raters: Hashable | None = None,
    ratings: Hashable | None = None,
    gaps: bool = False,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> Ratings:
    """Return ratings from a long or a wide table.

    Parameters
    ----------
    data : DataFrame or array_like
        Long with the three columns named, wide with none named.
    targets, raters, ratings : column names, optional
        Columns of a long table.
    gaps : bool
        Whether missing ratings are no reason to leave a target out.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings that do not stop: ``"missing_codes"`` takes common codes as answers.

    Returns
    -------
    Ratings
        The targets that every rater rated, and all.

    Raises
    ------
    ModelError
        If only some of the columns are named.
    DataError
        If columns are missing, a rater rates a target twice, or fewer than two targets
        or raters are left.
    """
    given = {"targets": targets, "raters": raters, "ratings": ratings}
    absent = [name for name, column in given.items() if column is None]
    if absent and len(absent) < 3:
        raise ModelError(
            f"a long table needs targets=, raters= and ratings=; missing: "
            f"{listing(absent)}. For a wide table give none of them."
        )
    wide = data if absent else _wide(data, targets, raters, ratings)
    responses = read_answers(wide, missing_codes=missing_codes, accept=accept)
    whole = complete(responses.values)
    n = int(whole.sum())
    some = np.isfinite(responses.values).any(axis=1)
    if gaps:
        unrated = int((~some).sum())
        lone = (f"{unrated} targets without any rating excluded.",) if unrated else ()
        return Ratings(
            values=responses.values[whole],
            n_excluded=unrated,
            notes=responses.notes + lone + ((NOTE,) if is_simulated(data) else ()),
            every=responses.values[some],
        )
    if n < 2:
        raise DataError(
            f"at least 2 targets rated by every rater are needed; there are {n} of "
            f"{len(whole)}. Leave out raters who rated few targets, or use "
            f"{option('missing', 'reml')}."
        )
    lost = np.flatnonzero(~whole)
    notes = responses.notes
    if lost.size:
        labels = listing(responses.rows[int(i)] for i in lost)
        notes += (
            f"Targets without all ratings, excluded: {labels}.",
            f"{option('missing', 'reml')} would use them too.",
        )
    if is_simulated(data):
        notes += (NOTE,)
    return Ratings(
        values=responses.values[whole],
        n_excluded=lost.size,
        notes=notes,
        every=responses.values[some],
    )


def _wide(
    data: pd.DataFrame | ArrayLike,
    targets: Hashable | None,
    raters: Hashable | None,
    ratings: Hashable | None,
) -> pd.DataFrame:
    if not isinstance(data, pd.DataFrame):
        raise DataError("a long table must be a DataFrame with named columns.")
    columns = [targets, raters, ratings]
    unknown = [
        f"{name!r}{near(str(name), map(str, data.columns))}"
        for name in columns
        if name not in data.columns
    ]
    if unknown:
        raise DataError(f"no such column: {listing(unknown)}.")
    used = data[columns]
    unnamed = used[[targets, raters]].isna().any(axis=1)
    if unnamed.any():
        raise DataError(
            f"every rating needs a target and a rater, but these rows have none: "
            f"{listing(used.index[unnamed])}."
        )
    twice = used.duplicated([targets, raters], keep=False)
    if twice.any():
        cells = used.loc[twice, [targets, raters]].drop_duplicates()
        shown = listing(f"{t} by {r}" for t, r in cells.itertuples(index=False))
        raise DataError(
            f"a rater may rate a target once, but rated more often: {shown}. "
            "Average these ratings or keep one."
        )
    numbers = read_items(used[[ratings]], at_least=1).values[:, 0]
    row, target_labels = pd.factorize(used[targets], sort=True)
    column, rater_labels = pd.factorize(used[raters], sort=True)
    table = np.full((len(target_labels), len(rater_labels)), np.nan)
    table[row, column] = numbers
    return pd.DataFrame(table, index=target_labels, columns=rater_labels)


FORMS = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSquares:
    """Mean squares of targets by raters.

    Attributes
    ----------
    targets, raters, residual, within : float
        Mean squares; ``within`` is of ratings within targets.
    n, k : int
        Targets and raters.
    """

    targets: float
    raters: float
    residual: float
    within: float
    n: int
    k: int

    def f_test(self, form: str) -> tuple[float, int]:
        """Return the F statistic for targets and its second degrees of freedom."""
        if form.startswith("1"):
            return _ratio(self.targets, self.within), self.n * (self.k - 1)
        return _ratio(self.targets, self.residual), (self.n - 1) * (self.k - 1)


def mean_squares(values: FloatArray) -> MeanSquares:
    """Return the mean squares of complete ratings (n targets, k raters)."""
    n, k = values.shape
    centred = values - values.mean()
    by_target = centred.mean(axis=1)
    by_rater = centred.mean(axis=0)
    residual = centred - by_target[:, None] - by_rater
    target_sum = k * float(by_target @ by_target)
    rater_sum = n * float(by_rater @ by_rater)
    residual_sum = float(np.vdot(residual, residual))
    return MeanSquares(
        targets=target_sum / (n - 1),
        raters=rater_sum / (k - 1),
        residual=residual_sum / ((n - 1) * (k - 1)),
        within=(rater_sum + residual_sum) / (n * (k - 1)),
        n=n,
        k=k,
    )


def _weights(squares: MeanSquares, form: str) -> tuple[FloatArray, FloatArray]:
    """Return numerator and denominator weights of B, J and E (or W for J, E)."""
    n, k = squares.n, squares.k
    model, unit = form.split(",")
    single = unit == "1"
    if model == "1":
        # W is the sum of J's and E's squares over n (k - 1)
        within = np.array([0.0, 1 / n, (n - 1) / n])
        error, level = within, np.zeros(3)
    else:
        error = np.array([0.0, 0.0, 1.0])
        level = np.array([0.0, 1.0, -1.0]) / n if model == "2" else np.zeros(3)
    between = np.array([1.0, 0.0, 0.0])
    if single:
        return between - error, between + (k - 1) * error + k * level
    return between - error, between + level


def icc_of(squares: MeanSquares, form: str) -> tuple[float, float]:
    """Return an ICC and its delta-method standard error."""
    top, bottom = _weights(squares, form)
    found = np.array([squares.targets, squares.raters, squares.residual])
    over = float(bottom @ found)
    estimate = float(top @ found) / over
    gradient = (top - estimate * bottom) / over
    n, k = squares.n, squares.k
    df = np.array([n - 1, k - 1, (n - 1) * (k - 1)])
    return estimate, float(np.sqrt((gradient**2 * 2 * found**2 / df).sum()))


def icc_limits(
    squares: MeanSquares, form: str, conf_level: float
) -> tuple[float, float]:
    """Return the limits of an ICC by the F distribution."""
    n, k = squares.n, squares.k
    tail = (1 - conf_level) / 2
    model, unit = form.split(",")
    if model == "2":
        low, high = _absolute_limits(squares, tail)
    else:
        statistic, df2 = squares.f_test(form)
        below = statistic / special.fdtri(n - 1, df2, 1 - tail)
        above = statistic * special.fdtri(df2, n - 1, 1 - tail)
        if np.isinf(statistic):
            return 1.0, 1.0
        low, high = ((f - 1) / (f + k - 1) for f in (below, above))
    if unit == "k":
        low, high = (k * x / (1 + (k - 1) * x) for x in (low, high))
    return float(low), float(high)


def _absolute_limits(squares: MeanSquares, tail: float) -> tuple[float, float]:
    """Return the limits of ICC(2,1), with Satterthwaite's degrees of freedom."""
    if squares.residual == 0 and squares.raters == 0:
        return 1.0, 1.0
    parts = np.array([squares.targets, squares.raters, squares.residual])
    low, high = absolute_limits(parts, squares.n, squares.k, tail)
    return float(low), float(high)


def absolute_limits(
    parts: FloatArray, n: int, k: int, tail: float
) -> tuple[FloatArray, FloatArray]:
    """Return limits (...) of ICC(2,1) from mean squares (3, ...): B, J and E."""
    b, j, e = parts
    estimate = (b - e) / (b + (k - 1) * e + k * (j - e) / n)
    # MS_J / MS_E, multiplied through by MS_E so that no residual is no trouble
    level = k * estimate * j
    rest = (n * (1 + (k - 1) * estimate) - k * estimate) * e
    df = (k - 1) * (n - 1) * (level + rest) ** 2 / ((n - 1) * level**2 + rest**2)
    upper = special.fdtri(n - 1, df, 1 - tail)
    lower = special.fdtri(df, n - 1, 1 - tail)
    spread = k * j + (k * n - k - n) * e
    low = n * (b - upper * e) / (upper * spread + n * b)
    high = n * (lower * b - e) / (spread + n * lower * b)
    return low, high


_NODES = 2**12
_EVEN = 1.2207440846057596


def icc_widths(
    n: int,
    k: int,
    form: str,
    target: float,
    rater: float,
    error: float,
    conf_level: float,
) -> FloatArray:
    """Return widths of the F interval of an ICC at equally likely samples.

    Parameters
    ----------
    n, k : int
        Targets and raters.
    form : str
        The form.
    target, rater, error : float
        Variance components of a rating in the population.
    conf_level : float
        Level of the interval.

    Returns
    -------
    ndarray of shape (nodes,)
        Each node stands for the same probability.
    """
    tail = (1 - conf_level) / 2
    if form.startswith("2"):
        # multiples of powers of the root of x**4 = x + 1 fill the cube evenly
        steps = _EVEN ** -np.arange(1.0, 4.0)
        u = (0.5 + np.arange(1, _NODES + 1)[:, None] * steps) % 1
        df = np.array([n - 1, k - 1, (n - 1) * (k - 1)], dtype=np.float64)
        chance = special.chdtri(df, 1 - u) / df
        expected = np.array([k * target + error, n * rater + error, error])
        low, high = absolute_limits((chance * expected).T, n, k, tail)
        # beyond 1 / (1 - k) a limit has no mean of ratings to belong to
        low = np.maximum(low, -1 / (k - 1) + 1e-12)
        if form.endswith("k"):
            low, high = (k * x / (1 + (k - 1) * x) for x in (low, high))
        found: FloatArray = high - low
        return found
    df2 = n * (k - 1) if form.startswith("1") else (n - 1) * (k - 1)
    u = (np.arange(_NODES) + 0.5) / _NODES
    # for one-way ratings the raters' levels are part of the error
    ratio = 1 + k * target / (error + (rater if form.startswith("1") else 0.0))
    statistic = ratio * special.fdtri(n - 1, df2, u)
    below = statistic / special.fdtri(n - 1, df2, 1 - tail)
    above = statistic * special.fdtri(df2, n - 1, 1 - tail)
    if form.endswith("k"):
        return 1 / below - 1 / above
    return (above - 1) / (above + k - 1) - (below - 1) / (below + k - 1)


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else np.inf


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
        and one column a rater, with none of them named.
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
        Findings that do not stop: ``"missing_codes"`` takes common codes as answers.

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
    without all ratings are left out and counted. The standard error is the delta method
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
        half = normal_quantile(conf_level) * mean * log_se
        ends = -np.expm1(np.log1p(-mean) + np.array([half, -half]))
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
        f"{found.n_ratings} ratings, k = {k:.2f}.",
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
        Findings that do not stop: ``"missing_codes"`` takes common codes as answers.

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


@renamed(kind="method")
def test_retest(
    first: ArrayLike,
    second: ArrayLike,
    *,
    method: str = "pearson",  # noqa: PT028
    form: str = "2,1",  # noqa: PT028
    conf_level: float = 0.95,  # noqa: PT028
    missing_codes: Codes = (),  # noqa: PT028
    accept: Accepted = (),  # noqa: PT028
) -> ReliabilityEstimate:
    r"""Return the stability of a score over two occasions.

    Parameters
    ----------
    first, second : array_like of shape (n,)
        The same people's scores, in the same order; Series must have the same index.
    method : {"pearson", "icc"}
        The correlation, which ignores a change of level, or an intraclass correlation.
    form : str
        Form of the ICC.
    conf_level : float
        Confidence level.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings that do not stop: ``"missing_codes"`` takes common codes as answers.

    Returns
    -------
    ReliabilityEstimate
        Estimate and interval: Fisher's z for r, the F distribution for an ICC.

    Raises
    ------
    DataError
        If the scores do not belong together or do not vary.

    Notes
    -----
    The limits of r are :math:`\tanh(\mathrm{artanh}\,r \pm z/\sqrt{n-3})`, as R's
    ``cor.test``; its standard error is :math:`(1-r^2)/\sqrt{n-1}` (bivariate normal).
    People with one score only are left out and counted.

    Examples
    --------
    >>> result = test_retest([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    >>> round(result.estimate, 3), round(result.ci_low, 3), round(result.ci_high, 3)
    (0.829, 0.052, 0.981)
    """
    first = as_frame(first)
    second = as_frame(second)
    method = check_option("method", method, ("pearson", "icc"))
    check_conf_level(conf_level)
    scores = read_answers(
        paired_scores(first, second), missing_codes=missing_codes, accept=accept
    )
    if method == "icc":
        with gated():
            found = intraclass_correlation(
                scores.values, form=form, conf_level=conf_level
            )
        return replace(found, notes=(*scores.notes, *found.notes))
    pairs = scores.values
    whole = pairs[~np.isnan(pairs).any(axis=1)]
    n = len(whole)
    if n < 3:
        raise DataError(
            f"at least 3 people with both scores are needed; there {_are(n)} {n}."
        )
    if (np.ptp(whole, axis=0) == 0).any():
        raise DataError("both scores must vary, but one is the same for everyone.")
    r = float(correlation(mean_and_covariance(whole)[1])[0, 1])
    notes = scores.notes
    low = high = np.nan
    if n > 3:
        half = normal_quantile(conf_level) / np.sqrt(n - 3)
        with np.errstate(divide="ignore"):
            low, high = np.tanh(np.arctanh(np.clip(r, -1, 1)) + np.array([-half, half]))
    else:
        notes += ("An interval needs at least 4 people.",)
    return ReliabilityEstimate(
        coefficient="test_retest",
        estimate=r,
        se=float((1 - r**2) / np.sqrt(n - 1)),
        ci_low=float(low),
        ci_high=float(high),
        conf_level=conf_level,
        ci="fisher-z" if n > 3 else "",
        n=n,
        n_items=2,
        n_excluded=len(pairs) - n,
        method="Pearson correlation of two occasions; n_items counts occasions.",
        notes=notes,
    )


# pytest would take the name for a test
test_retest.__test__ = False  # type: ignore[attr-defined]


def paired_scores(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Return two scores of the same people (n, 2); NaN where one is missing."""
    both = [first, second]
    if all(isinstance(x, pd.Series) for x in both) and not first.index.equals(  # type: ignore[union-attr]
        second.index  # type: ignore[union-attr]
    ):
        raise DataError(
            "first and second have different indexes, so their scores cannot be "
            "matched. Align them first: first, second = first.align(second)."
        )
    columns = []
    for name, values in zip(("first", "second"), both, strict=True):
        try:
            column = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name} must be a list of numbers.") from error
        if column.ndim != 1:
            raise DataError(f"{name} must have one dimension; got {column.ndim}.")
        if np.isinf(column).any():
            raise DataError(f"{name} holds infinite values. Leave them empty.")
        columns.append(column)
    if len(columns[0]) != len(columns[1]):
        raise DataError(
            f"first and second must have the same length; got {len(columns[0])} "
            f"and {len(columns[1])} scores."
        )
    return np.column_stack(columns)


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
