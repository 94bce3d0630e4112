"""The first sections: forms and descriptives count only what was observed."""

from pathlib import Path

from waistats import generalize, read_coefficients
from waistats.report.blocks import words_of
from waistats.report.opening import intake
from waistats.report.sections import study_sections

CASES = Path(__file__).parents[1] / "cases"


def test_quoted_values_are_no_observations():
    table = read_coefficients(CASES / "induced.csv")
    study = generalize(table)
    cell = study.descriptives.query("k > 0").iloc[0]
    assert (cell["k"], round(cell["mean"], 2)) == (3, 0.82)
    words = words_of(study_sections(study, keep={"summary", "limitations", "flow"}))
    assert "Across 3 coefficients from 3 studies" in " ".join(words)
    assert "No sample size" not in " ".join(words)
    sections = study_sections(study, keep={"instruments", "descriptives", "studies"})
    facts = dict(sections[0].blocks[0].cards[0].facts)
    assert facts["In this study"] == "3 coefficients of 3 studies: .80 to .84"
    leaf = next(b.text for s in sections for b in s.blocks if b.kind == "code")
    assert leaf == ".8 | 024"
    (rows,) = (
        b
        for s in sections
        for b in s.blocks
        if b.kind == "table" and (b.name == "characteristics")
    )
    assert list(rows.frame["study_id"]) == ["A", "B", "C"]


def test_what_was_excluded_is_named_once_and_in_words(wai):
    (section,) = intake(wai)
    assert section.blocks[0].items == [
        "Excluded because their sampling variance is unknown: ICC of Ribeiro et al. "
        "(2021), ICC of RaterAnalysis2026."
    ]
