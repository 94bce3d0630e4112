"""The app in a process of its own, and a page of it in a real browser."""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

CASES = Path(__file__).parent / "cases"
DESKTOP, PHONE = (1280, 900), (390, 844)


@dataclass
class Served:
    """A running app: its address, and what it wrote to standard error."""

    address: str
    process: subprocess.Popen
    told: list[str] = field(default_factory=list)
    listener: threading.Thread | None = None

    @property
    def parts(self):
        return urlsplit(self.address)


def serve(*arguments, folder):
    """Start ``waistats app``; its temporary files go into a folder of the test."""
    environment = os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "waistats", "app", "--no-browser", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment,
    )
    address = process.stdout.readline().strip()
    if not address:
        process.kill()
        raise AssertionError(process.communicate()[1])
    served = Served(address, process)

    def listen():
        served.told.extend(process.stderr)

    served.listener = threading.Thread(target=listen, daemon=True)
    served.listener.start()
    return served


def stop(served):
    served.process.terminate()
    code = served.process.wait(timeout=20)
    served.listener.join(timeout=20)
    served.process.stdout.close()
    served.process.stderr.close()
    return code


class Watched:
    """A page in the browser, with what it asked for and what its console said."""

    def __init__(self, page, app):
        self.page = page
        self.app = app
        self.problems = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._request)

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")

    def _request(self, request):
        parts = urlsplit(request.url)
        if parts.scheme in ("data", "blob"):
            return
        if (parts.hostname, parts.port) != ("127.0.0.1", self.app.parts.port):
            self.problems.append(f"request to {request.url}")


def open_page(chrome, app, size=DESKTOP):
    """Return a page of the app once its session has begun."""
    width, height = size
    context = chrome.new_context(
        viewport={"width": width, "height": height}, accept_downloads=True
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    watched = Watched(page, app)
    page.goto(app.address)
    page.wait_for_selector("html[data-ready=yes]")
    return watched


def step(page, name):
    """Show a step."""
    page.click(f"nav a[data-step={name}]")
    page.wait_for_selector(f"section#{name}:not([hidden])")


def add(page, name, found=True):
    """Add a table that comes with the package to the study."""
    step(page, "generalize")
    page.select_option("#generalize-bundled", name)
    page.click("#generalize-add")
    if found:
        page.wait_for_selector("#generalize-found .card")


def rows_of(page, caption, within="#generalize"):
    """The rows of the table under a caption, as texts by column."""
    table = page.locator(f"{within} figure.table", has_text=caption).first
    heads = table.locator("thead th").all_inner_texts()
    return [
        dict(zip(heads, row.locator("td").all_inner_texts(), strict=True))
        for row in table.locator("tbody tr").all()
    ]


def facts_of(page):
    """The overall result as the page shows it, by its names."""
    return {
        fact.locator("span").inner_text(): fact.locator("strong").inner_text()
        for fact in page.locator("#generalize .headline .fact").all()
    }
