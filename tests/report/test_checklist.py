"""The checklists: what a report fills, and what is left to its authors."""

import pandas as pd

from waistats import generalize, load_dataset, read_coefficients
from waistats.datasets.simulated_studies import simulate_literature
from waistats.report.blocks import Link, figures_of
from waistats.report.checklist import (
    AUTHOR,
    FILLED,
    PARTLY,
    checklist,
    prisma_checklist,
)
from waistats.report.render_html import study_page
from waistats.report.sections import study_sections
from waistats.rg.texts import KEYS


def test_checklist_has_thirty_items_that_say_where(wai, wai_sections, literature):
    ids = {s.id for s in wai_sections} | {"colophon"}
    items = checklist(wai, ids)
    assert [item.number for item in items] == [str(i) for i in range(1, 31)]
    parts = pd.Series([item.part for item in items]).value_counts().to_dict()
    assert parts == {
        "Title": 1, "Abstract": 1, "Introduction": 2, "Methods": 14, "Results": 6,
        "Discussion": 4, "Funding": 1, "Protocol": 1,
    }  # fmt: skip
    for item in items:
        assert item.status in {FILLED, PARTLY, AUTHOR}
        assert (item.where in ids) == (item.status != AUTHOR)
        assert bool(item.author) == (item.status != FILLED)
    assert items[8].status == AUTHOR
    found = checklist(literature, ids | {"induction"})
    assert [found[i].status for i in (8, 9, 22)] == [FILLED] * 3
    table = next(s for s in wai_sections if s.id == "regema").blocks[0]
    links = [value for value in table.frame["where"] if isinstance(value, Link)]
    assert len(links) == sum(item.where != "" for item in items)


def test_checklist_without_a_pooled_model():
    table = load_dataset("cesd").head(2)
    study = generalize(table)
    ids = [s.id for s in study_sections(study)]
    assert not {"moderators", "sensitivity", "multiverse", "practice"} & set(ids)
    items = checklist(study, set(ids))
    assert items[20].status == items[21].status == AUTHOR
    assert "three studies" in items[21].author
    # nothing is said of models that were not fitted
    assert all(items[place].status == AUTHOR for place in (11, 12, 13, 14, 15, 19))
    prisma = prisma_checklist(study, set(ids))
    assert all(prisma[place].status == AUTHOR for place in (11, 12, 13, 19, 20))
    page = study_page(study)
    assert "Alphas of two studies are too few to be pooled" in page
    assert "described and not pooled" in page
    assert "pooled on" not in page
    assert "Pooled Reliability" not in page
    assert "Both coefficients are described." in page


def test_texts_log_and_second_coder_fill_the_checklists(literature):
    table = read_coefficients(simulate_literature().table)
    log = pd.DataFrame(
        {
            "decision": ["duplicate"] * 3 + ["not_retrieved"] + ["included"] * 24,
            "provenance": "SIMULATED",
        }
    )
    texts = dict.fromkeys(KEYS, "SIMULATED text.")
    study = generalize(
        table, "~ n_items", screening=log, coders=table.head(20), texts=texts
    )
    keep = {"background", "methods", "flow", "quality", "discussion", "declarations",
            "summary", "limitations", "studies"}  # fmt: skip
    sections = study_sections(study, keep=keep)
    ids = {s.id for s in sections} | {"colophon", "data", "induction", "pooled"}
    ids |= {"moderators", "sensitivity", "practice", "instruments"}
    assert [i.number for i in checklist(study, ids) if i.status != FILLED] == []
    left = [i.number for i in prisma_checklist(study, ids) if i.status != FILLED]
    assert left == []
    plain = checklist(literature, ids)
    assert {plain[i].status for i in (3, 4, 5, 10, 27, 28, 29)} == {AUTHOR}
    assert plain[4].author == "the criteria"
    names = [f.name for f in figures_of(sections)]
    assert names[:2] == ["prisma", "flow"]
