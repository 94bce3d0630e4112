"""What a pooled reliability means for practice, in one table."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import ModelError, effect_sizes, fit_meta
from waistats.practice import practice_table
from waistats.rg.generalize import generalize

ROOT = Path(__file__).parents[2]
REFERENCE = json.loads(
    (ROOT / "tests/reference/practice_planning.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def cesd_table():
    return effect_sizes(pd.read_csv(ROOT / "data/cesd_bonett2010.csv"))


@pytest.fixture(scope="module")
def cesd(cesd_table):
    return fit_meta(cesd_table)


def simulated(k: int = 24, seed: int = 4) -> pd.DataFrame:
    """SIMULATED coefficients of two forms and two raters."""
    rng = np.random.default_rng(seed)
    form = np.where(np.arange(k) % 2 == 0, "WAI-SR", "WAI-36")
    rater = np.where(np.arange(k) % 4 < 2, "client", "therapist")
    m = np.where(form == "WAI-SR", 12, 36)
    n = rng.integers(60, 300, k)
    t = 2.3 + 0.4 * (form == "WAI-36") - 0.3 * (rater == "therapist")
    t = t + rng.normal(0, np.sqrt(0.03 + 2 * m / ((m - 1) * (n - 2))))
    return pd.DataFrame(
        {
            "study_id": [f"S{i}" for i in range(k)],
            "instrument": form,
            "rater": rater,
            "scale": "total",
            "estimate": 1 - np.exp(-t),
            "n": n,
            "n_items": m,
            "score_sd": rng.uniform(5, 10, k),
            "provenance": "SIMULATED",
        }
    )


def test_practice_table(cesd):
    table = practice_table(cesd, sd=9, prediction="metafor").set_index("quantity")
    assert table.loc["alpha", "pi_low"] == pytest.approx(0.838829, abs=5e-7)
    sem = table.loc["standard error of measurement"]
    assert sem["estimate"] == pytest.approx(9 * np.sqrt(1 - 0.905208), abs=1e-4)
    assert sem["pi_low"] > sem["estimate"] > sem["pi_high"]
    assert table.loc["P(true alpha > .90)", "estimate"] == pytest.approx(
        REFERENCE["t"][3], 1e-8
    )
    chance = table.loc["P(alpha > .90) in a sample of 30 (20 items)", "estimate"]
    assert chance == pytest.approx(0.558, abs=5e-4)
    shown = table.loc["alpha in a sample of 100 (20 items)"]
    assert [shown["pi_low"], shown["pi_high"]] == pytest.approx(
        [0.822, 0.949], abs=1e-3
    )
    without = practice_table(cesd)["quantity"].str.contains("in SDs").sum()
    assert without == 2
    study = practice_table(generalize(simulated()), sd=9, n=[50])
    assert set(study["provenance"]) == {"SIMULATED"}
    fit = fit_meta(effect_sizes(simulated()), "~ rater")
    one = practice_table(fit, new={"rater": "client"})
    assert one["estimate"].notna().all()
    with pytest.raises(ModelError, match="one population"):
        practice_table(fit, new={"rater": ["client", "therapist"]})
