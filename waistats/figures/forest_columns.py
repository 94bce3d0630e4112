"""The columns of text beside a forest plot, fitted to the room there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats.figures import style
from waistats.figures.alpha_axis import to_alpha
from waistats.figures.study_rows import check_column
from waistats.format import cell, count, fixed, level
from waistats.wording import decimals, range_text, symbol, value_text

_HEADS = {"n": "n", "n_items": "Items", "weight": "Weight"}
_BRIEF = {"Random-effects mean": "Mean", "Common-effect mean": "Mean"} | {
    "prediction interval": "PI"
}
_GAP, _PLOT, _LABEL = 0.14, 1.3, 0.7  # inches: between columns, least plot and label


@dataclass(frozen=True, slots=True)
class Column:
    """A column of texts: its side (0 left, 1 right) and offset of its right end."""

    name: str
    side: int
    offset: float
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Columns:
    """All texts beside the plot, and the room in inches that they take."""

    label_name: str
    labels: list[str]
    columns: list[Column]
    left: float
    right: float


def fit_columns(
    result: Any,
    lines: pd.DataFrame,
    names: Sequence[str],
    width: float,
    size: float,
) -> Columns:
    """Return the columns that fit into ``width`` inches at a font size."""
    if size < style.LEAST:
        return Columns("", [], [], 0.1, 0.1)
    found = [_texts(result, lines, name) for name in names if _known(result, name)]
    wide = [
        style.text_width([t for t in [h, *texts] if t], size, bold=True) + _GAP
        for h, _, texts in found
    ]
    while found and width - sum(wide) < _PLOT + _LABEL:
        found.pop()
        wide.pop()
    room = width - sum(wide) - (_PLOT if width < 5 else 2.1)
    study = (lines["kind"] == "study").to_numpy()
    labels = list(lines["label"])
    need = style.text_width(["Study", *lines["label"][study]], size)
    beside_left = sum(w for w, c in zip(wide, found, strict=True) if c[1] == 0)
    others = style.text_width(lines["label"][~study], size, bold=True) - beside_left
    label_width = min(max(need, others), max(room, _LABEL))
    # labels of pooled rows may run on below the columns, which are empty there
    fits = label_width + np.where(study, 0.0, beside_left)
    if others > label_width + 0.01:
        labels = [_brief(text) for text in labels]
    labels = [
        style.shorten(text, width, size, bold=not own)
        for text, width, own in zip(labels, fits, study, strict=True)
    ]
    left = label_width + _GAP
    right = _GAP / 2
    beside: list[tuple[float, tuple[str, int, list[str]]]] = []
    for column, take in zip(found, wide, strict=True):
        if column[1] == 0:
            left += take
        beside.append((take, column))
    columns = []
    along = label_width
    for take, (head, side, texts) in beside:
        if side == 0:
            along += take
            columns.append(Column(head, 0, along - left, texts))
        else:
            right += take
            columns.append(Column(head, 1, right, texts))
    return Columns("Study", labels, columns, left, right + 0.05)


def _brief(label: str) -> str:
    for long, short in _BRIEF.items():
        label = label.replace(long, short)
    return label


def _known(result: Any, name: str) -> bool:
    if name in ("estimate", "weight"):
        return True
    if name in ("n", "n_items"):
        return name in result.effects.table
    check_column(result.effects.table, name)
    return True


def _texts(result: Any, lines: pd.DataFrame, name: str) -> tuple[str, int, list[str]]:
    """Return a column's head, side and texts."""
    if name == "estimate":
        return _estimates(result, lines)
    if name == "weight":
        shown = [fixed(w, 1) + "%" if np.isfinite(w) else "" for w in lines["weight"]]
        return "Weight", 1, shown
    values = result.effects.table[name]
    texts = ["" if row < 0 else _plain(name, values.iloc[row]) for row in lines["row"]]
    return _HEADS.get(name, name.replace("_", " ").capitalize()), 0, texts


def _plain(name: str, value: Any) -> str:
    return count(value) if name in ("n", "n_items") else cell(name, value, 2)


def _estimates(result: Any, lines: pd.DataFrame) -> tuple[str, int, list[str]]:
    measure = result.measure
    numbers = lines[["estimate", "low", "high"]].to_numpy(dtype=float)
    alphas = np.asarray(to_alpha(numbers, measure))
    digits = decimals(alphas)
    texts = []
    for kind, (estimate, low, high) in zip(lines["kind"], alphas, strict=True):
        if kind in ("blank", "heading"):
            texts.append("")
        elif kind == "prediction":
            texts.append(range_text(low, high, measure, digits))
        else:
            limits = range_text(low, high, measure, digits)
            texts.append(f"{value_text(estimate, measure, digits)} {limits}")
    head = f"{symbol(result)} [{level(result.conf_level)} CI]"
    return head, 1, texts
