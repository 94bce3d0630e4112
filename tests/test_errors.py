"""Errors that users see: their kinds, their lists, their hints."""

import numpy as np
import pytest

from waistats import ConvergenceError, DataError, ModelError, WaistatsError
from waistats.errors import check_conf_level, check_option, listing, near, visible


def test_errors_are_caught_by_one_name_and_by_pythons_own():
    for kind in (DataError, ModelError, ConvergenceError):
        assert issubclass(kind, WaistatsError)
    assert issubclass(DataError, ValueError)
    assert issubclass(ModelError, ValueError)


def test_signs_that_move_text_are_shown():
    assert visible("a\x1b[2Jb\u202ec\nd") == r"a\x1b[2Jb\u202ec\nd"
    assert visible("a\nb", keep="\n") == "a\nb"
    assert visible("Łukasz β 日本") == "Łukasz β 日本"


def test_long_lists_say_how_long_they_are():
    assert listing([1, "b", None]) == "1, b, None"
    assert listing(range(13)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 1 more"
    assert listing([]) == ""


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("REMML", ["REML", "DL"], " (did you mean 'REML'?)"),
        ("WAI-36", ["WAI-12"], ""),  # a number is no slip of spelling
        ("q1", ["q2"], ""),
        ("", ["raw"], ""),
        ("xyz", [], ""),
    ],
)
def test_hints_are_about_spelling(name, known, hint):
    assert near(name, known) == hint


def test_an_option_is_found_by_case_and_by_the_names_of_other_programs():
    assert check_option("method", "reml", ["REML", "ML"]) == "REML"
    assert check_option("measure", "ABT", ["bonett", "raw"]) == "bonett"
    # two options that differ by case alone are told apart, or refused
    assert check_option("kind", "A", ["a", "A"]) == "A"
    with pytest.raises(ModelError, match="kind must be one of 'aB', 'Ab'; got 'ab'"):
        check_option("kind", "ab", ["aB", "Ab"])
    with pytest.raises(ModelError, match=r"got 'bonnet' \(did you mean 'bonett'\?\)"):
        check_option("measure", "bonnet", ["bonett", "raw"])
    with pytest.raises(ModelError, match="got 3"):
        check_option("measure", 3, ["bonett", "raw"])


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, "0.95", True, None, np.nan, 1e-12])
def test_levels_that_are_none(level):
    with pytest.raises(ModelError, match="conf_level must"):
        check_conf_level(level)


@pytest.mark.parametrize("level", [0.95, 1e-3, 0.999999, np.float64(0.9)])
def test_levels(level):
    check_conf_level(level)
