"""Item statistics against psych, and warnings in words."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats.errors import DataError, ModelError
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.items import (
    alpha_if_dropped,
    ceiling_inflation,
    item_rest_correlation,
    item_statistics,
)

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((HERE / "coefficients_items.json").read_text(encoding="utf-8"))
DATA = json.loads((HERE / "coefficients_data.json").read_text(encoding="utf-8"))
CEILING = np.array(DATA["ceiling"], dtype=float)
COLUMNS = [
    "item",
    "mean",
    "sd",
    "skew",
    "share_at_floor",
    "share_at_ceiling",
    "missing",
    "item_rest_correlation",
    "alpha_if_dropped",
    "loading",
]


def test_statistics_are_psychs():
    found = item_statistics(CEILING)
    assert list(found.columns) == COLUMNS
    for ours, theirs in [
        ("mean", "mean"),
        ("sd", "sd"),
        ("skew", "skew"),
        ("share_at_floor", "floor"),
        ("share_at_ceiling", "ceiling"),
        ("item_rest_correlation", "r_drop"),
        ("alpha_if_dropped", "alpha_drop"),
    ]:
        np.testing.assert_allclose(found[ours], REFERENCE[theirs], rtol=1e-12)
    np.testing.assert_allclose(found["loading"], REFERENCE["loading"], atol=1e-5)
    assert found["missing"].eq(0).all()


@given(st.integers(0, 10_000), st.integers(3, 7))
@settings(max_examples=20, deadline=None)
def test_dropping_an_item_by_hand_gives_the_same(seed, m):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(30, 1)) + rng.normal(size=(30, m))
    covariance = np.cov(values.T)
    for j in range(m):
        rest = np.delete(values, j, axis=1)
        alpha = cronbach_alpha(rest, ci=None).estimate
        assert alpha_if_dropped(covariance)[j] == pytest.approx(alpha, abs=1e-12)
        by_hand = np.corrcoef(values[:, j], rest.sum(axis=1))[0, 1]
        found = item_rest_correlation(covariance)[j]
        assert found == pytest.approx(by_hand, abs=1e-12)


def test_ceiling_is_said_in_words_where_it_matters():
    notes = item_statistics(CEILING).attrs["notes"]
    assert any(
        "38% of all answers are the highest possible" in note
        and "1.06 to 1.20 times" in note
        for note in notes
    )
    wide = item_statistics(CEILING, response_max=7).attrs["notes"]
    assert not any("Ceiling" in note for note in wide)
    floor = item_statistics(6 - CEILING).attrs["notes"]
    assert any(note.startswith("Floor effect: 38%") for note in floor)


def test_inflation_by_share():
    assert ceiling_inflation(0.2) == ""
    assert ceiling_inflation(0.35) == "1.06 to 1.20"
    assert ceiling_inflation(0.55) == "1.25 to 1.40"
    assert ceiling_inflation(0.65) == "1.40 to 1.76"
    assert ceiling_inflation(0.9) == "1.6 to 2.3"


def test_unreversed_item_is_named():
    turned = CEILING.copy()
    turned[:, 3] = 6 - turned[:, 3]
    notes = item_statistics(turned).attrs["notes"]
    alpha = cronbach_alpha(CEILING, ci=None).estimate
    told = (
        f"Runs against the other items: 4; reverse-scored, alpha would be {alpha:.3f}."
    )
    assert told.replace("be 0.", "be .") in notes


def test_missing_constant_and_few():
    frame = pd.DataFrame(
        {
            "a": [1, 2, 3, 4, np.nan, 5],
            "b": [2, 2, 3, 5, 1, 4],
            "c": [3, 3, 3, 3, 3, 3],
            "d": [1, 3, 2, 4, 2, 5],
        }
    )
    found = item_statistics(frame).set_index("item")
    assert found["missing"].tolist() == [1, 0, 0, 0]
    assert found.loc["a", "mean"] == 3
    assert found.loc["b", "mean"] == pytest.approx(17 / 6)
    assert np.isnan(found.loc["c", ["skew", "item_rest_correlation", "loading"]]).all()
    assert found.loc["b", "loading"] > 0.5
    two = item_statistics(frame[["b", "d"]])
    assert np.isnan(two[["alpha_if_dropped", "loading"]]).all().all()
    r = frame["b"].corr(frame["d"])
    assert two["item_rest_correlation"].tolist() == pytest.approx([r, r])


def test_loading_is_missing_without_a_solution():
    copies = np.outer([1.0, 2, 3, 5], np.ones(3))
    assert item_statistics(copies)["loading"].isna().all()


def test_answers_outside_the_scale_are_named():
    with pytest.raises(DataError, match=r"between 1 and 4, but .*: 1 \(1 to 5\), 2"):
        item_statistics(CEILING, response_min=1, response_max=4)
    with pytest.raises(ModelError, match="below response_max"):
        item_statistics(CEILING, response_min=7, response_max=1)


def test_real_answers_to_the_satisfaction_with_life_scale():
    path = ROOT.parent / "shared/data/open/manylabs/data_2.12.1_clean.csv"
    if not path.exists():
        pytest.skip("the open data set is neither in shared/data/open nor cached")
    data = pd.read_csv(path)
    items = data.drop(columns="g").select_dtypes("number").iloc[:, -5:]
    found = item_statistics(items)
    by_hand = items.corrwith(items.sum(axis=1) - items.iloc[:, 0]).iloc[0]
    assert found["item_rest_correlation"].iloc[0] == pytest.approx(by_hand)
    assert found["loading"].between(0.3, 1).all()
