"""The short report, set as a paper."""

from pathlib import Path

import pandas as pd
from lxml import html
from report_studies import simulated
from report_words import text_of

from waistats import generalize, load_dataset, read_responses, reliability_by_study
from waistats.report.blocks import Table
from waistats.report.sections import study_sections


def test_a_short_table_says_what_it_leaves_out():
    table = load_dataset("cesd")
    many = pd.concat(
        [table.assign(scale=f"s{i:02d}", estimate=0.8) for i in range(20)] + [table]
    )
    study = generalize(many)
    shown = next(
        b
        for s in study_sections(study, short=True)
        for b in s.blocks
        if isinstance(b, Table)
    )
    assert shown.caption == "Pooled Reliability: the 14 Largest of 21 Combinations"
    assert shown.frame["instrument"].iloc[0] == "All"


def test_short_report_is_set_as_a_paper(literature, tmp_path):
    path = literature.report(tmp_path / "short.html", short=True)
    tree = html.fromstring(path.read_text(encoding="utf-8"))
    ids = [s.get("aria-labelledby") for s in tree.iter("section")]
    assert ids == [
        "summary", "methods", "results", "sensitivity", "limitations", "references",
    ]  # fmt: skip
    assert len(tree.xpath("//figure")) == 1
    assert 1 <= len(tree.xpath("//table[not(@class='slices')]")) <= 2
    (copied,) = tree.xpath("//button[@data-copy='p']/../preceding-sibling::p[1]")
    assert text_of(copied).startswith("Of 60 studies that applied the instrument, 36 ")
    assert "The pooled alphas by" in text_of(copied)
    words = len(text_of(tree.find("body")).split())
    assert 800 < words < 2500


def test_a_short_report_without_a_model_lists_the_coefficients():
    cases = Path(__file__).parents[1] / "cases"
    responses = read_responses(cases / "clinic.sav")
    table = reliability_by_study(
        responses,
        study="site",
        by="session",
        person="client",
        raters={"client": "WAI_C_", "therapist": "wait"},
        instrument="WAI-SR",
    )
    study = generalize(table)
    assert study.pooled is None
    results = next(
        one for one in study_sections(study, short=True) if one.id == "results"
    )
    (listed,) = [one for one in results.blocks if one.kind == "table"]
    assert listed.heads[:4] == ["Study", "Session", "Rater", "Scale"]
    assert len(listed.rows()) == len(table)
    assert [one.name for one in results.blocks if one.kind == "figure"] == ["box"]


def test_columns_of_two_studies_may_stand_in_any_order():
    # the numbers between the identifier and the scale
    table = simulated(2)
    assert list(table)[1:6] == [
        "coefficient_id",
        "estimate",
        "n",
        "n_items",
        "scale",
    ]
    sections = study_sections(generalize(table), short=True)
    results = next(one for one in sections if one.id == "results")
    (listed,) = [one for one in results.blocks if one.kind == "table"]
    assert listed.heads == ["Study", "Rater", "Scale", "α", "n"]
