"""The page: four steps and the classroom, and the session behind it."""

import re
import shutil
import tempfile
from pathlib import Path

from htmltools import HTML, HTMLDependency, tags
from shiny import App, Inputs, Outputs, Session, reactive, ui

from waistats.app import data, generalize, reliability, report, teaching
from waistats.app._session import AppState

_MARK = '<meta name="shiny-dependency-placeholder" content="">'
_INLINE = re.compile(r"<script>(.*?)</script>", re.S)
ASSETS = Path(__file__).parent / "assets"
# id, name, what it is for, module
STEPS = (
    ("data", "Data", "A file and what it holds", data),
    ("reliability", "Reliability", "By study and scale", reliability),
    ("generalize", "Generalize", "Pool and explain", generalize),
    ("report", "Report", "Write it down", report),
    ("teaching", "Teaching", "The classic study", teaching),
)


def _assets() -> HTMLDependency:
    from waistats import __version__

    return HTMLDependency(
        "waistats-app",
        __version__.replace("+", "."),
        source={"subdir": str(ASSETS)},
        script={"src": "app.js", "defer": ""},
        stylesheet={"href": "app.css"},
    )


def page() -> str:
    """Return the whole page, with a mark where Shiny puts its scripts."""
    marks = "1234\u2605"
    links = [
        tags.li(
            tags.a(
                tags.span(marks[i - 1], class_="mark", aria_hidden="true"),
                tags.span(tags.b(name), tags.small(words), class_="words"),
                href=f"#{id}",
                data_step=id,
                aria_current="step" if i == 1 else None,
            ),
            class_="apart" if i > 4 else None,
        )
        for i, (id, name, words, _) in enumerate(STEPS, start=1)
    ]
    sections = [
        tags.section(
            tags.h2(name, id=f"{id}-title", tabindex="-1"),
            module.ui(id),
            id=id,
            class_="step",
            aria_labelledby=f"{id}-title",
            hidden=None if i == 0 else "",
        )
        for i, (id, name, _, module) in enumerate(STEPS)
    ]
    document = tags.html(
        tags.head(
            tags.meta(charset="utf-8"),
            tags.meta(name="viewport", content="width=device-width, initial-scale=1"),
            HTML(_MARK),
            tags.link(rel="icon", href="data:,"),
            tags.title("waistats"),
        ),
        tags.body(
            tags.a("Skip to content", href="#main", class_="skip"),
            tags.header(
                tags.h1("waistats"),
                tags.p("Reliability generalization \u00b7 on this machine only"),
                class_="top",
            ),
            tags.nav(tags.ol(*links), aria_label="Steps", class_="steps"),
            tags.main(*sections, id="main", tabindex="-1"),
            tags.div(
                "The app has stopped, or the connection was lost. Start waistats app "
                "again and open the new address.",
                id="lost",
                role="alert",
                hidden="",
            ),
        ),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{document}"


def inline_scripts(app: App) -> list[str]:
    """Return the scripts inside the page itself, which its policy must name."""
    rendered = app.ui
    html = "" if callable(rendered) else rendered["html"]
    return [text for text in _INLINE.findall(html) if text.strip()]


def make_app(folder: Path, first: Path | None = None) -> App:
    """Return the program of the app.

    Parameters
    ----------
    folder : Path
        A private folder.
    first : Path, optional
        A file to begin with.
    """

    def server(input: Inputs, output: Outputs, session: Session) -> None:
        own = Path(tempfile.mkdtemp(prefix="page-", dir=folder))
        state = AppState(session, own, first)

        @session.on_ended
        def _() -> None:
            state.worker.close()
            shutil.rmtree(own, ignore_errors=True)

        @reactive.effect
        @reactive.event(input.step)
        def _() -> None:
            state.step.set(str(input.step()))

        @reactive.effect
        async def _() -> None:
            await session.send_custom_message("step", {"id": state.step.get()})

        for id, _name, _words, module in STEPS:
            module.server(id, state)

    made = App(ui.page_html(page(), extra_deps=[_assets()]), server)
    made.sanitize_errors = True
    return made
