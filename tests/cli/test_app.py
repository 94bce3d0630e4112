"""The command line end to end: exit codes, words, whole output."""

import subprocess
import sys

import pytest
from hostile import run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frob"], "No such command"),
        (["alpha", "x.csv"], "--study"),
        (["alpha", "x.csv", "--study", "s"], "--items or --instrument"),
        (["generalize", "x.csv", "--columns", "alpha"], "pairs such as"),
        (["data", "fetch", "nothing"], "nothing"),
        (["generalize", "x.csv", "--nosuch"], "No such option"),
    ],
)
def test_wrong_calls(arguments, words, capsys, tmp_path, monkeypatch):
    # a file that is not there is said first
    (tmp_path / "x.csv").write_text("s,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_version_and_help(capsys):
    assert run("--version") == 0
    assert "waistats 0.2.0" in capsys.readouterr().out
    assert run("--help") == 0
    # each command is told in a line that a terminal of 80 columns does not cut
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


@pytest.mark.slow
def test_module_runs_as_a_program(mibs, tmp_path):
    command = [sys.executable, "-m", "waistats", "check", str(mibs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "estimate" in done.stdout + done.stderr
