"""Write the gallery of figures: ``python docs/gallery.py``, then ``run_pages.py``.

What each figure answers and the call that draws it stand in its docstring; the list of
figures in the reference is written, too. `docs/run_pages.py docs/gallery.md` runs the
calls and puts the pictures into ``docs/images``.
"""

import doctest
import inspect
from pathlib import Path

from waistats import figures

PAGE = Path(__file__).with_name("gallery.md")
REFERENCE = PAGE.parent / "reference" / "figures.rst"
REFERENCE_OPENING = """Figures
=======

Every figure takes a result and returns matplotlib Axes; ``ax=None`` makes a new figure.
`figures.save` writes reproducible files.

.. currentmodule:: waistats

.. autosummary::
   :nosignatures:
"""

OPENING = """# Gallery

Every figure of waistats, with the call that draws it. Each takes a result and returns
matplotlib Axes, so that titles, limits and fonts can be changed as in any figure of
matplotlib; `ws.figures.save(ax, "name.svg")` writes a reproducible file, and
`ws.figures.alt_text(ax)` describes the figure in words. The data are nine alphas of the
CES-D (Bonett, 2010) and the bundled coefficients of the WAI; SIMULATED data are marked.

```python
from matplotlib.pyplot import close

import waistats as ws

cesd = ws.effect_sizes(ws.load_dataset("cesd"))
fit = ws.fit_meta(cesd)
wai = ws.load_dataset("wai")
study = ws.generalize(wai)


def show(ax, name):
    ws.figures.save(ax, f"{name}.png", dpi=100)
    close(ax.figure)
```
"""

# the order of the page; what is not named here follows by its name
ORDER = (
    *("forest", "caterpillar", "cells", "box", "flow", "prisma", "traffic_light"),
    *("funnel", "radial", "baujat", "qq", "influence", "leave_one_out", "cumulative"),
    *("gosh", "multiverse", "bubble", "length", "shrinkage", "items"),
)
NOT_DRAWN = ("alt_text", "render", "save")


def names() -> list[str]:
    """Return the figures in the order of the page."""
    known = [name for name in figures.__all__ if name not in NOT_DRAWN]
    return sorted(
        known, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), n)
    )


def shown(name: str) -> tuple[str, str]:
    """Return what a figure answers and the code that draws it, from its docstring."""
    text = inspect.getdoc(getattr(figures, name)) or ""
    question = " ".join(text.split("\n\n")[1].split())
    opening = OPENING.splitlines()
    lines = [
        line
        for example in doctest.DocTestParser().get_examples(text)
        for line in example.source.splitlines()
        if line not in opening
    ]
    drawn = lines.pop().removeprefix("axes = ")
    lines.append(f'show({drawn}, "{picture(name)}")')
    code = "\n".join(lines)
    if "SIMULATED" in code or "simulate_" in code:
        question += " (SIMULATED data)"
    return question, code


def picture(name: str) -> str:
    """Return the name of a figure's picture."""
    return f"gallery-{name.replace('_', '-')}"


def gallery() -> str:
    """Return the page, without the pictures."""
    parts = [OPENING]
    for name in names():
        question, code = shown(name)
        parts.append(
            f"## `{name}`\n\n{question}\n\n```python\n{code}\n```\n\n"
            f"![{question}](images/{picture(name)}.png)\n"
        )
    return "\n".join(parts)


def reference() -> str:
    """Return the page of the reference that lists the figures."""
    listed = [*names(), "save", "render", "alt_text"]
    summary = "\n".join(f"   figures.{name}" for name in listed)
    each = "\n".join(f".. autofunction:: waistats.figures.{name}" for name in listed)
    return f"{REFERENCE_OPENING}\n{summary}\n\n{each}\n"


if __name__ == "__main__":
    PAGE.write_text(gallery(), encoding="utf-8")
    REFERENCE.write_text(reference(), encoding="utf-8")
