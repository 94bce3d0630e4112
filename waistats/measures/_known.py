"""The sampling covariance that a coefficient table carries, for the rows it still has.

`reliability_by_study` puts one block for each study into ``attrs["V"]``. pandas keeps
``attrs`` when rows are filtered or sorted, so ``attrs["V_rows"]`` says whose rows and
columns the blocks have.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from waistats.errors import DataError, listing


def carry_covariance(
    table: pd.DataFrame, blocks: Mapping[str, Any], measure: str
) -> None:
    """Put the covariance of a table's own rows into its ``attrs``."""
    table.attrs["V"] = dict(blocks)
    table.attrs["V_measure"] = measure
    table.attrs["V_rows"] = _ids(table)


def known_covariance(table: pd.DataFrame) -> dict[str, Any] | None:
    """Return ``attrs["V"]`` for the rows that a table still has, in their order.

    Blocks that are labelled by ``coefficient_id`` are found by their labels, the others
    by the ids that their rows had when they were made. Studies that the table no longer
    has are dropped. Where no id is known, rows are taken in the table's order.

    Raises
    ------
    DataError
        Where rows are missing and it is unknown which.
    """
    V = table.attrs.get("V")
    if not V:
        return None
    made, now = table.attrs.get("V_rows", {}), _ids(table)
    known, lost = {}, []
    for study, block in V.items():
        name = str(study)
        if name not in now:
            continue
        known[name] = block
        if isinstance(block, pd.DataFrame) or made.get(name) in (None, now[name]):
            continue
        places = {row: i for i, row in enumerate(made[name])}
        at = [places.get(row, -1) for row in now[name]]
        if min(at) >= 0:
            known[name] = np.asarray(block, dtype=float)[np.ix_(at, at)]
        elif len(at) != len(places):
            lost.append(name)
    if lost:
        raise DataError(
            "The table carries the sampling covariance of its coefficients "
            '(attrs["V"]), but rows were removed and coefficient_id is no longer what it '
            f"was, so it is unknown which are left, for study_id {listing(lost)}. "
            "Keep coefficient_id when you remove rows; or pool without the covariance, "
            'after table.attrs.pop("V").'
        )
    return known


def _ids(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the ids of the coefficients of each study, in the table's order."""
    ids = table.get("coefficient_id", pd.Series(table.index, index=table.index))
    found: dict[str, list[str]] = {}
    for study, one in zip(table["study_id"], ids, strict=True):
        found.setdefault(str(study), []).append(str(one))
    return found
