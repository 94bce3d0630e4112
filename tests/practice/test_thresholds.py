"""Probabilities that a reliability exceeds a threshold."""

from pathlib import Path

import pandas as pd
import pytest

from waistats import effect_sizes, fit_meta
from waistats.practice import predict_reliability, threshold_probability
from waistats.rg.generalize import generalize

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cesd_table():
    return effect_sizes(pd.read_csv(ROOT / "data/cesd_bonett2010.csv"))


@pytest.fixture(scope="module")
def cesd(cesd_table):
    return fit_meta(cesd_table)


def test_probabilities_follow_the_kind_that_was_asked_for(cesd_table):
    """A study made with metafor's interval has its probabilities; a kind may be asked."""
    own, old = (
        generalize(cesd_table, prediction=kind)
        for kind in ("confidence-distribution", "metafor")
    )
    t = threshold_probability(fit_meta(cesd_table), 0.85, prediction="metafor")
    assert threshold_probability(old, 0.85) == pytest.approx(t)
    assert predict_reliability(old, thresholds=[0.85]).above[0, 0] == pytest.approx(t)
    calibrated = threshold_probability(own, 0.85)
    assert calibrated == threshold_probability(fit_meta(cesd_table), 0.85)
    assert predict_reliability(own, thresholds=[0.85]).above[0, 0] == calibrated
    mixture = threshold_probability(own, 0.85, prediction="confidence-distribution")
    assert 0.9 < calibrated < mixture < t < 1


def test_how_far_probabilities_were_off_is_said(cesd):
    found = predict_reliability(cesd)
    assert "of the true ones on average in simulations of 10 studies" in str(found)
    for options in ({"prediction": "metafor"}, {"include_uncertainty": False}):
        assert "simulations" not in str(predict_reliability(cesd, **options))
