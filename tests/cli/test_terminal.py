"""How a command ends: its words, its code, on any terminal."""

import os
import subprocess
import sys
from contextlib import nullcontext

import pytest
import typer

from waistats import DataError
from waistats._files import new_file, new_folder, set_shield
from waistats.cli._terminal import guarded, stopped, unless_stopped


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
