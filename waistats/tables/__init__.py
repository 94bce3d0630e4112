"""Tables for a paper; great_tables is loaded when a table is made."""

from waistats.tables.export import (
    add_table,
    save_table,
    to_csv,
    to_docx,
    to_html,
    to_latex,
    to_xlsx,
)
from waistats.tables.generic import table
from waistats.tables.models import (
    cells,
    coefficients,
    components,
    excluded,
    heterogeneity,
    moderators,
    pooled,
)
from waistats.tables.sensitivity import (
    cumulative,
    influence,
    leave_one_out,
    multiverse,
    practice,
    small_study,
    subgroups,
)
from waistats.tables.studies import (
    correlates,
    descriptives,
    items,
    levels,
    reliability,
    screen,
    studies,
)

__all__ = [
    "add_table",
    "cells",
    "coefficients",
    "components",
    "correlates",
    "cumulative",
    "descriptives",
    "excluded",
    "heterogeneity",
    "influence",
    "items",
    "leave_one_out",
    "levels",
    "moderators",
    "multiverse",
    "pooled",
    "practice",
    "reliability",
    "save_table",
    "screen",
    "small_study",
    "studies",
    "subgroups",
    "table",
    "to_csv",
    "to_docx",
    "to_html",
    "to_latex",
    "to_xlsx",
]
