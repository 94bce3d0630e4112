"""Tables for a paper; great_tables is loaded when a table is made."""

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
from waistats.tables.word import add_table, to_docx
from waistats.tables.workbook import to_xlsx

__all__ = [
    "add_table",
    "cells",
    "coefficients",
    "components",
    "excluded",
    "heterogeneity",
    "moderators",
    "pooled",
    "save_table",
    "to_csv",
    "to_docx",
    "to_html",
    "to_latex",
    "to_xlsx",
]
