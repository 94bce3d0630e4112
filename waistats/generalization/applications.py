"""Studies that applied the instrument, sorted by what they say of reliability."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from waistats.datasets.numbers import plain_text
from waistats.datasets.reporting import EXCLUDED, INDUCED, OWN, SHEET_MARK
from waistats.effect_sizes import check_columns
from waistats.errors import DataError, check_option, listing
from waistats.generalization.describe import NOT_STATED

# What counts for a unit with several rows: the first of these that any row says.
STATUSES = (OWN, *INDUCED)
UNITS = {"study": "study_id", "sample": "sample_id"}


def text_column(table: pd.DataFrame, name: str) -> list[str]:
    """Return a column as texts, ``""`` where it is blank or absent."""
    if name not in table:
        return [""] * len(table)
    return [plain_text(cell) or "" for cell in table[name]]


def number_column(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as floats, NaN where it is blank, absent or no number."""
    if name not in table:
        return np.full(len(table), np.nan)
    values = pd.to_numeric(table[name], errors="coerce")
    return values.to_numpy(dtype=float, na_value=np.nan)


def row_statuses(table: pd.DataFrame, *, assume: str | None = None) -> list[str]:
    """Return what each row says of reliability; ``"exclude"`` for excluded rows.

    Parameters
    ----------
    table : DataFrame
        A coding sheet.
    assume : str, optional
        Status of all rows where the table has no column for it.

    Raises
    ------
    DataError
        If the column is missing and nothing is assumed, or a status is blank or
        unknown.
    """
    check_columns(table, ("study_id",))
    decisions = [text.casefold() for text in text_column(table, "screening_decision")]
    if SHEET_MARK not in table:
        if assume is None:
            raise DataError(
                f"column {SHEET_MARK!r} is missing: a rate of induction needs studies "
                "that report no reliability, too. Code them with `waistats template`."
            )
        said = [assume] * len(table)
    else:
        said = [text.casefold() for text in text_column(table, SHEET_MARK)]
    told = [
        EXCLUDED if decision == EXCLUDED else status
        for decision, status in zip(decisions, said, strict=True)
    ]
    wrong = [
        f"{status or 'empty'} (study_id {study})"
        for status, study in zip(told, text_column(table, "study_id"), strict=True)
        if status not in (*STATUSES, EXCLUDED)
    ]
    if wrong:
        raise DataError(
            f"{SHEET_MARK} must be one of {listing(STATUSES)}, but is "
            f"{listing(wrong)}. Correct these rows; waistats check names them all."
        )
    return told


def unit_ids(table: pd.DataFrame, unit: str) -> list[str]:
    """Return the study or sample of each row; a blank sample is its study's only."""
    check_option("unit", unit, UNITS)
    studies = text_column(table, "study_id")
    if unit == "study":
        return studies
    samples = text_column(table, "sample_id")
    return [own or study for own, study in zip(samples, studies, strict=True)]


def applications(
    table: pd.DataFrame, *, unit: str = "study", by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return one row a study or sample: ``unit_id, status, year`` and ``by``.

    A unit with several rows has the first status of `STATUSES` among them, so that a
    study that reports any coefficient of its own reports. Excluded rows are left out.
    With ``by``, a unit has a row for each of its levels.
    """
    status = row_statuses(table)
    used = [i for i, s in enumerate(status) if s != EXCLUDED]
    frame = pd.DataFrame(
        {
            "unit_id": unit_ids(table, unit),
            "rank": [STATUSES.index(s) if s in STATUSES else -1 for s in status],
            "year": number_column(table, "year"),
            **{
                f"by_{name}": [text or NOT_STATED for text in text_column(table, name)]
                for name in by
            },
        }
    ).iloc[used]
    keys = ["unit_id", *(f"by_{name}" for name in by)]
    first = frame.groupby(keys, sort=False).agg({"rank": "min", "year": "first"})
    told = first.reset_index()
    told["status"] = [STATUSES[rank] for rank in told["rank"]]
    return told.drop(columns="rank").rename(columns={f"by_{n}": n for n in by})
