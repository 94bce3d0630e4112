"""Permutation tests: metafor's exact p values, enumeration, Monte Carlo error."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats import ModelError
from waistats.datasets.bundled import load_dataset
from waistats.measures import effect_sizes
from waistats.meta import permutation
from waistats.meta.bayes import fit_bayes
from waistats.meta.fit import fit_meta
from waistats.meta.permutation import (
    all_arrangements,
    count_arrangements,
    matching,
    permutation_test,
)

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference/models_metafor.json").read_text("utf-8")
)
SMALL = {"knha": "knapp-hartung", "z": "wald"}
CESD = effect_sizes(load_dataset("cesd"))


def simulated(k=30, slope=0.0, seed=1):
    rng = np.random.default_rng(seed)
    x, v = rng.normal(size=k), rng.uniform(0.01, 0.1, k)
    y = slope * x + rng.normal(size=k) * np.sqrt(v + 0.05)
    ids = [f"S{i}" for i in range(k)]
    return pd.DataFrame({"study_id": ids, "x": x, "yi": y, "vi": v})


@pytest.mark.parametrize("case", REFERENCE["exact"], ids=lambda c: c["mods"])
def test_exact_p_values_are_metafors(case):
    columns = {c: case[c] for c in ("yi", "vi", "x", "g") if case.get(c)}
    data = pd.DataFrame(columns).assign(study_id=lambda d: d.index.astype(str))
    result = permutation_test(
        data,
        case["mods"],
        method=case["method"],
        small_sample=SMALL[case["test"]],
        exact=True,
    )
    assert result.exact
    assert result.n_permutations == case["orders"]
    np.testing.assert_allclose(result.p_value, case["pval"], rtol=1e-12)
    assert result.omnibus.p_value == pytest.approx(case["QMp"], rel=1e-12)
    assert result.p_value_se.tolist() == [0] * len(result.p_value)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=7))
def test_every_order_comes_once(kinds):
    kinds = np.unique(kinds, return_inverse=True)[1]
    orders = all_arrangements(kinds)
    assert len(orders) == count_arrangements(kinds)
    assert {tuple(o) for o in orders.tolist()} == set(permutations(kinds.tolist()))
    places = matching(orders, kinds)
    assert (np.take_along_axis(orders, places, axis=1) == kinds).all()


def test_exact_when_orders_are_few():
    groups = permutation_test(CESD, by="caregivers")
    assert groups.exact
    assert groups.n_permutations == 84
    assert not permutation_test(CESD, by="caregivers", n_permutations=83).exact
    assert not permutation_test(CESD, by="caregivers", exact=False).exact
    assert "no p value can be below 0.0119" in str(groups)


def test_groups_formula_and_fitted_model_agree():
    by = permutation_test(CESD, by="caregivers")
    formula = permutation_test(CESD, "~ caregivers")
    fitted = permutation_test(fit_meta(CESD, "~ caregivers"))
    spaced = CESD.rename(columns={"caregivers": "who cares"})
    for other in (formula, fitted, permutation_test(spaced, by="who cares")):
        np.testing.assert_array_equal(by.p_value, other.p_value)
    frame = by.to_frame()
    np.testing.assert_allclose(
        frame.parametric_p, fit_meta(CESD, "~ caregivers").to_frame().p_value
    )
    # with one moderator its t is the root of the omnibus F
    assert frame.p_value[1] == by.omnibus.p_value
    np.testing.assert_allclose(
        by.statistics[:, 1] ** 2, by.omnibus_statistics, rtol=1e-9
    )


def test_monte_carlo_is_within_its_error():
    exact = permutation_test(CESD, by="caregivers")
    drawn = permutation_test(CESD, by="caregivers", exact=False, n_permutations=4000)
    p = exact.p_value
    np.testing.assert_allclose(drawn.p_value_se, np.sqrt(p * (1 - p) / 4000), rtol=0.1)
    assert (np.abs(drawn.p_value - p) < 4 * drawn.p_value_se).all()
    assert abs(drawn.omnibus.p_value - p[1]) < 4 * drawn.omnibus_se


def test_a_seed_gives_the_same_orders_in_any_blocks(monkeypatch):
    data = simulated()
    first = permutation_test(data, "~ x", n_permutations=300, seed=7)
    monkeypatch.setattr(permutation, "BLOCK", 77)
    again = permutation_test(data, "~ x", n_permutations=300, seed=7)
    np.testing.assert_allclose(first.statistics, again.statistics, rtol=1e-9)
    np.testing.assert_array_equal(first.p_value, again.p_value)
    other = permutation_test(data, "~ x", n_permutations=300, seed=8)
    assert not np.allclose(first.statistics, other.statistics)


def test_orders_are_refits():
    data = simulated(5, slope=0.3)
    result = permutation_test(data, "~ x", method="DL")
    assert result.n_permutations == 120
    seen = sorted(result.statistics[:, 1])
    fits = []
    for order in permutations(range(5)):
        shuffled = data.assign(x=data.x.to_numpy()[list(order)])
        fits.append(fit_meta(shuffled, "~ x", method="DL").to_frame().statistic[1])
    np.testing.assert_allclose(seen, sorted(fits), rtol=1e-8, atol=1e-10)


def test_p_values_are_uniform_without_an_effect():
    # SIMULATED
    p = [
        permutation_test(simulated(8, seed=s), "~ x", method="DL", n_permutations=199)
        for s in range(100)
    ]
    values = np.array([result.omnibus.p_value for result in p])
    assert 0.38 < (values <= 0.5).mean() < 0.64
    assert (values <= 0.05).mean() <= 0.12
    assert values.min() >= 1 / 200


def test_a_strong_effect_reaches_the_smallest_p():
    result = permutation_test(simulated(40, slope=2.0), "~ x", n_permutations=499)
    assert result.omnibus.p_value == pytest.approx(1 / 500)
    assert "Monte Carlo Permutation Test (499 permutations; k = 40)" in str(result)


def test_what_cannot_be_tested():
    data = simulated(12)
    with pytest.raises(ModelError, match="needs moderators, such as"):
        permutation_test(data)
    with pytest.raises(ModelError, match="moderators= or by=, not both"):
        permutation_test(data, "~ x", by="x")
    with pytest.raises(ModelError, match="has its own moderators"):
        permutation_test(fit_meta(data, "~ x"), "~ x")
    with pytest.raises(ModelError, match="inverse-variance weights"):
        permutation_test(fit_meta(data, "~ x", weights="equal"))
    with pytest.raises(
        ModelError, match=r"479,001,600 permutations, more than the limit"
    ):
        permutation_test(data, "~ x", exact=True)
    with pytest.raises(ModelError, match="All effects are equal"):
        permutation_test(data.assign(yi=1.0), "~ x")
    with pytest.raises(ModelError, match="n_permutations must be at least 1"):
        permutation_test(data, "~ x", n_permutations=0)
    with pytest.raises(ModelError, match="constant in these rows: one"):
        permutation_test(data.assign(one=1), "~ one")
    with pytest.raises(ModelError, match="no degrees of freedom"):
        permutation_test(data.head(2), "~ x")
    two = permutation_test(data.head(2), "~ x", small_sample="wald")
    assert two.p_value.tolist()[1] == 1


def test_repeated_studies_and_mixed_scales_are_noted():
    """The notes of the fit, of the permutation test and of the Bayesian model agree."""
    table = simulated(8).assign(scale=["total"] * 5 + ["bond"] * 3, measure="bonett")
    table.loc[1, "study_id"] = "S0"
    found = permutation_test(table, "~ x", n_permutations=50, seed=1)
    posterior = fit_bayes(table, "~ x")
    for result in (found, posterior, fit_meta(table, "~ x")):
        repeated, mixed = result.notes[:2]
        assert repeated.startswith("1 study gives more than one coefficient")
        assert "Scales are pooled together: bond, total" in mixed
        for note in (repeated, mixed):
            assert note in str(result)
    alone = simulated(8).assign(measure="bonett")
    assert fit_bayes(alone).notes == ()
    assert permutation_test(alone, "~ x", n_permutations=50, seed=1).notes == ()
