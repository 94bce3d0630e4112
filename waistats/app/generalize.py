"""The step Generalize: tables, model, moderators; what they give, and how far it holds."""

from dataclasses import replace
from typing import Any

from htmltools import Tag, TagList, tags
from shiny import module, reactive, render, ui as elements

from waistats.app._fields import ACCEPT, boxes, file_place, number, text
from waistats.app._generalize import (
    checks_shown,
    findings_shown,
    predicted_shown,
    studied_shown,
)
from waistats.app._parts import button, card, choice, sends
from waistats.app._session import AppState
from waistats.app._state import Generalize
from waistats.app._study import (
    BIAS,
    CELLS,
    DATASETS,
    ESTIMATORS,
    FACTS,
    MISSING,
    PREDICTIONS,
    SCALES,
    SIMULATED_STUDY,
    Chosen,
    Moderator,
    SampleChoices,
    StudyChoices,
)
from waistats.app._views import (
    Checked,
    Table,
    Tables,
    check_table,
    checks,
    predicted,
    studied,
    tables,
)

_LEVELS = {"0.9": "90%", "0.95": "95%", "0.99": "99%"}
# columns that a table needs, in words
_NEEDED = {
    "study_id": "the study",
    "estimate": "the coefficient",
    "n": "the respondents",
    "n_items": "the items of the scale",
}
_NONE = "—"


@module.ui
def ui() -> Any:
    """Return the page of the step."""
    id = module.resolve_id
    return TagList(
        tags.p(
            "Pool coefficients of many studies, your own and published ones together, and "
            "test what may explain their differences.",
            class_="intro",
        ),
        card(
            "Coefficient tables",
            elements.output_ui("listed"),
            elements.output_ui("adding"),
            tags.div(
                tags.div(
                    choice(
                        id("bundled"),
                        "Add a table that comes with waistats",
                        {**DATASETS, "simulated": SIMULATED_STUDY},
                    ),
                    button(id("add"), "Add"),
                    class_="row bottom",
                ),
                class_="practice",
            ),
            file_place(
                id("file"),
                "Add a file of coefficients",
                ACCEPT,
                "A coding sheet, or any table with a study, a coefficient, n and items",
            ),
        ),
        elements.output_ui("model"),
        elements.output_ui("progress"),
        elements.output_ui("found"),
        elements.output_ui("sample"),
        elements.output_ui("predicting"),
        elements.output_ui("prediction"),
        elements.output_ui("trust"),
        elements.output_ui("checking"),
        elements.output_ui("checked"),
        elements.output_ui("after"),
    )


@module.server
def server(input: Any, output: Any, session: Any, state: AppState) -> None:
    """Answer the page of the step."""
    ns = session.ns
    reader = state.job("Reading the table")
    listing = state.job("Reading tables")
    study = state.job("Pooling")
    predictor = state.job("Predicting")
    checker = state.job("Checking")
    chosen = state.part("generalize")
    taken: list[str] = []
    numbers = [0]

    def change(**parts: Any) -> None:
        with reactive.isolate():
            state.change(generalize=replace(chosen(), **parts))

    def add(one: Chosen) -> None:
        with reactive.isolate():
            kept = [
                t for t in chosen().tables if (t.kind, t.name) != (one.kind, one.name)
            ]
        change(tables=(*kept, one))

    def read(name: str, reading: tuple[tuple[str, Any], ...] = ()) -> None:
        numbers[0] += 1
        reader.start(check_table, name, reading, numbers[0])

    @reactive.effect
    @reactive.event(input.add)
    def _add() -> None:
        name = str(input.bundled())
        if name == "simulated":
            add(Chosen(kind="simulated", name=SIMULATED_STUDY))
        elif name in DATASETS:
            add(Chosen(kind="dataset", name=name))

    @reactive.effect
    @reactive.event(input.add_wai)
    def _add_wai() -> None:
        add(Chosen(kind="dataset", name="wai"))

    @reactive.effect
    @reactive.event(input.file)
    def _uploaded() -> None:
        files = input.file()
        if files:
            read(state.keep(files[0]["datapath"], files[0]["name"]))

    @reactive.effect
    def _dropped_on_data() -> None:
        names = state.tables.get()
        fresh = names[-1:] if names and [*names] != taken else ()
        taken[:] = names
        with reactive.isolate():
            for name in fresh:
                read(name)

    @reactive.effect
    def _added() -> None:
        found = reader.result.get()
        if isinstance(found, Checked) and found.chosen is not None:
            add(found.chosen)

    @reactive.effect
    @reactive.event(input.match)
    def _match() -> None:
        found = reader.result.get()
        if not isinstance(found, Checked) or not found.missing:
            return
        pairs = [(str(input[f"is_{name}"]() or ""), name) for name in found.missing]
        given = tuple(pair for pair in pairs if pair[0] in found.columns)
        if given:
            read(found.name, (("columns", given),))

    @reactive.effect
    @reactive.event(input.remove)
    def _remove() -> None:
        place = int(input.remove())
        kept = [one for i, one in enumerate(chosen().tables) if i != place]
        change(tables=tuple(kept))

    @reactive.effect
    @reactive.event(input.own)
    def _own() -> None:
        change(own=bool(input.own()))

    @reactive.calc
    def shown() -> bool:
        return bool(state.step.get() == "generalize")

    @reactive.calc
    def asked() -> Any:
        """Return the choices that a study needs, once the step is shown."""
        if not shown():
            return None
        made = state.choices.get()
        return replace(made, generalize=replace(made.generalize, sample=None))

    done: reactive.Value[Any] = reactive.Value(None)

    @reactive.effect
    def _compute() -> None:
        wanted = asked()
        with reactive.isolate():
            if wanted is None or wanted == done.get():
                return
            done.set(wanted)
            for job in (study, predictor, checker):
                job.forget()
            listing.start(tables, wanted)

    @reactive.effect
    def _study() -> None:
        found = listing.result.get()
        if isinstance(found, Tables) and found.tables:
            with reactive.isolate():
                study.start(studied, done.get())

    @reactive.effect
    @reactive.event(input.cancel)
    def _cancel() -> None:
        for job in (reader, listing, study, predictor, checker):
            job.cancel()

    @reactive.effect
    @reactive.event(input.again)
    def _again() -> None:
        wanted = asked()
        if wanted is not None:
            done.set(wanted)
            listing.start(tables, wanted)

    @reactive.effect
    @reactive.event(input.apply)
    def _apply() -> None:
        change(study=_choices(input, listing.result.get()))

    @reactive.effect
    @reactive.event(input.predict)
    def _predict() -> None:
        found = study.result.get()
        if found is None:
            return
        made = _sample(input, found.asked)
        change(sample=made)
        with reactive.isolate():
            predictor.start(predicted, state.choices.get())

    @reactive.effect
    @reactive.event(input.check)
    def _check() -> None:
        if study.result.get() is not None:
            checker.start(checks, done.get())

    @reactive.effect
    @reactive.event(input.go_on)
    def _go_on() -> None:
        state.go("report")

    @render.ui
    def listed() -> Any:
        found = listing.result.get()
        with reactive.isolate():
            own = chosen().own
        return _listed(found, own, ns) if isinstance(found, Tables) else None

    @render.ui
    def adding() -> Any:
        found = reader.result.get()
        parts = [reader.shown(ns("cancel"))]
        if isinstance(found, Checked):
            parts.append(
                _matching(found, ns) if found.missing else findings_shown(found)
            )
        return TagList(*parts)

    @render.ui
    def model() -> Any:
        found = listing.result.get()
        if not isinstance(found, Tables) or not found.tables:
            return None
        with reactive.isolate():
            return _model(chosen(), found, ns)

    @render.ui
    def progress() -> Any:
        return TagList(listing.shown(ns("cancel")), _standing())

    def _standing() -> Any:
        made = study.shown(ns("cancel"))
        if study.standing.get().status == "cancelled":
            return TagList(
                made,
                tags.div(sends("Run again", ns("again"), 1), class_="row after-notice"),
            )
        return made

    @render.ui
    def found() -> Any:
        made = study.result.get()
        return None if made is None else studied_shown(made, ns)

    @render.ui
    def sample() -> Any:
        made = study.result.get()
        if made is None or not made.overall:
            return None
        return _sample_form(made.asked, ns)

    @render.ui
    def predicting() -> Any:
        return predictor.shown(ns("cancel"))

    @render.ui
    def prediction() -> Any:
        made = predictor.result.get()
        return None if made is None else predicted_shown(made, ns)

    @render.ui
    def trust() -> Any:
        made = study.result.get()
        if made is None or not made.overall:
            return None
        return card(
            "How far can this be trusted?",
            tags.p(
                "The result without each study, small-study and reporting checks, and "
                "every defensible analysis. This takes some seconds."
            ),
            button(ns("check"), "Run the checks"),
        )

    @render.ui
    def checking() -> Any:
        return checker.shown(ns("cancel"))

    @render.ui
    def checked() -> Any:
        made = checker.result.get()
        return None if made is None else checks_shown(made, ns)

    @render.ui
    def after() -> Any:
        if study.result.get() is None:
            return None
        return tags.div(
            sends("Continue to Report", ns("go_on"), 1, "first"), class_="row"
        )


def _listed(found: Tables, own: bool, ns: Any) -> Any:
    """Return the list of tables, each with a button that removes it."""
    rows = [_table(table, i, own=own, ns=ns) for i, table in enumerate(found.tables)]
    own_there = any(table.chosen is None for table in found.tables)
    parts: list[Any] = []
    if rows:
        parts.append(tags.ul(*rows, class_="tables"))
    if not own and not found.own:
        parts.append(
            tags.p(
                "Your own coefficients are not in the study. ",
                sends("Add them", ns("own"), True, "link"),
                class_="soft",
            )
        )
    elif not own_there:
        parts.append(tags.p(f"{found.own} Or add a table here.", class_="soft"))
    return TagList(*parts)


def _table(table: Table, place: int, *, own: bool, ns: Any) -> Tag:
    what = table.name if table.chosen is not None else f"Own: {table.name}"
    marks = " · SIMULATED" if table.simulated and "SIMULATED" not in what else ""
    remove: tuple[str, Any] = ("remove", place)
    if table.chosen is None:
        remove = ("own", False)
    return tags.li(
        tags.div(
            tags.b(what),
            tags.span(f"{table.counted}{marks}", class_="soft"),
        ),
        sends(
            "Remove",
            ns(remove[0]),
            remove[1],
            "quiet",
            aria_label=f"Remove {what}",
        ),
    )


def _matching(found: Checked, ns: Any) -> Tag:
    """Return the question which columns of a file are the needed ones."""
    options = {_NONE: _NONE, **{name: name for name in found.columns}}
    fields = [
        choice(ns(f"is_{name}"), f"Column of {_NEEDED[name]}", options, _NONE)
        for name in found.missing
    ]
    return tags.div(
        tags.h4(f"{found.name}: which columns are these?"),
        tags.div(*fields, class_="fields"),
        button(ns("match"), "Use these columns", "first"),
        class_="notice",
        role="group",
        aria_label="Match columns",
    )


def _model(chosen: Generalize, found: Tables, ns: Any) -> Tag:
    """Return the form of the model: nothing in it is typed as a formula."""
    study = chosen.study
    named = {one.name: one.words for one in found.moderators}
    small = {one.name: one.described() for one in found.moderators}
    more = tags.details(
        tags.summary("More choices"),
        tags.div(
            choice(
                ns("bias"), "Correction of the scale's bias", dict(BIAS), study.bias
            ),
            choice(
                ns("prediction_kind"),
                "Prediction intervals",
                dict(PREDICTIONS),
                study.prediction,
            ),
            number(
                ns("within"),
                "Correlation of errors within a study",
                study.within_correlation,
                "Empty: estimated from the answers, or left to the model",
                min="0",
                max="0.99",
                step="0.1",
            ),
            choice(
                ns("lacking"),
                "Rows without a moderator",
                dict(MISSING),
                study.missing_moderators,
            ),
            text(ns("subject"), "Subject, for the title", study.title),
            class_="fields",
        ),
        boxes(
            ns("by"),
            "Cells that are pooled on their own",
            dict(CELLS),
            study.by,
        ),
        boxes(
            ns("candidates"),
            "Tested one at a time",
            named,
            study.candidates,
            "None ticked: every characteristic that the tables have",
            small,
        )
        if named
        else None,
    )
    formula = (
        tags.p(f"The project brings the formula {study.formula} along.", class_="soft")
        if study.formula
        else None
    )
    return card(
        "Model",
        tags.div(
            choice(ns("measure"), "Scale of pooling", dict(SCALES), study.measure),
            choice(ns("method"), "Heterogeneity", dict(ESTIMATORS), study.method),
            choice(ns("level"), "Confidence", _LEVELS, f"{study.conf_level:g}"),
            class_="fields",
        ),
        boxes(
            ns("moderators"),
            "Moderators, together in one model",
            named,
            study.moderators,
            small=small,
        )
        if named
        else None,
        formula,
        more,
        tags.div(button(ns("apply"), "Apply", "first"), class_="row"),
    )


def _choices(input: Any, found: Any) -> StudyChoices:
    """Return the choices of the form, each one of what it offers."""
    offered = (
        [one.name for one in found.moderators] if isinstance(found, Tables) else []
    )

    def one_of(name: str, known: Any, usual: str) -> str:
        value = str(input[name]() or usual)
        return value if value in known else usual

    def some_of(name: str, known: Any) -> tuple[str, ...]:
        given = input[name]() if name in input else ()
        return tuple(value for value in given or () if value in known)

    within = input.within()
    usual = StudyChoices()
    return StudyChoices(
        measure=one_of("measure", SCALES, usual.measure),
        method=one_of("method", ESTIMATORS, usual.method),
        bias=one_of("bias", BIAS, usual.bias),
        conf_level=float(one_of("level", _LEVELS, "0.95")),
        within_correlation=None if within in (None, "") else float(within),
        prediction=one_of("prediction_kind", PREDICTIONS, usual.prediction),
        missing_moderators=one_of("lacking", MISSING, usual.missing_moderators),
        moderators=some_of("moderators", offered),
        candidates=some_of("candidates", offered),
        by=some_of("by", CELLS),
        title=str(input.subject() or "").strip(),
    )


def _sample_form(asked: tuple[Moderator, ...], ns: Any) -> Tag:
    """Return the form that describes a sample."""
    fields: list[Any] = []
    for one in asked:
        id = ns(f"value_{_place(asked, one)}")
        if one.number:
            fields.append(number(id, one.words, None, "Empty: its mean", step="any"))
        else:
            first = "any" if one.name in FACTS else _NONE
            levels = {"": first, **{level: level for level in one.levels}}
            fields.append(choice(id, one.words, levels, ""))
    return card(
        "Prediction for a sample that you describe",
        tags.div(
            *fields,
            text(
                ns("sizes"), "Respondents", "30, 100, 300", "Several sizes: with commas"
            ),
            number(
                ns("items"), "Items of the scale", None, "Empty: of the form", min="2"
            ),
            class_="fields",
        ),
        button(ns("predict"), "Predict", "first"),
    )


def _place(asked: tuple[Moderator, ...], one: Moderator) -> int:
    return asked.index(one)


def _sample(input: Any, asked: tuple[Moderator, ...]) -> SampleChoices:
    """Return the described sample."""
    facts: dict[str, str] = {}
    values: list[tuple[str, Any]] = []
    for i, one in enumerate(asked):
        value = input[f"value_{i}"]()
        if value in (None, ""):
            continue
        if one.number:
            values.append((one.name, float(value)))
        elif value in one.levels and one.name in FACTS:
            facts[one.name] = str(value)
        elif value in one.levels:
            values.append((one.name, str(value)))
    sizes = str(input.sizes() or "").replace(";", ",").split(",")
    n = tuple(int(size) for size in sizes if size.strip().isdecimal())
    items = input.items()
    return SampleChoices(
        **facts,
        n=n,
        n_items=None if items in (None, "") else int(items),
        values=tuple(values),
    )
