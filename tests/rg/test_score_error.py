"""Standard errors of measurement in points: against one metric's own analysis."""

import numpy as np
import pandas as pd
import pytest

from waistats import effect_sizes, generalize, read_coefficients, spread_analysis
from waistats.datasets.simulated_studies import simulate_literature
from waistats.rg._score_error import pooled_sem


@pytest.fixture(scope="module")
def literature():
    return read_coefficients(simulate_literature().table)


def test_points_are_percent_of_the_range(literature):
    study = generalize(literature)
    frame = study.score_errors
    assert len(frame) >= 3
    for row in frame.to_dict("records"):
        rows = study.main_rows
        cell = rows[(rows["instrument"] == row["instrument"])
                    & (rows["rater"] == row["rater"])]  # fmt: skip
        own = spread_analysis(cell).error.predict().iloc[0]
        percent = np.exp(own[["estimate", "ci_low", "ci_high"]].astype(float) / 2)
        found = [row[c] for c in ("estimate", "ci_low", "ci_high")]
        np.testing.assert_allclose(found, percent * row["score_range"] / 100, rtol=1e-9)
        form = cell.iloc[0]
        width = form["n_items"] * (form["response_max"] - form["response_min"])
        assert row["score_range"] == width
        z = 1.959963984540054
        assert row["detectable"] == pytest.approx(z * np.sqrt(2) * row["estimate"])


def test_equal_errors_are_found_as_they_are():
    # sd * sqrt(1 - alpha) is 4 points in every sample
    alpha = np.array([0.75, 0.84, 0.91, 0.96])
    table = pd.DataFrame(
        {
            "study_id": list("ABCD"), "estimate": alpha, "n": 100, "n_items": 10,
            "score_sd": 4 / np.sqrt(1 - alpha), "score_metric": "sum",
            "response_min": 1, "response_max": 9, "scale": "total",
        }
    )  # fmt: skip
    (row,) = pooled_sem(effect_sizes(table), ("scale",)).to_dict("records")
    assert row["estimate"] == pytest.approx(4, rel=1e-9)
    assert row["tau2"] == pytest.approx(0, abs=1e-9)
    assert row["ci_low"] < 4 < row["ci_high"]


def test_forms_of_other_ranges_are_apart_and_few_are_left_out(literature):
    frame = generalize(literature).score_errors
    assert (frame["k_studies"] >= 3).all()
    pairs = frame.groupby("instrument")["score_range"].nunique()
    assert (pairs == 1).all()
    bare = literature.drop(columns="score_sd")
    assert len(generalize(bare).score_errors) == 0
