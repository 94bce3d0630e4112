"""The page that says what a run of a living study changed."""

import pandas as pd
from lxml import html
from report_words import text_of

from waistats import generalize, load_dataset
from waistats.report.project import changes_page

HOSTILE = "<script>alert(1)</script> & {{ 7 }}"


def sections_of(page):
    """Return the titles of the sections of a page, and their texts."""
    tree = html.fromstring(page)
    return {
        section.get("aria-labelledby"): text_of(section)
        for section in tree.iter("section")
    }


def test_a_first_run_has_nothing_to_compare_with(wai):
    said = sections_of(changes_page(wai, None, wai.main_rows))
    assert "This is the first run" in said["changes"]
    assert "coefficients" not in said


def test_evidence_comes_in_by_search_where_a_log_tells_and_else_by_year():
    study = generalize(load_dataset("cesd"))
    rows = study.main_rows
    assert rows["year"].notna().all()
    by_year = sections_of(changes_page(study, None, rows))["time"]
    assert "After Each Study, by Year" in by_year
    searched = rows.assign(search=["2020-01-01"] * 5 + ["2024-01-01"] * 4)
    by_search = sections_of(changes_page(study, None, searched))["time"]
    assert "After Each Study, by Date Of Search" in by_search
    # half a log orders nothing, and neither do years that are not known
    half = searched.assign(search=["2020-01-01"] + [None] * 8, year=pd.NA)
    assert "time" not in sections_of(changes_page(study, None, half))


def test_too_few_studies_have_no_result_over_time():
    study = generalize(load_dataset("cesd").head(2))
    assert "time" not in sections_of(changes_page(study, None, study.main_rows))


def test_a_hostile_title_is_text():
    study = generalize(load_dataset("cesd").head(3), title=HOSTILE)
    page = changes_page(study, None, study.main_rows)
    (heading,) = html.fromstring(page).iter("h1")
    assert text_of(heading).endswith(f"{HOSTILE}: What Changed")
    assert "<script>alert" not in page
