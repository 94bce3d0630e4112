"""What a start costs: modules that are loaded, not seconds."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import waistats

HEAVY = {
    "pandas", "numpy", "scipy", "pingouin", "statsmodels", "matplotlib", "great_tables",
    "ibis", "pooch", "formulaic", "pyarrow",
}  # fmt: skip


def loaded(code):
    """Return the heavy libraries that a fresh Python has loaded after some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sorted(sys.modules))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return HEAVY & set(done.stdout.split())


def test_the_import_alone_loads_no_library():
    assert loaded("import waistats") == set()


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "--version",
        "alpha --help",
        "alpa x",
        "check no-such-file.csv",
        "alpha no-such-file.csv --study site --items q",
        "generalize no-such-file.csv",
    ],
)
def test_help_and_wrong_words_need_no_library(words):
    call = f"main({words.split()!r})"
    code = f"from waistats.cli import main\ntry: {call}\nexcept SystemExit: pass"
    assert loaded(code) == set()


def test_reading_and_alpha_need_no_models_and_no_figures():
    code = "import waistats\nwaistats.read_coefficients\nwaistats.cronbach_alpha"
    assert not loaded(code) & {"statsmodels", "pingouin", "matplotlib", "great_tables"}


def test_the_stub_names_what_is_there():
    """A type checker sees what Python gives."""
    stub = Path(waistats.__file__).with_name("__init__.pyi").read_text("utf-8")
    names = [
        alias.asname
        for node in ast.parse(stub).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(names) == sorted(waistats.__all__)
    assert all(hasattr(waistats, name) for name in names)
    assert set(names) <= set(dir(waistats))
    with pytest.raises(AttributeError):
        _ = waistats.no_such_name
