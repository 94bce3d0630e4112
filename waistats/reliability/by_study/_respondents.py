"""Which rows are respondents: persons, their repeats, and what is no answer of a person.

Rows of totals, columns of scores and typing errors are looked for where the answers are in
memory and nothing declares what they can be.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import listing
from waistats.instruments._codes import is_customary
from waistats.instruments._findings import NOTE, STOP, WARNING, Finding
from waistats.io._suspicions import is_summary_word

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


# fewer rows than this can be equal by chance
_FEWEST = 5
# a mean that was rounded to two decimals
_ROUNDED = 0.0051
_MOST_ANSWERS = 12
_MOST_TEXTS = 5000
_WIDEST = 10_000
# rows at the start of a file that show whether a column could be a score
_GLANCE = 200
# rows at the end of a file, where totals are
_LAST = 5


def summary_rows(
    data: pd.DataFrame, items: Collection[object], row: Callable[[object], str]
) -> list[Finding]:
    """Return a stop for last rows that a cell calls a total or a mean.

    Parameters
    ----------
    data : DataFrame
        The rows.
    items : collection
        Columns of answers, which are not looked at.
    row : callable
        Label of a row to its name.
    """
    found = []
    for column in data.columns:
        cells = data[column]
        if column in items or pd.api.types.is_numeric_dtype(cells.dtype):
            continue
        words = [w for w in cells.dropna().unique()[:_MOST_TEXTS] if isinstance(w, str)]
        summaries = [word for word in words if is_summary_word(word)]
        if not summaries or len(summaries) == len(words):
            continue
        places = np.flatnonzero(cells.isin(summaries).to_numpy())
        if places[0] < len(data) - _LAST:
            continue  # a category, such as a combined treatment
        at = data.index[places]
        name = str(column) if str(column).isidentifier() else f"`{column}`"
        listed = ", ".join(f'"{word.strip()}"' for word in summaries)
        other = f"!= {listed}" if len(summaries) == 1 else f"not in ({listed})"
        out = f"{name} {other} or {name} is missing"
        found.append(
            Finding(
                severity=STOP,
                finding="summary_row",
                where=listing(map(row, at), _MOST_NAMED),
                n=len(at),
                example=f"{row(at[0])}: {summaries[0]}",
                text=f"{counted(len(at), 'row')} of {column} "
                f"{'is' if len(at) == 1 else 'are'} called {listing(summaries)} "
                f"({listing(map(row, at), _MOST_NAMED)}), as a row of totals or means is",
                advice=f"Leave such rows out with {option('where', out)}; if they are "
                f"respondents: {option('accept', 'summary_row')}.",
            )
        )
    return found


# what heads, and numbers, items where they stand in rows
_ITEM_HEADS = frozenset(
    {"item", "items", "question", "questions", "variable", "statement", "frage"}
)
_ITEM_NAME = re.compile(r"(?:q|item|question|frage|wai[a-z_]*)[ _.-]?0*(\d+)", re.I)
_ANY_NAME = re.compile(r"\D*?0*(\d+)")


def item_rows(data: pd.DataFrame, items: Collection[object]) -> list[Finding]:
    """Return a stop for a table with items in rows and respondents in columns."""
    for column in data.columns:
        cells = data[column]
        if column in items or pd.api.types.is_numeric_dtype(cells.dtype):
            continue
        head = str(column).strip().casefold() in _ITEM_HEADS
        shape = _ANY_NAME if head else _ITEM_NAME
        found = [shape.fullmatch(str(cell).strip()) for cell in cells[:_MOST_TEXTS]]
        numbers = [int(match[1]) for match in found if match]
        if len(data) < 3 or numbers != list(range(1, len(data) + 1)):
            continue
        first, last = cells.iloc[0], cells.iloc[-1]
        return [
            Finding(
                severity=STOP,
                finding="items_in_rows",
                where=str(column),
                n=len(data),
                example=str(first),
                text=f"{column} holds the names of items, {first} to {last}, one in each "
                "row: the table seems to have items in rows and respondents in columns",
                advice="Transpose it, so that each row is a respondent; if rows are "
                f"respondents: {option('accept', 'items_in_rows')}.",
            )
        ]
    return []


def mean_rows(values: FloatArray, row: Callable[[int], str]) -> list[Finding]:
    """Return a stop for a last row that holds the means or the sums of those above.

    Parameters
    ----------
    values : ndarray, shape (N, m)
        Answers of all items.
    row : callable
        Label of a row by its place.
    """
    if values.shape[1] < 3:
        return []
    for place in range(max(_FEWEST, len(values) - _LAST), len(values)):
        last, above = values[place], values[:place]
        given = np.isfinite(above)
        if not np.isfinite(last).all() or not given.any(axis=0).all():
            continue
        sums = np.where(given, above, 0.0).sum(axis=0)
        means = sums / given.sum(axis=0)
        for what, of in (("mean", means), ("sum", sums)):
            near = (np.abs(last - of) < _ROUNDED).all()
            # a respondent may answer as the mean of all, but not to two decimals, and 0
            # where all above did, but not beyond them
            beyond = np.nanmax(above) < last.max()
            if near and (beyond if what == "sum" else (last != np.rint(last)).any()):
                return [
                    Finding(
                        severity=STOP,
                        finding="summary_row",
                        where=row(place),
                        n=1,
                        example=row(place),
                        text=f"{row(place)} holds the {what} of the rows above in every "
                        "item: it is no respondent",
                        advice="Delete it, and what follows below; if it is a "
                        f"respondent: {option('accept', 'summary_row')}.",
                    )
                ]
    return []


def score_items(
    values: FloatArray, columns: Sequence[object], group: Sequence[int]
) -> list[Finding]:
    """Return a stop for an item that is the sum or the mean of all others of its scale.

    Parameters
    ----------
    values : ndarray, shape (N, m)
        Answers of all items.
    columns : sequence
        Their names.
    group : sequence of int
        Places of the items of one scale.
    """
    at = list(group)
    if len(at) < 3 or not any(map(np.any, _scores(values[:_GLANCE, at]))):
        return []
    part = values[:, at]
    is_sum, is_mean = _scores(part)
    n = int(np.isfinite(part).all(axis=1).sum())
    found = []
    for what, which in (("sum", is_sum), ("mean", is_mean)):
        for j in np.flatnonzero(which).tolist():
            name = str(columns[at[j]])
            others = [str(columns[k]) for k in at if k != at[j]]
            found.append(
                Finding(
                    severity=STOP,
                    finding="score_item",
                    where=name,
                    n=n,
                    example=name,
                    text=f"{name} is the {what} of the other items in every row: it is a "
                    "score, not an item",
                    advice=f"Name the items without it: {option('items', _named(others))}. "
                    f"To keep it: {option('accept', 'score_item')}.",
                )
            )
    return found


def _scores(part: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Return which items are the sum, and the mean, of all others in every row."""
    part = part[np.isfinite(part).all(axis=1)]
    if len(part) < _FEWEST:
        none = np.zeros(part.shape[1], dtype=bool)
        return none, none
    rest = part.sum(axis=1)[:, None] - part
    varies = np.ptp(part, axis=0) > 0
    is_sum = (np.abs(part - rest) < 1e-9).all(axis=0) & varies
    means = rest / (part.shape[1] - 1)
    is_mean = (np.abs(part - means) < _ROUNDED).all(axis=0) & varies
    # copies of each other are means of each other, too
    is_mean &= (part != np.rint(part)).any(axis=0)
    return np.asarray(is_sum), np.asarray(is_mean)


def _named(items: Sequence[str]) -> str | list[str]:
    """Return items as a range where they follow each other."""
    from waistats.instruments.scoring import numbered_sets

    for run, gap in numbered_sets(items):
        if not gap and [str(c) for c in run] == list(items):
            return f"{items[0]}-{items[-1]}"
    return list(items)


def far_answers(
    values: FloatArray,
    columns: Sequence[object],
    group: Sequence[int],
    row: Callable[[int], str],
) -> list[Finding]:
    """Return a warning for whole numbers that are far from all other answers.

    Customary codes are no matter of this: they stop.
    """
    at = list(group)
    part = values[:, at]
    given = part[np.isfinite(part)]
    if not len(given) or np.ptp(given) > _WIDEST or (given != np.rint(given)).any():
        return []
    tally = np.bincount((given - given.min()).astype(np.int64))
    distinct = np.flatnonzero(tally) + given.min()
    counts = tally[tally > 0]
    if not 4 <= len(distinct) <= _MOST_ANSWERS + 2:
        return []
    low, high = distinct[:-1], distinct[1:]
    far = []
    if high[-1] - low[-1] > low[-1] - distinct[0] and counts[-1] <= _few(counts):
        far.append(distinct[-1])
    if high[0] - low[0] > distinct[-1] - high[0] and counts[0] <= _few(counts):
        far.append(distinct[0])
    far = [value for value in far if not is_customary(value)]
    if not far:
        return []
    i, j = np.argwhere(np.isin(part, far))[0]
    kept = distinct[~np.isin(distinct, far)]
    shown = listing(f"{value:g}" for value in far)
    example = f"{columns[at[j]]}, {row(int(i))}: {part[i, j]:g}"
    numbers = tuple(int(value) for value in far)
    return [
        Finding(
            severity=WARNING,
            finding="far_answer",
            where=str(columns[at[j]]),
            n=int(np.isin(part, far).sum()),
            example=example,
            values=tuple(float(value) for value in far),
            text=f"{shown} is far from all other answers, {kept[0]:g} to {kept[-1]:g}: "
            f"{example}",
            advice="If it is a typing error, correct it or set it to missing with "
            f"{option('missing_codes', numbers)}; state what answers can be with "
            f"{option('response_range')}.",
        )
    ]


def _few(counts: np.ndarray) -> float:
    return max(1.0, 0.01 * float(counts.sum()))
