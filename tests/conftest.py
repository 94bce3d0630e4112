"""What several tests share."""

import hashlib
import os
from pathlib import Path

import pytest
from browser import FLAGS, chromium

from waistats._files import data_json
from waistats.datasets import remote

OPEN = Path(__file__).parents[2] / "shared" / "data" / "open"


@pytest.fixture(scope="session")
def chrome():
    """The browser of all tests of a process, which can hold only one."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as made:
        browser = made.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_cache(monkeypatch):
    """A cache that holds the open data sets, or a skip that says why not."""
    if "WAISTATS_CACHE" not in os.environ:
        if not OPEN.is_dir():
            pytest.skip("the open data sets are neither cached nor beside the project")
        monkeypatch.setenv("WAISTATS_CACHE", str(OPEN))
    return Path(os.environ["WAISTATS_CACHE"])


@pytest.fixture
def meyer_cache(monkeypatch, tmp_path_factory):
    """A cache with the licensed extract of meyer_wai_sr in the place of the original.

    The extract has other bytes than the file that the registry pins, so its own hash is
    put there; everything else runs as for the original.
    """
    extract = OPEN / "meyer_wai_sr" / "wai_columns.csv"
    if not extract.is_file():
        pytest.skip("the extract of meyer_wai_sr is not beside the project")
    cache = tmp_path_factory.mktemp("cache")
    registry = data_json("remote.json")
    entry = registry["datasets"]["meyer_wai_sr"]
    entry["sha256"] = hashlib.sha256(extract.read_bytes()).hexdigest()
    place = cache / entry["cache"]
    place.parent.mkdir()
    place.write_bytes(extract.read_bytes())
    monkeypatch.setenv("WAISTATS_CACHE", str(cache))
    monkeypatch.setattr(remote, "data_json", lambda _: registry)
    return cache
