"""Words typed at a command line -> values, and a call as it was typed."""

import shlex
from pathlib import Path
from typing import Any

from waistats.errors import DataError
from waistats.format import visible


def pairs_of(text: str | None) -> dict[str, str] | None:
    """Return ``a=b,c=d`` as a mapping."""
    if not text:
        return None
    pairs = {}
    for part in text.split(","):
        left, equals, right = part.partition("=")
        if not (equals and left.strip() and right.strip()):
            raise DataError(
                f"--columns takes pairs such as alpha=estimate,N=n; got {part!r}."
            )
        pairs[left.strip()] = right.strip()
    return pairs


def names_of(text: str | None) -> list[str] | None:
    """Return ``a,b,c`` as a list; None stays None."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise DataError("An option takes a list of names separated by commas.")
    return names


def numbers_of(text: str | None) -> list[int] | None:
    """Return ``30,100`` as whole numbers; None stays None."""
    names = names_of(text)
    if names is None:
        return None
    wrong = [name for name in names if not name.isdecimal()]
    if wrong:
        raise DataError(f"Sizes are whole numbers such as 30,100; got {wrong[0]!r}.")
    return [int(name) for name in names]


def as_typed(command: str, file: Path, options: dict[str, Any]) -> str:
    """Return a call as it was typed, without folders and without defaults."""
    words = ["waistats", command, file.name]
    for name, value in options.items():
        if value is not None:
            words += [name, str(value)]
    return visible(shlex.join(words))
