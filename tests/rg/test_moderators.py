"""Tests of one moderator at a time, and what they allow to say. All data SIMULATED."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import effect_sizes, fit_meta, generalize, load_dataset
from waistats.meta._verdict import verdict
from waistats.rg.moderators import alone_decides, level_counts, screen_moderators

CASES = Path(__file__).parents[1] / "cases"


def literature(per_study=1, k=24, seed=3, effect=0.0):
    rng = np.random.default_rng(seed)
    study = np.repeat(np.arange(k), per_study)
    version = np.where(study % 2 == 0, "short", "long")
    m = np.where(version == "short", 12, 36)
    n = rng.integers(80, 300, k)[study]
    true = 2.2 + effect * (version == "long") + rng.normal(0, 0.2, k)[study]
    t = true + rng.normal(0, np.sqrt(2 * m / ((m - 1) * (n - 2))))
    return pd.DataFrame(
        {
            "study_id": [f"S{i:02d}" for i in study],
            "estimate": 1 - np.exp(-t),
            "n": n,
            "n_items": m,
            "instrument": version,
            "rater": np.where(study % 3 == 0, "client", "therapist"),
            "provenance": "SIMULATED",
        }
    )


def screened(table, **options):
    return screen_moderators(effect_sizes(table), **options).set_index("moderator")


def test_version_and_number_of_items_are_one_contrast():
    found = screened(
        literature(effect=0.8), candidates=["instrument", "n_items", "rater"]
    )
    # tested once, under the first name
    assert found.loc["instrument", "p_value"] < 1e-6
    assert np.isnan(found.loc["n_items", "p_value"])
    assert "same contrast as instrument" in found.loc["n_items", "note"]
    assert "tested once, under instrument" in found.loc["n_items", "note"]
    # and nothing explains, however small its p value
    assert not found.explains.any()
    assert found.loc["instrument", "why"] == "not distinguishable from n_items"
    # the adjustment counts two tests
    p = found["p_value"].dropna()
    assert found.loc["instrument", "p_adjusted"] == pytest.approx(2 * p["instrument"])


def test_a_clear_difference_explains():
    table = literature(effect=0.8).assign(n_items=12)
    found = screened(table, candidates=["instrument", "rater"])
    assert found.loc["instrument", "explains"]
    assert found.loc["instrument", "why"] == "adjusted p < .001"
    assert not found.loc["rater", "explains"]
    assert "no difference was shown" in found.loc["rater", "why"]


def test_levels_and_numbers_count_studies():
    # 3 studies of a level with 5 coefficients each are 3 studies
    table = literature(per_study=5, k=9)
    table.loc[table.study_id.isin(["S01", "S03", "S05"]), "rater"] = "observer"
    found = screened(table, candidates=["rater", "n_items"])
    assert found.loc["rater", "k_studies"] == 4
    assert "no two levels with 4 studies each" in found.loc["rater", "note"]
    assert "observer 3" in found.loc["rater", "note"]
    assert "fewer than 10 studies" in found.loc["n_items", "note"]


def test_a_contrast_of_one_study_explains_nothing():
    found = (
        generalize(load_dataset("mibs")).screen.set_index("moderator").loc["n_items"]
    )
    assert not found.explains
    assert found.why == "study 8 alone determines this contrast"
    assert found.model == "three levels, t"
    # the model's own test, on studies - 2 (METHODS: p = .204 on coefficients - 2)
    assert found.df_denominator == 24
    assert found.p_value == pytest.approx(0.207, abs=5e-4)


def test_a_study_that_alone_decides_with_one_row_each():
    table = literature().assign(n_items=12)
    table["new"] = np.where(table.study_id == "S05", "yes", "no")
    fit = fit_meta(effect_sizes(table), "~ new")
    assert alone_decides(fit) == "S05"
    assert alone_decides(fit_meta(effect_sizes(table), "~ instrument")) == ""


def test_one_study_against_rest_is_not_said_to_explain():
    table = pd.read_csv(CASES / "one_study_against_rest.csv")
    study = generalize(table, "~ setting")
    row = study.screen.set_index("moderator").loc["setting"]
    assert not row.explains
    assert "inpatient 1, outpatient 7" in row.note
    notes = " ".join(study.moderator_model.notes)
    assert "setting[T.outpatient] is determined by Study 01 alone" in notes


@pytest.mark.parametrize(
    ("p", "df", "options", "explains", "why"),
    [
        (0.001, 20, {}, True, "adjusted p = .001"),
        (0.001, 3.995, {}, True, "adjusted p = .001"),
        (0.001, 3.9, {}, False, "3.9 degrees of freedom, fewer than 4"),
        (0.001, np.nan, {}, False, "undefined degrees of freedom"),
        (0.2, 20, {}, False, "no difference was shown"),
        (np.nan, 20, {}, False, "not tested"),
        (0.001, 20, {"decided_by": "S1"}, False, "S1 alone determines"),
        (0.001, 20, {"same_as": ["year"]}, False, "not distinguishable from year"),
        (0.001, None, {}, True, "adjusted"),
        (0.03, 20, {"conf_level": 0.99}, False, "no difference"),
    ],
)
def test_verdicts(p, df, options, explains, why):
    found = verdict(p, df, **options)
    assert found.explains is explains
    assert why in found.why


def test_the_estimator_named_is_the_one_used():
    table = literature(per_study=3)
    study = generalize(table, method="PM")
    assert study.overall.method == "REML"
    assert any("PM is an estimator of one level" in n for n in study.pooled.notes)
    assert "PM is an estimator of one level" in str(study)


def test_values_with_digits_are_told_from_their_counts():
    used = pd.DataFrame(
        {
            "study_id": list("ABC"),
            "session": ["3", "after 3rd consultation", "3"],
            "setting": ["inpatient", "outpatient", None],
        }
    )
    assert level_counts(used, "session") == "“3” 2, “after 3rd consultation” 1"
    assert level_counts(used, "setting") == "inpatient 1, outpatient 1"
