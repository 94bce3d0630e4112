"""The data are found wherever waistats runs from."""

import json
import shutil
import subprocess
import sys

import pytest

from waistats import DataError, _files as resources


@pytest.fixture
def fresh():
    resources.data_folder.cache_clear()
    yield
    resources.data_folder.cache_clear()


def test_a_bundled_file_is_found():
    assert resources.data_path("wai_coefficients.csv").is_file()
    assert resources.data_json("datapackage.json")["name"] == "waistats-data"


def test_an_unknown_file_is_refused():
    with pytest.raises(DataError, match=r"did you mean 'wai_coefficients.csv'"):
        resources.data_path("wai_coeficients.csv")


@pytest.mark.parametrize("inside", [True, False], ids=["wheel", "checkout"])
def test_data_inside_and_beside_the_package(tmp_path, monkeypatch, fresh, inside):
    package = tmp_path / "waistats"
    data = package / "data" if inside else tmp_path / "data"
    data.mkdir(parents=True)
    (data / "datapackage.json").write_text(json.dumps({"name": "here"}))
    monkeypatch.setattr(resources, "__file__", str(package / "resources.py"))
    assert resources.data_folder() == data
    assert resources.data_json("datapackage.json") == {"name": "here"}


def test_a_broken_installation_says_so(tmp_path, monkeypatch, fresh):
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "waistats/resources.py"))
    with pytest.raises(DataError, match="Install waistats again"):
        resources.data_folder()


def test_a_copy_of_the_package_with_its_data_inside_loads(tmp_path):
    package = tmp_path / "site" / "waistats"
    source = resources.data_folder().parent
    root = source if source.name == "waistats" else source / "waistats"
    ignore = shutil.ignore_patterns("__pycache__", "data")
    shutil.copytree(root, package, ignore=ignore)
    shutil.copytree(resources.data_folder(), package / "data")
    code = (
        "from waistats.datasets.bundled import load_dataset; import waistats;"
        "print(waistats.__file__, len(load_dataset('wai')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "site",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(package / "__init__.py"), "75"]
