"""Tables of the pooled results, and the checks of every scale."""

import pandas as pd
from lxml import html
from report_words import text_of, two

from waistats import generalize, load_dataset
from waistats.report.blocks import Table
from waistats.report.sections import study_sections


def test_cells_of_the_page_are_those_of_the_frame(literature, literature_page):
    tree = html.fromstring(literature_page)
    tables = {
        text_of(p.find("i")): p.getparent().xpath(".//tbody/tr")
        for p in tree.xpath("//p[@class='caption']")
    }
    title = "Pooled Reliability by Version, Rater and Scale (SIMULATED data)"
    shown = [[text_of(cell) for cell in row] for row in tables[title]]
    # one coefficient per study: studies are not counted a second time
    assert [row[5] for row in shown] == [two(v) for v in literature.cells["estimate"]]
    assert [row[3] for row in shown] == [str(k) for k in literature.cells["k"]]


def test_every_scale_with_ten_studies_is_checked_for_reporting():
    cesd = load_dataset("cesd")
    more = pd.concat([cesd, cesd.head(3).assign(study_id=["x", "y", "z"])])
    more = more.assign(coefficient_id=[f"c{i}" for i in range(12)], scale="bond")
    table = pd.concat([cesd.assign(scale="total"), more], ignore_index=True)
    (section,) = study_sections(generalize(table), keep={"parts"})[:1]
    (checks,) = [b for b in section.blocks if isinstance(b, Table)
                 and b.caption.startswith("Small-Study")]  # fmt: skip
    assert list(checks.frame["part"].unique()) == ["Alphas of the Bond Scale"]
    assert len(checks.frame) == 5
