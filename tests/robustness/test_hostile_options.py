"""Formulas, cells and levels that would end a session, mislead or never end."""

import pytest

import waistats.sensitivity._selection_likelihood as selection
from waistats import (
    DataError,
    ModelError,
    effect_sizes,
    fit_meta,
    generalize,
    load_dataset,
    threshold_selection,
)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("~ year | n", "| would make two models"),
        ("~ exit()", "not allowed in a formula"),
        ("~ input(year)", "not allowed in a formula"),
        ("~ open('x', 'w')", "not allowed in a formula"),
        ("~ yi", "cannot be a moderator"),
        ("~ log(estimate)", "cannot be a moderator"),
        ("~ year + I(2 * year)", r"linear combinations .* I\(2 \* year\)"),
        ("~ " + "(" * 400, "cannot be read"),
        ("~ {1/0}", "braces"),
        ("~ year.__class__", "double underscores"),
    ],
)
def test_formulas(formula, words):
    table = load_dataset("mibs")
    with pytest.raises(ModelError, match=words):
        generalize(table, formula)


def test_a_moderator_that_leaves_the_numbers():
    with pytest.raises(DataError, match="not finite in"):
        generalize(load_dataset("mibs"), "~ np.exp(year)")


@pytest.mark.parametrize("by", [("n",), ("estimate", "rater"), ("k",)])
def test_cells_of_numbers(by):
    with pytest.raises(ModelError, match="cells are defined by categories"):
        generalize(load_dataset("cesd"), by=by)


@pytest.mark.parametrize("level", [1e-300, 1e-9, 1 - 1e-16, 1 - 1e-10])
def test_levels_that_rounding_decides(level):
    with pytest.raises(ModelError, match="rounding decides"):
        generalize(load_dataset("cesd"), conf_level=level)


def test_extreme_levels_that_are_left():
    effects = effect_sizes(load_dataset("cesd"))
    near, far = (
        fit_meta(effects, conf_level=level).predict().iloc[0]
        for level in (2e-9, 1 - 2e-9)
    )
    assert near["ci_high"] - near["ci_low"] < 1e-8
    assert -1 < far["ci_low"] < far["ci_high"] < 1


def test_the_search_of_a_flat_profile_ends(monkeypatch):
    steps = []

    def counted(*arguments):
        steps.append(1)
        assert len(steps) < 2000, "the search does not end"
        return climb(*arguments)

    climb = selection.climb
    monkeypatch.setattr(selection, "climb", counted)
    fit = fit_meta(effect_sizes(load_dataset("mibs")))
    frame = threshold_selection(fit, conf_level=1 - 1e-8).to_frame()
    assert (frame["ci_low"] < frame["estimate"]).all()
    assert (frame["estimate"] < frame["ci_high"]).all()
