"""Reports of bundled tables, as a reviewer reads them: what is said is there."""

import io
import re

import pandas as pd
import pytest

from waistats import generalize, load_dataset
from waistats.report.abstract import abstract_parts
from waistats.report.blocks import words_of
from waistats.report.discussion import practice
from waistats.report.limits import limitations
from waistats.report.method import methods_paragraphs
from waistats.report.render_html import study_page
from waistats.report.render_word import study_document
from waistats.report.sections import study_sections
from waistats.report.text import moderators_sentence, results_paragraph
from waistats.report.works import WORKS


def bundled(name, first=None, **options):
    table = load_dataset(name)
    return generalize(table if first is None else table.head(first), **options)


@pytest.fixture(scope="module")
def cesd():
    return bundled("cesd", title="CES-D scores")


@pytest.fixture(scope="module")
def cesd_sections(cesd):
    return study_sections(cesd)


@pytest.fixture(scope="module")
def mibs():
    return bundled("mibs", title="MIBS scores")


def section_of(sections, name):
    return next(section for section in sections if section.id == name)


def figure_of(sections, name):
    blocks = [block for section in sections for block in section.blocks]
    return next(b for b in blocks if b.kind == "figure" and b.name == name)


def table_of(sections, name):
    blocks = [block for section in sections for block in section.blocks]
    return next(b for b in blocks if b.kind == "table" and b.name == name)


def test_a_note_names_only_what_its_figure_draws(cesd_sections):
    funnel = figure_of(cesd_sections, "funnel").note
    assert "alphas of .80 and more and of .90 and more" in funnel
    assert ".70" not in funnel
    curve = figure_of(cesd_sections, "multiverse").note
    assert "dependence" not in curve
    assert "HS = Hunter–Schmidt" in curve


def test_a_note_explains_only_what_its_table_has(cesd_sections, mibs):
    said = table_of(cesd_sections, "characteristics").note
    assert said == "k = number of coefficients."
    assert "a dash" not in table_of(cesd_sections, "descriptives").note
    assert "dependence included" not in table_of(cesd_sections, "checks").note
    made = study_sections(mibs, keep={"studies", "sensitivity"})
    several = table_of(made, "characteristics").note
    assert several.endswith("Ranges where a study has several values.")
    assert "scales" not in several
    assert "dependence included" in table_of(made, "checks").note


def test_checks_without_a_result_are_in_the_note(cesd_sections):
    table = table_of(cesd_sections, "checks")
    assert [row[0][:13] for row in table.rows()].count("Selection at ") == 1
    assert (
        "Not computed: selection at .70 and selection at .80, since no coefficient lies "
        "below the threshold (they run from .860 to .940)."
    ) in table.note


def test_a_report_of_another_scale_has_no_word_of_the_wai(cesd, cesd_sections):
    page = study_page(cesd, sections=cesd_sections)
    assert re.findall(r"\bWAI\b|Working Alliance|classical study", page) == []


def test_what_cannot_be_told_for_lack_of_a_column_is_a_limitation(cesd, cesd_sections):
    assert "spread" not in {section.id for section in cesd_sections}
    said = [text for text in limitations(cesd) if "standard deviations" in text]
    assert len(said) == 1


def test_rows_that_are_alike_are_said_once(cesd_sections):
    table = table_of(cesd_sections, "data")
    assert "Version" not in table.heads
    assert table.note.startswith("All rows: Version CES-D; Rater self; Scale total;")


def test_methods_say_only_what_these_data_called_for(cesd):
    words = " ".join(methods_paragraphs(cesd))
    assert "pooled together" not in words
    assert "described only" not in words
    both = pd.concat(
        [load_dataset("cesd"), load_dataset("cesd").head(2).assign(scale="goal")]
    )
    more = " ".join(methods_paragraphs(generalize(both.reset_index(drop=True))))
    assert "Totals and subscales were never pooled together." in more
    assert "Cells of fewer than three studies are described only." in more


def test_ranges_of_what_can_be_planned_ascend(cesd_sections):
    rows = table_of(cesd_sections, "practice").rows()
    ends = [
        [float(v.replace(",", "")) for v in row[2].strip("[]").split(", ")]
        for row in rows
        if row[2].startswith("[")
    ]
    assert len(ends) > 5
    assert all(low < high for low, high in ends)


def test_probabilities_below_the_interval_say_why():
    three = practice(bundled("cesd", 3))[0].blocks[0].note
    assert "may be lower than the prediction interval suggests" in three
    nine = practice(bundled("cesd"))[0].blocks[0].note
    assert "may be lower" not in nine


def test_two_studies_are_described_once_with_their_values():
    study = bundled("cesd", 2)
    sections = study_sections(study)
    assert "pooled" not in {section.id for section in sections}
    assert results_paragraph(study).endswith("They lie between .91 and .93.")
    assert table_of(sections, "data").caption == "Both Rows with Their Sources"
    parts = {part.heading: part.text for part in abstract_parts(study)}
    assert parts["Synthesis"] == "The coefficients were described and not pooled."
    assert parts["Included studies"] == "A total of 2 studies give coefficients."


def test_no_parentheses_inside_parentheses(mibs):
    assert "number of items (Calhoun, 2015, alone" in moderators_sentence(mibs)


def test_a_wide_interval_is_told_beside_it_and_not_again_as_a_limit():
    study = bundled("cesd", 3)
    assert "holds 97.0% of new populations" in results_paragraph(study)
    assert not any("of new populations" in text for text in limitations(study))


def test_references_are_set_as_apa_sets_them(cesd_sections, cesd):
    page = study_page(cesd, sections=cesd_sections, short=True)
    assert '<ul class="references">' in page
    assert "<i>BMJ, 315</i>(7109), 629–634." in page
    for text in WORKS.values():
        assert " et al." not in text
        assert text.count("*") == 2
        assert not re.search(r"\d-\d+[.,]", text)


def test_statistics_stay_on_one_line(cesd):
    from docx import Document

    text = "\n".join(
        p.text
        for p in Document(io.BytesIO(study_document(cesd, short=True))).paragraphs
    )
    assert "Q(8)\u00a0=\u00a033.40, p\u00a0<\u00a0.001" in text
    assert "95%\u00a0CI\u00a0[.89, .92]" in text


def test_excluded_coefficients_are_in_the_words_of_the_report():
    study = generalize(load_dataset("wai"))
    table = table_of(study_sections(study, keep={"excluded"}), "excluded")
    assert "Value" in table.heads
    assert "α" not in table.heads
    cells = {text for row in table.rows() for text in row}
    assert "another kind of coefficient (test–retest)" in cells
    assert not {"test_retest", "gwet_ac", "Donnelly2014"} & cells


def test_nothing_is_counted_as_zero_that_is_not_known():
    study = generalize(load_dataset("wai"))
    sections = study_sections(study, keep={"instruments", "descriptives", "moderators"})
    cards = section_of(sections, "instruments").blocks[0].cards
    facts = {card.title: dict(card.facts)["In this study"] for card in cards}
    assert facts["WAI-ReD"] == "no coefficient with a value"
    rows = table_of(sections, "descriptives").rows()
    unknown = [row for row in rows if row[0] == "WAI online (length not stated)"]
    assert {row[6] for row in unknown} == {"–"}
    words = " ".join(words_of([section_of(sections, "moderators")]))
    assert "Setting: no two of its 10 levels have 4 studies." in words
    assert "face to face 5" in words


def test_a_table_in_word_keeps_its_note(cesd):
    from docx import Document

    document = Document(io.BytesIO(study_document(cesd)))
    noted = [b for s in study_sections(cesd) for b in s.blocks if b.kind == "table"]
    assert len(document.tables) == len(noted)
    for made, table in zip(document.tables, noted, strict=True):
        kept = [
            all(c.paragraphs[0].paragraph_format.keep_with_next for c in row.cells)
            for row in made.rows
        ]
        assert kept[0]
        assert kept[-1] == bool(table.note)
        assert all(kept[:-1]) or len(kept) > 12
