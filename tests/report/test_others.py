"""Reports of other kinds of coefficients than alpha."""

import pandas as pd
import pytest
from report_studies import simulated

from waistats import generalize, load_dataset
from waistats.report.blocks import words_of
from waistats.report.checklist import checklist, prisma_checklist
from waistats.report.sections import study_sections
from waistats.report.text import results_paragraph


def of_kind(kind, **columns):
    """The nine studies as if their values were of another kind, SIMULATED."""
    table = load_dataset("cesd").assign(coefficient_type=kind, provenance="SIMULATED")
    more = pd.concat([table, table.assign(study_id=table["study_id"] + " b")])
    more = more.drop(columns=["sample_id", "coefficient_id"]).reset_index(drop=True)
    return generalize(more.assign(year=range(1990, 2008), **columns))


@pytest.mark.parametrize("kind", ["omega", "test_retest"])
def test_another_kind_than_alpha_has_a_whole_paper(kind):
    study = of_kind(kind, se=0.02)
    short = study_sections(study, short=True)
    blocks = [block for section in short for block in section.blocks]
    kinds = [(block.kind, getattr(block, "name", "")) for block in blocks]
    assert ("figure", f"forest_total_{kind}") in kinds
    assert ("table", "screen") in kinds
    words = " ".join(words_of(short))
    assert "One moderator was tested, year; no difference was shown." in words
    assert "none was" not in words
    assert "Q(17) = " in words
    assert "Without any one study the mean lies between" in words
    assert "the rank test" in words
    assert "the mean omega coefficient is" in words or kind != "omega"


def test_checklists_of_another_kind_find_what_is_there():
    study = of_kind("omega", se=0.02)
    sections = study_sections(study)
    ids = {section.id for section in sections}
    items = checklist(study, ids)
    assert items[20].where == items[21].where == "parts"
    assert prisma_checklist(study, ids)[13].where == "parts"
    words = " ".join(words_of(sections))
    assert "kept separate from alpha" not in words
    assert "Small-Study Checks of Every Scale and Kind" in words
    answer = results_paragraph(study)
    assert words.count(answer) == 1


def test_the_terminal_gives_what_is_pooled_where_no_alpha_is():
    table = simulated(8, 1, 0.2).assign(coefficient_type="icc")
    study = generalize(table.assign(icc_form="ICC(3,k)", n_raters=2))
    assert study.pooled is None
    (row,) = study.scales.to_dict("records")
    *_, first, pooled, note = study.heading().splitlines()
    assert first.endswith("a poolable alpha of the total scale: no overall model.")
    estimate = f"{row['estimate']:.3f}".lstrip("0")
    words = f"Pooled (total, k = 8, one level, Knapp-Hartung): ICC = {estimate}, "
    assert pooled.startswith(words)
    assert note == row["note"] != ""
    assert study.sentence() == f"{first}\n{pooled}"
    assert "coefficient of the total scale" in generalize(simulated(2)).sentence()


@pytest.mark.parametrize("short", [False, True])
def test_notes_of_the_only_kind_stand_in_a_table(short):
    # two raters, and one mean of both that no overall model gives
    table = simulated(8, 2, 0.2).assign(coefficient_type="icc", icc_form="ICC(3,k)")
    study = generalize(table.assign(n_raters=2), within_correlation=0.5)
    (mean,) = study.scales.to_dict("records")
    assert mean["note"] != ""
    sections = study_sections(study, short=short)
    made = next(s for s in sections if s.id == ("results" if short else "pooled"))
    tables = [block for block in made.blocks if block.kind == "table"]
    (row,) = [r for r in tables[0].rows() if "16" in r]
    assert tables[0].caption.startswith("Pooled Reliability")
    assert not short or row[0].startswith("All")
    assert mean["note"].split("(")[0] in tables[0].note


def test_a_short_report_without_a_pooled_cell_has_the_overall_row():
    study = generalize(simulated(4, 3, 0.2))
    assert study.cells["estimate"].isna().all()
    results = study_sections(study, short=True)[2]
    first = next(block for block in results.blocks if block.kind == "table")
    assert first.caption == "Pooled Reliability (SIMULATED data)"
    assert len(first.rows()) == 1
