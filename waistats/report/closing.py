"""What was left out, the data, the checklist and how to do it again."""

import pandas as pd

from waistats.datasets.schema import fields
from waistats.format import count
from waistats.generalization.study import RGStudy
from waistats.report.blocks import (
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
from waistats.report.code import python_code, r_code
from waistats.report.colophon import csv_bytes
from waistats.report.regema import FILLED, PARTLY, checklist
from waistats.report.shared_tables import CELL_COLUMNS


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
