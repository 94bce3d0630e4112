"""The pooled reliability: overall, by cell, and for every scale and kind."""

import pandas as pd

from waistats import figures
from waistats._format import level
from waistats._labels import symbol_of
from waistats.report._others import CHECKED, Other, others
from waistats.report.blocks import Block, Paragraph, Section, embed
from waistats.report.forest import DEFAULT, Forest, forest_figure
from waistats.report.robustness import other_sensitivity
from waistats.report.text import is_pooled, joined, titled
from waistats.rg._part import is_large
from waistats.rg.study import RGStudy
from waistats.tables._names import named_tests
from waistats.tables._paper import noted
from waistats.tables.models import cells, components, heterogeneity
from waistats.tables.moderators import screen
from waistats.tables.sensitivity import checks


def pooled(study: RGStudy, forest: Forest = DEFAULT) -> list[Section]:
    """Return the overall model, its heterogeneity and the pooled cells, if any."""
    if not is_pooled(study):
        return []
    blocks = [] if study.pooled is None else _overall(study, forest)
    # one kind of one scale, in several cells, has its mean and notes nowhere else
    alone = study.pooled is None and len(study.cells) > 1
    if len(study.scales) > 1 or alone:
        title = "Pooled Reliability by Scale and Kind of Coefficient"
        if len(study.scales) == 1:
            title = "Pooled Reliability of All Combinations"
        blocks.append(cells(study.scales, title=title, conf_level=study.conf_level))
    title = "Pooled Reliability by Version, Rater and Scale"
    # one cell that is the overall model says it a second time
    if not (
        study.pooled is not None and len(study.cells) == 1 and len(study.scales) < 2
    ):
        blocks.append(cells(study.cells, title=title, conf_level=study.conf_level))
    return [Section("pooled", "Pooled reliability", blocks)]


def overall_table(study: RGStudy) -> Block:
    """Return the overall model in one row."""
    title = f"The Overall Model: Alphas of the {study.main_scale.title()} Scale"
    return cells(study.summary(), title=title, conf_level=study.conf_level)


def _overall(study: RGStudy, forest: Forest) -> list[Block]:
    assert study.pooled is not None
    fit = study.pooled.fit
    # the tables share a page in print; the figure after them may fill one
    blocks: list[Block] = [
        overall_table(study),
        heterogeneity(study, title="Heterogeneity of the Overall Model"),
    ]
    if fit.is_multilevel:
        title = "Where the Heterogeneity of the Overall Model Lies"
        blocks.append(components(fit, title=title))
    blocks.append(
        forest_figure(study.pooled, "forest", "of the Overall Model", study, forest)
    )
    return [*blocks, _funnel(study)]


def _funnel(study: RGStudy) -> Block:
    """Return the funnel plot; its note names the shades that are drawn."""
    assert study.pooled is not None
    axes = figures.funnel(study.pooled.independent)
    shades = [
        s.removeprefix("≥ ") for s in axes.get_legend_handles_labels()[1] if "≥" in s
    ]
    note = (
        "Coefficients against their standard errors. The dashed lines would hold "
        f"{level(study.conf_level)} of them if all samples had one true reliability."
    )
    if shades:
        areas = joined(f"of {shade} and more" for shade in shades)
        note += f" Shaded: alphas {areas}."
    if study.pooled.dependent:
        note += (
            " Pooled by the one-level model, as if the coefficients of a study were "
            "independent."
        )
    caption = "Funnel Plot of the Overall Model"
    return embed("funnel", axes, caption, note, simulated=study.simulated)


def parts(study: RGStudy, forest: Forest = DEFAULT) -> list[Section]:
    """Return a forest plot and moderators for every other scale and kind."""
    blocks: list[Block] = []
    checked: list[pd.DataFrame] = []
    screened: list[pd.DataFrame] = []
    signs: set[str] = set()
    for part in others(study):
        title = titled(part.words)
        head = f"{title[:1].upper()}{title[1:]}"
        name = f"forest_{part.scale}_{part.kind}".replace(" ", "_")
        blocks.append(
            forest_figure(part.pooled, name, f"of the {title}", study, forest)
        )
        if len(part.tested):
            screened.append(named_tests(study, part.tested).assign(part=head))
            signs.add(symbol_of(part.rows))
        if part.pooled.n_studies >= CHECKED and not is_large(study):
            checked.append(part.checks.assign(part=head))
    whose = "Every Scale and Kind" if study.pooled is None else "Other Scales and Kinds"
    if screened:
        blocks.append(_screens(screened, signs, whose, study.conf_level))
    if checked:
        blocks.append(_reporting(pd.concat(checked, ignore_index=True), whose))
    if not blocks:
        return []
    title = "Every other scale and kind"
    if study.pooled is None:
        title = "Every scale and kind"
        blocks.append(Paragraph(" ".join(other_sensitivity(study))))
    return [Section("parts", title, blocks)]


def _screens(
    parts: list[pd.DataFrame], signs: set[str], whose: str, conf_level: float
) -> Block:
    """Return the tests of moderators of scales and kinds, below each other."""
    sign = signs.pop() if len(signs) == 1 else ""
    title = f"Moderators of {whose}"
    return screen(
        pd.concat(parts, ignore_index=True),
        title=title,
        sign=sign,
        groups="part",
        conf_level=conf_level,
    )


def part_moderators(study: RGStudy, part: Other) -> list[Block]:
    """Return the tests of moderators of one scale and kind, if any could be made."""
    if not len(part.tested):
        return []
    tests = named_tests(study, part.tested)
    title = f"Moderators of the {titled(part.words)}"
    sign, ends = symbol_of(part.rows), study.conf_level
    return [screen(tests, title=title, sign=sign, conf_level=ends)]


def _reporting(frame: pd.DataFrame, whose: str) -> Block:
    """Return the small-study checks of scales and kinds, side by side."""
    table = checks(frame, title=f"Small-Study Checks of {whose}", sign="estimate")
    return noted(table, [f"Of scales and kinds with at least {CHECKED} studies."])
