"""Number to text: the only place that rounds, and how a result prints."""

import html
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from waistats._frozen import Frozen
from waistats.errors import visible

MISSING = "–"


# How the columns of DESIGN's contract are shown; anything else has four decimals.
_INTEGER_COLUMNS = {"k", "n", "n_items", "k0", "n_excluded", "Q_df"}


def fixed(value: float | None, digits: int = 4) -> str:
    """Return a number with a fixed count of decimals; missing values as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}"
    # -0.0000 is zero that lost its size, not a negative number
    return text.lstrip("-") if float(text) == 0 else text


def signed(value: float | None, digits: int = 4) -> str:
    """Return a difference with its sign; missing values as a dash."""
    text = fixed(value, digits)
    return text if text.startswith((MISSING, "-", "−")) else f"+{text}"


def coefficient(value: float | None, digits: int = 3) -> str:
    """Return a reliability as APA 7 writes it: no zero before the point.

    >>> coefficient(.9052), coefficient(-.12), coefficient(1.0)
    ('.905', '-.120', '1.000')
    """
    text = fixed(value, digits)
    if text.startswith("0."):
        return text[1:]
    return "-" + text[2:] if text.startswith("-0.") else text


def p_value(p: float | None, digits: int = 3) -> str:
    """Return a p value without leading zero; the ends as ``< .001`` and ``> .999``.

    >>> p_value(.0421), p_value(1e-9), p_value(1.0)
    ('.042', '< .001', '> .999')
    """
    if p is None or math.isnan(p):
        return MISSING
    bound = 10.0**-digits
    if p < bound:
        return f"< {coefficient(bound, digits)}"
    text = coefficient(p, digits)
    return f"> {coefficient(1 - bound, digits)}" if text.startswith("1") else text


def p_statement(p: float | None, digits: int = 3) -> str:
    """Return ``p = .042``, ``p < .001`` or ``p > .999``."""
    text = p_value(p, digits)
    return f"p {text}" if text.startswith(("<", ">")) else f"p = {text}"


def interval(
    low: float | None,
    high: float | None,
    show: Callable[[float | None], str] = coefficient,
) -> str:
    """Return ``[.885, .922]``, or a dash where both ends are missing."""
    low_text, high_text = show(low), show(high)
    if low_text == high_text == MISSING:
        return MISSING
    return f"[{low_text}, {high_text}]"


def percent(value: float | None, digits: int = 1) -> str:
    """Return a number on 0-100 with a percent sign."""
    text = fixed(value, digits)
    return text if text == MISSING else f"{text}%"


def level(conf_level: float) -> str:
    """Return a confidence level as ``95%``."""
    return f"{100 * conf_level:.10g}%"


def count(value: float | None) -> str:
    """Return a whole number with thousands separated by commas."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    return f"{round(value):,}"


def counted(number: float, one: str, many: str | None = None) -> str:
    """Return a number with its noun, which is singular after 1.

    ``many`` is what stands after other numbers; without it the last word of ``one``
    gets its plural.

    >>> counted(1, "study"), counted(1200, "study"), counted(0, "row was", "rows were")
    ('1 study', '1,200 studies', '0 rows were')
    """
    value = float(number)
    shown = count(value) if value.is_integer() else f"{value:g}"
    if value == 1:
        return f"{shown} {one}"
    if many is None:
        ends_in_y = one.endswith("y") and one[-2:-1] not in "aeiou"
        many = f"{one[:-1]}ies" if ends_in_y else f"{one}s"
    return f"{shown} {many}"


def cell(column: str, value: Any, digits: int = 4) -> str:
    """Return one cell of a printed frame."""
    if value is None or value is pd.NA or value is pd.NaT:
        return MISSING
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isnan(number):
            return MISSING
        if column in _INTEGER_COLUMNS and number.is_integer():
            return str(int(number))
        if column == "p_value" or column.endswith("_p"):
            return p_value(number, 4)
        if column.startswith("df") and number.is_integer():
            return str(int(number))
        return fixed(number, digits)
    return visible(str(value))


def is_damaged(text: object) -> bool:
    """Return whether a text has an unpaired surrogate, which no file and no Arrow takes."""
    if not isinstance(text, str) or text.isascii():
        return False
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def frame_cells(frame: pd.DataFrame, digits: int = 4) -> pd.DataFrame:
    """Return a frame of the texts that are shown."""
    shown = {
        str(column): [cell(str(column), value, digits) for value in frame[column]]
        for column in frame.columns
    }
    return pd.DataFrame(shown, index=frame.index)


def frame_text(frame: pd.DataFrame, digits: int = 4) -> str:
    """Return a frame as aligned text, numbers to the right, words to the left."""
    shown = frame_cells(frame, digits)
    columns: list[list[str]] = []
    for name in shown.columns:
        right = pd.api.types.is_numeric_dtype(frame[name])
        texts = [str(name), *shown[name]]
        width = max(len(text) for text in texts)
        columns.append([t.rjust(width) if right else t.ljust(width) for t in texts])
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))


def frame_html(frame: pd.DataFrame, digits: int = 4) -> str:
    """Return a frame as a plain HTML table; every text is escaped, words to the left."""
    shown = frame_cells(frame, digits)
    left = ' style="text-align:left"'
    sides = [
        "" if pd.api.types.is_numeric_dtype(frame[name]) else left
        for name in frame.columns
    ]

    def row(tag: str, texts: Iterable[object]) -> str:
        cells = zip(sides, texts, strict=True)
        parts = (f"<{tag}{s}>{html.escape(str(t))}</{tag}>" for s, t in cells)
        return f"<tr>{''.join(parts)}</tr>"

    rows = "".join(row("td", texts) for texts in shown.itertuples(index=False))
    head = row("th", shown.columns)
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def words_html(text: str, *, title: bool = False) -> str:
    """Return printed lines as HTML; blank lines part paragraphs, spaces are kept.

    ``title`` makes the first line bold.
    """
    blocks = [html.escape(block.strip("\n")) for block in text.split("\n\n")]
    if title and blocks[0]:
        first, mark, rest = blocks[0].partition("\n")
        blocks[0] = f"<b>{first}</b>{mark}{rest}"
    style = "white-space:pre-wrap;margin:.4em 0"
    parts = []
    for block in filter(None, blocks):
        # words that spaces align stay aligned
        look = style + ";font-family:monospace" * ("  " in block.strip())
        parts.append(f'<p style="{look}">{block}</p>')
    return "".join(parts)


def labelled(pairs: Mapping[str, str]) -> str:
    """Return ``name: text`` lines with the texts aligned."""
    width = max(len(name) for name in pairs) + 1
    return "\n".join(f"{name + ':':<{width}} {text}" for name, text in pairs.items())


class Result(Frozen):
    """Base of every result: prints itself in words and shows itself in notebooks.

    A subclass is a frozen dataclass with ``repr=False``. It gives ``to_frame()`` and
    may give ``heading()`` (lines above the frame) and ``closing()`` (lines below).
    """

    __slots__ = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the result as a tidy, unrounded frame."""
        raise TypeError(f"{type(self).__name__} has no frame")

    def shown(self) -> pd.DataFrame:
        """Return the frame that is printed; a large result prints a summary."""
        return self.to_frame()

    def heading(self) -> str:
        """Return the lines printed above the frame."""
        return ""

    def closing(self) -> str:
        """Return the lines printed below the frame."""
        return ""

    def __str__(self) -> str:
        parts = (self.heading(), frame_text(self.shown()), self.closing())
        return "\n\n".join(part for part in parts if part)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        above = words_html(self.heading(), title=True)
        table, below = frame_html(self.shown()), words_html(self.closing())
        return f'<div class="waistats">{above}{table}{below}</div>'
