from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats import DataError
from waistats.datasets.simulate import simulate_responses
from waistats.instruments._key_doubts import find_key_change, item_signs
from waistats.instruments.forms import get_instrument
from waistats.instruments.keys import audit_keys
from waistats.instruments.scoring import keyed_items, score

OPEN = Path(__file__).parents[3] / "shared/data/open/steenstra_wai36_llm"
WORDS = "Never,Rarely,Occasionally,Sometimes,Often,Very Often,Always"


@pytest.fixture(scope="module")
def open_wai():
    path = OPEN / "survey_wai_logs.csv"
    if not path.is_file():
        pytest.skip("the open WAI-36 data are not beside the checkout")
    data = pd.read_csv(path)
    items = [f"question{i}" for i in range(1, 37)]
    numbers = {word: i for i, word in enumerate(WORDS.split(","), start=1)}
    return data.assign(**{item: data[item].map(numbers) for item in items})


@pytest.fixture(scope="module")
def raw():
    return simulate_responses("WAI-S", studies=1, n=400, reliability=0.9, seed=4)


def suspects(audit):
    return audit.loc[audit["suspect"], "item"].tolist()


def turn(data, *items, low=1, high=7):
    return data.assign(**{item: low + high - data[item] for item in items})


@pytest.mark.parametrize(
    ("name", "r"), [("WAI-S", 0.45), ("WAI-36", 0.35), ("WAI-36", 0.05)]
)
def test_signs_of_equally_correlated_items_are_the_key(name, r):
    form = get_instrument(name)
    for items in form.scales.values():
        m = len(items)
        turned = np.isin(items, form.reverse)
        use = np.where(turned, -1.0, 1.0)
        matrix = (np.full((m, m), r) + (1 - r) * np.eye(m)) * np.outer(use, use)
        signs = item_signs(matrix, [turned])
        np.testing.assert_array_equal(signs.against, turned)
        expected = (m - 1) * r / np.sqrt((m - 1) * (1 + (m - 2) * r))
        np.testing.assert_allclose(np.abs(signs.correlation), expected, rtol=1e-12)


def test_correlation_is_the_corrected_item_total_correlation(raw):
    keyed = keyed_items(raw, "WAI-S")
    audit = audit_keys(keyed, "WAI-S")
    for item, value in zip(audit["item"], audit["correlation"], strict=True):
        rest = keyed.drop(columns=[item, "provenance"]).sum(axis=1)
        assert value == pytest.approx(np.corrcoef(keyed[item], rest)[0, 1], rel=1e-12)
    again = audit_keys(raw, "WAI-S")
    np.testing.assert_allclose(
        again["correlation"].abs(), audit["correlation"], rtol=1e-12
    )


def test_raw_file_shows_the_reversed_items_with_and_without_the_form(raw):
    audit = audit_keys(raw, "WAI-S")
    assert suspects(audit) == ["wai4", "wai10"]
    assert audit["suspect"].dtype == bool
    assert audit.attrs["state"] == "raw"
    assert audit.attrs["summary"].startswith(
        "The file is raw: reverse items wai4, wai10"
    )
    assert set(audit["provenance"]) == {"SIMULATED"}
    alone = audit_keys(raw)
    assert suspects(alone) == ["wai4", "wai10"]
    assert alone.attrs["state"] == "unknown"
    assert alone["keyed"].isna().all()


def test_keyed_file_has_no_suspects(raw):
    audit = audit_keys(keyed_items(raw, "WAI-S"), "WAI-S")
    assert suspects(audit) == []
    assert audit.attrs["summary"].startswith(
        "The file is already reverse-scored: no item correlates negatively"
    )


def test_one_forgotten_reversal_makes_a_mixed_file(raw):
    mixed = turn(raw, "wai4")
    audit = audit_keys(mixed, "WAI-S")
    assert suspects(audit) == ["wai10"]
    assert audit.attrs["summary"] == (
        "The file is mixed: item wai10 was left unreversed."
    )


def test_an_item_turned_round_by_mistake_is_named(raw):
    keyed = keyed_items(raw, "WAI-S")
    audit = audit_keys(turn(keyed, "wai7"), "WAI-S")
    assert suspects(audit) == ["wai7"]
    finding = audit.set_index("item").loc["wai7", "finding"]
    assert (
        finding == "correlates negatively with the rest, but WAI-S does not reverse it"
    )
    assert "item wai7 should not correlate negatively with" in audit.attrs["summary"]


def test_in_a_raw_file_an_item_already_turned_is_a_suspect():
    raw = simulate_responses("WAI-36", studies=1, n=300, seed=2)
    audit = audit_keys(turn(raw, "wai20"), "WAI-36")
    assert audit.attrs["state"] == "raw"
    assert "score() would reverse back: item wai20" in audit.attrs["summary"]
    row = audit.set_index("item").loc["wai20"]
    assert row["suspect"]
    assert not row["against"]


def test_half_reversed_scale_alone_is_read_with_the_form(raw):
    goal = raw[["wai4", "wai6", "wai10", "wai11"]]
    audit = audit_keys(goal, "WAI-S")
    assert suspects(audit) == ["wai4", "wai10"]
    assert audit["number"].tolist() == [4, 6, 10, 11]
    assert set(audit["subscale"]) == {"goal"}
    alone = audit_keys(goal)
    assert len(suspects(alone)) == 2
    assert "unclear which half is reversed" in alone.attrs["summary"]


def test_rows_come_in_the_order_of_the_columns(raw):
    columns = [f"wai{i}" for i in (5, 4, 3, 2, 1, 12, 11, 10, 9, 8, 7, 6)]
    audit = audit_keys(raw[columns], "WAI-S")
    assert audit["item"].tolist() == columns
    assert audit["number"].tolist() == [int(c[3:]) for c in columns]
    assert suspects(audit) == ["wai4", "wai10"]


def test_missing_answers_and_constant_items_do_not_stop_it(raw):
    data = raw.astype({"wai1": float})
    data.loc[::3, "wai1"] = np.nan
    data["wai2"] = 4
    audit = audit_keys(data, "WAI-S").set_index("item")
    assert audit.index[audit["suspect"]].tolist() == ["wai4", "wai10"]
    assert audit.loc["wai2", "finding"] == "no variance"
    assert np.isnan(audit.loc["wai2", "correlation"])


def test_signs_on_the_open_data_are_right_on_every_scale(open_wai):
    form = get_instrument("WAI-36")
    assert audit_keys(open_wai, form).attrs["state"] == "raw"
    for items in form.scales.values():
        columns = [f"question{i}" for i in items]
        found = suspects(audit_keys(open_wai[columns], form))
        assert found == [f"question{i}" for i in items if i in form.reverse]


def test_of_two_halves_the_one_that_psych_turns_is_named():
    path = OPEN.parent / "manylabs/data_3.7.2_clean.csv"
    if not path.is_file():
        pytest.skip("the open need-for-cognition data are not beside the checkout")
    audit = audit_keys(pd.read_csv(path).filter(like="nfc"))
    assert suspects(audit) == ["nfc_02", "nfc_03", "nfc_06"]


def test_reported_bond_totals_reverse_item_28_instead_of_29(open_wai):
    totals = {
        "bond": open_wai["total_wai_bond"],
        "Task": open_wai["total_wai_task"].to_numpy(),
        "goal": open_wai["total_wai_goal"],
    }
    audit = audit_keys(open_wai, "WAI-36", reported=totals)
    assert suspects(audit) == ["question28", "question29"]
    rows = audit.set_index("item")
    assert not rows.loc["question28", "reverse_in_key"]
    assert rows.loc["question28", "reverse_in_reported"]
    assert rows.loc["question29", "reverse_in_key"]
    assert not rows.loc["question29", "reverse_in_reported"]
    assert rows.loc["question29", "share_before"] == pytest.approx(105 / 277)
    assert (audit["share_after"] == 1).all()
    assert (
        "reversing question28 instead of question29, 277 of 277"
        in (audit.attrs["summary"])
    )
    keyed = keyed_items(open_wai, "WAI-36")
    again = audit_keys(keyed, "WAI-36", reported={"total": open_wai["composite_wai"]})
    assert suspects(again) == ["question28", "question29"]


def test_totals_made_without_any_key_are_recognised(raw):
    columns = [f"wai{i}" for i in (4, 6, 10, 11)]
    audit = audit_keys(raw, "WAI-S", reported={"goal": raw[columns].sum(axis=1)})
    assert suspects(audit) == ["wai4", "wai10"]
    assert audit.attrs["reported"]["goal"]["reversed_only_in_key"] == ["wai4", "wai10"]
    assert audit["reverse_in_reported"].isna().sum() == 8


def test_the_whole_key_forgotten_in_36_items_is_found():
    raw = simulate_responses("WAI-36", studies=1, n=200, seed=6)
    total = raw[[f"wai{i}" for i in range(1, 37)]].sum(axis=1)
    audit = audit_keys(raw, "WAI-36", reported={"total": total})
    reverse = get_instrument("WAI-36").reverse
    assert suspects(audit) == [f"wai{i}" for i in reverse]
    assert (audit["share_after"] == 1).all()


def test_rounded_means_count_as_totals(raw):
    wrong = turn(raw, "wai5")
    means = score(wrong, "WAI-S", method="mean")["bond"].round(2)
    audit = audit_keys(raw, "WAI-S", reported={"bond": means})
    assert suspects(audit) == ["wai5"]


def test_correct_totals_with_some_typing_errors_change_nothing(raw):
    totals = score(raw, "WAI-S")["total"]
    totals.iloc[:20] += 1
    audit = audit_keys(raw, "WAI-S", reported={"total": totals})
    assert suspects(audit) == []
    assert audit["share_before"].iloc[0] == pytest.approx(0.95)
    assert (
        "380 of 400 totals; no small change to the key does better"
        in audit.attrs["summary"]
    )


@settings(max_examples=25, deadline=None)
@given(
    st.sets(st.integers(0, 11), max_size=12),
    st.integers(0, 2**16),
)
def test_any_change_of_key_is_found(changed, seed):
    keyed = np.random.default_rng(seed).integers(1, 8, (120, 12)).astype(float)
    turned = np.isin(np.arange(12), list(changed))
    reported = np.where(turned, 8 - keyed, keyed).sum(axis=1)
    found = find_key_change(keyed, reported, 8, 1e-6)
    np.testing.assert_array_equal(found.changed, turned)
    assert found.share_after == 1
    assert found.n == 120


def test_bad_input_is_refused_in_words(raw):
    with pytest.raises(DataError, match="need the form"):
        audit_keys(raw, reported={"bond": raw["wai1"]})
    with pytest.raises(DataError, match=r"no scale 'bonds' \(did you mean 'bond'\?\)"):
        audit_keys(raw, "WAI-S", reported={"bonds": raw["wai1"]})
    with pytest.raises(DataError, match=r"shape \(3,\) for 400"):
        audit_keys(raw, "WAI-S", reported={"bond": [1, 2, 3]})
    with pytest.raises(DataError, match="a different index"):
        audit_keys(raw, "WAI-S", reported={"bond": raw["wai1"].iloc[5:]})
    with pytest.raises(DataError, match="must be numbers: row 0: many"):
        audit_keys(raw, "WAI-S", reported={"bond": ["many"] * 400})
    goal = raw[["wai4", "wai6", "wai10", "wai11"]]
    with pytest.raises(DataError, match="some of its items are missing"):
        audit_keys(goal, "WAI-S", reported={"total": raw["wai1"]})
    with pytest.raises(DataError, match="at least 2 items and 3 respondents"):
        audit_keys(raw.head(2), "WAI-S")
