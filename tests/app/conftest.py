"""The app in a process of its own, and a page of it in a real browser."""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import chromium

CASES = Path(__file__).parents[1] / "cases"
FLAGS = ["--disable-gpu", "--no-first-run", "--disable-background-networking"]
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


@pytest.fixture(scope="session")
def app(tmp_path_factory):
    """One app for all tests: each page of it is a session of its own."""
    pytest.importorskip("shiny")
    folder = tmp_path_factory.mktemp("app")
    served = serve(folder=folder)
    yield served
    stop(served)
    errors = [line for line in served.told if "Traceback" in line or "Error" in line]
    assert not errors, "".join(served.told)


@pytest.fixture
def started():
    """Start further apps, which end with the test."""
    pytest.importorskip("shiny")
    running = []

    def start(*arguments, folder):
        running.append(serve(*arguments, folder=folder))
        return running[-1]

    yield start
    for served in running:
        stop(served)


@pytest.fixture(scope="session")
def chrome():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as made:
        browser = made.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


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
    page.set_default_timeout(60_000)
    watched = Watched(page, app)
    page.goto(app.address)
    page.wait_for_selector("html[data-ready=yes]")
    return watched


@pytest.fixture
def watched(chrome, app):
    """A page of a desktop's width; its console and its requests are clean at the end."""
    made = open_page(chrome, app)
    yield made
    made.page.context.close()
    assert not made.problems


@pytest.fixture
def page(watched):
    return watched.page


@pytest.fixture
def phone(chrome, app):
    """A page of a phone's width."""
    made = open_page(chrome, app, PHONE)
    yield made.page
    made.page.context.close()
    assert not made.problems
