"""The classroom: its numbers are the package's, and its text is a program."""

import contextlib
import io
import re

import pandas as pd
import pytest

import waistats as ws
from waistats.app._teaching import (
    SEED,
    check_seed,
    classroom,
    teaching_commands,
    teaching_python,
)
from waistats.cli.reproduce import taught
from waistats.errors import ModelError


@pytest.fixture(scope="module")
def lessons():
    return {one.id: one for one in classroom()}


def frame_of(lesson, name):
    (found,) = [one.frame for one in lesson.tables if one.name == name]
    return found


def assert_same(found, wanted):
    columns = [c for c in found if c in wanted]
    assert {"estimate", "mean", "n"} & set(columns)
    pd.testing.assert_frame_equal(
        found[columns].reset_index(drop=True),
        wanted[columns].reset_index(drop=True),
        check_exact=True,
        check_dtype=False,
    )


def test_the_truth_comes_last(lessons):
    assert [one.when for one in lessons.values()] == (
        ["before"] * 2 + ["then"] * 2 + ["today"] * 3 + ["truth"]
    )
    assert list(lessons)[-1] == "truth"
    early = [t.frame for one in list(lessons.values())[:-1] for t in one.tables]
    assert not any({"truth", "true_tau"} & set(frame) for frame in early)


def test_everything_simulated_says_so(lessons):
    for lesson in lessons.values():
        for shown in lesson.tables:
            if shown.name in ("original", "beside"):
                continue
            assert "SIMULATED" in shown.caption
            assert (shown.frame["provenance"] == "SIMULATED").all()
        for picture in lesson.pictures:
            # the mark itself is drawn as letters, which tests of the figures look at
            assert "SIMULATED" in picture.caption
            assert "SIMULATED" in re.search('aria-label="([^"]*)"', picture.svg)[1]


def test_of_the_original_only_what_its_file_holds_is_told(lessons):
    facts = ws.load_dataset("hanson2002").set_index("fact")["value"]
    frame = frame_of(lessons["original"], "original")
    told = " ".join(map(str, frame["value"]))
    assert told == (
        "5 12 67 6 4 .79 to .97 .92 client and therapist sample size, by simple "
        "bivariate correlations, for WAI total scores (observer version)"
    )
    assert lessons["original"].words[0] == facts["citation"]


def test_numbers_are_those_of_reproduce(lessons):
    made = taught()
    assert_same(frame_of(lessons["pooled"], "pooled"), made.simulated.cells)
    assert_same(frame_of(lessons["truth"], "truth"), made.truth)


def test_the_text_gives_the_same_numbers(lessons):
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(teaching_python(), "copied.py", "exec"), names)
    assert_same(frame_of(lessons["described"], "described"), names["described"])
    assert_same(frame_of(lessons["pooled"], "pooled"), names["study"].cells)
    assert_same(
        frame_of(lessons["predicted"], "predicted"), names["prediction"].to_frame()
    )
    assert_same(frame_of(lessons["truth"], "truth"), names["beside"])
    found = frame_of(lessons["correlated"], "correlated")
    wanted = pd.concat([names["correlated"], names["observers"]], ignore_index=True)
    assert_same(found.drop(columns="characteristic"), wanted)
    shown = frame_of(lessons["explained"], "explained")
    columns = ["moderator", "p_value", "R2"]
    wanted = names["study"].screen[columns]
    pd.testing.assert_frame_equal(shown[columns], wanted, check_exact=True)


def test_every_step_has_its_lines(lessons):
    whole = teaching_python()
    for lesson in list(lessons.values())[1:]:
        assert lesson.python in whole
        assert lesson.ask.endswith("?")


def test_another_seed_is_another_draw(lessons):
    told = []
    other = {one.id: one for one in classroom(7, lambda *step: told.append(step))}
    first, second = (
        frame_of(one["pooled"], "pooled")["estimate"] for one in (lessons, other)
    )
    assert (first != second).all()
    assert "simulate_hanson_study(7)" in teaching_python(7)
    assert teaching_commands(SEED) == "waistats reproduce"
    assert teaching_commands(7).startswith("# ")
    assert [part for _, part in told] == sorted(part for _, part in told)


@pytest.mark.parametrize("seed", [-1, 1.5, "x", None, 2**40])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ModelError, match="whole number"):
        check_seed(seed)
