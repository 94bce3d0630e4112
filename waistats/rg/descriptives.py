"""The classical description: coefficients by version, rater and scale."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from waistats._frames import as_frame
from waistats.errors import DataError
from waistats.measures import kinds_of, prepared, status_of
from waistats.provenance import is_simulated, marked

CELL = ("instrument", "rater", "scale")
NOT_STATED = "not stated"


def grouping(table: pd.DataFrame, by: Sequence[str]) -> list[str]:
    """Return those of the ``by`` columns that the table has."""
    return [name for name in by if name in table.columns]


def levels(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns as text, a blank as ``not stated``."""
    return pd.DataFrame(
        {
            c: [NOT_STATED if pd.isna(v) or v == "" else str(v) for v in table[c]]
            for c in columns
        },
        index=table.index,
    )


def cells_of(keys: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    """Give each combination of levels, sorted, and the positions of its rows."""
    found = keys.groupby(list(keys.columns), sort=True).indices
    for key, index in found.items():
        # a single column gives its level alone
        yield key if isinstance(key, tuple) else (key,), index


def kinds(table: pd.DataFrame) -> pd.Series:
    """Return each row's kind of coefficient; alpha where the table does not say."""
    return pd.Series(kinds_of(table), index=table.index)


def mode(values: Any, digits: int = 2) -> float:
    """Return the most common value after rounding; the largest of several, NaN of none.

    NaN as well where every value occurs once, since nothing is then typical.
    """
    rounded = np.round(np.asarray(values, dtype=float), digits)
    found, counts = np.unique(rounded, return_counts=True)
    if len(found) == 0 or (counts.max() == 1 and len(found) > 1):
        return float("nan")
    return float(found[counts == counts.max()].max())


def describe_coefficients(
    coefficients: pd.DataFrame,
    by: Sequence[str] = CELL,
    *,
    empty_cells: bool = True,
) -> pd.DataFrame:
    """Describe coefficients cell by cell, in the classical way.

    Parameters
    ----------
    coefficients : DataFrame
        A coefficient table. Rows that quote another study, or that screening excluded,
        are excluded. Rows without an estimate (a range, a bound) are counted in
        ``k_without_value`` and enter nothing else.
    by : sequence of str
        Columns that make the cells; absent ones are ignored. Kinds of coefficients are
        always kept apart, so that inter-rater estimates never join alphas.
    empty_cells : bool, default True
        Show combinations of levels that no coefficient fills, with ``k`` 0.

    Returns
    -------
    DataFrame
        The cell's columns, ``coefficient_type, k, k_studies, n, mean, median, mode, sd,
        min, q1, q3, max, k_poolable, k_without_value``. Unweighted and untransformed;
        ``mode`` of values rounded to two decimals; ``n`` sums the stated ones.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B", "C"], "estimate": [.9, .92, .92],
    ...      "rater": ["client", "client", "therapist"]})
    >>> describe_coefficients(table)[["rater", "k", "mean", "max"]]
           rater  k  mean   max
    0     client  2  0.91  0.92
    1  therapist  1  0.92  0.92
    """
    coefficients = as_frame(coefficients)
    table = prepared(coefficients, ("study_id", "estimate"))
    status = status_of(table)
    # a quoted value describes another sample
    table = table[status.own].reset_index(drop=True)
    columns = grouping(table, by)
    keys = levels(table, columns).assign(coefficient_type=kinds(table))
    value = pd.to_numeric(table["estimate"], errors="coerce").to_numpy(dtype=float)
    poolable = status.poolable[status.own]
    rows = []
    for key, index in cells_of(keys):
        rows.append((*key, *_summary(table, value, poolable, index)))
    out = pd.DataFrame(rows, columns=[*keys.columns, *_SUMMARY])
    if empty_cells and columns and len(out):
        out = _with_empty(out, columns)
    return marked(out, is_simulated(table))


_SUMMARY = (
    "k", "k_studies", "n", "mean", "median", "mode", "sd", "min", "q1", "q3", "max",
    "k_poolable", "k_without_value",
)  # fmt: skip


def _summary(
    table: pd.DataFrame, value: np.ndarray, poolable: np.ndarray, index: np.ndarray
) -> tuple[Any, ...]:
    x = value[index]
    there = np.isfinite(x)
    x = x[there]
    k = len(x)
    used = table.iloc[index[there]]
    studies = used["study_id"].nunique()
    # of samples whose size is not known there is no sum
    sizes = pd.to_numeric(used["n"], errors="coerce") if "n" in used else None
    n = np.nan if sizes is None else sizes.sum(min_count=min(1, k))
    counts = (int(poolable[index].sum()), int((~there).sum()))
    if k == 0:
        return (0, studies, n, *[np.nan] * 8, *counts)
    low, q1, median, q3, high = np.percentile(x, [0, 25, 50, 75, 100])
    sd = float(x.std(ddof=1)) if k > 1 else np.nan
    return (k, studies, n, x.mean(), median, mode(x), sd, low, q1, q3, high, *counts)


def _with_empty(out: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Add the cells of the main kind that no coefficient fills."""
    main = out.groupby("coefficient_type")["k"].sum().idxmax()
    filled = out.loc[out["coefficient_type"] == main, columns]
    seen = {tuple(cell) for cell in filled.to_numpy()}
    choices = [sorted(filled[c].unique()) for c in columns]
    empty = [cell for cell in product(*choices) if cell not in seen]
    if not empty:
        return out
    extra = pd.DataFrame(empty, columns=columns).assign(coefficient_type=main)
    for name in _SUMMARY:
        zero = name.startswith("k") or name == "n"
        extra[name] = pd.Series(0 if zero else np.nan, index=extra.index, dtype=float)
    for name in ("k", "k_studies", "k_poolable", "k_without_value"):
        extra[name] = extra[name].astype(int)
    whole = pd.concat([out, extra], ignore_index=True)
    return whole.sort_values([*columns, "coefficient_type"], ignore_index=True)


def stem_and_leaf(values: Any) -> str:
    """Return a stem-and-leaf display of coefficients in hundredths.

    Each line is a tenth with its hundredths, as ``.9 | 0123``; values are cut, not
    rounded, so that .999 stays in the line of .9.

    Parameters
    ----------
    values : array_like of float
        The coefficients; missing ones are excluded.

    Returns
    -------
    str
        The display, one line per tenth.

    Examples
    --------
    >>> print(stem_and_leaf([.79, .91, .92, .97]))
    .7 | 9
    .8 |
    .9 | 127
    """
    x = np.sort(np.asarray(values, dtype=float))
    x = x[np.isfinite(x)]
    if len(x) == 0:
        raise DataError("stem_and_leaf needs at least one value.")
    hundredths = np.floor(np.round(x * 100, 6)).astype(int)
    stems = hundredths // 10
    lines = []
    for stem in range(int(stems.min()), int(stems.max()) + 1):
        leaves = "".join(str(h % 10) for h in hundredths[stems == stem])
        sign = "-" if stem < 0 else ""
        label = f"{sign}.{abs(stem)}" if stem < 10 else "1.0"
        lines.append(f"{label} | {leaves}".rstrip())
    return "\n".join(lines)
