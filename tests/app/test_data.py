"""The step Data in a real browser: files, questions, refusals."""

import re

import pytest
from app_page import CASES, open_page
from app_steps import (
    QUESTION,
    READY,
    answered,
    facts_of,
    opened,
    rows_of,
    settled,
    to_reliability,
)

import waistats as ws
from waistats._format import interval

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_clinic_s_file_is_read_without_a_question(page):
    opened(page, CASES / "clinic.sav")
    facts = facts_of(page)
    assert facts["Study or site"].startswith("site: Hamburg, Kiel")
    assert facts["Missing codes"].startswith("99 (no answer)")
    assert "waistats alpha clinic.sav" in page.inner_text("#data-code-command")
    to_reliability(page)
    shown = rows_of(page, "#reliability-rows")
    responses = ws.read_responses(CASES / "clinic.sav")
    table = ws.reliability_by_study(
        responses,
        study="site",
        by="session",
        person="client",
        raters={"client": "WAI_C_", "therapist": "wait"},
        instrument="WAI-SR",
        covariance=True,
    )
    assert len(shown) == len(table)
    for row, (_, right) in zip(shown, table.iterrows(), strict=True):
        assert row["Study"] == right["study_id"]
        assert row["Cronbach's alpha"] == f"{right['estimate']:.3f}".removeprefix("0")
        assert row["95% CI"] == interval(right["ci_low"], right["ci_high"])
        assert row["N"] == str(right["n"])


def test_codes_are_asked_answered_and_taken_back(page):
    opened(page, CASES / "codes_undeclared.csv")
    assert "What do 99, -9 mean?" in page.inner_text(QUESTION)
    answered(page, "No answer")
    assert "99 (your answer)" in facts_of(page)["Missing codes"]
    page.click("#data-found button:text-is('Change')")
    page.wait_for_selector(QUESTION)
    answered(page, "They are answers")
    page.wait_for_selector(READY)


def test_stopping_at_a_question_drops_the_file(page):
    opened(page, CASES / "codes_undeclared.csv")
    page.click(f"{QUESTION} button:text-is('Stop; I will correct the file')")
    page.wait_for_selector(QUESTION, state="detached")
    assert page.inner_text("#data-found") == ""


def test_an_export_of_qualtrics_takes_the_suggested_order(page):
    opened(page, CASES / "qualtrics.csv")
    assert page.input_value("#data-text_answer").startswith("Seldom,Sometimes")
    settled(page)
    assert "Qualtrics" in page.inner_text("#data-found")
    to_reliability(page)
    assert {row["Study"] for row in rows_of(page, "#reliability-rows")} == {
        "North",
        "South",
    }


def test_a_refused_file_is_refused_in_words_with_a_way_out(page):
    page.select_option("#data-practice", "ward-list.xlsx")
    page.click("#data-use_practice")
    page.wait_for_selector("#data-progress .notice.stop")
    assert "row 1 holds one cell only" in page.inner_text("#data-progress")
    page.click("text=Skip 2 rows")
    page.wait_for_selector(f"{READY}, {QUESTION}")
    settled(page)
    assert "--skip-rows 2" in page.inner_text("#data-code-command")


def test_a_coding_sheet_goes_to_generalize(page):
    page.select_option("#data-practice", "coding-sheet.csv")
    page.click("#data-use_practice")
    page.wait_for_selector(READY)
    page.click("text=Continue to Generalize")
    page.wait_for_selector("section#generalize:not([hidden])")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"dear diary"),
        ("broken.sav", b"$FL2 nothing"),
        ("empty.csv", b""),
        ("page.html.csv", b"<script>alert(1)</script>\n<b>,2\n"),
    ],
)
def test_what_is_no_data_is_refused_in_place(page, name, content):
    page.set_input_files(
        "#data-file", {"name": name, "mimeType": "text/plain", "buffer": content}
    )
    page.wait_for_selector("#data-progress .notice.stop")
    said = page.inner_text("#data-progress")
    assert name in said
    assert "waistats-app" not in said, "private folders are nobody's business"
    assert page.locator("#data-progress script").count() == 0


def test_hostile_names_and_cells_stay_text(page):
    header = ",".join(["<img src=x onerror=alert(1)>", *(f"q{i}" for i in range(1, 5))])
    rows = [
        ",".join(
            [["<b>A</b>", "B\"'"][i % 2], *(str((i * j) % 5 + 1) for j in (1, 2, 3, 4))]
        )
        for i in range(30)
    ]
    content = "\n".join([header, *rows]).encode()
    page.set_input_files(
        "#data-file",
        {"name": "<img src=x>.csv", "mimeType": "text/csv", "buffer": content},
    )
    page.wait_for_selector(f"{READY}, {QUESTION}, #data-progress .notice.stop")
    settled(page)
    assert page.locator("#data-found img, #data-found b:text-is('A')").count() == 0
    assert "<b>A</b>" in page.inner_text("#data-found")


def test_a_file_too_large_is_refused_in_the_page(page, tmp_path):
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(201 * 2**20)
    page.set_input_files("#data-file", large)
    page.wait_for_selector("#data-file-refused:has-text('200 MB')")
    assert page.inner_text("#data-found") == ""


def test_a_file_at_the_command_line_is_opened(chrome, started, tmp_path):
    served = started(CASES / "clinic.sav", folder=tmp_path)
    made = open_page(chrome, served)
    made.page.wait_for_selector(READY)
    assert re.search(r"What clinic\.sav holds", made.page.inner_text("#data-found"))
    made.page.context.close()
    assert not made.problems
