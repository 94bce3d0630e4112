"""A study in a folder: what is new, why the result moved, the same bytes again."""

import json

import pandas as pd
import pytest
from project_made import fill

from waistats import (
    DataError,
    ModelError,
    reliability_by_study,
    simulate_responses,
    summarize_responses,
)
from waistats.project.layout import read_project
from waistats.project.run import run_project, write_settle_list


@pytest.mark.slow
def test_runs_are_kept_and_say_what_changed(folder, sheet):
    first = run_project(folder)
    assert first.folder.name == "001"
    assert first.changes is None
    names = {p.name for p in first.folder.iterdir()}
    assert {"report.html", "report-short.html", "changes.html", "run.json"} <= names
    assert "first run" in str(first)
    again = run_project(folder)
    assert again.repeated
    assert [p.name for p in (folder / "runs").iterdir()] == ["001"]
    # the last run can be made again to the byte
    assert "identical, byte for byte" in str(run_project(folder, again=True))
    assert "same to the byte" not in str(again)
    # new studies, one changed value, one removed row
    rows = sheet.head(12).drop(index=1).reset_index(drop=True)
    old = rows.loc[0, "estimate"]
    rows.loc[0, "estimate"] = old - 0.05
    fill(folder, rows)
    second = run_project(folder)
    assert second.folder.name == "002"
    found = second.changes
    assert set(found.new_studies) == set(sheet.loc[8:11, "study_id"].astype(str))
    assert found.removed_studies == (str(sheet.loc[1, "study_id"]),)
    cells = found.coefficients.query("change == 'changed'")
    assert list(cells["column"]) == ["estimate"]
    assert float(cells["before"].iloc[0]) == pytest.approx(old)
    steps = found.to_frame()
    assert list(steps["cause"]) == ["method", "values", "removed", "new"]
    whole = second.changes.after["estimate"] - first.study.summary()["estimate"].iloc[0]
    assert steps["shift"].sum() == pytest.approx(whole, abs=1e-12)
    assert steps.loc[0, "shift"] == pytest.approx(0, abs=1e-12)
    assert steps.loc[1, "shift"] < 0
    page = (second.folder / "changes.html").read_text()
    assert "New studies" in page
    assert "SIMULATED" in page
    told = json.loads((second.folder / "run.json").read_text())
    assert "coding/first.csv" in told["inputs"]
    # the kept run is still the first one's bytes
    assert (folder / "runs" / "001" / "run.json").exists()


@pytest.mark.slow
def test_a_run_that_was_changed_is_named(folder):
    made = run_project(folder)
    (made.folder / "report.html").write_text("edited")
    with pytest.raises(DataError, match=r"could not be reproduced .* report.html"):
        run_project(folder, again=True)


def test_coders_who_disagree_stop_until_it_is_settled(folder, sheet):
    other = sheet.head(8).copy()
    other.loc[2, "n"] = other.loc[2, "n"] + 7
    fill(folder, other, "second")
    with pytest.raises(DataError, match=r"disagree on 1 cell .* settle"):
        run_project(folder)
    assert not (folder / "runs").exists()
    assert write_settle_list(read_project(folder)) == 1
    assert write_settle_list(read_project(folder)) == 0
    path = folder / "coding" / "settled.csv"
    told = pd.read_csv(path, dtype=str)
    told["value"] = told["second"]
    told.to_csv(path, index=False)
    made = run_project(folder)
    ids = made.study.coefficients["study_id"].astype(str)
    used = made.study.coefficients.loc[ids == str(sheet.loc[2, "study_id"]), "n"]
    assert float(other.loc[2, "n"]) in set(used.astype(float))
    assert made.study.agreement is not None


def test_a_search_log_dates_the_evidence(folder, sheet):
    for month, part in (("2026-01-10", sheet[:4]), ("2026-05-02", sheet[4:8])):
        log = pd.DataFrame(
            {
                "study_id": [*part["study_id"].astype(str), ""],
                "decision": [*["included"] * len(part), "duplicate"],
                "source": "PsycINFO",
                "source_type": "database",
            }
        )
        log.to_csv(folder / "search" / f"{month}.csv", index=False)
    made = run_project(folder)
    page = (made.folder / "changes.html").read_text()
    assert "Date Of Search" in page or "Date of Search" in page
    assert made.study.screening is not None


def test_sums_of_a_clinic_join_the_published_rows(folder):
    """SIMULATED answers stay where they are; their sums come into the folder."""
    answers = simulate_responses("WAI-SR", studies=["Clinic"], n=60, seed=5)
    options = {"study": "study_id", "instrument": "WAI-SR"}
    summarize_responses(answers, **options).write(folder / "responses" / "clinic.json")
    made = run_project(folder)
    ids = made.study.coefficients["study_id"].astype(str)
    found = made.study.coefficients[ids == "Clinic"].set_index("scale")["estimate"]
    raw = reliability_by_study(answers, **options).set_index("scale")["estimate"]
    assert float(found["total"]) == pytest.approx(float(raw["total"]), abs=1e-12)


def test_a_folder_chooses_columns_groups_and_files_of_figures(folder):
    path = folder / "waistats.toml"
    text = path.read_text()
    text = text.replace("forest_columns = []", 'forest_columns = ["n", "setting"]')
    text = text.replace('forest_by = ""', 'forest_by = "instrument"')
    text = text.replace('figure_format = ["svg"]', 'figure_format = ["png"]')
    path.write_text(text.replace('theme = "colour"', 'theme = "grey"'))
    made = run_project(folder)
    page = (made.folder / "report.html").read_text()
    assert "Forest Plot of" in page
    assert ", by Version" in page
    assert {p.suffix for p in (made.folder / "figures").iterdir()} == {".png"}
    path.write_text(path.read_text().replace('"setting"', '"settin"'))
    with pytest.raises(ModelError, match=r"\[report\]: forest_columns=: .*'settin'"):
        run_project(folder)
