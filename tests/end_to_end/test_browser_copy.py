"""The report in a browser: what its buttons copy, its rows on a phone, its weight."""

import pytest
from simulated_review import simulated_study

from waistats import generalize, load_dataset
from waistats.report.render_html import study_page

MOST_BYTES = 3_000_000
TALLEST = 150
ROWS = """() => Array.from(document.querySelectorAll(".table tbody tr"))
  .map(r => [Math.round(r.getBoundingClientRect().height),
             r.closest(".table").textContent.slice(0, 60),
             r.textContent.slice(0, 120)])
  .filter(r => r[0] > %d)"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A short report, a file on the disk."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    return generalize(load_dataset("cesd")).report(path, short=True)


@pytest.fixture(scope="module")
def review():
    """The page of a SIMULATED review of 90 studies, with more than 100 coefficients."""
    return study_page(simulated_study())


@pytest.fixture
def page(chrome, opened):
    # no permission for the clipboard is granted
    context = chrome.new_context()
    made = context.new_page()
    made.goto(opened.as_uri())
    yield made
    context.close()


def pasted(page):
    """Return what the clipboard holds, as a text field gets it."""
    other = page.context.new_page()
    other.set_content("<textarea id='t'></textarea>")
    other.focus("#t")
    other.keyboard.press("Control+V")
    text = other.input_value("#t")
    other.close()
    page.bring_to_front()
    return text


def plain(text):
    return " ".join(text.split())


@pytest.mark.browser
@pytest.mark.slow
def test_the_paragraph_is_copied_with_one_click(page):
    button = page.locator("button.copy[data-copy=p]").first
    shown = button.locator("xpath=../preceding-sibling::p[1]").inner_text()
    assert "95% CI" in plain(shown)
    button.click()
    assert button.inner_text() == "Copied"
    assert plain(pasted(page)) == plain(shown)


@pytest.mark.browser
@pytest.mark.slow
def test_the_table_is_copied_cell_by_cell(page):
    box = page.locator(".table").first
    box.locator("button.copy").click()
    got = pasted(page)
    assert "Copy this table" not in got
    assert got.startswith("Table 1")
    rows = box.locator("tr")
    for i in range(rows.count()):
        cells = [plain(c) for c in rows.nth(i).locator("th, td").all_inner_texts()]
        assert "\t".join(cells) in "\n".join(
            "\t".join(plain(cell) for cell in line.split("\t"))
            for line in got.splitlines()
        )


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_that_copies_nothing_selects_it(page):
    page.evaluate("document.execCommand = function () { return false; }")
    button = page.locator("button.copy[data-copy=p]").first
    shown = button.locator("xpath=../preceding-sibling::p[1]").inner_text()
    button.click()
    assert button.inner_text() == "Selected: press Ctrl+C"
    assert plain(page.evaluate("getSelection().toString()")) == plain(shown)
    page.keyboard.press("Control+C")
    assert plain(pasted(page)) == plain(shown)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 390])
def test_no_row_of_a_phone_is_tall_from_squeezed_cells(chrome, review, width):
    context = chrome.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.set_content(review)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".table tbody tr").count() > 300
    assert page.evaluate(ROWS % TALLEST) == []
    context.close()


@pytest.mark.slow
def test_a_page_of_more_than_100_coefficients_weighs_less_than_3_mb(review):
    assert simulated_study().effects["yi"].notna().sum() > 100
    assert review.count("<svg ") >= 10
    assert len(review.encode("utf-8")) < MOST_BYTES
