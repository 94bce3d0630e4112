"""Sphinx: how the documentation is built (``sphinx-build -W docs docs/_build``)."""

import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

import waistats

project = "waistats"
author = copyright = "The waistats developers"
release = waistats.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

# A docstring's `name` is a link where it names something public.
default_role = "name"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autosummary_generate = False
autodoc_default_options = {"exclude-members": "heading, closing, shown"}
numpydoc_show_class_members = False

html_theme = "furo"
toc_object_entries_show_parents = "hide"
html_title = "waistats"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_math_renderer = "mathml"


def inline_math(writer: Any, node: nodes.math) -> None:
    """Write a formula in a sentence."""
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def displayed_math(writer: Any, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    formula = tex2mathml(node.astext(), as_block=True)
    writer.body.append(f'<div class="math">{formula}</div>\n')
    raise nodes.SkipNode


def name_role(
    role: str, rawtext: str, text: str, lineno: int, inliner: Any, *_: Any
) -> Any:
    """Link a name of the package; others are code."""
    try:
        attrgetter(text)(waistats)
        target = f"~waistats.{text}" if "." not in text else f"waistats.{text}"
    except AttributeError:
        if not text[:1].isupper():
            return [nodes.literal(rawtext, text)], []
        target = f".{text}"  # a result that a function returns
    link = get_role("py:obj", inliner)
    title = f"{text} <{target.lstrip('~')}>"
    return link("py:obj", f":py:obj:`{title}`", title, lineno, inliner)


def get_role(name: str, inliner: Any) -> Any:
    """Return a role of Sphinx by its name."""
    domain, _, short = name.partition(":")
    return inliner.document.settings.env.get_domain(domain).role(short)


def present_pages(app: Any, docname: str, source: list[str]) -> None:
    """Leave out of the list of measurements what no script has written yet."""
    if docname == "measured":
        head, fence, listed = source[0].partition(":maxdepth: 1\n")
        lines = listed.split("\n")
        kept = [
            line
            for line in lines
            if not line.isidentifier() or Path(app.srcdir, f"{line}.md").exists()
        ]
        source[0] = head + fence + "\n".join(kept)


def setup(app: Any) -> None:
    """Draw formulas as MathML: no script, no network, and readable aloud."""
    app.connect("source-read", present_pages)
    app.add_role("name", name_role)
    app.add_html_math_renderer("mathml", (inline_math, None), (displayed_math, None))
