"""The step Reliability in a real browser: coefficients, items, their figure."""

import pytest
from app_page import CASES
from app_steps import (
    QUESTION,
    READY,
    facts_of,
    opened,
    rows_of,
    settled,
    to_reliability,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_table_is_narrowed_by_choosing(page):
    opened(page, CASES / "clinic.sav")
    to_reliability(page)
    page.select_option("#reliability-only_scale", "total")
    page.select_option("#reliability-only_rater", "client")
    page.wait_for_function(
        "() => document.querySelectorAll('#reliability-rows tbody tr').length === 4"
    )
    page.select_option("#reliability-coefficient", "omega_total")
    page.wait_for_selector("#reliability-rows th:text-is('Omega total')")
    python = page.inner_text("#reliability-code-python")
    assert 'coefficient="omega_total"' in python
    assert "--coefficient omega_total" in page.inner_text("#reliability-code-command")


def test_items_are_shown_with_their_figure_and_the_audit(page):
    opened(page, CASES / "keyed_not.csv")
    assert "wai4, wai10" in facts_of(page)["Reverse-scoring"]
    to_reliability(page)
    page.select_option("#reliability-sample", "S2 / total")
    page.wait_for_selector("#reliability-items_found h3:text-is('S2 / total')")
    assert len(rows_of(page, "#reliability-items_found")) == 12
    assert page.locator("#reliability-items_found svg").count() == 1
    assert "reverse items wai4, wai10" in page.inner_text("#reliability-items_found")


@pytest.mark.parametrize(
    "name", ["clinic-clean.sav", "clinic-messy.sav", "qualtrics-export.csv"]
)
def test_practice_files_reach_their_coefficients(page, name):
    page.select_option("#data-practice", name)
    page.click("#data-use_practice")
    page.wait_for_selector(f"{READY}, {QUESTION}")
    settled(page)
    assert "SIMULATED" in page.inner_text("#data-found")
    to_reliability(page)
    assert "SIMULATED" in page.inner_text("#reliability-rows")


def test_long_work_shows_progress_and_can_be_cancelled(page):
    opened(page, CASES / "clinic.sav")
    to_reliability(page)
    # resampling factor analyses takes minutes
    page.select_option("#reliability-coefficient", "omega_total")
    page.wait_for_selector("#reliability-rows th:text-is('Omega total')")
    page.select_option("#reliability-ci", "bootstrap")
    page.wait_for_selector('#reliability-progress:has-text("Computing Omega total")')
    assert page.locator("#reliability-progress progress").count() == 1
    # the page answers while it computes
    page.click("nav a[data-step=data]")
    page.wait_for_selector("section#data:not([hidden])")
    page.click("nav a[data-step=reliability]")
    page.click("#reliability-progress button:text-is('Cancel')")
    page.wait_for_selector("#reliability-progress .notice:has-text('Cancelled')")
    page.select_option("#reliability-ci", "normal-theory")
    page.wait_for_selector("#reliability-rows table")
    assert "--ci normal-theory" in page.inner_text("#reliability-code-command")
