"""The structured abstract, from the authors' words and from the results."""

from dataclasses import dataclass

from waistats._format import count
from waistats.report.blocks import Paragraph, Section
from waistats.report.text import SHORT_SCALE, answer_sentences, is_pooled, study_title
from waistats.rg.quality import has_quality
from waistats.rg.study import RGStudy


@dataclass(frozen=True, slots=True)
class Part:
    """One of the twelve items of PRISMA 2020 for Abstracts, and what tells it here.

    ``text`` is empty where neither the authors nor the data tell it.
    """

    heading: str
    asks: str
    text: str
    missing: str


def abstract_parts(study: RGStudy) -> list[Part]:
    """Return the twelve items in their order, filled as far as they can be."""
    texts = study.author_texts.get
    title = texts("title")
    return [
        Part("", "Identifies the report as a systematic review", title, "the text title"),
        Part("Objective", "The question", texts("question"), "the text question"),
        Part("Eligibility", "Criteria of inclusion and exclusion", texts("criteria"),
             "the text criteria"),
        Part("Sources", "Databases and the dates of the search", texts("databases"),
             "the text databases"),
        Part("Risk of bias", "How risk of bias was assessed", _quality(study),
             "the text quality, or columns of the group quality"),
        Part("Synthesis", "How results were synthesized", _synthesis(study), ""),
        Part("Included studies", "Number of studies and participants",
             _included(study), ""),
        Part("Results", "Main results with their intervals, and their direction",
             " ".join(answer_sentences(study)), ""),
        Part("Limitations", "Limitations of the evidence", texts("limitations"),
             "the text limitations"),
        Part("Interpretation", "What the results mean", texts("meaning"),
             "the text meaning"),
        Part("Funding", "The main source of funding", texts("funding"),
             "the text funding"),
        Part("Registration", "Register and number", texts("registration"),
             "the text registration"),
    ]  # fmt: skip


def abstract(study: RGStudy) -> list[Section]:
    """Return the abstract where the authors give their question; it is theirs."""
    if "question" not in study.author_texts:
        return []
    said = [
        Paragraph(f"{part.heading}: {part.text}")
        for part in abstract_parts(study)
        if part.heading and part.text
    ]
    return [Section("abstract", "Abstract", said)]


def _quality(study: RGStudy) -> str:
    said = study.author_texts.get("quality")
    if said or not has_quality(study.effects):
        return said
    return "Rated by the standards of COSMIN for internal consistency."


def _synthesis(study: RGStudy) -> str:
    if not is_pooled(study):
        return "The coefficients were described and not pooled."
    dependent = study.pooled is not None and study.pooled.dependent
    common = study.method == "CE" and not dependent
    model = "A common-effect model" if common else "Random-effects models"
    text = f"{model} of coefficients on {SHORT_SCALE[study.measure]}"
    if dependent:
        text += ", with three levels where studies give several coefficients"
    scale = "alpha" if study.pooled is not None else "the coefficients"
    return f"{text}; means and intervals are on the scale of {scale}."


def _included(study: RGStudy) -> str:
    used = study.effects[study.effects["yi"].notna()]
    if study.pooled is None:
        done = "can be pooled" if is_pooled(study) else "give coefficients"
        one = "can be pooled" if is_pooled(study) else "gives a coefficient"
        many = used["study_id"].nunique()
        return f"{_studies(many)} {one if many == 1 else done}."
    row = study.pooled.row()
    return (
        f"{_studies(row['k_studies'])} with {count(row['k'])} coefficients of the "
        f"{study.main_scale} scale and {count(row['n'])} respondents, summed over "
        f"coefficients, for {study.title or study_title(study)}."
    )


def _studies(many: int) -> str:
    return "One study" if many == 1 else f"A total of {count(many)} studies"
