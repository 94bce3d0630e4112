"""Rows of totals, columns of scores and typing errors are no answers of a person."""

import numpy as np
import pandas as pd
import pytest

import waistats as w
from waistats import DataError
from waistats._caller import TERMINAL, calling

ITEMS = [f"q{j}" for j in range(1, 7)]


def answers(n: int = 60, seed: int = 4) -> pd.DataFrame:
    """SIMULATED answers from 1 to 5 at two sites."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 1)) + rng.normal(size=(n, 6))
    frame = pd.DataFrame(np.clip(np.round(values + 3), 1, 5), columns=ITEMS)
    frame.insert(0, "site", ["A", "B"] * (n // 2))
    return frame


def with_last_row(word: str) -> pd.DataFrame:
    frame = answers()
    frame.loc[len(frame)] = [word, *frame[ITEMS].mean().round(2)]
    return frame


@pytest.mark.parametrize("word", ["Total", "Mean", "Mittelwert:", "grand total"])
def test_a_last_row_of_totals_stops_with_the_condition_that_leaves_it_out(word):
    frame = with_last_row(word)
    call = {"study": "site", "items": ITEMS}
    with pytest.raises(DataError) as stop:
        w.reliability_by_study(frame, **call)
    told = str(stop.value)
    assert f"is called {word} (row 60)" in told
    where = f'site != "{word}" or site is missing'
    assert where.replace('"', '\\"') in told
    left = w.reliability_by_study(frame, where=where, **call)
    right = w.reliability_by_study(answers(), **call)
    pd.testing.assert_frame_equal(left, right)
    kept = w.reliability_by_study(frame, accept="summary_row", **call)
    assert "these rows count as respondents" in " ".join(kept.attrs["notes"])


def test_a_category_called_combined_is_no_row_of_totals():
    frame = answers().assign(treatment=["combined", "single", "combined"] * 20)
    w.reliability_by_study(frame, study="site", items=ITEMS)


@pytest.mark.parametrize("kind", ["sum", "mean"])
def test_a_score_among_the_items_stops(kind):
    frame = answers()
    frame["q7"] = getattr(frame[ITEMS], kind)(axis=1).round(2)
    with pytest.raises(DataError) as stop:
        w.reliability_by_study(frame, study="site")
    assert f"q7 is the {kind} of the other items" in str(stop.value)
    assert 'items="q1-q6"' in str(stop.value)
    with calling(TERMINAL), pytest.raises(DataError, match="--items q1-q6"):
        w.reliability_by_study(frame, study="site")
    table = w.reliability_by_study(frame, study="site", items="q1-q6")
    assert set(table["n_items"]) == {6}
    kept = w.reliability_by_study(frame, study="site", accept="score_item")
    assert set(kept["n_items"]) == {7}


def test_copies_are_no_scores():
    frame = answers()
    for item in ITEMS[1:]:
        frame[item] = frame["q1"]
    found = w.inspect_responses(frame, study="site").findings
    assert not any(finding.finding == "score_item" for finding in found)


def test_a_typing_error_is_a_warning_where_no_range_is_declared():
    frame = answers()
    frame.loc[5, "q3"] = 44
    found = w.inspect_responses(frame, study="site")
    [far] = [f for f in found.findings if f.finding == "far_answer"]
    assert far.severity == "warning"
    assert "44 is far from all other answers, 1 to 5: q3, row 5: 44" in far.text
    assert not w.inspect_responses(frame, study="site", response_range=(1, 5)).ok
    fine = w.inspect_responses(frame, study="site", missing_codes=44).findings
    assert not any(f.finding == "far_answer" for f in fine)
    # every answer of a scale of 1 to 7, and scales of 0 to 10 with gaps, are answers
    for seven in (np.arange(1, 8), np.array([0, 5, 6, 7, 10])):
        rng = np.random.default_rng(1)
        wide = pd.DataFrame(rng.choice(seven, size=(80, 4)), columns=ITEMS[:4])
        found = w.inspect_responses(wide).findings
        assert not any(f.finding == "far_answer" for f in found)


def test_words_that_mean_missing_among_numbers_are_missing_with_a_note(tmp_path):
    frame = answers().astype(object)
    frame.loc[3, "q3"] = "k.A."
    frame.loc[4, "q4"] = "Prefer not to say"
    frame.to_csv(tmp_path / "a.csv", index=False)
    read = w.read_responses(tmp_path / "a.csv")
    assert read[ITEMS].isna().sum().sum() == 2
    notes = " ".join(read.attrs["notes"])
    assert "'k.A.' is read as missing (1 in q3)" in notes
    frame.loc[5, "q5"] = "typo"
    frame.to_csv(tmp_path / "a.csv", index=False)
    # rows are those of the file
    with pytest.raises(DataError, match=r"q5: 'typo' \(row 7\)"):
        w.reliability_by_study(str(tmp_path / "a.csv"), study="site")


def whole_answers(n: int = 40) -> pd.DataFrame:
    """Return SIMULATED answers to 12 items."""
    rng = np.random.default_rng(12)
    values = rng.normal(size=(n, 1)) + rng.normal(size=(n, 12))
    names = [f"q{i}" for i in range(1, 13)]
    return pd.DataFrame(np.clip(np.round(values + 4), 1, 7).astype(int), columns=names)


@pytest.mark.parametrize("head", ["item", "Unnamed"])
def test_items_in_rows_stop(head):
    frame = whole_answers()
    turned = frame.T.set_axis([f"p{i}" for i in range(1, 41)], axis=1)
    turned.insert(0, head, list(frame))
    found = w.inspect_responses(turned)
    assert "items_in_rows" in found.to_frame()["finding"].tolist()
    with pytest.raises(w.DataError, match="respondents in columns"):
        w.reliability_by_study(turned.assign(site="A"), study="site", items="p")
    people = frame.assign(person=[f"P{i}" for i in range(1, 41)])
    assert (
        "items_in_rows"
        not in w.inspect_responses(people).to_frame()["finding"].tolist()
    )


@pytest.mark.parametrize("what", ["mean", "sum", "mean to two decimals"])
def test_a_last_row_of_means_or_sums_stops(what):
    frame = whole_answers()
    last = frame.sum() if what == "sum" else frame.mean()
    last = last.round(2) if "two" in what else last
    added = pd.concat([frame, last.to_frame().T], ignore_index=True)
    kinds = w.inspect_responses(added).to_frame()["finding"].tolist()
    assert "summary_row" in kinds
    assert (
        "summary_row" not in w.inspect_responses(frame).to_frame()["finding"].tolist()
    )


def test_a_respondent_without_any_symptom_is_no_row_of_sums():
    frame = whole_answers(8) * 0
    kinds = w.inspect_responses(frame).to_frame()["finding"].tolist()
    assert "summary_row" not in kinds
