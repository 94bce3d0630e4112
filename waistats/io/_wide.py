"""Tables with several coefficients in a row -> one row per coefficient."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats.errors import DataError, listing
from waistats.io._numbers import is_missing
from waistats.io._table import RawTable

# columns that may have a value for each coefficient of a row
_BESIDE = (
    "n", "n_items", "se", "ci_low", "ci_high", "score_mean", "score_sd", "status",
    "reason",
)  # fmt: skip


def one_row_each(table: RawTable, wide: Mapping[str, str]) -> RawTable:
    """Return a table in which ``alpha_task, alpha_bond, ...`` are rows.

    Parameters
    ----------
    table : RawTable
        The cells of a file.
    wide : mapping
        A pattern of column names, with ``*`` for what differs, to the column that takes
        what stands there: ``{"alpha_*": "scale"}``. Columns such as ``n_items_task`` go
        with theirs. Rows keep the place of the row that they come from; a blank
        coefficient is none.

    Raises
    ------
    DataError
        If no column, or only one, fits the pattern, or the new column is there already.
    """
    for pattern, column in wide.items():
        table = _melted(table, pattern, column)
    return table


def _melted(table: RawTable, pattern: str, column: str) -> RawTable:
    frame = table.frame
    shown = option("wide", {pattern: column})
    if pattern.count("*") != 1 or not column.strip():
        raise DataError(
            f"{shown}: write a pattern of column names with one *, and the column for "
            "the part that * matches, such as 'alpha_*=scale'."
        )
    names = [str(name) for name in frame.columns]
    levels = _levels(names, pattern)
    if len(levels) < 2:
        raise DataError(
            f"{table.source}: {shown} needs at least two columns such as "
            f"{pattern.replace('*', 'task')}; it fits {listing(levels.values()) or 'none'}"
            f". There are {listing(names)}."
        )
    if column in names or "estimate" in names:
        there = column if column in names else "estimate"
        raise DataError(
            f"{table.source}: {shown} would make the column {there!r}, which already "
            "exists. Rename it or leave it out."
        )
    beside = {
        name: found
        for name in _BESIDE
        if (found := _companions(names, name, levels, pattern))
    }
    taken = {
        *levels.values(),
        *(c for found in beside.values() for c in found.values()),
    }
    kept = [name for name in names if name not in taken]
    whole_length = column == "scale" and "n_items" in kept and "n_items" not in beside
    parts: list[pd.DataFrame] = []
    for order, (level, source) in enumerate(levels.items()):
        part = frame[kept].copy()
        part[column] = level
        part["estimate"] = frame[source]
        for name, found in beside.items():
            if level in found:
                part[name] = frame[found[level]]
        if whole_length and level.casefold() != "total":
            # the length of the whole scale is not that of its parts
            part["n_items"] = None
        part["__row"], part["__order"] = np.arange(len(frame)), order
        parts.append(part)
    whole = pd.concat(parts, ignore_index=True).sort_values(
        ["__row", "__order"], kind="stable", ignore_index=True
    )
    excused = np.zeros(len(whole), dtype=bool)
    for name in ("status", "reason"):
        if name in beside:
            excused |= ~np.array([is_missing(cell) for cell in whole[name]])
    blank = np.array([is_missing(cell) for cell in whole["estimate"]]) & ~excused
    whole = whole[~blank].reset_index(drop=True)
    rows = whole["__row"].to_numpy()
    notes = table.notes
    if blank.any():
        notes = (
            *notes,
            f"{counted(blank.sum(), 'cell')} of {pattern} without a value: no "
            "coefficient there.",
        )
    return replace(
        table,
        frame=whole.drop(columns=["__row", "__order"]),
        numbers=tuple(table.numbers[i] for i in rows) if table.numbers else (),
        labels=tuple(table.labels[i] for i in rows) if table.labels else (),
        letters={k: v for k, v in table.letters.items() if k in kept},
        notes=notes,
    )


def _levels(names: list[str], pattern: str) -> dict[str, str]:
    """Return what the * of a pattern stands for, and the column, in their order."""
    before, after = (re.escape(part) for part in pattern.split("*"))
    found = {}
    for name in names:
        match = re.fullmatch(f"{before}(.+){after}", name)
        if match:
            found[match[1]] = name
    return found


def _companions(
    names: list[str], name: str, levels: Mapping[str, str], pattern: str
) -> dict[str, str]:
    """Return columns such as ``n_items_task`` by level; none unless all are levels."""
    before, after = pattern.split("*")
    stem = before.rstrip("_. ")
    sign = before[len(stem) :] or "_"
    shapes = {f"{name}{sign}*", f"{before}{name}{sign}*{after}", f"*{sign}{name}"}
    found: dict[str, str] = {}
    for shape in sorted(shapes):
        for level, column in _levels(names, shape).items():
            if level in levels and column not in levels.values():
                found.setdefault(level, column)
    return found
