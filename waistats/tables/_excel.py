"""A table to Excel: numbers as numbers, in the form that the table shows."""

import re
from typing import Any

import numpy as np

from waistats._files import workbook_bytes
from waistats.tables._build import blank
from waistats.tables._spec import Column, TableSpec
from waistats.tables._typeset import signs

_WIDEST = 60
_NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d*)(\.(\d+))?%?")
_ENDS = re.compile(r"[<>] (\.\d+)")


def number_format(text: str) -> str:
    """Return Excel's form of a number that is shown as ``text``; empty for none.

    >>> number_format("-.12"), number_format("1,234"), number_format("0.5%")
    ('.00', '#,##0', '0.0"%"')
    """
    if _ENDS.fullmatch(text):
        return f'"{text}"'
    found = _NUMBER.fullmatch(text)
    if found is None or not text.strip("-,.%"):
        return ""
    head = "#,##0" if found[2] else "0" if found[1] else ""
    tail = f".{'0' * len(found[4])}" if found[4] else ""
    return head + tail + ('"%"' if text.endswith("%") else "")


class _Part:
    """A column of the sheet: its head, its texts, its numbers."""

    def __init__(
        self, title: str, texts: list[str], values: list[Any], numeric: bool
    ) -> None:
        self.title, self.texts, self.values = title, texts, values
        self.numeric = numeric


def _parts(spec: TableSpec, column: Column) -> list[_Part]:
    """Return what a column becomes: an interval has one column per end."""
    if column.ends is None:
        texts = spec.texts(column)
        return [_Part(column.title, texts, spec.values(column), column.numeric)]
    parts = []
    for word, source in zip(("lower", "upper"), column.sources, strict=True):
        texts, values = spec.end_texts(column, source), list(spec.frame[source])
        parts.append(_Part(f"{column.title} {word}", texts, values, True))
    return parts


def to_xlsx(spec: TableSpec) -> bytes:
    """Return a table as an Excel file.

    A cell of one number holds it unrounded, in the form that the table shows; everything
    else is text, never a formula. The ends of an interval have a column each.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Border, Font, Side

    parts = [part for column in spec.columns for part in _parts(spec, column)]
    book = Workbook()
    page = book.active
    page.title = "Table"
    book.properties.creator = "waistats"
    line = Side(style="thin")
    place = 1
    if spec.caption:
        _write_text(page.cell(1, 1), signs(spec.caption))
        page.cell(1, 1).font = Font(bold=True)
        place = 2
    for j, part in enumerate(parts, start=1):
        cell = page.cell(place, j)
        _write_text(cell, part.title, part.numeric)
        cell.font = Font(bold=True)
        cell.border = Border(top=line, bottom=line)
    page.freeze_panes = page.cell(place + 1, 1)
    for group, rows in spec.grouped():
        if group is not None:
            place += 1
            _write_text(page.cell(place, 1), group)
            page.cell(place, 1).font = Font(bold=True)
        for i in rows:
            place += 1
            for j, part in enumerate(parts, start=1):
                _write(page.cell(place, j), part, i)
    for j, part in enumerate(parts, start=1):
        cell = page.cell(place, j)
        cell.border = Border(bottom=line)
        width = min(max(map(len, [part.title, *part.texts])) + 2, _WIDEST)
        page.column_dimensions[cell.column_letter].width = width
    for note in spec.notes:
        if note:
            place += 1
            _write_text(page.cell(place, 1), signs(note))
    return workbook_bytes(book)


def _write(cell: Any, part: _Part, i: int) -> None:
    text, value = part.texts[i], part.values[i]
    form = number_format(text)
    if form and part.numeric and not blank(value):
        _write_number(cell, value, text, form)
    else:
        _write_text(cell, text, part.numeric)


def _write_text(cell: Any, text: str, right: bool = False) -> None:
    from openpyxl.styles import Alignment

    cell.value = text
    # a text that begins with = would be kept as a formula
    cell.data_type = "s"
    cell.alignment = Alignment(horizontal="right" if right else "left")


def _write_number(cell: Any, value: Any, text: str, form: str) -> None:
    from openpyxl.styles import Alignment

    if isinstance(value, str):
        value = float(text.replace(",", "").rstrip("%").lstrip("<> "))
    number = float(value)
    if not np.isfinite(number):
        _write_text(cell, text, True)
        return
    if number < 0 and not text.startswith("-"):
        # what rounds to zero has no sign: the form of negative numbers is the same
        form = f"{form};{form}"
    cell.value = int(number) if number.is_integer() and "." not in form else number
    cell.number_format = form
    cell.alignment = Alignment(horizontal="right")
