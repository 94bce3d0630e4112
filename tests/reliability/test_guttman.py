"""Guttman's lambdas and split halves against psych and exact identities."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats.reliability.guttman import error_variances, guttman_lambdas

HERE = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((HERE / "coefficients.json").read_text(encoding="utf-8"))
DATA = json.loads((HERE / "coefficients_data.json").read_text(encoding="utf-8"))
FIXTURE = pd.read_csv(HERE / "fixture_items_60x5.csv")
CEILING = np.array(DATA["ceiling"], dtype=float)
ITEMS = {"fixture": FIXTURE, "ceiling": CEILING}


def simulated(seed, n=100, m=6):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) * rng.uniform(0.5, 1.5, m) + rng.normal(size=(n, m))


@pytest.mark.parametrize("name", ITEMS)
def test_lambdas_are_psychs(name):
    found = guttman_lambdas(ITEMS[name])
    assert list(found.columns) == ["term", "estimate"]
    assert list(found["term"]) == [f"lambda{i}" for i in range(1, 7)]
    expected = REFERENCE["bounds"][name]["lambdas"]
    np.testing.assert_allclose(found["estimate"], expected, rtol=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_order_of_the_lambdas(seed):
    value = guttman_lambdas(simulated(seed)).set_index("term")["estimate"]
    assert value["lambda1"] < value["lambda3"] <= value["lambda2"] + 1e-12
    assert value["lambda1"] < value["lambda5"]
    assert value["lambda3"] <= value["lambda4"] + 1e-12


def test_items_that_others_determine():
    items = FIXTURE.assign(V6=FIXTURE["V1"] + FIXTURE["V2"])
    frame = guttman_lambdas(items)
    assert np.isfinite(frame["estimate"]).all()
    left = error_variances(np.corrcoef(items.to_numpy().T))
    np.testing.assert_allclose(left[[0, 1, 5]], 0, atol=1e-9)
    assert (left[2:5] > 0.1).all()
