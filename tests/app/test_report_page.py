"""Report in a real browser: files that are saved, the session, the coding sheet."""

import io
import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from app_page import CASES, add, facts_of, step

import waistats as ws
from waistats._caller import APP, calling
from waistats._format import coefficient
from waistats.datasets.examples import write_examples
from waistats.intake.session import begin
from waistats.project.run import run_project
from waistats.rg.coding import write_template

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def saved(page, button):
    """Click, and return the name and the content of the file that is saved."""
    with page.expect_download() as waiting:
        page.click(button)
    download = waiting.value
    return download.suggested_filename, Path(download.path()).read_bytes()


def without_call(content):
    """Return a page without the lines of its call."""
    return re.sub(r"<p>Call: [^<]*</p>", "", content.decode())


def offer(words):
    return f"#report button[aria-label='Save: {words}']"


def test_a_short_report_is_saved(page, tmp_path):
    add(page, "cesd")
    step(page, "report")
    name, content = saved(page, offer("Short report"))
    assert name == "report-short.html"
    study = ws.generalize(ws.load_dataset("cesd"))
    wanted = study.report(tmp_path / "wanted.html", short=True)
    assert without_call(content) == without_call(wanted.read_bytes())
    # the colophon has what the app did, not a call that nobody typed
    assert "Call: waistats " in content.decode()
    assert "RGStudy.report" not in content.decode()
    page.wait_for_selector("#report-made .notice.done")


def test_word_and_tables_and_figures_are_saved(page):
    add(page, "cesd")
    step(page, "report")
    name, content = saved(page, offer("Short report for Word"))
    assert name == "report-short.docx"
    assert "word/document.xml" in zipfile.ZipFile(io.BytesIO(content)).namelist()
    name, content = saved(page, offer("Tables"))
    archive = zipfile.ZipFile(io.BytesIO(content))
    found = pd.read_csv(archive.open("tables/overall.csv"))
    wanted = ws.generalize(ws.load_dataset("cesd")).summary()
    for column in ("estimate", "ci_low", "ci_high", "pi_low", "pi_high"):
        # two processes: numpy adds in another order where memory lies otherwise
        assert found[column].iloc[0] == pytest.approx(wanted[column].iloc[0], rel=1e-12)
    page.select_option("#report-theme", "grey")
    name, content = saved(page, offer("Everything"))
    assert name == "waistats-report.zip"
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    for part in ("report.html", "report-short.docx", "tables/overall.csv"):
        assert f"waistats-report/{part}" in names
    assert any(n.startswith("waistats-report/figures/forest") for n in names)


def test_forest_plots_have_the_chosen_columns_and_groups(page, tmp_path):
    add(page, "mibs")
    step(page, "report")
    page.click("#report-drawn summary")
    page.select_option("#report-forest_by", "pubtype")
    page.check("#report-forest_columns input[value=n]")
    page.check("#report-forest_columns input[value=country]")
    page.check("#report-formats input[value=png]")
    page.uncheck("#report-formats input[value=svg]")
    page.locator("#report-as_code", has_text="--figure-format png ").wait_for()
    said = page.text_content("#report-as_code")
    assert 'forest_columns=["n", "country"],' in said
    assert 'forest_by="pubtype",' in said
    assert "--forest-columns n,country --forest-by pubtype" in said
    assert "--figure-format png" in said
    _, content = saved(page, offer("Full report"))
    study = ws.generalize(ws.load_dataset("mibs"))
    wanted = study.report(
        tmp_path / "wanted.html", forest_columns=["n", "country"], forest_by="pubtype"
    )
    assert without_call(content) == without_call(wanted.read_bytes())
    _, content = saved(page, offer("Figures"))
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert {Path(name).suffix for name in names} == {".png"}
    # the session keeps them
    _, content = saved(page, "#report-save")
    text = zipfile.ZipFile(io.BytesIO(content)).read("waistats-study/waistats.toml")
    assert b'forest_by = "pubtype"' in text


def test_a_clinic_gets_its_short_report_with_the_mouse_alone(page, tmp_path):
    page.set_input_files("#data-file", CASES / "clinic.sav")
    page.click("#data-found .notice button")
    page.wait_for_selector("#reliability-found .card")
    page.click("#reliability-after button")
    page.wait_for_selector("#generalize-found .card")
    page.click("#generalize-after button")
    name, content = saved(page, offer("Short report"))
    assert name == "report-short.html"
    # notes of the coefficients tell options in the words of the app
    with calling(APP):
        table = begin(CASES / "clinic.sav").run()
        wanted = ws.generalize(table).report(tmp_path / "wanted.html", short=True)
    assert without_call(content) == without_call(wanted.read_bytes())


def test_a_session_is_saved_and_opened_again(page, tmp_path):
    page.set_input_files("#data-file", CASES / "clinic.sav")
    page.wait_for_selector("#data-found .notice.done")
    add(page, "wai", found=False)
    page.wait_for_selector("#generalize .headline")
    page.check("#generalize-moderators input[value=rater]")
    page.click("#generalize summary:has-text('More choices')")
    page.select_option("#generalize-lacking", "drop")
    page.click("#generalize-apply")
    page.wait_for_selector("#generalize figcaption:has-text('chosen moderators')")
    before = facts_of(page)
    step(page, "report")
    name, content = saved(page, "#report-save")
    assert name == "waistats-study.zip"
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path)
    run = run_project(tmp_path / "waistats-study").study
    estimate = run.summary()["estimate"].iloc[0]
    assert before["Pooled alpha"] == coefficient(estimate)
    file = tmp_path / name
    file.write_bytes(content)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    step(page, "report")
    page.set_input_files("#report-session", file)
    page.wait_for_selector("#report-opening .notice.done")
    step(page, "generalize")
    page.wait_for_selector("#generalize .headline")
    assert facts_of(page) == before
    assert page.is_checked("#generalize-moderators input[value=rater]")
    step(page, "data")
    page.wait_for_selector("#data-found .notice.done")
    assert "clinic.sav" in page.locator("#data-found").inner_text()


def test_what_is_no_session_is_refused_in_place(page, tmp_path):
    file = tmp_path / "other.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../out.txt", "x")
    step(page, "report")
    page.set_input_files("#report-session", file)
    said = page.locator("#report-opening .notice.stop")
    said.wait_for()
    assert "outside" in said.inner_text()


def test_an_empty_coding_sheet_is_that_of_the_package(page, tmp_path):
    step(page, "report")
    page.select_option("#report-kind", "sheet_full")
    name, content = saved(page, "#report-sheet")
    assert name == "coding-sheet.xlsx"
    wanted = write_template(tmp_path / "wanted.xlsx")
    assert content == wanted.read_bytes()


def test_a_filled_coding_sheet_is_checked_and_used(page, tmp_path):
    write_examples(tmp_path / "examples")
    sheet = tmp_path / "examples" / "coding-sheet.csv"
    step(page, "report")
    page.set_input_files("#report-filled", sheet)
    page.wait_for_selector("#report-checking .notice")
    found = ws.check_coefficients(sheet)
    said = page.locator("#report-checking").inner_text()
    assert len(found)
    for _, row in found.iterrows():
        assert row["finding"] in said
    page.click("#report-checking button.first")
    page.wait_for_selector("#generalize-found .card")
    study = ws.generalize(ws.read_coefficients(sheet))
    assert facts_of(page)["Pooled alpha"] == coefficient(
        study.summary()["estimate"].iloc[0]
    )


def test_errors_of_a_sheet_are_told_by_their_cells(page, tmp_path):
    file = tmp_path / "sheet.csv"
    file.write_text("study_id,estimate,n,n_items\nA,1.2,50,12\nB,.9,80,12\n")
    step(page, "report")
    page.set_input_files("#report-filled", file)
    page.wait_for_selector("#report-checking .notice.stop")
    said = page.locator("#report-checking").inner_text()
    for finding in ws.check_coefficients(file)["finding"]:
        assert finding in said
    assert page.locator("#report-checking button.first").count() == 0
