"""What `-m "not slow"` leaves out: tests that are there, and that were measured."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import measure_slow
from measure_slow import LIST, listed, merged, slow

ROOT = Path(__file__).parents[1]


def named_in(path):
    """Node ids of the tests of a file, without cases."""
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    for node in body:
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{path}::{node.name}::{inner.name}"
        elif isinstance(node, ast.FunctionDef):
            yield f"{path}::{node.name}"


def test_the_list_names_tests_that_are_there():
    lines = LIST.read_text(encoding="utf-8").splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert names == sorted(set(names))
    known: set[str] = set()
    for path in {name.split("::")[0] for name in names if name.startswith("tests/")}:
        assert (ROOT / path).is_file(), path
        known |= set(named_in(path))
    assert [n for n in names if n.startswith("tests/") and n not in known] == []


def test_cases_of_a_test_are_judged_together():
    seconds = {
        "tests/a.py::test_one[x y]": 0.4,
        "tests/a.py::test_one[z]": 0.01,
        "tests/a.py::test_two": 0.39,
    }
    assert slow(seconds) == {"tests/a.py::test_one"}


def test_what_did_not_run_keeps_its_line():
    old = {"tests/a.py::test_now_fast", "tests/a.py::test_not_run"}
    seconds = {"tests/a.py::test_now_fast": 0.1, "tests/a.py::test_new[1]": 2.0}
    assert merged(old, seconds) == ["tests/a.py::test_new", "tests/a.py::test_not_run"]


def test_a_run_with_the_plugin_writes_the_list(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import time\n"
        "def test_busy():\n"
        "    end = time.process_time() + 0.5\n"
        "    while time.process_time() < end:\n"
        "        pass\n"
        "def test_idle():\n"
        "    time.sleep(0.5)\n"
    )
    plugin = tmp_path / "measure_slow.py"
    plugin.write_text(Path(measure_slow.__file__).read_text(encoding="utf-8"))
    (tmp_path / "slow.txt").write_text("# head\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "measure_slow", "test_it.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert listed((tmp_path / "slow.txt").read_text()) == {"test_it.py::test_busy"}
