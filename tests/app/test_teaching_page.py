"""The classroom in a real browser: step by step, the truth at the end."""

import pytest
from app_page import rows_of, step

from waistats._format import coefficient
from waistats.app._teaching import classroom, teaching_python

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NEXT = "#teaching-lesson .row button.first"


def title(page, number):
    page.wait_for_selector(f"#teaching-card h3:has-text('{number}. ')")
    return page.locator("#teaching-card h3").inner_text()


def opened(page):
    step(page, "teaching")
    page.wait_for_selector("#teaching-card")


def test_every_step_is_shown_and_the_truth_comes_last(page):
    lessons = classroom()
    opened(page)
    for i, lesson in enumerate(lessons, start=1):
        assert title(page, i) == f"{i}. {lesson.title}"
        shown = page.locator("#teaching-card").inner_text()
        assert lesson.ask in shown
        assert ("True α" in shown) == (lesson.when == "truth")
        for table in lesson.tables:
            assert table.caption in shown
        if i < len(lessons):
            page.click(NEXT)
    frame = lessons[-1].tables[0].frame
    found = rows_of(page, "true values and estimates", "#teaching")
    for row, cell in zip(found, frame.to_dict("records"), strict=True):
        assert row["True α"] == coefficient(cell["truth"])
        assert row["Pooled α"] == coefficient(cell["estimate"])
        assert row["CI holds it"] == ("yes" if cell["covered"] else "no")
    python = page.locator("#teaching-code-python").inner_text()
    assert python.strip() == teaching_python().strip()


def test_another_seed_is_drawn(page):
    opened(page)
    page.fill("#teaching-seed", "7")
    page.click("#teaching-draw")
    page.wait_for_selector("#teaching-code-python:has-text('simulate_hanson_study(7)')")
    page.click("nav.lessons button >> nth=7")
    title(page, 8)
    frame = classroom(7)[-1].tables[0].frame
    found = rows_of(page, "true values and estimates", "#teaching")
    assert [row["Pooled α"] for row in found] == [
        coefficient(value) for value in frame["estimate"]
    ]


def test_a_wrong_seed_is_refused_in_words(page):
    opened(page)
    page.fill("#teaching-seed", "-3")
    page.click("#teaching-draw")
    said = page.locator("#teaching-seeds .notice.stop")
    said.wait_for()
    assert "whole number" in said.inner_text()
