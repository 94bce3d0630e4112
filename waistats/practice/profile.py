"""The population that a prediction is for, in the terms of the fitted model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import DataError, ModelError, listing
from waistats.format import fixed
from waistats.instruments import bundled_forms, forms_called
from waistats.meta.model import FittedModel

# Facts that a prediction must not silently ignore.
FACTS = ("instrument", "rater", "modality", "scale")


def profiles(
    model: FittedModel,
    facts: Mapping[str, Any],
    new: pd.DataFrame | Mapping[str, Any] | None,
    n_items: Any = None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return one row a population, with every moderator of the model, and notes.

    Facts that are no moderators are checked against the fitted rows: a DataError where
    no row has them, a note where the rows are mixed. Numbers that were not given take
    their mean, with a note; categories must be given.
    """
    rows = _frame(new)
    given = {name: value for name, value in facts.items() if value is not None}
    if n_items is not None:
        given["n_items"] = n_items
    twice = [name for name in given if name in rows]
    if twice:
        raise ModelError(f"Given twice, in new and by name: {listing(twice)}.")
    for name, value in given.items():
        rows[name] = value
    notes: list[str] = []
    for name in FACTS:
        if name in rows:
            table = model.effects.table
            rows[name] = [level_of(table, name, value) for value in rows[name]]
            if name not in model.design.variables:
                notes += _unmodelled(model, name, rows[name].unique())
    if "n_items" in model.design.variables and "n_items" not in rows:
        rows["n_items"], more = items_of(model, rows)
        notes += more
    notes += _fill(model, rows)
    return rows, tuple(notes)


def _frame(new: pd.DataFrame | Mapping[str, Any] | None) -> pd.DataFrame:
    if new is None:
        return pd.DataFrame(index=[0])
    if isinstance(new, pd.DataFrame):
        return new.copy()
    if isinstance(new, Mapping):
        single = all(np.ndim(value) == 0 for value in new.values())
        return pd.DataFrame(dict(new), index=[0] if single else None)
    raise ModelError(
        f"new must be a DataFrame or a mapping of column to values; got {type(new)}."
    )


def known_levels(table: pd.DataFrame, name: str) -> list[str]:
    """Return the distinct texts of a column; none where it is absent."""
    if name not in table:
        return []
    return sorted({str(value) for value in table[name].dropna()} - {""})


def level_of(table: pd.DataFrame, name: str, value: Any) -> str:
    """Return the level that a value means: its case or another name of a form."""
    known = known_levels(table, name)
    text = str(value).strip()
    if not known or text in known:
        return text
    means = {text.casefold()}
    if name == "instrument":
        means |= {form.casefold() for form in forms_called(text)}
    match = [level for level in known if level.casefold() in means]
    if len(match) == 1:
        return match[0]
    raise DataError(
        f"No fitted coefficient has {name} {value!r}; there are {listing(known)}."
    )


def _unmodelled(model: FittedModel, name: str, wanted: Any) -> list[str]:
    """Return a note where the model cannot tell this fact apart."""
    known = known_levels(model.effects.table, name)
    if len(known) == 1 and len(wanted) == 1:
        return []
    over = listing(known) if known else "unknown"
    return [
        f"The model has no moderator {name}: the prediction is for the mix that was "
        f"fitted ({over}), not for {listing(wanted)} alone."
    ]


def _fill(model: FittedModel, rows: pd.DataFrame) -> list[str]:
    """Put the mean where a number was not given; refuse to guess a category."""
    notes: list[str] = []
    words: list[str] = []
    needed: dict[str, str] = {}
    data = model.design.data
    for name in model.design.variables:
        if name in rows or data is None:
            continue
        column = data[name]
        number = pd.api.types.is_numeric_dtype(column)
        if number and not pd.api.types.is_bool_dtype(column):
            rows[name] = float(column.mean())
            notes.append(f"{name} was not given; its mean {fixed(column.mean(), 2)}.")
        else:
            levels = sorted({str(value) for value in column.unique()})
            needed[name] = levels[0]
            words.append(f"{name} ({listing(levels)})")
    if needed:
        raise ModelError(
            f"The model needs values for {'; '.join(words)}. Name them, such as "
            f"new={needed!r}."
        )
    return notes


def items_of(model: FittedModel, rows: pd.DataFrame) -> tuple[FloatArray, list[str]]:
    """Return the items of the scale in each population, shape (rows,), and notes.

    From the column ``n_items``; else from the fitted rows (of that instrument), where
    they agree; else from the form, for a total score; else the commonest, with a note.
    """
    if "n_items" in rows:
        return rows["n_items"].to_numpy(dtype=float), []
    if "instrument" not in rows:
        items, note = _items(model, None)
        return np.full(len(rows), items), note
    found = {name: _items(model, name) for name in rows["instrument"].unique()}
    values = np.array([found[name][0] for name in rows["instrument"]])
    return values, list(dict.fromkeys(n for _, notes in found.values() for n in notes))


def _items(model: FittedModel, instrument: str | None) -> tuple[float, list[str]]:
    table = model.effects.table
    if instrument is not None and "instrument" in table:
        table = table[table["instrument"].astype(str) == instrument]
    counts = pd.Series(dtype=int)
    if "n_items" in table:
        counts = pd.to_numeric(table["n_items"], errors="coerce").value_counts()
    if len(counts) == 1:
        return float(counts.index[0]), []
    form = bundled_forms().get(instrument or "")
    scales = known_levels(model.effects.table, "scale")
    if form is not None and form.n_items and scales in ([], ["total"]):
        return float(form.n_items), []
    if len(counts) == 0:
        raise ModelError(
            "The fitted coefficients do not say how many items their scales have; say "
            "with n_items= how many the scale of the new sample has."
        )
    commonest = float(counts.index[counts == counts.max()].max())
    return commonest, [
        f"n_items was not given; {commonest:g}, the commonest of "
        f"{listing(f'{m:g}' for m in sorted(counts.index))}."
    ]
