"""Certainty, as far as the data tell it."""

from waistats import generalize, load_dataset
from waistats.report.blocks import words_of
from waistats.report.certainty import grades
from waistats.report.sections import study_sections


def test_certainty_counts_what_the_data_tell():
    table = load_dataset("cesd").assign(
        unidim_checked="no", per_subscale_reported="yes"
    )
    study = generalize(table)
    rows = {row["domain"]: row for row in grades(study)}
    assert (
        rows["Risk of bias"]["found"]
        == "studies: 0 very good, 9 doubtful, 0 inadequate"
    )
    assert [row["steps"] for row in rows.values()] == [1, 0, 0, None]
    words = " ".join(words_of(study_sections(study, keep={"certainty"})))
    assert "is at most moderate, unless indirectness, which is still to be" in words
    few = table.assign(n=8, estimate=[0.6] * 4 + [0.8] * 5)
    assert [row["steps"] for row in grades(generalize(few))] == [1, 1, 1, None]
    assert study_sections(generalize(load_dataset("cesd")), keep={"certainty"}) == []
