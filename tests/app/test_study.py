"""What is chosen, run and shown as text: one result, to the last digit."""

import contextlib
import io
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from waistats.app._study import (
    DATASETS,
    SampleChoices,
    Source,
    StudyChoices,
    asked_of_sample,
    dataset_source,
    file_source,
    formula_of,
    moderators_of,
    predict,
    responses_source,
    run_study,
    simulated_source,
)
from waistats.app._study_code import (
    literal,
    study_commands,
    study_python,
    typed_names,
)
from waistats.cli import main
from waistats.errors import ModelError
from waistats.intake.session import begin
from waistats.report.folder import study_tables

CASES = Path(__file__).parents[1] / "cases"


def session_of(path):
    session = begin(path)
    while (question := session.outcome().question) is not None:
        session = session.answer(
            question.id, question.default or question.choices[0].value
        )
    return session


def executed(text, folder):
    """Run Python as a user would, in the folder of the files."""
    names = {}
    before = os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, "copied.py", "exec"), names)
    finally:
        os.chdir(before)
    return names


def typed(lines, folder):
    """Run commands as a shell would, and the last one with an output of its own."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        for line in lines:
            words = shlex.split(line)
            assert words[0] == "waistats"
            if words[1] == "predict":
                words += ["--output", "prediction.csv"]
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                assert main(words[1:]) == 0, said.getvalue()
    finally:
        os.chdir(before)


def assert_same(found, wanted):
    pd.testing.assert_frame_equal(
        found.reset_index(drop=True),
        wanted.reset_index(drop=True),
        check_dtype=False,
        rtol=1e-12,  # numpy adds in another order where memory lies otherwise
        atol=1e-14,
    )


def as_written(frame, tmp_path):
    """A frame as a file has it, so that texts and blanks are alike."""
    path = tmp_path / "wanted.csv"
    frame.to_csv(path, index=False)
    return pd.read_csv(path)


def assert_text_gives(sources, choices, sample, tmp_path, files=(), report=False):
    for file in files:
        if Path(file).parent != tmp_path:
            shutil.copy(file, tmp_path)
    study = run_study(sources, choices)
    wanted = None if sample is None else predict(study, sample)
    names = executed(study_python(sources, choices, sample, report), tmp_path)
    ours, theirs = study_tables(study), study_tables(names["study"])
    assert list(ours) == list(theirs)
    for name in ours:
        assert_same(theirs[name], ours[name])
    if wanted is not None:
        assert_same(names["prediction"].to_frame(), wanted.to_frame())
    if report:
        assert (tmp_path / "report.html").stat().st_size > 10_000
    typed(study_commands(sources, choices, sample, report=()), tmp_path)
    for name in ("overall", "pooled_cells", "moderators", "moderator_model"):
        if name in ours:
            file = tmp_path / "waistats-report" / "tables" / f"{name}.csv"
            found = pd.read_csv(file)
            assert_same(found, as_written(ours[name], tmp_path))
    if wanted is not None:
        found = pd.read_csv(tmp_path / "prediction.csv")
        assert_same(found, as_written(wanted.to_frame(), tmp_path))


@pytest.mark.slow
def test_own_and_published_together(tmp_path):
    own = responses_source(session_of(CASES / "clinic.sav"))
    published = dataset_source("wai")
    choices = StudyChoices(
        moderators=("rater", "n_items"),
        missing_moderators="drop",
        candidates=("rater", "language"),
        within_correlation=0.4,
        title="WAI scores",
    )
    sample = SampleChoices(rater="client", n=(30, 100), n_items=12)
    assert_text_gives(
        [own, published],
        choices,
        sample,
        tmp_path,
        [CASES / "clinic.sav"],
        report=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("cesd", StudyChoices(measure="hakstian-whalen", method="PM", by=())),
        ("mibs", StudyChoices(bias="exact", conf_level=0.9, prediction="metafor")),
    ],
)
def test_bundled_data(name, choices, tmp_path):
    sample = SampleChoices(n=(50,))
    assert_text_gives([dataset_source(name)], choices, sample, tmp_path)


@pytest.mark.slow
def test_a_file_with_hostile_names(tmp_path):
    hostile = "a`b' + __import__('os').system('true')"
    table = dataset_source("cesd").table[["study_id", "estimate", "n", "n_items"]]
    table = table.assign(
        **{
            hostile: ["x", 'y"', "x", 'y"', "x", 'y"', "x", "x", 'y"'],
            "age, mean": [30.5, 41, 35, 28, 33, 39, 44, 36, 31],
        }
    )
    file = tmp_path / "-it's; rm $HOME.csv"
    table.to_csv(file, index=False)
    source = file_source(file)
    names = [one.name for one in moderators_of(source.table)]
    assert names == [hostile, "age, mean"]
    choices = StudyChoices(moderators=(hostile,), candidates=(hostile, "age, mean"))
    sample = SampleChoices(n=(80,), values=((hostile, "x"),))
    assert_text_gives([source], choices, sample, tmp_path)


@pytest.mark.slow
def test_columns_that_are_renamed(tmp_path):
    table = dataset_source("cesd").table
    file = tmp_path / "theirs.csv"
    table.rename(columns={"estimate": "alpha", "n": "N size"}).to_csv(file, index=False)
    source = file_source(file, columns={"alpha": "estimate", "N size": "n"})
    assert_text_gives([source], StudyChoices(), None, tmp_path)


def test_one_command_reads_all_files_alike(tmp_path):
    table = dataset_source("cesd").table
    file = tmp_path / "theirs.csv"
    table.rename(columns={"estimate": "alpha"}).to_csv(file, index=False)
    sources = [
        file_source(file, columns={"alpha": "estimate"}),
        dataset_source("mibs"),
    ]
    (said,) = study_commands(sources, StudyChoices())
    assert said.startswith("# ")
    assert "theirs.csv" in said


@pytest.mark.slow
def test_the_simulated_study(tmp_path):
    assert_text_gives([simulated_source()], StudyChoices(), None, tmp_path)


def test_the_text_is_a_program_of_its_own(tmp_path):
    choices = StudyChoices(method="DL")
    text = study_python([dataset_source("cesd")], choices, report=False)
    (tmp_path / "copied.py").write_text(text, encoding="utf-8")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "copied.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Overall" in done.stdout


def test_moderators_are_columns_that_can_differ():
    table = dataset_source("wai").table
    found = {one.name: one for one in moderators_of(table)}
    assert found["n_items"].number
    assert not found["rater"].number
    assert "client" in found["rater"].levels
    assert not {"study_id", "estimate", "n", "status", "doi"} & set(found)
    assert found["rater"].described().startswith("4 categories")


def test_a_formula_is_built_from_names():
    table = pd.DataFrame(
        {"rater": ["a"], "n_items": [12], "mean age": [3.0], "a`b": "x"}
    )
    names = ["rater", "n_items", "mean age", "a`b"]
    assert formula_of(names, table) == (
        "~ rater + np.log(n_items) + `mean age` + `a``b`"
    )
    assert formula_of([], table) is None
    with pytest.raises(ModelError, match="no column"):
        formula_of(["1 + 1"], table)


def test_a_sample_is_asked_for_what_the_model_knows():
    study = run_study(
        [dataset_source("wai")],
        StudyChoices(moderators=("language",), missing_moderators="drop"),
    )
    asked = asked_of_sample(study)
    assert {"instrument", "rater", "modality", "language"} == set(asked)


def test_a_study_needs_a_table():
    with pytest.raises(ModelError, match="at least one table"):
        run_study([], StudyChoices())


@pytest.mark.parametrize(
    "value", ["a\nb", 'say "x"', "é", "\u202e", [1, 2.5], (1,), {}]
)
def test_literals_are_python(value):
    assert eval(literal(value)) == value


def test_names_are_typed_as_the_command_line_reads_them():
    from waistats.cli._terminal import names_of

    names = ["rater", "age, mean", 'the "old" ones', " spaced "]
    assert names_of(typed_names(names[:3])) == names[:3]


def test_every_bundled_table_can_be_studied():
    for name in DATASETS:
        source = dataset_source(name)
        assert isinstance(source, Source)
        assert source.counted().endswith("studies")
