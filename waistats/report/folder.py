"""A study to a folder: the page, its tables as CSV, its figures as files."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from waistats._files import new_file, write_csv
from waistats._progress import progress
from waistats.practice import practice_table
from waistats.provenance import marked
from waistats.report.blocks import Section, figures_of
from waistats.report.forest import DEFAULT, Forest
from waistats.report.render_html import study_page
from waistats.report.render_word import study_document
from waistats.report.sections import study_sections
from waistats.report.sources import flow_steps
from waistats.rg._part import is_large
from waistats.rg.prisma import prisma_counts
from waistats.rg.references import as_bibtex, as_ris
from waistats.rg.study import RGStudy


def study_tables(study: RGStudy) -> dict[str, pd.DataFrame]:
    """Return the frames of a study by file name, unrounded."""
    tables = {
        "coefficients": study.coefficients,
        "effects": study.effects,
        "descriptives": study.descriptives,
        "pooled_cells": study.cells,
        "pooled_scales": study.scales,
        "left_out": study.excluded,
        "flow": flow_steps(study),
    }
    if study.pooled is not None:
        fit = study.pooled.fit
        tables |= {
            "overall": study.summary(),
            "heterogeneity": fit.heterogeneity_intervals().reset_index(names="term"),
            "moderators": study.screen,
            "moderator_levels": study.levels,
            "correlates": study.correlates,
            "shrunken": study.shrunken,
            "reporting_checks": study.part.robustness,
            "multiverse": study.part.multiverse.to_frame(),
            "practice": practice_table(study),
            "score_errors": study.score_errors,
        }
        if not is_large(study):
            tables["leave_one_out"] = study.leave_one_out
            tables["influence"] = study.influence
    if study.screening is not None:
        tables["prisma"] = prisma_counts(study.screening, study.own_rows)
    for i, found in enumerate(study.agreements, start=2):
        end = "" if i == 2 else f"_coder_{i}"
        tables[f"agreement{end}"] = found.to_frame()
        tables[f"disagreements{end}"] = found.disagreements
    if study.moderator_model is not None:
        tables["moderator_model"] = study.moderator_model.to_frame()
        tables["moderator_effects"] = study.moderator_model.alpha_effects()
    return {
        name: marked(table, study.simulated)
        for name, table in tables.items()
        if len(table)
    }


# SVG for a page and a paper; a manuscript may ask for others
FORMATS = ("svg",)
_DPI = 300


def write_parts(
    study: RGStudy,
    sections: Sequence[Section],
    folder: Path,
    prefix: str = "",
    formats: Sequence[str] = FORMATS,
    theme: str = "colour",
) -> None:
    """Write the tables of a study and the figures of its report into a folder."""
    for name, table in progress(study_tables(study).items(), "tables"):
        write_csv(table, folder / "tables" / f"{prefix}{name}.csv")
    for figure in progress(figures_of(sections), "figures"):
        for kind in formats:
            with new_file(folder / "figures" / f"{prefix}{figure.name}.{kind}") as work:
                work.write_bytes(figure.drawing.render(kind, _DPI, theme))


def write_study(
    study: RGStudy,
    folder: Path,
    call: str,
    *,
    word: bool = False,
    short: bool = False,
    formats: Sequence[str] = FORMATS,
    theme: str = "colour",
    forest: Forest = DEFAULT,
) -> None:
    """Write the page, tables and figures of one study into a folder.

    The short report comes with the full one, which is its supplement.
    """
    sections = study_sections(study, forest=forest)
    write_parts(study, sections, folder, formats=formats, theme=theme)
    made = {"report": sections}
    if short:
        made["report-short"] = study_sections(study, short=True, forest=forest)
    for name, these in made.items():
        page = folder / f"{name}.html"
        text = study_page(study, call, these)
        page.write_text(text, encoding="utf-8", newline="\n")
        if word:
            content = study_document(study, call, these)
            (folder / f"{name}.docx").write_bytes(content)
    rows = study.own_rows
    (folder / "included.bib").write_text(as_bibtex(rows), encoding="utf-8")
    (folder / "included.ris").write_text(as_ris(rows), encoding="utf-8")
