"""Fields of forms: labelled, grouped, reachable by keyboard; and a place for a file."""

from collections.abc import Mapping, Sequence
from typing import Any

from htmltools import Tag, tags

from waistats.io._files import KINDS

# what a browser offers to choose
ACCEPT = ",".join(KINDS)


def number(
    id: str,
    label: str,
    value: Any = None,
    help: str = "",
    **more: Any,
) -> Tag:
    """Return a field for a number."""
    return _field(id, label, "number", value, help, **more)


def text(id: str, label: str, value: str = "", help: str = "", **more: Any) -> Tag:
    """Return a field for a text."""
    return _field(id, label, "text", value or None, help, **more)


def _field(id: str, label: str, kind: str, value: Any, help: str, **more: Any) -> Tag:
    hint = [tags.p(help, class_="soft", id=f"{id}-help")] if help else []
    return tags.div(
        tags.label(label, for_=id),
        tags.input(
            id=id,
            type=kind,
            value=value,
            class_=f"shiny-input-{kind}",
            aria_describedby=f"{id}-help" if help else None,
            **more,
        ),
        *hint,
        class_="field",
    )


def boxes(
    id: str,
    legend: str,
    options: Mapping[str, str],
    ticked: Sequence[str] = (),
    help: str = "",
    small: Mapping[str, str] | None = None,
) -> Tag:
    """Return boxes of which any number can be ticked; ``small`` says more of each."""
    more = small or {}
    hint = [tags.p(help, class_="soft", id=f"{id}-help")] if help else []
    made = [
        tags.label(
            tags.input(
                type="checkbox",
                name=id,
                value=value,
                checked="" if value in ticked else None,
            ),
            tags.span(words, tags.small(more[value]) if value in more else None),
            class_="box",
        )
        for value, words in options.items()
    ]
    return tags.fieldset(
        tags.legend(legend),
        *hint,
        tags.div(
            *made,
            id=id,
            class_="shiny-input-checkboxgroup boxes",
            role="group",
            aria_label=legend,
        ),
        class_="field group",
    )


def file_place(
    id: str, words: str, accept: str, small: str = "", *, wide: bool = False
) -> Tag:
    """Return where a file is dropped, or chosen with the keyboard."""
    return tags.div(
        tags.div(
            tags.label(
                tags.span(tags.b(words), " or drop it here"),
                tags.small(small) if small else None,
                tags.input(
                    id=id,
                    name=id,
                    type="file",
                    accept=accept,
                    class_="shiny-input-file",
                    aria_describedby=f"{id}-refused",
                ),
                for_=id,
                class_="drop-label",
            ),
            tags.input(type="text", readonly="", hidden="", tabindex="-1"),
            class_="input-group drop" if wide else "input-group drop slim",
        ),
        tags.div(
            tags.div(class_="progress-bar"),
            id=f"{id}_progress",
            class_="progress active shiny-file-input-progress",
        ),
        tags.p("", class_="refused", role="alert", id=f"{id}-refused"),
        class_="form-group",
    )
