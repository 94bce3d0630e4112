"""The step Teaching: the classic study step by step, then and today, the truth last."""

from typing import Any

from htmltools import Tag, TagList, tags
from shiny import module, reactive, render, ui as elements

from waistats._labels import column_words
from waistats.app._fields import number
from waistats.app._generalize import joined_limits
from waistats.app._parts import button, card, code, figure, notice, sends, table
from waistats.app._session import AppState
from waistats.app._state import Calls
from waistats.app._teaching import (
    SEED,
    Lesson,
    Shown,
    check_seed,
    teaching_commands,
    teaching_python,
)
from waistats.app._views import lessons
from waistats.errors import ModelError

_WHEN = {
    "before": "The study and its data",
    "then": "Then: as in 2002",
    "today": "Today",
    "truth": "The truth",
}
_PAIRS = {
    "CI": ("ci_low", "ci_high"),
    "PI": ("pi_low", "pi_high"),
    "in a sample of n": ("observed_low", "observed_high"),
}
_HEADS = {
    "estimate": "Pooled α", "mean": "Plain mean", "truth": "True α", "true_tau": "True τ",
    "covered": "CI holds it", "k_studies": "Studies", "version": "Version",
    "scales": "Scales", "fact": "Fact", "value": "What is known", "here": "SIMULATED",
    "original": "Original (2002)", "above_80": "P(true α > .80)",
}  # fmt: skip
_CORRELATION = {**_HEADS, "estimate": "r"}
_PREDICTED = {**_HEADS, "estimate": "α"}


@module.ui
def ui() -> Any:
    """Return the page of the step."""
    return TagList(
        tags.p(
            "Reliability generalization as it began, and as it is done today, on SIMULATED "
            "answers whose truth is known. It is shown at the end.",
            class_="intro",
        ),
        elements.output_ui("progress"),
        elements.output_ui("steps"),
        elements.output_ui("lesson"),
        elements.output_ui("seeds"),
    )


@module.server
def server(input: Any, output: Any, session: Any, state: AppState) -> None:
    """Answer the page of the step."""
    ns = session.ns
    job = state.job("Preparing the lesson")
    at: reactive.Value[int] = reactive.Value(0)
    seed: reactive.Value[int] = reactive.Value(SEED)
    wrong: reactive.Value[str] = reactive.Value("")
    begun: list[int] = []

    @reactive.effect
    def _begin() -> None:
        if state.step.get() != "teaching":
            return
        wanted = seed.get()
        if begun[-1:] != [wanted]:
            begun.append(wanted)
            with reactive.isolate():
                job.start(lessons, wanted)

    @reactive.effect
    @reactive.event(input.go)
    async def _go() -> None:
        found = job.result.get()
        place = int(input.go())
        if found is not None and 0 <= place < len(found):
            at.set(place)
            await session.send_custom_message("focus", {"id": ns("card")})

    @reactive.effect
    @reactive.event(input.draw)
    def _draw() -> None:
        try:
            wanted = check_seed(input.seed())
        except ModelError as error:
            wrong.set(str(error))
            return
        wrong.set("")
        seed.set(wanted)

    @reactive.effect
    @reactive.event(input.cancel)
    def _cancel() -> None:
        job.cancel()
        begun.clear()

    @reactive.effect
    @reactive.event(input.again)
    def _again() -> None:
        begun.append(seed.get())
        job.start(lessons, seed.get())

    @render.ui
    def progress() -> Any:
        shown = job.shown(ns("cancel"))
        if job.standing.get().status == "cancelled":
            again = sends("Prepare the lesson", ns("again"), 1, "first")
            return TagList(shown, tags.div(again, class_="row after-notice"))
        return shown

    @render.ui
    def steps() -> Any:
        found = job.result.get()
        return None if found is None else _steps(found, at.get(), ns)

    @render.ui
    def lesson() -> Any:
        found = job.result.get()
        return None if found is None else _lesson(found, at.get(), ns)

    @render.ui
    def seeds() -> Any:
        if job.result.get() is None:
            return None
        with reactive.isolate():
            now = seed.get()
        return TagList(
            card(
                "Another draw",
                tags.p(
                    f"The same seed gives the same answers. Seed {SEED} gives the study of "
                    "waistats reproduce."
                ),
                notice(wrong.get(), "stop") if wrong.get() else None,
                tags.div(
                    number(ns("seed"), "Seed", now, min="0", step="1"),
                    button(ns("draw"), "Draw again"),
                    class_="row bottom",
                ),
            ),
            code(
                Calls(
                    python=teaching_python(now),
                    commands=teaching_commands(now),
                ),
                ns("code"),
            ),
        )


def _steps(found: tuple[Lesson, ...], at: int, ns: Any) -> Tag:
    """Return the way through the lesson."""
    items = [
        tags.li(
            tags.button(
                tags.span(str(i + 1), class_="mark", aria_hidden="true"),
                tags.span(one.title),
                type="button",
                data_input=ns("go"),
                data_value=str(i),
                aria_current="step" if i == at else None,
                class_=one.when,
            )
        )
        for i, one in enumerate(found)
    ]
    return tags.nav(tags.ol(*items), aria_label="Steps of the lesson", class_="lessons")


def _lesson(found: tuple[Lesson, ...], at: int, ns: Any) -> Tag:
    one = found[at]
    python = f"# Step {at + 1}: {one.title}\n{one.python}"
    way: list[Any] = []
    if at:
        way.append(sends("Back", ns("go"), at - 1))
    if at + 1 < len(found):
        words = "Show the truth" if found[at + 1].when == "truth" else "Next step"
        way.append(sends(words, ns("go"), at + 1, "first"))
    return card(
        f"{at + 1}. {one.title}",
        tags.p(_WHEN[one.when], class_=f"when {one.when}"),
        *(tags.p(words) for words in one.words),
        tags.figure(
            tags.figcaption("SIMULATED: stem and leaf of all alphas"),
            tags.pre(one.text, tabindex="0"),
        )
        if one.text
        else None,
        *(figure(picture) for picture in one.pictures),
        *(_table(shown) for shown in one.tables),
        tags.div(tags.b("To think about"), tags.p(one.ask), class_="ask")
        if one.ask
        else None,
        tags.details(
            tags.summary("The lines of this step"),
            tags.pre(python, tabindex="0"),
        ),
        tags.div(*way, class_="row"),
        id=ns("card"),
        kind="lesson",
    )


def _table(shown: Shown) -> Tag:
    frame = shown.frame.drop(columns="provenance", errors="ignore")
    if "moderator" in frame:
        words = [column_words(str(name)) for name in frame["moderator"]]
        frame = frame.assign(moderator=words)
    for name in ("covered", "explains"):
        if name in frame:
            said = ["yes" if value else "no" for value in frame[name]]
            frame = frame.assign(**{name: said})
    frame = joined_limits(frame, _PAIRS)
    heads = {"correlated": _CORRELATION, "predicted": _PREDICTED}.get(
        shown.name, _HEADS
    )
    marks = (
        [not bool(value) for value in shown.frame["covered"]]
        if "covered" in shown.frame
        else []
    )
    return table(
        frame,
        shown.caption,
        heads=heads,
        note=shown.note,
        marked=marks,
        tight=shown.name in ("truth", "pooled", "predicted", "described"),
        alphas=("truth", "mean", "mode", "min", "max"),
    )
