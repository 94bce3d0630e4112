"""What was left out, the data, the checklist and how to do it again.

What the result means for practice.
"""

from typing import Any

import pandas as pd

from waistats._format import coefficient, count, fixed, level
from waistats.io._codebook import fields
from waistats.practice import practice_table
from waistats.report.blocks import (
    CELL_COLUMNS,
    Block,
    Code,
    Column,
    Download,
    Link,
    Paragraph,
    Section,
    alpha,
    decimals,
    make_table,
    plain,
    text,
    whole,
    year,
)
from waistats.report.checklist import FILLED, PARTLY, checklist
from waistats.report.code import csv_bytes, python_code, r_code
from waistats.rg.study import RGStudy


def practice(study: RGStudy) -> list[Section]:
    """Return what a reader can plan with."""
    if study.overall is None:
        return []
    shown = level(study.conf_level)
    table = make_table(
        practice_table(study),
        (
            Column("Quantity", "quantity", text, False),
            Column("At the expected alpha", lambda r: _shown(r, "estimate")),
            Column(f"At the lower end ({shown} PI)", lambda r: _shown(r, "pi_low")),
            Column("At the upper end", lambda r: _shown(r, "pi_high")),
        ),
        "What a reader can plan with.",
        [
            "The ends are those of the prediction interval for the true alpha of a new "
            "population; for the alpha of a planned sample, those of what it may show. "
            "Errors and changes in standard deviations of the score. Reliable change by "
            "Jacobson & Truax, 1991. Alpha of one session says nothing about change over "
            "sessions: where a test-retest coefficient is there, it is the one for "
            "change."
        ],
    )
    words = (
        "Reliability belongs to scores of a sample, not to a test. Common conventions "
        "ask for .70 in research, .80 for decisions on groups and .90 for decisions on "
        "a person."
    )
    return [Section("practice", "For practice", [Paragraph(words), table])]


def _shown(row: dict[str, Any], column: str) -> str:
    """Return sizes as whole numbers, coefficients and probabilities without a zero."""
    value, quantity = float(row[column]), str(row["quantity"])
    if quantity.startswith("n "):
        return fixed(value, 0)
    if quantity.startswith(("alpha", "P(")):
        return coefficient(value)
    return fixed(value, 3)


def excluded(study: RGStudy) -> list[Section]:
    """Return the coefficients that are not pooled."""
    frame = study.excluded
    if len(frame) == 0:
        return []
    table = make_table(
        frame,
        (
            Column("Study", "study_id", text, False),
            *CELL_COLUMNS,
            Column("Value", "estimate", alpha),
            Column("Reason", "reason", text, False),
        ),
        f"The {len(frame)} rows of the table that are not pooled, and why.",
        sortable=True,
    )
    return [Section("excluded", "Coefficients left out", [table])]


def data_file(prefix: str) -> str:
    """Return the name under which a report offers its coefficients."""
    return f"{prefix}coefficients.csv"


def data(study: RGStudy, prefix: str) -> Section:
    """Return the whole table, to be sorted, and what its columns mean."""
    frame = study.coefficients
    table = make_table(
        frame,
        (
            Column("Study", "study_id", text, False),
            Column("Year", "year", year),
            *CELL_COLUMNS,
            Column("Value", "estimate", alpha),
            Column("n", "n", whole),
            Column("Items", "n_items", whole),
            Column("Score mean", "score_mean", decimals(2)),
            Column("Score SD", "score_sd", decimals(2)),
            Column("Language", "language", text, False),
            Column("Modality", "modality", text, False),
            Column("Provenance", "provenance", text, False),
            Column("Source", "source_url", text, False),
            Column("Source", "source", text, False),
            Column("Evidence", "evidence", text, False),
        ),
        f"All {count(len(frame))} coefficients with their sources.",
        sortable=True,
    )
    blocks: list[Block] = [
        Download(
            data_file(prefix),
            csv_bytes(frame),
            "Download all columns as CSV",
        ),
        table,
        _variables(frame),
    ]
    return Section("data", "Data", blocks)


def _variables(frame: pd.DataFrame) -> Block:
    """Return what was extracted: every column, its meaning, and how often it is filled."""
    known = {f.name: f for f in (*fields("coding"), *fields("coefficients"))}
    rows = []
    for name in map(str, frame.columns):
        field = known.get(name)
        about = "a column of this table" if field is None else field.title
        if field is not None and field.description:
            about = field.description
        filled = frame[name].notna() & (frame[name].astype(str).str.strip() != "")
        rows.append((name, about, int(filled.sum())))
    return make_table(
        pd.DataFrame(rows, columns=["name", "about", "filled"]),
        (
            Column("Variable", "name", text, False),
            Column("Meaning", "about", text, False),
            Column("Rows with a value", "filled", whole),
        ),
        f"The {len(rows)} variables that were extracted.",
    )


def regema(study: RGStudy, titles: dict[str, str]) -> Section:
    """Return the checklist with what this report fills, and where."""
    items = checklist(study, set(titles))
    frame = pd.DataFrame(
        [(i.number, i.part, i.asks, i.status, i.where, i.author) for i in items],
        columns=["number", "part", "asks", "status", "where", "author"],
    )
    counts = frame["status"].value_counts()
    table = make_table(
        frame,
        (
            Column("Item", "number", plain),
            Column("Part", "part", text, False),
            Column("What it asks", "asks", text, False),
            Column("Here", "status", text, False),
            Column(
                "Where",
                lambda r: (
                    Link(titles[r["where"]], r["where"]) if r["where"] else text("")
                ),
                numeric=False,
            ),
            Column("For the author to add", "author", text, False),
        ),
        f"REGEMA checklist: {counts.get(FILLED, 0)} of {len(frame)} items filled by this "
        f"report, {counts.get(PARTLY, 0)} partly.",
        ["Items in our words, after Sánchez-Meca et al., 2021."],
    )
    return Section("regema", "REGEMA checklist", [table])


def again(study: RGStudy, prefix: str) -> Section:
    """Return the code that makes the analysis again."""
    file = data_file(prefix)
    r = r_code(study)
    blocks: list[Block] = [
        Paragraph(
            f"The Python code starts from {file}, the table of the section Data"
            f"{'; the R code holds its data' if r else ''}. The colophon names the "
            "versions of the software and the SHA-256 of the table."
        ),
        Code(python_code(study, file), "The whole study in Python."),
    ]
    if r:
        blocks.append(Code(r, "The overall model in R (metafor)."))
    return Section("again", "Make it again", blocks)
