"""Which columns of a data file are the items of a form."""

import re
from collections.abc import Sequence

import pandas as pd

from waistats.errors import DataError, listing
from waistats.instruments import Instrument, get_instrument

_NUMBERED = re.compile(r"^(.*?)0*(\d+)$", re.S)


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


def _shown(prefix: str) -> str:
    return repr(prefix) if prefix else "no prefix"


def _named_columns(responses: pd.DataFrame, items: Sequence[object]) -> list[object]:
    known = list(responses.columns)
    absent = [item for item in items if item not in known]
    twice = [item for item in dict.fromkeys(items) if list(items).count(item) > 1]
    double = [item for item in dict.fromkeys(items) if known.count(item) > 1]
    if absent:
        raise DataError(
            f"items: no column {listing(absent)}; the columns are {listing(known, 20)}."
        )
    if twice or double:
        raise DataError(f"items: column {listing(twice or double)} is there twice.")
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
            f"{_shown(key)} has {listing(sorted(of), 6)}" for key, of in groups.items()
        )
        raise DataError(
            f"the items of {name} were not found: no columns end in {wanted} under one "
            f"prefix ({part or 'no column ends in a number'}). Name them in order with "
            "items=."
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
            f"{name} has {len(numbers)} items, but the columns under {_shown(key)} go "
            f"on to {max(of)}. Choose the form that was used, or name the "
            f"{len(numbers)} columns in order with items=."
        )
    if len(fitting) > 1:
        raise DataError(
            f"several sets of columns could be the items of {name}: prefixes "
            f"{listing(map(_shown, fitting))}. Say which with items=, a prefix or a "
            "list of columns."
        )
    found = next(iter(fitting.values()))
    double = [column for i in numbers if len(found[i]) > 1 for column in found[i]]
    if double:
        raise DataError(
            f"several columns have the same item number: {listing(double)}. Name the "
            "items in order with items=."
        )
    return [found[i][0] for i in numbers]


def item_columns(
    responses: pd.DataFrame,
    instrument: str | Instrument | None = None,
    items: str | Sequence[object] | None = None,
    *,
    provisional: bool = False,
) -> list[object]:
    """Return the item columns in the order of the form.

    Parameters
    ----------
    responses : pandas.DataFrame
        One row a respondent.
    instrument : str or Instrument, optional
        The form; its items are the columns that end in 1 ... ``n_items`` under one
        prefix, such as ``wai1`` or ``q_01``. Without it, every set of columns that is
        numbered from 1 is a candidate.
    items : str or sequence, optional
        The prefix of the item columns, or the columns themselves in the form's order.
    provisional : bool, default False
        Allow a provisional form.

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
    if not isinstance(responses, pd.DataFrame):
        raise DataError(
            "responses must be a DataFrame with one row a respondent; got "
            f"{type(responses).__name__}."
        )
    form = None
    if instrument is not None:
        form = get_instrument(instrument, provisional=provisional)
    if items is not None and not isinstance(items, str):
        named = _named_columns(responses, items)
        if form is not None and len(named) != len(form.items):
            raise DataError(
                f"items names {len(named)} columns, but {form.name} has "
                f"{len(form.items)} items."
            )
        return named
    if form is not None:
        return _prefix_columns(responses, form.items, form.name, items)
    groups = _numbered_columns(responses.columns)
    runs = {key: sorted(of) for key, of in groups.items() if 1 in of and 2 in of}
    if items is not None:
        runs = {key: of for key, of in runs.items() if key == items.lower()}
    if len(runs) != 1:
        found = f"prefixes {listing(map(_shown, runs))}" if runs else "none"
        raise DataError(
            "the item columns are not clear: one set of columns numbered from 1 is "
            f"expected under one prefix, found {found}. Name them with items=."
        )
    prefix, numbers = next(iter(runs.items()))
    return _prefix_columns(responses, numbers, "the form", prefix)
