"""One computation of a step as the page sees it: idle, running, done, refused."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from htmltools import Tag, tags
from shiny import reactive

from waistats.app._parts import notice, sends
from waistats.app._work import CancelledError, RefusedError, Worker

Status = Literal["idle", "running", "done", "refused", "cancelled"]
# a computation in whose place another comes is ended, once it takes this long
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a job stands.

    Attributes
    ----------
    status : str
        idle, running, done, refused or cancelled.
    text : str
        What it is doing, or why it was refused.
    part : float or None
        How much is done, from 0 to 1, where known.
    """

    status: Status = "idle"
    text: str = ""
    part: float | None = None


class Job:
    """A computation whose state and result are reactive; a new start replaces the last.

    Parameters
    ----------
    worker : Worker
        The process that computes.
    words : str
        What it does, such as "Reading the file".
    """

    def __init__(self, worker: Worker, words: str) -> None:
        self.worker = worker
        self.words = words
        self.standing: reactive.Value[Standing] = reactive.Value(Standing())
        self.result: reactive.Value[Any] = reactive.Value(None)
        self._number = 0
        self._since: float | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Compute, in the process; returns at once. Call it within a reactive effect."""
        self._number += 1
        if self._since is not None and time.monotonic() - self._since > _PATIENCE:
            self.worker.cancel()
        self.standing.set(Standing(status="running", text=self.words))
        self._task = asyncio.create_task(
            self._run(self._number, function, arguments), name=self.words
        )

    def forget(self) -> None:
        """Drop the result, and whatever is running."""
        self._number += 1
        self.result.set(None)
        self.standing.set(Standing())

    def cancel(self) -> None:
        """End what is running."""
        if self.standing.get().status == "running":
            self.worker.cancel()

    async def _run(
        self, number: int, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        async def told(text: str, part: float | None) -> None:
            await self._set(number, Standing(status="running", text=text, part=part))

        result = None
        self._since = time.monotonic()
        try:
            result = await self.worker.run(function, *arguments, told=told)
            standing = Standing(status="done")
        except RefusedError as error:
            standing = Standing(status="refused", text=str(error))
        except CancelledError:
            standing = Standing(status="cancelled", text="Cancelled.")
        finally:
            self._since = None
        await self._set(number, standing, result)

    async def _set(self, number: int, standing: Standing, result: Any = None) -> None:
        async with reactive.lock():
            if number != self._number:
                return
            if standing.status != "running":
                self.result.set(result)
            self.standing.set(standing)
            await reactive.flush()

    def shown(self, cancel: str) -> Tag | None:
        """Return progress, with a button that sends ``cancel``, or words of refusal."""
        standing = self.standing.get()
        if standing.status == "running":
            return tags.div(
                tags.div(
                    tags.span(standing.text, class_="words"),
                    sends("Cancel", cancel, 1, "quiet"),
                    class_="line",
                ),
                tags.progress(
                    value=standing.part, max=1, aria_label=standing.text or self.words
                ),
                class_="working",
                role="status",
            )
        if standing.status == "refused":
            return notice(standing.text, "stop")
        if standing.status == "cancelled":
            return notice(standing.text, "note")
        return None
