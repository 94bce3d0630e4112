"""What tests and doctests share."""

import os
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "waistats"
SLOW = Path(__file__).parent / "tests" / "slow.txt"

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(autouse=True)
def no_figures_left_open():
    """Close what a test drew; many open figures are a warning, and so an error."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pytest_ignore_collect(collection_path):
    """Import for doctests only the modules that have some.

    The examples of figures are run by the page of the gallery, which is made of them.
    """
    path = Path(collection_path)
    if path.suffix == ".py" and path.is_relative_to(PACKAGE):
        if path.parent == PACKAGE / "figures":
            return True
        return ">>>" not in path.read_text(encoding="utf-8") or None
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what tests/slow.txt lists, before ``-m`` chooses."""
    lines = SLOW.read_text(encoding="utf-8").splitlines()
    slow = {line for line in lines if not line.startswith("#")}
    for item in items:
        if item.nodeid.split("[")[0] in slow:
            item.add_marker(pytest.mark.slow)
