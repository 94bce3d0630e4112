"""Tables for a paper; great_tables is loaded when a table is made."""

from waistats._signature import public
from waistats.tables import (
    generic,
    models,
    moderators as of_moderators,
    practice as of_practice,
    reporting,
    sensitivity,
    studies as of_studies,
)
from waistats.tables._gt import published
from waistats.tables.export import (
    add_table,
    save_table,
    to_csv,
    to_docx,
    to_html,
    to_latex,
    to_text,
    to_xlsx,
)

table = published(generic.table)

cells = published(models.cells)
coefficients = published(models.coefficients)
components = published(models.components)
excluded = published(models.excluded)
heterogeneity = published(models.heterogeneity)
moderators = published(models.moderators)
pooled = published(models.pooled)

checks = published(sensitivity.checks)
cumulative = published(sensitivity.cumulative)
influence = published(sensitivity.influence)
leave_one_out = published(sensitivity.leave_one_out)
multiverse = published(sensitivity.multiverse)
small_study = published(sensitivity.small_study)
subgroups = published(sensitivity.subgroups)

practice = published(of_practice.practice)
score_errors = published(of_practice.score_errors)
spread = published(of_practice.spread)

agreement = published(reporting.agreement)
characteristics = published(of_studies.characteristics)
comparison = published(reporting.comparison)
correlates = published(of_moderators.correlates)
descriptives = published(of_studies.descriptives)
flow = published(reporting.flow)
induction = published(reporting.induction)
items = published(of_studies.items)
levels = published(of_moderators.levels)
quality = published(reporting.quality)
reliability = published(of_studies.reliability)
screen = published(of_moderators.screen)
studies = published(of_studies.studies)

__all__ = [
    "add_table",
    "agreement",
    "cells",
    "characteristics",
    "checks",
    "coefficients",
    "comparison",
    "components",
    "correlates",
    "cumulative",
    "descriptives",
    "excluded",
    "flow",
    "heterogeneity",
    "induction",
    "influence",
    "items",
    "leave_one_out",
    "levels",
    "moderators",
    "multiverse",
    "pooled",
    "practice",
    "quality",
    "reliability",
    "save_table",
    "score_errors",
    "screen",
    "small_study",
    "spread",
    "studies",
    "subgroups",
    "table",
    "to_csv",
    "to_docx",
    "to_html",
    "to_latex",
    "to_text",
    "to_xlsx",
]


for _writer in (
    add_table,
    save_table,
    to_csv,
    to_docx,
    to_html,
    to_latex,
    to_text,
    to_xlsx,
):
    globals()[_writer.__name__] = public(_writer, __name__)


def __dir__() -> list[str]:
    return list(__all__)
