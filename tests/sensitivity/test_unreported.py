"""Studies that did not report: worst cases, and the fail-safe number."""

import numpy as np
import pandas as pd
import pytest

from waistats import ModelError, effect_sizes, fit_meta, load_dataset
from waistats.sensitivity.unreported import fail_safe_n, worst_case


@pytest.mark.parametrize("kind", ["confidence-distribution", "metafor"])
def test_worst_case_is_the_fit_with_rows_added(kind):
    table = load_dataset("cesd")
    frame = worst_case(
        fit_meta(effect_sizes(table)),
        n_missing=[3, 6],
        alpha=[0.5, 0.8],
        prediction=kind,
    )
    assert frame["n_missing"].to_list() == [0, 3, 3, 6, 6]
    extra = pd.DataFrame(
        {
            "study_id": [f"x{i}" for i in range(6)],
            "estimate": 0.5,
            "n": table["n"].median(),
            "n_items": 20,
        }
    )
    more = fit_meta(effect_sizes(pd.concat([table, extra], ignore_index=True)))
    names = ["estimate", "ci_low", "ci_high", "pi_low", "pi_high"]
    np.testing.assert_allclose(
        frame.loc[3, names].astype(float),
        more.predict(prediction=kind).iloc[0],
        rtol=1e-9,
    )
    assert frame["tau2"][3] == pytest.approx(more.tau2, rel=1e-8)
    plain = fit_meta(effect_sizes(table)).predict(prediction=kind).iloc[0]
    np.testing.assert_allclose(frame.loc[0, names].astype(float), plain, rtol=1e-10)


def test_rows_left_out_are_those_that_did_not_report():
    table = load_dataset("cesd").astype({"estimate": float})
    table["status"] = ["poolable"] * 7 + ["induced"] * 2
    table.loc[7:, "estimate"] = np.nan
    frame = worst_case(fit_meta(effect_sizes(table)), alpha=0.7)
    assert frame["n_missing"].to_list() == [0, 2]
    assert frame["k"].to_list() == [7, 9]
    assert frame["estimate"][1] < frame["estimate"][0]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "n_missing= must say how many"),
        ({"n_missing": 0}, "n_missing must be positive integers"),
        ({"n_missing": 1.5}, "n_missing must be positive integers"),
        ({"n_missing": 2, "alpha": 1}, "alpha must be below 1"),
        ({"n_missing": 2, "n": 2}, "n must be at least 3"),
    ],
)
def test_worst_cases_that_mean_nothing_are_refused(options, match):
    model = fit_meta(effect_sizes(load_dataset("cesd")))
    with pytest.raises(ModelError, match=match):
        worst_case(model, **options)


def test_fail_safe_n_is_the_published_formula_and_says_that_it_is_history():
    model = fit_meta(effect_sizes(load_dataset("cesd")))
    found = fail_safe_n(model, threshold=0.80, mean_unreported=0.60)
    assert round(found.n, 1) == 4.7
    assert found.n == pytest.approx(9 * (found.estimate - 0.8) / 0.2)
    assert "historical" in str(found)
    assert "5 unreported coefficients" in str(found)
    assert fail_safe_n(model, threshold=0.95).n == 0
    with pytest.raises(ModelError, match="mean_unreported must be below threshold"):
        fail_safe_n(model, threshold=0.6, mean_unreported=0.8)
