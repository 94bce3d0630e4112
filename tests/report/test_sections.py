"""Which sections a report has, in which order, and how their sentences read."""

import itertools
import re

from lxml import html

from waistats import generalize, load_dataset
from waistats.report.blocks import words_of
from waistats.report.method import methods_paragraphs
from waistats.report.sections import study_sections

EVERY = [
    "summary", "results", "methods", "intake", "instruments", "flow", "studies", "included",
    "descriptives", "pooled", "parts", "moderators", "spread", "sensitivity",
    "multiverse", "practice", "excluded", "limitations", "data", "variables", "regema",
    "again", "references",
]  # fmt: skip


def test_every_section_is_there_in_order(page):
    tree = html.fromstring(page)
    ids = [section.get("aria-labelledby") for section in tree.iter("section")]
    assert ids == EVERY
    levels = [int(h.tag[1]) for h in tree.iter("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_no_sentence_begins_with_a_digit(wai_sections, literature_sections):
    for sections in (wai_sections, literature_sections):
        for section in sections:
            if section.id in {"references", "studies", "included", "intake"}:
                continue
            for text in words_of([section]):
                assert not re.search(r"(?:^|[.!?] )\d", text), text


def test_no_instruction_and_no_argument_of_the_program_in_the_text(
    wai_sections, literature_sections
):
    for sections in (wai_sections, literature_sections):
        text = " ".join(words_of([s for s in sections if s.id != "again"]))
        assert not re.search(r"\b\w+\('|\b[a-z_]+=['\"]|--[a-z]+|waistats \w+", text)


def test_notes_of_every_frame_stand_in_the_report(literature, literature_sections):
    words = " ".join(words_of(literature_sections)).casefold()
    frames = (literature.cells, literature.scales, literature.screen,
              literature.robustness, literature.levels)  # fmt: skip
    notes = {str(n) for f in frames for n in f["note"].dropna() if str(n)}
    # a list of what was not tested needs no word for that
    notes = {n.removeprefix("descriptive only: ") for n in notes}
    # what is said of several thresholds at once
    below = re.compile(r"no coefficient lies below [.\d]+ (\([^)]*\)).*", re.I)
    notes = {below.sub(r"no coefficient lies below the threshold \1", n) for n in notes}
    assert notes
    assert [n for n in notes if n.casefold().rstrip(".") not in words] == []


def test_sentences_hold_for_a_table_of_nine_studies():
    study = generalize(load_dataset("cesd"))
    sections = study_sections(study)
    words = " ".join(words_of(sections))
    # nothing was tested, so nothing is said to have been
    assert "Moderators were tested" not in words
    assert "Holm" not in " ".join(methods_paragraphs(study))
    # alphas of .900 and .908 are not one alpha in print
    assert "No choice matters" not in words
    # no instruction, no advice
    for text in ("Choose a heading", "estimated anew", "code some studies twice"):
        assert text not in words
    # the power of a test is named where it is given, not promised for all
    assert "stands with it" not in words
    # who is influential is called by name, as in the table of studies
    assert "Martire et al. (1997)" in words
    captions = [b.caption for s in sections for b in s.blocks if hasattr(b, "caption")]
    assert "Pooled Reliability by Version, Rater and Scale" not in captions
