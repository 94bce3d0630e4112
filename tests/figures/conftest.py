"""What tests of figures share; matplotlib is left as it was found."""

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt
from figure_made import SIZES, plain, simulated

from waistats import fit_meta
from waistats.reliability.items import item_statistics
from waistats.rg.generalize import generalize
from waistats.sensitivity.multiverse import multiverse

REFERENCE = Path(__file__).parents[1] / "reference" / "figures_baujat.json"


@pytest.fixture(autouse=True)
def _leave_nothing_behind():
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="session")
def models():
    return {k: fit_meta(simulated(k)) for k in SIZES}


@pytest.fixture(scope="session")
def study():
    return generalize(plain(simulated(60)))


@pytest.fixture(scope="session")
def reference():
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def found():
    return multiverse(plain(simulated(12)))


@pytest.fixture(scope="session")
def items():
    rng = np.random.default_rng(0)
    answers = rng.normal(size=(150, 1)) + rng.normal(size=(150, 12)) * 0.9
    answers[:, 4] = -answers[:, 4]
    frame = pd.DataFrame(answers, columns=[f"item {i + 1}" for i in range(12)])
    return item_statistics(np.clip(np.round(frame + 4.2), 1, 5))
