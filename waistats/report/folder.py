"""A study to a folder: the page, its tables as CSV, its figures as files."""

from pathlib import Path
from typing import Any

import pandas as pd

from waistats import figures
from waistats.figures.style import figure_of, save
from waistats.generalization.describe import kinds
from waistats.generalization.study import RGStudy
from waistats.output import write_csv
from waistats.practice import practice_table
from waistats.provenance import marked
from waistats.report.page import study_page

MANY = 40


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


def study_figures(study: RGStudy) -> dict[str, Any]:
    """Return the drawn figures of a study by file name."""
    drawn: dict[str, Any] = {}
    alphas = study.coefficients[kinds(study.effects) == "alpha"]
    if pd.to_numeric(alphas["estimate"], errors="coerce").notna().any():
        drawn["box"] = figures.box(alphas, by=study.by)
    if study.pooled is not None:
        fit = study.pooled.fit
        drawn["forest"] = figures.forest(fit)
        drawn["funnel"] = figures.funnel(study.pooled.independent)
        drawn["multiverse"] = figures.multiverse(study.multiverse)
        drawn["influence"] = figures.influence(study.pooled.independent)
        if fit.k > MANY:
            drawn["caterpillar"] = figures.caterpillar(fit)
    return drawn


def write_parts(study: RGStudy, folder: Path, prefix: str = "") -> None:
    """Write the tables and figures of a study into a folder."""
    import matplotlib.pyplot as plt

    for name, table in study_tables(study).items():
        write_csv(table, folder / "tables" / f"{prefix}{name}.csv")
    for name, axes in study_figures(study).items():
        save(axes, folder / "figures" / f"{prefix}{name}", ("svg", "png"), dpi=200)
        plt.close(figure_of(axes))


def write_study(study: RGStudy, folder: Path, call: str) -> None:
    """Write the page, tables and figures of one study into a folder."""
    write_parts(study, folder)
    page = folder / "report.html"
    page.write_text(study_page(study, call), encoding="utf-8", newline="\n")
