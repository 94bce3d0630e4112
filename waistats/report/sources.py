"""Where the coefficients come from: the search, the studies, who induced reliability."""

import re
from typing import Any

import pandas as pd

from waistats import figures
from waistats._format import count, counted, p_statement
from waistats.errors import WaistatsError
from waistats.measures import ALPHA_TYPES, kind_words
from waistats.meta._verdict import enough_df
from waistats.report.blocks import Block, Download, Listing, Paragraph, Section, embed
from waistats.report.text import (
    is_pooled,
    joined,
    opened,
    rate_sentence,
    why_not,
)
from waistats.rg.compare_samples import compare_samples
from waistats.rg.descriptives import kinds
from waistats.rg.flow import flow_counts
from waistats.rg.induction import induction_rate
from waistats.rg.prisma import prisma_counts
from waistats.rg.quality import has_quality
from waistats.rg.references import (
    as_bibtex,
    as_ris,
    reference_text,
    study_references,
)
from waistats.rg.study import RGStudy
from waistats.tables._names import name_words
from waistats.tables.reporting import (
    agreement,
    comparison,
    induction as induction_table,
    quality,
)
from waistats.tables.studies import characteristics

# studies that a page lists; of more, the files have all
ROWS = 500
COUNTS = ("studies", "samples", "coefficients", "persons", "samples_without_n")


def has_screening(study: RGStudy) -> bool:
    """Return whether the table says who induced reliability."""
    return "reliability_status" in study.effects


def flow_steps(study: RGStudy) -> pd.DataFrame:
    """Return the boxes of the flow: `flow_counts`, or what a plain table shows."""
    table = study.coefficients
    used = study.effects["yi"].notna()
    alphas = kinds(study.effects).isin(ALPHA_TYPES)
    last = study.in_main
    other = used & ~last
    if has_screening(study):
        rows = flow_counts(table).to_dict("records")
    else:
        valued = pd.to_numeric(table["estimate"], errors="coerce").notna()
        rows = [
            _box("Coefficients in the data", table, alphas | ~alphas),
            _box("Without a value: a range or a bound", table, ~valued, side=True),
            _box("With a value", table, valued),
            _box("Cannot be pooled", table, valued & ~used, side=True, why=True),
            _box("Can be pooled", table, used),
        ]
    if study.pooled is not None:
        rows += [
            _box("Other scales or kinds, pooled separately", table, other, side=True),
            _box(f"In the overall model ({study.main_scale})", table, last),
        ]
    frame = pd.DataFrame(rows)
    kept = (frame["studies"] > 0) | ~frame["side"]
    return frame[kept].reset_index(drop=True)


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
        codes = set(kinds(rows).astype(str))
        row["note"] = "; ".join(
            f"{_in_words(str(reason), codes)}: {k}" for reason, k in reasons.items()
        )
    return row


def _in_words(reason: str, codes: set[str]) -> str:
    """Return a reason with kinds in words, as one item of a list with semicolons."""
    for code in codes:
        reason = reason.replace(f"({code})", f"({kind_words(code)})")
    return reason.replace(";", ",")


def flow(study: RGStudy) -> list[Section]:
    """Return the search and the flow of coefficients, as far as they say something."""
    blocks: list[Block] = []
    if study.screening is not None:
        counts = prisma_counts(study.screening, study.coefficients)
        drawn = figures.prisma(counts)
        caption = "Flow of Records to the Included Studies"
        note = "After PRISMA 2020 (Page et al., 2021)."
        blocks.append(embed("prisma", drawn, caption, note, simulated=study.simulated))
    steps = flow_steps(study)
    to = "" if study.pooled is None else " to the Overall Model"
    if len(set(steps["coefficients"])) > 1 or steps["side"].any():
        shown = steps.assign(note=steps["note"].where(steps["side"], ""))
        blocks.append(
            embed(
                "flow",
                figures.flow(shown[["box", "side", "note", *COUNTS[:4]]]),
                f"Flow of Studies, Samples, Coefficients and Persons{to}",
                "A study or sample with several coefficients may appear in several boxes. "
                "Persons: the largest n of each sample, added up.",
                simulated=study.simulated,
            )
        )
    elif not blocks:
        k = int(steps["coefficients"].iloc[0])
        done = "entered the overall model" if to else "can be pooled"
        if not is_pooled(study):
            done = "are described"
        all_of = "Both" if k == 2 else f"All {count(k)}"
        blocks.append(Paragraph(all_of + f" coefficients {done}."))
    return [Section("flow", "Flow of coefficients", blocks)]


def search_words(study: RGStudy) -> str:
    """Return how many records were found, assessed and included, in a sentence."""
    assert study.screening is not None
    counts = prisma_counts(study.screening, study.coefficients)
    n = {key: int(many) for key, many in counts.groupby("key")["n"].sum().items()}
    studies = n.get("included", 0)
    text = f"The search found {counted(n.get('identified', 0), 'record')}"
    if "assessed" in n:
        text += f", of which {count(n['assessed'])} were assessed in full"
    given = study.own_rows["study_id"].nunique()
    text += f"; {counted(studies, 'study was', 'studies were')} included"
    if has_screening(study) and given < studies:
        verb = "reports" if given == 1 else "report"
        text += f", of which {count(given)} {verb} a coefficient of their own data"
    return f"{text}."


def included(study: RGStudy) -> list[Section]:
    """Return one row per study, and where each was published."""
    rows = study.own_rows
    if rows["study_id"].nunique() < 2:
        return []
    names = rows["study_id"].astype(str)
    studies = names.nunique()
    blocks: list[Block] = []
    if studies > ROWS:
        blocks.append(
            Paragraph(
                f"The first {count(ROWS)} of {counted(studies, 'study')}; the table of the "
                "coefficients, to be downloaded below, has all of them."
            )
        )
    listed = rows[names.isin(names.unique()[:ROWS])]
    blocks.append(characteristics(listed))
    made = [Section("studies", "Included studies", blocks)]
    blocks = []
    named = study_references(listed)
    known = named[(named["authors"] != "") | (named["title"] != "")]
    if len(known):
        texts = [reference_text(row, stars=True) for row in known.to_dict("records")]
        by_letters = sorted(texts, key=lambda text: text.replace("*", ""))
        blocks.append(Listing(by_letters, references=True))
        blocks += [
            Download(
                "included.bib",
                as_bibtex(rows).encode("utf-8"),
                "Download the references as BibTeX",
                "application/x-bibtex",
            ),
            Download(
                "included.ris",
                as_ris(rows).encode("utf-8"),
                "Download the references as RIS",
                "application/x-research-info-systems",
            ),
        ]
        rest = len(named) - len(known)
        if rest:
            verb = "has" if rest == 1 else "have"
            words = f"Of the studies, {rest} {verb} no reference in the data."
            blocks.append(Paragraph(words))
        # apart from the table, which may need a page on its side
        title = "References of the included studies"
        made.append(Section("included", title, blocks))
    return made


def rated(study: RGStudy) -> list[Section]:
    """Return the quality of the studies by COSMIN, and how far two coders agree."""
    blocks: list[Block] = []
    rows = study.own_rows
    if has_quality(rows):
        blocks.append(quality(rows))
        blocks.append(
            embed(
                "quality",
                figures.traffic_light(rows),
                "Quality of the Evidence for Internal Consistency",
                "Standards of COSMIN (Mokkink et al., 2018), worst score counts.",
                simulated=study.simulated,
            )
        )
    many = len(study.agreements)
    for i, found in enumerate(study.agreements, start=2):
        who = f"Coders 1 and {i}. " if many > 1 else ""
        heading = found.heading()
        for key in found.keys:
            heading = heading.replace(key, key.removesuffix("_id"))
        heading = re.sub(r"matched by (\w+), (\w+)", r"matched by \1 and \2", heading)
        words = opened(f"{heading}. {_differing(found)}")
        blocks.append(Paragraph(who + words))
        title = (
            f"Agreement of Coders 1 and {i}" if many > 1 else "Agreement of Two Coders"
        )
        blocks.append(agreement(found, title=title))
    return [Section("quality", "Quality and coding", blocks)] if blocks else []


def _differing(found: Any) -> str:
    cells, left = len(found.disagreements), len(found.unmatched)
    text = f"The coders differ in {cells} {'cell' if cells == 1 else 'cells'}"
    if left:
        text += f"; {left} {'row is' if left == 1 else 'rows are'} in one sheet only"
    return text + "."


def induction(study: RGStudy) -> list[Section]:
    """Return the rate of induction, and how inducing samples differ."""
    if not has_screening(study):
        return []
    rate = induction_rate(study.coefficients, conf_level=study.conf_level)
    blocks: list[Block] = [
        Paragraph(f"{rate_sentence(rate)} {_closing(rate)}".strip()),
        induction_table(rate),
    ]
    try:
        found = compare_samples(study.coefficients, conf_level=study.conf_level)
    except WaistatsError as error:
        blocks.append(Paragraph(f"Inducing samples are not compared. {why_not(error)}"))
    else:
        blocks += _compared(found, study.conf_level)
    return [Section("induction", "Reliability induction", blocks)]


def _closing(rate: Any) -> str:
    said = str(rate.closing()).strip()
    return opened(said if said.endswith(".") or not said else f"{said}.")


def _compared(found: pd.DataFrame, conf_level: float) -> list[Block]:
    tested = found[found["p_value"].notna()]
    if len(tested) == 0:
        return []
    # an odds ratio and a standardized difference have a normal, whatever their samples
    samples = tested["k_reporting"] + tested["k_inducing"]
    df = tested["df"].astype(float).fillna(samples - 2)
    told = df.map(enough_df)
    differ = tested[(tested["p_adjusted"] < 1 - conf_level) & told]
    # a variable can differ in its mean and in its spread, or at several levels
    least = differ.groupby(["variable", "level"], sort=False)["p_adjusted"].min()
    words = [
        " ".join(filter(None, [name_words(name), said.strip()]))
        + f" (adjusted {p_statement(p)})"
        for (name, said), p in least.items()
    ]
    sentence = (
        "Inducing samples differ from reporting ones in "
        + joined(words)
        + "; p values are adjusted for the number of differences (Holm, 1979). An induced "
        "coefficient need not hold for them."
        if words
        else "No difference of inducing from reporting samples was shown in the "
        "characteristics in the table, after adjustment for their number (Holm, 1979); "
        "that does not show that they are alike."
    )
    return [Paragraph(sentence), comparison(found, conf_level=conf_level)]
