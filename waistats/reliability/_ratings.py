"""Ratings, long or wide: one complete table of targets by raters, and its mean squares."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from waistats._caller import option
from waistats._format import counted
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.provenance import NOTE, is_simulated
from waistats.reliability._answers import Accepted, Codes, read_answers
from waistats.reliability._items import read_items
from waistats.reliability._moments import complete


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ratings:
    """Complete ratings.

    Attributes
    ----------
    values : ndarray of shape (n, k)
        One row per target, one column per rater; complete.
    n_excluded : int
        Targets left out for a missing rating.
    notes : tuple of str
        What was excluded.
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
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

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
        lone = (
            (f"{counted(unrated, 'target')} without any rating excluded.",)
            if unrated
            else ()
        )
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
    # the mean of large numbers is rounded
    centred = centred - centred.mean()
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
        result: FloatArray = 1 / below - 1 / above
        return result
    array: FloatArray = (above - 1) / (above + k - 1) - (below - 1) / (below + k - 1)
    return array


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else np.inf
