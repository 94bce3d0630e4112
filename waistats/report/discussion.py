"""What the result means, its limits, what was excluded, the data, the checklists."""

import re

import pandas as pd

from waistats._format import count, level
from waistats._labels import column_words, kind_words
from waistats.figures._rows import study_names
from waistats.io._codebook import fields
from waistats.practice import practice_table
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
)
from waistats.report.forest import DEFAULT, Forest
from waistats.report.limits import limitations
from waistats.report.sources import ROWS
from waistats.report.text import own_rows
from waistats.rg.study import RGStudy
from waistats.tables._build import fixed_to, spec
from waistats.tables._spec import SENTENCE
from waistats.tables.models import excluded as excluded_table
from waistats.tables.sensitivity import practice as practice_spec

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
    frame = practice_table(study)
    table = practice_spec(frame, title="What a Reader Can Plan With")
    note = (
        "Range: between both ends of the prediction interval for the true alpha of a new "
        "population; for the alpha of a planned sample, the prediction interval of what it "
        "shows. Errors and changes in standard deviations of the score; reliable change by "
        "Jacobson & Truax, 1991. Alpha of one session says nothing about change over "
        "sessions: where there is a test–retest coefficient, it is the one for change."
    )
    more = _beside_interval(study, frame)
    blocks: list[Block] = [
        table.retitled(table.caption, [note, more, *table.notes[1:]])
    ]
    if len(study.score_errors):
        blocks.append(score_errors(study))
    return [Section("practice", "Implications for use", blocks)]


def _beside_interval(study: RGStudy, frame: pd.DataFrame) -> str:
    """Return why a probability is less than the prediction interval would have it."""
    rows = frame.set_index("quantity")
    low = rows.loc["alpha", "pi_low"]
    within = (1 + study.conf_level) / 2
    less = [
        p
        for name, p in rows["estimate"].items()
        if (found := re.match(r"P\(true alpha > ([.\d]+)\)", str(name)))
        and float(found[1]) <= low
        and p < within - 0.005
    ]
    if not less:
        return ""
    return (
        "Probabilities average over what tau can be, large values included, so with few "
        "studies they may be lower than the prediction interval suggests."
    )


def score_errors(study: RGStudy) -> Block:
    """Return the pooled standard errors of measurement, in points of each form."""
    frame = study.score_errors.drop(columns="tau2")
    known = [c for c in study.by if c in frame and len(set(frame[c].astype(str))) > 1]
    rest = [c for c in frame if c not in study.by]
    return spec(
        frame[[*known, *rest]],
        name="score_errors",
        caption="Standard Error of Measurement in Points of the Sum Score",
        notes=[
            "Log error variances, s²(1 − α), pooled by random effects (REML, "
            "Knapp–Hartung). Smallest detectable change: what the difference of two "
            "scores of a person must exceed to be more than error, at "
            f"{level(study.conf_level)}. Alpha takes what changes between occasions for "
            "true score, so a change over time may need to be larger."
        ],
        coefficients=False,
        conf_level=study.conf_level,
        heads={
            "n_items": "Items",
            "score_range": "Range of the score",
            "estimate": "SEM",
            "detectable": "Smallest detectable change",
        },
        shows={
            **dict.fromkeys(("estimate", "ci", "pi", "detectable"), fixed_to(1)),
            "score_range": fixed_to(0),
        },
    )


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
    kept = own_rows(study).index
    rows = study.effects.index[study.effects["yi"].isna()]
    frame = study.excluded[rows.isin(kept)].reset_index(drop=True)
    if len(frame) == 0:
        return []
    title = f"The {len(frame)} Reported Coefficients That Are Not Pooled, and Why"
    if len(frame) > ROWS:
        title += f": the First {count(ROWS)}"
    called = study_names(study.effects)
    shown = frame.head(ROWS).drop(columns="coefficient_id", errors="ignore")
    ids = shown["study_id"].astype(str)
    shown = shown.assign(study_id=[called.get(name, name) for name in ids])
    table = excluded_table(shown, title=title)
    return [Section("excluded", "Excluded coefficients", [table])]


def data_file(prefix: str) -> str:
    """Return the name under which a report offers its coefficients."""
    return f"{prefix}coefficients.csv"


_SHOWN = (
    "study_id", "year", "instrument", "rater", "scale", "coefficient_type", "estimate",
    "n", "n_items", "score_mean", "score_sd", "language", "modality",
    "reliability_status", "provenance", "source_url", "source", "evidence",
)  # fmt: skip


_STATUS = {
    "reported_own": "own",
    "induced_precise": "induced, precise",
    "induced_vague": "induced, vague",
    "omitted": "not mentioned",
}


def data(study: RGStudy, prefix: str) -> list[Section]:
    """Return the whole table, to be sorted, and what its columns mean."""
    frame = study.coefficients
    names = [c for c in _SHOWN if c in frame and _filled(frame[c])]
    called = study_names(frame)
    ids = frame["study_id"].astype(str)
    shown = frame[names].assign(study_id=[called.get(name, name) for name in ids])
    # a year that stands in every name needs no column of its own
    if "year" in shown and shown["study_id"].str.contains(r"\(\d{4}\)").all():
        shown = shown.drop(columns="year")
    shown = shown.head(ROWS).rename(columns={"provenance": "read"})
    if "coefficient_type" in shown:
        kinds = shown["coefficient_type"]
        said = kinds.map(lambda kind: kind_words(str(kind)), na_action="ignore")
        shown = shown.assign(coefficient_type=said)
    if "modality" in shown:
        words = shown["modality"].astype("object")
        words = words.map(lambda v: str(v).replace("_", " "), na_action="ignore")
        shown = shown.assign(modality=words)
    if "reliability_status" in shown:
        status = shown["reliability_status"].astype(str)
        shown = shown.assign(reliability_status=status.map(lambda s: _STATUS.get(s, s)))
    rows = f"{count(len(frame))} Rows"
    caption = f"{_ALL.get(len(frame), f'All {rows}')} with Their Sources"
    if len(frame) > ROWS:
        caption = f"The First {count(ROWS)} of {rows}, with Their Sources"
    heads = {
        "read": "Provenance",
        "estimate": "Value",
        "n": "*n*",
        **{c: column_words(c) for c in ("source_url", "source", "evidence")},
    }
    kept = {"study_id", "estimate", "n"}
    same = [c for c in shown if c not in kept and _same(shown[c])]
    said = [f"{heads.get(c, column_words(c))} {shown[c].iloc[0]}" for c in same]
    table = spec(
        shown.drop(columns=same),
        name="data",
        caption=caption,
        notes=[f"All rows: {'; '.join(said)}." if said else ""],
        heads=heads,
        sortable=True,
        explain=False,
    )
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


def _same(values: pd.Series) -> bool:
    """Return whether every row of several has the one short text of a column."""
    texts = set(values.astype(str).str.strip())
    if len(values) < 2 or values.isna().any() or len(texts) > 1:
        return False
    return 0 < len(texts.pop()) <= SENTENCE


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
        blocks.append(Code(r, "The overall model in R (metafor)."))
    return Section("again", "Reproduce this analysis", blocks)
