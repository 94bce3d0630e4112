"""The REGEMA checklist: what the report fills, and what is left to the author."""

from dataclasses import dataclass

from waistats.generalization.study import RGStudy

FILLED, PARTLY, AUTHOR = "filled", "partly", "for the author"


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the checklist in our words, what answers it and where."""

    number: int
    part: str
    asks: str
    status: str
    where: str


# part, what the item asks (paraphrased), status, where in the report
_ITEMS = (
    ("Title", "Names the study a reliability generalization and names the test", PARTLY,
     "title of this page"),
    ("Abstract", "Purpose, test, methods, number of studies, mean reliability, "
     "heterogeneity, moderators, conclusion", PARTLY, "#summary"),
    ("Introduction", "The test, its construct, versions and populations; why "
     "generalization is needed", PARTLY, "#instruments"),
    ("Introduction", "Aims of the study", AUTHOR, ""),
    ("Methods", "Selection criteria", AUTHOR, ""),
    ("Methods", "Sources, search strings and dates", AUTHOR, ""),
    ("Methods", "Variables extracted and how", FILLED, "#data"),
    ("Methods", "Types of reliability taken; how several coefficients of a sample were "
     "treated", FILLED, "#methods"),
    ("Methods", "How induction was identified and its rate computed", PARTLY,
     "#excluded"),
    ("Methods", "What was extracted from inducing studies", AUTHOR, ""),
    ("Methods", "Agreement between coders", AUTHOR, ""),
    ("Methods", "Transformation of coefficients, and why", FILLED, "#methods"),
    ("Methods", "Statistical model, and why", FILLED, "#methods"),
    ("Methods", "Weights and intervals", FILLED, "#methods"),
    ("Methods", "Heterogeneity: Q, I2, tau2, prediction interval", FILLED, "#methods"),
    ("Methods", "Moderator models, their tests and explained heterogeneity", FILLED,
     "#methods"),
    ("Methods", "Additional analyses: sensitivity, reporting bias", FILLED,
     "#sensitivity"),
    ("Methods", "Software and versions", FILLED, "#colophon"),
    ("Results", "Flow of selection, with reasons", PARTLY, "#excluded"),
    ("Results", "Mean reliability by scale, intervals, heterogeneity, forest plot",
     FILLED, "#pooled"),
    ("Results", "Moderators and a predictive equation", FILLED, "#moderators"),
    ("Results", "Sensitivity analyses", FILLED, "#sensitivity"),
    ("Results", "Reporting and inducing samples compared", AUTHOR, ""),
    ("Results", "The data are published", FILLED, "#data"),
    ("Discussion", "Main findings", PARTLY, "#summary"),
    ("Discussion", "Limitations", PARTLY, "#limitations"),
    ("Discussion", "What it means for practice", PARTLY, "#practice"),
    ("Discussion", "What it means for research", AUTHOR, ""),
    ("Funding", "Sources of funding, interests", AUTHOR, ""),
    ("Protocol", "Registration and deviations", AUTHOR, ""),
)  # fmt: skip


def checklist(study: RGStudy, sections: set[str]) -> list[Item]:
    """Return the 30 items with what this report fills.

    An item whose section the report does not have is left to the author.
    """
    out = []
    for number, (part, asks, status, where) in enumerate(_ITEMS, 1):
        missing = where.startswith("#") and where[1:] not in sections
        if missing:
            status, where = AUTHOR, ""
        if number == 21 and status == FILLED and study.moderator_model is None:
            status = PARTLY
        out.append(Item(number, part, asks, status, where))
    return out
