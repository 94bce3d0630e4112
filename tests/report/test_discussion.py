"""Implications for use: the notes of the model and of its probabilities."""

from report_studies import adversarial

from waistats.report.blocks import words_of
from waistats.report.sections import study_sections


def test_practice_has_the_notes_of_the_model_and_of_probabilities():
    study = adversarial("dependent")
    words = " ".join(words_of(study_sections(study, keep={"practice"})))
    assert "since PM is an estimator of one level" in words
    assert "those stated as .50 to .60 were" in words
    assert "docs/" not in words
