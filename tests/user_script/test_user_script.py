"""The public names are typed: pyright in strict mode is content with a user's script."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import waistats

SAMPLE = Path(__file__).with_name("sample.py")


def pyright(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "pyright", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        **options,
    )


def errors(script, folder):
    """Return what pyright in strict mode says of a script."""
    config = folder / "pyrightconfig.json"
    place = Path(waistats.__file__).parents[1]
    settings = {
        "typeCheckingMode": "strict",
        "include": [script.name],
        "extraPaths": [str(place)],
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    made = pyright(
        "--project", config, "--pythonpath", sys.executable, "--outputjson", cwd=folder
    )
    return json.loads(made.stdout)["generalDiagnostics"]


@pytest.fixture(scope="module")
def _available():
    pytest.importorskip("pyright", reason="pyright is not installed")
    try:
        found = pyright("--version", timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("pyright could not fetch its own program")
    if found.returncode:
        pytest.skip("pyright could not fetch its own program")


@pytest.mark.slow
@pytest.mark.usefixtures("_available")
def test_a_users_script_is_clean_in_strict_mode(tmp_path):
    shutil.copy(SAMPLE, tmp_path)
    found = errors(tmp_path / SAMPLE.name, tmp_path)
    assert [f"{e['range']['start']['line']}: {e['message']}" for e in found] == []


@pytest.mark.slow
@pytest.mark.usefixtures("_available")
def test_a_wrong_script_is_not(tmp_path):
    script = tmp_path / "wrong.py"
    script.write_text(
        "import waistats as ws\n"
        "fit = ws.fit_meta(ws.load_dataset(1), conf_levl=0.9)\n"
        "print(fit.tau)\n",
        encoding="utf-8",
    )
    said = "\n".join(error["message"] for error in errors(script, tmp_path))
    for part in ("Literal[1]", "conf_levl", '"tau"'):
        assert part in said
