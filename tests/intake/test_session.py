"""The guided way without a terminal: what is recognized, asked, decided and run."""

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import waistats as ws
from waistats.cli import main
from waistats.errors import DataError, ModelError
from waistats.intake.recognize import in_order, kind_of, rater_of, recognize
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


def test_what_a_file_is():
    assert kind_of(pd.read_csv(CASES / "total_row.csv")) == "coefficients"
    assert kind_of(pd.read_csv(CASES / "keyed_not.csv")) == "responses"
    assert kind_of(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})) == "unknown"
    found = recognize(ws.read_responses(CASES / "gap_in_items.csv"))
    assert found.sets[0].beyond == ("q10",)
    assert found.studies == ("site",)
    assert rater_of("waiC") == "client"
    assert in_order(["Yes", "No"]) is None


def test_from_the_file_to_the_report(tmp_path, capsys):
    """A person with the clinic's file gets to the report with start alone."""
    out = tmp_path / "report"
    assert main(["start", str(CASES / "clinic.sav"), "--output", str(out)]) == 0
    said = capsys.readouterr().out
    assert "site names the study" in said
    assert "--rater client=WAI_C_ --rater therapist=wait" in said
    assert "ws.reliability_by_study(responses, study=" in said
    assert (out / "report.html").exists()
    assert (out / "coefficients.csv").exists()
    assert (out / "covariance.csv").exists()
    decided = pd.read_csv(out / "intake.csv")
    assert set(decided["by"]) == {"data"}
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Decisions at intake" in page
    assert "counted once: P007 (row 8, row 102) (decided by the data)." in page


def test_a_folder_of_alpha_brings_what_was_decided(tmp_path, capsys):
    file, out = str(CASES / "codes_undeclared.csv"), tmp_path / "alpha"
    typed = ["alpha", file, "--study", "site", "--items", "q"]
    assert main([*typed, "--missing-codes", "99,-9", "--output", str(out)]) == 0
    assert main(["generalize", str(out), "--output", str(tmp_path / "study")]) == 0
    capsys.readouterr()
    page = (tmp_path / "study" / "report.html").read_text(encoding="utf-8")
    assert (
        "set to missing, as stated (99, \N{MINUS SIGN}9) (decided by the user)." in page
    )


@pytest.mark.slow
def test_a_script_answers_the_questions(tmp_path, capsys, monkeypatch):
    import io

    file, out = str(CASES / "one_unreversed.csv"), tmp_path / "a"
    monkeypatch.setattr("sys.stdin", io.StringIO("2\n"))
    assert main(["start", file, "--output", str(out)]) == 0
    said = capsys.readouterr().out
    assert "Reverse-score wai7?" in said
    assert "--reverse wai7" in said
    decided = pd.read_csv(out / "intake.csv")
    assert "user" in set(decided["by"])
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["start", file, "--output", str(tmp_path / "b")]) == 2
    assert "--answer reverse:wai7=" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
    typed = ["start", file, "--answer", "reverse:wai7=reverse"]
    assert main([*typed, "--output", str(tmp_path / "c")]) == 0
    # nothing that stops is accepted by a suggestion
    assert main(["start", file, "--yes", "--output", str(tmp_path / "d")]) == 2
    assert "--answer negative_alpha=" in capsys.readouterr().err


def test_a_table_of_coefficients_is_sent_on(capsys):
    assert main(["start", str(CASES / "total_row.csv")]) == 0
    assert "waistats generalize" in capsys.readouterr().out


def _numbered(path, numbers, seed=4, **more):
    """Write SIMULATED answers from 1 to 5 to items of these numbers."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(60, 1)) + rng.normal(size=(60, len(numbers)))
    answers = np.clip(np.round(values + 3), 1, 5).astype(int)
    frame = pd.DataFrame(answers, columns=[f"wai{j}" for j in numbers])
    frame.insert(0, "site", ["A", "B"] * 30)
    frame.assign(**more).to_csv(path, index=False)
    return begin(path)


def test_a_gap_inside_the_items_is_asked_not_guessed(tmp_path):
    path = tmp_path / "gap.csv"
    session = _numbered(path, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12])
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
    one = _numbered(path, [1, 2, 3, 4, 5, 6, 10]).outcome().question
    assert one.id == "gap:wai"
    assert one.default is None


def test_other_answers_after_a_gap_are_no_items_and_it_is_said(tmp_path):
    rng = np.random.default_rng(2)
    path = tmp_path / "age.csv"
    session = _numbered(path, range(1, 7), wai10=rng.integers(20, 60, 60))
    table = session.run()
    assert set(table["n_items"]) == {6}
    decisions = [r["decision"] for r in table.attrs["intake"]]
    assert any(
        "wai10, after a gap in the numbers and with other" in d for d in decisions
    )


def test_what_is_accepted_with_yes_is_shown(tmp_path, capsys):
    path = tmp_path / "gap.csv"
    _numbered(path, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12])
    assert main(["start", str(path), "--yes", "--output", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "Which are the items? wai1 to wai5 and wai7" in told
    assert "--items wai1,wai2,wai3,wai4,wai5,wai7" in told


def test_a_long_export_of_redcap_goes_through(tmp_path, capsys):
    rng = np.random.default_rng(9)
    rows = []
    for person in range(1, 41):
        for event in ("session_3_arm_1", "session_10_arm_1"):
            values = np.clip(np.round(rng.normal() + rng.normal(size=12) + 3), 1, 5)
            site = "North" if person % 2 else "South"
            rows.append([person, event, "", "", site, *values.astype(int), 2])
    names = ["record_id", "redcap_event_name", "redcap_repeat_instrument"]
    names += ["redcap_repeat_instance", "site"]
    names += [f"wai_sr_{j}" for j in range(1, 13)] + ["wai_sr_complete"]
    path = tmp_path / "redcap.csv"
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    assert main(["start", str(path), "--yes", "--output", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "--by redcap_event_name --person record_id" in told
    assert "redcap_event_name identifies the events" in told
    table = pd.read_csv(tmp_path / "out" / "coefficients.csv")
    assert set(table["redcap_event_name"]) == {"session_3_arm_1", "session_10_arm_1"}
    assert (table["n"] == 20).all()
    assert (tmp_path / "out" / "covariance.csv").is_file()


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
