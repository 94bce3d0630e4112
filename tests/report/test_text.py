"""Sentences about a study say what its models say."""

import pandas as pd
from report_studies import adversarial, simulated
from report_words import two

from waistats import generalize, load_dataset
from waistats._format import coefficient, fixed, interval
from waistats.report.blocks import words_of
from waistats.report.discussion import practice
from waistats.report.limits import limitations
from waistats.report.method import methods_paragraphs
from waistats.report.render_html import study_page
from waistats.report.sections import study_sections
from waistats.report.text import (
    answers,
    moderators_sentence,
    results_paragraph,
)
from waistats.tables._names import named_tests


def test_summary_has_the_numbers_of_the_model(wai):
    words = results_paragraph(wai)
    fit, row = wai.overall, wai.pooled.row()
    robust = wai.pooled.robust.predict().iloc[0]
    assert coefficient(fit.predict()["estimate"].iloc[0], 2) in words
    assert interval(robust["ci_low"], robust["ci_high"], two) in words
    assert f"between {two(row['pi_low'])} and {two(row['pi_high'])} (95% pred" in words
    assert f"Q({fit.Q_df}) = {fixed(fit.Q, 2)}" in words
    assert f"tau = {fixed(fit.tau2**0.5, 3)} on the Bonett scale" in words
    assert f"I2 = {fixed(fit.I2, 1)}%" in words
    assert f"Across {fit.k} coefficients from 11 studies" in words


def test_a_report_of_another_kind_than_alpha_gives_its_answer():
    table = load_dataset("cesd").assign(coefficient_type="omega", se=0.02)
    study = generalize(table)
    row = study.scales.iloc[0]
    answer, moderators, use = answers(study)
    assert moderators == "No moderator has enough studies to be tested."
    assert "the mean omega coefficient is good enough for" in use
    assert answer.startswith("Across 9 omega coefficients of the total scale from 9 ")
    assert f"the mean was {two(row['estimate'])}, 95% CI [" in answer
    page = study_page(study).replace("\u00a0", " ")
    assert answer.rpartition(", the mean")[2] in page
    first, _ = methods_paragraphs(study)
    assert "pooled on −ln(1 − ρ) (Bonett, 2002);" in first
    assert "whose variance depends" not in first
    assert "Variances of omega coefficients come from the standard errors" in first
    table = next(b for s in study_sections(study, keep={"studies"}) for b in s.blocks)
    assert table.heads[-1] == "ω"
    assert study_sections(study, keep={"spread"}) == []


def test_other_scales_and_the_rate_of_induction_are_in_the_results():
    words = results_paragraph(
        generalize(
            pd.concat(
                [
                    load_dataset("cesd"),
                    load_dataset("cesd").assign(scale="short", estimate=0.8),
                ]
            ).assign(reliability_status="reported_own")
        )
    )
    assert "Of 9 studies that applied the instrument, 0 induced reliability" in words
    assert (
        "Pooled apart from these, with 95% CIs: alpha of the short scale .80 [" in words
    )
    assert words.count("(k = 9)") == 1


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


def test_reasons_of_a_screen_name_moderators_in_words():
    """As the app's cards show them: no names of columns."""
    study = generalize(load_dataset("mibs"))
    screen = study.screen.assign(why="not distinguishable from n_items and year")
    (why,) = set(named_tests(study, screen)["why"])
    assert why == "not distinguishable from number of items and year"
