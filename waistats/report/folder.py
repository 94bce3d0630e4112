"""A study to a folder: the page, its tables as CSV, its figures as files."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from waistats._files import new_file, write_csv
from waistats.practice import practice_table
from waistats.provenance import marked
from waistats.report.blocks import Section, figures_of
from waistats.report.render_html import study_page
from waistats.report.render_word import study_document
from waistats.report.sections import study_sections
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
    }
    if study.pooled is not None:
        fit = study.pooled.fit
        tables |= {
            "overall": study.summary(),
            "heterogeneity": fit.heterogeneity_intervals().reset_index(names="term"),
            "moderators": study.screen,
            "moderator_levels": study.levels,
            "correlates": study.correlates,
            "leave_one_out": study.leave_one_out,
            "influence": study.influence,
            "shrunken": study.shrunken,
            "reporting_checks": study.robustness,
            "multiverse": study.multiverse.to_frame(),
            "practice": practice_table(study),
        }
    if study.moderator_model is not None:
        tables["moderator_model"] = study.moderator_model.to_frame()
        tables["moderator_effects"] = study.moderator_model.alpha_effects()
    return {
        name: marked(table, study.simulated)
        for name, table in tables.items()
        if len(table)
    }


def write_parts(
    study: RGStudy, sections: Sequence[Section], folder: Path, prefix: str = ""
) -> None:
    """Write the tables of a study and the figures of its report into a folder."""
    for name, table in study_tables(study).items():
        write_csv(table, folder / "tables" / f"{prefix}{name}.csv")
    for figure in figures_of(sections):
        for kind in ("svg", "png"):
            with new_file(folder / "figures" / f"{prefix}{figure.name}.{kind}") as work:
                work.write_bytes(figure.drawing.render(kind))


def write_study(study: RGStudy, folder: Path, call: str, *, word: bool = False) -> None:
    """Write the page, tables and figures of one study into a folder."""
    sections = study_sections(study)
    write_parts(study, sections, folder)
    page = folder / "report.html"
    page.write_text(study_page(study, call, sections), encoding="utf-8", newline="\n")
    if word:
        content = study_document(study, call, sections)
        (folder / "report.docx").write_bytes(content)
