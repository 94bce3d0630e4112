"""Reporting against inducing samples, and a sample against the one it quotes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from waistats import DataError
from waistats.datasets.simulated_studies import simulate_literature
from waistats.io.readers import read_coefficients
from waistats.rg.compare_samples import (
    COLUMNS,
    compare_samples,
    hedges_g,
    log_odds_ratio,
    pomp_scores,
    welch,
)
from waistats.rg.induced_samples import induction_tests, variance_ratio_test

PATH = Path(__file__).parents[1] / "reference" / "coding_agreement.json"
REFERENCE = json.loads(PATH.read_text(encoding="utf-8"))
RTOL = 1e-12
REPORTING, INDUCING = (
    np.array(REFERENCE["smd"][name]) for name in ("reporting", "inducing")
)


def sheet(**columns):
    """Seven reporting samples and five inducing ones."""
    status = ["reported_own"] * 7 + ["omitted"] * 3 + ["induced_vague"] * 2
    ids = [f"S{i}" for i in range(12)]
    return pd.DataFrame({"study_id": ids, "reliability_status": status, **columns})


def both(reporting=REPORTING, inducing=INDUCING):
    return np.concatenate([reporting, inducing])


def test_hedges_g_is_that_of_metafor():
    r = REFERENCE["smd"]
    row = compare_samples(sheet(mean_age=both())).iloc[0]
    assert (row["measure"], row["k_reporting"], row["k_inducing"]) == ("hedges g", 7, 5)
    assert row["estimate"] == pytest.approx(r["estimate"], rel=RTOL)
    assert row["se"] == pytest.approx(np.sqrt(r["variance"]), rel=RTOL)
    half = stats.norm.ppf(0.975) * row["se"]
    assert row["ci_high"] - row["estimate"] == pytest.approx(half)
    assert row["mean_reporting"] == pytest.approx(REPORTING.mean())
    assert row["sd_inducing"] == pytest.approx(INDUCING.std(ddof=1))


def test_the_log_variance_ratio_is_that_of_welch_in_r():
    r = REFERENCE["log_variance"]
    rows = compare_samples(sheet(score_sd=both())).set_index("measure")
    row = rows.loc["log variance ratio"]
    assert row["estimate"] == pytest.approx(r["estimate"], rel=RTOL)
    assert row["df"] == pytest.approx(r["df"], rel=RTOL)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(r["ci"], rel=1e-11)
    assert row["p_value"] == pytest.approx(r["p_value"], rel=1e-11)
    assert "hedges g" in rows.index


def test_log_odds_ratios_are_those_of_metafor():
    for key, counts in (("odds", (3, 2, 1, 6)), ("odds_zero", (5, 0, 3, 4))):
        r = REFERENCE[key]
        told = log_odds_ratio(np.array(counts, dtype=float), 0.95)
        assert told["estimate"] == pytest.approx(r["estimate"], rel=RTOL)
        assert told["se"] == pytest.approx(np.sqrt(r["variance"]), rel=RTOL)
    setting = ["in"] + ["out"] * 6 + ["in"] * 3 + ["out"] * 2
    rows = compare_samples(sheet(setting=setting)).set_index("level")
    assert rows.loc["in", "estimate"] == pytest.approx(REFERENCE["odds"]["estimate"])
    assert rows.loc["in", "mean_inducing"] == pytest.approx(0.6)
    assert rows.loc["out", "estimate"] == pytest.approx(-rows.loc["in", "estimate"])
    zero = ["in"] * 3 + ["out"] * 4 + ["in"] * 5
    rows = compare_samples(sheet(setting=zero)).set_index("level")
    assert rows.loc["in", "note"] == "1/2 added to every count"
    assert rows.loc["in", "estimate"] == pytest.approx(
        REFERENCE["odds_zero"]["estimate"]
    )


def test_the_share_of_women_is_a_difference_in_points():
    values = both() * 10
    row = compare_samples(sheet(pct_female=values)).iloc[0]
    t = stats.ttest_ind(INDUCING * 10, REPORTING * 10, equal_var=False)
    assert row["measure"] == "difference"
    assert row["estimate"] == pytest.approx(
        INDUCING.mean() * 10 - REPORTING.mean() * 10
    )
    assert row["p_value"] == pytest.approx(t.pvalue)
    low, high = t.confidence_interval()
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))


@given(
    x=st.lists(st.floats(-50, 50), min_size=3, max_size=9, unique=True),
    y=st.lists(st.floats(-50, 50), min_size=3, max_size=9, unique=True),
    shift=st.floats(-20, 20),
    scale=st.floats(0.5, 5),
)
@settings(max_examples=50, deadline=None)
def test_differences_change_sign_and_ignore_the_unit(x, y, shift, scale):
    x, y = np.array(x), np.array(y)
    if x.std() < 1e-3 or y.std() < 1e-3:
        return
    g = hedges_g(x, y, 0.95)["estimate"]
    assert hedges_g(y, x, 0.95)["estimate"] == pytest.approx(-g, abs=1e-9)
    moved = hedges_g(x * scale + shift, y * scale + shift, 0.95)["estimate"]
    assert moved == pytest.approx(g, rel=1e-6, abs=1e-9)
    t = stats.ttest_ind(x, y, equal_var=False)
    told = welch(x, y, 0.95)
    assert (told["df"], told["p_value"]) == pytest.approx((t.df, t.pvalue))


def test_samples_enter_once_and_n_as_its_logarithm():
    table = sheet(n=[50] * 7 + [None] * 5, n_sample=range(60, 72))
    table = pd.concat([table, table], ignore_index=True)
    row = compare_samples(table).iloc[0]
    assert (row["variable"], row["k_reporting"], row["k_inducing"]) == ("n", 7, 5)
    assert row["mean_reporting"] == pytest.approx(np.log(50))
    assert row["mean_inducing"] == pytest.approx(np.log(np.arange(67, 72)).mean())
    assert row["note"] == "natural logarithm of n"


def test_scores_of_different_forms_are_made_comparable():
    forms = ["WAI-36"] * 6 + ["WAI-SR"] * 6
    metric = ["sum"] * 3 + ["item_mean"] * 3 + ["sum"] * 3 + [None] * 3
    # each is three quarters of the way from the lowest to the highest score
    means = [36 * 5.5] * 3 + [5.5] * 3 + [12 * 4.0] * 3 + [48.0] * 3
    table = sheet(
        instrument=forms, score_metric=metric, score_mean=means, scale="total"
    )
    assert pomp_scores(table)["score_mean"] == pytest.approx([75.0] * 12)
    spread = pomp_scores(table.assign(score_sd=means))["score_sd"]
    assert spread[0] == pytest.approx(100 * 5.5 / 6)
    assert spread[-1] == pytest.approx(100 * 4.0 / 4)
    row = compare_samples(table).set_index("variable").loc["score_mean"]
    assert row["note"] == "does not vary within the groups"
    table.loc[0, "instrument"] = "unknown form"
    rows = compare_samples(table).set_index("variable")
    assert rows.loc["score_mean", "note"].startswith("on the metric of each study")


def test_what_cannot_be_compared_is_told():
    table = sheet(mean_age=[30.0] * 8 + [None] * 4, setting=["out"] * 12)
    rows = compare_samples(table).set_index("variable")
    assert "fewer than 2 samples" in rows.loc["mean_age", "note"]
    assert rows.loc["setting", "note"] == "all samples are of this level"
    assert np.isnan(rows.loc["setting", "estimate"])


def test_a_simulated_literature():
    table = read_coefficients(simulate_literature(400).table)
    rows = compare_samples(table)
    assert list(rows) == [*COLUMNS, "provenance"]
    rows = rows[rows["measure"] != "log odds ratio"].set_index(["variable", "measure"])
    # the program makes inducing samples .02 of the possible higher, SD ratio exp(-.1)
    mean = rows.loc[("score_mean", "hedges g")]
    assert abs(mean["mean_inducing"] - mean["mean_reporting"] - 2) < 1.5
    ratio = rows.loc[("score_sd", "log variance ratio")]
    assert ratio["ci_low"] < -0.2 < ratio["ci_high"]
    assert abs(rows.loc[("pct_female", "difference"), "estimate"]) < 4


def test_own_columns_can_be_compared():
    table = sheet(sessions=both(), therapy=["CBT"] * 6 + ["other"] * 6)
    rows = compare_samples(table, ["sessions", "therapy"])
    assert list(rows["measure"]) == ["hedges g", *["log odds ratio"] * 2]


@pytest.mark.parametrize(
    ("table", "variables", "match"),
    [
        (sheet(mean_age=both()).iloc[:7], None, "no sample induces reliability"),
        (sheet(mean_age=both()).iloc[7:], None, "no sample reports reliability"),
        (sheet(mean_age=both()), ["age"], "none of these to compare: 'age'"),
        (sheet(), None, "none of these to compare: score_mean"),
        (sheet().drop(columns="reliability_status"), None, "is missing"),
    ],
)
def test_tables_that_cannot_be_compared(table, variables, match):
    with pytest.raises(DataError, match=match):
        compare_samples(table, variables)


# --- a sample against the one it quotes -----------------------------------------


def test_the_variance_ratio_is_that_of_var_test():
    r = REFERENCE["variance_ratio"]
    row = variance_ratio_test(9.4, 75, 12.1, 84).iloc[0]
    assert row["ratio"] == pytest.approx(r["statistic"], rel=RTOL)
    assert [row["df1"], row["df2"]] == r["df"]
    assert row["p_value"] == pytest.approx(r["p_value"], rel=1e-11)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(r["ci"], rel=1e-11)


@given(sd=st.floats(0.5, 30), n=st.integers(3, 300), m=st.integers(3, 300))
@settings(max_examples=40, deadline=None)
def test_the_variance_ratio_turned_round(sd, n, m):
    one = variance_ratio_test(sd, n, 8.0, m).iloc[0]
    two = variance_ratio_test(8.0, m, sd, n).iloc[0]
    assert one["ratio"] * two["ratio"] == pytest.approx(1)
    assert one["p_value"] == pytest.approx(two["p_value"], abs=1e-9)
    assert one["ci_low"] * two["ci_high"] == pytest.approx(1)
    assert 0 <= one["p_value"] <= 1 + 1e-12


def test_impossible_spreads_are_refused():
    with pytest.raises(DataError, match="not in row 1, 2"):
        variance_ratio_test([9, 0, 9], [50, 50, 1], 9, 50)


def test_quoting_samples_meet_their_source():
    table = pd.DataFrame(
        {
            "study_id": ["A", "A", "B", "C", "D", "E"],
            "doi": ["10.1/a", "10.1/a", None, None, None, None],
            "induced_source_doi": [None, None, "10.1/A", "10.1/a", "10.9/z", "10.1/a"],
            "scale": ["total", "bond", "total", "goal", "total", "total"],
            "score_mean": [66.0, 22, 70, 21, 60, 5.0],
            "score_sd": [12.1, 4, 9.4, 4, 8, 1.0],
            "score_metric": ["sum"] * 5 + ["item_mean"],
            "n": [84, 84, None, 50, 50, 50],
            "n_sample": [None, None, 75, None, None, None],
        }
    )
    rows = induction_tests(table).set_index("study_id")
    assert rows.loc["B", "ratio"] == pytest.approx((9.4 / 12.1) ** 2)
    assert rows.loc["B", ["df1", "df2"]].tolist() == [74, 83]
    assert rows.loc["B", "mean_difference"] == pytest.approx(4 / 12.1)
    assert (
        rows.loc["C", "note"] == "the source has no SD for this form, rater and scale"
    )
    assert rows.loc["D", "note"] == "the source is not in the table"
    assert rows.loc["E", "note"] == "sums and item means cannot be compared"
    assert rows.loc[["C", "D", "E"], "ratio"].isna().all()
    assert induction_tests(table.drop(columns="induced_source_doi")).empty
