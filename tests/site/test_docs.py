"""The pages of the documentation: what they show is what comes out."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

import waistats

DOCS = Path(__file__).parents[2] / "docs"


def load(name):
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


run_pages = load("run_pages")
PAGES = run_pages.pages()
SLOW = {
    "tutorial.md",
    "spss-to-report.md",
    "repeat.md",
    "living-study.md",
}  # they write whole reports


def page_cases():
    for page in PAGES:
        slow = [pytest.mark.slow] if page.name in SLOW else []
        yield pytest.param(page, marks=slow, id=page.relative_to(DOCS).as_posix())


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis
@pytest.mark.parametrize("page", list(page_cases()))
def test_a_page_shows_what_its_blocks_print(page, tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    for step in run_pages.run_page(page):
        if step.shown is not None:
            assert run_pages.same(step.shown, step.printed), (
                f"{page.name}: run python docs/run_pages.py\n{step.code}\n{step.printed}"
            )
    for name in run_pages.IMAGE.findall(page.read_text(encoding="utf-8")):
        assert (tmp_path / name).stat().st_size > 0
        assert (DOCS / "images" / name).is_file()


def test_dots_stand_for_any_lines():
    assert run_pages.same("a\n...\nd\n", "a \nb\nc\nd")
    assert run_pages.same("a\n...\n", "a\nb\n")
    assert not run_pages.same("a\n...\nd\n", "a\nb\nc\n")
    assert not run_pages.same("a\n", "a\nb\n")


def test_the_parts_of_a_page_run_in_order(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nx = 2\n```\n\n```python\nprint(x)\n```\n\n```text\n3\n```\n"
        "```console\n$ pip install nothing\n$ waistats --version\n?\n```\n",
        encoding="utf-8",
    )
    steps = list(run_pages.run_page(page))
    assert [step.shown for step in steps] == [None, "3\n", "?"]
    assert steps[1].printed == "2\n"
    assert steps[2].printed == f"waistats {waistats.__version__}\n"
    monkeypatch.chdir(tmp_path)
    run_pages.write_page(page)
    assert all(
        step.shown is None or run_pages.same(step.shown, step.printed)
        for step in run_pages.run_page(page)
    )


def test_the_reference_has_every_public_name():
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.rst")
    )
    found = re.findall(r"^\.\. auto(?:function|class|exception):: ([\w.]+)", text, re.M)
    listed = {name.removeprefix("waistats.") for name in found}
    wanted = set(waistats.__all__) - {"figures", "tables"}
    for part in ("figures", "tables"):
        wanted |= {f"{part}.{name}" for name in getattr(waistats, part).__all__}
    assert wanted <= listed, f"add to docs/reference: {sorted(wanted - listed)}"


def test_no_page_names_a_machine():
    for page in [*DOCS.rglob("*.md"), *DOCS.rglob("*.rst")]:
        if "_build" not in page.parts:
            text = page.read_text(encoding="utf-8")
            assert not re.search(r"/(tmp|root|work|home|Users)/", text), page


def test_every_name_on_the_pages_exists():
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"\bws\.((?:figures|tables)\.\w+|\w+)", text):
            found = waistats
            for part in name.split("."):
                found = getattr(found, part, None)
            assert found is not None, f"{page.name}: ws.{name}"


def test_the_page_on_the_command_line_has_every_command():
    from waistats.cli.app import app, data_app, project_app

    page = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
    groups = [("", app), ("data ", data_app), ("project ", project_app)]
    for prefix, group in groups:
        for command in group.registered_commands:
            name = command.name or command.callback.__name__
            assert f"`waistats {prefix}{name}" in page
