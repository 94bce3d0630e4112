"""What was left out, the data, the checklist and how to do it again."""

import pandas as pd

from waistats.generalization.study import RGStudy
from waistats.report.blocks import (
    Block,
    Code,
    Column,
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
from waistats.report.regema import checklist
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
        f"The {len(frame)} coefficients that are not pooled, and why.",
    )
    return [Section("excluded", "Coefficients left out", [table])]


def data(study: RGStudy) -> Section:
    """Return the whole table, to be sorted."""
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
        "All coefficients. Choose a heading to sort by it.",
        sortable=True,
    )
    return Section("data", "Data", [table])


def regema(study: RGStudy, ids: set[str]) -> Section:
    """Return the checklist with what this report fills."""
    items = checklist(study, ids)
    frame = pd.DataFrame(
        [(i.number, i.part, i.asks, i.status, i.where.lstrip("#")) for i in items],
        columns=["number", "part", "asks", "status", "where"],
    )
    done = (frame["status"] == "filled").sum()
    table = make_table(
        frame,
        (
            Column("Item", "number", plain),
            Column("Part", "part", text, False),
            Column("What it asks", "asks", text, False),
            Column("Here", "status", text, False),
            Column("Section", "where", text, False),
        ),
        f"REGEMA checklist: {done} of {len(frame)} items filled by this report.",
        ["Items in our words; partly filled and empty ones are for the author."],
    )
    return Section("regema", "REGEMA checklist", [table])


def again(study: RGStudy) -> Section:
    """Return the code that makes the analysis again."""
    blocks: list[Block] = [Code(python_code(study), "In Python.")]
    r = r_code(study)
    if r:
        blocks.append(Code(r, "The overall model in R (metafor)."))
    return Section("again", "Make it again", blocks)
