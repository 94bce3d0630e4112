"""The report for readers of screens and for keyboards: on a desktop and on a phone."""

import re

import pytest
from simulated_review import simulated_study

from waistats.report.render_html import study_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Addresses of the SIMULATED review's reports, full and short."""
    folder = tmp_path_factory.mktemp("reports")
    found = {}
    for name in ("full", "short"):
        path = folder / f"{name}.html"
        page = study_page(simulated_study(), short=name == "short")
        path.write_text(page, encoding="utf-8")
        found[name] = path.as_uri()
    return found


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [("full", 1300, "light"), ("full", 360, "dark"), ("short", 360, "light")],
)
def test_nothing_is_found_by_axe(chrome, pages, name, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    size = {"width": width, "height": 900}
    context = chrome.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    page.goto(pages[name])
    options = {"runOnly": {"type": "tag", "values": TAGS}}
    found = axe.Axe().run(page, options=options).response["violations"]
    told = [f"{one['id']}: {n['target']}" for one in found for n in one["nodes"]]
    assert told == []
    # tables and figures scroll in their frames, the page does not
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_keyboard_and_hints(chrome, pages):
    page = chrome.new_page()
    page.goto(pages["full"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    seen = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        about = page.evaluate(
            "(() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.tagName, e.className, s.outlineStyle, e.textContent]; })()"
        )
        seen.add((about[0], about[1]))
        if about[0] == "BODY":
            break
        # what has the focus shows it
        assert about[2] != "none", about
    assert {("DIV", "scroll"), ("BUTTON", "copy"), ("PRE", "")} <= seen
    hints = page.eval_on_selector_all(
        "figure .scroll svg title", "found => found.map(e => e.textContent)"
    )
    said = [h for h in hints if re.match(r".+ \(\d{4}\).*: \.\d\d, 95% CI \[", h)]
    assert len(said) > 100
    page.close()
