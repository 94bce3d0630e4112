"""Which respondents make a sample: study, and columns that split it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import IntArray
from waistats.errors import DataError, listing, near

NO_ONE = "there are no respondents: the table has columns, but no rows."
# facts of a whole sample, carried into the table when the data have them
CARRIED = ("instrument", "rater", "provenance")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """The samples in order of first appearance.

    Attributes
    ----------
    codes : ndarray of int, shape (N,)
        Sample of each respondent.
    frame : DataFrame
        One row a sample: ``study_id, sample_id``, the columns that split studies, and
        facts carried along.
    """

    codes: IntArray
    frame: pd.DataFrame


def as_text(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return identifiers as stripped text; whole numbers without decimals."""
    codes, distinct = pd.factorize(values)
    texts = np.array([*(_text(value) for value in distinct), pd.NA], dtype=object)
    return pd.Series(texts[codes], index=values.index, dtype=object)


def _text(value: Any) -> object:
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value).strip() or pd.NA


def check_columns(known: Sequence[object], wanted: dict[str, Sequence[object]]) -> None:
    """Raise a DataError naming options whose columns do not exist."""
    names = [str(name) for name in known]
    missing = [
        f"{option}={column!r}{near(str(column), names)}"
        for option, columns in wanted.items()
        for column in columns
        if column not in known
    ]
    if missing:
        raise DataError(
            f"no such column: {listing(missing)}; the columns are {listing(names, 20)}."
        )


def group_samples(
    data: pd.DataFrame, study: str, by: Sequence[str], *, carry: Sequence[str] = ()
) -> Samples:
    """Return the samples of a frame.

    Raises
    ------
    DataError
        If a study or a column that splits it is empty; all such rows are named.
    """
    if data.empty:
        raise DataError(NO_ONE)
    keys = [study, *by]
    texts = {column: as_text(data[column]) for column in keys}
    empty = {c: data.index[t.isna().to_numpy()] for c, t in texts.items()}
    told = [f"{c} in row {listing(rows)}" for c, rows in empty.items() if len(rows)]
    if told:
        raise DataError(
            f"every respondent needs a value, but it is empty: {'; '.join(told)}. Fill "
            "it in or leave these respondents out."
        )
    codes, names = pd.factorize(joined_text([texts[column] for column in keys]))
    first = np.unique(codes, return_index=True)[1]
    frame = pd.DataFrame(
        {
            "study_id": texts[study].iloc[first].to_numpy(dtype=object),
            "sample_id": names,
        }
    )
    for column in by:
        frame[column] = data[column].iloc[first].to_numpy()
    for column in carry:
        frame[column] = joined_values(data[column], codes, len(first))
    return Samples(codes=codes.astype(np.int64), frame=frame)


def joined_text(texts: Sequence["pd.Series[Any]"]) -> np.ndarray:
    """Return one name for each combination of the columns: ``study / rater``."""
    joined = texts[0].to_numpy(dtype=object)
    for text in texts[1:]:
        joined = joined + " / " + text.to_numpy(dtype=object)
    return np.asarray(joined, dtype=object)


def joined_values(values: "pd.Series[Any]", codes: IntArray, k: int) -> list[str]:
    """Return the distinct values of each sample in words, such as ``client``."""
    pairs = pd.DataFrame({"code": codes, "value": as_text(values).to_numpy()})
    pairs = pairs.dropna().drop_duplicates()
    found: list[list[str]] = [[] for _ in range(k)]
    for code, value in zip(pairs["code"], pairs["value"], strict=True):
        found[code].append(str(value))
    return [", ".join(sorted(words)) for words in found]
