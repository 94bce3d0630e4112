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
    assert "set to missing, as stated (99, -9) (decided by the user)." in page


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
