"""Any frame to a pandas frame: what has Arrow's stream interface is taken everywhere.

Polars, pyarrow, DuckDB and others hand out their columns by ``__arrow_c_stream__``;
this is the one place that turns them into what the package computes with.
"""

import os
from typing import Any, TypeGuard

import pandas as pd


def is_foreign_frame(data: object) -> bool:
    """Return whether this is a table of another library that Arrow can hand over."""
    if isinstance(data, (pd.DataFrame, pd.Series, str, type)):
        return False
    return hasattr(data, "__arrow_c_stream__") and (
        hasattr(data, "columns") or hasattr(data, "column_names")
    )


def is_frame(data: object) -> TypeGuard[Any]:
    """Return whether this is a pandas frame or one that `as_frame` turns into one."""
    return isinstance(data, pd.DataFrame) or is_foreign_frame(data)


def is_name(data: object) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether this is the name of a file, where a table is wanted."""
    return isinstance(data, (str, os.PathLike))


def as_frame(data: Any) -> Any:
    """Return a pandas frame of a foreign one; anything else as it is.

    Whole numbers with gaps become ``Int64``, so that no digit of a long identifier is
    lost; text, categories, dates and decimal numbers keep their kind.
    """
    if not is_foreign_frame(data):
        return data
    import pyarrow

    # a lazy frame of Ibis is a query, not a frame in memory
    if _is_query(data):
        return data
    return frame_of_arrow(pyarrow.table(data))


def _is_query(data: object) -> bool:
    return any(kind.__module__.startswith("ibis.") for kind in type(data).__mro__)


def frame_of_arrow(table: Any) -> pd.DataFrame:
    """Return the pandas frame of an Arrow table, whole numbers with gaps kept whole."""
    import pyarrow

    frame = table.to_pandas(date_as_object=True)
    # an index that pandas wrote is a column or row labels; it is not among these
    for name, column in zip(table.column_names, table.columns, strict=True):
        if table.column_names.count(name) > 1 or name not in frame.columns:
            continue
        kind = column.type
        if column.null_count and pyarrow.types.is_integer(kind):
            frame[name] = pd.array(column.to_pylist(), dtype="Int64")
        elif column.null_count and pyarrow.types.is_boolean(kind):
            frame[name] = pd.array(column.to_pylist(), dtype="boolean")
    return frame
