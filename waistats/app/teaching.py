"""The step Teaching."""

from typing import Any

from shiny import module

from waistats.app._parts import card, together
from waistats.app._session import AppState


@module.ui
def ui() -> Any:
    """Return the page of the step."""
    return together(card("Teaching", "The classic study, step by step."))


@module.server
def server(input: Any, output: Any, session: Any, state: AppState) -> None:
    """Answer the page of the step."""
