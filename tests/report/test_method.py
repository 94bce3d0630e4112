"""What the methods of a report say, and that it was done."""

from report_studies import adversarial, simulated

from waistats import generalize, load_dataset
from waistats.report.abstract import abstract_parts
from waistats.report.blocks import words_of
from waistats.report.method import methods_paragraphs
from waistats.report.sections import study_sections
from waistats.report.text import results_paragraph


def test_methods_follow_the_options():
    table = load_dataset("cesd")
    study = generalize(table, measure="hakstian-whalen", method="DL", conf_level=0.9)
    words = " ".join(words_of(study_sections(study, keep={"methods"})))
    assert "Hakstian & Whalen, 1976" in words
    assert "estimated by DL" in words
    assert "90% prediction interval" in words
    assert "Bonett" not in words
    assert "CR2" not in words


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
