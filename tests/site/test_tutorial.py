"""The tutorial notebook runs as it stands, and shows the numbers that it shows."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from waistats import generalize, load_dataset

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "analyses" / "tutorial.ipynb"
# WAISTATS_WRITE_TUTORIAL=1 puts fresh outputs into the notebook
WRITE = os.environ.get("WAISTATS_WRITE_TUTORIAL") == "1"


def read():
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    return nbformat.read(TUTORIAL, as_version=4)


def shown(cell):
    """Return what a cell prints; pictures and pages are for the eye."""
    texts = []
    for output in cell.get("outputs", []):
        if output["output_type"] == "stream":
            texts.append(output["text"])
        elif "image/png" not in output.get("data", {"image/png": ""}):
            texts.append(output["data"].get("text/plain", ""))
    return re.sub(r"\s+", " ", " ".join(texts)).strip()


def numbers(cell):
    return [float(n) for n in re.findall(r"-?\d*\.?\d+", shown(cell))]


def run(notebook, folder):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONWARNINGS": "error::UserWarning,error::RuntimeWarning",
    }
    # the kernel chooses the backend that shows figures in a notebook
    environment.pop("MPLBACKEND", None)
    client.execute(env=environment)
    return notebook


@pytest.mark.slow
def test_tutorial_runs_and_its_outputs_are_fresh(tmp_path):
    committed = read()
    made = run(read(), tmp_path)
    assert (tmp_path / "output" / "tutorial_report.html").stat().st_size > 100_000
    if WRITE:
        import nbformat

        made.metadata.get("language_info", {}).pop("version", None)
        nbformat.write(made, TUTORIAL)
        committed = read()
    for old, new in zip(committed.cells, made.cells, strict=True):
        if old.cell_type == "code":
            # other versions of pandas lay tables out otherwise; numbers are the same
            np.testing.assert_allclose(
                numbers(old), numbers(new), rtol=0, atol=2e-3, err_msg=old.source
            )
            assert not any(o["output_type"] == "error" for o in new.outputs)
            assert not any(o.get("name") == "stderr" for o in new.outputs)
    pictures = [o for c in made.cells for o in c.get("outputs", []) if "data" in o]
    assert sum("image/png" in o["data"] for o in pictures) == 3


def test_tutorial_reads_well_on_its_own():
    notebook = read()
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
    notebook = read()
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
