"""Reliability of repeated sessions against psych, lavaan and exact expectations."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import DataError, ModelError
from waistats.reliability._sessions import (
    COMPONENTS,
    crossed_components,
    level_covariances,
    nested_components,
    person_features,
)
from waistats.reliability.multilevel import LIKELIHOOD, TERMS, multilevel_reliability

HERE = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((HERE / "coefficients.json").read_text(encoding="utf-8"))
DATA = json.loads((HERE / "coefficients_data.json").read_text(encoding="utf-8"))
CUBE = np.array(DATA["diary"])
KEPT = np.array(DATA["diary_kept"], dtype=bool)
ITEMS = ["a", "b", "c", "d"]


def long_frame(cube, kept=None):
    persons, times, _ = cube.shape
    kept = np.ones((persons, times), dtype=bool) if kept is None else kept
    person, time = np.nonzero(kept)
    frame = pd.DataFrame(cube[person, time], columns=ITEMS[: cube.shape[2]])
    return frame.assign(client=person, session=time + 1)


def analysed(frame, **options):
    columns = [name for name in ITEMS if name in frame.columns]
    return multilevel_reliability(
        frame, person="client", session="session", items=columns, **options
    )


def estimates(frame, **options):
    return analysed(frame, ci=None, **options).to_frame().set_index("term")["estimate"]


def test_balanced_design_is_psychs():
    expected = REFERENCE["diary"]
    found = analysed(long_frame(CUBE), ci=None)
    assert list(found.components["component"]) == list(COMPONENTS)
    np.testing.assert_allclose(
        found.components["variance"], expected["components"], rtol=1e-10
    )
    value = found.to_frame().set_index("term")["estimate"]
    assert list(value.index) == [*TERMS, *LIKELIHOOD]
    for ours, theirs in [("RkF", "RkF"), ("R1R", "R1R"), ("RkR", "RkR"), ("RC", "RC")]:
        assert value[ours] == pytest.approx(expected[theirs], rel=1e-10)
    # psych's are by restricted maximum likelihood, found to about 1e-7
    assert value["RkRn"] == pytest.approx(expected["RkRn"], abs=1e-6)
    assert value["RCn"] == pytest.approx(expected["RCn"], abs=1e-6)
    assert found.k == 5


def test_level_covariances_are_lavaans():
    expected = REFERENCE["two_level"]
    levels = np.array(DATA["levels"])
    found = analysed(long_frame(levels), ci=None)
    # lavaan's EM steps stop near the maximum, which has a closed form here
    np.testing.assert_allclose(found.within, expected["within"], atol=5e-4)
    # maximum likelihood divides the persons' products by P, not P - 1
    persons, times, _ = levels.shape
    mean_square = found.between * times + found.within
    shrunk = (mean_square * (persons - 1) / persons - found.within) / times
    np.testing.assert_allclose(shrunk, expected["between"], atol=5e-4)


@pytest.mark.parametrize("kept", [None, KEPT])
def test_components_are_unbiased_for_any_pattern(kept):
    # a quadratic form's expectation is the sum over unit effects
    persons, times, m = 8, 4, 3
    pattern = (
        np.ones((persons, times), bool) if kept is None else KEPT[:persons, :times]
    )
    pattern = pattern | np.eye(persons, times, dtype=bool)
    person, time = np.nonzero(pattern)
    shape = (persons, times, m)
    axes = {
        "person": (0,),
        "session": (1,),
        "item": (2,),
        "person x session": (0, 1),
        "person x item": (0, 2),
        "session x item": (1, 2),
        "residual": (0, 1, 2),
    }
    for position, name in enumerate(COMPONENTS):
        levels = [range(shape[a]) for a in axes[name]]
        expected = np.zeros(7)
        for index in (
            np.array(np.meshgrid(*levels, indexing="ij")).reshape(len(levels), -1).T
        ):
            cube = np.zeros(shape)
            where = [slice(None)] * 3
            for axis, at in zip(axes[name], index, strict=True):
                where[axis] = at
            cube[tuple(where)] = 1.0
            values = cube[person, time]
            expected += crossed_components(person_features(values, person, time).sums())
        np.testing.assert_allclose(expected, np.eye(7)[position], atol=1e-9)


def test_nested_components_and_levels_are_unbiased():
    persons, m = 6, 3
    pattern = KEPT[:persons, :4] | np.eye(persons, 4, dtype=bool)
    person, time = np.nonzero(pattern)

    def total(effects):
        forms, betweens, withins = np.zeros(3), 0.0, 0.0
        for values in effects:
            sums = person_features(values, person, time).sums()
            forms = forms + nested_components(sums)
            between, within = level_covariances(sums)
            betweens, withins = betweens + between, withins + within
        return forms, betweens, withins

    n = len(person)
    ones = np.ones(m)
    of_person = [np.outer(person == p, ones) * 1.0 for p in range(persons)]
    of_row = [np.outer(np.arange(n) == i, ones) * 1.0 for i in range(n)]
    of_cell = [np.eye(n * m)[i].reshape(n, m) for i in range(n * m)]
    forms, between, within = total(of_person)
    np.testing.assert_allclose(forms, [1, 0, 0], atol=1e-10)
    np.testing.assert_allclose(between, np.ones((m, m)), atol=1e-10)
    np.testing.assert_allclose(within, 0, atol=1e-10)
    forms, between, within = total(of_row)
    np.testing.assert_allclose(forms, [0, 1, 0], atol=1e-10)
    np.testing.assert_allclose(between, 0, atol=1e-10)
    np.testing.assert_allclose(within, np.ones((m, m)), atol=1e-10)
    np.testing.assert_allclose(total(of_cell)[0], [0, 0, 1], atol=1e-10)


def test_one_person_counted_twice_is_two_persons():
    frame = long_frame(CUBE[:6], KEPT[:6] | np.eye(6, 5, dtype=bool))
    copy = frame[frame["client"] == 3].assign(client=99)
    person, _ = pd.factorize(frame["client"])
    values = frame[ITEMS].to_numpy()
    features = person_features(values, person, frame["session"].to_numpy() - 1)
    weights = np.where(np.arange(6) == 3, 2.0, 1.0)
    both = pd.concat([frame, copy])
    people, _ = pd.factorize(both["client"])
    again = person_features(
        both[ITEMS].to_numpy(), people, both["session"].to_numpy() - 1
    )
    for function in (crossed_components, nested_components):
        np.testing.assert_allclose(
            function(features.sums(weights)), function(again.sums()), atol=1e-12
        )


def test_intervals_are_reproducible_and_hold_the_estimate():
    frame = long_frame(CUBE, KEPT)
    first = analysed(frame, n_resamples=300, seed=4).to_frame()
    again = analysed(frame, n_resamples=300, seed=4).to_frame()
    pd.testing.assert_frame_equal(first, again)
    inside = first["estimate"].between(first["ci_low"], first["ci_high"])
    # one bound of omega_between is at its limit of one in this small sample
    assert inside[first["term"] != "omega_between"].all()
    assert (first["se"] > 0).all()


def test_order_and_units_do_not_matter():
    frame = long_frame(CUBE, KEPT)
    base = estimates(frame)
    mixed = frame.sample(frac=1, random_state=5)
    mixed[ITEMS] = mixed[ITEMS] * 3 - 100
    np.testing.assert_allclose(estimates(mixed), base, rtol=1e-8)


def test_longer_means_are_more_reliable():
    frame = long_frame(CUBE, KEPT)
    few, many = estimates(frame, k=2), estimates(frame, k=8)
    assert few["RkR"] < many["RkR"]
    assert estimates(frame, k=1)["RkF"] == pytest.approx(few["R1F"])
    assert few["RC"] == many["RC"]


def test_dates_that_nobody_shares_leave_the_nested_coefficients():
    frame = long_frame(CUBE)
    frame["session"] = np.arange(len(frame))
    found = analysed(frame.iloc[:100], ci=None)
    value = found.to_frame().set_index("term")["estimate"]
    assert np.isnan(value[["R1F", "RkF", "R1R", "RkR", "RC"]]).all()
    assert np.isfinite(value[["RkRn", "RCn", "alpha_within"]]).all()
    assert any("do not share sessions" in note for note in found.notes)
    many = long_frame(np.repeat(CUBE, 2, axis=0))
    many["session"] = np.arange(len(many))
    assert analysed(many, ci=None).n_sessions == 300


def test_missing_rows_are_counted_and_components_below_zero_said():
    frame = long_frame(CUBE)
    frame.loc[[3, 7], "b"] = np.nan
    found = analysed(frame, ci=None)
    assert (found.n_rows, found.n_excluded) == (148, 2)
    assert any(note.startswith("2 person-sessions") for note in found.notes)
    noise = np.random.default_rng(6).normal(size=(12, 4, 3))
    text = str(analysed(long_frame(noise), ci=None))
    assert "Variance below zero, taken as zero" in text
    assert "12 persons, 48 person-sessions, 4 sessions, 3 items; k = 4" in text


def test_two_items():
    found = analysed(long_frame(CUBE[..., :2]), ci=None)
    value = found.to_frame().set_index("term")["estimate"]
    assert np.isfinite(value[["R1F", "alpha_between"]]).all()
    assert np.isnan(value["omega_within"])


def test_what_cannot_be_used_is_refused():
    frame = long_frame(CUBE)
    with pytest.raises(DataError, match="are repeated: 0 in 1, 0 in 2"):
        analysed(pd.concat([frame, frame.iloc[:2]]))
    with pytest.raises(DataError, match="no such column: 'clint'"):
        multilevel_reliability(frame, person="clint", session="session", items=ITEMS)
    with pytest.raises(DataError, match="at least two persons"):
        analysed(frame[frame["session"] == 1])
    with pytest.raises(DataError, match="at least two persons"):
        analysed(frame[frame["client"] == 1])
    with pytest.raises(DataError, match="these have none: 4"):
        analysed(frame.assign(client=frame["client"].where(frame.index != 4)))
    with pytest.raises(ModelError, match="k must be at least 1"):
        analysed(frame, k=0)
    with pytest.raises(ModelError, match="kind must be one of"):
        analysed(frame, kind="bca")
