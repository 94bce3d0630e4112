"""Run notebooks, and compare what they show with what comes out."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
# WAISTATS_WRITE_NOTEBOOKS=1 puts fresh outputs into the notebooks
WRITE = os.environ.get("WAISTATS_WRITE_NOTEBOOKS") == "1"


def read(path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    return nbformat.read(path, as_version=4)


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


def assert_fresh(path, folder):
    """Run a notebook; its committed outputs are what comes out. Return it."""
    committed = read(path)
    made = run(read(path), folder)
    if WRITE:
        import nbformat

        made.metadata.get("language_info", {}).pop("version", None)
        nbformat.write(made, path)
        committed = read(path)
    for old, new in zip(committed.cells, made.cells, strict=True):
        if old.cell_type == "code":
            # other versions of pandas lay tables out otherwise; numbers are the same
            np.testing.assert_allclose(
                numbers(old), numbers(new), rtol=0, atol=2e-3, err_msg=old.source
            )
            assert not any(o["output_type"] == "error" for o in new.outputs)
            assert not any(o.get("name") == "stderr" for o in new.outputs)
    return made
