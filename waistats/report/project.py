"""A page that says what a run of a living study changed."""

from functools import partial
from typing import Any

import pandas as pd

from waistats import figures
from waistats._format import signed
from waistats.errors import WaistatsError
from waistats.report.blocks import Block, Paragraph, Section, embed
from waistats.report.code import colophon
from waistats.report.render_html import render_page
from waistats.report.text import study_title, why_not
from waistats.rg.study import RGStudy
from waistats.sensitivity.deletion import cumulative
from waistats.tables._build import spec

_CAUSES = {
    "method": "Settings or version",
    "values": "Changed values",
    "removed": "Removed coefficients",
    "new": "New coefficients",
}


def changes_page(study: RGStudy, changes: Any, rows: pd.DataFrame) -> str:
    """Return the page; ``rows`` are the pooled coefficients, with their ``search``."""
    sections = [Section("changes", "What Changed", _told(changes))]
    if changes is not None and len(changes.coefficients):
        table = spec(
            changes.coefficients,
            name="changed-coefficients",
            caption="Coefficients That Are New, Removed or Changed",
            coefficients=False,
            heads={
                "change": "Change", "study_id": "Study", "coefficient_id": "Coefficient",
                "column": "Column", "before": "Before", "after": "After",
            },
        )  # fmt: skip
        sections.append(Section("coefficients", "Coefficients", [table]))
    drawn = _over_time(study, rows)
    if drawn:
        sections.append(Section("time", "The Result as Evidence Came In", drawn))
    return render_page(
        f"{study_title(study)}: What Changed",
        [],
        sections,
        colophon([study.coefficients], "waistats project run"),
    )


def _told(changes: Any) -> list[Block]:
    if changes is None:
        return [
            Paragraph("This is the first run; there is nothing to compare it with.")
        ]
    blocks: list[Block] = [Paragraph(text) for text in changes.sentences()]
    steps = changes.to_frame()
    if steps["shift"].notna().any():
        steps = steps.assign(cause=steps["cause"].map(_CAUSES))
        blocks.append(
            spec(
                steps,
                name="steps",
                caption="From the Last Pooled Reliability to This One",
                notes=[
                    "Each step is taken with today's program, in this order; the shifts "
                    "sum to the whole."
                ],
                digits=3,
                heads={
                    "cause": "Cause", "before": "Before", "after": "After",
                    "shift": "Shift",
                },
                shows={"shift": partial(signed, digits=3)},
            )
        )  # fmt: skip
    return blocks


def _over_time(study: RGStudy, rows: pd.DataFrame) -> list[Block]:
    """Return the cumulative plot by search, or by year where no log tells."""
    if study.pooled is None:
        return []
    order = "search" if "search" in rows and rows["search"].notna().all() else "year"
    if order not in rows or rows[order].isna().any():
        return []
    values: Any = rows[order]
    if order == "search":
        values = pd.factorize(values.astype(str), sort=True)[0]
    try:
        model = study.pooled.independent
        drawn = figures.cumulative(cumulative(model, values, back_transform=True))
    except WaistatsError as error:
        return [Paragraph(why_not(error))]
    word = "date of search" if order == "search" else "year"
    return [
        embed(
            "cumulative",
            drawn,
            f"Pooled Reliability After Each Study, by {word.title()}",
            "One-level model, so that it can be fitted from the first study on.",
            simulated=study.simulated,
        )
    ]
