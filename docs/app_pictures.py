"""Take the pictures of the app: `python docs/app_pictures.py` writes them to _static/.

It starts ``waistats app``, goes through its steps in the system's Chromium (Playwright,
nothing is downloaded) and keeps what is shown, with few colours, so that files stay small.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "_static"
CLINIC = DOCS.parent / "tests" / "cases" / "clinic.sav"
DESKTOP, PHONE = (1180, 760), (390, 760)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def keep(page: Page, name: str) -> None:
    """Write what the window shows, in at most 128 colours."""
    page.wait_for_timeout(400)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    small = picture.quantize(128, dither=Image.Dither.NONE)
    small.save(PICTURES / f"app-{name}.png", optimize=True)
    print(
        f"app-{name}.png", (PICTURES / f"app-{name}.png").stat().st_size // 1024, "kB"
    )


def shown(page: Page, selector: str) -> None:
    """Scroll a part of the page to the top of the window."""
    page.wait_for_selector(selector)
    page.locator(selector).first.evaluate(
        "one => window.scrollTo(0, one.getBoundingClientRect().top + scrollY - 12)"
    )


def desktop(page: Page) -> None:
    """Go from a clinic's file to the report, and through the classroom."""
    page.set_input_files("#data-file", CLINIC)
    page.wait_for_selector("#data-found .notice.done")
    shown(page, "#data-found .notice")
    keep(page, "data")
    page.click("#data-found .notice.done button")
    page.wait_for_selector("#reliability-found figure svg")
    shown(page, "#reliability-found .card")
    keep(page, "reliability")
    page.click("#reliability-after button")
    page.wait_for_selector("#generalize-found .card")
    page.click("#generalize-add")
    page.wait_for_selector("#generalize .headline")
    shown(page, "#generalize-found .card")
    keep(page, "generalize")
    page.click("#generalize-after button")
    page.wait_for_selector("#report-as_code .code")
    page.evaluate("() => window.scrollTo(0, 0)")
    keep(page, "report")
    page.click("nav a[data-step=teaching]")
    page.wait_for_selector("nav.lessons")
    page.locator("nav.lessons button").last.click()
    page.wait_for_selector("#teaching-card:has-text('True α')")
    page.evaluate("() => window.scrollTo(0, 0)")
    keep(page, "teaching")


def phone(page: Page) -> None:
    """Show a study at the width of a phone."""
    page.click("nav a[data-step=generalize]")
    page.select_option("#generalize-bundled", "cesd")
    page.click("#generalize-add")
    page.wait_for_selector("#generalize .headline")
    shown(page, "#generalize-found .card")
    keep(page, "phone")


def main() -> None:
    """Write every picture."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found, f"one of {', '.join(BROWSERS)} is needed"
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, "-m", "waistats", "app", "--no-browser"]
        served = subprocess.Popen(
            program, stdout=subprocess.PIPE, text=True, cwd=folder
        )
        assert served.stdout is not None
        address = served.stdout.readline().strip()
        try:
            with sync_playwright() as made:
                browser = made.chromium.launch(
                    executable_path=found, args=["--disable-gpu"]
                )
                for size, walk in ((DESKTOP, desktop), (PHONE, phone)):
                    window: Any = {"width": size[0], "height": size[1]}
                    page = browser.new_context(viewport=window).new_page()
                    page.set_default_timeout(120_000)
                    page.goto(address)
                    page.wait_for_selector("html[data-ready=yes]")
                    walk(page)
                browser.close()
        finally:
            served.terminate()
            served.wait(timeout=20)
            served.stdout.close()


if __name__ == "__main__":
    main()
