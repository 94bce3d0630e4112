"""Ratings, long or wide: one complete table of targets by raters."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

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
