"""Identifiers are text as spelled: studies, samples, persons, and columns that split.

The one rule by which a cell becomes a name, on every path: text keeps its spelling (1.1
and 1.10, 01 and 1, 1e5 and 100000 differ), a typed number gets its shortest form, and a
value label names its code.
"""

import datetime as dt
import decimal
from collections.abc import Mapping, Sequence, Set as AbstractSet
from typing import Any

import numpy as np
import pandas as pd

# Words of files that say that nothing is there, as in the codebook of the bundled
# tables. Frames and database tables have missing values of their own.
MISSING_WORDS = frozenset({"", "na", "n/a", "nan"})
_NOTHING: frozenset[str] = frozenset({""})


class Word(str):
    """A word that is kept, although it usually says that nothing is there: NA."""

    __slots__ = ()


def identifier(value: Any, missing: AbstractSet[str] = _NOTHING) -> str | None:
    """Return one cell as the name it stands for; None where nothing is there.

    >>> [identifier(v) for v in ("1.10", 1.0, 1.1, " 01 ", None, True)]
    ['1.10', '1', '1.1', '01', None, 'True']
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        text = value.strip()
        if not text or (text.lower() in missing and not isinstance(value, Word)):
            return None
        return text
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)):
        if value != value:
            return None
        return str(int(value)) if float(value).is_integer() else str(value)
    if isinstance(value, decimal.Decimal):
        if value.is_nan():
            return None
        return f"{value.normalize():f}" if value.is_finite() else str(value)
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return str(value).strip() or None


def label_names(labels: Mapping[Any, Any]) -> dict[Any, str]:
    """Return the name of every labelled code; two codes of one label stay two names.

    >>> label_names({1.0: "North", 2.0: "South", 3.0: "North"})
    {1.0: 'North [1]', 2.0: 'South', 3.0: 'North [3]'}
    """
    texts = {code: str(label).strip() for code, label in labels.items()}
    texts = {code: text for code, text in texts.items() if text}
    counts: dict[str, int] = {}
    for text in texts.values():
        counts[text] = counts.get(text, 0) + 1
    return {
        code: text if counts[text] == 1 else f"{text} [{identifier(code)}]"
        for code, text in texts.items()
    }


def identifiers(
    values: "pd.Series[Any] | Sequence[Any]",
    names: Mapping[Any, str] | None = None,
    missing: AbstractSet[str] = _NOTHING,
) -> "pd.Series[Any]":
    """Return a column as names, ``pd.NA`` where nothing is there.

    Parameters
    ----------
    values : Series
        The cells.
    names : mapping, optional
        Names of codes, from value labels or from the spelling of a text file. A name
        that an unlabelled value has, too, gets its code in brackets.
    missing : set of str
        Words, in lower case, that say that nothing is there.
    """
    series = (
        values if isinstance(values, pd.Series) else pd.Series(values, dtype=object)
    )
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    if names:
        names = _apart(series, names)
    kind = pd.api.types.infer_dtype(series) if series.dtype == object else "typed"
    if kind not in ("typed", "string"):
        # True and 1, or 1.0 and 1, are one key to a dictionary: name each cell
        texts = [identifier(cell, missing) for cell in series]
        if names:
            texts = [
                _named(cell, text, names)
                for cell, text in zip(series, texts, strict=True)
            ]
    else:
        codes, distinct = pd.factorize(series)
        known = [_named(cell, identifier(cell, missing), names) for cell in distinct]
        texts = [known[code] if code >= 0 else None for code in codes]
    named = [pd.NA if text is None else text for text in texts]
    return pd.Series(named, index=series.index, dtype=object)


def _apart(values: "pd.Series[Any]", names: Mapping[Any, str]) -> Mapping[Any, str]:
    """Return names that differ from those of the values without a name."""
    others = {identifier(v) for v in pd.unique(values) if _named(v, "", names) == ""}
    if others.isdisjoint(names.values()):
        return names
    return {
        code: f"{name} [{identifier(code)}]" if name in others else name
        for code, name in names.items()
    }


def _named(cell: Any, text: str | None, names: Mapping[Any, str] | None) -> str | None:
    if text is None or not names:
        return text
    try:
        return names.get(cell, text)
    except TypeError:  # a cell that cannot be looked up, such as a list
        return text


def column_names(frame: pd.DataFrame, column: object) -> dict[Any, str] | None:
    """Return the names that a frame's ``attrs`` give to the codes of a column.

    ``attrs["spelled"]`` keeps how a text file spells numbers, ``attrs["value_labels"]``
    the value labels of SPSS and Stata.
    """
    names: dict[Any, str] = {}
    spelled = frame.attrs.get("spelled", {}).get(column)
    labels = frame.attrs.get("value_labels", {}).get(column)
    names |= dict(spelled or {})
    names |= label_names(labels or {})
    return names or None
