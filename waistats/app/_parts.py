"""Pieces of the page that every step uses: text that is escaped, labelled, in order."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from htmltools import HTML, Tag, TagList, tags

from waistats._format import cell, coefficient, counted, fixed
from waistats._labels import LABELS, plain_head
from waistats.app._state import Calls
from waistats.app._svg import Picture


def card(title: str, *content: Any, id: str | None = None, kind: str = "") -> Tag:
    """Return a part of a step under its heading."""
    return tags.section(
        tags.h3(title), *content, id=id, class_=f"card {kind}".strip(), tabindex="-1"
    )


def notice(text: str, tone: str = "note", *more: Any, id: str | None = None) -> Tag:
    """Return a message in place; ``tone`` is note, warning, stop or done.

    With an ``id`` it can be given the focus.
    """
    role = "alert" if tone == "stop" else "status"
    lines = [tags.p(line) for line in text.split("\n") if line.strip()]
    reach = {} if id is None else {"id": id, "tabindex": "-1"}
    return tags.div(*lines, *more, class_=f"notice {tone}", role=role, **reach)


def facts(pairs: Iterable[tuple[str, Any]]) -> Tag:
    """Return names and what is known of them."""
    rows = [tags.div(tags.dt(name), tags.dd(value)) for name, value in pairs]
    return tags.dl(*rows, class_="facts")


def code(calls: Calls, id: str) -> Tag:
    """Return the Python and the commands of a choice, each with a button to copy it."""
    blocks = []
    for words, text in (("Python", calls.python), ("Command line", calls.commands)):
        if text:
            name = f"{id}-{words.split()[0].lower()}"
            blocks.append(
                tags.div(
                    tags.div(
                        tags.h4(words),
                        tags.button(
                            "Copy",
                            type="button",
                            class_="quiet copy",
                            data_copies=name,
                            aria_label=f"Copy the {words}",
                        ),
                        class_="code-head",
                    ),
                    tags.pre(text, id=name, tabindex="0"),
                    class_="code-block",
                )
            )
    return tags.details(
        tags.summary("The same in Python and at the command line"),
        *blocks,
        class_="card code",
        open="",
    )


def table(
    frame: pd.DataFrame,
    caption: str,
    *,
    heads: dict[str, str] | None = None,
    digits: int = 3,
    note: str = "",
    most: int = 200,
    marked: Sequence[bool] = (),
    tight: bool = False,
    alphas: Sequence[str] = (),
) -> Tag:
    """Return a frame as a table, rounded as the package rounds; every text is escaped.

    Long tables are cut, and say so; ``marked`` rows are set off; the cells of a
    ``tight`` table stay on one line; ``alphas`` are columns of reliabilities.
    """
    named = heads or {}
    shown = frame.head(most)
    head = [
        tags.th(
            named.get(str(name), head_of(str(name))),
            scope="col",
            class_="num" if _is_number(frame[name]) else None,
        )
        for name in frame.columns
    ]
    rows = []
    for i, values in enumerate(shown.itertuples(index=False)):
        cells = [
            tags.td(
                coefficient(float(value), digits)
                if name in alphas and not pd.isna(value)
                else _cell(str(name), value, digits),
                class_="num" if _is_number(frame[name]) else None,
            )
            for name, value in zip(frame.columns, values, strict=True)
        ]
        set_off = i < len(marked) and bool(marked[i])
        rows.append(tags.tr(*cells, class_="set-off" if set_off else None))
    below = [note] if note else []
    if len(frame) > most:
        below.insert(0, f"The first {most} of {counted(len(frame), 'row')}.")
    return tags.figure(
        tags.figcaption(caption),
        tags.div(
            tags.table(tags.thead(tags.tr(*head)), tags.tbody(*rows)),
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label=f"Table: {caption}",
        ),
        *(tags.p(text, class_="soft") for text in below),
        class_="table tight" if tight else "table",
    )


def head_of(name: str) -> str:
    """Return how a column is headed: as everywhere in the package."""
    label = LABELS.get(name)
    text = plain_head(name) if label is None else label.head
    return text.replace("*", "").replace("_{", "").replace("}", "")


def _is_number(values: "pd.Series[Any]") -> bool:
    numeric = pd.api.types.is_numeric_dtype(values)
    return bool(numeric and not pd.api.types.is_bool_dtype(values))


def _cell(name: str, value: Any, digits: int) -> str:
    label = LABELS.get(name)
    show = "" if label is None else label.show
    if show in ("coefficient", "bounded") and not pd.isna(value):
        return coefficient(float(value), digits)
    if show == "number2" and not pd.isna(value):
        return fixed(float(value), 2)
    if show == "words" and (value is None or value is pd.NA):
        return ""
    return cell(name, value, digits)


def figure(picture: Picture) -> Tag:
    """Return a figure of the package with its caption, and a button that saves it."""
    note = [tags.p(picture.note, class_="soft")] if picture.note else []
    return tags.figure(
        tags.figcaption(picture.caption),
        tags.div(
            HTML(picture.svg),
            class_="scroll drawn",
            tabindex="0",
            role="region",
            aria_label=f"Figure: {picture.caption}",
        ),
        tags.div(
            tags.button(
                "Save SVG",
                type="button",
                class_="quiet",
                data_saves=f"{picture.name}.svg",
                aria_label=f"Save the figure {picture.caption} as SVG",
            ),
            class_="tools",
        ),
        *note,
        class_="drawing",
    )


def choice(
    id: str,
    label: str,
    options: dict[str, str],
    selected: str | None = None,
    help: str = "",
) -> Tag:
    """Return a list to choose from; its value reaches the server under ``id``."""
    made = [
        tags.option(text, value=value, selected="" if value == selected else None)
        for value, text in options.items()
    ]
    hint = [tags.p(help, class_="soft", id=f"{id}-help")] if help else []
    return tags.div(
        tags.label(label, for_=id),
        tags.select(
            *made,
            id=id,
            class_="shiny-input-select",
            aria_describedby=f"{id}-help" if help else None,
        ),
        *hint,
        class_="field",
    )


def button(id: str, text: str, kind: str = "", **more: Any) -> Tag:
    """Return a button that the server hears under ``id``."""
    return tags.button(
        text, id=id, type="button", class_=f"action-button {kind}".strip(), **more
    )


def sends(text: str, input: str, value: Any, kind: str = "", **more: Any) -> Tag:
    """Return a button that sends a value to the server under the name of an input."""
    import json

    return tags.button(
        text,
        type="button",
        class_=kind or None,
        data_input=input,
        data_value=json.dumps(value),
        **more,
    )


def together(*parts: Any) -> TagList:
    """Return parts side by side in the page."""
    return TagList(*parts)
