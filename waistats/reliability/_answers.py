"""Answers of one coefficient through the gate: codes become missing, or stop.

Every public function that computes a coefficient from answers reads them here. Where
the answers have been through the gate already, as those of many studies have, they are
taken as they are.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._frames import as_frame
from waistats.errors import DataError, listing
from waistats.instruments._findings import STOP, Finding, accepted, refuse
from waistats.instruments._gate import gate_options, read_codes
from waistats.reliability._items import ItemsLike, Responses, read_items

Codes: TypeAlias = float | Sequence[float]
Accepted: TypeAlias = str | Sequence[str]

# whether the answers have been through the gate already
_GATED: ContextVar[bool] = ContextVar("waistats_gated", default=False)


@contextmanager
def gated() -> Iterator[None]:
    """Take answers as they are: they have been through the gate."""
    token = _GATED.set(True)
    try:
        yield
    finally:
        _GATED.reset(token)


def is_gated(items: object) -> bool:
    """Return whether answers are taken as they are."""
    if isinstance(items, Responses) and items.gated:
        return True
    return _GATED.get() or "missing_codes" in _accepted_in(items)


def _accepted_in(items: object) -> tuple[str, ...]:
    attrs = getattr(items, "attrs", None) or {}
    accept = attrs.get("accept", ())
    return (accept,) if isinstance(accept, str) else tuple(accept)


def read_answers(
    items: ItemsLike | Responses,
    *,
    missing_codes: Codes = (),
    accept: Accepted = (),
    at_least: int = 2,
) -> Responses:
    """Return the answers as a matrix, codes for a missing answer taken out.

    Parameters
    ----------
    items : DataFrame, array_like of shape (n, m) or Responses
        Numeric answers.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.
    at_least : int, default 2
        The fewest items that make sense.

    Returns
    -------
    Responses
        The matrix; ``notes`` says what was taken out or accepted.

    Raises
    ------
    DataError
        If items are not usable, or hold common codes that nobody has named.
    """
    options = gate_options(missing_codes=missing_codes, accept=accept)
    responses = read_items(items, at_least=at_least)
    if is_gated(items) and not options.missing_codes:
        return responses
    read = read_codes(
        responses.values, responses.names, options, row=lambda i: _row(responses, i)
    )
    if is_gated(items):
        # what was accepted stays; what is named now is missing
        found = [f for f in read.findings if f.severity != STOP]
    else:
        found = accepted([with_ways_out(f) for f in read.findings], options.accept)
        refuse(found)
    return replace(
        responses,
        values=read.values,
        notes=(*responses.notes, *(finding.sentence() for finding in found)),
        gated=True,
    )


def _row(responses: Responses, i: int) -> str:
    return f"row {responses.rows[i]}"


def with_ways_out(finding: Finding) -> Finding:
    """Return a stop for codes with the options that a coefficient's function has."""
    if finding.severity != STOP:
        return finding
    codes = tuple(int(v) if float(v).is_integer() else v for v in finding.values)
    return replace(
        finding,
        advice=f"If they mean missing, give {option('missing_codes', codes)}. To use "
        f"them as answers: {option('accept', 'missing_codes')}.",
    )


def cleaned(
    items: ItemsLike, *, missing_codes: Codes = (), accept: Accepted = ()
) -> tuple[ItemsLike, tuple[str, ...]]:
    """Return answers as they were given, a frame or an array, after the gate."""
    items = as_frame(items)
    read = read_answers(items, missing_codes=missing_codes, accept=accept)
    if not isinstance(items, pd.DataFrame):
        return read.values, read.notes
    frame = pd.DataFrame(read.values, columns=list(read.names), index=items.index)
    return frame, read.notes


def match_respondents(
    scales: Mapping[str, ItemsLike],
    *,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> tuple[dict[str, Responses], tuple[str, ...]]:
    """Return the answers with the same respondents in the same rows, and notes.

    Frames with different indexes are matched by index, arrays by row.

    Raises
    ------
    DataError
        If the respondents cannot be matched, or hold common codes.
    """
    scales = {str(name): as_frame(items) for name, items in scales.items()}
    read = {
        name: _read(name, items, missing_codes, accept)
        for name, items in scales.items()
    }
    said = tuple(f"{name}: {note}" for name, of in read.items() for note in of.notes)
    read = {name: replace(of, notes=()) for name, of in read.items()}
    frames = [items for items in scales.values() if isinstance(items, pd.DataFrame)]
    same = all(frame.index.equals(frames[0].index) for frame in frames[1:])
    if same:
        sizes = {name: len(items.values) for name, items in read.items()}
        if len(set(sizes.values())) > 1:
            told = listing(f"{name} {n}" for name, n in sizes.items())
            raise DataError(
                "every scale needs the same respondents, one row each; the numbers of "
                f"rows differ: {told}. Give frames whose index names the respondents."
            )
        return read, said
    if len(frames) < len(scales):
        raise DataError(
            "the frames have different indexes, so arrays cannot be matched to "
            "them; give every scale as a frame indexed by respondent."
        )
    for name, frame in zip(read, frames, strict=True):
        if not frame.index.is_unique:
            twice = frame.index[frame.index.duplicated()].unique()
            raise DataError(
                f"scale {name}: respondents must be unique in the index to be matched, "
                f"but {listing(twice)} occur more than once."
            )
    everyone: list[Hashable] = list(
        dict.fromkeys(label for frame in frames for label in frame.index)
    )
    shared = sum(all(label in frame.index for frame in frames) for label in everyone)
    if not shared:
        raise DataError(
            "no respondent is in the index of every scale; give the frames one index, "
            "such as the dyad."
        )
    note = (
        f"Matched by index: {counted(len(everyone), 'respondent')}, {shared} with every "
        "scale."
    )
    matched = {
        name: _in_order(of, frame.index, everyone)
        for (name, of), frame in zip(read.items(), frames, strict=True)
    }
    return matched, (*said, note)


def _read(
    name: str, items: ItemsLike, missing_codes: Codes, accept: Accepted
) -> Responses:
    try:
        return read_answers(items, missing_codes=missing_codes, accept=accept)
    except DataError as error:
        raise DataError(f"scale {name}: {error}") from error


def _in_order(
    responses: Responses, index: "pd.Index[object]", everyone: Sequence[Hashable]
) -> Responses:
    """Return the rows of these respondents, empty where one is not among them."""
    at = index.get_indexer(pd.Index(list(everyone)))
    values = np.where((at >= 0)[:, None], responses.values[at], np.nan)
    return replace(responses, values=values, rows=everyone)
