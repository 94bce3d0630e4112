"""What a report prints follows its tests, and is a paper's: no code, no instructions."""

import re

import numpy as np
import pandas as pd
import pytest

from waistats import generalize, load_dataset, read_coefficients
from waistats.datasets.simulated_studies import simulate_literature
from waistats.report._paper import CODE, for_paper
from waistats.report.abstract import abstract_parts
from waistats.report.blocks import words_of
from waistats.report.discussion import practice
from waistats.report.limits import limitations
from waistats.report.method import methods_paragraphs
from waistats.report.moderators import moderators
from waistats.report.sections import study_sections
from waistats.report.sources import induction
from waistats.report.text import (
    moderators_sentence,
    results_paragraph,
)

# what others wrote, and what is code by its nature
NOT_OURS = {"studies", "included", "references", "again", "data", "excluded", "regema"}
# names of options and columns that a reader of a paper does not know
NAMES = re.compile(
    r"\b(?:n_items|study_id|sample_id|coefficient_id|score_sd|score_mean|small_sample|"
    r"pi_low|pi_high|ci_low|ci_high|fit_\w+|effect_sizes|within_correlation)\b"
)


def simulated(studies, each=1, tau=0.3, *, n=(40, 200), seed=3, items=12, mean=1.9):
    """SIMULATED alphas by their exact law, ``each`` of every study."""
    rng = np.random.default_rng(seed)
    rows = []
    for study in range(studies):
        own = rng.normal(0, tau)
        for place in range(each):
            size = int(rng.integers(*n))
            true = mean + own + (rng.normal(0, 0.1) if tau else 0.0)
            ratio = rng.f(size - 1, (size - 1) * (items - 1))
            rows.append(
                {
                    "study_id": f"Study {study:02d}",
                    "coefficient_id": str(place),
                    "estimate": 1 - np.exp(-true) / ratio,
                    "n": size,
                    "n_items": items,
                    "scale": "total",
                    "coefficient_type": "alpha",
                    "instrument": "X",
                    "rater": "client" if study % 2 else "observer",
                    "year": 1990 + study,
                    "score_sd": rng.uniform(6, 12),
                    "response_min": 1,
                    "response_max": 5,
                    "score_metric": "sum",
                    "reliability_status": "reported_own",
                    "provenance": "SIMULATED",
                }
            )
    return pd.DataFrame(rows)


def adversarial(name):
    """Studies that have every note that a model can have."""
    if name == "biased":
        return generalize(simulated(60, 1, 0.05, n=(15, 25)))
    if name == "alike":
        return generalize(simulated(8, 1, 0.0, seed=11).assign(estimate=0.85))
    if name == "dependent":
        return generalize(simulated(6, 3), method="PM")
    if name == "common":
        return generalize(simulated(12), method="CE")
    if name == "common, dependent":
        return generalize(simulated(6, 3), method="CE")
    if name == "exploding":
        return generalize(simulated(3, 4, 0.6))
    if name == "three":
        return generalize(simulated(3, 1, 0.9))
    if name == "metafor":
        return generalize(simulated(10, 1, 0.1), prediction="metafor")
    if name == "unequal":
        sizes = np.resize([20, 50, 100, 300], 5)
        return generalize(simulated(5).assign(n=sizes))
    assert name == "modelled"
    return generalize(simulated(7, 2), moderators="~ rater")


FEW = (
    "biased", "alike", "dependent", "common", "common, dependent", "exploding", "three",
    "metafor", "unequal", "modelled",
)  # fmt: skip


def stored(name):
    """The studies of the docs, and a SIMULATED one of 90 studies."""
    if name == "simulated":
        return generalize(read_coefficients(simulate_literature(90).table))
    return generalize(load_dataset(name))


@pytest.mark.parametrize("note", [
    'It covers 88% (docs/promises.md). bias="exact" removes it (docs/promises.md).',
    "It covers 88%. Use fewer moderators.",
    "It covers 88%. fit_multilevel() with study_id as a level models the dependence.",
    "It covers 88%. Use effect_sizes(..., bias='none').",
    "It covers 88%. It is small_sample='knapp-hartung-adhoc'.",
    "It covers 88%. moderators='~ np.log(n_items)' takes that out.",
    "It covers 88%. Give `--bias exact`.",
])  # fmt: skip
def test_a_note_keeps_what_is_so_and_loses_what_to_do(note):
    assert for_paper(note) == "It covers 88%."


def test_numbers_and_tests_are_no_code():
    note = "F(1, 6) = 2.65, p = .155, R2 = 19.8%; Q(30) = 157.5 (k = 32; Holm, 1979)."
    assert for_paper(note) == note


@pytest.mark.parametrize("name", FEW)
def test_no_code_and_no_option_in_what_a_report_says(name):
    study = adversarial(name)
    said = [
        *methods_paragraphs(study),
        results_paragraph(study),
        *limitations(study),
        *(part.text for part in abstract_parts(study)),
    ]
    sections = study_sections(
        study, keep={"pooled", "moderators", "practice", "spread"}
    )
    for text in (*said, *words_of(sections)):
        assert not CODE.search(text), text
        assert not NAMES.search(text), text


@pytest.mark.slow
@pytest.mark.parametrize("short", [False, True], ids=["full", "short"])
@pytest.mark.parametrize("name", ["cesd", "mibs", "wai", "simulated"])
def test_no_code_in_the_reports_of_the_docs(name, short):
    sections = study_sections(stored(name), short=short)
    for section in sections:
        if section.id in NOT_OURS:
            continue
        for text in words_of([section]):
            assert not CODE.search(text), text
            assert not NAMES.search(text), text


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW)
def test_no_code_in_whole_reports(name):
    study = adversarial(name)
    for short in (False, True):
        for section in study_sections(study, short=short):
            if section.id in NOT_OURS:
                continue
            for text in words_of([section]):
                assert not CODE.search(text), text
                assert not NAMES.search(text), text


def test_statements_of_the_notes_stay_in_the_report():
    study = adversarial("biased")
    (note,) = [n for n in study.pooled.notes if "bias of the Bonett scale" in n]
    said = note.split(". bias=")[0]
    assert said in results_paragraph(study)
    assert any(said in text for text in limitations(study))
    assert said in " ".join(words_of(practice(study)))
    assert 'bias="exact"' in str(study)
    adhoc = adversarial("alike")
    assert adhoc.pooled.model == "one level, Knapp-Hartung ad hoc"
    assert "ad hoc form" in results_paragraph(adhoc)
    assert "ad hoc form" in " ".join(methods_paragraphs(adhoc))


def test_the_estimator_that_is_named_is_the_one_used():
    methods = " ".join(methods_paragraphs(adversarial("dependent")))
    assert "by PM in models of one level and by REML" in methods
    alone = " ".join(methods_paragraphs(generalize(simulated(6), method="PM")))
    assert "estimated by PM." in alone
    assert "REML" not in alone
    both = adversarial("common, dependent")
    assert both.pooled.fit.method == "REML"
    methods = " ".join(methods_paragraphs(both))
    assert "A common-effect model was fitted" not in methods
    assert "models of three levels by REML" in methods
    # what the three-level model gives is shown
    assert "prediction interval" in results_paragraph(both)
    assert "tau =" in results_paragraph(both)
    synthesis = {part.asks: part.text for part in abstract_parts(both)}
    assert "common-effect" not in synthesis["How results were synthesized"]


def test_a_test_of_two_degrees_of_freedom_says_no_difference():
    study = adversarial("three")
    assert study.pooled.fit.Q_df == 2
    assert study.pooled.fit.Q_p < 0.001
    text = results_paragraph(study)
    assert "differed" not in text
    assert "do not tell whether reliability differs" in text
    assert "Reliability differed between samples" in results_paragraph(
        adversarial("dependent")
    )


def test_cells_with_a_note_are_not_said_to_be_too_small():
    text = " ".join(limitations(adversarial("biased")))
    assert adversarial("biased").cells["note"].ne("").all()
    assert "too few studies to be pooled" not in text
    few = " ".join(limitations(adversarial("three")))
    assert "too few studies to be pooled" in few


def aliased():
    """SIMULATED: two versions of two lengths, and 16 studies."""
    table = simulated(16, tau=0.15, seed=4)
    second = np.arange(16) >= 8
    table["instrument"] = np.where(second, "Long", "Short")
    table["n_items"] = np.where(second, 36, 12)
    table["estimate"] = np.clip(
        table["estimate"] + np.where(second, 0.04, -0.04), 0, 0.99
    )
    return table.drop(columns=["year", "score_sd"])


def test_aliased_moderators_are_merged_and_said_in_words():
    study = generalize(aliased())
    row = study.screen.set_index("moderator").loc["instrument"]
    assert row["p_adjusted"] < 0.05
    assert not row["explains"]
    said = moderators_sentence(study)
    assert "Undecided: version (not distinguishable from number of items)" in said
    assert "explains" not in said
    words = " ".join(words_of(moderators(study))).casefold()
    assert "the same contrast as number of items" in words
    assert "tested once, under version" in words


def test_what_is_undecided_is_said_beside_what_holds():
    table = aliased()
    # a third moderator that decides: half of each version
    half = np.arange(16) % 2 == 0
    table["setting"] = np.where(half, "inpatient", "outpatient")
    table["estimate"] = 1 - (1 - table["estimate"]) * np.where(half, 0.35, 1.6)
    table["estimate"] = table["estimate"].clip(0.01, 0.99)
    study = generalize(table.drop(columns="rater"))
    said = moderators_sentence(study)
    assert re.search(r"setting \(adjusted p [<=] \.\d+\) explains differences", said)
    assert "Undecided: version (not distinguishable from number of items)" in said


def test_a_raw_p_below_the_level_is_no_difference_once_adjusted():
    screen = pd.DataFrame()
    for seed in range(200):
        study = generalize(simulated(14, tau=0.2, seed=seed))
        screen = study.screen.dropna(subset="p_value")
        least = screen["p_value"].min()
        if least < 0.05 <= screen["p_adjusted"].min():
            break
    assert least < 0.05 <= screen["p_adjusted"].min()
    assert not screen["explains"].any()
    assert "none was shown to explain" in moderators_sentence(study)
    assert "explains differences" not in results_paragraph(study)


def test_the_model_of_a_contrast_of_one_study_says_whose_test_it_is(request):
    path = request.path.parents[1] / "cases" / "one_study_against_rest.csv"
    study = generalize(read_coefficients(path), moderators="~ setting")
    words = " ".join(words_of(moderators(study)))
    assert "the model’s own test, since Study 01 alone determines a contrast" in words
    assert "setting: outpatient is determined by Study 01 alone" in words
    assert "explains" not in words


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


def test_practice_has_the_notes_of_the_model_and_of_probabilities():
    study = adversarial("dependent")
    words = " ".join(words_of(study_sections(study, keep={"practice"})))
    assert "since PM is an estimator of one level" in words
    assert "those stated as .50 to .60 were" in words
    assert "docs/" not in words
