"""The command `start`: from a file to the report, and what it asks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numbered_items import numbered

from waistats.cli import main

CASES = Path(__file__).parents[1] / "cases"


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


def test_what_is_accepted_with_yes_is_shown(tmp_path, capsys):
    path = tmp_path / "gap.csv"
    numbered(path, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12])
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
