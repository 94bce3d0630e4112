"""The gallery has every figure, and is the page that its script writes."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
spec = importlib.util.spec_from_file_location("gallery", DOCS / "gallery.py")
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)


@pytest.mark.parametrize("name", made.names())
def test_every_figure_says_what_it_answers_and_how_it_is_drawn(name):
    question, code = made.shown(name)
    assert question[-1] in "?.)", "the second part of the docstring"
    assert f"ws.figures.{name}(" in code, "the docstring's Examples"


def test_the_pages_are_those_of_the_script():
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert page == made.gallery(), "run python docs/gallery.py"
    assert made.REFERENCE.read_text(encoding="utf-8") == made.reference()
    for name in made.names():
        assert (DOCS / "images" / f"{made.picture(name)}.png").is_file()
