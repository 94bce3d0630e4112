"""A study to the sections of its report."""

from waistats.generalization.study import RGStudy
from waistats.report.blocks import Listing, Section
from waistats.report.closing import again, data, excluded, regema
from waistats.report.opening import descriptives, instruments, methods, summary
from waistats.report.results import moderators, pooled
from waistats.report.text import limitations, references
from waistats.report.trust import practice, sensitivity


def study_sections(study: RGStudy, prefix: str = "") -> list[Section]:
    """Return the sections of a study's report; ``prefix`` keeps ids of several apart."""
    made = [
        summary(study),
        methods(study),
        *instruments(study),
        descriptives(study, prefix),
        pooled(study, prefix),
        *moderators(study, prefix),
        *sensitivity(study, prefix),
        *practice(study),
        *excluded(study),
        Section("limitations", "Limitations", [Listing(limitations(study))]),
        data(study),
    ]
    made.append(regema(study, {section.id for section in made} | {"colophon"}))
    made.append(again(study))
    made.append(Section("references", "References", [Listing(references(study))]))
    return [
        Section(prefix + section.id, section.title, section.blocks, section.level)
        for section in made
    ]
