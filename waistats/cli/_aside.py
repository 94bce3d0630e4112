"""Part of a command's work in a second process, where there is a second processor.

Only for the command line, which owns its process: nobody expects a call from Python to
start another one. What cannot be done aside is done here, with the same result.
"""

import importlib
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, BinaryIO

from waistats.cli._terminal import uninterrupted

# the modules of this process, not those that lie in the folder it is run in
_START = (
    "import pickle, sys\n"
    "sys.path[:] = pickle.load(sys.stdin.buffer)\n"
    "from waistats.cli._aside import serve\n"
    "serve()\n"
)
# what a message is: a step that begins, or what the whole came to
_STEP, _RESULT = "step", "result"


def processors() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


class Aside:
    """A task in a process beside this one.

    Parameters
    ----------
    task : str
        ``"module:function"`` of a generator function that yields the name of each step
        when it begins and returns what it made.
    *given
        Its arguments; they, and what it returns, can be pickled.

    The process is started when the block begins and has ended when the block ends, however
    it ends. With one processor there is none, and `wait` runs the task.
    """

    def __init__(self, task: str, *given: Any) -> None:
        self.task, self.given = task, given
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Aside":
        if processors() > 1 and sys.executable and not getattr(sys, "frozen", False):
            try:
                # an interruption waits until there is something to end
                with uninterrupted():
                    self._begin()
            except BaseException:
                # a block that does not begin has no end
                self.__exit__()
                raise
        return self

    def _begin(self) -> None:
        with suppress(OSError):
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        if self.process is not None:
            assert self.process.stdin is not None
            with suppress(OSError):  # it has ended already: `wait` sees that, too
                for part in (sys.path, (self.task, self.given)):
                    self.process.stdin.write(pickle.dumps(part))
                self.process.stdin.flush()

    def __exit__(self, *why: object) -> None:
        with uninterrupted():
            self._end()

    def _end(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.process = None

    def wait(self, step: Callable[[str], object], before: Callable[[], object]) -> Any:
        """Return what the task made, its warnings said.

        ``step`` hears the name of each step. ``before`` clears away what a second
        process may have left where the task has to be run here.
        """
        for kind, value in self._messages():
            if kind == _STEP:
                step(value)
            else:
                result, said = value
                for warning in said:
                    warnings.warn(warning, stacklevel=2)
                return result
        with uninterrupted():
            self._end()
        before()
        return _run(_function(self.task), self.given, step)

    def _messages(self) -> Generator[tuple[str, Any]]:
        """Yield what the process says, until it has nothing more to say."""
        while self.process is not None:
            assert self.process.stdout is not None
            try:
                yield pickle.load(self.process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                return


def _function(task: str) -> Callable[..., Generator[str, None, Any]]:
    module, _, name = task.partition(":")
    found: Callable[..., Generator[str, None, Any]] = getattr(
        importlib.import_module(module), name
    )
    return found


def _run(
    task: Callable[..., Generator[str, None, Any]],
    given: tuple[Any, ...],
    step: Callable[[str], object],
) -> Any:
    steps = task(*given)
    while True:
        try:
            step(next(steps))
        except StopIteration as end:
            return end.value


def serve() -> None:
    """Do the task that standard input names; say on standard output what comes of it."""
    # what a library prints is no message
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    task, given = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_leave_with_parent, daemon=True).start()

    def tell(kind: str, value: Any) -> None:
        _tell(out, (kind, value))

    with warnings.catch_warnings(record=True) as said:
        result = _run(_function(task), given, lambda name: tell(_STEP, name))
    tell(_RESULT, (result, [warning.message for warning in said]))
    # the thread still listens
    os._exit(0)


def _tell(out: BinaryIO, message: tuple[str, Any]) -> None:
    pickle.dump(message, out)
    out.flush()


def _leave_with_parent() -> None:
    """End this process when the one that started it has ended."""
    with suppress(OSError):
        os.read(0, 1)
    os._exit(1)
