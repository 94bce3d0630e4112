"""A library leaves the session of its user as it was."""

import locale
import logging
import os
import random
import re
import signal
import sys
import tempfile
import threading
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.font_manager import fontManager

import waistats as ws

SEABORN = {"crest", "flare", "icefire", "mako", "rocket", "vlag"}


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
        # scipy adds two when it is loaded
        "warnings": [
            entry
            for entry in warnings.filters
            if not re.search("matrix subclass|SpecialFunction", str(entry))
        ],
        "numpy errors": np.geterr(),
        "numpy random": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "random": random.getstate(),
        "folder": os.getcwd(),
        # Polars, which great_tables looks for, sets one of its allocator
        "environment": {k: v for k, v in os.environ.items() if "MALLOC" not in k},
        "pandas": {
            name: pd.get_option(name)
            for name in ("display.max_columns", "display.width", "display.precision",
                         "display.max_rows")
        },
        "numpy print": np.get_printoptions(),
        # pingouin loads seaborn, which adds its own
        "colormaps": {n for n in mpl.colormaps if n.removesuffix("_r") not in SEABORN},
        "locale": locale.setlocale(locale.LC_ALL),
        "logging": (
            [*logging.getLogger().handlers],
            logging.getLogger().level,
            logging.root.manager.disable,
        ),
        "hooks": (sys.excepthook, sys.displayhook, threading.excepthook),
        "threads": {t.name for t in threading.enumerate() if not t.daemon},
        "recursion": sys.getrecursionlimit(),
        "temporary files": {
            name for name in os.listdir(tempfile.gettempdir()) if "waistats" in name
        },
    }  # fmt: skip


def answers():
    return ws.simulate_responses("WAI-SR", studies=3, n=25, seed=1)


CALLS = {
    "import": lambda path: ws.generalize,
    "by study": lambda path: ws.reliability_by_study(
        answers(), study="study_id", instrument="WAI-SR"
    ),
    "reading": lambda path: _read(path),
    "models": lambda path: _fitted(),
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


def _read(path):
    answers().to_csv(path / "answers.csv", index=False)
    ws.load_dataset("cesd").to_csv(path / "coefficients.csv", index=False)
    read = ws.read_responses(path / "answers.csv")
    ws.inspect_responses(read, study="study_id", instrument="WAI-SR")
    ws.read_coefficients(path / "coefficients.csv")


def _fitted():
    effects = ws.effect_sizes(ws.load_dataset("mibs"))
    ws.fit_multilevel(effects).robust()
    ws.fit_bayes(ws.effect_sizes(ws.load_dataset("cesd")))
    ws.permutation_test(effects, "~ n", n_permutations=20, seed=1)
    ws.multiverse(ws.effect_sizes(ws.load_dataset("cesd")))


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
