"""A table of repeated sessions -> complete answers with person and session codes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pandas as pd

from waistats.arrays import FloatArray, IntArray
from waistats.errors import DataError, listing, near
from waistats.provenance import NOTE, is_simulated
from waistats.reliability.moments import complete
from waistats.reliability.responses import read_items

# above this, sessions are taken to be labels that no two persons share
MOST_SESSIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sessions:
    """Complete person-sessions.

    Attributes
    ----------
    values : ndarray of shape (N, m)
        Answers less their grand mean.
    person, session : ndarray of int of shape (N,)
        Codes from 0.
    shared : bool
        Whether sessions are few enough to be shared by persons.
    n_labels : int
        Different sessions.
    n_excluded : int
        Rows left out for missing answers.
    notes : tuple of str
        What was left out.
    """

    values: FloatArray
    person: IntArray
    session: IntArray
    shared: bool
    n_labels: int
    n_excluded: int
    notes: tuple[str, ...]


def read_sessions(
    data: pd.DataFrame, person: Hashable, session: Hashable, items: Sequence[Hashable]
) -> Sessions:
    """Return complete person-sessions, or raise naming every bad place.

    Parameters
    ----------
    data : DataFrame
        One row for each person in each session.
    person, session : column names
        Who and when.
    items : sequence of column names
        The items.

    Returns
    -------
    Sessions
        Values and codes.
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError("data must be a DataFrame with a row for each person-session.")
    wanted = [person, session, *items]
    unknown = [
        f"{name!r}{near(str(name), map(str, data.columns))}"
        for name in wanted
        if name not in data.columns
    ]
    if unknown:
        raise DataError(f"no such column: {listing(unknown)}.")
    nameless = data[[person, session]].isna().any(axis=1)
    if nameless.any():
        raise DataError(
            "every row needs a person and a session, but these have none: "
            f"{listing(data.index[nameless])}."
        )
    twice = data.duplicated([person, session])
    if twice.any():
        shown = data.loc[twice, [person, session]].itertuples(index=False)
        raise DataError(
            "a person may have each session once, but these come again: "
            f"{listing(f'{p} in {t}' for p, t in shown)}."
        )
    responses = read_items(data[list(items)])
    whole = complete(responses.values)
    values = responses.values[whole]
    people, _ = pd.factorize(data.loc[whole, person])
    times, labels = pd.factorize(data.loc[whole, session], sort=True)
    if not len(values) or people.max() < 1 or len(people) == people.max() + 1:
        raise DataError(
            "at least two persons are needed, and one of them with two sessions whose "
            f"items are all answered; {int(whole.sum())} of {len(whole)} rows are."
        )
    lost = int((~whole).sum())
    notes: tuple[str, ...] = ()
    if lost:
        notes = (f"{lost} person-sessions with missing answers left out.",)
    if is_simulated(data):
        notes += (NOTE,)
    shared = len(labels) <= MOST_SESSIONS
    if not shared:
        # each person's first, second, ...: enough for what is nested
        times = pd.Series(people).groupby(people).cumcount().to_numpy()
    return Sessions(
        values=values - values.mean(),
        person=people,
        session=times,
        shared=shared,
        n_labels=len(labels),
        n_excluded=lost,
        notes=notes,
    )
