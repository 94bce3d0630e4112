"""Commands of files before they are used: check them, or write an empty one."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from waistats.cli._options import (
    Columns,
    File,
    Force,
)
from waistats.cli._responses import Typed, of_answers, read_file
from waistats.cli._terminal import pairs_of

_INPUT = "standard-input.csv"


@of_answers()
def check(
    file: File,
    given: Typed,
    columns: Columns = None,
) -> None:
    """List errors in a file of responses or of coefficients."""
    if str(file) == "-":
        with _kept_input() as kept:
            _check(kept, columns, given)
        return
    _check(file, columns, given)


@contextmanager
def _kept_input() -> Iterator[Path]:
    """Give standard input as a file, which can be read more than once."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / _INPUT
        kept.write_bytes(sys.stdin.buffer.read())
        yield kept


def _check(file: Path, columns: list[str] | None, given: Typed) -> None:
    kind, answers = ("coefficients", None) if columns else _kind(file, given)
    if not columns and (given.options or kind == "responses"):
        _check_responses(file, answers, given)
    else:
        unread = answers if kind == "unread" else None
        _check_coefficients(
            file, columns, given, known=kind != "unknown", unread=unread
        )


def _called(file: Path) -> str:
    return "standard input" if file.name == _INPUT else str(file)


def _kind(file: Path, given: Typed) -> tuple[str, Any]:
    """Return what a file holds, and its frame.

    That is responses, coefficients or unknown; or unread, and why it does not hold
    answers. For one row per answer the options that read it are added.
    """
    from waistats._caller import option
    from waistats.errors import WaistatsError, visible
    from waistats.intake.recognize import kind_of, long_form

    try:
        read = read_file(file, given)
        if "item" not in given.options and (long := long_form(read)) is not None:
            given.options.update({**long.options, **given.options})
            typed = " ".join(option(name, of) for name, of in long.options.items())
            print(visible(f"Read as one row an answer: {typed}"))
            return "responses", read
        return kind_of(read), read
    except WaistatsError as error:
        return "unread", error


def _check_responses(file: Path, answers: Any, given: Typed) -> None:
    from waistats.errors import visible
    from waistats.reliability.inspect import inspect_responses

    if isinstance(answers, Exception):
        raise answers
    if answers is None:
        answers = read_file(file, given)  # which says why it cannot be read
    found = inspect_responses(answers, **given.options)
    print(visible(found.heading()))
    for line in found.sentences():
        print(visible(line))
    print(visible(f"{_called(file)}: {found.counted()}."))
    if not found.ok:
        raise typer.Exit(2)


def _check_coefficients(
    file: Path,
    columns: list[str] | None,
    given: Typed,
    *,
    known: bool,
    unread: Exception | None,
) -> None:
    from waistats._format import counted
    from waistats.errors import DataError, visible
    from waistats.io.check import check_coefficients
    from waistats.measures import REQUIRED

    reading = {k: v for k, v in given.reading.items() if k != "labels"}
    try:
        found = check_coefficients(file, columns=pairs_of(columns), **reading)
    except DataError as error:
        if unread is not None and str(unread).startswith(str(error)):
            raise unread from None  # names the sheet of the answers as well
        raise
    if _lacks(found) == len(REQUIRED):
        if unread is not None:
            raise unread
        if not known:
            _refuse_unknown(file, found)
    for _, row in found.iterrows():
        said = f"{row['severity']}: {row['where']}: {row['finding']}. {row['advice']}"
        print(visible(said))
    for note in found.attrs.get("notes", ()):
        print(visible(f"Note: {note}"))
    counts = found["severity"].value_counts()
    words = [
        counted(int(counts.get(name, 0)), name) for name in ("error", "warning", "note")
    ]
    print(visible(f"{_called(file)}: {', '.join(words)}."))
    if (found["severity"] == "error").any():
        raise typer.Exit(2)


def _lacks(found: Any) -> int:
    """Return how many required columns are missing."""
    return int(found["finding"].str.endswith(" is missing").sum())


def _refuse_unknown(file: Path, found: Any) -> None:
    """Raise a DataError for a file in which nothing is recognized."""
    if found["advice"].str.contains("Did you mean").any():
        return
    from waistats.errors import DataError

    advice = found["advice"].iloc[0].removeprefix("The table has ")
    columns = advice.partition(". Name a column")[0]
    raise DataError(
        f"{_called(file)} holds neither a table of coefficients (study_id, estimate, n, "
        "n_items) nor answers to numbered items, such as q1 to q12; its columns are "
        f"{columns}. Name the items with --items; for one row per answer give --person, "
        "--item and --value; name the columns of a table with --columns."
    )


def template(
    file: Annotated[
        Path,
        typer.Argument(
            help="The coding sheet to write, .xlsx or .csv; or texts.toml for the "
            "authors' texts."
        ),
    ] = Path("coding-sheet.xlsx"),
    queue: Annotated[
        bool,
        typer.Option(
            "--queue", help="Include the reading queue, one row per publication."
        ),
    ] = False,
    core: Annotated[
        bool, typer.Option("--core", help="Only the 20 most important columns.")
    ] = False,
    force: Force = False,
) -> None:
    """Write a coding sheet, empty or with the reading queue."""
    from waistats.rg.coding import write_template
    from waistats.rg.texts import write_texts_template

    if file.suffix.lower() == ".toml":
        written = write_texts_template(file, force=force)
        print(
            f"Wrote {written}. Fill it, then run: waistats generalize --texts {written}"
        )
        return
    written = write_template(file, queue=queue, core=core, force=force)
    print(f"Wrote {written}. Fill its first sheet, then run: waistats check {written}")
