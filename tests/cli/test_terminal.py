"""How a command ends: its words, its code, on any terminal."""

import os
import subprocess
import sys
from contextlib import nullcontext

import pytest
import typer

from waistats._files import new_file, new_folder, set_shield
from waistats.cli._terminal import guarded, stopped, unless_stopped
from waistats.cli.app import main
from waistats.errors import DataError


def raising(error, cause=None):
    def run():
        if cause is None:
            raise error
        try:
            raise cause
        except type(cause):
            raise error  # noqa: B904 (as typer does it)

    return run


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (DataError("a\x1b[2Jb\nc"), 2, "Error: a\\x1b[2Jb\nc\n"),
        (MemoryError(), 2, "Error: not enough memory for this job.\n"),
        (OSError(28, "No space left on device"), 2, "Error: No space left on device.\n"),
        (PermissionError(13, "Permission denied", "a.csv"), 2,
         "Error: a.csv: Permission denied.\n"),
        (BrokenPipeError(32, "Broken pipe"), 0, ""),
        (KeyboardInterrupt(), 130, "Interrupted; no partial output was kept.\n"),
        (typer.Abort(), 130, "Interrupted; no partial output was kept.\n"),
    ],
)  # fmt: skip
def test_errors_are_words_and_a_code(error, code, words, capsys):
    assert guarded(raising(error)) == code
    assert capsys.readouterr().err == words


def test_the_codes_of_typer(capsys):
    assert guarded(lambda: None) == 0
    assert guarded(lambda: 2) == 2
    assert guarded(lambda: 130) == 130
    assert capsys.readouterr().err == "Interrupted; no partial output was kept.\n"
    assert guarded(raising(SystemExit(1), BrokenPipeError(32, "Broken pipe"))) == 0
    with pytest.raises(SystemExit):
        guarded(raising(SystemExit(3)))


def test_a_fault_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 / 0)


def test_a_shell_that_closed_standard_output(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert guarded(lambda: None) == 0


@pytest.mark.slow
def test_a_terminal_without_our_signs(tmp_path):
    path = tmp_path / "größe.csv"
    path.write_text("study_id,estimate,n,n_items\nŁukasz א,1.5,2,12\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "waistats", "check", path],
        env=os.environ | {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert b"estimate must be" in done.stdout
    assert done.stderr == b""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_reader_that_goes_away(tmp_path):
    path = tmp_path / "a.csv"
    rows = "".join(f"S{i},1.5,2,12\n" for i in range(3000))
    path.write_text(f"study_id,estimate,n,n_items\n{rows}", "utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "waistats", "check", path],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout.readline().startswith(b"error: ")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_what_was_told_to_stop_replaces_nothing(tmp_path):
    """Even where a library has swallowed the KeyboardInterrupt."""
    target = tmp_path / "a.csv"
    target.write_text("old")
    stopped.set()
    set_shield(unless_stopped)
    try:
        for place in (new_file(target), new_folder(tmp_path / "out")):
            with pytest.raises(KeyboardInterrupt), place:
                pass
    finally:
        stopped.clear()
        set_shield(nullcontext)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_two_items_are_answers_and_other_files_are_called_neither(tmp_path, capsys):
    few, odd = tmp_path / "few.csv", tmp_path / "odd.csv"
    few.write_text("site,q1,q2\nA,1,2\nA,3,3\nA,2,4\nB,4,4\nB,1,1\nB,5,4\n")
    odd.write_text("place,trust,goals\nA,1,2\nA,2,3\nB,3,3\n")
    assert main(["check", str(few)]) == 0
    assert "6 rows, 2 items" in capsys.readouterr().out
    assert main(["check", str(odd)]) == 2
    told = capsys.readouterr().err
    assert "neither a table of coefficients" in told
    assert "--items" in told
    assert "--columns" in told
    assert main(["check", str(odd), "--items", "trust,goals"]) == 0
    assert main(["generalize", str(few)]) == 2
    assert "become coefficients with waistats alpha FILE" in capsys.readouterr().err


def test_sums_are_sent_to_the_command_that_takes_them(tmp_path, capsys):
    path = tmp_path / "site.json"
    path.write_text('{\n"format": "waistats response summaries",\n"version": 1}')
    assert main(["generalize", str(path)]) == 2
    assert (
        "sums of answers, not a table: waistats alpha FILE" in capsys.readouterr().err
    )


def test_a_hint_of_columns_can_be_typed_as_it_is(tmp_path, capsys):
    """It repeats what was renamed already; options given twice add up."""
    file = tmp_path / "alphas.csv"
    file.write_text("Study,alpha,N,items\nA,.9,100,12\nB,.8,90,12\nC,.85,80,12\n")
    assert main(["check", str(file), "--columns", "alpha=estimate"]) == 2
    told = capsys.readouterr().out
    assert "The table has Study, alpha, N, items." in told
    hint = "--columns alpha=estimate,Study=study_id,N=n,items=n_items"
    assert hint in told
    assert main(["check", str(file), *hint.split()]) == 0
    more = ["--columns", "Study=study_id,N=n", "--columns", "items=n_items"]
    assert main(["check", str(file), "--columns", "alpha=estimate", *more]) == 0


def test_a_column_that_is_not_there_is_answered_by_those_that_are(tmp_path, capsys):
    file = tmp_path / "answers.csv"
    file.write_text("Klinik,q1,q2\nA,1,2\nA,2,2\nB,3,4\nB,4,4\n")
    assert main(["alpha", str(file), "--study", "site", "--items", "q"]) == 2
    told = capsys.readouterr().err
    assert "no column 'site'. The columns are Klinik, q1, q2." in told


def test_data_sets_are_named_by_the_command_that_brings_them(capsys):
    assert main(["data", "path", "wai"]) == 2
    assert (
        "comes with waistats: waistats data save wai FILE." in capsys.readouterr().err
    )
    assert main(["data", "save", "manylabs_swls", "x.csv"]) == 2
    assert "waistats data fetch manylabs_swls brings it" in capsys.readouterr().err
