"""What several tests share."""

import os
from pathlib import Path

import pytest

OPEN = Path(__file__).parents[2] / "shared" / "data" / "open"


@pytest.fixture
def open_cache(monkeypatch):
    """A cache that holds the open data sets, or a skip that says why not."""
    if "WAISTATS_CACHE" not in os.environ:
        if not OPEN.is_dir():
            pytest.skip("the open data sets are neither cached nor beside the project")
        monkeypatch.setenv("WAISTATS_CACHE", str(OPEN))
    return Path(os.environ["WAISTATS_CACHE"])
