"""Moderators that would mislead a model are refused by name."""

from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import DataError, ModelError, listing, near


def check_variables(data: pd.DataFrame, variables: tuple[str, ...], where: str) -> None:
    """Raise a DataError for absent columns and for missing values in them."""
    absent = [v for v in variables if v not in data.columns]
    if absent:
        words = [f"{v}{near(v, map(str, data.columns))}" for v in absent]
        raise DataError(f"Moderators are not columns of {where}: {listing(words)}.")
    problems = []
    for name in variables:
        values = data[name]
        blank = values.isna().to_numpy()
        if pd.api.types.is_numeric_dtype(values):
            numbers = values.to_numpy(dtype=float, na_value=np.nan)
            blank = blank | ~np.isfinite(numbers)
        if blank.any():
            problems.append(f"{name} in {_places(data, np.flatnonzero(blank))}")
    if problems:
        raise DataError(
            f"Moderators have missing values: {'; '.join(problems)}. Fill them, or "
            "leave these rows out and say so."
        )


def check_varies(used: pd.DataFrame) -> None:
    """Raise a ModelError that names categories with one level."""
    single = [
        f"{name} ({used[name].iloc[0]})"
        for name in used.columns
        if not pd.api.types.is_numeric_dtype(used[name]) and len(set(used[name])) == 1
    ]
    if single:
        raise ModelError(
            f"Moderators are constant in these rows: {listing(single)}. A moderator "
            "needs two levels."
        )


def check_levels(
    data: pd.DataFrame, fitted: pd.DataFrame | None, variables: tuple[str, ...]
) -> None:
    """Raise a DataError for levels that the model has not seen."""
    if fitted is None:
        return
    for name in variables:
        known = fitted[name]
        if pd.api.types.is_numeric_dtype(known) and not isinstance(
            known.dtype, pd.CategoricalDtype
        ):
            if not pd.api.types.is_numeric_dtype(data[name]):
                raise DataError(f"{name} must be numeric, as in the fitted table.")
            continue
        levels = {str(v) for v in known.unique()}
        unseen = sorted({str(v) for v in data[name]} - levels)
        if unseen:
            raise DataError(
                f"{name} has levels that the model has not seen: {listing(unseen)}. "
                f"Known levels: {listing(sorted(levels))}."
            )


def check_finite(X: FloatArray, text: str, data: pd.DataFrame) -> None:
    """Raise a DataError that names the rows where a moderator is not finite."""
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        raise DataError(
            f"moderators {text!r} are not finite in {_places(data, bad)}, such as a "
            "logarithm of zero."
        )


def check_rank(X: FloatArray, names: tuple[str, ...]) -> None:
    """Raise a ModelError that names the columns that repeat others."""
    k, p = X.shape
    if k < p:
        raise ModelError(
            f"The model has {p} coefficients but only {k} usable rows. Use fewer "
            "moderators."
        )
    size = np.linalg.norm(X, axis=0)
    size[size == 0] = 1
    redundant = []
    basis = np.empty((k, 0))
    for j in range(p):
        column = X[:, j] / size[j]
        for _ in range(2):
            column = column - basis @ (basis.T @ column)
        rest = np.linalg.norm(column)
        if rest < 1e-9:
            redundant.append(names[j])
        else:
            basis = np.column_stack([basis, column / rest])
    if redundant:
        constant = [
            n
            for n in redundant
            if np.ptp(X[:, names.index(n)]) == 0 and n != "Intercept"
        ]
        why = (
            "constant in these rows"
            if len(constant) == len(redundant)
            else "linear combinations of the other columns"
        )
        raise ModelError(
            f"These columns of the model are {why}: {listing(redundant)}. Leave them "
            "out or merge levels."
        )


def _places(data: pd.DataFrame, rows: Any) -> str:
    if "study_id" in data:
        return listing(f"study_id {data['study_id'].iloc[i]}" for i in rows)
    return "rows " + listing(i + 1 for i in rows)
