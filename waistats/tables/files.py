"""Tables to files: HTML, CSV, LaTeX, Excel and Word, the same bytes each time."""

import csv
import html as markup
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from waistats.errors import ModelError
from waistats.format import visible
from waistats.output import FORMULA_STARTS, new_file
from waistats.tables.contents import is_number, read_contents
from waistats.tables.word import to_docx
from waistats.tables.workbook import to_xlsx

if TYPE_CHECKING:
    from great_tables import GT

_LATEX = {"α": r"$\alpha$", "τ": r"$\tau$", "σ": r"$\sigma$", "ω": r"$\omega$"} | {
    "λ": r"$\lambda$", "χ": r"$\chi$", "²": r"$^2$", "−": "$-$", "×": r"$\times$",
    "≥": r"$\geq$", "≤": r"$\leq$", "∞": r"$\infty$", "–": "--", "’": "'",
}  # fmt: skip


def guarded(text: str) -> str:
    """Return a cell that a spreadsheet takes for text where it could be a formula."""
    if text[:1] in FORMULA_STARTS and not is_number(text):
        return f"'{text}"
    return text


def to_html(table: "GT") -> str:
    """Return a table as HTML with its own style, to put into a page."""
    return visible(table.as_raw_html(), keep="\n\t")


def to_csv(table: "GT") -> str:
    """Return heads and cells of a table as CSV; title and notes are left out."""
    contents = read_contents(table)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([guarded(head) for head in contents.heads])
    for row in contents.rows:
        writer.writerow([guarded(text) for text in row])
    return stream.getvalue()


def to_latex(table: "GT") -> str:
    """Return a table as LaTeX (booktabs); Greek letters become mathematics."""
    contents = read_contents(table)
    width = len(contents.heads)
    lines = [r"\begin{table}", r"\raggedright"]
    if contents.title:
        lines.append(rf"\caption{{{_tex(contents.title)}}}")
    align = "".join("r" if right else "l" for right in contents.right)
    lines += [rf"\begin{{tabular}}{{{align}}}", r"\toprule"]
    lines += [" & ".join(map(_tex, contents.heads)) + r" \\", r"\midrule"]
    for row in contents.rows:
        if len(row) == 1 < width:
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{{_tex(row[0])}}} \\")
        else:
            lines.append(" & ".join(map(_tex, row)) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\smallskip {_tex(note)}" for note in contents.notes]
    return "\n".join([*lines, r"\end{table}", ""])


def _tex(text: str) -> str:
    escaped = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
    escaped |= {"^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"}
    escaped |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
    # a bracket at the start of a row would be read as the option of the row break
    escaped |= {"[": "{[}", "]": "{]}"} | _LATEX
    return "".join(escaped.get(sign, sign) for sign in text)


_WRITERS: dict[str, Callable[["GT"], str | bytes]] = {
    "html": lambda table: to_page(table),
    "csv": to_csv,
    "tex": to_latex,
    "xlsx": to_xlsx,
    "docx": to_docx,
}


def to_page(table: "GT") -> str:
    """Return a table as a whole HTML page."""
    title = markup.escape(read_contents(table).title or "Table")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n</head>\n<body>\n{to_html(table)}</body>\n</html>\n"
    )


def save_table(table: "GT", path: str | os.PathLike[str]) -> Path:
    """Write a table to a file; the suffix says which kind.

    Parameters
    ----------
    table : GT
        From a function of `waistats.tables`, or any other great_tables table.
    path : path
        ``.html``, ``.csv``, ``.tex``, ``.xlsx`` or ``.docx`` (needs python-docx).

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
