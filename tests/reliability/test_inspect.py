"""inspect_responses: everything found in answers at once, and nothing changed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import (
    DataError,
    inspect_responses,
    reliability_by_study,
    simulate_responses,
)

CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture
def answers():
    """SIMULATED answers of two studies to the WAI-SR."""
    return simulate_responses("WAI-SR", studies=2, n=40, seed=3)


def test_sound_answers_have_nothing_that_stops(answers):
    before = answers.copy()
    found = inspect_responses(answers, study="study_id", instrument="WAI-SR")
    assert found.ok
    assert (found.n, found.n_items, found.n_studies) == (80, 12, 2)
    assert found.simulated
    assert str(found).startswith("Responses: 80 rows, 12 items, 2 studies")
    pd.testing.assert_frame_equal(answers, before)


def test_stops_come_first_and_are_found_together(answers):
    answers["wai3"] = answers["wai3"].astype(float)
    answers.loc[[2, 5], "wai3"] = 99
    answers.loc[7, "wai4"] = 6
    found = inspect_responses(answers, study="study_id", instrument="WAI-SR")
    assert not found.ok
    frame = found.to_frame()
    stops = frame[frame["severity"] == "stop"]
    assert {"missing_codes", "out_of_range"} <= set(stops["finding"])
    lines = found.sentences()
    kinds = [line.partition(":")[0] for line in lines]
    assert kinds == sorted(kinds, key=["stop", "warning", "note"].index)
    assert found.counted().startswith(f"{len(stops)} stops")
    # what stops here stops the analysis, with the same identifiers
    with pytest.raises(DataError) as caught:
        reliability_by_study(answers, study="study_id", instrument="WAI-SR")
    assert "99" in str(caught.value)


def test_what_is_stated_or_accepted_stops_no_more(answers):
    answers["wai3"] = answers["wai3"].astype(float)
    answers.loc[[2, 5], "wai3"] = 99
    options = {"study": "study_id", "instrument": "WAI-SR"}
    assert not inspect_responses(answers, **options).ok
    assert inspect_responses(answers, **options, missing_codes=99).ok


def test_a_file_is_one_study_where_no_column_is_named():
    gap = CASES / "gap_in_items.csv"
    stopped = inspect_responses(gap, items="q")
    assert list(stopped.to_frame()["finding"]) == ["item_gap"]
    one = inspect_responses(gap, items="q", accept="item_gap")
    frame = pd.read_csv(gap).assign(site=lambda t: ["A", "B"] * (len(t) // 2))
    two = inspect_responses(frame, items="q", accept="item_gap", study="site")
    assert (one.n_studies, two.n_studies) == (1, 2)
    assert one.n == two.n


def test_columns_that_are_not_there_and_no_rows():
    frame = pd.DataFrame({"q1": [1, 2], "q2": [2, np.nan]})
    with pytest.raises(DataError, match="sit"):
        inspect_responses(frame, study="sit", items=["q1", "q2"])
    with pytest.raises(DataError):
        inspect_responses(frame.head(0), items=["q1", "q2"])
