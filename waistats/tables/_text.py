"""A table as LaTeX, CSV and aligned text."""

import csv
import io

from waistats._files import FORMULA_STARTS
from waistats.tables._excel import number_format
from waistats.tables._spec import TableSpec
from waistats.tables._typeset import Run, plain, sentence, signs, styled, to_latex


def guarded(text: str) -> str:
    """Return a cell that a spreadsheet takes for text where it could be a formula."""
    if text[:1] in FORMULA_STARTS and not number_format(text):
        return f"'{text}"
    return text


def to_csv(spec: TableSpec) -> str:
    """Return heads and cells of a table as CSV; title and notes are omitted."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    rows = spec.rows()
    writer.writerow([guarded(title) for title in spec.heads])
    for group, places in spec.grouped():
        if group is not None:
            writer.writerow([guarded(group)])
        for i in places:
            writer.writerow([guarded(text) for text in rows[i]])
    return stream.getvalue()


def to_tex(spec: TableSpec) -> str:
    """Return a table as LaTeX (booktabs)."""
    width = len(spec.columns)
    lines = [r"\begin{table}", r"\raggedright"]
    if spec.caption:
        lines.append(rf"\caption{{{to_latex(sentence(spec.caption))}}}")
    align = "".join("r" if right else "l" for right in spec.numeric)
    lines += [rf"\begin{{tabular}}{{{align}}}", r"\toprule"]
    heads = (to_latex(column.head) for column in spec.columns)
    lines += [" & ".join(heads) + r" \\", r"\midrule"]
    rows = spec.rows(typeset=True)
    for group, places in spec.grouped():
        if group is not None:
            text = to_latex([Run(group)])
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{{text}}} \\")
        for i in places:
            cells = (
                to_latex([Run(text)] if right else styled(text))
                for text, right in zip(rows[i], spec.numeric, strict=True)
            )
            lines.append(" & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    if spec.note:
        note = to_latex(sentence(spec.note))
        lines.append(rf"\par\smallskip \textit{{Note.}} {note}")
    return "\n".join([*lines, r"\end{table}", ""])


def to_text(spec: TableSpec) -> str:
    """Return a table as aligned text for a terminal."""
    rows = spec.rows()
    columns = [[title, *(row[j] for row in rows)] for j, title in enumerate(spec.heads)]
    widths = [max(map(len, texts)) for texts in columns]

    def line(texts: list[str]) -> str:
        cells = zip(texts, widths, spec.numeric, strict=True)
        return "  ".join(t.rjust(w) if r else t.ljust(w) for t, w, r in cells).rstrip()

    lines = [signs(spec.caption), "", line(spec.heads)] if spec.caption else []
    lines = lines or [line(spec.heads)]
    for group, places in spec.grouped():
        if group is not None:
            lines.append(group)
        lines += [line(rows[i]) for i in places]
    if spec.note:
        lines += ["", f"Note. {plain(sentence(spec.note))}"]
    return "\n".join(lines)
