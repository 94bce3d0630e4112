"""From an SPSS file to the short report, with the mouse alone, as a new user would."""

import pytest
from app_page import CASES
from lxml import html

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_from_clinic_to_the_short_report(page, tmp_path):
    with page.expect_file_chooser() as chooser:
        page.click("text=Choose a file")
    chooser.value.set_files(CASES / "clinic.sav")
    page.click("text=Continue to Reliability")
    page.click("section#reliability >> text=Continue to Generalize >> nth=0")
    page.click("section#generalize >> text=Continue to Report")
    with page.expect_download() as download:
        page.click("section#report button.first:text-is('Save')")
    path = tmp_path / "report-short.html"
    download.value.save_as(path)
    report = html.fromstring(path.read_text(encoding="utf-8"))
    words = " ".join(report.text_content().split())
    assert "WAI-SR" in words
    assert "Hamburg" in words
    assert "waistats-app-" not in words, "the private folder is nobody's business"
    assert report.xpath("//figure//*[local-name()='svg']")
