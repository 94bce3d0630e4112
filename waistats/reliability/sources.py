"""Files and Ibis tables as sources of responses that are queried, not read."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from waistats.datasets.readers import read_responses
from waistats.errors import DataError, listing

# names that no item of a questionnaire has
FILE, ROW = "waistats_file", "waistats_row"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A table to be queried.

    Attributes
    ----------
    table : ibis Table
        The responses.
    order : tuple of str
        Columns that give the order of the rows; empty where a table has none.
    path : Path or None
        A single text file, to be read with more care if its answers are not numbers.
    """

    table: Any
    order: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def columns(self) -> list[str]:
        """Columns of the responses."""
        return [name for name in self.table.columns if name not in (FILE, ROW)]


def is_ibis_table(data: object) -> bool:
    """Return whether this is an Ibis table, without importing Ibis."""
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(data).__mro__}
    return "ibis.expr.types.relations.Table" in kinds


def open_source(data: Any) -> Source | pd.DataFrame:
    """Return a frame, or a source to be queried.

    Parameters
    ----------
    data : DataFrame, path, glob or Ibis table
        Parquet and CSV files are queried by DuckDB through Ibis where that is
        installed, and read into memory where it is not. Other files are read.

    Raises
    ------
    DataError
        If there is no such file, or its kind is not known.
    """
    if isinstance(data, pd.DataFrame):
        return data
    if is_ibis_table(data):
        return Source(table=data)
    if not isinstance(data, (str, Path)):
        raise DataError(
            "data must be a DataFrame, a path or glob of Parquet or CSV files, or an "
            f"Ibis table; got {type(data).__name__}."
        )
    files = _files(str(data))
    if blank := [str(path) for path in files if path.stat().st_size == 0]:
        raise DataError(f"{listing(blank)}: the file is empty.")
    suffixes = {path.suffix.lower() for path in files}
    if len(suffixes) > 1:
        raise DataError(
            f"the files must be of one kind; got {listing(sorted(suffixes))}."
        )
    suffix = suffixes.pop()
    if suffix in (".parquet", ".csv", ".tsv", ".txt") and find_spec("ibis"):
        return _queried(files, suffix)
    if suffix == ".parquet":
        return pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)
    return pd.concat([read_responses(path) for path in files], ignore_index=True)


@contextmanager
def ibis_calls() -> Iterator[None]:
    """Keep to itself that Ibis calls DuckDB by a name that is being replaced."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="fetch_arrow_table", category=DeprecationWarning
        )
        yield


def fetch(query: Any) -> pd.DataFrame:
    """Return the answer to an Ibis query."""
    with ibis_calls():
        return query.to_pyarrow().to_pandas()


def _files(pattern: str) -> list[Path]:
    found = [Path(pattern)] if Path(pattern).is_file() else []
    if not found and any(sign in pattern for sign in "*?["):
        found = [Path(name) for name in sorted(glob(pattern, recursive=True))]
        found = [path for path in found if path.is_file()]
    if found:
        return found
    if Path(pattern).is_dir():
        raise DataError(
            f"{pattern} is a folder; name its files, such as {pattern}/*.parquet."
        )
    raise DataError(f"no such file: {pattern}.")


def _queried(files: list[Path], suffix: str) -> Source | pd.DataFrame:
    import ibis

    names = [str(path) for path in files]
    connection = ibis.duckdb.connect()
    # it would print the progress among the results
    connection.raw_sql("SET enable_progress_bar = false")
    several = len(files) > 1
    filename = {"filename": FILE} if several else {}
    alone = files[0] if suffix != ".parquet" and len(files) == 1 else None
    try:
        with ibis_calls():
            if suffix == ".parquet":
                table = connection.read_parquet(
                    names, file_row_number=True, union_by_name=True, **filename
                )
                table = table.rename({ROW: "file_row_number"})
                if any(kind.is_floating() for kind in table.schema().types):
                    # DuckDB takes a column's least and greatest value in the file to
                    # mean that it holds no NaN, and drops the test for it
                    connection.raw_sql(
                        "SET disabled_optimizers = 'statistics_propagation'"
                    )
            else:
                table = connection.read_csv(names, union_by_name=True, **filename)
                table = table.mutate(**{ROW: ibis.row_number()})
    except Exception as error:
        # DuckDB has an error for every way in which a file can be broken
        if alone is not None:
            return read_responses(alone)
        first = str(error).strip().split("\n")[0]
        raise DataError(f"{listing(names)}: cannot be read: {first}") from error
    return Source(table=table, order=(FILE, ROW) if several else (ROW,), path=alone)
