"""The tutorial notebook runs as it stands, and shows the numbers that it shows."""

import re

import pytest
from notebooks import ROOT, assert_fresh, read, shown

from waistats import generalize, load_dataset

TUTORIAL = ROOT / "analyses" / "tutorial.ipynb"


@pytest.mark.slow
def test_tutorial_runs_and_its_outputs_are_fresh(tmp_path):
    made = assert_fresh(TUTORIAL, tmp_path)
    assert (tmp_path / "output" / "tutorial_report.html").stat().st_size > 100_000
    pictures = [o for c in made.cells for o in c.get("outputs", []) if "data" in o]
    assert sum("image/png" in o["data"] for o in pictures) == 3


def test_tutorial_reads_well_on_its_own():
    notebook = read(TUTORIAL)
    assert TUTORIAL.stat().st_size < 400_000
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert text.startswith("# A reliability generalization study")
    assert "**SIMULATED**" in text
    headings = re.findall(r"^### (\d+)\.", text, flags=re.M)
    assert headings == [str(i + 1) for i in range(len(headings))]
    code = "\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    assert "waistats." not in code, "only public names"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            last = cell.source.splitlines()[-1]
            silent = "import" in last or "=" in last.split("(")[0]
            assert silent or cell.outputs, cell.source


def test_words_of_the_tutorial_hold():
    """What its sentences say of the numbers is what the outputs say."""
    notebook = read(TUTORIAL)
    outputs = {c.source: shown(c) for c in notebook.cells if c.cell_type == "code"}
    lengths = next(v for k, v in outputs.items() if "at_12_items" in k)
    assert {"0.946", "0.750", "0.889"} <= set(lengths.split())
    audit = next(v for k, v in outputs.items() if "audit_keys" in k)
    assert re.findall(r"wai\d+", audit) == ["wai4", "wai10"]
    truth = next(v for k, v in outputs.items() if "truth" in k)
    rows = re.findall(r"(?:client|therapist)((?: \d\.\d+)+)", truth)
    assert len(rows) == 2
    for row in rows:
        _, low, high, *_, true = map(float, row.split())
        assert low <= true <= high


def test_results_show_themselves_as_safe_html():
    study = generalize(load_dataset("cesd").assign(instrument="<b>&"))
    shown = study._repr_html_()
    assert '<td style="text-align:left">&lt;b&gt;&amp;</td>' in shown
    assert "<b>Reliability generalization of &lt;b&gt;&amp; scores</b>" in shown
    model = study.overall._repr_html_()
    assert model.count("<b>") == 1
    # both scales, and blocks whose words are aligned by spaces stay aligned
    assert "Model Results (bonett scale):" in model
    assert "On the alpha scale: .905" in model
    assert re.search(r"font-family:monospace\">tau\^2", model)
