"""README: what it shows is what comes out, its links lead somewhere, nothing ages."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest

import waistats

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location(
    "readme_pages", ROOT / "docs" / "run_pages.py"
)
run_pages = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = run_pages
spec.loader.exec_module(run_pages)
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
# every page with links to files
LINKED = [
    *ROOT.glob("*.md"),
    *(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts),
]


def test_it_is_short_and_states_nothing_that_ages():
    assert len(TEXT.splitlines()) < 150
    assert not re.search(r"\d+ (?:passed|skipped|tests|seconds|minutes|modules)", TEXT)
    assert "less than a minute" not in TEXT


def test_the_first_screen_has_five_lines_of_python_a_plot_and_its_sentence():
    first = run_pages.BLOCK.search(TEXT)
    code = [line for line in first["code"].splitlines() if line.strip()]
    assert len(code) == 5
    assert first.end() < TEXT.index("![Forest plot") < TEXT.index("## Run it")


def test_its_python_shows_what_it_prints(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "README.md"
    blocks = [m[0] for m in run_pages.BLOCK.finditer(TEXT) if m["kind"] == "python"]
    page.write_text("\n".join(blocks), encoding="utf-8")
    shown = [step for step in run_pages.run_page(page) if step.shown is not None]
    assert len(shown) == 2
    for step in shown:
        assert run_pages.same(step.shown, step.printed), step.printed
    assert {"forest.svg", "report.html"} <= {p.name for p in tmp_path.iterdir()}


@pytest.mark.parametrize("page", LINKED, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_to_files_and_headings_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        place = (page.parent / name) if name else page
        assert place.exists(), f"{page.name}: {target}"
        if heading:
            words = re.findall(
                r"^#+ (.*)$", place.read_text(encoding="utf-8"), re.MULTILINE
            )
            slugs = {re.sub(r"[^\w -]", "", w.lower()).replace(" ", "-") for w in words}
            assert heading in slugs, f"{page.name}: {target}"


def test_every_function_that_it_names_exists():
    table = TEXT[TEXT.index("## What is in it") : TEXT.index("Every number is")]
    for name in re.findall(r"`([a-z]\w+)`", table):
        assert hasattr(waistats, name), name


def test_every_command_that_it_shows_is_one_of_the_program():
    from typer.main import get_command

    from waistats.cli.app import app

    commands = get_command(app).commands
    for line in re.findall(r"`(waistats [^`]+)`", TEXT):
        words = shlex.split(line)
        options = {option for p in commands[words[1]].params for option in (*p.opts,)}
        assert {word for word in words if word.startswith("--")} <= options, line
