"""Tables for a paper; great_tables is loaded when a table is made."""

from waistats.tables.anything import table
from waistats.tables.files import (
    save_table,
    to_csv,
    to_html,
    to_latex,
)
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
from waistats.tables.word import add_table, to_docx
from waistats.tables.workbook import to_xlsx

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
