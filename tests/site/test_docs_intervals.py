"""The page on intervals can be written again, and says what its numbers say."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "intervals.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("docs_intervals", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_can_be_written_again(script, tmp_path, monkeypatch):
    for name, value in [
        ("RUNS", 200),
        ("BOOTSTRAP_RUNS", 5),
        ("POPULATION", 20_000),
        ("SIZES", (30, 60)),
        ("LENGTHS", (4,)),
        ("TARGET", tmp_path / "page.md"),
    ]:
        monkeypatch.setattr(script, name, value)
    script.main()
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "SIMULATED" in text
    assert "[.581, .933]" in text
    assert "[.533, .947]" in text
    found = script.simulate()
    assert len(found) == 8
    formulas = [name for name in script.methods(found) if "bootstrap" not in name]
    assert (found[formulas] > 60).all(axis=None)


def test_the_committed_page_has_every_condition():
    text = SCRIPT.with_suffix(".md").read_text(encoding="utf-8")
    rows = [
        line for line in text.split("\n") if line.startswith(("| normal |", "| 5-p"))
    ]
    assert len(rows) == 4 * 2 * 4
