"""Tables to Excel."""

from typing import TYPE_CHECKING, Any

from waistats.output import workbook_bytes
from waistats.tables.contents import is_number, read_contents

if TYPE_CHECKING:
    from great_tables import GT

_WIDEST = 60


def to_xlsx(table: "GT") -> bytes:
    """Return a table as an Excel file.

    A cell of one number is a number in the form that the table shows; everything else
    is text, never a formula.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Border, Font, Side

    contents = read_contents(table)
    book = Workbook()
    page = book.active
    page.title = "Table"
    book.properties.creator = "waistats"
    line = Side(style="thin")
    place = 1
    if contents.title:
        _write_text(page.cell(1, 1), contents.title)
        page.cell(1, 1).font = Font(bold=True)
        place = 2
    for j, head in enumerate(contents.heads, start=1):
        cell = page.cell(place, j)
        _write_text(cell, head, contents.right[j - 1])
        cell.font = Font(bold=True)
        cell.border = Border(top=line, bottom=line)
    page.freeze_panes = page.cell(place + 1, 1)
    for row in contents.rows:
        place += 1
        for j, text in enumerate(row, start=1):
            write = _write_number if is_number(text) else _write_text
            write(page.cell(place, j), text, contents.right[j - 1])
    for j, head in enumerate(contents.heads, start=1):
        cell = page.cell(place, j)
        cell.border = Border(bottom=line)
        column = [head, *(r[j - 1] for r in contents.rows if len(r) > 1)]
        width = min(max(map(len, column)) + 2, _WIDEST)
        page.column_dimensions[cell.column_letter].width = width
    for note in contents.notes:
        place += 1
        _write_text(page.cell(place, 1), note)
    return workbook_bytes(book)


def _write_text(cell: Any, text: str, right: bool = False) -> None:
    from openpyxl.styles import Alignment

    cell.value = text
    # a text that begins with = would be kept as a formula
    cell.data_type = "s"
    cell.alignment = Alignment(horizontal="right" if right else "left")


def _write_number(cell: Any, text: str, right: bool = True) -> None:
    from openpyxl.styles import Alignment

    whole, _, digits = text.replace(",", "").partition(".")
    cell.value = float(text.replace(",", "")) if digits else int(whole)
    shown = "#,##0" if "," in text else "0" if whole.strip("-") else ""
    cell.number_format = f"{shown}.{'0' * len(digits)}" if digits else shown
    cell.alignment = Alignment(horizontal="right" if right else "left")
