"""Write the gallery of figures: ``python docs/gallery.py``, then ``run_pages.py``.

Each figure has the call that draws it. `docs/run_pages.py docs/gallery.md` runs the
calls and puts the pictures into ``docs/images``.
"""

from pathlib import Path

PAGE = Path(__file__).with_name("gallery.md")

OPENING = """# Gallery

Every figure of waistats, with the call that draws it. Each takes a result and returns
matplotlib Axes, so that titles, limits and fonts can be changed as in any figure of
matplotlib; `ws.figures.save(ax, "name.svg")` writes a reproducible file, and
`ws.figures.alt_text(ax)` describes the figure in words. The data are nine alphas of the
CES-D (Bonett, 2010) and the bundled coefficients of the WAI; SIMULATED data are marked.

```python
import waistats as ws

cesd = ws.effect_sizes(ws.load_dataset("cesd"))
fit = ws.fit_meta(cesd)
wai = ws.load_dataset("wai")
study = ws.generalize(wai)


def show(ax, name):
    ws.figures.save(ax, f"{name}.png", dpi=100)
    ax.figure.clear()
```
"""

# name of the figure, what it answers, lines before it, what it draws
FIGURES = (
    (
        "forest",
        "What did each study find, and what is the pooled result?",
        "",
        "fit",
    ),
    (
        "caterpillar",
        "The same for many studies, sorted, without their names.",
        "",
        "study.overall",
    ),
    (
        "cells",
        "Which versions, raters and scales have been studied, and with what results?",
        "",
        "study.cells",
    ),
    (
        "box",
        "How do coefficients spread within raters and scales?",
        "usable = wai[wai['status'] == 'poolable']",
        "usable, by=['rater', 'scale']",
    ),
    (
        "flow",
        "What happened to each study and coefficient?",
        "",
        "ws.flow_counts(wai)",
    ),
    (
        "prisma",
        "What happened to each record of the search? (SIMULATED log)",
        "import pandas as pd\n\n"
        "said = ['duplicate'] * 3 + ['excluded_screening'] * 9 + ['included'] * 6\n"
        "log = pd.DataFrame({'decision': said, 'source': 'PsycINFO'})\n"
        "log['provenance'] = 'SIMULATED'",
        "ws.prisma_counts(log)",
    ),
    (
        "traffic_light",
        "How sound is each study's analysis of reliability? (SIMULATED sheet)",
        "sheet = ws.read_coefficients(ws.simulate_literature(9, seed=3).table)\n"
        "rated = sheet.assign(\n"
        "    unidim_checked=[True, False, None] * 3,\n"
        "    per_subscale_reported=[True, True, False] * 3,\n"
        ")",
        "rated",
    ),
    ("funnel", "Do small studies differ from large ones?", "", "fit"),
    ("radial", "How far is each study from the mean, given its precision?", "", "fit"),
    (
        "baujat",
        "Which studies contribute most to heterogeneity, and which influence the mean?",
        "",
        "fit",
    ),
    ("qq", "Are the residuals normal?", "", "fit"),
    ("influence", "What would change without each study?", "", "ws.influence(fit)"),
    (
        "leave_one_out",
        "What is the pooled value without each study?",
        "",
        "ws.leave_one_out(fit, back_transform=True)",
    ),
    (
        "cumulative",
        "How does the pooled value change as studies are added, smallest first?",
        "",
        "ws.cumulative(fit, order='n', back_transform=True)",
    ),
    (
        "gosh",
        "What are the results of every subset of the studies?",
        "",
        "ws.gosh(fit)",
    ),
    (
        "multiverse",
        "What are the results of every defensible choice of method?",
        "",
        "ws.multiverse(cesd)",
    ),
    (
        "bubble",
        "How does reliability change with a characteristic of the studies?",
        "by_size = ws.fit_meta(cesd, '~ np.log(n)')",
        "by_size, 'n'",
    ),
    ("length", "Do longer forms have higher coefficients?", "", "study"),
    (
        "shrinkage",
        "How does the model shrink each study's coefficient?",
        "",
        "fit",
    ),
    (
        "items",
        "Which items agree with the others? (SIMULATED answers)",
        "answers = ws.simulate_responses(\n"
        "    'WAI-SR', studies=1, n=200, reliability=0.9, seed=1\n"
        ")\n"
        "items = answers.filter(like='wai')",
        "ws.item_statistics(items)",
    ),
)


def gallery() -> str:
    """Return the page, without the pictures."""
    parts = [OPENING]
    for name, question, before, drawn in FIGURES:
        picture = f"gallery-{name.replace('_', '-')}"
        lines = [before] if before else []
        lines.append(f"show(ws.figures.{name}({drawn}), '{picture}')")
        code = "\n".join(lines).replace("'", '"')
        parts.append(
            f"## `{name}`\n\n{question}\n\n```python\n{code}\n```\n\n"
            f"![{question}](images/{picture}.png)\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(gallery(), encoding="utf-8")
