"""The main job: the WAI's published coefficients, a SIMULATED study, a check."""

import string
import textwrap
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._files import write_csv
from waistats._format import counted, frame_text
from waistats.datasets.bundled import load_dataset
from waistats.datasets.simulated_studies import simulate_hanson_study
from waistats.io._codebook import resource
from waistats.measures import OWN, effect_sizes, status_of
from waistats.meta.fit import fit_meta
from waistats.report.blocks import Paragraph, Section, Table, figures_of
from waistats.report.code import colophon
from waistats.report.folder import write_parts
from waistats.report.render_html import render_page
from waistats.report.render_word import picture, render_document
from waistats.report.sections import study_sections
from waistats.report.text import mean_words
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
class Published:
    """Part A.

    Attributes
    ----------
    wai : RGStudy
        The published WAI coefficients.
    original : DataFrame
        What is known of the original study, next to the published coefficients.
    induction : InductionRate
        Studies that report beside studies that quote, of this collection.
    """

    wai: RGStudy
    original: pd.DataFrame
    induction: InductionRate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taught:
    """Part B.

    Attributes
    ----------
    simulated : RGStudy
        The SIMULATED five-version study, from raw responses.
    truth : DataFrame
        Its cells with true values and estimates.
    """

    simulated: RGStudy
    truth: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A part of the report, written as far as it is a part's own.

    Attributes
    ----------
    sections : list of Section
        What the report has of it.
    coefficients : DataFrame
        Its table, for the colophon.
    shown : DataFrame
        What the terminal shows of it: true values, or the check; empty for part A.
    """

    sections: list[Section]
    coefficients: pd.DataFrame
    shown: pd.DataFrame


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
    used = table[status_of(table).poolable]
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


def _sentences(made: Published) -> str:
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


def collection_text(made: Published) -> str:
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


def published() -> Published:
    """Return the published coefficients of the WAI, pooled."""
    wai = generalize(load_dataset("wai"), title="Working Alliance Inventory scores")
    return Published(
        wai=wai,
        original=beside_original(wai),
        induction=collection_induction(wai.coefficients),
    )


def taught() -> Taught:
    """Return the SIMULATED five-version study, pooled, beside its true values."""
    simulation = simulate_hanson_study(SEED)
    table = simulated_coefficients(simulation)
    simulated = generalize(table, title="a SIMULATED five-version WAI study")
    return Taught(simulated=simulated, truth=truth_beside(simulated, simulation))


def write_published(made: Published, folder: Path, *, word: bool = False) -> Part:
    """Write the tables and figures of part A into a folder."""
    study = made.wai
    sections = study_sections(study, "a-", level=3)
    _write(study, sections, folder, "wai_", word)
    tables = folder / "tables"
    write_csv(made.original, tables / "wai_beside_original.csv")
    write_csv(made.induction.to_frame(), tables / "wai_induction_rate.csv")
    write_csv(load_dataset("wai_induction"), tables / "wai_induction.csv")
    write_csv(load_dataset("wai_recomputed"), tables / "wai_recomputed.csv")
    title = Section("a", "A. The published coefficients of the WAI")
    return Part(
        sections=[title, _beside(made.original), *sections],
        coefficients=study.coefficients,
        shown=pd.DataFrame(),
    )


def other_parts(
    folder: Path, word: bool = False
) -> Generator[str, None, tuple[Part, Part]]:
    """Compute parts B and C and write their tables and figures into a folder.

    The name of each step is given when it begins; the parts are returned. Nothing here
    needs part A, so that a second process can do it (`waistats.cli._aside`).
    """
    yield "CES-D check"
    cesd = generalize(load_dataset("cesd"), title="CES-D scores of caregivers")
    check = cesd_check()
    checked = {"summary", "pooled", "sensitivity", "data", "again"}
    sections = study_sections(cesd, "c-", keep=checked, level=3)
    _write(cesd, sections, folder, "cesd_", word)
    write_csv(check, folder / "tables" / "cesd_check.csv")
    part_c = Part(
        sections=[
            Section("c", "C. A check against metafor"),
            Section("c-check", "waistats and metafor", [_check(check)], 3),
            *sections,
        ],
        coefficients=cesd.coefficients,
        shown=check,
    )
    yield "SIMULATED study"
    made = taught()
    yield "report of the SIMULATED study"
    shown = {
        "summary", "methods", "descriptives", "pooled", "parts", "moderators", "spread",
        "sensitivity", "multiverse", "practice", "limitations",
    }  # fmt: skip
    sections = study_sections(made.simulated, "b-", keep=shown, level=3)
    _write(made.simulated, sections, folder, "simulated_", word)
    write_csv(made.truth, folder / "tables" / "simulated_truth.csv")
    title = "B. A SIMULATED five-version study, from items to pooled alpha"
    part_b = Part(
        sections=[Section("b", title), _truth(made.truth), *sections],
        coefficients=made.simulated.coefficients,
        shown=made.truth,
    )
    return part_b, part_c


def _write(
    study: RGStudy, sections: list[Section], folder: Path, prefix: str, word: bool
) -> None:
    write_parts(study, sections, folder, prefix)
    if word:
        # made here, where the figures are
        for figure in figures_of(sections):
            picture(figure)


def write_report(
    made: Published, parts: Sequence[Part], folder: Path, *, word: bool = False
) -> None:
    """Write the report of the three parts into a folder."""
    lead = [
        f"Published coefficients: {_sentences(made)}",
        "Forms and raters come first, since their coefficients measure different "
        f"things. {mean_words(made.wai)}",
        "This is not the collection of Hanson, Curry and Bandalos (2002), of which only "
        "the facts in part A are known. Part B is SIMULATED, for teaching.",
    ]
    whole = (
        "Reliability generalization of the Working Alliance Inventory",
        lead,
        [section for part in parts for section in part.sections],
        colophon(
            [part.coefficients for part in parts], f"waistats reproduce (seed {SEED})"
        ),
    )
    page = folder / "report.html"
    page.write_text(render_page(*whole), encoding="utf-8", newline="\n")
    if word:
        (folder / "report.docx").write_bytes(render_document(*whole))


def _beside(original: pd.DataFrame) -> Section:
    table = spec(
        original,
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


def _truth(truth: pd.DataFrame) -> Section:
    covered = int(truth["covered"].sum())
    table = spec(
        truth.drop(columns="covered"),
        name="truth",
        caption="SIMULATED: True Values and Estimates",
        notes=[
            f"The true value lies in {covered} of {len(truth)} intervals. τ is on the "
            "Bonett scale. Scales of one version share their respondents."
        ],
        heads={"truth": "True α", "estimate": "Pooled α", "true_tau": "True τ"},
        shows={"truth": coefficient_to(3)},
        digits=3,
    )
    return Section("b-truth", "Known true values", [table], 3)


_SCALES = {
    "bonett": "Bonett",
    "hakstian-whalen": "Hakstian–Whalen",
    "raw": "untransformed",
}
_SIGNS = {"mu": "mean", "se": "standard error", "tau2": "τ²", "I2": "I² (%)"}


def _check(check: pd.DataFrame) -> Table:
    seven = fixed_to(7)
    return spec(
        check.assign(
            measure=[_SCALES[m] for m in check["measure"]],
            quantity=[_SIGNS.get(q, q) for q in check["quantity"]],
        ),
        name="check",
        caption="CES-D, Nine Alphas (Bonett, 2010): REML, Knapp–Hartung",
        notes=["metafor's values are shown to the recorded digits."],
        heads={"measure": "Scale", "waistats": "waistats", "metafor": "metafor 3.8-1"},
        shows={
            "waistats": seven,
            "metafor": seven,
            "difference": _difference,
        },
    )


def _difference(value: Any) -> str:
    return f"{float(value):.1e}"
