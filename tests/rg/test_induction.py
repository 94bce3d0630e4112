"""Rates of induction, their Wilson intervals and their trend."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from statsmodels.stats.proportion import proportion_confint

from waistats import DataError, ModelError
from waistats.datasets.simulated_studies import RATES, simulate_literature
from waistats.io.check import check_coefficients
from waistats.io.readers import read_coefficients
from waistats.rg.generalize import generalize
from waistats.rg.induction import (
    applications,
    induction_rate,
    logistic_trend,
    row_statuses,
    wilson_interval,
)

PATH = Path(__file__).parents[1] / "reference" / "coding_agreement.json"
REFERENCE = json.loads(PATH.read_text(encoding="utf-8"))
STATUSES = ["reported_own", "induced_precise", "induced_vague", "omitted"]


def sheet(status, **columns):
    ids = [f"S{i}" for i in range(len(status))]
    return pd.DataFrame({"study_id": ids, "reliability_status": status, **columns})


@pytest.mark.parametrize("case", REFERENCE["wilson"])
def test_wilson_intervals_are_those_of_prop_test(case):
    for key, level in (("ci", 0.95), ("ci_90", 0.90)):
        low, high = wilson_interval([case["x"]], [case["n"]], level)
        assert [low[0], high[0]] == pytest.approx(case[key], rel=1e-12, abs=1e-15)


@given(x=st.integers(0, 50), more=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_wilson_intervals_are_those_of_statsmodels(x, more):
    n = x + more
    if n == 0:
        return
    low, high = wilson_interval([x], [n])
    assert (low[0], high[0]) == pytest.approx(
        proportion_confint(x, n, method="wilson"), abs=1e-12
    )
    assert 0 <= low[0] <= x / n + 1e-12
    assert x / n - 1e-12 <= high[0] <= 1


def test_the_trend_is_that_of_glm():
    r = REFERENCE["trend"]
    trend = logistic_trend(r["year"], np.array(r["induced"], dtype=bool))
    assert list(trend["estimate"]) == pytest.approx(r["estimate"], rel=1e-9)
    assert list(trend["se"]) == pytest.approx(r["se"], rel=1e-7)
    assert list(trend["p_value"]) == pytest.approx(r["p_value"], rel=1e-7)
    assert trend["odds_ratio"][1] == pytest.approx(np.exp(r["estimate"][1]))


def test_a_literature_with_known_rates_comes_out_right():
    literature = simulate_literature(60, seed=1)
    sheet_read = read_coefficients(literature.table)
    rate = induction_rate(sheet_read)
    row = rate.to_frame().iloc[0]
    counts = {
        "reported_own": 24,
        "induced_precise": 12,
        "induced_vague": 9,
        "omitted": 15,
    }
    assert literature.counts == counts
    assert {name: row[name] for name in counts} == counts
    assert (row["k"], row["induced"], row["estimate"]) == (60, 36, 0.6)
    # R: prop.test(36, 60, correct = FALSE)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(
        REFERENCE["wilson"][2]["ci"], rel=1e-12
    )
    assert rate.estimate == literature.induction_rate
    assert rate.trend["estimate"][1] < 0
    assert set(rate.to_frame()["provenance"]) == {"SIMULATED"}
    assert "36 of 60 studies (.600, 95% Wilson interval [.474, .714])" in str(rate)
    groups = rate.to_frame().groupby("by")["k"].sum()
    assert dict(groups) == dict.fromkeys(["overall", "year", "instrument", "rater"], 60)


@pytest.mark.parametrize("seed", range(5))
def test_the_simulated_sheet_is_a_sound_one(seed):
    literature = simulate_literature(40, seed=seed)
    found = check_coefficients(literature.table)
    assert "error" not in set(found["severity"])
    assert set(literature.table["provenance"]) == {"SIMULATED"}
    pooled = generalize(read_coefficients(literature.table))
    assert len(pooled.excluded) == 40 - literature.counts["reported_own"]
    assert pooled.excluded["reason"].str.startswith("induced by").all()


def test_the_simulated_literature_repeats_itself_and_its_rates_are_exact():
    first, second = simulate_literature(61, 3), simulate_literature(61, 3)
    pd.testing.assert_frame_equal(first.table, second.table)
    assert not first.table.equals(simulate_literature(61, 4).table)
    for n in (4, 20, 37, 400):
        counts = simulate_literature(n).counts
        assert sum(counts.values()) == n
        assert all(abs(counts[s] - RATES[s] * n) < 1 for s in STATUSES)


def test_simulated_alphas_are_near_their_population():
    literature = simulate_literature(
        1500, rates={"reported_own": 1.0, **dict.fromkeys(STATUSES[1:], 0.0)}
    )
    truth = literature.truth.set_index(["instrument", "rater"])
    groups = literature.table.groupby(["instrument", "rater"])["estimate"]
    for key, values in groups:
        bonett = -np.log(1 - values)
        expected = -np.log(1 - truth.loc[key, "alpha"])
        assert abs(bonett.mean() - expected) < 4 * bonett.std() / np.sqrt(len(values))
        assert bonett.std() > truth.loc[key, "tau"] * 0.95


@pytest.mark.parametrize(
    ("n", "rates", "match"),
    [
        (3, RATES, "4 or more"),
        (20, {"omitted": 1.0}, "a share of 0 or more for each"),
        (20, dict.fromkeys(STATUSES, 0.5), "sum to 1, but sum to 2"),
    ],
)
def test_impossible_literatures_are_refused(n, rates, match):
    with pytest.raises(ModelError, match=match):
        simulate_literature(n, rates=rates)


def test_a_study_reports_if_any_of_its_rows_does():
    table = pd.DataFrame(
        {
            "study_id": ["A", "A", "B", "B", "C"],
            "rater": ["client", "therapist", "client", "therapist", "client"],
            "reliability_status": [
                "omitted", "reported_own", "omitted", "induced_precise", "induced_vague",
            ],
        }
    )  # fmt: skip
    told = applications(table).set_index("unit_id")["status"].to_dict()
    assert told == {"A": "reported_own", "B": "induced_precise", "C": "induced_vague"}
    rate = induction_rate(table, by="rater").to_frame().set_index("level")
    assert rate.loc["all", "induced"] == 2
    assert list(rate.loc["client", ["k", "induced", "omitted"]]) == [3, 3, 2]
    assert list(rate.loc["therapist", ["k", "induced"]]) == [2, 1]


def test_samples_can_be_counted():
    table = sheet(["omitted", "omitted", "reported_own"], sample_id=["s", "s", "t"])
    assert induction_rate(table, by=None).to_frame()["k"][0] == 3
    assert induction_rate(table, by=None, unit="sample").to_frame()["k"][0] == 2
    with pytest.raises(ModelError, match="unit must be one of 'study', 'sample'"):
        induction_rate(table, unit="row")


def test_excluded_rows_are_no_applications():
    table = sheet(
        ["omitted", "reported_own", "omitted"],
        screening_decision=["exclude", "include", None],
    )
    assert row_statuses(table) == ["exclude", "reported_own", "omitted"]
    assert induction_rate(table).estimate == 0.5
    with pytest.raises(DataError, match="excludes every row"):
        induction_rate(table.assign(screening_decision="exclude"))


def test_years_are_grouped_and_blanks_are_told():
    table = sheet(
        ["omitted"] * 3 + ["reported_own"],
        year=[1999, 2000, 2004, np.nan],
        instrument=["WAI-S", None, "", "WAI-S"],
    )
    frame = induction_rate(table).to_frame()
    assert list(frame.loc[frame["by"] == "year", "level"]) == ["1995-1999", "2000-2004"]
    assert list(frame.loc[frame["by"] == "instrument", "level"]) == [
        "WAI-S",
        "not stated",
    ]
    single = induction_rate(table, "year", years=1).to_frame()
    assert list(single["level"]) == ["all", "1999", "2000", "2004"]
    with pytest.raises(ModelError, match="whole number of 1 or more"):
        induction_rate(table, years=0)


@pytest.mark.parametrize(
    ("status", "year", "note"),
    [
        (["omitted", "reported_own"] * 4, range(8), "fewer than 10 have a year"),
        (["omitted"] * 12, range(12), "all of those with a year induce"),
        (["reported_own"] * 12, range(12), "none of those with a year induce"),
        (["omitted", "reported_own"] * 6, [2000] * 12, "all are of one year"),
        (["omitted"] * 6 + ["reported_own"] * 6, range(12), "one year separates"),
        (
            ["omitted"] * 6 + ["reported_own"] * 6,
            [0] * 6 + [0] + [1] * 5,
            "one year separates",
        ),
    ],
)
def test_why_there_is_no_trend(status, year, note):
    rate = induction_rate(sheet(status, year=list(year)), by=())
    assert rate.trend is None
    assert note in rate.trend_note
    assert f"A trend over the years was not estimated: {note}" in str(rate)


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (pd.DataFrame({"study_id": ["A"]}), "'reliability_status' is missing"),
        (sheet(["omitted", None]), r"but is empty \(study_id S1\)"),
        (sheet(["own", "omitted"]), r"but is own \(study_id S0\)"),
        (pd.DataFrame({"reliability_status": ["omitted"]}), "study_id"),
    ],
)
def test_tables_without_statuses_are_refused(table, match):
    with pytest.raises(DataError, match=match):
        induction_rate(table)
