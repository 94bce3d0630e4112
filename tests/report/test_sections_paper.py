"""What a report prints is a paper's: no code, no instructions."""

import re

import pytest
from report_studies import FEW, adversarial

from waistats import generalize, load_dataset, read_coefficients
from waistats.datasets.simulated_studies import simulate_literature
from waistats.report.abstract import abstract_parts
from waistats.report.blocks import words_of
from waistats.report.limits import limitations
from waistats.report.method import methods_paragraphs
from waistats.report.sections import study_sections
from waistats.report.text import results_paragraph
from waistats.tables._paper import CODE

# what others wrote, and what is code by its nature
NOT_OURS = {"studies", "included", "references", "again", "data", "excluded", "regema"}


# names of options and columns that a reader of a paper does not know
NAMES = re.compile(
    r"\b(?:n_items|study_id|sample_id|coefficient_id|score_sd|score_mean|small_sample|"
    r"pi_low|pi_high|ci_low|ci_high|fit_\w+|effect_sizes|within_correlation)\b"
)


def stored(name):
    """The studies of the docs, and a SIMULATED one of 90 studies."""
    if name == "simulated":
        return generalize(read_coefficients(simulate_literature(90).table))
    return generalize(load_dataset(name))


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
