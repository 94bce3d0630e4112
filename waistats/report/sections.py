"""A study to the sections of its report."""

from collections.abc import Callable, Container
from dataclasses import replace

from waistats.report.blocks import Listing, Section, prefixed, said_simulated, words_of
from waistats.report.discussion import again, data, excluded, practice, regema
from waistats.report.methods import (
    descriptives,
    flow,
    induction,
    instruments,
    methods,
    summary,
)
from waistats.report.results import moderators, pooled, spread
from waistats.report.robustness import multiverse, sensitivity
from waistats.report.text import cited, limitations
from waistats.rg.study import RGStudy

Part = Callable[[RGStudy], Section | list[Section]]


def study_sections(
    study: RGStudy,
    prefix: str = "",
    *,
    keep: Container[str] | None = None,
    level: int = 2,
) -> list[Section]:
    """Return the sections of a study's report.

    ``prefix`` keeps the ids of several studies on one page apart; ``keep`` names the
    parts to make, all by default.
    """
    parts: dict[str, Part] = {
        "summary": summary,
        "methods": methods,
        "instruments": instruments,
        "flow": flow,
        "induction": induction,
        "descriptives": descriptives,
        "pooled": pooled,
        "moderators": moderators,
        "spread": spread,
        "sensitivity": sensitivity,
        "multiverse": multiverse,
        "practice": practice,
        "excluded": excluded,
        "limitations": lambda s: Section(
            "limitations", "Limitations", [Listing(limitations(s))]
        ),
        "data": lambda s: data(s, prefix),
    }
    made: list[Section] = []
    for name, part in parts.items():
        if keep is None or name in keep:
            found = part(study)
            made += found if isinstance(found, list) else [found]
    if keep is None or "regema" in keep:
        titles = {s.id: s.title for s in made} | {"colophon": "Colophon"}
        made.append(regema(study, titles))
    if keep is None or "again" in keep:
        made.append(again(study, prefix))
    works = cited(words_of(made))
    if works:
        made.append(Section("references", "References", [Listing(works)]))
    if study.simulated:
        made = said_simulated(made)
    return [replace(section, level=level) for section in prefixed(made, prefix)]
