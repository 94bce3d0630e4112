"""Subgroups against metafor's separate and common models, and Welch's test."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waistats import (
    DataError,
    ModelError,
    effect_sizes,
    fit_meta,
    fit_subgroups,
    load_dataset,
)

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference/subgroups.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def bcg():
    return pd.DataFrame(REFERENCE["data"])


def test_separate(bcg):
    found = fit_subgroups(bcg, "alloc", small_sample="wald")
    frame = found.to_frame()
    expected = REFERENCE["separate"]
    assert list(frame["term"]) == ["alternate", "random", "systematic"]
    np.testing.assert_allclose(frame["estimate"], expected["est"], rtol=1e-8)
    np.testing.assert_allclose(frame["se"], expected["se"], rtol=1e-7)
    np.testing.assert_allclose(frame["tau2"], expected["tau2"], rtol=1e-7, atol=1e-9)
    assert found.between.statistic == pytest.approx(expected["QM"], rel=1e-8)
    assert found.between.p_value == pytest.approx(expected["QMp"], rel=1e-7)


def test_welch(bcg):
    found = fit_subgroups(bcg, "alloc").between
    expected = REFERENCE["welch"]
    assert found.statistic == pytest.approx(expected["F"], rel=1e-7)
    assert (found.df, found.df_denominator) == pytest.approx(expected["df"], rel=1e-7)
    assert found.p_value == pytest.approx(expected["p"], rel=1e-6)


def test_common(bcg):
    found = fit_subgroups(bcg, "alloc", tau2="common")
    expected = REFERENCE["common"]
    assert found.between.statistic == pytest.approx(expected["QM"], rel=1e-7)
    assert found.between.p_value == pytest.approx(expected["QMp"], rel=1e-7)
    np.testing.assert_allclose(found.to_frame()["tau2"], expected["tau2"], rtol=1e-7)


def test_alpha_scale_and_words():
    found = fit_subgroups(effect_sizes(load_dataset("cesd")), "caregivers")
    predicted = found.predict()
    assert (predicted["pi_low"] < predicted["ci_low"]).all()
    assert "Subgroups by caregivers (separate tau^2)" in str(found)
    assert "On the alpha scale" in str(found)


@pytest.mark.parametrize("kind", ["confidence-distribution", "metafor"])
def test_groups_have_the_prediction_interval_of_their_model(kind):
    """Of each group alone, or of a model with the groups as moderator."""
    effects = effect_sizes(load_dataset("cesd"))
    names = ["estimate", "ci_low", "ci_high", "pi_low", "pi_high"]
    separate, common = (
        fit_subgroups(effects, "caregivers", tau2=tau2).predict(prediction=kind)
        for tau2 in ("separate", "common")
    )
    for i, (name, rows) in enumerate(effects.groupby("caregivers")):
        own = fit_meta(rows).predict(prediction=kind).iloc[0]
        np.testing.assert_allclose(separate.loc[i, names].astype(float), own)
        all_rows = fit_meta(effects, "~ caregivers").predict(
            pd.DataFrame({"caregivers": [name]}), prediction=kind
        )
        np.testing.assert_allclose(common.loc[i, names].astype(float), all_rows.iloc[0])


def test_metafors_interval_of_a_group_takes_tau2_as_known():
    effects = effect_sizes(load_dataset("cesd"))
    found = fit_subgroups(effects, "caregivers")
    group = found.to_frame().iloc[0]
    half = stats.t.ppf(0.975, group["df"]) * np.hypot(group["se"], group["tau2"] ** 0.5)
    low = -np.expm1(half - group["estimate"])
    assert found.predict(prediction="metafor")["pi_low"][0] == pytest.approx(low)


def test_errors(bcg):
    with pytest.raises(DataError, match=r"'aloc' \(did you mean 'alloc'\?\)"):
        fit_subgroups(bcg, "aloc")
    with pytest.raises(DataError, match="alloc is blank for study_id 3"):
        fit_subgroups(bcg.assign(alloc=bcg["alloc"].where(bcg.index != 2)), "alloc")
    with pytest.raises(ModelError, match="one level"):
        fit_subgroups(bcg.assign(alloc="x"), "alloc")
    lonely = bcg.assign(alloc=["z", *bcg["alloc"][1:]])
    with pytest.raises(ModelError, match=r"no variance of their own: z"):
        fit_subgroups(lonely, "alloc")
    assert fit_subgroups(lonely, "alloc", tau2="common").to_frame()["k"].min() == 1


def test_notes_of_the_groups_reach_the_result():
    """SIMULATED: studies in both groups; a group of equal alphas; groups of two."""
    table = pd.DataFrame(
        {
            "study_id": list("ABCDABCD"), "rater": ["client"] * 4 + ["observer"] * 4,
            "estimate": [0.85] * 4 + [0.80, 0.93, 0.70, 0.95], "n": 100, "n_items": 12,
        }
    )  # fmt: skip
    found = fit_subgroups(effect_sizes(table), "rater")
    shared, own = found.notes[:2]
    assert shared.startswith("4 studies give more than one coefficient")
    assert own.startswith("rater client: These coefficients are less variable")
    assert all(note in str(found) for note in found.notes)
    common = fit_subgroups(effect_sizes(table), "rater", tau2="common")
    assert common.notes[0] == shared
    two = table.assign(study_id=list("ABCDEFGH")).iloc[[0, 1, 4, 5]]
    few = fit_subgroups(
        effect_sizes(two.assign(estimate=[0.8, 0.9, 0.7, 0.95])), "rater"
    )
    assert few.between.df_denominator < 4
    assert "fewer than 4: it cannot show a difference" in few.notes[-1]
