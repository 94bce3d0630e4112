"""The folder of computed coefficients: the table, its covariance, what was decided."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._files import new_folder, write_csv
from waistats.errors import DataError
from waistats.meta._covariance import covariance_pairs
from waistats.reliability.registry import find_coefficient

COEFFICIENTS, COVARIANCE, INTAKE = "coefficients.csv", "covariance.csv", "intake.csv"
_RECORD = ("finding", "severity", "where", "decision", "by")


def has_covariance(coefficient: str) -> bool:
    """Return whether coefficients of this kind have a sampling covariance."""
    return find_coefficient(coefficient).gradient is not None


def write_reliability(
    table: pd.DataFrame, path: str | Path, *, force: bool = False
) -> list[str]:
    """Write a coefficient table with everything its ``attrs`` know; return the files.

    ``coefficients.csv``; ``covariance.csv``, the sampling covariance of coefficients
    that share persons, by pairs of ``coefficient_id``; ``intake.csv``, what was decided
    when the answers were read.
    """
    with new_folder(path, force=force) as folder:
        return write_into(table, folder)


def write_into(table: pd.DataFrame, folder: Path) -> list[str]:
    """Write the files of `write_reliability` into a folder that is being made."""
    pairs = covariance_pairs(table)
    records = table.attrs.get("intake")
    written = [COEFFICIENTS]
    write_csv(table, folder / COEFFICIENTS)
    if pairs is not None:
        write_csv(pairs, folder / COVARIANCE)
        written.append(COVARIANCE)
    if records:
        write_csv(pd.DataFrame(records, columns=list(_RECORD)), folder / INTAKE)
        written.append(INTAKE)
    return written


def read_intake(path: str | Path) -> list[dict[str, str]]:
    """Return what ``intake.csv`` says, for ``attrs["intake"]`` of the table next to it.

    Raises
    ------
    DataError
        If the file is not such a list.
    """
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    absent = [name for name in _RECORD if name not in frame]
    if absent:
        raise DataError(f"{path}: columns are missing: {', '.join(absent)}.")
    records: list[Mapping[Any, Any]] = frame[list(_RECORD)].to_dict("records")
    return [{str(k): str(v) for k, v in record.items()} for record in records]
