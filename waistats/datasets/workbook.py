"""Excel workbooks to cells; what a spreadsheet hides is refused by cell name."""

import io
import warnings
import zipfile
from typing import Any

from waistats.datasets.table import RawTable, table_of_cells
from waistats.errors import DataError, listing, near

# Beyond these a workbook holds formatting or a bomb, not coefficients or responses.
_MOST_CELLS = 30_000_000
_MOST_BYTES = 2_000_000_000


def read_workbook(source: str, content: bytes, *, sheet: str | None = None) -> RawTable:
    """Return one sheet of an .xlsx file, by default the first that is not hidden.

    Raises
    ------
    DataError
        For merged cells, rows that are hidden, formulas whose value was not saved, a
        title or a second header row, an unknown sheet, or a file that is no workbook.
        A hidden column is read as any other.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise DataError(
            f"{source}: is no Excel workbook, whatever its name says. Open it in the "
            "program that made it and save it as .xlsx or .csv."
        )
    values = _open(source, content, data_only=True)
    formulas = _open(source, content, data_only=False)
    pages = sorted(values.worksheets, key=lambda ws: ws.sheet_state != "visible")
    name = _sheet_name(source, [ws.title for ws in pages], sheet)
    shown, written = values[name], formulas[name]
    if shown.max_row * shown.max_column > _MOST_CELLS:
        raise DataError(
            f"{source}: sheet {name!r} claims {shown.max_row:,} rows and "
            f"{shown.max_column:,} columns. Delete the formatted empty rows and "
            "columns, or save the data as .csv."
        )
    _refuse_merged(source, written)
    _refuse_unsaved_formulas(source, shown, written)
    rows = [list(row) for row in shown.iter_rows(values_only=True)]
    filled = [i for i, row in enumerate(rows) if any(c not in (None, "") for c in row)]
    if not filled:
        raise DataError(f"{source}: sheet {name!r} is empty. Name another sheet.")
    _refuse_hidden(source, shown, filled)
    first = filled[0]
    _refuse_title(source, name, rows, filled)
    letters = [_letter(j + 1) for j in range(shown.max_column)]
    return table_of_cells(
        source,
        rows[first],
        rows[first + 1 :],
        [i + 1 for i in range(first + 1, len(rows))],
        kind=name,
        letters=letters,
    )


def _open(source: str, content: bytes, *, data_only: bool) -> Any:
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > _MOST_BYTES:
                raise DataError(
                    f"{source}: unpacks to more than {_MOST_BYTES:,} bytes. Save the "
                    "data as .csv or .parquet."
                )
        with warnings.catch_warnings():
            # openpyxl warns of styles and extensions that hold no data
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(io.BytesIO(content), data_only=data_only)
    except DataError:
        raise
    except Exception as error:
        # openpyxl lets through whatever its zip and XML readers raise
        raise DataError(
            f"{source}: cannot be read as an Excel workbook "
            f"({type(error).__name__}). It may be damaged, encrypted or of another "
            "kind: open it in a spreadsheet program and save it again as .xlsx."
        ) from error


def _sheet_name(source: str, names: list[str], sheet: str | None) -> str:
    if not names:
        raise DataError(f"{source}: holds no sheet with cells.")
    if sheet is None:
        return names[0]
    if sheet not in names:
        raise DataError(
            f"{source}: has no sheet {sheet!r}{near(sheet, names)}; there are "
            f"{listing(names)}."
        )
    return sheet


def _letter(column: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(column))


def _refuse_merged(source: str, sheet: Any) -> None:
    merged = [f"{sheet.title}!{cells}" for cells in sheet.merged_cells.ranges]
    if merged:
        raise DataError(
            f"{source}: cells are merged ({listing(sorted(merged), 500)}). Every row "
            "needs its own value in every column: unmerge them and fill each cell."
        )


def _refuse_hidden(source: str, sheet: Any, filled: list[int]) -> None:
    """Raise a DataError for rows that a filter or the user hides."""
    hidden = [
        f"{sheet.title}, row {i + 1}"
        for i in filled
        if i + 1 in sheet.row_dimensions and sheet.row_dimensions[i + 1].hidden
    ]
    if hidden:
        raise DataError(
            f"{source}: rows are hidden ({listing(hidden)}), by a filter or by hand. "
            "Show them to have them read, or delete them, or copy what is shown to "
            "another sheet."
        )


def _refuse_unsaved_formulas(source: str, shown: Any, written: Any) -> None:
    unsaved = [
        f"{written.title}!{cell.coordinate}"
        for row in written.iter_rows()
        for cell in row
        if cell.data_type == "f" and shown[cell.coordinate].value is None
    ]
    if unsaved:
        raise DataError(
            f"{source}: formulas without a saved value: {listing(unsaved, 500)}. Open "
            "the file in a spreadsheet program and save it, or replace the formulas by "
            "their values."
        )


def _refuse_title(
    source: str, name: str, rows: list[list[Any]], filled: list[int]
) -> None:
    """Raise a DataError where one filled cell stands above a row of column names."""
    if len(filled) < 2:
        return
    head, below = (sum(cell not in (None, "") for cell in rows[i]) for i in filled[:2])
    if head == 1 and below > 2:
        title = next(cell for cell in rows[filled[0]] if cell not in (None, ""))
        raise DataError(
            f"{source}: {name}, row {filled[0] + 1} holds one cell only "
            f"({str(title)!r}) above a wider table. The first row must name the "
            "columns: delete titles and notes above it."
        )
