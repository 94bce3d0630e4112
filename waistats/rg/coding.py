"""The coding sheet: an empty one to fill in, with its codebook."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._files import new_file, workbook_bytes
from waistats.datasets.bundled import load_dataset
from waistats.errors import DataError
from waistats.io._codebook import Field, codebook, fields

# Rows of the empty sheet that have drop-downs.
_ROWS = 1000
_COLOURS = ("DDEBF7", "E2EFDA", "FFF2CC", "FCE4D6", "EDEDED", "D9E1F2", "F8CBAD")
_KINDS = (".xlsx", ".csv")
# The columns of a short sheet: what a study of reliability cannot do without.
CORE = (
    "study_id", "sample_id", "authors", "year", "doi", "reliability_status", "reason",
    "instrument", "rater", "scale", "coefficient_type", "estimate", "alpha_decimals",
    "n", "n_items", "score_mean", "score_sd", "language", "sample_type", "evidence",
)  # fmt: skip


def coding_codebook() -> pd.DataFrame:
    """Return the variables of the coding sheet, one row each.

    Returns
    -------
    pandas.DataFrame
        ``variable, group, title, description, type, allowed, required``, in the order
        of the columns of the sheet.

    Examples
    --------
    >>> coding_codebook()[["variable", "group", "type"]].head(2)
        variable     group    type
    0   study_id  identity  string
    1  sample_id  identity  string
    """
    return pd.DataFrame(
        {
            "variable": [f.name for f in _fields()],
            "group": [f.group for f in _fields()],
            "title": [f.title for f in _fields()],
            "description": [f.description for f in _fields()],
            "type": [f.type for f in _fields()],
            "allowed": [_allowed(f) for f in _fields()],
            "required": [f.constraints.get("required", False) for f in _fields()],
        }
    )


def coding_examples() -> pd.DataFrame:
    """Return SIMULATED rows that show how to fill the coding sheet.

    Returns
    -------
    pandas.DataFrame
        Four studies: a coefficient of its own, a range, a quoted one, none at all.

    Examples
    --------
    >>> coding_examples()["reliability_status"].tolist()
    ['reported_own', 'reported_own', 'induced_precise', 'omitted']
    """
    rows = codebook()["schemas"]["coding"]["examples"]
    return pd.DataFrame(rows, columns=[f.name for f in _fields()]).astype(object)


def queue_rows() -> pd.DataFrame:
    """Return the reading queue as rows of the coding sheet, their estimates empty.

    Returns
    -------
    pandas.DataFrame
        One row per publication, with what is known of it; ``note`` says what has no
        column of its own: open access, several samples, what to look for.

    Examples
    --------
    >>> queue_rows()["estimate"].notna().any()
    np.False_
    """
    queue = load_dataset("wai_queue")
    names = [f.name for f in _fields()]
    rows = queue.reindex(columns=names).astype(object)
    rows["note"] = [_queue_note(row) for _, row in queue.iterrows()]
    rows = rows.where(rows.notna(), None)
    for name in ("year", "n_sample"):
        rows[name] = pd.Series(
            [None if value is None else int(value) for value in rows[name]],
            index=rows.index,
            dtype=object,
        )
    return rows


def _queue_note(row: pd.Series) -> str:
    told = [
        "open access" if row["open_access"] is True else "",
        "at a distance" if row["at_a_distance"] is True else "",
        "" if pd.isna(row["sample"]) else f"samples: {row['sample']}",
        "" if pd.isna(row["note"]) else str(row["note"]),
    ]
    return "; ".join(filter(None, told))


def write_template(
    path: str | os.PathLike[str],
    *,
    queue: bool = False,
    core: bool = False,
    force: bool = False,
) -> Path:
    """Write a coding sheet for a reliability generalization study, to be filled.

    Parameters
    ----------
    path : str or path
        The file, ending ``.xlsx`` (drop-downs, codebook and examples on further
        sheets) or ``.csv`` (the column names alone).
    queue : bool, default False
        Put the publications of the reading queue into the sheet, a row each, with empty
        cells for what they say: ``load_dataset("wai_queue")``.
    core : bool, default False
        Write the 20 columns of `CORE` alone; their lists allow nothing else.
    force : bool, default False
        Replace a file that is there; it may be filled already.

    Returns
    -------
    pathlib.Path
        The file. It holds the same bytes each time.

    Raises
    ------
    DataError
        If the file exists, cannot be written or has another ending.

    Notes
    -----
    Columns that a coefficient table has too are called the same, so that
    `read_coefficients` and `generalize` take the filled sheet as it is. The decimals
    of a coefficient are in ``alpha_decimals``.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in _KINDS:
        raise DataError(
            f"{target}: a coding sheet ends in {' or '.join(_KINDS)}; got {kind!r}."
        )
    columns = _fields(core)
    rows = queue_rows()[[f.name for f in columns]] if queue else None
    content = (
        _as_csv(rows, columns) if kind == ".csv" else _as_xlsx(rows, columns, core)
    )
    with new_file(target, force=force) as work:
        work.write_bytes(content)
    return target


def _fields(core: bool = False) -> tuple[Field, ...]:
    every = fields("coding")
    if not core:
        return every
    known = {f.name: f for f in every}
    return tuple(known[name] for name in CORE)


def _allowed(field: Field) -> str:
    if "enum" in field.constraints:
        return ", ".join(field.constraints["enum"])
    if field.examples:
        return f"such as {', '.join(field.examples)}"
    return field.expected


def _choices(field: Field) -> tuple[list[str], bool]:
    """Return what a drop-down offers, and whether it allows anything else."""
    if field.type == "boolean":
        return ["yes", "no"], False
    if "enum" in field.constraints:
        return list(field.constraints["enum"]), False
    return list(field.examples), True


def _as_csv(rows: pd.DataFrame | None, columns: Sequence[Field]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(f.name for f in columns)
    if rows is not None:
        writer.writerows(
            ["" if value is None else value for value in row]
            for row in rows.itertuples(index=False)
        )
    # without the mark, Excel reads later accents wrongly
    return stream.getvalue().encode("utf-8-sig")


def _as_xlsx(
    rows: pd.DataFrame | None, columns: Sequence[Field], strict: bool
) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.properties.creator = "waistats"
    sheet = book.active
    sheet.title = "coding"
    lists = book.create_sheet("lists")
    lists.sheet_state = "hidden"
    if rows is None:
        _write_header(sheet, columns)
    else:
        _write_frame(sheet, rows, (), fill=True)
    for position, field in enumerate(columns, start=1):
        _add_rule(sheet, lists, field, position, strict)
    names = [f.name for f in columns]
    told = coding_codebook()
    told = told[told["variable"].isin(names)].reset_index(drop=True)
    _write_frame(book.create_sheet("codebook"), told, (24, 16, 28, 90, 10))
    examples = book.create_sheet("examples")
    _write_frame(examples, coding_examples()[names], (), fill=True)
    return workbook_bytes(book)


def _write_header(
    sheet: Any, columns: Sequence[Field] | None = None, freeze: str = "B2"
) -> None:
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    groups = list(dict.fromkeys(f.group for f in _fields()))
    for position, field in enumerate(columns or _fields(), start=1):
        cell = sheet.cell(1, position, field.name)
        cell.font = Font(bold=True)
        colour = _COLOURS[groups.index(field.group) % len(_COLOURS)]
        cell.fill = PatternFill("solid", start_color=colour)
        column = sheet.column_dimensions[get_column_letter(position)]
        column.width = max(11, len(field.name) + 2)
        if field.type == "string":
            # as text: else "1-2" becomes a date and 10.1000 loses its zeros
            column.number_format = "@"
    sheet.freeze_panes = freeze


def _add_rule(
    sheet: Any, lists: Any, field: Field, position: int, strict: bool = False
) -> None:
    """Add a drop-down or a range to one column of the sheet."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    letter = get_column_letter(position)
    choices, others = _choices(field)
    if choices:
        column = lists.max_column + 1 if lists.cell(1, 1).value else 1
        for row, text in enumerate([field.name, *choices], start=1):
            lists.cell(row, column, text)
        name = get_column_letter(column)
        rule = DataValidation(
            type="list", formula1=f"lists!${name}$2:${name}${len(choices) + 1}"
        )
    elif field.type in ("number", "integer"):
        rule = _number_rule(field)
    else:
        return
    # the short sheet enforces its lists, those of usual values too
    rule.showErrorMessage = strict or not others
    rule.errorTitle, rule.error = field.name, f"Must be {field.expected}."[:255]
    rule.showInputMessage = True
    rule.promptTitle, rule.prompt = field.title[:32], field.description[:255]
    rule.add(f"{letter}2:{letter}{_ROWS + 1}")
    sheet.add_data_validation(rule)


def _number_rule(field: Field) -> Any:
    from openpyxl.worksheet.datavalidation import DataValidation

    given = field.constraints
    low = given.get("minimum", -1e9)
    high = given.get("maximum", given.get("exclusiveMaximum", 1e9))
    kind = "whole" if field.type == "integer" else "decimal"
    if "exclusiveMaximum" in given and "minimum" not in given:
        return DataValidation(type=kind, operator="lessThan", formula1=str(high))
    return DataValidation(
        type=kind, operator="between", formula1=f"{low:.10g}", formula2=f"{high:.10g}"
    )


def _write_frame(
    sheet: Any, frame: pd.DataFrame, widths: Sequence[int], *, fill: bool = False
) -> None:
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    if fill:
        known = {f.name: f for f in _fields()}
        _write_header(sheet, [known[str(name)] for name in frame.columns])
    else:
        for position, name in enumerate(frame, start=1):
            sheet.cell(1, position, name).font = Font(bold=True)
        sheet.freeze_panes = "B2"
    for row, values in enumerate(frame.itertuples(index=False), start=2):
        for position, value in enumerate(values, start=1):
            if value is None or value != value:
                continue
            shown = ("yes" if value else "no") if isinstance(value, bool) else value
            cell = sheet.cell(row, position, shown)
            if not fill:
                cell.alignment = Alignment(wrap_text=True, vertical="top")
    for position, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(position)].width = width
