"""Results that stay as they are: copies come in, and copies go out."""

from copy import deepcopy
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

# where frames share data until one is written, a shallow copy is a copy
_DEEP = not pd.__version__ >= "3"


# what nobody can change anyway
_CLOSED = frozenset({float, int, str, bool, type(None)})


_NAMES: dict[Any, tuple[str, ...]] = {}


def _names(kind: Any) -> tuple[str, ...]:
    """Return the names of a dataclass' fields."""
    found = _NAMES.get(kind)
    if found is None:
        found = _NAMES[kind] = tuple(field.name for field in fields(kind))
    return found


def _kept(value: Any) -> Any:
    """Return a value that nobody else can change: what a result keeps of it."""
    if isinstance(value, np.ndarray):
        if value.flags.writeable or value.base is not None:
            value = value.copy()
            value.flags.writeable = False
        return value
    if isinstance(value, pd.DataFrame | pd.Series):
        return _copy(value)
    if type(value) is tuple:
        return tuple(_kept(part) for part in value)
    if type(value) is list:
        return [_kept(part) for part in value]
    if type(value) is dict:
        return {key: _kept(part) for key, part in value.items()}
    if isinstance(value, MappingProxyType):
        return _kept(dict(value))
    if type(value).__module__.startswith("scipy.sparse") and value.data.flags.writeable:
        value = value.copy()
        for name in _SPARSE:
            if isinstance(part := getattr(value, name, None), np.ndarray):
                part.flags.writeable = False
    return value


# arrays of the forms of sparse arrays
_SPARSE = ("data", "indices", "indptr", "row", "col")


def _copy(value: Any) -> Any:
    """Return a copy of a frame or series, its attributes and their lists included."""
    made = value.copy(deep=_DEEP)
    if value.attrs:
        made.attrs = deepcopy(value.attrs)
    return made


def _given(value: Any) -> Any:
    """Return a value that may be changed without changing the result."""
    if isinstance(value, pd.DataFrame | pd.Series):
        return _copy(value)
    if type(value) is np.ndarray:
        if value.flags.writeable:
            # made for this question alone, and closed, so that its view stays closed
            value.flags.writeable = False
        value = value.view()
        value.flags.writeable = False
        return value
    if type(value) is tuple:
        return tuple(_given(p) if type(p) in _OPEN else p for p in value)
    if type(value) is list:
        return [_given(part) if type(part) in _OPEN else part for part in value]
    return MappingProxyType(
        {k: _given(part) if type(part) in _OPEN else part for k, part in value.items()}
    )


_OPEN = frozenset({pd.DataFrame, pd.Series, np.ndarray, list, dict})


class Frozen:
    """A frozen dataclass whose frames and arrays cannot be changed either.

    Arrays are kept as copies that cannot be written. Frames are copied when they come in
    and when they are handed out; a mapping is handed out as one that cannot be written.
    Names that start with an underscore are handed out as they are.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        for name in _names(type(self)):
            value = object.__getattribute__(self, name)
            if type(value) in _CLOSED:
                continue
            kept = _kept(value)
            if kept is not value:
                object.__setattr__(self, name, kept)

    def __reduce__(self) -> tuple[Any, ...]:
        values = {
            name: object.__getattribute__(self, name) for name in _names(type(self))
        }
        return _restored, (type(self), values)

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        kind = type(value)
        if kind in _OPEN and name[:1] != "_":
            return _given(value)
        if kind is tuple and name[:1] != "_" and any(type(p) in _OPEN for p in value):
            return _given(value)
        return value


def _restored(kind: type, values: dict[str, Any]) -> Any:
    """Return a result as it was pickled or copied."""
    result: Any = object.__new__(kind)
    for name, value in values.items():
        # arrays come back open
        object.__setattr__(result, name, _kept(value))
    return result
