"""What a release says of itself in several files is the same in all of them."""

import re
import tomllib
from pathlib import Path

import pytest

import waistats
from waistats.io._codebook import codebook

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text(name):
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"{name} is not part of this copy")
    return path.read_text(encoding="utf-8")


def test_the_version_is_written_once_and_followed_everywhere(project):
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert re.search(r"(?m)^version: (.*)$", text("CITATION.cff"))[1] == (
        waistats.__version__
    )
    assert codebook()["version"] == waistats.__version__


def test_the_citation_is_of_this_project(project):
    said = text("CITATION.cff")
    assert f"license: {project['project']['license']}\n" in said
    assert all(
        f'name: "{author["name"]}"' in said for author in project["project"]["authors"]
    )
    released = re.search(r"(?m)^date-released: \"?(\S+?)\"?$", said)
    heading = rf"(?m)^## {re.escape(waistats.__version__)} - (\d{{4}}-\d\d-\d\d)$"
    dated = re.search(heading, text("CHANGELOG.md"))
    # a version is dated in both places, or in none yet
    assert (released and released[1]) == (dated and dated[1])


def test_changes_that_are_not_released_have_their_place():
    headings = re.findall(r"(?m)^## (.*)$", text("CHANGELOG.md"))
    assert headings[0] == "Unreleased" or headings[0].startswith(waistats.__version__)


def test_the_workflows_try_every_python_and_system(project):
    said = text(".github/workflows/tests.yml")
    classified = [
        line.rsplit(" ", 1)[1]
        for line in project["project"]["classifiers"]
        if line.startswith("Programming Language :: Python :: 3.")
    ]
    tried = re.search(r"python: \[(.*)\]", said)[1]
    assert re.findall(r"[\d.]+", tried) == classified
    assert f">={classified[0]}" == project["project"]["requires-python"]
    for system in ("ubuntu", "macos", "windows"):
        assert f"{system}-latest" in said
    assert ".ci/run" in said
    assert ".ci/lowest" in said


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / ".github").rglob("*.yml")), ROOT / ".pre-commit-config.yaml"],
    ids=lambda p: p.name,
)
def test_forms_and_workflows_are_yaml(path):
    yaml = pytest.importorskip("yaml", reason="no reader of YAML is installed")
    made = yaml.safe_load(text(path.relative_to(ROOT)))
    assert isinstance(made, dict)
    if path.parent.name == "ISSUE_TEMPLATE" and path.name != "config.yml":
        assert {"name", "description", "body"} <= set(made)
        ids = [part["id"] for part in made["body"] if part["type"] != "markdown"]
        assert len(set(ids)) == len(ids)


def test_the_form_for_a_coefficient_asks_in_the_words_of_the_codebook():
    said = text(".github/ISSUE_TEMPLATE/coefficient.yml")
    fields = {f["name"]: f for f in codebook()["resources"][0]["schema"]["fields"]}
    for name in ("rater", "scale", "coefficient_type", "modality"):
        block = said[said.index(f"id: {name}\n") :]
        options = re.search(r"options: \[(.*)\]", block)[1].split(", ")
        assert set(options) - {"not stated"} == set(fields[name]["categories"])
    asked = re.findall(r"(?m)^    id: (\w+)$", said)
    coding = {f["name"] for f in codebook()["schemas"]["coding"]["fields"]}
    assert set(asked) - {"source", "scores", "sample"} <= coding


def test_no_address_of_the_project_is_invented(project):
    urls = project["project"].get("urls", {})
    assert all(re.match(r"https://\S+$", url) for url in urls.values())
    assert "github.com/waistats" not in text("README.md")
