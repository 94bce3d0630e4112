"""The short notebooks by task: they run, show what comes out, and lead on."""

import re

import pytest
from notebooks import ROOT, assert_fresh, read, shown

NOTEBOOKS = sorted((ROOT / "analyses" / "notebooks").glob("*.ipynb"))


def test_there_are_five():
    assert [path.name[:2] for path in NOTEBOOKS] == ["1-", "2-", "3-", "4-", "5-"]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_and_its_outputs_are_fresh(path, tmp_path):
    assert_fresh(path, tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_short_and_uses_public_names(path):
    notebook = read(path)
    assert path.stat().st_size < 150_000
    code = [c for c in notebook.cells if c.cell_type == "code"]
    words = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert len(code) <= 7
    assert words.startswith("# ")
    assert "waistats." not in "\n".join(c.source for c in code)
    assert all(cell.outputs for cell in code), "run with WAISTATS_WRITE_NOTEBOOKS=1"
    if any("simulate" in c.source for c in code):
        assert "**SIMULATED**" in words
    for name in re.findall(r"\]\(([^)]+\.ipynb)\)", words):
        assert (path.parent / name).is_file(), name


def test_no_output_names_a_machine():
    for path in NOTEBOOKS:
        for cell in read(path).cells:
            if cell.cell_type == "code":
                assert not re.search(r"/(tmp|root|work|home|Users)/", shown(cell))
