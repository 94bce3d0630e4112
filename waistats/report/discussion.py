"""What the result means, its limits, what was excluded, the data, the checklists."""

import re
from dataclasses import replace

import pandas as pd

from waistats._format import count
from waistats.io._codebook import fields
from waistats.report.blocks import (
    Block,
    Code,
    Download,
    Link,
    Listing,
    Paragraph,
    Section,
)
from waistats.report.checklist import (
    FILLED,
    PARTLY,
    Item,
    abstract_checklist,
    checklist,
    prisma_checklist,
)
from waistats.report.code import (
    covariance_frame,
    csv_bytes,
    python_code,
    r_code,
    r_parts,
)
from waistats.report.forest import DEFAULT, Forest
from waistats.report.limits import limitations
from waistats.report.sources import ROWS
from waistats.rg.study import RGStudy
from waistats.tables._build import spec
from waistats.tables._paper import without_alike
from waistats.tables.models import excluded as excluded_table
from waistats.tables.practice import practice as practice_spec, score_errors
from waistats.tables.studies import studies

_DISCUSSION = ("meaning", "practice", "research")
_DECLARATIONS = {
    "registration": "Registration",
    "protocol": "Protocol",
    "deviations": "Deviations from the protocol",
    "funding": "Funding",
    "interests": "Competing interests",
    "availability": "Availability",
}


def practice(study: RGStudy) -> list[Section]:
    """Return what a reader can plan with."""
    if study.overall is None:
        return []
    title = "What a Reader Can Plan With"
    blocks: list[Block] = [practice_spec(study, title=title)]
    if len(study.score_errors):
        blocks.append(score_errors(study))
    return [Section("practice", "Implications for use", blocks)]


def discussion(study: RGStudy) -> list[Section]:
    """Return what the authors say of meaning, practice and research."""
    texts = study.author_texts
    words = [Paragraph(texts.get(key)) for key in _DISCUSSION if key in texts]
    return [Section("discussion", "Discussion", words)] if words else []


def limits(study: RGStudy) -> Section:
    """Return the limits that the data show, and those that the authors name."""
    texts = study.author_texts
    blocks: list[Block] = []
    if "limitations" in texts:
        blocks.append(Paragraph(texts.get("limitations")))
    blocks.append(Listing(limitations(study)))
    return Section("limitations", "Limitations", blocks)


def declarations(study: RGStudy) -> list[Section]:
    """Return registration, funding and interests, as far as they were given."""
    texts = study.author_texts
    said = [
        f"{name}: {texts.get(k)}" for k, name in _DECLARATIONS.items() if k in texts
    ]
    return [Section("declarations", "Declarations", [Listing(said)])] if said else []


def excluded(study: RGStudy) -> list[Section]:
    """Return the reported coefficients that are not pooled."""
    frame = study.own_excluded
    if len(frame) == 0:
        return []
    title = f"The {len(frame)} Reported Coefficients That Are Not Pooled, and Why"
    if len(frame) > ROWS:
        title += f": the First {count(ROWS)}"
    table = excluded_table(study, title=title)
    table = replace(table, frame=table.frame.head(ROWS))
    return [Section("excluded", "Excluded coefficients", [table])]


def data_file(prefix: str) -> str:
    """Return the name under which a report offers its coefficients."""
    return f"{prefix}coefficients.csv"


_SHOWN = (
    "study_id", "year", "instrument", "rater", "scale", "coefficient_type", "estimate",
    "n", "n_items", "score_mean", "score_sd", "language", "modality",
    "reliability_status", "provenance", "source_url", "source", "evidence",
)  # fmt: skip


def data(study: RGStudy, prefix: str) -> list[Section]:
    """Return the whole table, to be sorted, and what its columns mean."""
    frame = study.coefficients
    names = [c for c in _SHOWN if c in frame and _filled(frame[c])]
    rows = f"{count(len(frame))} Rows"
    caption = f"{_ALL.get(len(frame), f'All {rows}')} with Their Sources"
    if len(frame) > ROWS:
        caption = f"The First {count(ROWS)} of {rows}, with Their Sources"
    listed = studies(frame.head(ROWS), columns=names, title=caption)
    lean = without_alike(listed, kept=("study_id", "estimate", "n"))
    table = replace(lean, name="data", sortable=True)
    words = "Download all columns as CSV"
    blocks: list[Block] = [
        Download(data_file(prefix), csv_bytes(frame), words),
        *_covariance(study, prefix),
        table,
    ]
    # apart from the table, which may need a page on its side
    return [
        Section("data", "Data", blocks),
        Section("variables", "Variables", [_variables(frame)]),
    ]


_ALL = {1: "The One Row", 2: "Both Rows"}


def _covariance(study: RGStudy, prefix: str) -> list[Block]:
    """Return the sampling covariance as a file, where it is known."""
    if study.V is None:
        return []
    words = "Download the sampling covariance of the coefficients as CSV"
    name = f"{prefix}covariance.csv"
    return [Download(name, csv_bytes(covariance_frame(study)), words)]


def _filled(values: pd.Series) -> bool:
    return bool((values.notna() & (values.astype(str).str.strip() != "")).any())


# when a cell may be empty is for who codes
_RULE = re.compile(r" Empty only [^.]*\.")


def _variables(frame: pd.DataFrame) -> Block:
    """Return what was extracted: every filled column, its meaning, and how often."""
    known = {f.name: f for f in (*fields("coding"), *fields("coefficients"))}
    rows = []
    for name in map(str, frame.columns):
        filled = frame[name].notna() & (frame[name].astype(str).str.strip() != "")
        if not filled.any():
            continue
        field = known.get(name)
        about = "No description in the codebook" if field is None else field.title
        if field is not None and field.description:
            about = _RULE.sub("", field.description)
        rows.append((name, about, int(filled.sum())))
    return spec(
        pd.DataFrame(rows, columns=["name", "about", "filled"]),
        name="variables",
        caption=f"The {len(rows)} Variables That Were Extracted",
        heads={"name": "Column", "about": "Meaning", "filled": "Rows with a value"},
    )


def checklists(study: RGStudy, titles: dict[str, str]) -> Section:
    """Return both checklists with what this report fills, and where."""
    regema = checklist(study, set(titles))
    prisma = prisma_checklist(study, set(titles))
    return Section(
        "regema",
        "Checklists",
        [
            _listed(regema, "REGEMA", "Items in our words, after Sánchez-Meca et al., "
                    "2021.", titles),
            _listed(prisma, "PRISMA 2020", "Items in our words, after Page et al., 2021.",
                    titles),
            _listed(abstract_checklist(study), "PRISMA 2020 for Abstracts",
                    "Items in our words, after Page et al., 2021.", titles),
        ],
    )  # fmt: skip


def _listed(items: list[Item], name: str, note: str, titles: dict[str, str]) -> Block:
    statuses = [item.status for item in items]
    frame = pd.DataFrame(
        {
            "number": [item.number for item in items],
            "part": [item.part for item in items],
            "asks": [item.asks for item in items],
            "status": statuses,
            "where": [
                Link(titles[item.where], item.where) if item.where in titles else ""
                for item in items
            ],
            "author": [item.author for item in items],
        }
    )
    if not frame["author"].astype(str).str.strip().any():
        frame = frame.drop(columns="author")
    filled, partly = statuses.count(FILLED), statuses.count(PARTLY)
    return spec(
        frame,
        name=name.lower().replace(" ", "_"),
        caption=f"{name}: {filled} of {len(items)} Items Filled, {partly} Partly",
        notes=[note],
        heads={
            "number": "Item",
            "asks": "What it asks",
            "status": "Here",
            "author": "Not given",
        },
    )


def again(study: RGStudy, prefix: str, forest: Forest = DEFAULT) -> Section:
    """Return the code that makes the analysis again."""
    file = data_file(prefix)
    r = r_code(study)
    blocks: list[Block] = [
        Paragraph(
            f"The Python code starts from {file}, the table of the section Data"
            f"{'; the R code holds its data' if r else ''}. The colophon names the "
            "versions of the software and the SHA-256 of the table."
        ),
        Code(
            python_code(study, file, f"{prefix}covariance.csv", forest.code()),
            "The whole study in Python.",
        ),
    ]
    if r:
        many = len(r_parts(study))
        which = "The pooled models" if many > 1 else "The pooled model"
        if study.pooled is not None:
            which = "The overall model"
            which += " and that of every other scale and kind" if many > 1 else ""
        if study.moderator_model is not None:
            which += ", and the model with moderators,"
        blocks.append(Code(r, f"{which} in R (metafor)."))
    return Section("again", "Reproduce this analysis", blocks)
