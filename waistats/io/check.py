"""Coefficient tables: every error at once, and what to look at again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from waistats._typing import BoolArray
from waistats.errors import DataError, listing
from waistats.io._codebook import (
    Field,
    fields,
    known_study,
    missing_columns,
    parse_table,
    rename_columns,
    renamed,
    tidy_numbers,
    validate,
)
from waistats.io._duplicates import repeated_rows, table_doubts
from waistats.io._files import Source, read_table, sheets_with
from waistats.io._findings import Finding, findings_frame, problem, sentences
from waistats.io._numbers import filled_cells, is_missing, plain_texts, quoted
from waistats.io._plausibility import form_doubts, row_doubts
from waistats.io._rules import (
    Rows,
    about_table,
    citation_doubts,
    contradictions,
    is_coding_sheet,
    with_status,
)
from waistats.io._suspicions import suspicions
from waistats.io._table import RawTable
from waistats.io._wide import one_row_each
from waistats.measures import (
    KIND_COLUMNS,
    REQUIRED,
    icc_form_of,
    in_one_word,
    status_of,
    texts_of,
    with_form_lengths,
)

_NEEDED = REQUIRED[1:]


def check_coefficients(
    path: Source,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    skip_rows: int = 0,
    missing_words: Sequence[str] | None = None,
    wide: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """List all errors and warnings in a coefficient table.

    Parameters
    ----------
    path : str, path or DataFrame
        The table, as for `read_coefficients`.
    columns : mapping, optional
        Names in the file to names of the coefficient table, such as
        ``{"alpha": "estimate"}``.
    sheet, encoding, skip_rows, missing_words, wide
        As for `read_coefficients`.

    Returns
    -------
    pandas.DataFrame
        One row per finding: ``where`` (line or cell of the file), ``row`` (position,
        from 0), ``study_id``, ``column``, ``severity`` (error, warning or note),
        ``finding``, ``advice``; errors first. No rows if nothing was found.

    Raises
    ------
    DataError
        If there is no table to check: no file, no columns, no rows.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B"], "estimate": [-0.12, 1.0], "n": 50, "n_items": 12}
    ... )
    >>> check_coefficients(table)[["where", "column", "severity", "finding"]]
       where    column severity                                     finding
    0  row 1  estimate    error  estimate must be a number below 1, but is 1
    1  row 0  estimate  warning                         estimate is negative
    """
    table = read_coefficient_table(
        path,
        columns=columns,
        wide=wide,
        sheet=sheet,
        encoding=encoding,
        skip_rows=skip_rows,
        missing_words=missing_words,
    )
    found = findings_frame(inspect(table)[1])
    if table.notes:
        found.attrs["notes"] = table.notes
    return found


def read_coefficient_table(
    path: Source,
    *,
    columns: Mapping[str, str] | None = None,
    wide: Mapping[str, str] | None = None,
    sheet: str | None = None,
    **options: Any,
) -> RawTable:
    """Return the cells of a coefficient table under the names of the contract.

    Raises
    ------
    DataError
        Where the file cannot be read, or another sheet of it holds the table.
    """

    def wanted(names: Sequence[object]) -> bool:
        return set(REQUIRED) <= {(columns or {}).get(str(n), str(n)) for n in names}

    def elsewhere() -> str:
        return "" if sheet else sheets_with(path, "coefficients", wanted)

    try:
        table = read_table(path, sheet=sheet, **options)
    except DataError as error:
        if there := elsewhere():
            raise DataError(f"{error} {there}") from None
        raise
    table = rename_columns(table, columns or {})
    if wide:
        table = one_row_each(table, wide)
    absent = [name for name in REQUIRED if name not in table.frame]
    if absent and (there := elsewhere()):
        raise DataError(
            f"{table.source}: the first sheet is not a table of coefficients: it has no "
            f"column {listing(absent)}. {there}"
        )
    return table


def require_coefficients(
    table: RawTable,
    *,
    columns: Mapping[str, str] | None = None,
    codebook: Sequence[Field] | None = None,
) -> pd.DataFrame:
    """Return the typed coefficients of a raw table, or raise all of its errors."""
    frame, findings = inspect(table, columns=columns, codebook=codebook)
    error = problem(table.source, findings)
    if error is not None:
        raise error
    if is_coding_sheet(frame):
        frame = with_status(frame)
    negative = frame["estimate"].to_numpy(dtype=float) < 0
    if negative.any():
        given = list(frame["flag"]) if "flag" in frame else [None] * len(frame)
        told = [
            "; ".join(str(part) for part in (old, "negative") if not is_missing(part))
            if flagged and "negative" not in str(old)
            else old
            for old, flagged in zip(given, negative, strict=True)
        ]
        frame["flag"] = pd.Series(told, index=frame.index)
    return frame


def inspect(
    table: RawTable,
    *,
    columns: Mapping[str, str] | None = None,
    codebook: Sequence[Field] | None = None,
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the typed coefficients of a raw table and everything found in it."""
    table = rename_columns(table, columns or {})
    known = codebook_of(table) if codebook is None else codebook
    known = renamed(known, {"status_reason": "reason"})
    missing = [name for name in REQUIRED if name not in table.frame]
    if missing:
        return table.frame, missing_columns(table, missing)
    study_ids = plain_texts(table.frame["study_id"])
    frame, findings = parse_table(table, known, study_ids)
    frame, renamed_kinds = _in_one_word(frame, table)
    frame, filled = _with_form_lengths(frame, table)
    found = status_of(frame)
    excused = ~found.claimed
    unread = {(f.row, f.column) for f in findings}
    lonely = _lonely_rows(table)
    findings += _blanks(frame, table, excused, unread, lonely, study_ids)
    judged = frame.copy()
    # a row that says why it cannot be pooled may hold any number there, or none
    judged.loc[excused, list(_NEEDED)] = np.nan
    findings += [
        f
        for f in validate(judged, _optional_needed(known), table, study_ids)
        if (f.row, f.column) not in unread and f.row not in lonely
    ]
    findings += _repeated_ids(frame, table, study_ids)
    if is_coding_sheet(frame):
        everyone = np.ones(len(frame), dtype=bool)
        findings += contradictions(
            Rows(
                frame=frame,
                table=table,
                sound=everyone,
                own=found.own,
                poolable=~excused,
            )
        )
    wrong = np.isin(
        np.arange(len(frame)), [-1 if f.row is None else f.row for f in findings]
    )
    findings += renamed_kinds + filled
    rows = Rows(
        frame=frame,
        table=table,
        sound=~wrong,
        own=found.own,
        poolable=~excused & ~wrong,
    )
    findings += [*row_doubts(rows), *form_doubts(rows), *repeated_rows(rows)]
    doubts = suspicions(rows)
    findings += doubts
    # what is doubtful goes with the table to every model and report
    if said := sentences(doubts):
        frame.attrs["notes"] = (*frame.attrs.get("notes", ()), *said)
    if is_coding_sheet(frame):
        findings += citation_doubts(rows)
    if not wrong.any():
        findings += table_doubts(rows, known)
    for column in known:
        if column.name in frame and column.type in ("number", "integer"):
            frame[column.name] = tidy_numbers(frame[column.name])
    return frame, findings


def _in_one_word(
    frame: pd.DataFrame, table: RawTable
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return kinds, raters and scales in the words of the contract, and notes of it."""
    found: list[Finding] = []
    for column in KIND_COLUMNS:
        if column not in frame or is_numeric_dtype(frame[column].dtype):
            continue
        read = in_one_word(frame[column], column)
        pairs = {
            (str(old), str(new))
            for old, new in set(zip(frame[column].tolist(), read.tolist(), strict=True))
            if not is_missing(old) and old != new
        }
        if pairs:
            words = listing(f"{old!r} as {new!r}" for old, new in sorted(pairs))
            found.append(
                about_table(
                    column,
                    f"is read in one word for each kind: {words}",
                    "No action is needed.",
                    "note",
                )
            )
        if column == "coefficient_type":
            known = {text: icc_form_of(text) for text in set(texts_of(frame, column))}
            forms = [known[text] for text in texts_of(frame, column)]
            if any(forms):
                given = texts_of(frame, "icc_form")
                frame["icc_form"] = [
                    old or new for old, new in zip(given, forms, strict=True)
                ]
        frame[column] = read
    return frame, found


def _with_form_lengths(
    frame: pd.DataFrame, table: RawTable
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return blank ``n_items`` filled from the forms, and a note for each."""
    before = frame["n_items"].isna().to_numpy()
    frame = with_form_lengths(frame)
    rows = np.flatnonzero(before & frame["n_items"].notna().to_numpy())
    forms = texts_of(frame, "instrument")
    found = [
        Finding(
            column="n_items",
            severity="note",
            rule=f"is blank and is taken from the form ({forms[row]})",
            value=f"{frame['n_items'].iloc[row]:g}",
            advice="If items were dropped, give their number.",
            place=table.place(int(row), "n_items"),
            row=int(row),
        )
        for row in rows
    ]
    return frame, found


def codebook_of(table: RawTable) -> tuple[Field, ...]:
    """Return the fields that a table is checked by.

    A coding sheet has those of the template as well; in other tables columns of such
    names (design, level, treatment) are the user's own.
    """
    known = fields()
    if not is_coding_sheet(table.frame):
        return known
    sheet = fields("coding")
    names = {column.name for column in sheet}
    return (*sheet, *(column for column in known if column.name not in names))


def _optional_needed(known: Sequence[Field]) -> list[Field]:
    """Return the fields without ``required`` where a blank is judged with its row."""
    return [
        replace(
            f, constraints={k: v for k, v in f.constraints.items() if k != "required"}
        )
        if f.name in _NEEDED
        else f
        for f in known
    ]


def _lonely_rows(table: RawTable) -> dict[int, str]:
    """Return rows with one filled cell, mostly notes below a table, and its column."""
    if len(table.frame.columns) < 3:
        return {}
    filled = np.column_stack([filled_cells(of) for _, of in table.frame.items()])
    rows = np.flatnonzero(filled.sum(axis=1) == 1)
    return {
        int(row): str(table.frame.columns[int(filled[row].argmax())]) for row in rows
    }


def _blanks(
    frame: pd.DataFrame,
    table: RawTable,
    excused: BoolArray,
    unread: set[tuple[int | None, str]],
    lonely: Mapping[int, str],
    study_ids: Sequence[str | None],
) -> list[Finding]:
    found = [
        Finding(
            column=column,
            severity="error",
            rule="is the only filled cell in its row",
            value=quoted(table.frame[column].iloc[row]),
            advice="Notes do not belong below the table: delete the row or fill it.",
            place=table.place(row, column),
            row=row,
        )
        for row, column in lonely.items()
    ]
    found += [
        Finding(
            column=name,
            severity="error",
            rule="must be filled",
            value="empty",
            advice="Fill it, or say in column 'reason' why it is not known.",
            place=table.place(int(row), name),
            row=int(row),
            study_id=known_study(study_ids, int(row)),
        )
        for name in _NEEDED
        for row in np.flatnonzero(frame[name].isna().to_numpy() & ~excused)
        if (int(row), name) not in unread and int(row) not in lonely
    ]
    return found


def _repeated_ids(
    frame: pd.DataFrame, table: RawTable, study_ids: Sequence[str | None]
) -> list[Finding]:
    if "coefficient_id" not in frame:
        return []
    ids = frame[["study_id", "coefficient_id"]]
    repeated = ids.duplicated(keep=False) & ids.notna().all(axis=1)
    return [
        Finding(
            column="coefficient_id",
            severity="error",
            rule="must differ between the rows of a study",
            value=quoted(frame["coefficient_id"].iloc[row]),
            advice="Delete the row that was entered twice, or give each its own id.",
            place=table.place(int(row), "coefficient_id"),
            row=int(row),
            study_id=known_study(study_ids, int(row)),
        )
        for row in np.flatnonzero(repeated.to_numpy())
    ]
