"""Where the coefficients come from: search, flow, induction, quality."""

import numpy as np
import pandas as pd
from lxml import html
from report_studies import simulated
from report_words import text_of

from waistats import generalize, load_dataset, read_coefficients
from waistats.datasets.simulated_studies import simulate_literature
from waistats.report.blocks import words_of
from waistats.report.sections import study_sections
from waistats.report.sources import flow_steps, induction, search_words


def test_induction_has_a_section_where_the_table_knows_of_it(literature_page):
    tree = html.fromstring(literature_page)
    words = text_of(tree.get_element_by_id("induction").getparent())
    assert "Of 60 studies that applied the instrument, 36 induced reliability" in words
    assert "a rate of induction of .60, 95% CI [" in words
    assert "Inducing samples differ from reporting ones" in words


def test_the_search_is_told_as_it_was_counted(literature):
    table = read_coefficients(simulate_literature().table)
    log = pd.DataFrame(
        {
            "decision": ["duplicate"] * 3 + ["not_retrieved"] + ["included"] * 60,
            "provenance": "SIMULATED",
        }
    )
    study = generalize(table, screening=log)
    assert search_words(study) == (
        "The search found 64 records, of which 60 were assessed in full; 60 studies were "
        "included, of which 24 report a coefficient of their own data."
    )
    made = study_sections(study, short=True)
    words = " ".join(words_of(made))
    assert search_words(study) in words
    assert "Of small-study tests, the regression on the standard error has p " in words


def test_flow_of_a_plain_table_adds_up(wai):
    steps = flow_steps(wai).set_index("box")
    k = steps["coefficients"]
    assert k["Coefficients in the data"] == len(wai.coefficients) == 75
    valued = k["Coefficients in the data"] - k["Without a value: a range or a bound"]
    assert k["With a value"] == valued == wai.coefficients["estimate"].notna().sum()
    assert k["Can be pooled"] == k["With a value"] - k["Cannot be pooled"] == 35
    assert k["In the overall model (total)"] == wai.overall.k
    why = steps.loc["Cannot be pooled", "note"]
    assert "another kind of coefficient (test–retest): 5;" in why
    assert "_" not in why


def test_flow_keeps_subscales_apart():
    table = load_dataset("cesd").assign(scale=["total"] * 5 + ["somatic"] * 4)
    steps = flow_steps(generalize(table)).set_index("box")
    assert steps.loc["Other scales or kinds, pooled separately", "coefficients"] == 4
    assert steps.loc["In the overall model (total)", "coefficients"] == 5
    assert "Cannot be pooled" not in steps.index


def test_flow_with_induction_ends_in_the_model(literature):
    steps = flow_steps(literature)
    assert steps["box"].iloc[0] == "Coded"
    assert steps["box"].iloc[-1] == "In the overall model (total)"
    assert steps["studies"].iloc[-1] == literature.overall.k == 24


def inducing(low, high):
    """SIMULATED: mean ages of ten inducing samples beside ten that report."""
    rng = np.random.default_rng(5)
    table = simulated(10)
    other = table.assign(
        study_id=[f"Induced {i}" for i in range(10)],
        estimate=np.nan,
        reliability_status="omitted",
        rater="client",
    )
    both = pd.concat([table, other], ignore_index=True).drop(columns="score_sd")
    ages = np.r_[rng.normal(30, 5, 10), rng.normal(low, 5, 10)]
    women = np.r_[rng.uniform(40, 60, 10), rng.uniform(40, high, 10)]
    return both.assign(mean_age=ages, pct_female=women)


def test_inducing_samples_differ_by_adjusted_tests_only():
    words = " ".join(words_of(induction(generalize(inducing(60, 60)))))
    assert (
        "Inducing samples differ from reporting ones in mean age (adjusted p" in words
    )
    assert "are adjusted for the number of differences" in words
    near = generalize(inducing(30, 60))
    words = " ".join(words_of(induction(near)))
    assert "samples differ from" not in words
    assert "that does not show that they are alike" in words
