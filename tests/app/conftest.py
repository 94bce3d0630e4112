"""A running app, and pages of it in a real browser."""

import pytest
from app_page import PHONE, open_page, serve, stop


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
