"""The report of a whole SIMULATED review has what docs/checklist.md says it has."""

import re
from pathlib import Path

import pytest
from simulated_review import simulated_study

from waistats.report.blocks import Code, Table, words_of
from waistats.report.sections import study_sections

PAGE = Path(__file__).parents[2] / "docs" / "checklist.md"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study():
    return simulated_study()


@pytest.fixture(scope="module")
def sections(study):
    return study_sections(study)


def rows_of_the_page():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines]
    return [row for row in rows if row[0].isdigit()]


def test_every_element_is_where_the_page_says(sections):
    there = [s.title for s in sections]
    there += [getattr(b, "caption", "") for s in sections for b in s.blocks]
    rows = rows_of_the_page()
    assert [int(row[0]) for row in rows] == list(range(1, 49))
    absent = [
        (number, name)
        for number, _, _, places in rows
        for name in places.split("; ")
        if name != "–"
        and not any(text.startswith(name) or name in text for text in there)
    ]
    assert absent == []
    by_hand = [int(r[0]) for r in rows if r[2].startswith("by hand")]
    assert by_hand == [10, 13, 34, 35]
    page = PAGE.read_text(encoding="utf-8")
    given = sum(r[2].startswith("given") for r in rows)
    told = re.search(r"(\d+) are in the report .*, (\d+) once .*, (\d+) by hand", page)
    found = [48 - given - len(by_hand), given, len(by_hand)]
    assert [int(n) for n in told.groups()] == found


def test_the_same_things_are_counted_once(study, sections):
    """Text, flow, tables and captions of one report give the same counts."""
    words = " ".join(words_of(sections))
    own = study.effects[study.effects["reliability_status"] == "reported_own"]
    many = own["study_id"].nunique()
    assert "Of 90 studies that applied the instrument" in words
    (table,) = [b for s in sections if s.id == "studies" for b in s.blocks]
    assert len(table.frame) == many
    row = study.pooled.row()
    assert (
        f"Across {row['k']} SIMULATED coefficients from {row['k_studies']} studies"
        in (words)
    )
    (rated, *_) = [b for s in sections if s.id == "quality" for b in s.blocks]
    assert len(rated.frame) == many
    data = next(b for s in sections if s.id == "data" for b in s.blocks[1:])
    assert data.caption.startswith(f"All {len(study.coefficients)} Rows")


def test_the_text_has_no_word_of_the_program_and_none_twice(sections):
    for text in words_of(sections):
        assert not re.search(r"\b(\w+) \1\b", text, re.I), text
        assert not re.search(r"(?:^|[.!?] )\d", text), text
        assert "_id" not in text, text
        assert "Instrument " not in text, text
        assert "docs/" not in text, text
    tables = [b for s in sections for b in s.blocks if isinstance(b, Table)]
    wide = [table.note.count("this prediction interval holds") for table in tables]
    # once alone, and once beside what else is said of a row
    assert 1 <= max(wide) <= 2
    codes = [b for s in sections for b in s.blocks if isinstance(b, Code)]
    assert len(codes) == 3


def test_the_short_report_is_of_one_piece(study):
    made = study_sections(study, short=True)
    words = " ".join(words_of(made))
    assert "90 studies were included, of which" in words
    assert "The model with number of items and rater (k = " in words
    assert "Of small-study tests, " in words
    # one note for all rows whose prediction intervals are wide
    assert words.count("this prediction interval holds") <= 2
    assert len(words.split()) < 1_900
