"""Options of responses as they are typed -> files read and options of the functions."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from waistats.cli._options import (
    Accept,
    AlreadyKeyed,
    By,
    Encoding,
    InstrumentName,
    Item,
    Items,
    Labels,
    MissingCodes,
    MissingWords,
    Person,
    Provisional,
    Raters,
    ResponseRange,
    Reverse,
    Sheet,
    SkipRows,
    Study,
    Value,
    Where,
)
from waistats.cli._terminal import names_of, words_of
from waistats.errors import DataError, listing, near

_Command: TypeAlias = Callable[..., None]
_RANGE = re.compile(r"\s*([-+]?[\d.]+)\s*(?::|\.\.|,|\bto\b)\s*([-+]?[\d.]+)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed: how a file is read, and the options of the function.

    Attributes
    ----------
    reading : dict
        Options of `read_responses`.
    options : dict
        Options of the function that the command calls; only what was given.
    """

    reading: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def typed(
    *,
    study: Study = None,
    items: Items = None,
    instrument: InstrumentName = None,
    rater: Raters = None,
    by: By = None,
    person: Person = None,
    item: Item = None,
    value: Value = None,
    labels: Labels = None,
    missing_codes: MissingCodes = None,
    missing_words: MissingWords = None,
    response_range: ResponseRange = None,
    already_keyed: AlreadyKeyed = None,
    reverse: Reverse = None,
    where: Where = None,
    accept: Accept = None,
    provisional: Provisional = False,
    encoding: Encoding = None,
    skip_rows: SkipRows = None,
    sheet: Sheet = None,
) -> Typed:
    """Return the typed options as values."""
    given: dict[str, Any] = {
        "study": study or None,
        "items": items_of(items),
        "instrument": instrument,
        "raters": raters_of(rater),
        "by": names_of(by),
        "person": one_or_more(names_of(person)),
        "item": item,
        "value": value,
        "missing_codes": codes_of(missing_codes),
        "response_range": range_of(response_range),
        "where": where,
        "accept": [one for text in accept or () for one in names_of(text) or ()]
        or None,
        "already_keyed": already_keyed,
        "reverse": names_of(reverse),
        "provisional": provisional or None,
    }
    reading: dict[str, Any] = {
        "labels": names_of(labels),
        "missing_words": words_of(missing_words),
        "encoding": encoding,
        "skip_rows": skip_rows,
        "sheet": sheet,
    }
    return Typed(
        reading={name: of for name, of in reading.items() if of is not None},
        options={name: of for name, of in given.items() if of is not None},
    )


def of_answers(*, study_required: bool = False) -> Callable[[_Command], _Command]:
    """Give a command all options of `typed`, in the place of its argument ``given``."""

    def widen(command: _Command) -> _Command:
        shared = inspect.signature(typed).parameters
        parameters = []
        for one in inspect.signature(command).parameters.values():
            parameters += list(shared.values()) if one.name == "given" else [one]
        if study_required:
            parameters = [
                one.replace(default=one.empty) if one.name == "study" else one
                for one in parameters
            ]

        @functools.wraps(command)
        def run(**options: Any) -> None:
            given = typed(**{name: options.pop(name) for name in shared})
            command(given=given, **options)

        # typer reads both
        keyword = [one.replace(kind=one.KEYWORD_ONLY) for one in parameters]
        run.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return widen


def items_of(text: str | None) -> str | list[str] | None:
    """Return a prefix or a range as it is, several names as a list."""
    names = names_of(text)
    return one_or_more(names)


def one_or_more(names: list[str] | None) -> str | list[str] | None:
    """Return a single name by itself."""
    return names[0] if names is not None and len(names) == 1 else names


def raters_of(texts: Sequence[str] | None) -> dict[str, str | list[str]] | None:
    """Return ``client=WAI_C_`` as a mapping; names and ranges after commas."""
    if not texts:
        return None
    found: dict[str, str | list[str]] = {}
    for text in texts:
        rater, equals, where = text.partition("=")
        columns = one_or_more(names_of(where)) if where.strip() else None
        if not (equals and rater.strip() and columns):
            raise DataError(
                "--rater takes a rater and the prefix of its items, such as "
                f"client=WAI_C_; got {text!r}."
            )
        if rater.strip() in found:
            raise DataError(f"--rater names {rater.strip()} twice.")
        found[rater.strip()] = columns
    return found


def codes_of(text: str | None) -> tuple[float, ...] | None:
    """Return ``99,-9`` as numbers."""
    names = names_of(text)
    if names is None:
        return None
    try:
        return tuple(float(name) for name in names)
    except ValueError:
        raise DataError(
            f"--missing-codes takes numbers such as 99,-9; got {text!r}. Words for "
            "missing answers go to --missing-words."
        ) from None


def range_of(text: str | None) -> tuple[float, float] | None:
    """Return ``1:5`` as two numbers."""
    if text is None:
        return None
    match = _RANGE.fullmatch(text)
    if match is None:
        raise DataError(
            f"--response-range takes the lowest and highest answer, such as 1:5; got "
            f"{text!r}."
        )
    return float(match.group(1)), float(match.group(2))


def read_file(file: Path, given: Typed) -> Any:
    """Return the responses of a file, worded answers as numbers.

    The columns that options name must exist.
    """
    from waistats.io.readers import read_answers

    options = given.options
    keys: list[str] = []
    for name in ("study", "by", "person"):
        named = options.get(name) or ()
        keys += [named] if isinstance(named, str) else named
    reading = dict(given.reading)
    if "labels" in reading and isinstance(options.get("items"), list):
        reading["items"] = options["items"]
    source: str | Path = "-" if str(file) == "-" else file
    responses = read_answers(source, keys=keys, **reading)
    _check_columns(file, given.options, [str(name) for name in responses.columns])
    return responses


def _check_columns(
    file: Path, options: Mapping[str, Any], known: Sequence[str]
) -> None:
    absent = []
    for name in ("study", "by", "person", "item", "value"):
        named = options.get(name)
        for column in [named] if isinstance(named, str) else named or ():
            if column not in known:
                absent.append(
                    f"--{name}: there is no column {column!r}{near(column, known)}"
                )
    if absent:
        told = "; ".join(absent)
        raise DataError(f"{file}: {told}. The columns are {listing(known, 20)}.")


def listed_notes(notes: Sequence[str]) -> str:
    """Return notes as they are printed below a table, a line each."""
    from waistats.errors import visible

    return "\n".join(visible(f"Note: {note}") for note in notes)


def items_missing(file: Path, given: Typed) -> DataError:
    """Return what to say where neither items nor a form are named, with what is seen."""
    from waistats._caller import option
    from waistats.instruments.scoring import numbered_sets
    from waistats.intake.recognize import long_form

    start = "Give --items or --instrument"
    if not Path(file).is_file():
        return DataError(f"{start}.")
    responses = read_file(file, given)
    told = []
    for columns, gap in numbered_sets(responses.columns):
        first, last = columns[0], columns[-1]
        seen = f"--items {first}-{last}"
        told.append(f"{seen} (not {listing(gap)}, after a gap)" if gap else seen)
    if (long := long_form(responses)) is not None:
        typed = " ".join(option(name, of) for name, of in long.options.items())
        return DataError(
            f"{start}. {file} looks like one row an answer; give {typed} instead."
        )
    if told:
        return DataError(f"{start}. Columns that look like items: {'; '.join(told)}.")
    return DataError(f"{start}. The columns are {listing(responses.columns, 20)}.")
