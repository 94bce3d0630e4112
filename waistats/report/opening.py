"""The parts of a report before its results: summary, background, methods, forms."""

import pandas as pd

from waistats import figures
from waistats._format import MISSING, coefficient
from waistats.errors import WaistatsError, listing
from waistats.figures._rows import study_names
from waistats.instruments.forms import Instrument, get_instrument
from waistats.measures import ALPHA_TYPES
from waistats.report.blocks import (
    Block,
    Card,
    Cards,
    Code,
    Listing,
    Paragraph,
    Section,
    embed,
)
from waistats.report.method import methods_paragraphs
from waistats.report.text import (
    answers,
    other_kinds,
    results_paragraph,
)
from waistats.rg.descriptives import kinds, stem_and_leaf
from waistats.rg.generalize import DECIDED, set_aside
from waistats.rg.study import RGStudy
from waistats.tables._paper import for_paper
from waistats.tables.studies import descriptives as descriptives_table

_KEY = {
    "yes": "checked",
    "provisional": "provisional: not checked against the original",
    "no": "not known well enough to use",
}
# keys of the authors' texts -> the heading that they stand under
BACKGROUND = ("background", "rationale", "question")
PROCEDURE = ("criteria", "databases", "search", "selection", "extraction", "quality",
             "certainty")  # fmt: skip


def summary(study: RGStudy) -> Section:
    """Return the answer: forms and raters first, then the mean, then what it is for."""
    blocks: list[Block] = []
    if study.simulated:
        blocks.append(Paragraph("These data are SIMULATED.", tone="warning"))
    first, *rest = answers(study)
    blocks.append(Paragraph(first, tone="lead"))
    blocks += [Paragraph(text) for text in rest]
    return Section("summary", "Summary", blocks)


def results_text(study: RGStudy) -> Section:
    """Return the paragraph of results that can be pasted into a paper."""
    paragraph = Paragraph(results_paragraph(study), copied=True)
    return Section("results", "Results for a paper", [paragraph])


def background(study: RGStudy) -> list[Section]:
    """Return what the authors say of the test and of their question."""
    words = [
        Paragraph(study.author_texts.get(k))
        for k in BACKGROUND
        if k in study.author_texts
    ]
    return [Section("background", "Background", words)] if words else []


def methods(study: RGStudy) -> Section:
    """Return the methods as a paper states them, the authors' own words first."""
    words = [
        study.author_texts.get(key) for key in PROCEDURE if key in study.author_texts
    ]
    words += methods_paragraphs(study)
    return Section("methods", "Methods", [Paragraph(text) for text in words])


def intake(study: RGStudy) -> list[Section]:
    """Return what was decided when the data were read, and accepted findings."""
    told = [text.rpartition(f" ({DECIDED}")[0] for text in study.intake]
    others = [
        note
        for note in study.notes
        if not any(text and note.startswith(text) for text in told)
    ]
    said = [*study.intake, *others]
    if not said:
        return []
    # a reader knows studies by their authors
    named = dict(
        zip(
            set_aside(study.effects),
            set_aside(study.effects, study_names(study.effects)),
            strict=True,
        )
    )
    words = [named.get(text) or for_paper(text) or text for text in said]
    return [Section("intake", "Decisions at intake", [Listing(words)])]


def instruments(study: RGStudy) -> list[Section]:
    """Return a card for each form that the table names."""
    table = study.own_rows
    if "instrument" not in table or not table["instrument"].notna().any():
        return []
    cards = []
    known = False
    for name in sorted({str(v) for v in table["instrument"].dropna()}):
        rows = table[table["instrument"].astype(str) == name]
        try:
            form = get_instrument(name, provisional=True)
        except WaistatsError:
            cards.append(Card(name, _seen(rows)))
        else:
            known = True
            # the length is the form's own
            cards.append(Card(name, _known(form) + _seen(rows)[1:]))
    blocks: list[Block] = [Cards(cards)]
    if known:
        words = (
            "Item numbers and keys only: the wording of items belongs to the authors."
        )
        blocks.append(Paragraph(words, tone="note"))
    return [Section("instruments", "Versions of the instrument", blocks)]


def _known(form: Instrument) -> list[tuple[str, str]]:
    facts = [
        ("Form", form.title or form.name),
        ("Items", MISSING if form.n_items is None else str(form.n_items)),
    ]
    if form.response_min is not None:
        anchors = f" ({form.anchors})" if form.anchors else ""
        span = f"{form.response_min} to {form.response_max}"
        facts.append(("Responses", span + anchors))
    if form.raters:
        facts.append(("Filled in by", listing(form.raters)))
    if form.key is not None:
        for name, items in form.subscales.items():
            facts.append((f"Items of {name}", listing(items, 40)))
        facts.append(("Reversed items", listing(form.reverse, 40) or "none"))
    facts.append(("Scoring key", _KEY.get(form.status, form.status)))
    source = " ".join(filter(None, [form.reference, form.doi and f"doi:{form.doi}"]))
    return [*facts, ("Source", source or MISSING)]


def _seen(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return what the table itself shows of a form, its length first."""
    given = pd.to_numeric(rows["n_items"], errors="coerce").dropna()
    lengths = sorted({int(v) for v in given})
    facts = [("Items", listing(lengths) or MISSING)]
    values = pd.to_numeric(rows["estimate"], errors="coerce")
    rows = rows[values.notna()]
    values = values.dropna()
    span = ""
    if len(values):
        ends = {coefficient(float(v), 2): 0 for v in (values.min(), values.max())}
        span = f": {' to '.join(ends)}"
    k, studies = len(rows), rows["study_id"].nunique()
    found = f"{k} coefficient{'' if k == 1 else 's'} of "
    found += f"{studies} {'study' if studies == 1 else 'studies'}{span}"
    if k == 0:
        found = "no coefficient with a value"
    facts.append(("In this study", found))
    for column, words in (("rater", "Raters here"), ("scale", "Scales here")):
        if column in rows and rows[column].notna().any():
            levels = sorted({str(v) for v in rows[column].dropna()})
            facts.append((words, listing(levels)))
    return facts


# a display of every value is no display of more
LEAVES = 1_000


def descriptives(study: RGStudy) -> Section:
    """Return the classical description: table, box plot, stem and leaf."""
    title = "Reported Coefficients, Unweighted and Untransformed"
    blocks: list[Block] = [descriptives_table(study, title=title)]
    rows = study.own_rows
    alphas = rows[kinds(rows).isin(ALPHA_TYPES)]
    values = pd.to_numeric(alphas["estimate"], errors="coerce")
    if values.notna().any():
        drawn = figures.box(alphas, by=study.by)
        boxes = _largest_cell(alphas, study) >= 5
        note = "Every coefficient is a point" + (
            "; boxes show median and quartiles where there are five or more."
            if boxes
            else "."
        )
        if _largest_cell(alphas, study) > LEAVES:
            note += " Of more than 1,000 in a row the points are omitted."
        caption = "Reported Alphas by Version, Rater and Scale"
        blocks.append(embed("box", drawn, caption, note, simulated=study.simulated))
        if len(values) <= LEAVES:
            blocks.append(Code(stem_and_leaf(values), "Stem and leaf of the alphas."))
    others = other_kinds(study)
    if others and values.notna().any():
        words = listing(f"{name} ({k})" for name, k in others.items())
        blocks.append(
            Paragraph(
                f"Other kinds of coefficients, kept separate from alpha: {words}."
            )
        )
    return Section("descriptives", "Descriptives", blocks)


def _largest_cell(alphas: pd.DataFrame, study: RGStudy) -> int:
    names = [c for c in study.by if c in alphas]
    if not names:
        return len(alphas)
    return int(alphas.groupby([alphas[c].astype(str) for c in names]).size().max())
