"""How a command runs at a terminal: progress, warnings in words, errors, exit codes.

Words typed at a command line -> values, and a call as it was typed.
"""

import io
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from waistats._files import set_shield
from waistats._progress import Steps
from waistats.errors import DataError, WaistatsError, visible


def pairs_of(texts: Sequence[str] | None) -> dict[str, str] | None:
    """Return ``a=b,c=d`` of one option, or of several, as a mapping."""
    if not texts:
        return None
    pairs = {}
    for part in ",".join(texts).split(","):
        left, equals, right = part.partition("=")
        if not (equals and left.strip() and right.strip()):
            raise DataError(
                f"--columns takes pairs such as alpha=estimate,N=n; got {part!r}."
            )
        pairs[left.strip()] = right.strip()
    return pairs


def names_of(text: str | None) -> list[str] | None:
    """Return ``a,b,c`` as a list; a name with a comma is put in double quotes.

    >>> names_of('q1, "How often, in general"')
    ['q1', 'How often, in general']
    """
    if text is None:
        return None
    import csv

    line = " ".join(text.splitlines())
    cells = next(csv.reader([line], skipinitialspace=True), [])
    names = [name.strip() for name in cells if name.strip()]
    if not names:
        raise DataError("An option takes a list of names separated by commas.")
    return names


def words_of(text: str | None) -> list[str] | None:
    """Return words as `names_of` does; an empty text is no word at all."""
    return [] if text is not None and not text.strip() else names_of(text)


def numbers_of(text: str | None) -> list[int] | None:
    """Return ``30,100`` as whole numbers; None stays None."""
    names = names_of(text)
    if names is None:
        return None
    wrong = [name for name in names if not name.isdecimal()]
    if wrong:
        raise DataError(f"Sizes are whole numbers such as 30,100; got {wrong[0]!r}.")
    return [int(name) for name in names]


def wide_of(patterns: Sequence[str] | None) -> dict[str, str] | None:
    """Return ``alpha_*=scale`` as a mapping; None stays None."""
    if not patterns:
        return None
    pairs = {}
    for text in patterns:
        left, equals, right = text.partition("=")
        if not (equals and left.strip() and right.strip()):
            raise DataError(
                f"--wide takes a pair such as 'alpha_*=scale'; got {text!r}."
            )
        pairs[left.strip()] = right.strip()
    return pairs


def as_typed(
    command: str, files: Path | Sequence[Path], options: dict[str, Any]
) -> str:
    """Return a call as it was typed, without folders and without defaults."""
    paths = [files] if isinstance(files, Path) else files
    words = ["waistats", command, *(path.name for path in paths)]
    for name, value in options.items():
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if each is not None:
                words += [name, str(each)]
    return visible(shlex.join(words))


INTERRUPTED = 130


def progress(total: int, words: str) -> Steps:
    """Return a bar of a command's steps, shown at once."""
    # a signal amid its making leaves a bar that cannot be cleared away
    with uninterrupted():
        return Steps(words, total, delay=0)


def guarded(run: Callable[[], Any]) -> int:
    """Run a command; errors become words on standard error and an exit code."""
    try:
        code = run()
        # a shell may have closed it, and then it is None
        if sys.stdout is not None:
            sys.stdout.flush()
    except WaistatsError as error:
        return _say(str(error))
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        # the reader of our output went away; nothing is wrong with the job
        _leave_output()
        return 0
    except MemoryError:
        return _say("not enough memory for this job.")
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        _leave_output()
        return _say(f"{place}{error.strerror or 'refused by the system'}.")
    except Exception as error:
        # a wrong option: the command line library knows how to say it
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            return 2
        raise
    except SystemExit as end:
        # how typer leaves where the reader went away
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        return 0
    # typer makes this code of a signal in the middle of a command
    if code == INTERRUPTED:
        print("Interrupted; no partial output was kept.", file=sys.stderr)
    return int(code or 0)


def _say(message: str) -> int:
    print(f"Error: {visible(message, keep=chr(10))}", file=sys.stderr)
    return 2


def _leave_output() -> None:
    """Drop what standard output cannot take, or leaving would fail once more."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# set where the program is told to stop: a library may swallow the KeyboardInterrupt, and
# then nothing that is not finished may take the place of what is there
stopped = threading.Event()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGINT and SIGTERM until the block has ended."""
    held: list[int] = []
    before: dict[signal.Signals, Any] = {}
    # only the main thread hears signals, and only it may say who answers them
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            # None: a handler that is not Python's
            if signal.getsignal(number) is not None:
                before[number] = signal.signal(number, lambda n, _: held.append(n))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


@contextmanager
def unless_stopped() -> Iterator[None]:
    """Hold signals back where output takes its place; after a stop it does not."""
    with uninterrupted():
        if stopped.is_set() and sys.exc_info()[0] is None:
            raise KeyboardInterrupt
        yield


def as_program() -> None:
    """Behave as a program does: stop when told to, warn in words, write any sign."""
    import warnings

    def stop(number: int, frame: object) -> None:
        stopped.set()
        raise KeyboardInterrupt

    def warn(message: Warning | str, *place: object, **more: object) -> None:
        print(f"Warning: {message}", file=sys.stderr)

    set_shield(unless_stopped)
    signal.signal(signal.SIGTERM, stop)
    # a job in the background is told to hear no SIGINT; while the program was loaded,
    # the system answered it
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_DFL):
        signal.signal(signal.SIGINT, stop)
    warnings.showwarning = warn
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal or pipe of an old encoding lacks signs that names may have
            stream.reconfigure(errors="backslashreplace")


def leave_quietly() -> None:
    """Hear no signal while Python clears up: the job is done and its code is known."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
