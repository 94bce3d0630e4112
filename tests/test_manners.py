"""A library leaves the session of its user as it was."""

import os
import random
import signal
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.font_manager import fontManager

import waistats as ws


def state():
    """Return what a session shares with every library in it."""
    mask = os.umask(0)
    os.umask(mask)
    return {
        "SIGINT": signal.getsignal(signal.SIGINT),
        "SIGTERM": signal.getsignal(signal.SIGTERM),
        "umask": mask,
        "rcParams": dict(mpl.rcParams),
        "backend": mpl.get_backend(),
        "figures": plt.get_fignums(),
        "fonts": [(entry.name, entry.fname) for entry in fontManager.ttflist],
        "warnings": list(warnings.filters),
        "numpy errors": np.geterr(),
        "numpy random": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "random": random.getstate(),
        "folder": os.getcwd(),
        # Polars, which great_tables looks for, sets one of its allocator
        "environment": {k: v for k, v in os.environ.items() if "MALLOC" not in k},
        "pandas": (
            pd.get_option("display.max_columns"),
            pd.get_option("display.width"),
        ),
    }


def answers():
    return ws.simulate_responses("WAI-SR", studies=3, n=25, seed=1)


CALLS = {
    "import": lambda path: ws.generalize,
    "by study": lambda path: ws.reliability_by_study(
        answers(), study="study_id", instrument="WAI-SR"
    ),
    "bootstrap": lambda path: ws.cronbach_alpha(
        answers().filter(like="wai").dropna(), ci="bootstrap", n_resamples=200
    ),
    "simulation": lambda path: ws.simulate_literature(20),
    "figure": lambda path: plt.close(
        ws.figures.forest(ws.fit_meta(ws.effect_sizes(ws.load_dataset("cesd")))).figure
    ),
    "saved figure": lambda path: _saved(path),
    "report": lambda path: ws.generalize(ws.load_dataset("cesd")).report(
        path / "report.html"
    ),
    "table": lambda path: ws.tables.save_table(
        ws.tables.table(ws.load_dataset("cesd")), path / "table.docx"
    ),
}


def _saved(path):
    ax = ws.figures.funnel(ws.fit_meta(ws.effect_sizes(ws.load_dataset("cesd"))))
    ws.figures.save(ax, path / "funnel.svg")
    plt.close(ax.figure)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_leaves_the_session_as_it_was(name, tmp_path):
    before = state()
    CALLS[name](tmp_path)
    after = state()
    assert {k for k in before if before[k] != after[k]} == set()
