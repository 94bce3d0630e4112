"""The steps Data and Reliability without the page: results are the package's own."""

import os
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import waistats as ws
from waistats.app._intake import look, practice
from waistats.app._reliability import (
    coefficient_names,
    coefficients,
    intervals_of,
    item_parts,
    items,
)
from waistats.app._state import Data, Reliability, intake, safe_name
from waistats.cli import main
from waistats.datasets.examples import EXAMPLES
from waistats.errors import DataError, ModelError

CASES = Path(__file__).parents[1] / "cases"
ANSWERED = {
    "clinic.sav": {},
    "qualtrics.csv": {},
    "codes_undeclared.csv": {},
    "keyed_not.csv": {},
    "filtered.sav": {},
    "codes_labelled.sav": {},
    "clinic-clean.sav": {},
    "clinic-messy.sav": {},
    "qualtrics-export.csv": {"missing_words": ("Prefer not to say",)},
    "ward-list.xlsx": {"skip_rows": 2},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The private folder of a page, where its process works."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(name, **reading):
    """Return a file after the suggestions to everything that it does not say."""
    if (CASES / name).is_file():
        shutil.copyfile(CASES / name, name)
    else:
        practice(name)
    number = hash(
        (os.getcwd(), name)
    )  # what was read in another folder is not this file
    data = Data(name=name, number=number, reading=tuple(reading.items()))
    for _ in range(20):
        found = look(data)
        if found.question is None:
            return data, found
        value = found.question.default or found.question.choices[0].value
        data = data.answered(found.question.id, value)
    raise AssertionError(found.question)


@pytest.mark.parametrize("name", ANSWERED)
def test_the_table_is_the_package_s_to_the_last_digit(folder, name, capsys):
    data, found = opened(name, **ANSWERED[name])
    assert found.ready
    table = coefficients(data, Reliability()).table
    # the Python that the page shows
    seen = {}
    exec(found.calls.python, seen)
    pd.testing.assert_frame_equal(table, seen["table"], check_exact=True)
    # the command that the page shows
    words = shlex.split(found.calls.commands)
    assert main([*words[1:], "--output", "out"]) == 0
    capsys.readouterr()
    written = ws.read_coefficients("out/coefficients.csv")
    numbers = ["estimate", "ci_low", "ci_high", "n", "score_mean", "score_sd"]
    pd.testing.assert_frame_equal(
        written[numbers].astype(float), table[numbers].astype(float), check_exact=True
    )


@pytest.mark.parametrize(
    "reliability",
    [
        Reliability(coefficient="omega_total"),
        Reliability(ci="bonett", conf_level=0.9),
        Reliability(missing="pairwise", ci="hakstian-whalen"),
    ],
)
def test_other_coefficients_come_with_their_own_code(folder, reliability):
    data, _ = opened("clinic.sav")
    made = coefficients(data, reliability)
    seen = {}
    exec(made.calls.python, seen)
    pd.testing.assert_frame_equal(made.table, seen["table"], check_exact=True)
    assert made.conf_level == reliability.conf_level


def test_what_a_clinic_s_file_holds_is_said(folder):
    _, found = opened("clinic.sav")
    told = {fact.name: fact.value for fact in found.facts}
    assert told["Items, client"].startswith("WAI_C_1 to WAI_C_12 (12 items")
    assert told["Items, therapist"].startswith("wait1 to wait12 (12 items")
    assert told["Form"].startswith("WAI-SR")
    assert told["Study or site"] == "site: Hamburg, Kiel"
    assert told["Session"] == "session: session 3, session 10"
    assert told["Person"] == "client: 50 persons"
    assert told["Missing codes"] == "99 (no answer)"
    assert told["Reverse-scoring"] == "the form has no reversed items"
    assert {f.finding for f in found.findings} >= {"blank_id", "identical_repeats"}


def test_the_state_of_the_key_is_said(folder):
    _, found = opened("keyed_not.csv")
    told = {fact.name: fact.value for fact in found.facts}
    assert "wai4, wai10 are not reverse-scored yet" in told["Reverse-scoring"]


def test_a_question_has_answers_of_a_click_and_can_be_taken_back(folder):
    shutil.copyfile(CASES / "codes_undeclared.csv", "codes_undeclared.csv")
    data = Data(name="codes_undeclared.csv")
    asked = look(data).question
    assert asked.id == "missing_codes"
    assert [choice.value for choice in asked.choices] == ["missing", "keep", "stop"]
    data = data.answered("missing_codes", "missing")
    found = look(data)
    assert found.ready
    told = {fact.name: fact for fact in found.facts}
    assert "99 (your answer)" in told["Missing codes"].value
    assert "--missing-codes" in found.calls.commands
    again = data.taken_back("missing_codes")
    assert look(again).question == asked


def test_codes_are_not_denied_before_they_were_looked_for(folder):
    rng = np.random.default_rng(5)
    answers = rng.integers(1, 6, (40, 1)).clip(2, 4) + rng.integers(-1, 2, (40, 12))
    answers[3, 2] = 99
    frame = pd.DataFrame(answers, columns=[f"wai{i}" for i in range(1, 13)])
    frame.insert(0, "site", ["A", "B"] * 20)
    frame.to_csv("two_forms.csv", index=False)
    data = Data(name="two_forms.csv")
    found = look(data)
    assert found.question.id == "form"
    told = {fact.name: fact.value for fact in found.facts}
    assert told["Missing codes"] == "looked for once nothing else is open"
    assert told["Reverse-scoring"] == "decided by the form"
    found = look(data.answered("form", found.question.choices[0].value))
    told = {fact.name: fact.value for fact in found.facts}
    assert told["Missing codes"] == "99 (to be decided)"


def test_a_table_of_coefficients_is_checked(folder):
    practice("coding-sheet.csv")
    found = look(Data(name="coding-sheet.csv"))
    assert found.kind == "coefficients"
    assert found.simulated
    assert not found.ready
    expected = ws.check_coefficients("coding-sheet.csv")
    assert len(found.findings) == len(expected)


def test_items_are_the_package_s(folder):
    data, _ = opened("clinic.sav")
    titles = [part.title for part in item_parts(data)[0]]
    assert sorted(titles) == sorted(coefficients(data, Reliability()).samples)
    assert "Hamburg / session 3 / client / total" in titles
    made = items(data, "Hamburg / session 3 / client / total")
    seen = {}
    exec(made.calls.python, seen)
    table = seen["items"]
    rows = table[
        (table["study_id"] == "Hamburg")
        & (table["session"] == "session 3")
        & (table["rater"] == "client")
        & (table["scale"] == "total")
    ]
    complete = made.frame.set_index("item")["item_rest_correlation"]
    assert rows["item"].tolist() == complete.index.tolist()
    assert made.picture.svg.startswith("<svg")
    assert made.audits
    with pytest.raises(ModelError, match="no sample"):
        items(data, "Hamburg / nothing")


def test_every_coefficient_has_a_name_and_intervals():
    for name in coefficient_names():
        assert intervals_of(name)


def test_nothing_is_computed_while_a_question_is_open(folder):
    shutil.copyfile(CASES / "codes_undeclared.csv", "codes_undeclared.csv")
    with pytest.raises(ModelError, match="open question"):
        coefficients(Data(name="codes_undeclared.csv"), Reliability())
    with pytest.raises(ModelError, match="no file"):
        coefficients(Data(), Reliability())


def test_only_practice_files_are_written(folder):
    with pytest.raises(DataError, match="not one of"):
        practice("../elsewhere.csv")
    for name in EXAMPLES:
        assert practice(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "a\u202egpj.sav",
        "<script>alert(1)</script>.csv",
        'quote".csv',
        "$(touch x).sav",
        "-rf.csv",
        "\x00.sav",
        "x" * 500 + ".sav",
        "",
    ],
)
def test_a_hostile_name_names_a_file_and_nothing_else(name, tmp_path):
    safe = safe_name(name)
    assert 0 < len(safe) <= 120
    assert not set(safe) & set('<>:"|?*&`$;/\\\0\u202e')
    assert not safe.startswith((".", "-"))
    (tmp_path / safe).write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [safe]


def test_answers_of_one_file_do_not_reach_another(folder):
    data, _ = opened("codes_undeclared.csv")
    (folder / data.name).write_bytes((CASES / "keyed_not.csv").read_bytes())
    other = replace(data, number=data.number + 1, answers=())
    assert intake(other).recognized.sets[0].columns[0] == "wai1"
