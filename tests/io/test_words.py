"""Answers in words: numbered, labelled, refused, and words that are no answer."""

import numpy as np
import pandas as pd
import pytest

from waistats import DataError
from waistats.io._words import Words, numbered
from waistats.io.readers import read_answers, read_coefficients, read_responses

SCALE = ["Seldom", "Sometimes", "Fairly often", "Very often", "Always"]


@pytest.mark.parametrize(
    "text",
    [
        "5 - Always", "5 – Always", "5: Always", "5. Always", "5) Always", "(5) Always",
        "[5] Always", "5=Always", "5 = Always", "5 Always", "Always (5)", "Always [5]",
        "Always = 5", "Always - 5", " 5  -  Always ",
    ],
)  # fmt: skip
def test_numbered_words(text):
    assert numbered(text) == (5.0, "Always")


@pytest.mark.parametrize("text", ["Always", "5", "5-6", "2024-01-02", "A5", "5%", ""])
def test_what_is_no_numbered_word(text):
    assert numbered(text) is None


@pytest.mark.parametrize(
    "form", ["{n} - {w}", "{n} {w}", "{w} ({n})", "{n}: {w}", "{n}={w}"]
)
def test_numbered_answers_are_read_by_their_number(form):
    numbers = np.array([[1, 2, 5], [3, 4, 4], [5, 5, 1]])
    frame = pd.DataFrame(
        [[form.format(n=n, w=SCALE[n - 1]) for n in row] for row in numbers],
        columns=["q1", "q2", "q3"],
    )
    frame.insert(0, "site", ["1 North", "2 South", "1 North"])
    read = read_responses(frame)
    assert read[["q1", "q2", "q3"]].to_numpy().tolist() == numbers.tolist()
    # one column of numbered words names sites, and stays
    assert read["site"].tolist() == ["1 North", "2 South", "1 North"]
    assert read.attrs["value_labels"]["q1"][5.0] == "Always"
    assert any("are read by it (q1, q2, q3)" in n for n in read.attrs["notes"])


def test_a_bare_word_has_the_number_that_others_carry():
    frame = pd.DataFrame(
        {"q1": ["5 - Always", "1 - Seldom", "Always"], "q2": ["1 - Seldom", "2", "5"]}
    )
    read = read_responses(frame, items=["q1", "q2"])
    assert read.to_numpy().tolist() == [[5, 1], [1, 2], [5, 5]]


def test_one_word_with_two_numbers_is_refused():
    frame = pd.DataFrame({"q1": ["5 - Always", "4 - Always", "3 - Often"]})
    with pytest.raises(DataError, match=r"'5 - Always' .*'4 - Always'"):
        read_responses(frame, items=["q1"])


def test_words_that_say_no_answer_are_missing_and_noted():
    frame = pd.DataFrame(
        {
            "q1": ["5 - Always", "Prefer not to say", "1 - Seldom"],
            "q2": ["9 - Don't know", "1 - Seldom", "5 - Always"],
        }
    )
    read = read_responses(frame)
    assert read["q1"].isna().tolist() == [False, True, False]
    assert read["q2"].isna().tolist() == [True, False, False]
    notes = " ".join(read.attrs["notes"])
    assert "'Prefer not to say' is read as missing (1 in q1)" in notes


def test_other_words_are_named_with_both_ways_out(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("q1,q2\n5 - Always,1 - Seldom\nRather so,5 - Always\n")
    with pytest.raises(DataError) as caught:
        read_responses(path, items=["q1", "q2"])
    said = str(caught.value)
    assert "q1 must be a number, but is 'Rather so' (line 3)" in said
    assert "labels=" in said
    assert "missing_words=" in said
    read = read_responses(path, items=["q1", "q2"], missing_words=["rather so"])
    assert read["q1"].isna().tolist() == [False, True]


def test_labels_may_say_that_a_word_is_no_answer():
    frame = pd.DataFrame({"q1": ["no", "yes", "unsure"]})
    read = read_responses(frame, labels={"no": 0, "yes": 1, "unsure": None})
    assert read["q1"].tolist()[:2] == [0, 1]
    assert np.isnan(read["q1"][2])


def test_na_is_a_word_where_asked(tmp_path):
    path = tmp_path / "sites.csv"
    path.write_text("site,q1,q2\nNA,1,2\nSA,3,4\nn/a,5,\n")
    assert read_responses(path)["site"].isna().tolist() == [True, False, True]
    read = read_responses(path, missing_words=[])
    assert read["site"].tolist() == ["NA", "SA", "n/a"]
    assert np.isnan(read["q2"][2])
    table = tmp_path / "studies.csv"
    table.write_text(
        "study_id,estimate,n,n_items,region\nA,.9,30,12,NA\nB,.8,40,9,SA\n"
    )
    assert read_coefficients(table)["region"].isna().tolist() == [True, False]
    kept = read_coefficients(table, missing_words=[])
    assert kept["region"].tolist() == ["NA", "SA"]


def test_keys_stay_text_as_spelled(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("site,q1,q2\n1.1,1,2\n1.10,3,4\n01,5,5\n")
    assert read_responses(path)["site"].tolist() == ["1.1", "1.10", "01"]
    path.write_text("site,q1,q2\n1.50,1,2\n2.50,3,4\n")
    guessed = read_responses(path)
    assert guessed["site"].tolist() == [1.5, 2.5]
    assert guessed.attrs["spelled"]["site"] == {1.5: "1.50", 2.5: "2.50"}
    assert read_answers(path, keys=["site"])["site"].tolist() == ["1.50", "2.50"]


def test_answers_of_limesurvey_are_codes_only_there():
    read = Words(codes=True).read(["A1", "A5", "AO03"])
    assert read.values == {"A1": 1.0, "A5": 5.0, "AO03": 3.0}
    assert Words().read(["A1", "A5"]).values == {}
