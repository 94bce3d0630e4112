"""What a check sees of rows that are no study, and of values that cannot be."""

import numpy as np
import pandas as pd
import pytest

from waistats import (
    DataError,
    check_coefficients,
    effect_sizes,
    generalize,
    read_coefficients,
)
from waistats.io._suspicions import plain_name


def table(k=8, **columns):
    rng = np.random.default_rng(k)
    return pd.DataFrame(
        {
            "study_id": [f"Study {i}" for i in range(k)],
            "estimate": rng.uniform(0.7, 0.95, k).round(3),
            "n": rng.integers(40, 300, k),
            "n_items": 12,
            **columns,
        }
    )


def said(frame, words):
    found = check_coefficients(frame)
    return found[found["finding"].astype(str).str.contains(words, regex=False)]


@pytest.mark.parametrize(
    "name",
    ["Total", "TOTAL", "Mean", "Weighted mean", "Overall", "Average:", "Gesamt", "Sum"],
)
def test_summary_rows_by_name(name):
    frame = table()
    frame.loc[7, "study_id"] = name
    assert list(said(frame, "looks like a summary row")["row"]) == [7]


def test_summary_rows_by_their_n():
    frame = table()
    frame.loc[7, "n"] = frame["n"][:7].sum()
    assert list(said(frame, "may be a summary row")["row"]) == [7]
    plain = table().assign(study_id=lambda t: ["Totalli 2001", *t["study_id"][1:]])
    assert said(plain, "summary row").empty


def test_spellings_of_studies():
    same = [
        "Smith 2001",
        "smith (2001)",
        "SMITH, 2001",
        "Smith\u00a02001",
        "Smíth 2001",
    ]
    assert len({plain_name(name) for name in same}) == 1
    assert plain_name("Brown & Lee") == plain_name("Brown and Lee")
    for one, other in (("Kim 2015", "Kim 2016"), ("S1.1", "S11"), ("S1a", "S1b")):
        assert plain_name(one) != plain_name(other)
    # numbers are no spellings of each other
    frame = table(4, study_id=["1.1", "1.10", "01", "1"])
    assert said(frame, "several ways").empty


def test_equal_alphas_by_chance_are_no_finding():
    rng = np.random.default_rng(4)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        k = 60
        frame = table(k, estimate=rng.normal(0.9, 0.03, k).clip(0.5, 0.98).round(2))
        assert said(frame, "is exactly").empty


def test_shares_among_percents():
    frame = table(6, pct_female=[61, 0.55, 70, 48, 0.9, 52])
    hit = said(frame, "proportion among percentages")
    assert list(hit["row"]) == [1, 4]
    assert said(table(3, pct_female=[0.5, 0.6, 0.7]), "proportion among").empty
    # one per cent or less may be true where few are
    assert said(table(3, pct_female=[0.5, 0.6, 70]), "proportion among").empty


def test_alphas_that_the_scores_do_not_allow():
    """Items of variance at most (high - mean)(mean - low) add up to the total's."""
    facts = {
        "score_metric": "sum", "response_min": 1, "response_max": 5,
        "score_mean": 36.0, "score_sd": 15.0,
    }  # fmt: skip
    frame = table(3, **facts).assign(estimate=[0.5, 0.9, 0.95], n=100)
    hit = said(frame, "is impossible for the printed scores")
    assert list(hit["row"]) == [0]
    # the bound by a plain formula, with rounding of the SD in its favour
    widest2 = (5 - 3) * (3 - 1) * 100 / 99
    least = 12 / 11 * (1 - widest2 / (12 * ((15 - 0.05) / 12) ** 2))
    assert f"at least {least:.2f}".replace("0.", ".") in hit["finding"].iloc[0]
    # answers at random within the range never break it
    rng = np.random.default_rng(5)
    for _ in range(50):
        items = rng.integers(1, 6, (30, 6)) if _ % 2 else rng.choice([1, 5], (30, 6))
        total = items.sum(axis=1)
        alpha = 6 / 5 * (1 - items.var(axis=0, ddof=1).sum() / total.var(ddof=1))
        frame = table(3, **facts).assign(
            estimate=round(alpha, 2), n=30, n_items=6,
            score_mean=round(total.mean(), 1), score_sd=round(total.std(ddof=1), 1),
        )  # fmt: skip
        assert said(frame, "is impossible").empty


def test_standard_deviations_beyond_what_the_mean_allows():
    facts = {"score_metric": "item_mean", "response_min": 1, "response_max": 5}
    frame = table(2, **facts).assign(score_mean=[1.2, 3.0], score_sd=1.5, n=200)
    # sqrt((5 - 1.2)(1.2 - 1)) = .87
    hit = said(frame, "more than the 0.874 that is possible with a mean of 1.2")
    assert list(hit["row"]) == [0]


def test_intervals_must_enclose_their_estimate():
    frame = table(3).assign(estimate=0.9, ci_low=[0.85, 0.91, 0.85], ci_high=0.93)
    assert list(said(frame, "outside its confidence limits")["row"]) == [1]
    # an alpha has its formula: the doubt goes with the table; an omega needs them
    effects = effect_sizes(frame)
    assert "0.9 with [0.91, 0.93] (study_id Study 1)" in effects.attrs["notes"][0]
    assert "must enclose the estimate" in str(generalize(frame))
    for bad in (frame, frame.assign(ci_low=0.93, ci_high=0.85)):
        with pytest.raises(DataError, match="ci_low and ci_high must enclose"):
            effect_sizes(bad.assign(coefficient_type="omega"))


def test_kinds_of_one_name_are_not_mixed_in_silence():
    frame = table(4, coefficient_type=["ICC(3,1)", "ICC(2,k)", "icc", "icc"]).assign(
        se=0.02
    )
    hit = said(frame, "icc_form mixes 2,k, 3,1")
    assert list(hit["severity"]) == ["warning"]
    assert list(read_coefficients(frame)["icc_form"][:2]) == ["3,1", "2,k"]
    frame = table(4, coefficient_type=["omega total", "ωh", "alpha", "KR-20"], se=0.02)
    assert len(said(frame, "mixes alpha, kr20, omega_hierarchical, omega_total")) == 1
    family = table(4, coefficient_type=["alpha", "KR-20", "alpha", "kr20"])
    assert said(family, "mixes").empty


def test_repeated_notes_are_one_line_with_a_count():
    frame = table(6, estimate=[0.9, 0.8, 0.7, 0.85, 0.6, 0.9])
    hit = said(frame, "has one decimal")
    assert list(hit["finding"]) == ["estimate has one decimal in 5 rows"]
    assert list(hit["where"]) == ["rows 0-2, 4-5"]
    few = table(6, estimate=[0.9, 0.8, 0.71, 0.85, 0.61, 0.91])
    assert len(said(few, "has one decimal")) == 2


def test_doubts_go_with_the_table_to_the_study():
    frame = table()
    frame.loc[7, "study_id"] = "Total"
    study = generalize(read_coefficients(frame))
    assert any("summary row" in note for note in study.notes)
    assert "summary row" in str(study)


def test_a_form_gives_its_length():
    frame = table(3, instrument="WAI-SR", scale=["total", "bond", "total"]).assign(
        n_items=[np.nan, np.nan, 12]
    )
    assert list(read_coefficients(frame)["n_items"]) == [12, 4, 12]
    assert list(effect_sizes(frame)["n_items"]) == [12, 4, 12]
    assert "Study 0 (WAI-SR: 12)" in str(generalize(frame.assign(scale="total")))
    changed = frame.assign(modified=["items dropped", None, None])
    with pytest.raises(DataError, match="n_items must not be blank"):
        effect_sizes(changed)
