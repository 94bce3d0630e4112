"""Tables of moderators show the frames of the study, and only what is filled."""

import pytest
from table_made import read_contents

from waistats import DataError, tables


def test_levels_are_those_of_the_study_on_the_alpha_scale(study):
    contents = read_contents(tables.levels(study))
    assert contents.rows[0] == ["Rater"]
    place = contents.heads.index("α")
    shown = [row[place] for row in contents.rows[1:]]
    assert shown == [f"{v:.2f}".lstrip("0") for v in study.levels["estimate"]]
    assert contents.rows == read_contents(tables.levels(study.levels)).rows


def test_a_screen_leaves_out_columns_without_a_value(study):
    contents = read_contents(tables.screen(study))
    assert len(contents.rows) == len(study.screen)
    assert "F" in contents.heads
    blank = study.screen.assign(slope=None, slope_se=None)
    heads = read_contents(tables.screen(blank)).heads
    assert "b" in contents.heads
    assert "b" not in heads
    assert "b = slope on the scale of pooling." in contents.notes[0]
    assert "b = slope" not in " ".join(read_contents(tables.screen(blank)).notes)


def test_correlates_are_r_and_called_by_words(study):
    frame = study.correlates.dropna(subset="estimate")
    contents = read_contents(tables.correlates(frame))
    assert "r" in contents.heads
    place = contents.heads.index("r")
    shown = [abs(float(row[place].replace("−", "-"))) for row in contents.rows]
    assert shown == [round(abs(value), 2) for value in frame["estimate"]]
    assert not any("_" in row[0] for row in contents.rows)


@pytest.mark.parametrize("table", [tables.levels, tables.screen, tables.correlates])
def test_other_frames_are_refused(table, study):
    with pytest.raises(DataError, match="lack"):
        table(study.coefficients.drop(columns="estimate"))
