import pandas as pd
import pytest

from waistats import DataError
from waistats.instruments.scoring import item_columns

TWELVE = range(1, 13)


def frame(*columns):
    return pd.DataFrame(columns=list(columns))


@pytest.mark.parametrize(
    "columns",
    [
        [f"wai{i}" for i in TWELVE],
        [f"q_{i:02d}" for i in TWELVE],
        [f"WAI 2.{i}" for i in TWELVE],
        [str(i) for i in TWELVE],
        [f"G1Q1[SQ{i:03d}]" for i in TWELVE],
        list(TWELVE),
    ],
)
def test_numbered_columns_are_found_in_the_form_s_order(columns):
    data = frame("age", *reversed(columns), "session2", "year2020")
    assert item_columns(data, "WAI-S") == columns
    assert item_columns(data) == columns


def test_mixed_case_is_one_prefix():
    columns = [f"{'WAI' if i % 2 else 'wai'}{i}" for i in TWELVE]
    assert item_columns(frame(*columns), "WAI-S") == columns


def test_items_may_be_named_or_given_by_prefix():
    data = frame(*[f"c{i}" for i in TWELVE], *[f"t{i}" for i in TWELVE])
    assert item_columns(data, "WAI-S", "t")[0] == "t1"
    named = [f"c{i}" for i in TWELVE]
    assert item_columns(data, "WAI-S", named) == named


def test_two_sets_of_items_need_a_choice():
    data = frame(*[f"c{i}" for i in TWELVE], *[f"t{i}" for i in TWELVE])
    with pytest.raises(DataError, match=r"prefixes 'c', 't'.*items="):
        item_columns(data, "WAI-S")
    with pytest.raises(DataError, match=r"ambiguous.*prefixes 'c', 't'"):
        item_columns(data)


def test_a_longer_form_is_not_taken_for_a_short_one():
    data = frame(*[f"wai{i}" for i in range(1, 37)])
    with pytest.raises(DataError, match=r"WAI-S has 12 items, but .* go on to 36"):
        item_columns(data, "WAI-S")
    assert item_columns(data, "WAI-B3", provisional=True) == ["wai9", "wai10", "wai11"]


def test_missing_items_are_named():
    with pytest.raises(
        DataError, match=r"items of WAI-S were not found.*'wai' has 1, 2"
    ):
        item_columns(frame("wai1", "wai2"), "WAI-S")
    with pytest.raises(DataError, match="no column ends in a number"):
        item_columns(frame("a", "b"), "WAI-S")
    with pytest.raises(DataError, match="found none"):
        item_columns(frame("a", "b"))


def test_doubled_numbers_are_refused():
    data = frame(*[f"q{i}" for i in TWELVE], "q01")
    with pytest.raises(DataError, match="same item number: q1, q01"):
        item_columns(data, "WAI-S")


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["a", "zz"], "no column zz"),
        (["a", "a"], "column a is repeated"),
        (["a", "b"], "names 2 columns, but WAI-S has 12"),
    ],
)
def test_wrong_names_are_refused(items, message):
    with pytest.raises(DataError, match=message):
        item_columns(frame("a", "b"), "WAI-S", items)


def test_only_frames_are_taken():
    with pytest.raises(DataError, match="must be a DataFrame"):
        item_columns([[1, 2]], "WAI-S")


def test_items_that_lead_to_no_column_are_named_with_the_nearest():
    data = frame("site", *[f"trust{i}" for i in range(1, 5)])
    said = r"items=: no column is called 'trst', .* \(did you mean 'trust'\?\); the col"
    with pytest.raises(DataError, match=said):
        item_columns(data, items="trst")
    with pytest.raises(DataError, match="no column is called 'q1-q4'"):
        item_columns(data, items="q1-q4")
    with pytest.raises(
        DataError, match=r"no column trust9 \(did|no column trst1 \(did"
    ):
        item_columns(data, items=["trst1", "trust2"])


def test_a_range_of_names_in_brackets():
    names = [f"G1Q1[SQ{i:03d}]" for i in TWELVE]
    data = frame("id", *names)
    assert item_columns(data, items="G1Q1[SQ003]-G1Q1[SQ005]") == names[2:5]
    assert item_columns(data, items="G1Q1[SQ") == names
