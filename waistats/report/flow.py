"""Where the coefficients come from: the flow, and who induced reliability."""

from typing import Any

import pandas as pd

from waistats import figures
from waistats.effect_sizes import ALPHA_TYPES
from waistats.errors import WaistatsError
from waistats.format import coefficient, interval, level, p_statement
from waistats.generalization.compare import compare_samples
from waistats.generalization.describe import kinds
from waistats.generalization.flow import flow_counts
from waistats.generalization.induction import InductionRate, induction_rate
from waistats.generalization.study import RGStudy
from waistats.report.blocks import (
    Block,
    Column,
    Paragraph,
    Section,
    Table,
    decimals,
    make_table,
    probability,
    text,
    two,
    whole,
)
from waistats.report.figures import embed
from waistats.report.text import name_words

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
