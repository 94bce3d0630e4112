"""A report and `waistats.tables` show the same study in the same words and digits.

Three studies: the bundled coefficients; SIMULATED ones with subscales, induction, two
coders and moderators, at 90%; and omegas. Every table of the report must be one that a
user makes of the same study, in the page, in Word, LaTeX, Excel, CSV and text.
"""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
from docx import Document
from lxml import html
from openpyxl import load_workbook

from waistats import (
    compare_samples,
    generalize,
    induction_rate,
    load_dataset,
    read_coefficients,
    simulate_literature,
    spread_analysis,
    tables,
)
from waistats.report.blocks import Table, numbered
from waistats.report.render_html import study_page
from waistats.report.render_word import study_document
from waistats.report.sections import study_sections
from waistats.tables._gt import spec_of
from waistats.tables._typeset import plain, sentence

pytestmark = pytest.mark.slow

# tables that are the report's own: what it holds and asks, not what was found
REPORTS_OWN = {
    "variables", "regema", "prisma_2020", "prisma_2020_for_abstracts",
}  # fmt: skip
# columns by which the report's list of coefficients has more than the public one
SOURCES = {"read", "source_url", "source", "evidence"}
LETTERS = "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐ"


def bundled():
    return generalize(load_dataset("wai"))


def several():
    rates = {"reported_own": 0.75, "induced_precise": 0.125, "induced_vague": 0.0,
             "omitted": 0.125}  # fmt: skip
    sheet = simulate_literature(24, seed=4, rates=rates).table
    rng = np.random.default_rng(3)
    own = sheet[sheet["reliability_status"] == "reported_own"]
    parts = [
        own.assign(
            scale=scale,
            n_items=own["n_items"] // 3,
            coefficient_id=own["coefficient_id"].astype(str) + scale,
            score_mean=np.nan,
            score_sd=np.nan,
            estimate=(own["estimate"] - 0.05 + rng.normal(0, 0.03, len(own))).clip(
                upper=0.97
            ),
        )
        for scale in ("task", "bond", "goal")
    ]
    sheet = pd.concat([sheet, *parts], ignore_index=True)
    return generalize(
        read_coefficients(sheet),
        "~ n_items + rater",
        coders=sheet.sample(20, random_state=1),
        conf_level=0.90,
    )


def omegas():
    return generalize(load_dataset("cesd").assign(coefficient_type="omega", se=0.02))


STUDIES = {"bundled": bundled, "several": several, "omegas": omegas}


class Made:
    """A study, its report as sections, page and Word document."""

    def __init__(self, study):
        self.study = study
        self.sections = study_sections(study)
        self.specs = [
            block
            for section in numbered(self.sections)
            for block in section.blocks
            if isinstance(block, Table)
        ]
        page = study_page(study, sections=self.sections)
        self.page = html.fromstring(page)
        self.word = study_document(study, sections=self.sections)


@pytest.fixture(scope="module", params=STUDIES)
def made(request):
    return Made(STUDIES[request.param]())


def asked_for(study, table):
    """Return what a user writes for a table of the report; None for the report's own."""
    if table.name == "cells":
        if table.caption.startswith("The Overall Model"):
            return tables.cells(study.summary(), conf_level=study.conf_level)
        if "Scale and Kind" in table.caption:
            return tables.cells(study.scales, conf_level=study.conf_level)
        if "Level of Each" in table.caption:
            return tables.levels(study)
        return tables.pooled(study)
    if table.groups == "part":
        # the same makers, of every other scale below each other
        return None
    makers = {
        "characteristics": tables.characteristics,
        "checks": tables.checks,
        "components": tables.components,
        "correlates": tables.correlates,
        "descriptives": tables.descriptives,
        "excluded": tables.excluded,
        "heterogeneity": tables.heterogeneity,
        "leave-one-out": tables.leave_one_out,
        "practice": tables.practice,
        "quality": tables.quality,
        "score_errors": tables.score_errors,
        "screen": tables.screen,
        "agreement": lambda s: tables.agreement(s.agreement),
        "coefficients": lambda s: tables.coefficients(s.moderator_model),
        "moderators": lambda s: tables.moderators(s.moderator_model),
        "multiverse": lambda s: tables.multiverse(s.multiverse),
        "comparison": lambda s: tables.comparison(
            compare_samples(s.coefficients, conf_level=s.conf_level),
            conf_level=s.conf_level,
        ),
        "induction": lambda s: tables.induction(
            induction_rate(s.coefficients, conf_level=s.conf_level)
        ),
        "spread": lambda s: tables.spread(
            spread_analysis(s.main_rows, conf_level=s.conf_level)
        ),
        "data": lambda s: tables.studies(
            s.coefficients, columns=[c.sources[-1] for c in table.columns
                                     if c.name not in SOURCES]
        ),
    }  # fmt: skip
    return makers[table.name](study)


def unmarked(text):
    """Return a text without the letters that lead to footnotes."""
    return re.sub(f"[{LETTERS}]+$|^[{LETTERS}]+ ", "", text)


def pairs(made):
    for table in made.specs:
        if table.name in REPORTS_OWN:
            continue
        other = asked_for(made.study, table)
        if other is not None:
            yield table, spec_of(other)


def is_part(some, whole):
    """Whether rows are among others, in their order."""
    rest = iter(whole)
    return all(any(row == other for other in rest) for row in some)


def test_heads_cells_and_digits_are_the_same(made):
    found = [*pairs(made)]
    assert len(found) >= 4
    for table, other in found:
        where = table.caption
        common = {c.name for c in other.columns}
        mine = [c for c in table.columns if c.name in common]
        assert {c.name for c in table.columns} - common <= SOURCES, where
        # a part of the rows may leave a column blank that the whole fills
        others = [c for c in other.columns if c.name in {m.name for m in mine}]
        assert [c.title for c in mine] == [c.title for c in others], where
        assert [c.head for c in mine] == [c.head for c in others], where
        assert [c.numeric for c in mine] == [c.numeric for c in others], where
        rows = [*zip(*([*map(unmarked, table.texts(c))] for c in mine), strict=True)]
        whole = [*zip(*([*map(unmarked, other.texts(c))] for c in others), strict=True)]
        assert is_part(rows, whole), where
        if table.name not in {"screen", "cells", "correlates"}:
            assert len(rows) == len(whole), where


def test_notes_are_the_same(made):
    for table, other in pairs(made):
        if table.name in {"data", "characteristics"}:
            continue
        # what stands in the text above the table is not said below it
        mine = {unmarked(note) for note in table.notes}
        theirs = {unmarked(note) for note in other.notes}
        assert mine <= theirs, table.caption
        if len(table.frame) == len(other.frame) and table.name != "multiverse":
            assert mine == theirs, table.caption


def test_numbers_are_numbers_in_the_frame(made):
    for table in made.specs:
        for column in table.columns:
            if column.numeric:
                assert not any(isinstance(v, str) for v in table.values(column)), (
                    table.caption,
                    column.name,
                )


def grid(table):
    """Return the heads and cells as they are set, groups as rows of their own."""
    rows, lines = table.rows(typeset=True), [table.heads]
    for group, places in table.grouped():
        lines += [[group]] if group is not None else []
        lines += [rows[i] for i in places]
    return lines


def squeezed(text):
    return " ".join(text.split())


def squeeze(lines):
    return [[squeezed(cell) for cell in line] for line in lines]


def cells_of_word(content):
    return [
        [[*dict.fromkeys(cell.text for cell in row.cells)]
         if len({cell._tc for cell in row.cells}) == 1 else
         [cell.text for cell in row.cells] for row in drawn.rows]
        for drawn in Document(io.BytesIO(content)).tables
    ]  # fmt: skip


def test_the_page_and_word_show_what_the_tables_say(made):
    drawn = made.page.xpath("//table[starts-with(@aria-labelledby, 'table')]")
    assert len(drawn) == len(made.specs)
    for table, element in zip(made.specs, drawn, strict=True):
        lines = [
            [squeezed(cell.text_content()) for cell in row.xpath("./th | ./td")]
            for row in element.xpath(".//tr")
        ]
        assert lines == squeeze(grid(table)), table.caption
    words = cells_of_word(made.word)
    assert len(words) == len(made.specs)
    for table, lines in zip(made.specs, words, strict=True):
        assert squeeze(lines) == squeeze(grid(table)), table.caption
    text = squeezed(made.page.text_content())
    for table in made.specs:
        assert squeezed(plain(sentence(table.note))) in text, table.caption


def test_word_latex_csv_and_text_of_a_table_are_the_same(made):
    for table, other in pairs(made):
        expected = squeeze(grid(other))
        (lines,) = cells_of_word(tables.to_docx(other))
        assert squeeze(lines) == expected, table.caption
        lines = [*csv.reader(io.StringIO(tables.to_csv(other)))]
        flat = [[c.replace("−", "-") for c in line] for line in grid(other)]
        assert squeeze([[c.removeprefix("'") for c in line] for line in lines]) == [
            [cell.removeprefix("'") for cell in line] for line in squeeze(flat)
        ], table.caption
        code = tables.to_latex(other)
        assert code.count(r" \\") == len(expected), table.caption
        said = tables.to_text(other)
        for row in other.rows():
            assert all(squeezed(cell) in squeezed(said) for cell in row), table.caption


def shown_by_excel(value, form):
    """Return a number as Excel shows it in the forms that tables use."""
    if form.startswith('"'):
        return form.strip('"')
    positive, _, negative = form.partition(";")
    if negative:
        value, form = abs(value), negative if value < 0 else positive
    percent = form.endswith('"%"')
    form = form.removesuffix('"%"')
    digits = len(form.partition(".")[2])
    text = f"{value:,.{digits}f}" if "#,##0" in form else f"{value:.{digits}f}"
    if form.startswith("."):
        text = re.sub(r"^(-?)0\.", r"\1.", text)
    return text + ("%" if percent else "")


def test_excel_holds_the_numbers_unrounded_and_shows_the_same(made):
    numbers = 0
    for table, other in pairs(made):
        page = load_workbook(io.BytesIO(tables.to_xlsx(other))).active
        start = 3 if other.caption else 2
        rows = [i for _, places in other.grouped() for i in places]
        lines = [
            line
            for line in page.iter_rows(min_row=start)
            if other.groups is None or len([c for c in line if c.value]) > 1
        ]
        for i, line in zip(rows, lines, strict=False):
            at = 0
            for column in other.columns:
                ends = column.sources if column.ends else column.sources[-1:]
                for source in ends:
                    cell, raw = line[at], other.frame[source].iloc[i]
                    shown = (
                        other.end_texts(column, source)
                        if column.ends
                        else other.texts(column)
                    )[i]
                    at += 1
                    if not isinstance(cell.value, (int, float)):
                        assert squeezed(str(cell.value or "")) == squeezed(shown)
                        continue
                    numbers += 1
                    assert cell.value == pytest.approx(float(raw), rel=1e-15)
                    assert shown_by_excel(cell.value, cell.number_format) == shown, (
                        table.caption,
                        column.name,
                    )
    assert numbers > 30
