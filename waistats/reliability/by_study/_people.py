"""Who is behind a row: persons, their repeats, and columns that look like persons."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import listing
from waistats.instruments._findings import NOTE, STOP, WARNING, Finding

_PERSON_NAME = re.compile(
    r"(^|[_.\W])(id|ids|client|patient|person|participant|respondent|subject|subj|case"
    r"|proband|vpn?|pseudonym|responseid|record_id|token|dyad|code)([_.\W]?(id|no|nr|code|num"
    r"|number))?$",
    re.I,
)
_MOST_NAMED = 6


def repeated_people(
    cell: IntArray,
    person: IntArray,
    values: FloatArray,
    name: Callable[[int], str],
    row: Callable[[int], str],
    by: Sequence[str],
) -> tuple[BoolArray, list[Finding]]:
    """Return which rows are kept, and what is found of persons that are there twice.

    Parameters
    ----------
    cell, person : ndarray of int, shape (N,)
        Cell of study and ``by``, and person, of each row.
    values : ndarray, shape (N, m)
        The answers, NaN where missing. Rows without any answer repeat nobody.
    name, row : callable
        Position of a row to the person's name and to the row's name.
    by : sequence of str
        Columns that split studies already.

    Returns
    -------
    kept : ndarray of bool, shape (N,)
        All rows but the repeats that say the same.
    findings : list of Finding
        A note for these; a stop for persons whose answers differ.
    """
    kept = np.ones(len(cell), dtype=bool)
    answered = np.isfinite(values).any(axis=1)
    frame = pd.DataFrame({"cell": cell, "person": person, "row": np.arange(len(cell))})
    frame = frame[answered]
    twice = frame[frame.duplicated(["cell", "person"], keep=False)]
    same: list[list[int]] = []
    differ: list[list[int]] = []
    for _, group in twice.groupby(["cell", "person"], sort=False):
        rows = group["row"].to_numpy()
        first = values[rows[0]]
        alike = [
            bool(np.array_equal(first, values[i], equal_nan=True)) for i in rows[1:]
        ]
        if all(alike):
            kept[rows[1:]] = False
            same.append(rows.tolist())
        else:
            differ.append(rows.tolist())

    def told(groups: Sequence[Sequence[int]]) -> list[str]:
        return [f"{name(rows[0])} ({listing(row(i) for i in rows)})" for rows in groups]

    findings = []
    if same:
        n = sum(len(rows) - 1 for rows in same)
        findings.append(
            Finding(
                severity=NOTE,
                finding="identical_repeats",
                where=listing(told(same), _MOST_NAMED),
                n=n,
                example=told(same)[0],
                text=f"{counted(n, 'row repeats a person', 'rows repeat persons')}"
                " with the same answers, counted once: "
                f"{listing(told(same), _MOST_NAMED)}",
            )
        )
    if differ:
        within = f" and {listing(by)}" if by else ""
        findings.append(
            Finding(
                severity=STOP,
                finding="repeated_person",
                where=listing(told(differ), _MOST_NAMED),
                n=len(differ),
                example=told(differ)[0],
                text=f"{counted(len(differ), 'person appears', 'persons appear')} more "
                f"than once in one study{within} with different answers: "
                f"{listing(told(differ), _MOST_NAMED)}",
                advice="Correct the file, name the column that identifies the occasions "
                f"with {option('by')}, or count every row with "
                f"{option('accept', 'repeated_person')}.",
            )
        )
    return kept, findings


def looks_like_person(name: object, cells: "pd.Series[Any]") -> bool:
    """Return whether a column is named and filled as an identifier of persons is."""
    if not _PERSON_NAME.search(str(name)):
        return False
    if pd.api.types.is_float_dtype(cells) and (cells.dropna() % 1 != 0).any():
        return False
    given = int(cells.notna().sum())
    # most rows need a value, and not a handful of values may be all there are
    return given >= 0.5 * len(cells) and cells.nunique() >= 0.3 * given


def likely_person(
    data: pd.DataFrame, used: Sequence[object], cell: IntArray
) -> Finding | None:
    """Return a warning for a column that looks like the person and repeats in a cell.

    Parameters
    ----------
    data : DataFrame
        The file.
    used : sequence
        Columns that are something else: study, ``by``, items.
    cell : ndarray of int
        Cell of study and ``by`` of each row.
    """
    for column in data.columns:
        if column in used or not looks_like_person(column, data[column]):
            continue
        cells = data[column]
        given = cells.notna().to_numpy()
        pairs = pd.DataFrame({"cell": cell, "person": cells.to_numpy()})[given]
        repeats = int(pairs.duplicated().sum())
        if repeats:
            return Finding(
                severity=WARNING,
                finding="person_column",
                where=str(column),
                n=repeats,
                example=str(pairs.loc[pairs.duplicated(), "person"].iloc[0]),
                text=f"{column} looks like a person identifier, and "
                f"{counted(repeats, 'row repeats one', 'rows repeat one')} within a "
                "study: every row was counted as another person",
                advice=f"Name it with {option('person', str(column))}, and occasions "
                f"with {option('by')}.",
            )
    return None
