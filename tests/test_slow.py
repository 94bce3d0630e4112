"""What `-m "not slow"` leaves out: tests that are there, and that were measured."""

import ast
from pathlib import Path

from measure_slow import LIST, slow

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
    text = """
0.40s call     tests/a.py::test_one[x y]
0.20s setup    tests/a.py::test_one[x y]
0.01s call     tests/a.py::test_one[z]
0.49s call     tests/a.py::test_two
9.00s teardown tests/a.py::test_three
"""
    assert slow(text) == ["tests/a.py::test_one"]
