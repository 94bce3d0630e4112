"""The REGEMA checklist: what the report fills, and what is left to the author."""

from dataclasses import dataclass

from waistats.rg.study import RGStudy

FILLED, PARTLY, AUTHOR = "filled", "partly", "for the author"


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the checklist in our words, what answers it and where.

    ``where`` is the id of a section, empty for what is the author's alone; ``author``
    says what is left to add.
    """

    number: int
    part: str
    asks: str
    status: str
    where: str
    author: str


# part, what the item asks (paraphrased), status, section, what the author adds
_ITEMS = (
    ("Title", "Names the study a reliability generalization and names the test", PARTLY,
     "summary", "a title of your own"),
    ("Abstract", "Purpose, test, methods, number of studies, mean reliability, "
     "heterogeneity, moderators, conclusion", PARTLY, "summary",
     "purpose and conclusion"),
    ("Introduction", "The test, its construct, versions and populations; why "
     "generalization is needed", PARTLY, "instruments", "construct and rationale"),
    ("Introduction", "Aims of the study", AUTHOR, "", "the aims"),
    ("Methods", "Selection criteria", AUTHOR, "", "the criteria"),
    ("Methods", "Sources, search strings and dates", AUTHOR, "",
     "databases, search strings, dates"),
    ("Methods", "Variables extracted and how", PARTLY, "data",
     "who coded, by which manual"),
    ("Methods", "Types of reliability taken; how several coefficients of a sample were "
     "treated", FILLED, "methods", ""),
    ("Methods", "How induction was identified and its rate computed", FILLED,
     "induction", ""),
    ("Methods", "What was extracted from inducing studies", FILLED, "induction", ""),
    ("Methods", "Agreement between coders", AUTHOR, "",
     "code some studies twice; waistats compares two sheets"),
    ("Methods", "Transformation of coefficients, and why", FILLED, "methods", ""),
    ("Methods", "Statistical model, and why", FILLED, "methods", ""),
    ("Methods", "Weights and intervals", FILLED, "methods", ""),
    ("Methods", "Heterogeneity: Q, I2, tau2, prediction interval", FILLED, "methods",
     ""),
    ("Methods", "Moderator models, their tests and explained heterogeneity", FILLED,
     "methods", ""),
    ("Methods", "Additional analyses: sensitivity, reporting bias", FILLED, "methods",
     ""),
    ("Methods", "Software and versions", FILLED, "colophon", ""),
    ("Results", "Flow of selection, with reasons", PARTLY, "flow",
     "records found, screened and left out"),
    ("Results", "Mean reliability by scale, intervals, heterogeneity, forest plot",
     FILLED, "pooled", ""),
    ("Results", "Moderators and a predictive equation", FILLED, "moderators", ""),
    ("Results", "Sensitivity analyses", FILLED, "sensitivity", ""),
    ("Results", "Reporting and inducing samples compared", FILLED, "induction", ""),
    ("Results", "The data are published", FILLED, "data", ""),
    ("Discussion", "Main findings", PARTLY, "summary", "what they mean"),
    ("Discussion", "Limitations", PARTLY, "limitations",
     "limits of the search and the coding"),
    ("Discussion", "What it means for practice", PARTLY, "practice",
     "what it means for users of this test"),
    ("Discussion", "What it means for research", AUTHOR, "", "the implications"),
    ("Funding", "Sources of funding, interests", AUTHOR, "", "funding, interests"),
    ("Protocol", "Registration and deviations", AUTHOR, "", "registration, deviations"),
)  # fmt: skip

# what an item needs whose section this report does not have
_NEEDS = {
    "induction": "a column reliability_status in the table (waistats template)",
    "pooled": "three studies to pool",
    "moderators": "three studies to pool",
    "sensitivity": "three studies to pool",
    "practice": "three studies to pool",
}
_MODERATORS = 21


def checklist(study: RGStudy, sections: set[str]) -> list[Item]:
    """Return the 30 items with what this report fills.

    An item whose section the report does not have is left to the author.
    """
    out = []
    for number, (part, asks, status, where, author) in enumerate(_ITEMS, 1):
        if where and where not in sections:
            status, author, where = AUTHOR, _NEEDS.get(where, author), ""
        if number == _MODERATORS and where and study.moderator_model is None:
            status, author = PARTLY, "a model with several moderators, for an equation"
        out.append(Item(number, part, asks, status, where, author))
    return out
