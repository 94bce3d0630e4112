"""Practice files: SIMULATED, the same bytes each day, and what their faults come to."""

import pandas as pd
import pytest

from waistats import DataError, check_coefficients, read_responses, reliability_by_study
from waistats.cli.app import main
from waistats.datasets.examples import EXAMPLES, write_examples


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("examples") / "practice"
    write_examples(place)
    return place


def test_the_files_are_the_same_each_time(folder, tmp_path):
    written = write_examples(tmp_path / "again")
    assert [path.name for path in written] == list(EXAMPLES)
    for path in written:
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_every_row_says_simulated(folder):
    frames = [
        read_responses(folder / name, skip_rows=2 if name.endswith("xlsx") else 0)
        for name in EXAMPLES
    ]
    for frame in frames:
        assert set(frame["provenance"].dropna()) == {"SIMULATED"}


def test_the_messy_clinic_comes_to_what_it_is(folder):
    table = reliability_by_study(
        folder / "clinic-messy.sav",
        study="site",
        by="session",
        person="client",
        raters={"client": "WAI_C_", "therapist": "wait"},
        instrument="WAI-SR",
    )
    assert set(table["study_id"]) == {"North", "South"}
    assert set(table["session"]) == {"session 3", "session 10"}
    notes = " ".join(table.attrs["notes"])
    assert "99 are missing: the value label is 'no answer'" in notes
    assert "counted once: P007" in notes
    assert "site in row 31, row 52" in notes
    # a client is missing from one cell, and no answer 99 counts as one
    assert table["n"].max() <= 35
    assert table["score_mean"].max() < 60


def test_codes_are_answers_nowhere(folder):
    clean = read_responses(folder / "clinic-clean.sav")
    assert clean.filter(like="wai").max().max() == 5
    assert clean["site"].tolist()[0] == 1
    table = reliability_by_study(clean, study="site", instrument="WAI-SR")
    assert table["study_id"].unique().tolist() == ["North", "South", "East"]


def test_the_coding_sheet_has_no_errors(folder):
    found = check_coefficients(folder / "coding-sheet.csv")
    assert not (found["severity"] == "error").any()
    assert isinstance(found, pd.DataFrame)


def test_the_command_writes_them_once(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "example"]) == 0
    assert "waistats-examples/clinic-messy.sav" in capsys.readouterr().out
    assert main(["data", "example"]) == 2
    assert main(["data", "example", "--force"]) == 0
    with pytest.raises(DataError, match="already exists"):
        write_examples("waistats-examples")
