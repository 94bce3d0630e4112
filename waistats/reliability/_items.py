"""Items as users have them -> one matrix of numbers, checked once."""

import os
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandas.api.types import is_numeric_dtype

from waistats._caller import option, words_option
from waistats._format import counted
from waistats._frames import as_frame, is_name
from waistats._typing import FloatArray
from waistats.errors import DataError, listing
from waistats.instruments._gate import row_namer
from waistats.provenance import is_simulated

ItemsLike: TypeAlias = pd.DataFrame | ArrayLike


# the square of a larger answer and sums of them leave the range of numbers
LARGEST = 1e60
MOST_ITEMS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Responses:
    """Numeric responses of one set of items.

    Attributes
    ----------
    values : ndarray of float, shape (n, m)
        One row per respondent, one column per item; NaN where an answer is missing.
    names : tuple of str
        The items' names.
    rows : sequence
        The respondents' labels, used in messages and to match respondents.
    simulated : bool
        Whether a column ``provenance`` says that the responses are SIMULATED.
    notes : tuple of str
        What the gate decided, in sentences.
    gated : bool
        Whether the answers have been through the gate.
    """

    values: FloatArray
    names: tuple[str, ...]
    rows: Sequence[Hashable]
    simulated: bool = False
    notes: tuple[str, ...] = ()
    gated: bool = False

    @property
    def n_items(self) -> int:
        """Number of items."""
        number: int = self.values.shape[1]
        return number


def read_items(items: "ItemsLike | Responses", *, at_least: int = 2) -> Responses:
    """Return the responses as a matrix, or raise a DataError naming every bad place.

    Parameters
    ----------
    items : DataFrame, array_like of shape (n, m) or Responses
        Numeric responses; missing answers empty (NaN, None or ``pd.NA``). A column
        ``provenance`` with words is no item. Responses are returned as they are.
    at_least : int, default 2
        The fewest items that make sense.

    Returns
    -------
    Responses
        The matrix and its labels.

    Raises
    ------
    DataError
        If items are not numeric, infinite, named twice or too few.
    """
    if isinstance(items, Responses):
        responses = items
    else:
        items = as_frame(items)
        responses = (
            _from_frame(items)
            if isinstance(items, pd.DataFrame)
            else _from_array(items)
        )
    refuse_too_many(responses.n_items)
    if responses.n_items < at_least:
        raise DataError(
            f"at least {at_least} items are needed, but there "
            f"{'is' if responses.n_items == 1 else 'are'} {responses.n_items}."
        )
    _refuse_infinite(responses)
    return responses


def refuse_too_many(n_items: int) -> None:
    """Raise a DataError for more items than a scale can have.

    Covariances of m items take m squared numbers: 32,767 columns, the most that SPSS
    holds, would take 8 GB and minutes.
    """
    if n_items > MOST_ITEMS:
        raise DataError(
            f"{counted(n_items, 'item')} in one scale, but at most {MOST_ITEMS:,} are "
            f"taken. Name those of the scale with {option('items')}."
        )


def _from_array(items: ArrayLike) -> Responses:
    if is_name(items):
        raise DataError(
            f"items must be a table of answers, but {os.fspath(items)!r} is a name. "
            "read_responses() reads a file."
        )
    try:
        values = np.asarray(items)
    except ValueError as error:
        raise DataError(
            "items must be a table of numbers, one row per respondent, all of the same "
            "length."
        ) from error
    if values.ndim != 2:
        raise DataError(
            "items must have two dimensions, respondents by items; got "
            f"{values.ndim} (shape {values.shape})."
        )
    if values.dtype.kind not in "fiub":
        return _from_frame(pd.DataFrame(values))
    names = tuple(str(j + 1) for j in range(values.shape[1]))
    return Responses(
        values=values.astype(np.float64, copy=False),
        names=names,
        rows=range(len(values)),
    )


def _from_frame(items: pd.DataFrame) -> Responses:
    names = tuple(str(name) for name in items.columns)
    twice = sorted(name for name, n in Counter(names).items() if n > 1)
    if twice:
        raise DataError(
            f"each item must be named once, but {listing(twice)} "
            f"{'is' if len(twice) == 1 else 'are'} named more often."
        )
    simulated = is_simulated(items)
    if "provenance" in items and not is_numeric_dtype(items["provenance"]):
        items = items.drop(columns="provenance")
        names = tuple(name for name in names if name != "provenance")
    if all(isinstance(t, np.dtype) and t.kind in "fiub" for t in items.dtypes):
        values = items.to_numpy(dtype=np.float64)
    else:
        columns, bad = [], []
        row = row_namer(items)
        for position, name in enumerate(names):
            column, wrong = _numbers(items.iloc[:, position], row)
            columns.append(column)
            bad += [f"{name}: {place}" for place in wrong]
        if bad:
            raise DataError(
                f"items must be numeric, but {listing(bad)}. Turn words into numbers "
                f"first, for example with {words_option()}."
            )
        values = (
            np.column_stack(columns) if columns else np.empty((len(items), 0), float)
        )
    return Responses(values=values, names=names, rows=items.index, simulated=simulated)


def _numbers(
    column: "pd.Series[Any]", row: Callable[[object], str]
) -> tuple[FloatArray, list[str]]:
    """Return a column as floats, and in words the cells that are not numbers."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if pd.api.types.is_complex_dtype(column) or (
        pd.api.types.is_datetime64_any_dtype(column)
    ):
        return np.full(len(column), np.nan), [f"has type {column.dtype}"]
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    wrong = np.isnan(numbers) & column.notna().to_numpy()
    if not wrong.any():
        return numbers, []
    where = np.flatnonzero(wrong)
    shown = [f"{column.iloc[i]!r} ({row(column.index[i])})" for i in where]
    return numbers, [listing(shown, 3)]


def _refuse_infinite(responses: Responses) -> None:
    values = responses.values
    # two passes without new memory; only where they fail is it worth a search
    low, high = values.min(initial=0.0), values.max(initial=0.0)
    if low >= -LARGEST and high <= LARGEST:
        if 0 < max(high, -low) < 1 / LARGEST:
            raise DataError(
                f"responses must not be as small as these (none is above {1 / LARGEST:g} "
                "in size): their squares are lost. Multiply them by a constant; "
                "coefficients do not change."
            )
        return
    where = np.argwhere(np.abs(values) > LARGEST)
    if len(where) == 0:
        return
    kind = "infinite" if np.isinf(values[tuple(where.T)]).all() else "too large"
    places = [f"{responses.names[j]} (row {responses.rows[i]})" for i, j in where]
    raise DataError(
        f"responses must be finite, but these are {kind}: {listing(places)}. "
        "Correct them or leave them empty."
    )
