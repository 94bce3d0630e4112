"""The parts of a report before its results."""

import pandas as pd

from waistats import figures
from waistats.errors import WaistatsError, listing
from waistats.generalization.describe import kinds
from waistats.generalization.study import RGStudy
from waistats.instruments import get_instrument
from waistats.report.blocks import (
    Block,
    Code,
    Column,
    Paragraph,
    Section,
    make_table,
    text,
    two,
    whole,
)
from waistats.report.figures import embed
from waistats.report.shared_tables import CELL_COLUMNS
from waistats.report.text import (
    methods_paragraph,
    other_kinds,
    results_paragraph,
)


def summary(study: RGStudy) -> Section:
    """Return the overall result in a paragraph."""
    blocks: list[Block] = []
    if study.simulated:
        blocks.append(Paragraph("These data are SIMULATED.", tone="warning"))
    blocks.append(Paragraph(results_paragraph(study), tone="lead"))
    return Section("summary", "Summary", blocks)


def methods(study: RGStudy) -> Section:
    """Return the methods as a paper states them."""
    return Section("methods", "Methods", [Paragraph(methods_paragraph(study))])


def instruments(study: RGStudy) -> list[Section]:
    """Return the cards of the known forms that the table names."""
    if "instrument" not in study.effects:
        return []
    rows = []
    for name in sorted({str(v) for v in study.effects["instrument"].dropna()}):
        try:
            form = get_instrument(name, provisional=True)
        except WaistatsError:
            continue
        scale = f"{form.response_min} to {form.response_max}"
        if form.response_min is None:
            scale = ""
        reference = form.reference or form.doi
        rows.append((form.name, form.n_items, scale, listing(form.raters), reference))
    if not rows:
        return []
    frame = pd.DataFrame(rows, columns=["name", "items", "scale", "raters", "ref"])
    table = make_table(
        frame,
        (
            Column("Form", "name", text, False),
            Column("Items", "items", whole),
            Column("Responses", "scale", text, False),
            Column("Raters", "raters", text, False),
            Column("Reference", "ref", text, False),
        ),
        "Forms in this study.",
        ["Item texts are copyrighted; waistats knows item numbers and keys only."],
    )
    return [Section("instruments", "Instruments", [table])]


def descriptives(study: RGStudy, prefix: str) -> Section:
    """Return the classical description: table, box plot, stem and leaf."""
    frame = study.descriptives
    filled = frame[(frame["k"] > 0) | (frame["k_without_value"] > 0)]
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
        "Coefficients by cell, unweighted and untransformed.",
        [
            f"{len(frame) - len(filled)} combinations of these levels have no "
            "coefficient.",
            "No value: a range or a bound was reported. Mode: of values rounded to two "
            "decimals; a dash where none repeats.",
        ],
    )
    blocks: list[Block] = [table]
    alphas = study.coefficients[kinds(study.effects) == "alpha"]
    if pd.to_numeric(alphas["estimate"], errors="coerce").notna().any():
        drawn = figures.box(alphas, by=study.by)
        blocks.append(embed(prefix + "box", drawn, "Alphas by cell."))
        blocks.append(Code(study.stem_and_leaf, "Stem and leaf of the alphas."))
    others = other_kinds(study)
    if others:
        words = listing(f"{k} {name}" for name, k in others.items())
        blocks.append(
            Paragraph(f"Other kinds of coefficients, kept apart from alpha: {words}.")
        )
    return Section("descriptives", "Descriptives", blocks)
