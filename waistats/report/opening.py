"""The parts of a report before its results."""

import pandas as pd

from waistats import figures
from waistats.effect_sizes import ALPHA_TYPES
from waistats.errors import WaistatsError, listing
from waistats.format import MISSING, coefficient
from waistats.forms import Instrument
from waistats.generalization.describe import kinds
from waistats.generalization.study import RGStudy
from waistats.instruments import get_instrument
from waistats.report.blocks import (
    Block,
    Card,
    Cards,
    Code,
    Column,
    Paragraph,
    Section,
    make_table,
    two,
    whole,
)
from waistats.report.figures import embed
from waistats.report.shared_tables import CELL_COLUMNS
from waistats.report.text import (
    methods_paragraphs,
    moderators_sentence,
    other_kinds,
    results_paragraph,
)

_KEY = {
    "yes": "checked",
    "provisional": "provisional: not checked against the original",
    "no": "not known well enough to use",
}


def summary(study: RGStudy) -> Section:
    """Return the overall result in a paragraph."""
    blocks: list[Block] = []
    if study.simulated:
        blocks.append(Paragraph("These data are SIMULATED.", tone="warning"))
    blocks.append(Paragraph(results_paragraph(study), tone="lead"))
    if study.pooled is not None:
        blocks.append(Paragraph(moderators_sentence(study)))
    return Section("summary", "Summary", blocks)


def methods(study: RGStudy) -> Section:
    """Return the methods as a paper states them."""
    words = [Paragraph(words) for words in methods_paragraphs(study)]
    return Section("methods", "Methods", words)


def instruments(study: RGStudy) -> Section:
    """Return a card for each form: what is known of it, and what the table has of it."""
    table = study.effects
    names: list[str | None] = [None]
    if "instrument" in table and table["instrument"].notna().any():
        names = [*sorted({str(v) for v in table["instrument"].dropna()})]
    cards, others = [], []
    for name in names:
        rows = table if name is None else table[table["instrument"].astype(str) == name]
        try:
            form = None if name is None else get_instrument(name, provisional=True)
        except WaistatsError:
            form = None
        facts = _seen(rows)
        if form is None:
            others.append(Card(name or study.title, facts))
        else:
            # the length is the form's own
            cards.append(Card(name or study.title, _known(form) + facts[1:]))
    blocks: list[Block] = []
    if cards:
        blocks.append(Cards(cards))
    if others:
        words = "No form that waistats knows; what the table shows of it:"
        blocks += [Paragraph(words), Cards(others)]
    if cards:
        words = (
            "Item numbers and keys only: the wording of items belongs to the authors."
        )
        blocks.append(Paragraph(words, tone="note"))
    return Section("instruments", "Instruments", blocks)


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
    values = pd.to_numeric(rows["estimate"], errors="coerce").dropna()
    span = ""
    if len(values):
        ends = {coefficient(float(v), 2): 0 for v in (values.min(), values.max())}
        span = f": {' to '.join(ends)}"
    k, studies = len(rows), rows["study_id"].nunique()
    found = f"{k} coefficient{'' if k == 1 else 's'} of "
    found += f"{studies} {'study' if studies == 1 else 'studies'}{span}"
    facts.append(("In this study", found))
    for column, words in (("rater", "Raters here"), ("scale", "Scales here")):
        if column in rows and rows[column].notna().any():
            levels = sorted({str(v) for v in rows[column].dropna()})
            facts.append((words, listing(levels)))
    return facts


def descriptives(study: RGStudy) -> Section:
    """Return the classical description: table, box plot, stem and leaf."""
    frame = study.descriptives
    filled = frame[(frame["k"] > 0) | (frame["k_without_value"] > 0)]
    notes = [
        "No value: a range or a bound was reported. Mode: of values rounded to two "
        "decimals; a dash where none repeats."
    ]
    empty = len(frame) - len(filled)
    if empty:
        notes.insert(0, f"{empty} combinations of these levels have no coefficient.")
    table = make_table(
        filled,
        (
            *CELL_COLUMNS,
            Column("k", "k", whole),
            Column("Studies", "k_studies", whole),
            Column("Mean", "mean", two),
            Column("Median", "median", two),
            Column("Mode", "mode", two),
            Column("SD", "sd", two),
            Column("Min", "min", two),
            Column("Q1", "q1", two),
            Column("Q3", "q3", two),
            Column("Max", "max", two),
            Column("Poolable", "k_poolable", whole),
            Column("No value", "k_without_value", whole),
        ),
        "Coefficients by version, rater, scale and kind, unweighted and untransformed.",
        notes,
    )
    blocks: list[Block] = [table]
    alphas = study.coefficients[kinds(study.effects).isin(ALPHA_TYPES)]
    if pd.to_numeric(alphas["estimate"], errors="coerce").notna().any():
        drawn = figures.box(alphas, by=study.by)
        words = (
            "Reported alphas by version, rater and scale, unweighted: every coefficient, "
            "with boxes of median and quartiles where there are five or more."
        )
        blocks.append(embed("box", drawn, words, simulated=study.simulated))
        blocks.append(Code(study.stem_and_leaf, "Stem and leaf of the alphas."))
    others = other_kinds(study)
    if others:
        words = listing(f"{k} {name}" for name, k in others.items())
        blocks.append(
            Paragraph(f"Other kinds of coefficients, kept apart from alpha: {words}.")
        )
    return Section("descriptives", "Descriptives", blocks)
