"""The main job."""

import pandas as pd
import pytest

from waistats.cli.reproduce import (
    cesd_check,
    collection_text,
    noted_text,
    published,
    taught,
)


@pytest.fixture(scope="module")
def made():
    return published()


@pytest.fixture(scope="module")
def lesson():
    return taught()


def test_agrees_with_metafor():
    check = cesd_check()
    relative = (check["difference"] / check["metafor"]).abs()
    # metafor's numbers were noted to 7 significant digits at best, tau2 to 5
    assert relative.max() < 2e-5
    assert len(check) == 15


def test_simulated_study_has_the_shape_of_the_original(lesson):
    table = lesson.simulated.coefficients
    assert len(table) == 67
    assert (table["provenance"] == "SIMULATED").all()
    cells = lesson.simulated.cells
    assert len(cells) == 12
    assert cells.groupby(["instrument", "rater"]).ngroups == 5
    assert lesson.simulated.simulated


def test_truth_is_recovered(lesson):
    # 95 % intervals of 12 cells; fewer than 9 covered has probability below 1 in 500
    assert lesson.truth["covered"].sum() >= 9
    assert (lesson.truth["estimate"] - lesson.truth["truth"]).abs().max() < 0.06


def test_the_published_coefficients_show_form_and_rater_first(made):
    said = collection_text(made)
    cells, overall = said.index("WAI-S       client"), said.index("All forms and")
    assert said.index("Form and rater first") < cells < overall
    assert said.startswith("75 coefficients of 27 studies: the values found")
    for part in (
        "35 coefficients of 11 studies can be pooled, 10 of them from treatment at a "
        "distance and 19 computed by the coder from open answers; the other 40 cannot",
        "5 of 29 studies induce reliability",
        "not a rate for the literature",
        made.wai.sentence(),
    ):
        assert part in said.replace("\n", " ")
    shown = made.wai.cells["estimate"].notna()
    assert f"{(~shown).sum()} other cells have fewer than three studies" in said


def test_original_facts_stand_beside(made):
    facts = made.original.set_index("fact")["original"]
    assert facts["versions of the WAI"] == "5"
    assert facts["modal reliability"] == ".92"
    assert facts["lowest mean of a scale"] == ".79"


def test_notes_of_the_terminal_are_whole_and_below_the_table():
    note = "Too few studies for a robust interval: the wider of two is shown. " * 3
    frame = pd.DataFrame({"scale": ["a", "b", "c"], "note": [note, "", note]})
    said = noted_text(frame, 3)
    assert " ".join(said.split()).count(note.strip()) == 1
    assert [line.split()[-1] for line in said.splitlines()[1:4]] == ["a", "b", "a"]
    assert max(map(len, said.splitlines())) <= 90
