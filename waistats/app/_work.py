"""Computing next to the page: a process that can be told to stop, and what it tells.

The page and its event loop never compute. A function of the package, or of `_state`, is
named, called in a process of its own, and its result comes back; a process can be ended
at any time, which a thread cannot.
"""

import asyncio
import contextlib
import multiprocessing
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from waistats._caller import APP, calling
from waistats.errors import WaistatsError

_RESULT, _REFUSED, _FAILED, _STEP = "result", "refused", "failed", "step"
DEFECT = (
    "This should not have happened, and it is a defect of waistats. The terminal in which "
    "the app was started shows the details."
)
_outbox: Connection | None = None


class RefusedError(Exception):
    """What a computation has to say instead of a result, in words for the user."""


class CancelledError(Exception):
    """A computation was cancelled."""


def tell(text: str, part: float | None = None) -> None:
    """Say how far a computation is: a few words, and a share from 0 to 1 where known."""
    if _outbox is not None:
        _outbox.send((_STEP, (text, part)))


def _work(pipe: Connection, folder: str) -> None:
    """Answer calls until the page goes away: the whole life of the process."""
    global _outbox
    _outbox = pipe
    import os
    import signal

    # files of the page are named without their folder, here and in every message
    os.chdir(folder)

    # the terminal's Ctrl-C is for the server, which ends this process
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    import matplotlib as mpl

    mpl.use("Agg")
    # warm before the first call
    import matplotlib.pyplot  # noqa: F401

    import waistats.app._intake
    import waistats.app._reliability  # noqa: F401

    while True:
        try:
            function, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            with calling(APP):
                answer = (_RESULT, function(*arguments))
        except WaistatsError as error:
            answer = (_REFUSED, str(error))
        except MemoryError:
            answer = (_REFUSED, "There is not enough memory for this.")
        except Exception:
            traceback.print_exc(file=sys.stderr)
            answer = (_FAILED, DEFECT)
        try:
            pipe.send(answer)
        except (BrokenPipeError, OSError):
            return


class Worker:
    """A process that computes for one page; made at once, so that it is warm when needed.

    One call at a time; further calls wait.

    Parameters
    ----------
    folder : Path
        The private folder of the page, where the process works.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._context = multiprocessing.get_context("spawn")
        self._lock = asyncio.Lock()
        self._closed = False
        self._start()

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        self._pipe = ours
        self._process = self._context.Process(
            target=_work, args=(theirs, self._folder), daemon=True
        )
        self._process.start()
        theirs.close()

    async def run(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        told: Callable[[str, float | None], Any] | None = None,
    ) -> Any:
        """Return what a function of a module returns, called in the process.

        Raises
        ------
        RefusedError
            With the words of the function's WaistatsError.
        CancelledError
            If the process was told to stop meanwhile.
        """
        async with self._lock:
            if self._closed:
                raise CancelledError
            pipe = self._pipe
            try:
                pipe.send((function, arguments))
                while True:
                    kind, value = await asyncio.to_thread(pipe.recv)
                    if kind != _STEP:
                        break
                    if told is not None:
                        done = told(*value)
                        if asyncio.iscoroutine(done):
                            await done
            except (EOFError, OSError) as error:
                if self._closed or pipe is not self._pipe:
                    raise CancelledError from error
                self._start()
                raise RefusedError(
                    "The computation ended without a result; perhaps there was not "
                    "enough memory."
                ) from error
        if kind == _RESULT:
            return value
        raise RefusedError(value)

    def cancel(self) -> None:
        """End what is running; the next call finds a new process."""
        self._end()
        if not self._closed:
            self._start()

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        self._end()

    def _end(self) -> None:
        process, pipe = self._process, self._pipe
        process.kill()
        process.join(timeout=2)
        with contextlib.suppress(OSError):
            # a thread that waits for an answer sees the end of the process by itself
            if not self._lock.locked():
                pipe.close()
