"""The page as a whole: steps by mouse and keyboard."""

import pytest

pytestmark = pytest.mark.browser

STEPS = ("data", "reliability", "generalize", "report", "teaching")


@pytest.mark.parametrize("step", STEPS)
def test_a_click_shows_a_step_and_says_so(page, step):
    page.click(f"nav a[data-step={step}]")
    page.wait_for_selector(f"section#{step}:not([hidden])")
    shown = page.eval_on_selector_all(
        "section.step:not([hidden])", "all => all.map(one => one.id)"
    )
    assert shown == [step]
    assert page.get_attribute(f"nav a[data-step={step}]", "aria-current") == "step"
