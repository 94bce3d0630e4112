"""The built wheel and sdist hold the data, and the wheel does the main job."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return out


@pytest.mark.slow
def test_archives_hold_the_data(built):
    wheel = next(built.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("datapackage.json", "wai_coefficients.csv", "instruments.json"):
        assert f"waistats/data/{name}" in names
    assert "waistats/report/page.html.j2" in names
    assert "waistats/py.typed" in names
    sdist = next(built.glob("*.tar.gz"))
    with tarfile.open(sdist) as archive:
        members = archive.getnames()
    for name in (
        "data/datapackage.json",
        "tests/end_to_end/test_wheel.py",
        "ARCHITECTURE.md",
    ):
        assert any(member.endswith(f"/{name}") for member in members)


@pytest.mark.slow
def test_installed_wheel_does_the_main_job(built, tmp_path):
    home = tmp_path / "env"
    wheel = next(built.glob("*.whl"))
    install = [
        sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet",
        "--target", str(home), str(wheel),
    ]  # fmt: skip
    subprocess.run(install, check=True, capture_output=True)
    # the host's libraries are visible; its waistats is not, since ours comes first
    site = sysconfig.get_paths()["purelib"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(home), site])}
    code = (
        "import waistats, sys; from waistats.cli import main; "
        "print(waistats.__file__); sys.exit(main(['reproduce', '--output', 'out']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert str(home) in done.stdout
    assert (tmp_path / "out" / "report.html").exists()
