"""A study to the sections of its report, full or short."""

from collections.abc import Callable, Container
from dataclasses import replace

from waistats._progress import Steps
from waistats.report.abstract import abstract
from waistats.report.blocks import (
    Listing,
    Section,
    prefixed,
    said_simulated,
    words_of,
)
from waistats.report.certainty import certainty
from waistats.report.discussion import (
    again,
    checklists,
    data,
    declarations,
    discussion,
    excluded,
    limits,
    practice,
)
from waistats.report.forest import DEFAULT, Forest
from waistats.report.moderators import moderators
from waistats.report.opening import (
    background,
    descriptives,
    instruments,
    intake,
    methods,
    results_text,
    summary,
)
from waistats.report.results import parts, pooled
from waistats.report.robustness import multiverse, sensitivity, spread
from waistats.report.short import short_sections
from waistats.report.sources import flow, included, induction, rated
from waistats.report.works import cited
from waistats.rg.study import RGStudy

Part = Callable[[RGStudy], Section | list[Section]]


def study_sections(
    study: RGStudy,
    prefix: str = "",
    *,
    keep: Container[str] | None = None,
    level: int = 2,
    short: bool = False,
    forest: Forest = DEFAULT,
) -> list[Section]:
    """Return the sections of a study's report.

    ``prefix`` keeps the ids of several studies on one page apart; ``keep`` names the
    parts to make, all by default; ``short`` makes those of a paper; ``forest`` says how
    forest plots are drawn.
    """
    made = (
        short_sections(study, forest) if short else _full(study, prefix, keep, forest)
    )
    works = cited(words_of(made))
    if works:
        made.append(
            Section("references", "References", [Listing(works, references=True)])
        )
    if study.simulated:
        made = said_simulated(made)
    return [replace(s, level=s.level + level - 2) for s in prefixed(made, prefix)]


def _full(
    study: RGStudy, prefix: str, keep: Container[str] | None, forest: Forest
) -> list[Section]:
    steps: dict[str, Part] = {
        "summary": summary,
        "abstract": abstract,
        "results": results_text,
        "background": background,
        "methods": methods,
        "intake": intake,
        "instruments": instruments,
        "flow": flow,
        "studies": included,
        "quality": rated,
        "certainty": certainty,
        "induction": induction,
        "descriptives": descriptives,
        "pooled": lambda s: pooled(s, forest),
        "parts": lambda s: parts(s, forest),
        "moderators": moderators,
        "spread": spread,
        "sensitivity": sensitivity,
        "multiverse": multiverse,
        "practice": practice,
        "discussion": discussion,
        "excluded": excluded,
        "limitations": limits,
        "data": lambda s: data(s, prefix),
        "declarations": declarations,
    }
    made: list[Section] = []
    wanted = [name for name in steps if keep is None or name in keep]
    with Steps("report", len(wanted)) as bar:
        for name in wanted:
            bar.step(name)
            found = steps[name](study)
            made += found if isinstance(found, list) else [found]
    if keep is None or "regema" in keep:
        titles = {s.id: s.title for s in made} | {"colophon": "Colophon"}
        made.append(checklists(study, titles))
    if keep is None or "again" in keep:
        made.append(again(study, prefix, forest))
    return made
