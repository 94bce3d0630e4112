"""Checks for small-study and reporting effects say what each function says alone."""

import numpy as np
import pytest

from waistats import effect_sizes, fit_meta, fit_multilevel, load_dataset
from waistats.measures import back_transform
from waistats.rg.robustness import robustness
from waistats.sensitivity.small_study import egger_test, pet_peese, rank_test
from waistats.sensitivity.trim_and_fill import trim_and_fill


@pytest.fixture(scope="module")
def cesd():
    return fit_meta(effect_sizes(load_dataset("cesd")))


def test_every_check_is_that_of_its_function(cesd):
    frame = robustness(cesd).set_index("check")
    egger, rank = egger_test(cesd), rank_test(cesd)
    row = frame.loc["Regression test on the standard error"]
    assert (row["statistic"], row["p_value"]) == (egger.statistic, egger.p_value)
    assert frame.loc["Rank test", "p_value"] == rank.p_value
    for name, value in (
        ("PET-PEESE", pet_peese(cesd).estimate),
        ("Trim and fill (L0)", trim_and_fill(cesd).fit.estimate),
    ):
        alpha = back_transform(value, cesd.measure)
        assert frame.loc[name, "estimate"] == pytest.approx(float(alpha))
    assert frame["note"].ne("").all()


def test_thresholds_are_a_row_each(cesd):
    names = robustness(cesd, thresholds=(0.9,))["check"]
    assert list(names)[-1] == "Selection at .90"
    assert len(names) == 6
    assert len(robustness(cesd, thresholds=())) == 5


def test_a_check_that_cannot_be_done_says_why():
    few = fit_meta(effect_sizes(load_dataset("cesd").head(3)))
    frame = robustness(few, thresholds=(0.01,)).set_index("check")
    row = frame.loc["Selection at .01"]
    assert np.isnan(row["estimate"])
    assert "threshold_selection" not in row["note"]
    assert len(row["note"]) > 20


def test_dependent_coefficients_are_nested_or_thinned():
    fit = fit_multilevel(effect_sizes(load_dataset("mibs")))
    notes = robustness(fit).set_index("check")["note"]
    assert notes["Regression test on the standard error"].startswith("multilevel")
    assert "one coefficient per study (26 of 33)" in notes["Rank test"]
