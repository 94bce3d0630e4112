"""The step Reliability: coefficients by study and scale, items, the audit of the key."""

from typing import Any

import pandas as pd
from htmltools import Tag, TagList, tags
from shiny import module, reactive, render, ui as elements

from waistats._format import coefficient, counted, interval, level
from waistats.app._parts import (
    card,
    choice,
    code,
    figure,
    notice,
    sends,
    table,
)
from waistats.app._reliability import (
    LEVELS,
    MISSING,
    Coefficients,
    Items,
    choices_of,
    coefficient_names,
    coefficients,
    intervals_of,
    items,
    selected,
)
from waistats.app._session import AppState
from waistats.app._state import Reliability

_FILTERS = ("rater", "scale")


@module.ui
def ui() -> Any:
    """Return the page of the step."""
    id = module.resolve_id
    return TagList(
        tags.p(
            "How reliable the scores of your data are: by study, rater, session and scale.",
            class_="intro",
        ),
        card(
            "Coefficient",
            tags.div(
                choice(id("coefficient"), "Coefficient", coefficient_names(), "alpha"),
                elements.output_ui("kind_of_interval"),
                choice(id("missing"), "Missing answers", dict(MISSING), "listwise"),
                choice(id("level"), "Confidence", dict(LEVELS), "0.95"),
                class_="fields",
            ),
        ),
        elements.output_ui("progress"),
        elements.output_ui("found"),
        elements.output_ui("items_progress"),
        elements.output_ui("items_found"),
        elements.output_ui("after"),
    )


@module.server
def server(input: Any, output: Any, session: Any, state: AppState) -> None:
    """Answer the page of the step."""
    ns = session.ns
    looked = state.job("Looking at the items")
    data = state.part("data")
    chosen = state.part("reliability")

    @render.ui
    def kind_of_interval() -> Any:
        known = intervals_of(str(input.coefficient()))
        return choice(ns("ci"), "Interval", known, next(iter(known)))

    @reactive.effect
    @reactive.event(input.coefficient, input.ci, input.missing, input.level)
    def _choose() -> None:
        kind = str(input.coefficient())
        known = list(intervals_of(kind))
        ci = str(input.ci()) if input.ci() in known else known[0]
        usual = Reliability().ci
        made = Reliability(
            coefficient=kind,
            # the default gives every coefficient its own first interval
            ci=usual if ci == known[0] else ci,
            missing=str(input.missing()),
            conf_level=float(input.level()),
        )
        state.change(reliability=made)

    @reactive.calc
    def wanted() -> Any:
        """Return the choices once the step is shown and there is a file."""
        if not data().name or state.step.get() != "reliability":
            return None
        return data(), chosen()

    done: reactive.Value[Any] = reactive.Value(None)

    @reactive.effect
    def _compute() -> None:
        asked = wanted()
        with reactive.isolate():
            if asked is None or asked == done.get():
                return
            done.set(asked)
            looked.forget()
            state.own.start(coefficients, *asked)

    @reactive.effect
    @reactive.event(input.cancel)
    def _cancel() -> None:
        state.own.cancel()
        looked.cancel()
        done.set(None)

    @reactive.effect
    @reactive.event(input.sample)
    def _look() -> None:
        found = state.own.result.get()
        if found is not None and input.sample() in found.samples:
            looked.start(items, data(), str(input.sample()))

    @reactive.effect
    @reactive.event(input.go_on)
    def _go_on() -> None:
        state.go("generalize")

    @reactive.effect
    @reactive.event(input.to_data)
    def _to_data() -> None:
        state.go("data")

    @render.ui
    def progress() -> Any:
        if not data().name:
            back = sends("Open a file", ns("to_data"), 1, "first")
            return notice("There is no file yet.", "note", tags.div(back, class_="row"))
        return state.own.shown(ns("cancel"))

    @render.ui
    def found() -> Any:
        made = state.own.result.get()
        return None if made is None else _shown(made, ns)

    @render.ui
    def rows() -> Any:
        made = state.own.result.get()
        if made is None:
            return None
        picked = {name: input[f"only_{name}"]() for name in _filters(made)}
        return _rows(made, picked)

    @render.ui
    def items_progress() -> Any:
        return looked.shown(ns("cancel"))

    @render.ui
    def items_found() -> Any:
        made = looked.result.get()
        return None if made is None else _items(made, ns)

    @render.ui
    def after() -> Any:
        if state.own.result.get() is None:
            return None
        return tags.div(_on(ns), class_="row")


def _on(ns: Any) -> Tag:
    return sends("Continue to Generalize", ns("go_on"), 1, "first")


def _counted(made: Coefficients) -> str:
    known = made.table[made.table["estimate"].notna()]
    studies = known["study_id"].nunique()
    return f"{counted(len(known), 'coefficient')} of {counted(studies, 'study')}."


def _filters(made: Coefficients) -> list[str]:
    return [name for name in _FILTERS if len(choices_of(made.table, name)) > 1]


def _shown(made: Coefficients, ns: Any) -> TagList:
    filters = [
        choice(
            ns(f"only_{name}"),
            name.capitalize(),
            {"": "All", **{one: one for one in choices_of(made.table, name)}},
        )
        for name in _filters(made)
    ]
    notes = [tags.li(note) for note in made.notes]
    first = next((t for t in made.samples if t.endswith("total")), made.samples[0])
    return TagList(
        notice(_counted(made), "done", tags.div(_on(ns), class_="row")),
        card(
            "By study and scale",
            tags.div(*filters, class_="fields") if filters else None,
            elements.output_ui(ns("rows")),
            tags.div(tags.h4("Notes"), tags.ul(*notes), class_="notes")
            if notes
            else None,
        ),
        card("Figure", *(figure(picture) for picture in made.pictures)),
        code(made.calls, ns("code")),
        card(
            "Items",
            choice(
                ns("sample"),
                "Sample and scale",
                {title: title for title in made.samples},
                first,
            ),
        ),
    )


def _rows(made: Coefficients, picked: dict[str, Any]) -> Tag:
    shown = selected(made.table, picked)[list(made.shown)]
    said = " (SIMULATED data)" if made.simulated else ""
    limits = [
        interval(low, high)
        for low, high in zip(shown.pop("ci_low"), shown.pop("ci_high"), strict=True)
    ]
    after = list(shown.columns).index("estimate") + 1
    shown.insert(after, "limits", pd.Series(limits, index=shown.index, dtype=object))
    return table(
        shown,
        f"Reliability of every sample and scale{said}",
        heads={"estimate": _kind(made), "limits": f"{level(made.conf_level)} CI"},
        tight=True,
    )


def _kind(made: Coefficients) -> str:
    return coefficient_names()[str(made.table["coefficient_type"].iloc[0])]


def _items(made: Items, ns: Any) -> TagList:
    alpha = coefficient(made.alpha)
    audits = [tags.li(text) for text in made.audits]
    drawing = None if made.picture is None else figure(made.picture)
    return TagList(
        card(
            made.title,
            tags.p(
                f"Alpha {alpha}, {counted(made.n, 'respondent')} with complete "
                f"answers, {counted(len(made.frame), 'item')}."
            ),
            table(
                made.frame,
                f"Items of {made.title}",
                tight=True,
            ),
            drawing,
            tags.div(tags.h4("Audit of the key"), tags.ul(*audits), class_="notes")
            if audits
            else None,
        ),
        code(made.calls, ns("items_code")),
    )
