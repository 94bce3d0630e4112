"""Files, frames and Ibis tables as sources of responses: one typed contract.

No second parser guesses what a cell is. DuckDB hands out the cells of a text file as
text; here they become names and numbers by the rules of `waistats.io`, and where a cell
is neither, the whole file is read by those rules in memory, which name every bad cell.
"""

import csv
import io
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from glob import glob
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._caller import option
from waistats._frames import as_frame, is_frame
from waistats._identifiers import MISSING_WORDS, column_names, identifiers
from waistats.errors import DataError, ModelError, listing
from waistats.io._delimited import find_names
from waistats.io._exports import recognise
from waistats.io._files import PARQUET, STANDARD_INPUT, TEXT
from waistats.io._numbers import MISSING_NUMBERS
from waistats.io._table import clean_names
from waistats.io.readers import read_answers

# names that no item of a questionnaire has
FILE, ROW = "waistats_file", "waistats_row"
# Bytes of text up to which files are read in memory, where every check is at hand.
_WHOLE = 8_000_000
# Bytes of files that are read in memory where their cells need care.
_MOST_READ = 1_000_000_000
# Bytes that show how a text file is built, and rows that show who exported it.
_HEAD = 1_000_000
_FIRST = 3
# Columns beyond which a query is longer than the work it saves.
_MOST_COLUMNS = 1000
_GLOB = "*?["


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A table to be queried.

    Attributes
    ----------
    table : ibis Table
        The responses.
    order : tuple of str
        Columns that give the order of the rows; empty where a table has none.
    paths : tuple of Path
        The files behind it, to be read with more care if their cells need it; empty for
        a table of the user.
    selected : bool
        Whether it holds only the rows that were asked for.
    rows : int
        Rows, 0 where they were not counted.
    """

    table: Any
    order: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    selected: bool = False
    rows: int = 0

    @property
    def stored(self) -> bool:
        """Whether it is files that know the ends of their columns."""
        return bool(self.paths) and all(
            path.suffix.lower() in PARQUET for path in self.paths
        )

    @property
    def columns(self) -> list[str]:
        """Columns of the responses."""
        return [name for name in self.table.columns if name not in (FILE, ROW)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How files are to be read: the columns that are identifiers, and the options.

    Attributes
    ----------
    keys : tuple of str
        Columns of the study, of persons and of what splits studies.
    options : mapping
        Options of `read_answers`: ``labels, missing_words, encoding, ...``.
    """

    keys: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def is_ibis_table(data: object) -> bool:
    """Return whether this is an Ibis table, without importing Ibis."""
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(data).__mro__}
    return "ibis.expr.types.relations.Table" in kinds


def open_source(data: Any, reading: Reading | None = None) -> Source | pd.DataFrame:
    """Return a frame, or a source to be queried.

    Parameters
    ----------
    data : frame, path, glob or Ibis table
        Parquet and large text files are queried by DuckDB through Ibis where that is
        installed, and read into memory where it is not. Other files are read. A name
        that exists is that file, also with ``[``, ``*`` or ``?`` in it.
    reading : Reading, optional
        How files are to be read.

    Raises
    ------
    DataError
        If there is no such file, or its kind is not known.
    """
    reading = reading or Reading()
    if is_ibis_table(data):
        if reading.options:
            raise _not_for("an Ibis table", reading.options)
        return Source(table=data)
    if is_frame(data):
        of_files = {"encoding", "sheet", "skip_rows"} & set(reading.options)
        if of_files:
            raise _not_for("a frame", sorted(of_files))
        if reading.options:
            return read_answers(data, keys=reading.keys, **reading.options)
        return as_frame(data)
    if not isinstance(data, (str, Path)):
        raise DataError(
            "data must be a DataFrame, a path or glob of Parquet or CSV files, or an "
            f"Ibis table; got {type(data).__name__}."
        )
    if str(data) == STANDARD_INPUT:
        return read_answers(STANDARD_INPUT, keys=reading.keys, **reading.options)
    files = _files(str(data))
    if blank := [str(path) for path in files if _size(path) == 0]:
        raise DataError(f"{listing(blank)}: the file is empty.")
    suffixes = {path.suffix.lower() for path in files}
    if len(suffixes) > 1:
        raise DataError(
            f"the files must be of one kind; got {listing(sorted(suffixes))}."
        )
    if _is_queried(suffixes.pop(), files, reading):
        source = _queried(files)
        if source is not None:
            return source
    return read_files(files, reading)


def _not_for(what: str, options: Collection[str]) -> ModelError:
    names = listing(option(name) for name in options)
    return ModelError(f"{names} say how a file is read; the data are {what}.")


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _is_queried(suffix: str, files: Sequence[Path], reading: Reading) -> bool:
    if not find_spec("ibis") or not find_spec("duckdb"):
        return False
    if any(value not in (None, (), 0) for value in reading.options.values()):
        return False
    if suffix in PARQUET:
        return True
    sizes = [_size(path) for path in files]
    return suffix in TEXT and None not in sizes and sum(filter(None, sizes)) > _WHOLE


def read_files(files: Sequence[Path], reading: Reading) -> pd.DataFrame:
    """Return files as one frame in memory, read by the rules of `waistats.io`."""
    frames = [
        read_answers(path, keys=reading.keys, **reading.options) for path in files
    ]
    if len(frames) == 1:
        return frames[0]
    notes = tuple(dict.fromkeys(n for f in frames for n in f.attrs.get("notes", ())))
    for frame in frames:
        # one code may mean different things in two files: what they name decides
        for key in reading.keys:
            names = column_names(frame, key) if key in frame else None
            if names:
                frame[key] = identifiers(frame[key], names)
        frame.attrs.clear()
    joined = pd.concat(frames, ignore_index=True)
    if notes:
        joined.attrs["notes"] = notes
    return joined


@contextmanager
def ibis_calls() -> Iterator[None]:
    """Keep to itself that Ibis calls DuckDB and pandas by names that are going."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The 'future.infer_string' option")
        warnings.filterwarnings(
            "ignore", message="fetch_arrow_table", category=DeprecationWarning
        )
        yield


# engines for which Ibis writes a test that they do not have; they store no NaN
_NO_NAN = frozenset({"mysql", "singlestoredb"})


def without_nan(column: Any) -> Any:
    """Return a column of real numbers with NaN as missing, where NaN can be told.

    An engine without a test for NaN keeps the column as it is: most of them cannot
    store NaN, and where one can, its sums become NaN, which is noticed.
    """
    import ibis

    if not tells_nan(column):
        return column
    return ibis.ifelse(column.isnan(), ibis.null("float64"), column)


def tells_nan(expression: Any) -> bool:
    """Return whether the engine of a table or column has a test for NaN."""
    import ibis
    import ibis.expr.operations as ops

    try:
        engine = expression.get_backend()
    except ibis.common.exceptions.IbisError:  # a table of no engine yet
        return True
    return engine.name not in _NO_NAN and bool(engine.has_operation(ops.IsNan))


def fetch(query: Any) -> pd.DataFrame:
    """Return the answer to an Ibis query; the engine's errors become ours."""
    try:
        with ibis_calls():
            return query.to_pyarrow().to_pandas()
    except Exception as error:
        # every engine has errors of its own, and none that they share
        raise DataError(_failure(query, error)) from error


def _failure(query: Any, error: Exception) -> str:
    """Return what an engine could not do, in a sentence."""
    kind = type(error).__name__
    try:
        where = f"the query failed on {query.get_backend().name}"
    except Exception:  # whatever broke the query may break this too
        where = "the query failed"
    if kind in ("OperationNotDefinedError", "UnsupportedOperationError"):
        return (
            f"{where}. This engine lacks what the query needs: write the "
            "table to Parquet, for example with table.to_parquet(path), and give the "
            "path."
        )
    return f"{where}. Check that the table can be read by its engine."


def _files(pattern: str) -> list[Path]:
    literal = Path(pattern).expanduser()
    if _exists(literal) and not literal.is_dir():
        return [literal]
    if any(sign in pattern for sign in _GLOB):
        found = [Path(name) for name in sorted(glob(pattern, recursive=True))]
        found = [path for path in found if path.is_file()]
        if found:
            return found
    if _exists(literal):
        raise DataError(
            f"{pattern} is a folder; name its files, such as {pattern}/*.parquet."
        )
    raise DataError(f"no such file: {pattern}.")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # names that no file can have
        return False


def _literal(path: Path) -> str:
    """Return a name that DuckDB takes as it is, not as a pattern."""
    return "".join(f"[{sign}]" if sign in _GLOB else sign for sign in str(path))


def _queried(files: Sequence[Path]) -> Source | None:
    """Return files as a query; None where they need to be read with more care."""
    import ibis

    parquet = files[0].suffix.lower() in PARQUET
    heads = [] if parquet else [_head(path) for path in files]
    if any(head is None or head != heads[0] for head in heads):
        return None
    connection = ibis.duckdb.connect()
    # it would print the progress among the results
    connection.raw_sql("SET enable_progress_bar = false")
    several = len(files) > 1
    names = [_literal(path) for path in files]
    options: dict[str, Any] = {"filename": FILE} if several else {}
    try:
        with ibis_calls():
            if parquet:
                table = connection.read_parquet(
                    names, file_row_number=True, union_by_name=True, **options
                )
                table = table.rename({ROW: "file_row_number"})
                if any(kind.is_floating() for kind in table.schema().types):
                    # DuckDB takes a column's least and greatest value in the file to
                    # mean that it holds no NaN, and drops the test for it
                    connection.raw_sql(
                        "SET disabled_optimizers = 'statistics_propagation'"
                    )
            else:
                start, delimiter, columns = heads[0]
                table = connection.read_csv(
                    names,
                    auto_detect=False,
                    header=False,
                    skip=start + 1,
                    delim=delimiter,
                    quote='"',
                    escape='"',
                    strict_mode=True,
                    null_padding=False,
                    columns=dict.fromkeys(columns, "VARCHAR"),
                    **options,
                )
                table = table.mutate(**{ROW: ibis.row_number()})
    except Exception as error:
        # DuckDB has an error for every way in which a file can be broken
        if not parquet:
            return None
        shown = listing(map(str, files))
        raise DataError(
            f"{shown}: cannot be read as Parquet. It may be damaged, in another "
            "format, or differ in its columns: write it again."
        ) from error
    order = (FILE, ROW) if several else (ROW,)
    return Source(table=table, order=order, paths=tuple(files))


def _head(path: Path) -> Any:
    """Return line, delimiter and names of a plain text file; None if it is not plain."""
    with path.open("rb") as stream:
        start = stream.read(_HEAD)
    text = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    if "\ufffd" in text[:-4] or "\0" in text or "\r" in text.replace("\r\n", ""):
        return None
    lines = list(io.StringIO(text, newline=""))
    try:
        at, delimiter = find_names(str(path), lines, 0)
        reader = csv.reader(lines[at:], delimiter=delimiter, strict=True)
        header = next(reader)
        if reader.line_num != 1:
            return None
        names = clean_names(str(path), header)
        rows = [row for row, _ in zip(reader, range(_FIRST), strict=False)]
    except (DataError, csv.Error, StopIteration):
        return None
    if "" in names or len(names) > _MOST_COLUMNS or recognise(names, rows):
        return None
    if len({name.casefold() for name in names}) < len(names):
        return None  # DuckDB takes names that differ in case for one
    return at, delimiter, names


def typed_source(
    source: Source, keys: Collection[str], answers: Collection[str], reading: Reading
) -> Source | pd.DataFrame:
    """Return a source whose answers are numbers and whose keys are names.

    Parameters
    ----------
    source : Source
        As opened.
    keys : collection of str
        Columns of the study, of persons and of what splits studies.
    answers : collection of str
        Columns that hold answers.
    reading : Reading
        How files are read if their cells need more care.

    Returns
    -------
    Source or DataFrame
        The frame where a file has cells that are neither numbers nor missing: it holds
        the columns as the careful reader gives them, or that reader has refused them.
    """
    schema = source.table.schema()
    texts = [c for c in answers if c in schema and schema[c].is_string()]
    foreign = [
        f"{name} is {schema[name]}"
        for name in answers
        if not (
            schema[name].is_numeric()
            or schema[name].is_boolean()
            or schema[name].is_string()
        )
    ]
    if foreign:
        raise _not_numeric(foreign)
    if not source.paths:
        if texts:
            raise _not_numeric([f"{name} is {schema[name]}" for name in texts])
        return source
    table = source.table
    if all(kind.is_string() for kind in _kinds(source).values()):
        # a line of nothing but delimiters is no row
        table = table.filter(_any_filled(table, [*keys, *answers], source.columns))
    try:
        if texts and fetch(table.aggregate(bad=_bad(table, texts)))["bad"][0]:
            _refuse_large(source, table, texts)
            return read_files(source.paths, reading)
        if not texts:
            # reading is late: a damaged file shows here
            fetch(table.aggregate(n=table.count()))
    except WordsError:
        raise
    except DataError:
        # what DuckDB cannot parse, the careful reader reads or refuses by line
        return read_files(source.paths, reading)
    changed = {name: number_of_text(table[name])[0] for name in texts}
    for name in keys:
        if name in schema and schema[name].is_string():
            changed[name] = name_of_text(table[name])
    return replace(source, table=table.mutate(**changed)) if changed else source


def _refuse_large(source: Source, table: Any, texts: Sequence[str]) -> None:
    """Raise a DataError for words in files that are too large to be read in memory."""
    if sum(path.stat().st_size for path in source.paths) <= _MOST_READ:
        return
    told = []
    for name in texts:
        column = table[name]
        bad = table.filter(number_of_text(column)[1])
        words = fetch(bad.select(word=bad[name]).distinct().limit(3))["word"]
        if len(words):
            told.append(f"{name}: {listing(map(repr, words))}")
    raise WordsError(_not_numeric(told).args[0])


class WordsError(DataError):
    """Words among the answers of files that are too large to be read in memory."""


def _not_numeric(columns: Sequence[str]) -> DataError:
    return DataError(
        f"items must be numeric, but {listing(columns)}. Turn words into numbers "
        f"first: {option('labels')}."
    )


def _kinds(source: Source) -> dict[str, Any]:
    schema = source.table.schema()
    return {name: schema[name] for name in source.columns}


def _any_filled(table: Any, first: Sequence[str], columns: Sequence[str]) -> Any:
    """Return whether any cell of a row is filled, the likeliest columns first."""
    order = [c for c in dict.fromkeys([*first, *columns]) if c in columns]
    filled = table[order[0]].strip() != ""
    filled = filled.fill_null(False)
    for name in order[1:]:
        filled = filled | (table[name].strip() != "").fill_null(False)
    return filled


def number_of_text(column: Any) -> tuple[Any, Any]:
    """Return text as a number, NULL where it is missing, and whether it is neither."""
    import ibis

    text = column.strip()
    number = text.try_cast("float64")
    plain = number.notnull() & ~number.isnan() & ~number.isinf()  # noqa: PD004 (Ibis)
    plain = plain & ~text.contains("_")
    missing = text.isnull() | text.lower().isin(sorted(MISSING_NUMBERS))  # noqa: PD003
    bad = ~plain.fill_null(False) & ~missing.fill_null(True)
    return ibis.ifelse(plain.fill_null(False), number, ibis.null("float64")), bad


def _bad(table: Any, columns: Sequence[str]) -> Any:
    counts = [number_of_text(table[name])[1].cast("int64").sum() for name in columns]
    return sum(counts[1:], start=counts[0])


def name_of_text(column: Any) -> Any:
    """Return text as a name, NULL where it says that nothing is there."""
    import ibis

    text = column.strip()
    missing = text.lower().isin(sorted(MISSING_WORDS))
    return ibis.ifelse(missing.fill_null(True), ibis.null("string"), text)
