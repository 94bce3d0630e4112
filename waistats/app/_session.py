"""What the steps of one page share: the choices, the process, the private folder."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from shiny import Session, reactive

from waistats.app._job import Job
from waistats.app._state import Choices, safe_name
from waistats.app._work import Worker


class AppState:
    """The state of one page in the browser.

    Attributes
    ----------
    choices : reactive.Value of Choices
        Everything that was chosen; change it with `change`.
    step : reactive.Value of str
        The step that is shown: data, reliability, generalize, report or teaching.
    own : Job
        The coefficient table of the own data, as the Reliability step computed it.
    tables : reactive.Value of tuple of str
        Coefficient tables that were dropped on the step Data: files of the folder.
    worker : Worker
        The process that computes; `job` makes a computation of it.
    folder : Path
        A private folder of this page, removed at its end.
    first : Path or None
        The file that was named at the command line.
    """

    def __init__(self, session: Session, folder: Path, first: Path | None) -> None:
        self.session = session
        self.folder = folder
        self.first = first
        self.worker = Worker(folder)
        self.choices: reactive.Value[Choices] = reactive.Value(Choices())
        self.step: reactive.Value[str] = reactive.Value("data")
        self.own = self.job("Computing reliability")
        self.tables: reactive.Value[tuple[str, ...]] = reactive.Value(())

    def job(self, words: str) -> Job:
        """Return a computation, idle as yet."""
        return Job(self.worker, words)

    def change(self, **parts: Any) -> None:
        """Put parts of the choices in the place of the last ones."""
        with reactive.isolate():
            self.choices.set(replace(self.choices.get(), **parts))

    def part(self, name: str) -> Callable[[], Any]:
        """Return a reactive that changes only where its part of the choices does."""
        last: reactive.Value[Any] = reactive.Value(getattr(Choices(), name))

        @reactive.effect
        def _() -> None:
            last.set(getattr(self.choices.get(), name))

        return last.get

    def keep(self, path: str | Path, name: str) -> str:
        """Keep a file in the private folder; return its name there.

        The process works in that folder: the name alone is its path. A file of the same
        name is replaced.
        """
        kept = safe_name(name)
        shutil.copyfile(path, self.folder / kept)
        return kept

    def go(self, step: str) -> None:
        """Show a step."""
        self.step.set(step)
