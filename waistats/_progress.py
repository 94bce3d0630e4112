"""Bars for what takes more than two seconds: on standard error, at a terminal only.

A notebook counts as a terminal. Quick calls stay silent, no bar is left behind, and the
environment variable ``TQDM_DISABLE`` silences them all.
"""

import os
import sys
import time
from collections.abc import Iterable
from threading import Event, Thread
from typing import Any, TypeVar

T = TypeVar("T")

# seconds before a bar is shown
DELAY = 2.0
# seconds between two looks at the clock of a step
TICK = 0.5
SILENT = "TQDM_DISABLE"


def is_silent() -> bool:
    """Return whether bars are switched off, or nobody would see them."""
    if os.environ.get(SILENT, "") not in ("", "0"):
        return True
    # a program without a console has no standard error
    return sys.stderr is None or not sys.stderr.isatty()


def progress(rows: Iterable[T], words: str, *, total: int | None = None) -> Iterable[T]:
    """Return the same rows, with a bar that says how many of them are done."""
    if is_silent():
        return rows
    shown: Iterable[T] = _bar(total=total, words=words, rows=rows)
    return shown


class Steps:
    """A bar of named steps, shown for as long as its block runs.

    Parameters
    ----------
    words : str
        What is done.
    total : int
        Number of steps.
    delay : float, optional
        Seconds before it is shown; `DELAY` by default.
    """

    def __init__(self, words: str, total: int, *, delay: float | None = None) -> None:
        silent = is_silent()
        self._bar = None if silent else _bar(total=total, words=words, delay=delay)
        self._begun = False
        self._ended = Event()
        self._clock = Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Steps":
        if self._bar is not None:
            self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._ended.set()
            self._clock.join()
            self._bar.close()

    def _tick(self) -> None:
        """Show the bar while one step takes long."""
        bar = self._bar
        while bar is not None and not self._ended.wait(TICK):
            now = time.time()
            if now >= bar.start_t + bar.delay:
                bar.refresh()
                # what was shown is what has to be cleared away
                bar.last_print_t = now

    def step(self, name: str) -> None:
        """Say which step begins; the one before it is done."""
        if self._bar is not None:
            self._bar.set_postfix_str(name, refresh=False)
            self._bar.update(1 if self._begun else 0)
        self._begun = True


def _bar(
    *,
    total: int | None,
    words: str,
    rows: Iterable[Any] | None = None,
    delay: float | None = None,
) -> Any:
    from tqdm import tqdm

    return tqdm(
        rows,
        desc=words,
        total=total,
        leave=False,
        # tqdm would take "0" in the environment for yes
        disable=False,
        delay=DELAY if delay is None else delay,
        # a step is shown when it begins, since it may be long
        mininterval=0.1 if rows is not None else 0,
        file=sys.stderr,
    )
