"""What a file is, and what its columns are, as far as they tell."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import waistats as ws
from waistats import DataError
from waistats.intake.recognize import in_order, kind_of, rater_of, recognize
from waistats.intake.session import begin

CASES = Path(__file__).parents[1] / "cases"


def test_what_a_file_is():
    assert kind_of(pd.read_csv(CASES / "total_row.csv")) == "coefficients"
    assert kind_of(pd.read_csv(CASES / "keyed_not.csv")) == "responses"
    assert kind_of(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})) == "unknown"
    found = recognize(ws.read_responses(CASES / "gap_in_items.csv"))
    assert found.sets[0].beyond == ("q10",)
    assert found.studies == ("site",)
    assert rater_of("waiC") == "client"
    assert in_order(["Yes", "No"]) is None


def test_words_of_two_scales_are_not_guessed():
    five = ["Never", "Rarely", "Sometimes", "Often", "Always"]
    assert in_order([word.upper() for word in five]) == five
    assert len(in_order([*five, "Occasionally"])) == 7
    # Often is 4 of 5 or 5 of 7: the user has to say
    assert in_order(["Never", "Often", "Always"]) is None
    assert in_order(["selten", "nie"]) is None


def test_numbers_inside_names_are_no_items(tmp_path):
    path = tmp_path / "suffix.csv"
    names = [f"q{j}_t{t}" for t in (1, 2) for j in range(1, 7)]
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.integers(1, 6, size=(30, 12)), columns=names)
    frame.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"no items were found.*q1_t1"):
        begin(path)
