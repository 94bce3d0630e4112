"""Keyboard, screen reader, contrast, width of a phone: on every step, full and empty."""

import pytest
from app_page import CASES, DESKTOP, PHONE, open_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
STEPS = ("data", "reliability", "generalize", "report", "teaching")
READY = "#data-found .notice.done"


def violations(page):
    """Return what axe-core finds against WCAG 2.1, A and AA, a line each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    # what is still computed is shown pale
    page.wait_for_selector("html:not(.shiny-busy)")
    page.wait_for_timeout(300)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
    found = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


def too_wide(page):
    """Return what reaches beyond the width of the page, other than what scrolls."""
    return page.evaluate(
        """() => {
          const wide = document.documentElement.clientWidth;
          return [...document.querySelectorAll("body *")].filter(e => {
            const box = e.getBoundingClientRect();
            const scrolled = e.closest(".scroll, .skip, .hidden-label");
            return box.width > 0 && box.right > wide + 1 && !scrolled;
          }).map(e => e.tagName + "." + e.className).slice(0, 5);
        }"""
    )


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_step_is_accessible_before_anything_is_chosen(chrome, app, size):
    made = open_page(chrome, app, size)
    page = made.page
    for step in STEPS:
        page.click(f"nav a[data-step={step}]")
        page.wait_for_selector(f"section#{step}:not([hidden])")
        assert violations(page) == [], step
        assert too_wide(page) == [], step
    page.context.close()
    assert not made.problems


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_file_and_its_coefficients_are_accessible(chrome, app, size):
    made = open_page(chrome, app, size)
    page = made.page
    page.set_input_files("#data-file", CASES / "clinic.sav")
    page.wait_for_selector(READY)
    assert violations(page) == []
    assert too_wide(page) == []
    page.click("text=Continue to Reliability")
    page.wait_for_selector("#reliability-items_found svg")
    assert violations(page) == []
    assert too_wide(page) == []
    page.set_input_files("#data-file", CASES / "codes_undeclared.csv")
    page.click("nav a[data-step=data]")
    page.wait_for_selector("#data-question")
    assert violations(page) == []
    assert too_wide(page) == []
    page.context.close()
    assert not made.problems


def focused(page):
    return page.evaluate(
        "() => document.activeElement.id || document.activeElement.innerText"
    )


def test_the_keyboard_alone_opens_a_file_and_reaches_the_coefficients(page):
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if focused(page) == "data-use_practice":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#data-found .notice.done, #data-question")
    while page.query_selector("#data-question"):
        before = page.inner_text("#data-question")
        for _ in range(40):
            page.keyboard.press("Tab")
            inside = page.evaluate(
                "() => !!document.activeElement.closest('#data-question')"
            )
            if inside:
                break
        page.keyboard.press("Enter")
        page.wait_for_function(
            """before => {
              const one = document.querySelector("#data-question");
              return !one || one.innerText !== before;
            }""",
            arg=before,
        )
    page.wait_for_selector(READY)
    for _ in range(60):
        if focused(page) == "data-go_on":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#reliability-rows table")
    # the reader of the screen is taken along
    assert focused(page) == "reliability-title"


def test_messages_are_spoken(page):
    page.set_input_files(
        "#data-file", {"name": "no.txt", "mimeType": "text/plain", "buffer": b"words"}
    )
    page.wait_for_selector("#data-progress [role=alert]")
    assert page.get_attribute("#lost", "role") == "alert"


def test_motion_and_zoom_are_the_reader_s(page):
    viewport = page.get_attribute("meta[name=viewport]", "content")
    assert "maximum-scale" not in viewport
    assert "user-scalable" not in viewport
