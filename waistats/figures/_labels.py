"""Labels and columns of text beside rows, fitted to the room there is.

Labels of points where they touch neither points nor each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.figures import _style as style
from waistats.figures._style import shorten, shorten_apart, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# Sides of a point that are tried in turn: x and y of the label's corner, in its size.
_SIDES = (
    (0.0, -0.5), (-1.0, -0.5), (-0.5, 0.0), (-0.5, -1.0), (0.0, 0.0), (-1.0, 0.0),
    (0.0, -1.0), (-1.0, -1.0),
)  # fmt: skip
_AWAY, _HEIGHT = 5.0, 1.3  # points from marker to label; height of a line in its size


def place_labels(
    ax: "Axes",
    x: FloatArray,
    y: FloatArray,
    named: IntArray,
    labels: Sequence[str],
    *,
    lines: Sequence[float] = (),
) -> list[str]:
    """Write labels beside some points; return those for which there was no room.

    Parameters
    ----------
    ax : Axes
        With its limits set.
    x, y : ndarray, shape (k,)
        All points.
    named : ndarray of int
        Positions of those with a label; the first has the first choice.
    labels : sequence of str
        A label for each of them.
    lines : sequence of float
        Heights of lines across the axes, which labels do not touch either.
    """
    size = style.SMALL - 0.5
    width, height = (72 * inch for inch in style.inches(ax))
    corner = np.array([ax.get_xlim(), ax.get_ylim()])
    scale = np.array([width, height]) / (corner[:, 1] - corner[:, 0])
    points = (np.column_stack([x, y]) - corner[:, 0]) * scale
    taken = [
        (0.0, float(at) - 1, width, float(at) + 1)
        for at in (np.asarray(lines) - corner[1, 0]) * scale[1]
    ]
    left_out = []
    cut = shorten_apart(labels, [0.45 * width / 72] * len(labels), size)
    for place, text, shown in zip(points[named], labels, cut, strict=True):
        wide, high = 72 * text_width([shown], size), _HEIGHT * size
        for across, up in _SIDES:
            step = np.sign([across + 0.5, up + 0.5]) * _AWAY
            low = place + step + np.array([across * wide, up * high])
            box = (low[0], low[1], low[0] + wide, low[1] + high)
            if _free(box, taken, points, place, width, height):
                taken.append(box)
                middle = (
                    place + step + np.array([(across + 0.5) * wide, (up + 0.5) * high])
                )
                ax.annotate(
                    shown,
                    tuple(place / scale + corner[:, 0]),
                    xytext=tuple(middle - place),
                    textcoords="offset points",
                    ha="center",
                    va="center",
                    fontsize=size,
                    zorder=6,
                )
                break
        else:
            left_out.append(text)
    return left_out


def _free(
    box: tuple[float, float, float, float],
    taken: list[tuple[float, float, float, float]],
    points: FloatArray,
    own: FloatArray,
    width: float,
    height: float,
) -> bool:
    """Return whether a box lies in the axes and touches no label and no point."""
    x0, y0, x1, y1 = box
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        return False
    if any(x0 < b[2] and b[0] < x1 and y0 < b[3] and b[1] < y1 for b in taken):
        return False
    others = points[(points != own).any(axis=1)]
    inside = (others[:, 0] > x0 - 3) & (others[:, 0] < x1 + 3)
    inside &= (others[:, 1] > y0 - 3) & (others[:, 1] < y1 + 3)
    return not inside.any()


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
        A label per row.
    own : ndarray of bool
        Rows that fill the columns; the labels of others may run on below them.
    found : list
        Columns, the most important first: the last are omitted first.
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


# inches that a plot of a page's width keeps at least
_NARROW = 1.6


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
    if need > room and width >= 5:
        # a narrower plot says the same; a name cut short may say nothing
        room = min(need, width - sum(wide) - _NARROW)
    label_width = min(max(need, others), max(room, _LABEL))
    if others > label_width + 0.01:
        texts = np.array([_brief(text) for text in texts], dtype=object)
    fits = label_width + np.where(own, 0.0, beside_left)
    shown = np.array([*texts], dtype=object)
    shown[own] = shorten_apart(list(texts[own]), list(fits[own]), size)
    shown[~own] = [
        shorten(text, most, size, bold=True)
        for text, most in zip(texts[~own], fits[~own], strict=True)
    ]
    return label_width, beside_left, list(shown)


def _brief(label: str) -> str:
    for long, short in _BRIEF.items():
        label = label.replace(long, short)
    return label


def draw_beside(
    ax: "Axes", texts: Beside, bold: Sequence[bool], size: float, missing: str
) -> None:
    """Write labels and columns beside rows 0, 1, ...; heads are in row -1.

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
