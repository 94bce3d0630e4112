"""How wide texts are, cutting and breaking them to fit."""

import re
from collections.abc import Iterable

from waistats.figures.style import SMALL, own_font

# no figure has room for more signs in a line, and each takes time to measure
MOST = 1000


def text_width(texts: Iterable[str], size: float = SMALL, bold: bool = False) -> float:
    """Return the width in inches of the widest text."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(
        family=own_font(), size=size, weight="bold" if bold else "normal"
    )
    lines = [line[:MOST] for text in texts for line in text.split("\n") if line]
    measure = text_to_path.get_text_width_height_descent
    return max((measure(line, font, False)[0] for line in lines), default=0.0) / 72


def shorten(text: str, width: float, size: float = SMALL, bold: bool = False) -> str:
    """Return a text cut with an ellipsis where it is wider than ``width`` inches."""
    if len(text) <= MOST and text_width([text], size, bold) <= width + 0.01:
        return text
    fits, too_long = 0, min(len(text), MOST)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if text_width([text[:middle] + "…"], size, bold) > width:
            too_long = middle
        else:
            fits = middle
    return text[:fits].rstrip() + "…"


def wrap(text: str, width: float, size: float = SMALL) -> str:
    """Return a text broken into lines not wider than ``width`` inches.

    ``p = .042`` and the like stay on one line.
    """
    lines = [""]
    for word in re.split(r"(?<![=<>]) (?![=<>])", text):
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and text_width([longer], size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)
