"""The step Data: a file, what was recognized, and what it does not say."""

import re
from collections.abc import Sequence
from typing import Any

from htmltools import Tag, TagList, tags
from shiny import module, reactive, render, ui as elements

from waistats._caller import FIELDS
from waistats.app._fields import ACCEPT, file_place
from waistats.app._intake import COEFFICIENTS, Look, look, practice
from waistats.app._parts import button, card, choice, code, notice, sends, table
from waistats.app._session import AppState
from waistats.app._state import Data

_PRACTICE = {
    "clinic-clean.sav": "SPSS, clean: three sites",
    "clinic-messy.sav": "SPSS, messy: two raters, two sessions, 99 for no answer",
    "qualtrics-export.csv": "An export of Qualtrics, answers in words",
    "ward-list.xlsx": "Excel with a title above the names",
    "coding-sheet.csv": "A filled coding sheet",
}
_SEVERITY = {"stop": "Needs an answer", "warning": "Warning", "note": "Note"}
_STOP = "stop"


@module.ui
def ui() -> Any:
    """Return the page of the step."""
    id = module.resolve_id
    return TagList(
        tags.p(
            "Open a file of answers, or a table of published coefficients. It stays on "
            "this machine.",
            class_="intro",
        ),
        card(
            "Your file",
            file_place(
                id("file"),
                "Choose a file",
                ACCEPT,
                "SPSS, CSV, Excel, Stata, Parquet; up to 200 MB",
                wide=True,
            ),
            tags.div(
                tags.div(
                    choice(
                        id("practice"), "Or practise with a SIMULATED file", _PRACTICE
                    ),
                    button(id("use_practice"), "Open"),
                    class_="row bottom",
                ),
                class_="practice",
            ),
            _reading(id),
        ),
        elements.output_ui("progress"),
        elements.output_ui("found"),
    )


def _reading(id: Any) -> Tag:
    """Return what can be said of a file that is not read as it should be."""

    def field(name: str, label: str, kind: str = "text", **more: Any) -> Tag:
        return tags.div(
            tags.label(label, for_=id(name)),
            tags.input(id=id(name), type=kind, class_=f"shiny-input-{kind}", **more),
            class_="field",
        )

    return tags.details(
        tags.summary("How the file is read"),
        tags.div(
            field("skip_rows", FIELDS["skip_rows"], "number", min="0"),
            field("sheet", FIELDS["sheet"]),
            field("encoding", FIELDS["encoding"], placeholder="such as cp1251"),
            field(
                "missing_words",
                FIELDS["missing_words"],
                placeholder="separated by commas",
            ),
            class_="fields",
        ),
        button(id("read_again"), "Read again"),
    )


@module.server
def server(input: Any, output: Any, session: Any, state: AppState) -> None:
    """Answer the page of the step."""
    ns = session.ns
    reading = state.job("Reading the file")
    opening = state.job("Writing the practice file")
    chosen = state.part("data")
    number = 0

    def begin(name: str, *, options: tuple[tuple[str, Any], ...] = ()) -> None:
        nonlocal number
        number += 1
        state.change(data=Data(name=name, number=number, reading=options))

    @reactive.effect
    def _first() -> None:
        if state.first is not None:
            with reactive.isolate():
                begin(state.keep(state.first, state.first.name))

    @reactive.effect
    @reactive.event(input.file)
    def _uploaded() -> None:
        files = input.file()
        if files:
            begin(state.keep(files[0]["datapath"], files[0]["name"]))

    @reactive.effect
    @reactive.event(input.use_practice)
    def _practice() -> None:
        opening.start(practice, input.practice())

    @reactive.effect
    def _opened() -> None:
        name = opening.result.get()
        if name is not None:
            with reactive.isolate():
                begin(name)
                opening.forget()

    @reactive.effect
    @reactive.event(input.read_again)
    def _again() -> None:
        data = chosen()
        if data.name:
            begin(data.name, options=_options(input))

    @reactive.effect
    @reactive.event(input.read_with)
    def _with() -> None:
        # a button of a message: one more option of reading
        name, value = input.read_with()
        if name in ("skip_rows", "encoding"):
            kept = [pair for pair in chosen().reading if pair[0] != name]
            given = int(value) if name == "skip_rows" else str(value)
            begin(chosen().name, options=(*kept, (name, given)))

    @reactive.effect
    def _look() -> None:
        data = chosen()
        if data.name:
            reading.start(look, data)
        else:
            reading.forget()

    @reactive.effect
    async def _focus() -> None:
        # what is new is where the eye and the keyboard go on
        made = reading.result.get()
        if made is not None:
            part = ns("ready" if made.question is None else "question")
            await session.send_custom_message("focus", {"id": part})

    @reactive.effect
    @reactive.event(input.answer)
    def _answer() -> None:
        id, value = (str(part) for part in input.answer())
        open_one = _question(reading.result.get())
        if open_one is None or open_one.id != id:
            return
        if value == _STOP:
            state.change(data=Data())
            return
        state.change(data=chosen().answered(id, value))

    @reactive.effect
    @reactive.event(input.send_text)
    def _text() -> None:
        open_one = _question(reading.result.get())
        value = str(input.text_answer() or "").strip()
        if open_one is not None and value:
            state.change(data=chosen().answered(open_one.id, value))

    @reactive.effect
    @reactive.event(input.take_back)
    def _back() -> None:
        state.change(data=chosen().taken_back(str(input.take_back())))

    @reactive.effect
    @reactive.event(input.cancel)
    def _cancel() -> None:
        reading.cancel()

    @reactive.effect
    @reactive.event(input.go_on)
    def _go_on() -> None:
        found = reading.result.get()
        if found is None:
            return
        if found.kind == COEFFICIENTS:
            name = chosen().name
            with reactive.isolate():
                kept = [one for one in state.tables.get() if one != name]
            state.tables.set((*kept, name))
            state.go("generalize")
        elif found.ready:
            state.go("reliability")

    @render.ui
    def progress() -> Any:
        return TagList(
            opening.shown(ns("cancel")), reading.shown(ns("cancel")), _ways()
        )

    def _ways() -> Any:
        """Return what can be done about a file that was refused, in a click."""
        standing = reading.standing.get()
        data = chosen()
        if standing.status != "refused":
            return None
        buttons = []
        if found := re.search(rf"{FIELDS['skip_rows']}: (\d+)", standing.text):
            rows = int(found[1])
            said = "row" if rows == 1 else "rows"
            pair = ["skip_rows", rows]
            buttons.append(sends(f"Skip {rows} {said}", ns("read_with"), pair, "first"))
        if data.answers:
            last = data.answers[-1][0]
            buttons.append(sends("Take back the last answer", ns("take_back"), last))
        return tags.div(*buttons, class_="row after-notice") if buttons else None

    @render.ui
    def found() -> Any:
        made = reading.result.get()
        data = chosen()
        if made is None or not data.name:
            return None
        return _found(made, data, ns)


def _question(found: Look | None) -> Any:
    return None if found is None else found.question


def _options(input: Any) -> tuple[tuple[str, Any], ...]:
    """Return the options of reading that were typed."""
    given: list[tuple[str, Any]] = []
    rows = input.skip_rows()
    if rows:
        given.append(("skip_rows", int(rows)))
    for name in ("sheet", "encoding"):
        text = str(input[name]() or "").strip()
        if text:
            given.append((name, text))
    words = [word.strip() for word in str(input.missing_words() or "").split(",")]
    if any(words):
        given.append(("missing_words", tuple(word for word in words if word)))
    return tuple(given)


def _found(found: Look, data: Data, ns: Any) -> TagList:
    parts: list[Any] = []
    if found.question is not None:
        parts.append(_asked(found.question, ns))
    elif found.kind == COEFFICIENTS:
        parts.append(_ready("This is a table of coefficients.", "Generalize", ns))
    else:
        parts.append(_ready("The file is ready.", "Reliability", ns))
    parts.append(_recognized(found, data, ns))
    if found.findings or found.notes:
        parts.append(_findings(found))
    parts.append(
        card(
            "First rows",
            table(
                found.preview,
                f"Of {data.name}, the first {len(found.preview)}",
                heads=_same(found),
                tight=True,
            ),
        )
    )
    if found.calls.python:
        parts.append(code(found.calls, ns("code")))
    return TagList(*parts)


def _same(found: Look) -> dict[str, str]:
    """Return the names of the file's columns as they are."""
    return {str(name): str(name) for name in found.preview.columns}


def _ready(text: str, step: str, ns: Any) -> Tag:
    return notice(
        text,
        "done",
        tags.div(button(ns("go_on"), f"Continue to {step}", "first"), class_="row"),
        id=ns("ready"),
    )


def _asked(question: Any, ns: Any) -> Tag:
    """Return a question with its answers, each one click."""
    if not question.choices:
        answers: Sequence[Any] = (
            tags.div(
                tags.label(
                    "Your answer", for_=ns("text_answer"), class_="hidden-label"
                ),
                tags.input(
                    id=ns("text_answer"),
                    type="text",
                    class_="shiny-input-text",
                    value=question.default or "",
                ),
                class_="field wide",
            ),
            button(ns("send_text"), "Continue", "first"),
        )
    else:
        answers = [
            sends(
                _capital(one.text),
                ns("answer"),
                [question.id, one.value],
                "first" if one.value == question.default else "",
            )
            for one in question.choices
        ]
    return card(
        "A question about the file",
        tags.p(question.text),
        tags.div(*answers, class_="row answers"),
        id=ns("question"),
        kind="asks",
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if " " in text else text


def _recognized(found: Look, data: Data, ns: Any) -> Tag:
    by = {"data": "from the file", "user": "your answer", "": ""}
    rows = []
    for fact in found.facts:
        who = by[fact.by]
        back = (
            sends(
                "Change",
                ns("take_back"),
                fact.question,
                "link",
                aria_label=f"Change the answer: {fact.name}",
            )
            if fact.question
            else None
        )
        rows.append(
            tags.div(
                tags.dt(fact.name),
                tags.dd(
                    tags.span(fact.value),
                    tags.span(who, class_="who") if who else None,
                    back,
                ),
            )
        )
    simulated = (
        tags.p(tags.b("SIMULATED"), " data: for practice, not for conclusions.")
        if found.simulated
        else None
    )
    return card(f"What {data.name} holds", simulated, tags.dl(*rows, class_="facts"))


def _findings(found: Look) -> Tag | None:
    asked = found.question
    rows = [
        tags.li(
            tags.span(_SEVERITY[one.severity], class_=f"badge {one.severity}"),
            tags.span(_sentence(one.text)),
        )
        for one in found.findings
        if asked is None or one.finding != asked.id
    ]
    rows += [
        tags.li(tags.span("Note", class_="badge note"), tags.span(_sentence(note)))
        for note in found.notes
    ]
    if not rows:
        return None
    return card("What the check found", tags.ul(*rows, class_="findings"))


def _sentence(text: str) -> str:
    begun = text[:1].upper() + text[1:]
    return begun if begun.endswith(".") else f"{begun}."
