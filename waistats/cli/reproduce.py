"""The main job: the WAI's published coefficients, a SIMULATED study, a check."""

import string
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from waistats._files import write_csv
from waistats._format import counted, frame_text
from waistats.datasets.bundled import load_dataset
from waistats.datasets.simulated_studies import simulate_hanson_study
from waistats.io._codebook import resource
from waistats.measures import OWN, effect_sizes
from waistats.meta.fit import fit_meta
from waistats.report.blocks import Paragraph, Section, Table
from waistats.report.code import colophon
from waistats.report.folder import write_parts
from waistats.report.render_html import render_page
from waistats.report.render_word import render_document
from waistats.report.sections import study_sections
from waistats.rg.classic import beside_original, simulated_coefficients, truth_beside
from waistats.rg.generalize import generalize
from waistats.rg.induction import InductionRate, induction_rate
from waistats.rg.study import RGStudy
from waistats.tables._build import coefficient_to, fixed_to, spec

SEED = 2002

# metafor 3.8-1, rma(yi, vi, test="knha", control=list(threshold=1e-12)), by measure:
# (mu, se, tau2, I2, Q)
METAFOR_CESD = {
    "bonett": (2.3560697, 0.0829178, 0.04610461, 81.3954, 33.39570),
    "hakstian-whalen": (0.5440494, 0.0125234, 0.00107417, 81.4321, 35.11310),
    "raw": (0.9051890, 0.0076813, 0.00039510, 81.0347, 37.98077),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reproduction:
    """Everything `waistats reproduce` computes.

    Attributes
    ----------
    wai : RGStudy
        The published WAI coefficients.
    simulated : RGStudy
        The SIMULATED five-version study, from raw responses.
    truth : DataFrame
        Its cells with true values and estimates.
    cesd : RGStudy
        The CES-D coefficients.
    check : DataFrame
        Our numbers on them beside metafor's.
    original : DataFrame
        What is known of the original study, next to the published coefficients.
    induction : InductionRate
        Studies that report beside studies that quote, of this collection.
    """

    wai: RGStudy
    simulated: RGStudy
    truth: pd.DataFrame
    cesd: RGStudy
    check: pd.DataFrame
    original: pd.DataFrame
    induction: InductionRate


def cesd_check() -> pd.DataFrame:
    """Return our numbers on the CES-D table beside metafor's published ones."""
    rows = []
    table = load_dataset("cesd")
    for measure, theirs in METAFOR_CESD.items():
        fit = fit_meta(effect_sizes(table, measure=measure))
        ours = (fit.estimate, fit.se, fit.tau2, fit.I2, fit.Q)
        names = ("mu", "se", "tau2", "I2", "Q")
        for name, mine, other in zip(names, ours, theirs, strict=True):
            rows.append((measure, name, mine, other, mine - other))
    columns = ["measure", "quantity", "waistats", "metafor", "difference"]
    return pd.DataFrame(rows, columns=columns)


def collection_facts(wai: RGStudy, induction: InductionRate) -> list[str]:
    """Return what the published coefficients are, a sentence each."""
    table = wai.coefficients
    used = table[table["status"].astype(str) == "poolable"]
    away = used["modality"].isin(at_a_distance())
    computed = used["provenance"].astype(str) == "computed"
    rate = induction.to_frame().iloc[0]
    return [
        f"{counted(len(table), 'coefficient')} of {table['study_id'].nunique()} "
        "studies: the values found on open-access pages, not a systematic review",
        f"{counted(len(used), 'coefficient')} of {used['study_id'].nunique()} studies "
        f"can be pooled, {int(away.sum())} of them from treatment at a distance and "
        f"{int(computed.sum())} computed by the coder from open answers; the other "
        f"{len(table) - len(used)} cannot",
        f"In addition, {rate['induced']} of {rate['k']} studies induce reliability "
        "instead of reporting it; the search targeted coefficients, so this is not "
        "a rate for the literature",
    ]


def collection_induction(table: pd.DataFrame) -> InductionRate:
    """Return the rate of induction of the coefficients' and the quoting studies."""
    reporting = table[table["provenance"].astype(str) != "computed"]
    quoted = load_dataset("wai_induction")
    both = [
        reporting[["study_id", "year"]].assign(reliability_status=OWN),
        quoted.loc[
            quoted["kind"] == "study", ["study_id", "year", "reliability_status"]
        ],
    ]
    return induction_rate(pd.concat(both, ignore_index=True), by=None)


def at_a_distance() -> list[str]:
    """Return the modalities in which nobody is in the room with the client."""
    columns = resource("wai")["schema"]["fields"]
    (modality,) = [column for column in columns if column["name"] == "modality"]
    return list(modality["at_a_distance"])


def _sentences(made: Reproduction) -> str:
    facts = collection_facts(made.wai, made.induction)
    return " ".join(f"{fact}." for fact in facts)


def noted_text(frame: pd.DataFrame, digits: int) -> str:
    """Return a frame as text, its notes whole below it, each named by a letter."""
    notes = [str(v) for v in frame["note"].fillna("") if str(v)]
    letters = dict(zip(dict.fromkeys(notes), string.ascii_lowercase, strict=False))
    short = frame.assign(note=[letters.get(str(v), "") for v in frame["note"]])
    lines = [
        textwrap.fill(f"{letter}: {note}", 90, subsequent_indent="   ")
        for note, letter in letters.items()
    ]
    return "\n".join([frame_text(short if letters else frame, digits), *lines])


def collection_text(made: Reproduction) -> str:
    """Return the published coefficients as the terminal shows them: cells first."""
    cells = made.wai.cells
    pooled = cells[cells["estimate"].notna()]
    columns = [
        "instrument", "rater", "scale", "k_studies", "k", "estimate", "ci_low",
        "ci_high", "pi_low", "pi_high", "note",
    ]  # fmt: skip
    few = len(cells) - len(pooled)
    return "\n".join(
        [
            textwrap.fill(_sentences(made), 90),
            "",
            "Form and rater first:",
            noted_text(pooled[columns], 3),
            f"{counted(few, 'other cell has', 'other cells have')} fewer than three "
            "studies; the report describes them.",
            "",
            "All forms and raters together:",
            made.wai.sentence(),
        ]
    )


def steps() -> Iterator[tuple[str, object]]:
    """Compute part by part, naming each as it begins; the last has everything."""
    yield "published coefficients of the WAI", None
    wai = generalize(load_dataset("wai"), title="Working Alliance Inventory scores")
    original = beside_original(wai)
    induction = collection_induction(wai.coefficients)
    yield "CES-D check", None
    cesd = generalize(load_dataset("cesd"), title="CES-D scores of caregivers")
    check = cesd_check()
    yield "SIMULATED responses", None
    simulation = simulate_hanson_study(SEED)
    yield "alpha of each SIMULATED study", None
    table = simulated_coefficients(simulation)
    yield "pooled SIMULATED reliability", None
    simulated = generalize(table, title="a SIMULATED five-version WAI study")
    truth = truth_beside(simulated, simulation)
    yield (
        "report",
        Reproduction(
            wai=wai,
            simulated=simulated,
            truth=truth,
            cesd=cesd,
            check=check,
            original=original,
            induction=induction,
        ),
    )


def write_reproduction(made: Reproduction, folder: Path, *, word: bool = False) -> None:
    """Write the report, tables and figures of a reproduction into a folder."""
    parts = _parts(made)
    for prefix, (study, sections) in parts.items():
        write_parts(study, sections, folder, prefix)
    tables = folder / "tables"
    write_csv(made.check, tables / "cesd_check.csv")
    write_csv(made.original, tables / "wai_beside_original.csv")
    write_csv(made.truth, tables / "simulated_truth.csv")
    write_csv(made.induction.to_frame(), tables / "wai_induction_rate.csv")
    write_csv(load_dataset("wai_induction"), tables / "wai_induction.csv")
    write_csv(load_dataset("wai_recomputed"), tables / "wai_recomputed.csv")
    whole = _whole(made, parts)
    page = folder / "report.html"
    page.write_text(render_page(*whole), encoding="utf-8", newline="\n")
    if word:
        (folder / "report.docx").write_bytes(render_document(*whole))


def _parts(made: Reproduction) -> dict[str, tuple[RGStudy, list[Section]]]:
    """Return each study with the sections that the report has of it, by file prefix."""
    taught = {
        "summary", "methods", "descriptives", "pooled", "parts", "moderators", "spread",
        "sensitivity", "multiverse", "practice", "limitations",
    }  # fmt: skip
    checked = {"summary", "pooled", "sensitivity", "data", "again"}
    return {
        "wai_": (made.wai, study_sections(made.wai, "a-", level=3)),
        "simulated_": (
            made.simulated,
            study_sections(made.simulated, "b-", keep=taught, level=3),
        ),
        "cesd_": (made.cesd, study_sections(made.cesd, "c-", keep=checked, level=3)),
    }


def _whole(
    made: Reproduction, parts: dict[str, tuple[RGStudy, list[Section]]]
) -> tuple[str, list[str], list[Section], list[str]]:
    """Return title, lead, sections and colophon of the report with its three parts."""
    sections = [
        Section("a", "A. The published coefficients of the WAI"),
        _beside(made),
        *parts["wai_"][1],
        Section("b", "B. A SIMULATED five-version study, from items to pooled alpha"),
        _truth(made),
        *parts["simulated_"][1],
        Section("c", "C. A check against metafor"),
        Section("c-check", "waistats and metafor", [_check(made)], 3),
        *parts["cesd_"][1],
    ]
    lead = [
        f"Published coefficients: {_sentences(made)}",
        "Forms and raters come first, since their coefficients measure different "
        f"things. Over all of them: {made.wai.sentence()}.",
        "This is not the collection of Hanson, Curry and Bandalos (2002), of which only "
        "the facts in part A are known. Part B is SIMULATED, for teaching.",
    ]
    tables = [study.coefficients for study, _ in parts.values()]
    return (
        "Reliability generalization of the Working Alliance Inventory",
        lead,
        sections,
        colophon(tables, f"waistats reproduce (seed {SEED})"),
    )


def _beside(made: Reproduction) -> Section:
    table = spec(
        made.original,
        name="original",
        caption="The Original Study and This Collection",
        notes=["What is known of the original comes from its abstract."],
        heads={"original": "Hanson et al. (2002)"},
    )
    words = Paragraph(
        "The original described coefficients, unweighted, and correlated them with study "
        "characteristics one at a time. Since then coefficients are transformed and "
        "weighted by precision, heterogeneity is modelled, and coefficients of one study "
        "are not taken as independent. Sample size, with which the original found an "
        "association, sets the precision of a coefficient but is not a cause of its size."
    )
    return Section(
        "a-original", "Comparison with the original study", [words, table], 3
    )


def _truth(made: Reproduction) -> Section:
    covered = int(made.truth["covered"].sum())
    table = spec(
        made.truth.drop(columns="covered"),
        name="truth",
        caption="SIMULATED: True Values and Estimates",
        notes=[
            f"The true value lies in {covered} of {len(made.truth)} intervals. τ is on the "
            "Bonett scale. Scales of one version share their respondents."
        ],
        heads={"truth": "True α", "estimate": "Pooled α", "true_tau": "True τ"},
        shows={"truth": coefficient_to(3)},
        digits=3,
    )
    return Section("b-truth", "Known true values", [table], 3)


def _check(made: Reproduction) -> Table:
    seven = fixed_to(7)
    return spec(
        made.check,
        name="check",
        caption="CES-D, Nine Alphas (Bonett, 2010): REML, Knapp–Hartung",
        notes=["metafor's values are shown to the recorded digits."],
        heads={"waistats": "waistats", "metafor": "metafor 3.8-1"},
        shows={
            "waistats": seven,
            "metafor": seven,
            "difference": lambda v: f"{float(v):.1e}",
        },
    )
