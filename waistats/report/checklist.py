"""The checklists REGEMA and PRISMA 2020: what the report fills, and what is missing."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from waistats.report._others import others
from waistats.report.abstract import abstract_parts
from waistats.report.text import is_pooled
from waistats.rg.study import RGStudy

FILLED, PARTLY, AUTHOR = "filled", "partly", "for the author"

# in which section of the report a text of the authors stands
SECTION_OF_TEXT = {
    "title": "summary",
    "background": "background",
    "rationale": "background",
    "question": "background",
    "criteria": "methods",
    "databases": "methods",
    "search": "methods",
    "selection": "methods",
    "extraction": "methods",
    "quality": "methods",
    "certainty": "methods",
    "meaning": "discussion",
    "limitations": "limitations",
    "practice": "discussion",
    "research": "discussion",
    "protocol": "declarations",
    "registration": "declarations",
    "deviations": "declarations",
    "funding": "declarations",
    "interests": "declarations",
    "availability": "declarations",
}


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a checklist in our words, what answers it and where.

    ``where`` is the id of a section, empty where nothing answers it; ``author`` says
    what is left to add.
    """

    number: str
    part: str
    asks: str
    status: str
    where: str
    author: str


@dataclass(frozen=True, slots=True)
class _Asked:
    part: str
    asks: str
    status: str
    where: str = ""
    keys: tuple[str, ...] = ()
    author: str = ""


_REGEMA = (
    _Asked("Title", "Names the study a reliability generalization and names the test",
           PARTLY, "summary", ("title",), "a title of your own"),
    _Asked("Abstract", "Purpose, test, methods, number of studies, mean reliability, "
           "heterogeneity, moderators, conclusion", PARTLY, "summary",
           ("question", "meaning"), "purpose and conclusion"),
    _Asked("Introduction", "The test, its construct, versions and populations; why "
           "generalization is needed", PARTLY, "instruments",
           ("background", "rationale"), "construct and rationale"),
    _Asked("Introduction", "Aims of the study", AUTHOR, "", ("question",), "the aims"),
    _Asked("Methods", "Selection criteria", AUTHOR, "", ("criteria",), "the criteria"),
    _Asked("Methods", "Sources, search strings and dates", AUTHOR, "",
           ("databases", "search"), "databases, search strings, dates"),
    _Asked("Methods", "Variables extracted and how", PARTLY, "data", ("extraction",),
           "who coded, by which manual"),
    _Asked("Methods", "Types of reliability taken; how several coefficients of a sample "
           "were treated", FILLED, "methods"),
    _Asked("Methods", "How induction was identified and its rate computed", FILLED,
           "induction"),
    _Asked("Methods", "What was extracted from inducing studies", FILLED, "induction"),
    _Asked("Methods", "Agreement between coders", AUTHOR, "", (),
           "the sheet of a second coder"),
    _Asked("Methods", "Transformation of coefficients, and why", FILLED, "methods"),
    _Asked("Methods", "Statistical model, and why", FILLED, "methods"),
    _Asked("Methods", "Weights and intervals", FILLED, "methods"),
    _Asked("Methods", "Heterogeneity: Q, I², τ², prediction interval", FILLED,
           "methods"),
    _Asked("Methods", "Moderator models, their tests and explained heterogeneity",
           FILLED, "methods"),
    _Asked("Methods", "Additional analyses: sensitivity, reporting bias", FILLED,
           "methods"),
    _Asked("Methods", "Software and versions", FILLED, "colophon"),
    _Asked("Results", "Flow of selection, with reasons", PARTLY, "flow", (),
           "a log of the search: records found, screened and excluded"),
    _Asked("Results", "Mean reliability by scale, intervals, heterogeneity, forest plot",
           FILLED, "pooled"),
    _Asked("Results", "Moderators and a predictive equation", FILLED, "moderators"),
    _Asked("Results", "Sensitivity analyses", FILLED, "sensitivity"),
    _Asked("Results", "Reporting and inducing samples compared", FILLED, "induction"),
    _Asked("Results", "The data are published", FILLED, "data"),
    _Asked("Discussion", "Main findings", PARTLY, "summary", ("meaning",),
           "what they mean"),
    _Asked("Discussion", "Limitations", PARTLY, "limitations", ("limitations",),
           "limits of the search and the coding"),
    _Asked("Discussion", "Implications for practice", PARTLY, "practice", ("practice",),
           "implications for users of this test"),
    _Asked("Discussion", "Implications for research", AUTHOR, "", ("research",),
           "the implications"),
    _Asked("Funding", "Sources of funding, interests", AUTHOR, "",
           ("funding", "interests"), "funding, interests"),
    _Asked("Protocol", "Registration and deviations", AUTHOR, "",
           ("registration", "deviations"), "registration, deviations"),
)  # fmt: skip

_PRISMA = (
    _Asked("Title", "Identifies the report as a systematic review", PARTLY, "summary",
           ("title",), "a title that says so"),
    _Asked("Abstract", "A structured abstract", PARTLY, "summary",
           ("question", "meaning"), "the rest of the abstract"),
    _Asked("Introduction", "Rationale", AUTHOR, "", ("rationale",), "the rationale"),
    _Asked("Introduction", "Objectives or questions", AUTHOR, "", ("question",),
           "the question"),
    _Asked("Methods", "Eligibility criteria", AUTHOR, "", ("criteria",), "the criteria"),
    _Asked("Methods", "Information sources and dates", AUTHOR, "", ("databases",),
           "the sources"),
    _Asked("Methods", "Full search strategies", AUTHOR, "", ("search",), "the strings"),
    _Asked("Methods", "Selection process", AUTHOR, "", ("selection",), "who screened"),
    _Asked("Methods", "Data collection process", AUTHOR, "", ("extraction",),
           "who coded"),
    _Asked("Methods", "Data items", FILLED, "data"),
    _Asked("Methods", "Risk of bias of the studies", FILLED, "quality", (),
           "the columns of the group quality in the coding sheet"),
    _Asked("Methods", "Effect measures", FILLED, "methods"),
    _Asked("Methods", "Synthesis: eligible studies, preparation, display, models, "
           "heterogeneity, sensitivity", FILLED, "methods"),
    _Asked("Methods", "Assessment of reporting bias", FILLED, "sensitivity"),
    _Asked("Methods", "Assessment of certainty", AUTHOR, "", ("certainty",),
           "how certainty was rated"),
    _Asked("Results", "Study selection, flow diagram, reports excluded late", PARTLY,
           "flow", (), "a log of the search"),
    _Asked("Results", "Characteristics of each included study, cited", FILLED, "studies"),
    _Asked("Results", "Risk of bias in each study", FILLED, "quality", (),
           "the columns of the group quality in the coding sheet"),
    _Asked("Results", "Results of each study", FILLED, "data"),
    _Asked("Results", "Results of syntheses, heterogeneity, sensitivity", FILLED,
           "pooled"),
    _Asked("Results", "Reporting biases", FILLED, "sensitivity"),
    _Asked("Results", "Certainty of the evidence", AUTHOR, "", ("certainty",),
           "the certainty of each result"),
    _Asked("Discussion", "Interpretation, limitations, implications", PARTLY,
           "limitations", ("meaning", "limitations", "research"),
           "interpretation and implications"),
    _Asked("Other", "Registration, protocol, amendments", AUTHOR, "",
           ("registration", "protocol", "deviations"), "registration and protocol"),
    _Asked("Other", "Support", AUTHOR, "", ("funding",), "sources of support"),
    _Asked("Other", "Competing interests", AUTHOR, "", ("interests",), "interests"),
    _Asked("Other", "Availability of data, code and other materials", FILLED, "data"),
)  # fmt: skip

# what an item needs whose section this report does not have
_NEEDS = {
    "induction": "a column reliability_status in the coding sheet",
    "instruments": "the test, its construct and versions",
    "quality": "the columns of the group quality in the coding sheet",
    "studies": "two studies",
    "pooled": "three studies to pool",
    "moderators": "three studies to pool",
    "sensitivity": "three studies to pool",
    "practice": "three studies with alphas to pool",
}


def checklist(study: RGStudy, sections: Container[str]) -> list[Item]:
    """Return REGEMA's 30 items with what this report fills.

    An item whose section the report does not have is left to the author.
    """
    items = _items(_REGEMA, study, sections)
    items[1] = _of_abstract(items[1], study, sections)
    if study.agreement is not None:
        items[10] = _filled(items[10], "quality")
    if study.screening is not None:
        items[18] = _filled(items[18], "flow")
    if not is_pooled(study):
        for place in (*range(11, 17), 19):
            items[place] = _unpooled(items[place])
    elif study.pooled is None and "parts" in sections:
        if any(len(part.tested) for part in others(study)):
            items[20] = _filled(items[20], "parts")
        items[21] = _filled(items[21], "parts")
    if items[20].status == FILLED and study.moderator_model is None:
        said = "a model with several moderators, for an equation"
        items[20] = _changed(items[20], PARTLY, said)
    return items


def prisma_checklist(study: RGStudy, sections: Container[str]) -> list[Item]:
    """Return PRISMA's 27 items with what this report fills."""
    items = _items(_PRISMA, study, sections)
    if "abstract" in sections:
        left = [i.number for i in abstract_checklist(study) if i.status != FILLED]
        said = f"items {', '.join(left)} of the checklist for abstracts"
        items[1] = (
            _changed(items[1], PARTLY, said) if left else _filled(items[1], "abstract")
        )
        items[1] = replace(items[1], where="abstract")
    if study.screening is not None:
        items[15] = _filled(items[15], "flow")
    if not is_pooled(study):
        for place in (11, 12, 13, 19, 20):
            items[place] = _unpooled(items[place])
    elif (
        study.pooled is None
        and "parts" in sections
        and any(len(part.checks) for part in others(study))
    ):
        for place in (13, 20):
            items[place] = _filled(items[place], "parts")
    if "certainty" in sections:
        for place in (14, 21):
            if items[place].status == AUTHOR:
                items[place] = Item(
                    items[place].number, items[place].part, items[place].asks, PARTLY,
                    "certainty", "indirectness, for the authors to judge",
                )  # fmt: skip
        if items[21].status == FILLED:
            items[21] = _filled(items[21], "certainty")
    return items


def abstract_checklist(study: RGStudy) -> list[Item]:
    """Return the twelve items of PRISMA 2020 for Abstracts."""
    made = "question" in study.author_texts
    where = "abstract" if made else "summary"
    out = []
    for number, part in enumerate(abstract_parts(study), 1):
        told = bool(part.text)
        status = FILLED if told else AUTHOR
        place = ("summary" if not part.heading else where) if told else ""
        missing = "" if told else part.missing
        out.append(
            Item(
                str(number), part.heading or "Title", part.asks, status, place, missing
            )
        )
    return out


def _of_abstract(item: Item, study: RGStudy, sections: Container[str]) -> Item:
    """Return the item of the abstract, which lies in its own section where there is one."""
    return replace(item, where="abstract") if "abstract" in sections else item


def _items(
    asked: Sequence[_Asked], study: RGStudy, sections: Container[str]
) -> list[Item]:
    texts = study.author_texts
    out = []
    for number, one in enumerate(asked, 1):
        status, where, author = one.status, one.where, one.author
        if where and where not in sections:
            status, author, where = AUTHOR, _NEEDS.get(where, author), ""
        given = [key for key in one.keys if key in texts]
        if given and status != FILLED:
            whole = len(given) == len(one.keys)
            status = FILLED if whole else PARTLY
            where = where if where and not whole else SECTION_OF_TEXT[given[0]]
            missing = [key for key in one.keys if key not in texts]
            author = "" if whole else f"the texts {', '.join(missing)}"
        if status == FILLED:
            author = ""
        out.append(Item(str(number), one.part, one.asks, status, where, author))
    return out


def _unpooled(item: Item) -> Item:
    """Return an item that only a model fills, where there is none."""
    return Item(item.number, item.part, item.asks, AUTHOR, "", _NEEDS["pooled"])


def _filled(item: Item, where: str) -> Item:
    return Item(item.number, item.part, item.asks, FILLED, where, "")


def _changed(item: Item, status: str, author: str) -> Item:
    return Item(item.number, item.part, item.asks, status, item.where, author)
