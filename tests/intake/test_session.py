"""The guided way without a terminal: what is recognized, asked, decided and run."""

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numbered_items import numbered

import waistats as ws
from waistats import DataError, ModelError
from waistats.cli import main
from waistats.intake.recognize import long_form
from waistats.intake.session import begin

CASES = Path(__file__).parents[1] / "cases"


RIGHT = json.loads((CASES / "right_values.json").read_text(encoding="utf-8"))


def driven(name, **answers):
    """Return the session of a case, driven by answers and suggestions."""
    session = begin(CASES / name)
    asked = []
    while (question := session.outcome().question) is not None:
        asked.append(question.id)
        value = answers.get(question.id, question.default)
        assert value is not None, question
        session = session.answer(question.id, value)
    return session, asked


def test_a_clinic_needs_no_question():
    session, asked = driven("clinic.sav")
    assert asked == []
    found = session.outcome()
    assert found.options == {
        "raters": {"client": "WAI_C_", "therapist": "wait"},
        "instrument": "WAI-SR",
        "study": "site",
        "person": "client",
        "by": "session",
    }
    assert {decision.by for decision in found.decisions} == {"data"}
    assert found.inspection is not None
    assert found.inspection.ok


@pytest.mark.parametrize(
    ("name", "answers", "asked", "values"),
    [
        (
            "codes_undeclared.csv",
            {},
            ["missing_codes"],
            "alpha by site without the codes, listwise",
        ),
        ("filtered.sav", {"filter": "selected"}, ["filter"], None),
        (
            "one_unreversed.csv",
            {"reverse:wai7": "reverse"},
            ["reverse:wai7"],
            "item wai7 reverse-scored",
        ),
        ("keyed_already.csv", {}, [], "WAI-S total alpha by study, either way"),
        ("keyed_not.csv", {}, [], "WAI-S total alpha by study, either way"),
        ("qualtrics.csv", {}, ["labels", "form"], "total alpha by site"),
        ("gap_in_items.csv", {}, [], None),
    ],
)
def test_only_what_the_file_does_not_say_is_asked(
    name, answers, asked, values, tmp_path, capsys
):
    session, was_asked = driven(name, **answers)
    assert was_asked == asked
    table = session.run()
    total = table[table["scale"] == "total"]
    if values is not None:
        expected = RIGHT[name][values]
        found = dict(zip(total["study_id"], total["estimate"], strict=True))
        assert found == pytest.approx(expected, rel=1e-12)
    by_user = {r["where"] for r in table.attrs["intake"] if r["by"] == "user"}
    assert set(asked) <= by_user
    # the Python that it prints gives the same numbers
    script = session.python().replace(f'"{name}"', repr(str(CASES / name)))
    space: dict[str, pd.DataFrame] = {}
    exec(script, space)
    np.testing.assert_allclose(
        space["table"]["estimate"], table["estimate"], rtol=1e-12
    )
    # and so does the command
    (command,) = session.commands()
    words = [str(CASES / name) if w == name else w for w in shlex.split(command)[1:]]
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    written = pd.read_csv(tmp_path / "out" / "coefficients.csv")
    assert written["estimate"].tolist() == pytest.approx(table["estimate"].tolist())
    capsys.readouterr()


def test_a_file_of_one_study(tmp_path):
    frame = pd.read_csv(CASES / "keyed_not.csv").drop(columns="study_id")
    frame.to_csv(tmp_path / "Clinic A.csv", index=False)
    session = begin(tmp_path / "Clinic A.csv")
    question = session.outcome().question
    assert question is not None
    assert question.id == "study"
    session = session.answer("study", "one study").answer("study_name", "")
    table = session.run()
    assert set(table["study_id"]) == {"Clinic A"}
    assert "--one-study 'Clinic A'" in session.commands()[0]
    space: dict[str, pd.DataFrame] = {}
    exec(
        session.python().replace(
            '"Clinic A.csv"', repr(str(tmp_path / "Clinic A.csv"))
        ),
        space,
    )
    np.testing.assert_allclose(
        space["table"]["estimate"], table["estimate"], rtol=1e-12
    )


def test_raters_that_prefixes_do_not_tell_are_asked(tmp_path):
    frame = ws.read_responses(CASES / "clinic.sav")
    names = {c: c.replace("WAI_C_", "first").replace("wait", "second") for c in frame}
    frame.rename(columns=names).assign(site=frame["site"].map({1: "H", 2: "K"})).dropna(
        subset="site"
    ).to_csv(tmp_path / "two.csv", index=False)
    session = begin(tmp_path / "two.csv")
    question = session.outcome().question
    assert question is not None
    assert question.id == "rater:first"
    session = session.answer("rater:first", "client").answer("rater:second", "2")
    session = session.answer("form", "WAI-SR")
    raters = session.outcome().options["raters"]
    assert raters == {"client": "first", "therapist": "second"}


def test_answers_are_checked():
    session = begin(CASES / "filtered.sav")
    with pytest.raises(ModelError, match="must be one of selected, all"):
        session.answer("filter", "some")
    with pytest.raises(ModelError, match="open is filter"):
        session.answer("form", "WAI-SR")
    with pytest.raises(ModelError, match="filter is open"):
        session.run()
    codes = begin(CASES / "codes_undeclared.csv").answer("missing_codes", "stop")
    with pytest.raises(DataError, match="Stopped"):
        codes.outcome()
    kept = begin(CASES / "codes_undeclared.csv").answer("missing_codes", "keep")
    assert kept.outcome().options["accept"] == ("missing_codes",)


def test_a_gap_inside_the_items_is_asked_not_guessed(tmp_path):
    path = tmp_path / "gap.csv"
    session = numbered(path, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12])
    question = session.outcome().question
    assert question.id == "gap:wai"
    assert question.default == "all"
    assert "come after a gap" in question.text
    table = session.answer("gap:wai", "all").run()
    assert set(table["n_items"]) == {11}
    told = [r for r in table.attrs["intake"] if r["where"] == "gap:wai"]
    assert [r["by"] for r in told] == ["user"]
    assert set(session.answer("gap:wai", "before").run()["n_items"]) == {5}
    # one column more may be anything: nothing is suggested
    one = numbered(path, [1, 2, 3, 4, 5, 6, 10]).outcome().question
    assert one.id == "gap:wai"
    assert one.default is None


def test_other_answers_after_a_gap_are_no_items_and_it_is_said(tmp_path):
    rng = np.random.default_rng(2)
    path = tmp_path / "age.csv"
    session = numbered(path, range(1, 7), wai10=rng.integers(20, 60, 60))
    table = session.run()
    assert set(table["n_items"]) == {6}
    decisions = [r["decision"] for r in table.attrs["intake"]]
    assert any(
        "wai10, after a gap in the numbers and with other" in d for d in decisions
    )


def long_table():
    """SIMULATED answers of 40 people in two clinics, one row an answer."""
    rng = np.random.default_rng(4)
    answers = rng.normal(4, 1, (40, 1)) + rng.normal(0, 1, (40, 6))
    names = [f"wai{i}" for i in range(1, 7)]
    wide = pd.DataFrame(np.clip(np.round(answers), 1, 7).astype(int), columns=names)
    wide.insert(0, "clinic", np.repeat(["A", "B"], 20))
    wide.insert(0, "id", range(40))
    return wide, wide.melt(["id", "clinic"], var_name="item", value_name="answer")


def test_one_row_an_answer_is_recognized(tmp_path, capsys):
    wide, long = long_table()
    long.to_csv(tmp_path / "long.csv", index=False)
    session = begin(tmp_path / "long.csv")
    assert session.reading == {"person": "id", "item": "item", "value": "answer"}
    found = session.outcome()
    assert found.question is None
    assert "One row is one answer: item names the item" in found.decisions[0].text
    expected = ws.reliability_by_study(wide, study="clinic", items="wai")
    np.testing.assert_allclose(session.run()["estimate"], expected["estimate"])
    # the calls shown give the same
    (command,) = session.commands()
    _, name, file, *options = shlex.split(command)
    output = ["--output", str(tmp_path / "o")]
    assert main([name, str(tmp_path / file), *options, *output]) == 0
    table = ws.read_coefficients(tmp_path / "o" / "coefficients.csv")
    np.testing.assert_allclose(table["estimate"], expected["estimate"])


def test_persons_of_a_long_table_are_named_by_as_few_columns_as_can_be():
    _, long = long_table()
    assert long_form(long).person == ("id",)
    # ids that start anew in each clinic, items by their numbers
    long["id"] = long["id"] % 20
    long["item"] = long["item"].str[3:].astype(int)
    found = long_form(long)
    assert (set(found.person), found.item) == ({"id", "clinic"}, "item")
    assert long_form(long.assign(answer=1, item="wai1")) is None
    assert long_form(pd.concat([long, long])) is None


def test_check_and_alpha_know_one_row_an_answer(tmp_path, capsys):
    _, long = long_table()
    path = tmp_path / "long.csv"
    long.to_csv(path, index=False)
    assert main(["check", str(path)]) == 0
    said = capsys.readouterr().out
    assert "Read as one row an answer: --person id --item item --value answer" in said
    assert "40 rows, 6 items" in said
    assert main(["check", str(path), "--study", "clinic"]) == 0
    assert "2 studies" in capsys.readouterr().out
    assert main(["alpha", str(path), "--study", "clinic"]) == 2
    said = capsys.readouterr().err
    assert "give --person id --item item --value answer instead" in said


def test_the_sheet_of_the_answers_is_named_everywhere(tmp_path, capsys):
    wide, _ = long_table()
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"README": ["x"]}).to_excel(book, sheet_name="About", index=False)
        wide.to_excel(book, sheet_name="Data", index=False)
    for command in (
        ["check"],
        ["check", "--study", "clinic"],
        ["start"],
        ["alpha", "--study", "clinic", "--items", "wai"],
        ["items", "--items", "wai"],
        ["summarize", "--study", "clinic", "--items", "wai", "--output", "s.json"],
    ):
        name, *options = command
        assert main([name, str(path), *options]) == 2
        said = capsys.readouterr().err
        assert "Sheet 'Data' holds answers: choose it with --sheet Data." in said, said
    assert main(["check", str(path), "--sheet", "Data"]) == 0


def test_columns_whose_names_have_full_stops_are_all_named(tmp_path, capsys):
    path = tmp_path / "survey.csv"
    path.write_text("no. of answer,trust. bond,goal\n1,2,3\n2,3,4\n")
    assert main(["check", str(path)]) == 2
    said = capsys.readouterr().err
    assert "its columns are no. of answer, trust. bond, goal. Name the items" in said
