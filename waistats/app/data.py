"""The step Data: a file, what was recognized, and what it does not say."""

from typing import Any

from htmltools import tags
from shiny import module, render, ui as elements

from waistats.app._parts import card, together
from waistats.app._session import AppState


@module.ui
def ui() -> Any:
    """Return the page of the step."""
    return together(
        card("Your file", _drop(module.resolve_id("file"))),
        elements.output_ui("progress"),
        elements.output_ui("found"),
    )


def _drop(id: str) -> Any:
    """Return where a file is dropped, or chosen with the keyboard."""
    return tags.div(
        tags.div(
            tags.label(
                tags.b("Choose a file"),
                tags.span(" or drop it here"),
                tags.input(id=id, name=id, type="file", class_="shiny-input-file"),
                for_=id,
                class_="drop-label",
            ),
            tags.input(type="text", readonly="", hidden="", tabindex="-1"),
            class_="input-group drop",
        ),
        tags.div(
            tags.div(class_="progress-bar"),
            id=f"{id}_progress",
            class_="progress active shiny-file-input-progress",
        ),
        tags.p("", class_="refused", role="alert", id=f"{id}-refused"),
        class_="form-group",
    )


@module.server
def server(input: Any, output: Any, session: Any, state: AppState) -> None:
    """Answer the page of the step."""

    @render.ui
    def progress() -> Any:
        return None

    @render.ui
    def found() -> Any:
        return None
