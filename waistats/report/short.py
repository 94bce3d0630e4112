"""The short report: four to six pages in the form of a paper."""

import pandas as pd

from waistats._format import level
from waistats.report._others import others
from waistats.report.blocks import Block, Figure, Listing, Paragraph, Section
from waistats.report.discussion import declarations
from waistats.report.forest import DEFAULT, Forest, forest_figure
from waistats.report.limits import limitations
from waistats.report.method import methods_paragraphs
from waistats.report.moderators import model_sentence
from waistats.report.opening import descriptives, summary
from waistats.report.results import part_moderators
from waistats.report.robustness import (
    on_part,
    other_sensitivity,
    reporting_words,
    sensitivity_words,
)
from waistats.report.sources import flow, search_words
from waistats.report.text import (
    opened,
    results_paragraph,
    titled,
)
from waistats.rg.study import RGStudy
from waistats.tables._names import named_tests
from waistats.tables._spec import TableSpec
from waistats.tables.models import cells
from waistats.tables.moderators import screen
from waistats.tables.studies import studies

_ROWS = 14  # of a table that leaves room for the rest of a page
_TESTS = 24
_LIMITS = 5
_PARTS = 2  # scales and kinds that are drawn where there is no overall model
_MOST = 60  # coefficients that a paper lists where nothing is pooled
# what a paper prints of tests of moderators; the supplement has the rest
_MODERATORS = (
    "moderator", "k", "slope", "slope_ci_low", "slope_ci_high", "statistic", "df",
    "df_denominator", "p_adjusted", "Q_E", "R2", "note", "model",
)  # fmt: skip


def short_sections(study: RGStudy, forest: Forest = DEFAULT) -> list[Section]:
    """Return answer, methods, results, moderators, sensitivity and limits."""
    made = [summary(study)]
    texts = study.author_texts
    told = ("question", "criteria", "databases")
    words = [texts.get(key) for key in told if key in texts]
    methods = [Paragraph(text) for text in (*words, *methods_paragraphs(study))]
    made.append(Section("methods", "Method", methods))
    made += _results(study, forest)
    made.append(_limits(study))
    return made + declarations(study)


def main_table(study: RGStudy) -> TableSpec:
    """Return Table 1: the overall model and the cells that could be pooled."""
    rows = study.cells[study.cells["estimate"].notna()]
    many = len(rows)
    rows = (
        rows.sort_values("k", ascending=False, kind="stable").head(_ROWS).sort_index()
    )
    title = "Pooled Reliability"
    if many > len(rows):
        title += f": the {len(rows)} Largest of {many} Combinations"
    if study.pooled is None:
        overall = study.scales[study.scales["estimate"].notna()]
    else:
        overall = study.summary()
    if len(rows) == 0 or (len(study.cells) == 1 and study.pooled is not None):
        return cells(overall, title=title, conf_level=study.conf_level)
    if len(study.cells) == 1:
        return cells(rows, title=title, conf_level=study.conf_level)
    names = [c for c in (*study.by, "coefficient_type") if c in rows]
    kept = {c: overall[c] for c in ("scale", "coefficient_type") if c in overall}
    overall = overall.assign(**dict.fromkeys(names, ""))
    overall[names[0]] = "All"
    if study.pooled is not None:
        kept = {"scale": study.main_scale, "coefficient_type": "alpha"}
    overall = overall.assign(**{c: kept[c] for c in kept if c in rows})
    frame = pd.concat([overall[rows.columns], rows], ignore_index=True)
    return cells(frame, title=title, conf_level=study.conf_level)


def _results(study: RGStudy, forest: Forest) -> list[Section]:
    blocks: list[Block] = [*_search(study)]
    blocks.append(Paragraph(results_paragraph(study), copied=True))
    if study.pooled is not None or study.scales["estimate"].notna().any():
        blocks.append(main_table(study))
    if study.pooled is not None:
        blocks.append(
            forest_figure(study.pooled, "forest", "of the Overall Model", study, forest)
        )
        tested = study.screen[study.screen["p_value"].notna()]
        if len(tested):
            kept = [name for name in _MODERATORS if name in tested]
            title = "Moderators One at a Time"
            if len(tested) > _TESTS:
                title += f": the First {_TESTS} of {len(tested)}"
            shown = named_tests(study, tested.head(_TESTS))[kept]
            blocks.append(screen(shown, title=title, conf_level=study.conf_level))
        said = model_sentence(study)
        if said:
            blocks.append(Paragraph(said))
        return [Section("results", "Results", blocks), _sensitivity(study)]
    parts = others(study)
    if not parts:
        return [Section("results", "Results", [*blocks, *_described(study)])]
    for part in parts[:_PARTS]:
        name = f"forest_{part.scale}_{part.kind}".replace(" ", "_")
        of = f"of the {titled(part.words)}"
        blocks.append(forest_figure(part.pooled, name, of, study, forest))
        blocks += part_moderators(study, part)
    made = [Section("results", "Results", blocks)]
    words = " ".join(other_sensitivity(study))
    if words:
        made.append(Section("sensitivity", "Sensitivity", [Paragraph(words)], level=3))
    return made


def _sensitivity(study: RGStudy) -> Section:
    """Return in a paragraph what other choices and omissions do to the result."""
    found = opened(study.part.multiverse.sentence())
    reporting = reporting_words(study)
    sentences = [*sensitivity_words(study), on_part(study), found, *reporting]
    words = Paragraph(" ".join(filter(None, sentences)))
    return Section("sensitivity", "Sensitivity", [words], level=3)


def _search(study: RGStudy) -> list[Block]:
    """Return what was found and included, and the flow diagram of the search."""
    if study.screening is None:
        return []
    return [Paragraph(search_words(study)), *flow(study)[0].blocks[:1]]


def _described(study: RGStudy) -> list[Block]:
    """Return the coefficients themselves, where no model stands for them."""
    rows = study.own_rows
    columns = list(rows.columns)
    places = [
        columns.index(name) for name in ("coefficient_id", "scale") if name in rows
    ]
    # what splits the samples of an own file stands between the two, such as a session
    between = columns[places[0] + 1 : places[1]] if len(places) == 2 else []
    known = ("instrument", "rater", "coefficient_type", "n_items")
    numbers = ("estimate", "ci_low", "ci_high", "n")
    splits = [name for name in between if name not in (*known, *numbers)]
    names = ["study_id", *splits, "rater", "scale", *numbers]
    shown = [name for name in names if name in rows]
    title = "The Coefficients"
    if len(rows) > _MOST:
        title += f" (First {_MOST} of {len(rows)})"
    table = studies(rows.head(_MOST), columns=shown, title=title)
    drawn = [block for block in descriptives(study).blocks if isinstance(block, Figure)]
    return [table, *drawn]


def _limits(study: RGStudy) -> Section:
    texts = study.author_texts
    blocks: list[Block] = []
    if "limitations" in texts:
        blocks.append(Paragraph(texts.get("limitations")))
    blocks.append(Listing(limitations(study)[:_LIMITS]))
    blocks.append(
        Paragraph(
            f"All intervals are {level(study.conf_level)} intervals. The full report, with "
            "every table, figure, the data and the code, is the supplement."
        )
    )
    return Section("limitations", "Limitations", blocks)
