"""Make tests/slow.txt anew, by the processor time of each test.

    PYTHONPATH=tests pytest -n 0 -p measure_slow

A test is slow where any of its cases takes four tenths of a second or more, with its
setup and with the processes that it waits for. Processor time, not the clock: another
job on the machine moves no test. What is left answers within 90 seconds on two cores:
``pytest -m "not slow and not browser"``. Tests that did not run keep their lines.
"""

import os
from pathlib import Path

import pytest

LEAST = 0.4
LIST = Path(__file__).with_name("slow.txt")
HEAD = """\
# Tests that take four tenths of a second of processor time or more, as measured by
# tests/measure_slow.py; conftest.py marks them slow. Plain pytest runs them all.
"""
seconds: dict[str, float] = {}


def slow(seconds: dict[str, float], least: float = LEAST) -> set[str]:
    """Return the tests that are slow, without their cases."""
    return {name.split("[")[0] for name, s in seconds.items() if s >= least}


def listed(text: str) -> set[str]:
    """Return the tests that a text of slow.txt names."""
    return {line for line in text.splitlines() if not line.startswith("#")}


def merged(old: set[str], seconds: dict[str, float]) -> list[str]:
    """Return the tests for slow.txt: as measured now, or as before."""
    measured = {name.split("[")[0] for name in seconds}
    return sorted((old - measured) | slow(seconds))


def _processor_time() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    begin = _processor_time()
    result = yield
    seconds[item.nodeid] = _processor_time() - begin
    return result


def pytest_sessionfinish():
    lines = merged(listed(LIST.read_text(encoding="utf-8")), seconds)
    LIST.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
