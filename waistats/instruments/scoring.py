"""Responses to scores: checking answers, turning items round, adding up.

Which columns of a data file are the items of a form.
"""

import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd

from waistats._caller import command, option, words_option
from waistats._format import counted
from waistats._frames import as_frame, is_name
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, check_option, listing, near
from waistats.instruments._findings import (
    STOP,
    Finding,
    ResponsesError,
    intake_records,
)
from waistats.instruments._gate import (
    GateOptions,
    gate_options,
    row_namer,
    scored_answers,
)
from waistats.instruments.forms import Instrument, get_instrument

# "wai07"; "G1Q1[SQ007]", as LimeSurvey exports it
_NUMBERED = re.compile(r"^(.*?)0*(\d+)[\])]?$", re.S)
# "wai1-wai12", "wai1-12"
_SPAN = re.compile(r"^(.*?)0*(\d+)[\])]?\s*[-–:]\s*(.*?)0*(\d+)[\])]?$", re.S)


def item_number(column: object) -> int | None:
    """Return the number that a column name ends in, None without one."""
    match = _NUMBERED.match(str(column))
    return int(match.group(2)) if match else None


def _numbered_columns(columns: pd.Index) -> dict[str, dict[int, list[object]]]:
    """Group columns that end in a number: prefix -> number -> columns."""
    groups: dict[str, dict[int, list[object]]] = {}
    for column in columns:
        match = _NUMBERED.match(str(column))
        if match:
            prefix, number = match.group(1).lower(), int(match.group(2))
            groups.setdefault(prefix, {}).setdefault(number, []).append(column)
    return groups


def _named(prefix: str) -> str:
    return repr(prefix) if prefix else "no prefix"


def spanned(text: object, known: Iterable[object]) -> list[object]:
    """Return the columns of a range such as ``q1-q6``; empty if it is none.

    >>> spanned("q1-q3", ["id", "q1", "q2", "q3"])
    ['q1', 'q2', 'q3']
    """
    columns = list(known)
    match = _SPAN.match(str(text))
    if text in columns or match is None:
        return []
    prefix, low, again, high = match.groups()
    if again not in ("", prefix):
        return []
    by_number = {
        item_number(column): column
        for column in columns
        if (found := _NUMBERED.match(str(column))) and found.group(1) == prefix
    }
    wanted = range(int(low), int(high) + 1)
    if len(wanted) < 2 or not by_number.keys() & set(wanted):
        return []
    return [by_number.get(number, f"{prefix}{number}") for number in wanted]


def _named_columns(responses: pd.DataFrame, items: Sequence[object]) -> list[object]:
    known = list(responses.columns)
    items = [one for item in items for one in (spanned(item, known) or [item])]
    absent = [item for item in items if item not in known]
    twice = [item for item in dict.fromkeys(items) if list(items).count(item) > 1]
    double = [item for item in dict.fromkeys(items) if known.count(item) > 1]
    if absent:
        told = [f"{name}{near(str(name), map(str, known))}" for name in absent]
        raise DataError(
            f"items: no column {listing(told)}; the columns are {listing(known, 20)}."
        )
    if twice or double:
        raise DataError(f"items: column {listing(twice or double)} is repeated.")
    return list(items)


def _prefix_columns(
    responses: pd.DataFrame, numbers: Sequence[int], name: str, prefix: str | None
) -> list[object]:
    groups = _numbered_columns(responses.columns)
    wanted = f"{numbers[0]} ... {numbers[-1]}"
    if prefix is not None:
        groups = {key: of for key, of in groups.items() if key == prefix.lower()}
    complete = {key: of for key, of in groups.items() if all(i in of for i in numbers)}
    if not complete:
        part = "; ".join(
            f"{_named(key)} has {listing(sorted(of), 6)}" for key, of in groups.items()
        )
        raise DataError(
            f"the items of {name} were not found: no columns end in {wanted} under one "
            f"prefix ({part or 'no column ends in a number'}). Name them in order with "
            f"{option('items')}."
        )
    # wai1 ... wai36 holds 1 ... 12 as well, but is no 12-item form
    fitting = {
        key: of
        for key, of in complete.items()
        if numbers[0] != 1 or numbers[-1] + 1 not in of
    }
    if not fitting:
        key, of = next(iter(complete.items()))
        raise DataError(
            f"{name} has {counted(len(numbers), 'item')}, but the columns under "
            f"{_named(key)} go on to {max(of)}. Choose the form that was used, or name "
            f"the {counted(len(numbers), 'column')} in order with {option('items')}."
        )
    if len(fitting) > 1:
        raise DataError(
            f"several sets of columns could be the items of {name}: prefixes "
            f"{listing(map(_named, fitting))}. Say which with {option('items')}: a prefix, "
            "or the columns."
        )
    found = next(iter(fitting.values()))
    double = [column for i in numbers if len(found[i]) > 1 for column in found[i]]
    if double:
        raise DataError(
            f"several columns have the same item number: {listing(double)}. Name the "
            f"items in order with {option('items')}."
        )
    return [found[i][0] for i in numbers]


def item_columns(
    responses: pd.DataFrame,
    instrument: str | Instrument | None = None,
    items: str | Sequence[object] | None = None,
    *,
    provisional: bool = False,
    accept: Collection[str] = (),
) -> list[object]:
    """Return the item columns in the order of the form.

    Parameters
    ----------
    responses : pandas.DataFrame
        One row per respondent.
    instrument : str or Instrument, optional
        The form; its items are the columns that end in 1 ... ``n_items`` under one
        prefix, such as ``wai1`` or ``q_01``. Without it, every set of columns that is
        numbered from 1 is a candidate.
    items : str or sequence, optional
        The prefix of the item columns, a range such as ``"q1-q6"``, or the columns (and
        ranges) themselves in the form's order.
    provisional : bool, default False
        Allow a provisional form.
    accept : collection of str
        ``"item_gap"`` takes numbered columns although their numbers have a gap.

    Returns
    -------
    list
        Column names.

    Raises
    ------
    DataError
        If columns are missing, doubled, too few or too many, or several sets fit.

    Examples
    --------
    >>> frame = pd.DataFrame(columns=["id", "q_03", "q_01", "q_02"])
    >>> item_columns(frame)
    ['q_01', 'q_02', 'q_03']
    """
    columns, gap = found_items(responses, instrument, items, provisional=provisional)
    if gap is not None and "item_gap" not in accept:
        raise ResponsesError([gap])
    return columns


def found_items(
    responses: pd.DataFrame,
    instrument: str | Instrument | None = None,
    items: str | Sequence[object] | None = None,
    *,
    provisional: bool = False,
) -> tuple[list[object], Finding | None]:
    """Return the item columns as `item_columns` does, and a gap in guessed numbers."""
    responses = as_frame(responses)
    if not isinstance(responses, pd.DataFrame):
        hint = (
            f" {command('read_responses')} reads a file." if is_name(responses) else ""
        )
        raise DataError(
            "responses must be a DataFrame with one row per respondent; got "
            f"{type(responses).__name__}.{hint}"
        )
    form = None
    if instrument is not None:
        form = get_instrument(instrument, provisional=provisional)
    if isinstance(items, str) and spanned(items, responses.columns):
        items = [items]
    if items is not None and not isinstance(items, str):
        named = _named_columns(responses, items)
        if form is not None and len(named) != len(form.items):
            raise DataError(
                f"items names {counted(len(named), 'column')}, but {form.name} has "
                f"{counted(len(form.items), 'item')}."
            )
        return named, None
    if form is not None:
        return _prefix_columns(responses, form.items, form.name, items), None
    groups = _numbered_columns(responses.columns)
    runs = {key: sorted(of) for key, of in groups.items() if 1 in of and 2 in of}
    if items is not None:
        known = list(map(str, responses.columns))
        prefixes = [key for key in runs if key]
        runs = {key: of for key, of in runs.items() if key == items.lower()}
        if not runs:
            raise DataError(
                f"{option('items')}: no column is called {items!r}, and none starts with "
                f"it and is numbered from 1{near(items, [*known, *prefixes])}; the columns "
                f"are {listing(known, 20)}."
            )
    if len(runs) != 1:
        seen = f"prefixes {listing(map(_named, runs))}" if runs else "none"
        raise DataError(
            "the item columns are ambiguous: one set of columns numbered from 1 is "
            f"expected under one prefix, found {seen}. Name them with "
            f"{option('items')}."
        )
    prefix, numbers = next(iter(runs.items()))
    found = _prefix_columns(responses, numbers, "the form", prefix)
    return found, _gap(numbers, found)


def _gap(numbers: Sequence[int], columns: Sequence[object]) -> Finding | None:
    """Return a stop where guessed items are not numbered without a gap."""
    follow = (i for i, number in enumerate(numbers) if number != numbers[0] + i)
    run = next(follow, len(numbers))
    if run == len(numbers):
        return None
    low, high = numbers[run - 1] + 1, numbers[run] - 1
    absent = f"number {low} is" if low == high else f"numbers {low} to {high} are"
    beyond = list(columns[run:])
    first, last = columns[0], columns[run - 1]
    what = "is" if len(beyond) == 1 else "are"
    return Finding(
        severity=STOP,
        finding="item_gap",
        where=listing(beyond),
        n=len(beyond),
        example=str(beyond[0]),
        text=f"the items were found by their numbers, {first} to {last}, but {absent} "
        f"missing before {listing(beyond)}, which may be something else",
        advice=f"Name the items: {option('items', f'{first}-{last}')} where "
        f"{listing(beyond)} {what} not among them; else {option('accept', 'item_gap')}.",
    )


__all__ = ["answers", "item_columns", "keyed_items", "scale_scores", "score"]


def numbered_sets(
    columns: Iterable[object],
) -> list[tuple[list[object], list[object]]]:
    """Return the sets of columns numbered from 1 under one prefix, and what follows a gap.

    >>> numbered_sets(["id", "q1", "q2", "q3", "q10"])
    [(['q1', 'q2', 'q3'], ['q10'])]
    """
    found = []
    for of in _numbered_columns(pd.Index(list(columns), dtype=object)).values():
        if not (1 in of and 2 in of):
            continue
        last = next(i for i in range(1, max(of) + 2) if i not in of) - 1
        run = [of[i][0] for i in range(1, last + 1)]
        beyond = [of[i][0] for i in sorted(of) if i > last]
        found.append((run, beyond))
    return found


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def answers(
    responses: pd.DataFrame,
    columns: Sequence[object],
    limits: tuple[float, float] | None = None,
    *,
    allow_fractions: bool = True,
) -> FloatArray:
    """Return the answers as numbers, missing ones as NaN; refuse every bad one at once.

    The shape is (respondents, items). Row labels in the message are the frame's index.
    """
    raw = responses[list(columns)]
    if raw.shape[1] != len(columns):
        double = raw.columns[raw.columns.duplicated()].unique()
        raise DataError(f"columns of the same name: {listing(double)}. Rename them.")
    values = np.empty(raw.shape)
    row = row_namer(responses)
    bad: list[str] = []
    for j, column in enumerate(columns):
        given = raw[column]
        if isinstance(given.dtype, pd.CategoricalDtype):
            given = given.astype(object)
        elif given.dtype.kind in "mM":
            given = given.astype(str)
        numbers = pd.to_numeric(given, errors="coerce")
        values[:, j] = numbers.to_numpy(dtype=float, na_value=np.nan)
        wrong = given.notna().to_numpy() & np.isnan(values[:, j])
        if limits is not None:
            wrong |= (values[:, j] < limits[0]) | (values[:, j] > limits[1])
        else:
            wrong |= np.isinf(values[:, j])
        if not allow_fractions:
            finite = np.where(np.isfinite(values[:, j]), values[:, j], 0)
            wrong |= finite != np.round(finite)
        for i in np.flatnonzero(wrong):
            bad.append(f"{column}, {row(raw.index[i])}: {_shown(given.iloc[i])}")
    if bad:
        expected = "numbers"
        if limits is not None:
            whole = "" if allow_fractions else "whole "
            expected = f"{whole}numbers from {limits[0]:g} to {limits[1]:g}"
        raise DataError(
            f"answers must be {expected}, or empty; {len(bad)} are not: "
            f"{listing(bad, 30)}. Correct them, set them to missing, or recode the "
            f"scale (words: {words_option()})."
        )
    return values


def answers_of_form(
    responses: pd.DataFrame,
    columns: Sequence[object],
    form: Instrument,
    gate: GateOptions,
) -> FloatArray:
    """Return the answers to a form as numbers; where some are none, name all bad ones."""
    try:
        return answers(responses, columns)
    except DataError:
        limits = gate.response_range or form.limits
        return answers(responses, columns, limits, allow_fractions=gate.allow_fractions)


def keyed_items(
    responses: pd.DataFrame,
    instrument: str | Instrument,
    items: str | Sequence[object] | None = None,
    *,
    already_keyed: bool | None = None,
    allow_fractions: bool = False,
    provisional: bool = False,
    missing_codes: float | Sequence[float] = (),
    response_range: tuple[float, float] | None = None,
    reverse: str | Sequence[object] = (),
    accept: str | Sequence[str] = (),
) -> pd.DataFrame:
    """Return the items with the reversed ones reverse-scored.

    Parameters
    ----------
    responses : pandas.DataFrame
        One row per respondent, answers as given (not yet reversed).
    instrument : str or Instrument
        The form.
    items : str or sequence, optional
        Prefix or names of the item columns; see `item_columns`.
    already_keyed : bool or None, default None
        Whether the reversed items are reverse-scored in the data already. None: clear
        evidence in the answers decides; where there is none, the form's key applies,
        with a note. Conflicting evidence, and a value that the answers contradict, are
        errors.
    allow_fractions : bool, default False
        Accept answers between the whole numbers, as imputation makes them.
    provisional : bool, default False
        Allow a provisional form.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    response_range : tuple of float, optional
        Lowest and highest answer, where they are not those of the form.
    reverse : str or sequence
        Items to reverse-score in addition to those of the key; one that the key
        reverses too is thereby left as it is.
    accept : str or sequence of str
        Identifiers of findings to accept: see `inspect_responses`.

    Returns
    -------
    pandas.DataFrame
        The item columns in the form's order, as floats, index as given. A reversed
        answer ``x`` becomes ``min + max - x``. SIMULATED responses keep their
        ``provenance`` column, which coefficients ignore. What was decided
        is in ``attrs["intake"]`` and ``attrs["notes"]``.

    Raises
    ------
    DataError
        If an answer is not a number or outside the form's range; all are named.

    Examples
    --------
    >>> form = "WAI-S"
    >>> frame = pd.DataFrame([[6] * 12], columns=[f"wai{i}" for i in range(1, 13)])
    >>> keyed_items(frame, form)[["wai3", "wai4"]].iloc[0].tolist()
    [6.0, 2.0]
    """
    responses = as_frame(responses)
    form = get_instrument(instrument, provisional=provisional)
    columns = item_columns(responses, form, items)
    gate = gate_options(
        missing_codes=missing_codes,
        response_range=response_range,
        already_keyed=already_keyed,
        reverse=reverse,
        accept=accept,
        allow_fractions=allow_fractions,
    )
    row = row_namer(responses)
    values, found = scored_answers(
        answers_of_form(responses, columns, form, gate),
        columns,
        form,
        gate,
        labels=responses.attrs.get("value_labels"),
        row=lambda i: row(responses.index[i]),
    )
    frame = pd.DataFrame(values, index=responses.index, columns=columns)
    _keep_findings(frame, found)
    return _with_provenance(frame, responses)


def _keep_findings(frame: pd.DataFrame, found: Sequence[Finding]) -> None:
    if found:
        frame.attrs["intake"] = intake_records(found)
        frame.attrs["notes"] = tuple(finding.sentence() for finding in found)


def scale_scores(values: FloatArray, *, max_missing: float, method: str) -> FloatArray:
    """Return sums or means over the last axis, person-mean imputed up to a share."""
    n_items = values.shape[-1]
    answered = np.isfinite(values)
    n_answered = answered.sum(axis=-1)
    sums = np.where(answered, values, 0.0).sum(axis=-1)
    enough = (n_answered > 0) & ((n_items - n_answered) <= max_missing * n_items + 1e-9)
    none: FloatArray = np.full(sums.shape, np.nan)
    means: FloatArray = np.divide(sums, n_answered, out=none, where=enough)
    if method == "mean":
        return means
    # a complete sum stays the exact sum of whole numbers
    exact: FloatArray = np.where(n_answered == n_items, sums, means * n_items)
    return exact


def score(
    responses: pd.DataFrame,
    instrument: str | Instrument,
    *,
    items: str | Sequence[object] | None = None,
    method: str = "sum",
    max_missing: float = 0.0,
    already_keyed: bool | None = None,
    allow_fractions: bool = False,
    provisional: bool = False,
    missing_codes: float | Sequence[float] = (),
    response_range: tuple[float, float] | None = None,
    reverse: str | Sequence[object] = (),
    accept: str | Sequence[str] = (),
) -> pd.DataFrame:
    """Score a form: reverse-score items, and sum subscales and total.

    Parameters
    ----------
    responses : pandas.DataFrame
        One row per respondent, answers as given (not yet reversed).
    instrument : str or Instrument
        The form, such as ``"WAI-S"``.
    items : str or sequence, optional
        Prefix or names of the item columns; by default the columns that end in
        1 ... ``n_items`` under one prefix.
    method : {"sum", "mean"}, default "sum"
        Sum or mean of the items.
    max_missing : float, default 0
        Share of a scale's items, at least 0 and below 1, that may be missing; they are
        replaced by the person's mean of the scale's other items. With more missing the
        score is empty.
    already_keyed : bool or None, default None
        Whether the reversed items are reverse-scored in the data already. None: clear
        evidence in the answers decides; where there is none, the form's key applies,
        with a note. Conflicting evidence, and a value that the answers contradict, are
        errors.
    allow_fractions : bool, default False
        Accept answers between the whole numbers.
    provisional : bool, default False
        Allow a form whose key rests on weak evidence.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    response_range : tuple of float, optional
        Lowest and highest answer, where they are not those of the form.
    reverse : str or sequence
        Items to reverse-score in addition to those of the key; one that the key
        reverses too is thereby left as it is.
    accept : str or sequence of str
        Identifiers of findings to accept: see `inspect_responses`.

    Returns
    -------
    pandas.DataFrame
        One column per subscale (``task, bond, goal``) and ``total``; index as given.
        SIMULATED responses keep their ``provenance`` column. What was decided is in
        ``attrs["intake"]`` and ``attrs["notes"]``.

    Raises
    ------
    DataError
        If an answer is not a number or outside the form's range; item, row and value of
        all are named.

    Notes
    -----
    Every scale is imputed from its own items, ``total`` from all items; with missing
    answers the subscales need therefore not add up to the total.

    Examples
    --------
    >>> frame = pd.DataFrame([[6] * 12], columns=[f"wai{i}" for i in range(1, 13)])
    >>> score(frame, "WAI-S")
       task  bond  goal  total
    0  24.0  24.0  16.0   64.0
    """
    responses = as_frame(responses)
    method = check_option("method", method, ("sum", "mean"))
    if not 0 <= max_missing < 1:
        raise ModelError(
            f"max_missing is a share of items, at least 0 and below 1; got "
            f"{max_missing!r}."
        )
    form = get_instrument(instrument, provisional=provisional)
    keyed = keyed_items(
        responses,
        form,
        items,
        already_keyed=already_keyed,
        allow_fractions=allow_fractions,
        missing_codes=missing_codes,
        response_range=response_range,
        reverse=reverse,
        accept=accept,
    )
    values = keyed.drop(columns="provenance", errors="ignore").to_numpy()
    place = {number: j for j, number in enumerate(form.items)}
    scores = {
        name: scale_scores(
            values[:, [place[i] for i in numbers]],
            max_missing=max_missing,
            method=method,
        )
        for name, numbers in form.scales.items()
    }
    frame = pd.DataFrame(scores, index=responses.index)
    frame.attrs.update(keyed.attrs)
    return _with_provenance(frame, responses)


def _with_provenance(frame: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """Return what was made of responses with their ``provenance``, if they have it."""
    if "provenance" in responses.columns:
        frame["provenance"] = responses["provenance"]
    return frame
