"""Two sheets of the same studies, row against row."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from waistats.datasets.check import codebook_of
from waistats.datasets.files import Source, read_table
from waistats.datasets.findings import problem
from waistats.datasets.naming import rename_columns
from waistats.datasets.numbers import plain_text, quoted
from waistats.datasets.parsing import parse_table
from waistats.datasets.schema import Field
from waistats.datasets.table import RawTable
from waistats.errors import DataError, listing, near

# What identifies a coefficient where rows are not numbered: as few as will do.
NATURAL_KEYS = (
    "study_id", "sample_id", "scale", "coefficient_type", "rater", "instrument",
    "session_number", "session",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """A parsed sheet, with the key of every row."""

    table: RawTable
    frame: pd.DataFrame
    known: tuple[Field, ...]

    def shown(self, row: int, name: str) -> str:
        """Return a cell as text."""
        return plain_text(self.frame[name].iloc[row]) or ""

    def where(self, row: int, name: str) -> str:
        """Return where a cell stands."""
        return self.table.place(row, name).label


def read_sheet(source: Source, label: str) -> Sheet:
    """Return a parsed sheet; cells that are not of their type are a DataError."""
    table = rename_columns(read_table(source), {})
    if isinstance(source, pd.DataFrame):
        table = RawTable(
            source=label,
            frame=table.frame,
            numbers=table.numbers,
            kind=table.kind,
            labels=table.labels,
        )
    known = codebook_of(table)
    frame, findings = parse_table(table, known)
    error = problem(table.source, findings)
    if error is not None:
        raise error
    return Sheet(table=table, frame=frame, known=known)


def matching_keys(sheets: tuple[Sheet, Sheet], keys: Sequence[str] | None) -> list[str]:
    """Return the columns by which rows are matched: given, or the first that do."""
    if keys is not None:
        names = [keys] if isinstance(keys, str) else list(keys)
        for sheet in sheets:
            absent = [name for name in names if name not in sheet.frame]
            if absent or not names:
                said = listing(f"{n!r}{near(n, sheet.frame.columns)}" for n in absent)
                raise DataError(
                    f"{sheet.table.source}: has no key column {said or '(none named)'};"
                    f" it has {listing(sheet.frame.columns)}."
                )
        return names
    numbered = ["study_id", "coefficient_id"]
    if all(n in s.frame and s.frame[n].notna().all() for n in numbered for s in sheets):
        return numbered
    there = [n for n in NATURAL_KEYS if all(n in s.frame for s in sheets)]
    for count in range(1, len(there) + 1):
        names = there[:count]
        if not any(s.frame.duplicated(names).any() for s in sheets):
            return names
    raise DataError(
        "the sheets share no columns that identify a row. Name them with keys=, such "
        "as keys=['study_id', 'scale']."
    )


def row_of_key(sheet: Sheet, names: list[str]) -> dict[tuple[str, ...], int]:
    """Return the row of every key; a repeated key is a DataError."""
    columns = [[plain_text(cell) or "" for cell in sheet.frame[n]] for n in names]
    found: dict[tuple[str, ...], int] = {}
    repeated = []
    for row, key in enumerate(zip(*columns, strict=True)):
        if key in found:
            repeated.append(
                f"{sheet.table.place(row, names[0]).label} ({quoted(' / '.join(key))})"
            )
        found.setdefault(key, row)
    if repeated:
        raise DataError(
            f"{sheet.table.source}: {listing(names)} must identify every row, but "
            f"{listing(repeated)} repeat an earlier one. Give each row its own "
            "identifier, or name more columns with keys=."
        )
    return found


def unmatched_rows(
    sheets: tuple[Sheet, Sheet],
    places: tuple[dict[tuple[str, ...], int], dict[tuple[str, ...], int]],
    names: list[str],
) -> pd.DataFrame:
    """Return the keys, the sheet and the place of rows that only one sheet has."""
    left = [
        (*key, label, sheets[own].where(row, names[0]))
        for own, label in enumerate(("first", "second"))
        for key, row in places[own].items()
        if key not in places[1 - own]
    ]
    return pd.DataFrame(left, columns=[*names, "sheet", "where"])
