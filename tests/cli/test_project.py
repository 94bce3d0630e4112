"""The commands `project`: a folder is begun, filled and run."""

import pytest
from hostile import run
from project_made import coding_sheet


def test_the_commands(tmp_path, capsys):
    sheet = coding_sheet()
    place = tmp_path / "study"
    assert run("project", "new", place) == 0
    assert run("project", "run", place) == 2
    assert "there are no coefficients yet" in capsys.readouterr().err
    rows = tmp_path / "rows.csv"
    sheet.head(6).to_csv(rows, index=False)
    assert run("project", "add-rows", rows, "--project", place) == 0
    assert run("project", "run", place) == 0
    said = capsys.readouterr().out
    assert "The first run of this study." in said
    assert (place / "runs" / "001" / "report.html").exists()


@pytest.mark.parametrize("words", [("run",), ("add-rows", "rows.csv", "--project")])
def test_what_is_no_folder_of_a_study_is_refused(words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("study_id,estimate\nA,.9\n")
    (tmp_path / "other").mkdir()
    assert run("project", *words, tmp_path / "other") == 2
    told = capsys.readouterr().err
    assert "waistats.toml" in told
    assert "waistats project new" in told
