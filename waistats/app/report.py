"""The step Report: reports and files to save, the session, and the coding sheet."""

from pathlib import Path
from typing import Any

from htmltools import Tag, TagList, tags
from shiny import module, reactive, render, ui as elements

from waistats.app._fields import ACCEPT, boxes, file_place
from waistats.app._generalize import findings_shown
from waistats.app._parts import button, card, choice, code, notice, sends
from waistats.app._report import BESIDE, DOWNLOADS, FORMATS, MIME, SHEETS, THEMES
from waistats.app._session import AppState
from waistats.app._state import Report
from waistats.app._views import (
    Checked,
    Tables,
    calls_of,
    check_table,
    opened,
    tables,
    written,
)


@module.ui
def ui() -> Any:
    """Return the page of the step."""
    id = module.resolve_id
    return TagList(
        tags.p(
            "Save the study as a report, its tables and figures; keep the session; or "
            "code publications with the coding sheet.",
            class_="intro",
        ),
        elements.output_ui("lacking"),
        card(
            "The study",
            tags.ul(
                *(_offer(id, kind, *words) for kind, words in DOWNLOADS.items()),
                class_="tables offers",
            ),
            elements.output_ui("drawn"),
        ),
        elements.output_ui("progress"),
        elements.output_ui("made"),
        elements.output_ui("as_code"),
        card(
            "Keep the session",
            tags.p(
                "Saved is the folder of a study, as one file: your choices, the files, and "
                "settings with which waistats project run gives the same numbers. It holds "
                "the answers that you opened."
            ),
            tags.div(
                button(id("save"), "Save the session", "first"), class_="row practice"
            ),
            file_place(
                id("session"),
                "Open a saved session",
                ".zip",
                "The .zip file of a session",
            ),
            elements.output_ui("opening"),
        ),
        card(
            "Coding sheet",
            tags.p(
                "A row for every coefficient that a publication reports. Fill the first "
                "sheet; the second explains its columns."
            ),
            tags.div(
                tags.div(
                    choice(id("kind"), "Empty sheet", dict(SHEETS), "sheet_core"),
                    button(id("sheet"), "Save the empty sheet"),
                    class_="row bottom",
                ),
                class_="practice",
            ),
            tags.div(
                tags.label(
                    tags.input(
                        id=id("queue"), type="checkbox", class_="shiny-input-checkbox"
                    ),
                    tags.span("With the reading queue, a row for each publication"),
                    class_="box",
                    for_=id("queue"),
                ),
                class_="practice",
            ),
            file_place(
                id("filled"),
                "Check a filled sheet",
                ACCEPT,
                "Every error and every doubt, in words and by its cell",
            ),
            elements.output_ui("checking"),
        ),
    )


def _offer(id: Any, kind: str, title: str, words: str) -> Tag:
    return tags.li(
        tags.div(tags.b(title), tags.span(words, class_="soft")),
        sends(
            "Save",
            id("write"),
            kind,
            "first" if kind == "short" else "quiet",
            aria_label=f"Save: {title}",
        ),
    )


@module.server
def server(input: Any, output: Any, session: Any, state: AppState) -> None:
    """Answer the page of the step."""
    ns = session.ns
    writing = state.job("Writing")
    opening_job = state.job("Opening the session")
    checking_job = state.job("Checking the sheet")
    coding = state.job("Reading tables")
    listing = state.job("Reading tables")
    chosen, data = state.part("generalize"), state.part("data")
    reliability = state.part("reliability")
    number = [1000]

    @reactive.calc
    def any_table() -> bool:
        made = state.choices.get()
        own = made.generalize.own and bool(made.data.name)
        return bool(made.generalize.tables) or own

    @reactive.effect
    @reactive.event(input.write)
    def _write() -> None:
        kind = str(input.write())
        if kind in DOWNLOADS:
            writing.start(written, state.choices.get(), kind)

    @reactive.effect
    @reactive.event(input.theme, input.formats, input.forest_by, input.forest_columns)
    def _draw() -> None:
        state.change(report=_drawn(input, listing.result.get()))

    @reactive.effect
    def _list() -> None:
        chosen(), data(), reliability(), opening_job.result.get()
        shown = state.step.get() == "report"
        # a choice of how figures are drawn is no reason to read tables again
        with reactive.isolate():
            if shown and any_table():
                listing.start(tables, state.choices.get())

    @render.ui
    def drawn() -> Any:
        found = listing.result.get()
        with reactive.isolate():
            return _forms(state.choices.get().report, found, ns)

    @reactive.effect
    @reactive.event(input.save)
    def _save() -> None:
        writing.start(written, state.choices.get(), "session")

    @reactive.effect
    @reactive.event(input.sheet)
    def _sheet() -> None:
        kind = str(input.kind())
        if kind in SHEETS:
            queue = bool(input.queue())
            writing.start(written, state.choices.get(), kind, queue)

    @reactive.effect
    @reactive.event(input.session)
    def _open() -> None:
        files = input.session()
        if files:
            number[0] += 1
            name = state.keep(files[0]["datapath"], files[0]["name"])
            opening_job.start(opened, name, number[0])

    @reactive.effect
    def _opened() -> None:
        found = opening_job.result.get()
        if found is not None:
            with reactive.isolate():
                state.choices.set(found)

    @reactive.effect
    @reactive.event(input.filled)
    def _check() -> None:
        files = input.filled()
        if files:
            number[0] += 1
            name = state.keep(files[0]["datapath"], files[0]["name"])
            checking_job.start(check_table, name, (), number[0])

    @reactive.effect
    @reactive.event(input.use)
    def _use() -> None:
        found = checking_job.result.get()
        if isinstance(found, Checked):
            with reactive.isolate():
                kept = [one for one in state.tables.get() if one != found.name]
            state.tables.set((*kept, found.name))
            state.go("generalize")

    @reactive.effect
    @reactive.event(input.cancel)
    def _cancel() -> None:
        for job in (writing, opening_job, checking_job, coding, listing):
            job.cancel()

    @reactive.effect
    @reactive.event(input.back)
    def _back() -> None:
        state.go("generalize")

    @reactive.effect
    def _code() -> None:
        made = state.choices.get()
        if state.step.get() == "report" and any_table():
            with reactive.isolate():
                coding.start(calls_of, made)

    @reactive.effect
    async def _ready() -> None:
        if writing.result.get() is not None:
            await session.send_custom_message("click", {"id": ns("file")})

    @render.ui
    def lacking() -> Any:
        if any_table():
            return None
        return notice(
            "There are no coefficients yet: open a file of answers in the step Data, or "
            "add a table in the step Generalize.",
            "note",
            tags.div(sends("Choose tables", ns("back"), 1, "first"), class_="row"),
        )

    @render.ui
    def progress() -> Any:
        return writing.shown(ns("cancel"))

    @render.ui
    def made() -> Any:
        name = writing.result.get()
        if name is None:
            return None
        link = tags.a(
            f"Save {Path(name).name}",
            id=ns("file"),
            class_="shiny-download-link button first",
            href="",
            download="",
        )
        return notice(
            f"{Path(name).name} is ready; it was made on this machine only.",
            "done",
            tags.div(link, class_="row"),
        )

    def _name() -> str:
        with reactive.isolate():
            made = writing.result.get()
        return "" if made is None else Path(made).name

    @render.download_link(
        filename=_name,
        media_type=lambda: MIME.get(Path(_name()).suffix, "application/octet-stream"),
    )
    def file() -> Any:
        with reactive.isolate():
            made = writing.result.get()
        yield (state.folder / made).read_bytes()

    @render.ui
    def as_code() -> Any:
        found = coding.result.get()
        return None if found is None else code(found, ns("code"))

    @render.ui
    def opening() -> Any:
        shown = opening_job.shown(ns("cancel"))
        if opening_job.result.get() is None:
            return shown
        return notice("The session is open; every step shows its choices.", "done")

    @render.ui
    def checking() -> Any:
        found = checking_job.result.get()
        parts: list[Any] = [checking_job.shown(ns("cancel"))]
        if isinstance(found, Checked):
            parts.append(_sheet_found(found, ns))
        return TagList(*parts)


def _forms(made: Report, found: Any, ns: Any) -> TagList:
    """Return the choices of how figures are drawn."""
    offered = found.moderators if isinstance(found, Tables) else ()
    groups = {one.name: one.words for one in offered if not one.number}
    columns = {**BESIDE, **{one.name: one.words for one in offered}}
    return TagList(
        tags.div(
            choice(ns("theme"), "Figure files", dict(THEMES), made.theme),
            class_="fields",
        ),
        boxes(ns("formats"), "Kinds of figure files", FORMATS, made.figure_format),
        tags.details(
            tags.summary("Forest plots"),
            tags.div(
                choice(
                    ns("forest_by"),
                    "Groups",
                    {"": "none", **groups},
                    made.forest_by,
                ),
                class_="fields",
            ),
            boxes(
                ns("forest_columns"),
                "Columns next to the plot",
                columns,
                made.forest_columns,
                "None ticked: respondents, items, coefficient and weight",
            ),
            class_="practice",
        ),
    )


def _drawn(input: Any, found: Any) -> Report:
    """Return the choices of the form, each one of what it offers."""
    offered = found.moderators if isinstance(found, Tables) else ()
    names = [*BESIDE, *(one.name for one in offered)]

    def some_of(name: str, known: Any) -> tuple[str, ...]:
        return tuple(value for value in input[name]() or () if value in known)

    by, theme = str(input.forest_by() or ""), str(input.theme())
    usual = Report()
    return Report(
        forest_columns=some_of("forest_columns", names),
        forest_by=by if by in names else "",
        figure_format=some_of("formats", FORMATS) or usual.figure_format,
        theme=theme if theme in THEMES else usual.theme,
    )


def _sheet_found(found: Checked, ns: Any) -> Any:
    """Return what the check of a sheet found, and the way on."""
    if found.missing:
        return notice(
            f"{found.name} is no coding sheet: it has no column "
            f"{', '.join(found.missing)}. The step Generalize matches columns of another "
            "name.",
            "stop",
            tags.div(
                sends("Match its columns in Generalize", ns("use"), 1), class_="row"
            ),
        )
    on = sends("Use it in Generalize", ns("use"), 1, "first")
    return TagList(
        findings_shown(found, checked=True),
        tags.div(on, class_="row") if found.chosen is not None else None,
    )
