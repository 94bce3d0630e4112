"""Labels and columns of text beside rows, fitted to the room there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from waistats.arrays import BoolArray
from waistats.figures import style
from waistats.figures.measuring import shorten, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BRIEF = {"Random-effects mean": "Mean", "Common-effect mean": "Mean"} | {
    "prediction interval": "PI"
}
_GAP, _PLOT, _LABEL = 0.17, 1.3, 0.7  # inches: between columns, least plot and label

# A column's head, its side (0 left, 1 right) and its texts.
Texts = tuple[str, int, list[str]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of texts: its side (0 left, 1 right), and where they are aligned."""

    name: str
    side: int
    offset: float
    align: str
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Beside:
    """All texts beside a plot, and the room in inches that they take."""

    head: str
    labels: list[str]
    columns: list[Column]
    left: float
    right: float


def fit_beside(
    labels: Sequence[str],
    own: BoolArray,
    found: list[Texts],
    width: float,
    size: float,
    head: str = "Study",
) -> Beside:
    """Return the texts that fit into ``width`` inches at a font size.

    Parameters
    ----------
    labels : sequence of str
        A label a row.
    own : ndarray of bool
        Rows that fill the columns; the labels of others may run on below them.
    found : list
        Columns, the most important first: the last are left out first.
    width, size : float
        Inches and points.
    head : str
        Above the labels.
    """
    if size < style.LEAST:
        return Beside("", [], [], 0.1, 0.1)
    kept = list(found)
    wide = [
        text_width([t for t in [h, *texts] if t], size, bold=True) + _GAP
        for h, _, texts in kept
    ]
    while kept and width - sum(wide) < _PLOT + _LABEL:
        kept.pop()
        wide.pop()
    label_width, beside_left, shown = _labels(
        labels, own, head, kept, wide, width, size
    )
    left, right, along = label_width + _GAP + beside_left, _GAP / 2, label_width
    columns = []
    for (name, side, texts), take in zip(kept, wide, strict=True):
        if side == 0:
            words = any(text[:1].isalpha() for text in texts)
            start = along + _GAP - left
            along += take
            place, align = (start, "left") if words else (along - left, "right")
            columns.append(Column(name, 0, place, align, texts))
        else:
            right += take
            columns.append(Column(name, 1, right, "right", texts))
    return Beside(head, shown, columns, left, right + 0.05)


def _labels(
    labels: Sequence[str],
    own: BoolArray,
    head: str,
    kept: list[Texts],
    wide: list[float],
    width: float,
    size: float,
) -> tuple[float, float, list[str]]:
    """Return the width of labels, of the columns beside them, and labels that fit."""
    texts = np.array([*labels], dtype=object)
    room = width - sum(wide) - (_PLOT if width < 5 else 2.1)
    beside_left = sum(w for w, c in zip(wide, kept, strict=True) if c[1] == 0)
    need = text_width([head, *texts[own]], size)
    others = text_width(texts[~own], size, bold=True) - beside_left
    label_width = min(max(need, others), max(room, _LABEL))
    if others > label_width + 0.01:
        texts = np.array([_brief(text) for text in texts], dtype=object)
    fits = label_width + np.where(own, 0.0, beside_left)
    shown = [
        shorten(text, most, size, bold=not plain)
        for text, most, plain in zip(texts, fits, own, strict=True)
    ]
    return label_width, beside_left, shown


def _brief(label: str) -> str:
    for long, short in _BRIEF.items():
        label = label.replace(long, short)
    return label


def draw_beside(
    ax: "Axes", texts: Beside, bold: Sequence[bool], size: float, missing: str
) -> None:
    """Write labels and columns beside rows 0, 1, ...; heads stand in row -1.

    Where rows are too low for texts, ``missing`` names the axis instead.
    """
    if size < style.LEAST:
        ax.set_yticks([])
        ax.set_ylabel(missing)
        return
    y = np.arange(-1, len(texts.labels))
    heavy = [True, *bold]
    ax.set_yticks(y, labels=[texts.head, *texts.labels])
    ax.tick_params(
        axis="y",
        length=0,
        pad=72 * texts.left - 2,
        labelsize=size,
        labelfontfamily=style.FONT,
    )
    for tick, strong in zip(ax.get_yticklabels(), heavy, strict=True):
        tick.set_horizontalalignment("left")
        tick.set_fontweight("bold" if strong else "normal")
    for column in texts.columns:
        for place, text, strong in zip(
            y, [column.name, *column.texts], heavy, strict=True
        ):
            if text:
                ax.annotate(
                    text,
                    (column.side, place),
                    xycoords=ax.get_yaxis_transform(),
                    xytext=(72 * column.offset, 0),
                    textcoords="offset points",
                    ha=column.align,
                    va="center_baseline",
                    fontsize=size,
                    fontweight="bold" if strong else "normal",
                    annotation_clip=False,
                )
