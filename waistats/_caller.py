"""Who is calling: a Python script, the command line or the app; options in its words.

A message that tells what to do names an option as its reader writes it.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

PYTHON, TERMINAL, APP = "python", "terminal", "app"
_CALLER: ContextVar[str] = ContextVar("waistats_caller", default=PYTHON)

# options whose command line spelling is not --name-with-hyphens
_FLAGS = {"raters": "--rater", "data": "FILE"}
# what a function of the package is called at the command line
_COMMANDS = {
    "inspect_responses": "waistats check FILE",
    "check_coefficients": "waistats check FILE",
    "audit_keys": "waistats items FILE",
    "item_statistics": "waistats items FILE",
    "reliability_by_study": "waistats alpha FILE",
    "score": "waistats alpha FILE",
    "summarize_responses": "waistats summarize FILE",
    "generalize": "waistats generalize FILE",
    "load_dataset": "waistats data save {} FILE",
    "fetch_dataset": "waistats data fetch {}",
}


# fields of the app, under "How the file is read"; what else it asks is a question
FIELDS = {
    "skip_rows": "Rows above the names to skip",
    "sheet": "Sheet of a workbook",
    "encoding": "Encoding of a text file",
    "missing_words": "Words for no answer",
}


@contextmanager
def calling(caller: str) -> Iterator[None]:
    """Word messages for this caller: ``"python"``, ``"terminal"`` or ``"app"``."""
    token = _CALLER.set(caller)
    try:
        yield
    finally:
        _CALLER.reset(token)


def caller() -> str:
    """Return who is calling."""
    return _CALLER.get()


def outside() -> int:
    """Return the ``stacklevel`` of a warning that points at the code outside waistats."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals):
        level, frame = level + 1, frame.f_back
    return level


def _is_ours(names: Mapping[str, object]) -> bool:
    return str(names.get("__name__", "")).split(".")[0] == "waistats"


def option(name: str, value: object = None) -> str:
    """Return an option, with a value where one is given, as the caller writes it.

    >>> option("missing_codes", (99, -9))
    'missing_codes=(99, -9)'
    >>> with calling("terminal"):
    ...     option("missing_codes", (99, -9)), option("already_keyed", False)
    ('--missing-codes 99,-9', '--not-keyed')
    """
    if _CALLER.get() == PYTHON:
        if name == "already_keyed" and value is None:
            return "already_keyed=True or already_keyed=False"
        return f"{name}=" if value is None else f"{name}={_literal(value)}"
    if _CALLER.get() == APP and name in FIELDS:
        given = "" if value is None else f": {_plain(value)}"
        return f"‘{FIELDS[name]}{given}’"
    if name == "already_keyed":
        if value is None:
            return "--already-keyed or --not-keyed"
        return "--already-keyed" if value else "--not-keyed"
    flag = _FLAGS.get(name, "--" + name.replace("_", "-"))
    if value is None or value is True:
        return flag
    return f"{flag} {_typed(name, value)}"


def command(function: str, argument: str | None = None) -> str:
    """Return a function of the package as the caller calls it.

    >>> command("audit_keys"), command("fetch_dataset", "manylabs_swls")
    ('audit_keys()', "fetch_dataset('manylabs_swls')")
    >>> with calling("terminal"):
    ...     command("fetch_dataset", "manylabs_swls")
    'waistats data fetch manylabs_swls'
    """
    if _CALLER.get() == PYTHON:
        return f"{function}({'' if argument is None else repr(argument)})"
    return _COMMANDS.get(function, function).format(argument)


def words_option() -> str:
    """Return how words become numbers where answers are read, as the caller writes it.

    >>> words_option()
    'read_responses(path, labels=...)'
    """
    if _CALLER.get() == PYTHON:
        return "read_responses(path, labels=...)"
    return option("labels", "Never,Rarely,...,Always")


def _literal(value: object) -> str:
    """Return a value as Python writes it, whole numbers without decimals."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Mapping):
        pairs = (f"{_literal(k)}: {_literal(v)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, Sequence):
        parts = ", ".join(_literal(part) for part in value)
        if isinstance(value, list):
            return f"[{parts}]"
        return f"({parts},)" if len(value) == 1 else f"({parts})"
    return str(value)


def _typed(name: str, value: object) -> str:
    """Return a value as it is typed in a shell."""
    if isinstance(value, Mapping) and name == "columns":
        return _quoted(",".join(f"{k}={_plain(v)}" for k, v in value.items()))
    if isinstance(value, Mapping):
        return f" {_FLAGS.get(name, '')} ".join(
            _quoted(f"{k}={_plain(v)}") for k, v in value.items()
        )
    separator = ":" if name == "response_range" else ","
    return _quoted(_plain(value, separator))


def _plain(value: object, separator: str = ",") -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Sequence):
        return separator.join(_plain(part) for part in value)
    return str(value)


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
