"""Where the coefficients come from: the flow, and who induced reliability.

The parts of a report before its results.
"""

from typing import Any

import pandas as pd

from waistats import figures
from waistats._format import MISSING, coefficient, interval, level, p_statement
from waistats.errors import WaistatsError, listing
from waistats.instruments.forms import Instrument, get_instrument
from waistats.measures import ALPHA_TYPES
from waistats.report.blocks import (
    CELL_COLUMNS,
    Block,
    Card,
    Cards,
    Code,
    Column,
    Paragraph,
    Section,
    Table,
    decimals,
    embed,
    make_table,
    probability,
    text,
    two,
    whole,
)
from waistats.report.text import (
    methods_paragraphs,
    moderators_sentence,
    name_words,
    other_kinds,
    results_paragraph,
)
from waistats.rg.compare_samples import compare_samples
from waistats.rg.descriptives import kinds
from waistats.rg.flow import flow_counts
from waistats.rg.induction import InductionRate, induction_rate
from waistats.rg.study import RGStudy

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


COUNTS = ("studies", "samples", "coefficients", "persons", "samples_without_n")


def has_screening(study: RGStudy) -> bool:
    """Return whether the table says who induced reliability."""
    return "reliability_status" in study.effects


def flow_steps(study: RGStudy) -> pd.DataFrame:
    """Return the boxes of the flow: `flow_counts`, or what a plain table shows."""
    table = study.coefficients
    used = study.effects["yi"].notna()
    alphas = kinds(study.effects).isin(ALPHA_TYPES)
    last = study.main_rows
    other = used & ~study.effects["coefficient_id"].isin(last["coefficient_id"])
    if has_screening(study):
        boxes = flow_counts(table)
        rows = boxes.to_dict("records")
    else:
        valued = pd.to_numeric(table["estimate"], errors="coerce").notna()
        rows = [
            _box("Coefficients in the table", table, alphas | ~alphas),
            _box("Without a value: a range or a bound", table, ~valued, side=True),
            _box("With a value", table, valued),
            _box("Cannot be pooled", table, valued & ~used, side=True, why=True),
            _box("Can be pooled", table, used),
        ]
    rows += [
        _box("Other scales or kinds, pooled apart", table, other, side=True),
        _box(f"In the overall model ({study.main_scale})", table, used & ~other),
    ]
    frame = pd.DataFrame(rows)
    return frame[(frame["studies"] > 0) | ~frame["side"]].reset_index(drop=True)


def _box(
    name: str,
    table: pd.DataFrame,
    mask: pd.Series,
    *,
    side: bool = False,
    why: bool = False,
) -> dict[str, Any]:
    """Return one box; the rows of a plain table count as their own reports."""
    rows = table[mask.to_numpy()].drop(columns="reliability_status", errors="ignore")
    # an empty box is kept out of the chart, and needs no counting
    if len(rows) == 0:
        return {"box": name, "side": side, "note": ""} | dict.fromkeys(COUNTS, 0)
    counts = flow_counts(rows).set_index("key").loc["coded"]
    row = {"box": name, "side": side} | {c: counts[c] for c in COUNTS}
    # a row is a coefficient here, whatever it says of itself
    row |= {"coefficients": len(rows), "note": counts["note"]}
    if why and "reason" in rows:
        reasons = rows["reason"].astype(str).value_counts()
        row["note"] = "; ".join(f"{reason} ({k})" for reason, k in reasons.items())
    return row


def flow(study: RGStudy) -> Section:
    """Return the flow of coefficients as a figure and as numbers."""
    steps = flow_steps(study)
    shown = steps.assign(note=steps["note"].where(steps["side"], ""))
    figure = embed(
        "flow",
        figures.flow(shown[["box", "side", "note", *COUNTS[:4]]]),
        "Flow of studies, samples, coefficients and persons to the overall model.",
        simulated=study.simulated,
    )
    table = make_table(
        steps.assign(kind=steps["side"].map({True: "left aside", False: ""})),
        (
            Column("Step", "box", text, False),
            Column("", "kind", lambda v: v, False),
            Column("Studies", "studies", whole),
            Column("Samples", "samples", whole),
            Column("Coefficients", "coefficients", whole),
            Column("Persons", "persons", whole),
            Column("Samples without n", "samples_without_n", whole),
        ),
        "Studies, samples, coefficients and persons at each step.",
        [
            "A study or sample with several coefficients may stand in several boxes. "
            "Persons: the largest n of each sample, added up."
        ],
    )
    blocks: list[Block] = [figure, table]
    if not has_screening(study):
        words = (
            "The table holds no record of the search and no column reliability_status, "
            "so the flow begins with the coefficients of the table: how many studies "
            "were found, screened and left out is for the author to add."
        )
        blocks.insert(0, Paragraph(words))
    return Section("flow", "Flow of coefficients", blocks)


def induction(study: RGStudy) -> list[Section]:
    """Return the rate of induction, and how inducing samples differ."""
    if not has_screening(study):
        return []
    rate = induction_rate(study.coefficients, conf_level=study.conf_level)
    blocks: list[Block] = [
        Paragraph(
            f"{rate.heading()}. {rate.closing()}.".replace("..", "."),
        ),
        _rates(rate),
    ]
    try:
        found = compare_samples(study.coefficients, conf_level=study.conf_level)
    except WaistatsError as error:
        blocks.append(Paragraph(f"Inducing samples are not compared: {error}"))
    else:
        blocks += _compared(found, study.conf_level)
    return [Section("induction", "Reliability induction", blocks)]


def _rates(rate: InductionRate) -> Table:
    return make_table(
        rate.table,
        (
            Column("By", "by", name_words, False),
            Column("Level", "level", text, False),
            Column("k", "k", whole),
            Column("Reported", "reported_own", whole),
            Column("Induced, precise", "induced_precise", whole),
            Column("Induced, vague", "induced_vague", whole),
            Column("Omitted", "omitted", whole),
            Column("Rate", "estimate", two),
            Column(
                f"{level(rate.conf_level)} CI",
                lambda r: interval(
                    r["ci_low"], r["ci_high"], lambda v: coefficient(v, 2)
                ),
            ),
        ),
        "Studies that took reliability from elsewhere or said nothing of it.",
        ["Wilson intervals."],
    )


def _compared(found: pd.DataFrame, conf_level: float) -> list[Block]:
    tested = found[found["p_value"].notna()]
    if len(tested) == 0:
        return []
    differ = tested[tested["p_value"] < 1 - conf_level]
    # a variable can differ in its mean and in its spread, or at several levels
    least = differ.groupby(["variable", "level"], sort=False)["p_value"].min()
    words = [
        " ".join(filter(None, [name_words(name), said.strip()]))
        + f" ({p_statement(p)})"
        for (name, said), p in least.items()
    ]
    sentence = (
        "Inducing samples differ from reporting ones in " + ", ".join(words) + ": a "
        "coefficient taken over from elsewhere need not hold for them."
        if words
        else "Inducing samples do not differ detectably from reporting ones in what the "
        "table knows of them."
    )
    table = make_table(
        found,
        (
            Column("Variable", "variable", name_words, False),
            Column("Level", "level", text, False),
            Column("Measure", "measure", text, False),
            Column("Reporting", "k_reporting", whole),
            Column("Inducing", "k_inducing", whole),
            Column("Mean reporting", "mean_reporting", decimals(2)),
            Column("Mean inducing", "mean_inducing", decimals(2)),
            Column("Difference", "estimate", decimals(2)),
            Column(
                f"{level(conf_level)} CI",
                lambda r: interval(r["ci_low"], r["ci_high"], decimals(2)),
            ),
            Column("p", "p_value", probability),
        ),
        "Samples that induce reliability less samples that report it.",
    )
    return [Paragraph(sentence), table]
