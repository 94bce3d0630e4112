"""Tables to files: HTML, CSV, LaTeX, Excel and Word, the same bytes each time."""

import html as markup
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waistats._files import new_file
from waistats.errors import ModelError
from waistats.tables import _docx, _excel, _text
from waistats.tables._gt import spec_of, to_html_fragment

if TYPE_CHECKING:
    from great_tables import GT


def to_html(table: "GT") -> str:
    """Return a table as HTML with its own style, to put into a page.

    Parameters
    ----------
    table : GT
        From a function of `waistats.tables`, or any other great_tables table.

    Returns
    -------
    str
        HTML fragment.
    """
    return to_html_fragment(table)


def to_csv(table: "GT") -> str:
    """Return heads and cells of a table as CSV; title and notes are omitted.

    Parameters
    ----------
    table : GT
        From a function of `waistats.tables`, or any other great_tables table.

    Returns
    -------
    str
        CSV text.
    """
    return _text.to_csv(spec_of(table))


def to_latex(table: "GT") -> str:
    """Return a table as LaTeX (booktabs); Greek letters become mathematics.

    Parameters
    ----------
    table : GT
        From a function of `waistats.tables`, or any other great_tables table.

    Returns
    -------
    str
        LaTeX code.
    """
    return _text.to_tex(spec_of(table))


def to_text(table: "GT") -> str:
    """Return a table as aligned text, with its title and note.

    Parameters
    ----------
    table : GT
        From a function of `waistats.tables`, or any other great_tables table.

    Returns
    -------
    str
        Aligned text.
    """
    return _text.to_text(spec_of(table))


def to_xlsx(table: "GT") -> bytes:
    """Return a table as an Excel file.

    A cell of one number holds it unrounded, in the form that the table shows; everything
    else is text, never a formula. The ends of an interval have a column each.

    Parameters
    ----------
    table : GT
        From a function of `waistats.tables`, or any other great_tables table.

    Returns
    -------
    bytes
        Content of an .xlsx file.
    """
    return _excel.to_xlsx(spec_of(table))


def to_docx(table: "GT") -> bytes:
    """Return a table as a Word file that holds a real table.

    Parameters
    ----------
    table : GT
        From a function of `waistats.tables`, or any other great_tables table.

    Returns
    -------
    bytes
        Content of a .docx file (needs python-docx).
    """
    return _docx.to_docx(spec_of(table))


def add_table(document: Any, table: "GT") -> None:
    """Add a table with its title and notes to the end of a Word document.

    Parameters
    ----------
    document : docx.document.Document
        A document of python-docx, which is changed in place.
    table : GT
        From a function of `waistats.tables`, or any other great_tables table.
    """
    _docx.add_spec(document, spec_of(table))


def to_page(table: "GT") -> str:
    """Return a table as a whole HTML page."""
    title = markup.escape(spec_of(table).caption or "Table")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n</head>\n<body>\n{to_html(table)}</body>\n</html>\n"
    )


_WRITERS: dict[str, Callable[["GT"], str | bytes]] = {
    "html": to_page,
    "csv": to_csv,
    "tex": to_latex,
    "txt": to_text,
    "xlsx": to_xlsx,
    "docx": to_docx,
}


def save_table(table: "GT", path: str | os.PathLike[str]) -> Path:
    """Write a table to a file; the suffix says which kind.

    Parameters
    ----------
    table : GT
        From a function of `waistats.tables`, or any other great_tables table.
    path : path
        ``.html``, ``.csv``, ``.tex``, ``.txt``, ``.xlsx`` or ``.docx`` (needs
        python-docx).

    Returns
    -------
    Path
        The file; the same table gives the same bytes.

    Raises
    ------
    ModelError
        For another suffix.
    """
    target = Path(path)
    suffix = target.suffix.lower().lstrip(".")
    if suffix not in _WRITERS:
        known = ", ".join(f".{name}" for name in _WRITERS)
        raise ModelError(f"A table is written as {known}; got {target.name!r}.")
    content = _WRITERS[suffix](table)
    # Excel takes a CSV file for UTF-8 only with a byte order mark
    encoding = "utf-8-sig" if suffix == "csv" else "utf-8"
    data = content.encode(encoding) if isinstance(content, str) else content
    with new_file(target) as work:
        work.write_bytes(data)
    return target
