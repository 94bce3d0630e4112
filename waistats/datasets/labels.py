"""Worded answers to numbers: Never ... Always to 1 ... 7."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from waistats.errors import ModelError

Labels: TypeAlias = Sequence[str] | Mapping[str, float]


def label_values(labels: Labels | None) -> dict[str, float]:
    """Return folded words and their numbers; a list of words counts from 1."""
    if labels is None:
        return {}
    if isinstance(labels, str) or not isinstance(labels, Sequence | Mapping):
        raise ModelError(
            "labels must be a list of words in order, or a mapping of words to "
            f"numbers; got {labels!r}."
        )
    pairs = (
        list(labels.items())
        if isinstance(labels, Mapping)
        else [(word, float(i)) for i, word in enumerate(labels, start=1)]
    )
    values: dict[str, float] = {}
    for word, number in pairs:
        if not isinstance(word, str) or not word.strip():
            raise ModelError(f"labels must be words; got {word!r}.")
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ModelError(f"labels must give numbers; {word!r} has {number!r}.")
        if not math.isfinite(number):
            raise ModelError(f"labels must give finite numbers; {word!r} has {number}.")
        if fold(word) in values:
            raise ModelError(f"labels names {word!r} twice.")
        values[fold(word)] = float(number)
    if not values:
        raise ModelError("labels is empty; name the words of the answers in order.")
    return values


def fold(word: str) -> str:
    """Return a word as it is compared: without case and outer or doubled blanks."""
    return " ".join(word.split()).casefold()


def apply_labels(cells: Iterable[Any], words: Mapping[str, float]) -> list[Any]:
    """Return cells with every known word replaced by its number."""
    return [
        words.get(fold(cell), cell) if isinstance(cell, str) else cell for cell in cells
    ]
