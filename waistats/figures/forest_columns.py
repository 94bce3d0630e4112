"""The columns of text beside a forest plot."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats.figures.alpha_axis import to_alpha
from waistats.figures.beside import Texts
from waistats.figures.study_rows import check_column
from waistats.format import cell, count, fixed, level
from waistats.wording import column_words, decimals, range_text, symbol, value_text

_HEADS = {"n": "n", "n_items": "Items", "weight": "Weight"}


def forest_columns(
    result: Any, lines: pd.DataFrame, names: Sequence[str]
) -> list[Texts]:
    """Return the columns of these names, a text a line."""
    return [_texts(result, lines, name) for name in names if _known(result, name)]


def _known(result: Any, name: str) -> bool:
    if name in ("estimate", "weight"):
        return True
    if name in ("n", "n_items"):
        return name in result.effects.table
    check_column(result.effects.table, name)
    return True


def _texts(result: Any, lines: pd.DataFrame, name: str) -> Texts:
    """Return a column's head, side and texts."""
    if name == "estimate":
        return _estimates(result, lines)
    if name == "weight":
        shown = [fixed(w, 1) + "%" if np.isfinite(w) else "" for w in lines["weight"]]
        return "Weight", 1, shown
    values = result.effects.table[name]
    texts = ["" if row < 0 else _plain(name, values.iloc[row]) for row in lines["row"]]
    return _HEADS.get(name, column_words(name)), 0, texts


def _plain(name: str, value: Any) -> str:
    return count(value) if name in ("n", "n_items") else cell(name, value, 2)


def _estimates(result: Any, lines: pd.DataFrame) -> Texts:
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
