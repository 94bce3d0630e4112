"""A study in a folder: what is new, why the result moved, the same bytes again."""

import json

import pandas as pd
import pytest
from hostile import run

from waistats import (
    effect_sizes,
    fit_meta,
    reliability_by_study,
    simulate_literature,
    simulate_responses,
    summarize_responses,
)
from waistats._files import MANIFEST
from waistats.errors import DataError
from waistats.project.changes import compare_runs, result_of
from waistats.project.layout import add_rows, new_project, read_project
from waistats.project.run import run_project, write_settle_list
from waistats.rg.generalize import generalize


@pytest.fixture(scope="module")
def sheet():
    """SIMULATED coding sheet."""
    table = simulate_literature(40, seed=3).table
    return table[table["reliability_status"] == "reported_own"].reset_index(drop=True)


def fill(folder, rows, name="first"):
    rows.to_csv(folder / "coding" / f"{name}.csv", index=False)


def settings(folder, text):
    path = folder / "waistats.toml"
    path.write_text(path.read_text() + text)


@pytest.fixture
def folder(tmp_path, sheet):
    place = new_project(tmp_path / "study")
    fill(place, sheet.head(8))
    return place


def test_a_new_folder_says_what_belongs_into_it(tmp_path):
    place = new_project(tmp_path / "study")
    names = {p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file()}
    assert names == {
        "waistats.toml", "protocol.md", "texts.toml", "search/README.md",
        "responses/README.md", "coding/first.csv", "coding/second.csv", MANIFEST,
    }  # fmt: skip
    with pytest.raises(DataError, match="already exists"):
        new_project(place)
    with pytest.raises(DataError, match="there are no coefficients yet"):
        run_project(place)


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


def test_the_steps_sum_to_the_shift_whatever_changed(sheet):
    before = generalize(sheet.head(10))
    rows = sheet.iloc[3:16].reset_index(drop=True)
    rows.loc[0, "n"] = rows.loc[0, "n"] + 100
    after = generalize(rows, method="DL")

    def analyse(table):
        return generalize(table, method="DL")

    found = compare_runs(
        before.coefficients, result_of(before), after.coefficients, after, analyse, 0.8
    )
    shift = result_of(after)["estimate"] - result_of(before)["estimate"]
    assert found.to_frame()["shift"].sum() == pytest.approx(shift, abs=1e-12)
    # the method step is REML against DL on the same rows
    used = before.main_rows
    fits = {m: fit_meta(effect_sizes(used), method=m) for m in ("REML", "DL")}
    ends = [float(f.predict()["estimate"].iloc[0]) for f in fits.values()]
    if not used["study_id"].duplicated().any():
        assert found.to_frame().loc[0, "shift"] == pytest.approx(ends[1] - ends[0])


def test_the_conclusion(sheet):
    study = generalize(sheet.head(10))
    result = result_of(study)
    low = {**result, "estimate": 0.5, "ci_low": 0.4, "ci_high": 0.6}
    table = study.coefficients
    found = compare_runs(table, low, table, study, lambda _: study, 0.70)
    assert found.conclusion_changed
    assert "The conclusion changes" in str(found)
    same = compare_runs(table, result, table, study, lambda _: study, 0.70)
    assert not same.conclusion_changed
    assert "The conclusion stays" in str(same)
    assert same.coefficients.empty


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


def test_rows_are_added_once(folder, sheet, tmp_path):
    more = tmp_path / "more.csv"
    sheet.iloc[8:10].to_csv(more, index=False)
    assert add_rows(read_project(folder), more) == 2
    with pytest.raises(DataError, match=r"are in coding/first.csv already"):
        add_rows(read_project(folder), more)
    assert len(pd.read_csv(folder / "coding" / "first.csv")) == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n[studdy]\n", "'studdy' is not a setting"),
        ("\n[[responses]]\nfile = 'x.sav'\n", "there is no responses/x.sav"),
        ("\n[[responses]]\nstudy = 'a'\n", "file is missing"),
        ("\n[[responses]]\nfile = 'x.sav'\ninstrment = 'WAI-S'\n", "did you mean"),
        ("\nx = [", "is not valid TOML"),
    ],
)
def test_settings_that_cannot_be_used(folder, text, said):
    settings(folder, text)
    with pytest.raises(DataError, match=said):
        read_project(folder)


def test_the_commands(tmp_path, sheet, capsys):
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
