"""A session saved as a study's folder, run there, and opened again."""

import json
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from waistats._files import file_hash
from waistats.app._project import (
    APP,
    made,
    open_project,
    pack,
    plain,
    study_of,
    unpack,
)
from waistats.app._state import Choices, Data, Generalize, intake
from waistats.app._study import (
    Chosen,
    SampleChoices,
    StudyChoices,
    run_study,
    source_of,
)
from waistats.errors import DataError
from waistats.project.layout import FIRST, SETTINGS, new_project
from waistats.project.run import run_project

CASES = Path(__file__).parents[1] / "cases"


def saved(choices, folder):
    """Save choices as the page does; return their study, too."""
    from waistats.app._views import save, sources_of

    study = run_study(sources_of(choices), choices.generalize.study)
    return save(choices, folder), study


def assert_same(found, wanted):
    frames = (found.cells, wanted.cells), (found.summary(), wanted.summary())
    for one, other in frames:
        pd.testing.assert_frame_equal(one, other, check_exact=True, check_dtype=False)


@pytest.fixture(autouse=True)
def page(tmp_path, monkeypatch):
    """The private folder, in which the process works."""
    place = tmp_path / "page"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def choices(page):
    shutil.copyfile(CASES / "clinic.sav", "clinic.sav")
    return Choices(
        data=Data(name="clinic.sav", number=1),
        generalize=Generalize(
            tables=(Chosen(kind="dataset", name="wai"),),
            study=StudyChoices(
                moderators=("rater", "n_items"),
                missing_moderators="drop",
                by=("instrument", "rater"),
                method="PM",
                title='WAI "scores"',
            ),
            sample=SampleChoices(rater="client", n=(30, 100)),
        ),
    )


@pytest.mark.slow
def test_a_saved_session_runs_as_a_project_to_the_last_digit(choices, tmp_path):
    folder, study = saved(choices, tmp_path / "study")
    assert_same(run_project(folder).study, study)


@pytest.mark.slow
def test_a_saved_session_opens_again(choices, tmp_path):
    folder, study = saved(choices, tmp_path / "study")
    archive = tmp_path / "study.zip"
    archive.write_bytes(pack(folder))
    assert archive.read_bytes() == pack(folder)
    again = open_project(unpack(archive, tmp_path / "again"), 2)
    assert again.generalize == choices.generalize
    assert again.data == Data(name="clinic_2.sav", number=2)
    assert Path(again.data.name).read_bytes() == (CASES / "clinic.sav").read_bytes()
    from waistats.app._views import sources_of

    assert_same(run_study(sources_of(again), again.generalize.study), study)


def test_answers_to_questions_are_kept(tmp_path):
    shutil.copyfile(CASES / "codes_undeclared.csv", "codes_undeclared.csv")
    data = Data(name="codes_undeclared.csv")
    while (question := intake(data).outcome().question) is not None:
        data = data.answered(question.id, question.default)
    choices = Choices(data=data)
    folder, study = saved(choices, tmp_path / "study")
    again = open_project(folder)
    assert again.data.answers == data.answers
    assert_same(run_project(folder).study, study)


def test_files_of_tables_are_kept_as_they_are(tmp_path):
    table = source_of(Chosen(kind="dataset", name="cesd")).table
    file = Path("cesd, theirs.csv")
    table.rename(columns={"estimate": "alpha"}).to_csv(file, index=False)
    one = Chosen(
        kind="file",
        name=file.name,
        reading=(("columns", (("alpha", "estimate"),)),),
    )
    choices = Choices(generalize=Generalize(tables=(one,), own=False))
    folder, study = saved(choices, tmp_path / "study")
    (again,) = open_project(folder).generalize.tables
    assert (again.name, again.reading) == ("cesd, theirs_2.csv", one.reading)
    assert Path(again.name).read_bytes() == file.read_bytes()
    assert_same(run_project(folder).study, study)


def test_what_was_changed_by_hand_is_what_counts(tmp_path):
    choices = Choices(
        generalize=Generalize(tables=(Chosen(kind="dataset", name="cesd"),), own=False)
    )
    folder, _ = saved(choices, tmp_path / "study")
    sheet = folder / FIRST
    lines = sheet.read_text().splitlines()
    sheet.write_text("\n".join(lines[:-1]) + "\n")
    settings = folder / SETTINGS
    settings.write_text(
        settings.read_text().replace("[study]", '[study]\nmethod = "DL"')
    )
    again = open_project(folder).generalize
    (one,) = again.tables
    assert one.name == "first.csv"
    assert len(source_of(one).table) == len(lines) - 2
    assert again.study.method == "DL"


def test_a_folder_that_the_app_did_not_make_opens(tmp_path):
    folder = new_project(tmp_path / "study")
    shutil.copyfile(CASES / "clinic.sav", folder / "responses" / "clinic.sav")
    with (folder / SETTINGS).open("a") as settings:
        settings.write(
            '[[responses]]\nfile = "clinic.sav"\nstudy = "site"\nby = ["session"]\n'
            'person = "client"\ninstrument = "WAI-SR"\n'
            'raters = {client = "WAI_C_", therapist = "wait"}\n'
        )
    found = open_project(folder)
    (one,) = found.generalize.tables
    assert one.kind == "block"
    study = run_study([source_of(one)], found.generalize.study)
    assert_same(run_project(folder).study, study)


@pytest.mark.parametrize(
    "choices",
    [
        Choices(),
        Choices(
            data=Data(name="x.sav", answers=(("form", "WAI-SR"),)),
            generalize=Generalize(
                tables=(Chosen(kind="simulated", name="SIMULATED"),),
                study=StudyChoices(by=(), within_correlation=0.5),
                sample=SampleChoices(n=(30,), values=(("mean_age", 35.0),)),
            ),
        ),
    ],
)
def test_choices_survive_json(choices):
    told = json.loads(json.dumps(plain(choices)))
    assert made(Choices, told) == choices


@pytest.mark.parametrize(
    "told", [[], {"unknown": 1}, {"data": {"name": 3}}, {"generalize": {"tables": "x"}}]
)
def test_other_json_is_refused(told):
    with pytest.raises(TypeError):
        made(Choices, told)


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("~ rater + np.log(n_items)", ("rater", "n_items")),
        ("~ `mean age`", ("mean age",)),
        ("~ rater * modality", ()),
        ("~ 0 + rater", ()),
        ("~ n_items", ()),
    ],
)
def test_a_formula_becomes_choices_where_it_can(formula, names):
    study = study_of({"moderators": formula, "by": []})
    assert study.moderators == names
    assert study.formula == ("" if names else formula)
    assert study.by == ()


def archive_of(tmp_path, names, **more):
    file = tmp_path / "study.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = more.get("mode", 0o644) << 16
            archive.writestr(info, b"x")
    return file


@pytest.mark.parametrize("name", ["../out.txt", "/etc/passwd", "a\\..\\b", "C:/x"])
def test_an_archive_stays_in_its_folder(tmp_path, name):
    file = archive_of(tmp_path, ["study/waistats.toml", name])
    with pytest.raises(DataError, match="outside"):
        unpack(file, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_an_archive_has_no_links(tmp_path):
    file = archive_of(tmp_path, ["study/link"], mode=0o120777)
    with pytest.raises(DataError, match="outside"):
        unpack(file, tmp_path / "into")


def test_an_archive_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("waistats.app._project.MOST_FILES", 1)
    with pytest.raises(DataError, match="too large"):
        unpack(archive_of(tmp_path, ["a", "b"]), tmp_path / "into")


def test_what_is_no_archive_is_refused_in_words(tmp_path):
    file = tmp_path / "study.zip"
    file.write_bytes(b"PK not")
    with pytest.raises(DataError, match=r"Choose the \.zip file"):
        unpack(file, tmp_path / "into")
    with pytest.raises(DataError, match=r"holds no waistats\.toml"):
        unpack(archive_of(tmp_path, ["a.txt"]), tmp_path / "other")


def test_a_damaged_session_is_refused_in_words(tmp_path):
    choices = Choices(
        generalize=Generalize(tables=(Chosen(kind="dataset", name="cesd"),), own=False)
    )
    folder, _ = saved(choices, tmp_path / "study")
    file = folder / APP
    file.write_text("{}")
    with pytest.raises(DataError, match=r"app\.json: is not what the app saved"):
        open_project(folder)
    told = {"waistats_app": 99, "as_saved": {}}
    file.write_text(json.dumps(told))
    with pytest.raises(DataError, match="another version"):
        open_project(folder)
    tables = [{"kind": "file", "name": "../../x.csv", "reading": []}]
    hashes = {FIRST: file_hash(folder / FIRST)}
    told = {"waistats_app": 1, "as_saved": hashes, "generalize": {"tables": tables}}
    file.write_text(json.dumps(told))
    with pytest.raises(DataError, match="there is no file"):
        open_project(folder)
