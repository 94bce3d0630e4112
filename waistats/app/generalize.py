"""The step Generalize."""

from typing import Any

from shiny import module

from waistats.app._parts import card, together
from waistats.app._session import AppState


@module.ui
def ui() -> Any:
    """Return the page of the step."""
    return together(
        card("Generalize", "Pool coefficients, own and published together.")
    )


@module.server
def server(input: Any, output: Any, session: Any, state: AppState) -> None:
    """Answer the page of the step."""
