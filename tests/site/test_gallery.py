"""The gallery has every figure, and is the page that its script writes."""

import importlib.util
from pathlib import Path

from waistats import figures

DOCS = Path(__file__).parents[2] / "docs"
NOT_DRAWN = {"save", "render", "alt_text"}

spec = importlib.util.spec_from_file_location("gallery", DOCS / "gallery.py")
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)


def test_every_figure_is_in_the_gallery():
    shown = [name for name, *_ in made.FIGURES]
    assert len(set(shown)) == len(shown)
    assert set(shown) == set(figures.__all__) - NOT_DRAWN


def test_the_page_is_that_of_the_script():
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert page == made.gallery(), "run python docs/gallery.py"
    for name in made.FIGURES:
        assert f"![{name[1]}](images/gallery-" in page
