"""The abstract of a report, and its checklist."""

from waistats import generalize, read_coefficients
from waistats.datasets.simulated_studies import simulate_literature
from waistats.report.abstract import abstract
from waistats.report.checklist import (
    FILLED,
    PARTLY,
    abstract_checklist,
    prisma_checklist,
)


def test_abstract_and_its_checklist_hold_what_was_given(literature):
    table = read_coefficients(simulate_literature().table)
    texts = {"question": "How reliable?", "funding": "None.", "title": "A review"}
    study = generalize(table, texts=texts)
    (section,) = abstract(study)
    said = [block.text for block in section.blocks]
    assert said[0] == "Objective: How reliable?"
    assert any(text.startswith("Results: The pooled alphas") for text in said)
    items = abstract_checklist(study)
    assert len(items) == 12
    left = {i.part for i in items if i.status != FILLED}
    assert left == {"Eligibility", "Sources", "Risk of bias", "Limitations",
                    "Interpretation", "Registration"}  # fmt: skip
    item = prisma_checklist(study, {"abstract"})[1]
    assert (item.status, item.where) == (PARTLY, "abstract")
    assert item.author == "items 3, 4, 5, 9, 10, 12 of the checklist for abstracts"
    assert abstract(literature) == []
