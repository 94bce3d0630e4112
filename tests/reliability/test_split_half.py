"""Split halves and the best of them against psych, exact identities and simple cases."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats import DataError, ModelError
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.guttman import guttman_lambdas
from waistats.reliability.split_half import (
    all_splits,
    best_and_worst,
    lambda4,
    n_splits,
    sampled_splits,
    split_half,
    swapped,
)

HERE = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((HERE / "coefficients.json").read_text(encoding="utf-8"))
DATA = json.loads((HERE / "coefficients_data.json").read_text(encoding="utf-8"))
FIXTURE = pd.read_csv(HERE / "fixture_items_60x5.csv")
CEILING = np.array(DATA["ceiling"], dtype=float)


def simulated(seed, n=100, m=6):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) * rng.uniform(0.5, 1.5, m) + rng.normal(size=(n, m))


@pytest.mark.parametrize("matrix", ["correlation", "covariance"])
def test_all_splits_of_an_even_number_of_items_are_psychs(matrix):
    expected = REFERENCE["bounds"]["ceiling"][matrix]
    found = split_half(CEILING, matrix=matrix)
    assert found.n_splits == 10
    for name in ("best", "worst", "mean"):
        assert getattr(found, name) == pytest.approx(expected[name], rel=1e-12)
    r = np.cov(CEILING.T) if matrix == "covariance" else np.corrcoef(CEILING.T)
    values = lambda4(r, np.concatenate(list(all_splits(6))))
    np.testing.assert_allclose(np.sort(values), expected["splits"], rtol=1e-12)


def test_psych_tries_half_of_the_splits_of_an_odd_number_of_items():
    tried = np.array(REFERENCE["bounds"]["fixture"]["correlation"]["splits"])
    assert len(tried) == 5
    r = np.corrcoef(FIXTURE.to_numpy().T)
    every = lambda4(r, np.concatenate(list(all_splits(5))))
    assert len(every) == 10
    assert all(np.isclose(every, value, atol=1e-12).any() for value in tried)
    assert every.min() < tried.min() - 0.01 or every.max() > tried.max() - 1e-12


@given(st.integers(2, 9))
@settings(max_examples=8, deadline=None)
def test_every_split_comes_once(m):
    halves = np.concatenate(list(all_splits(m)))
    assert len(halves) == n_splits(m)
    seen = {
        frozenset((frozenset(np.flatnonzero(h)), frozenset(np.flatnonzero(~h))))
        for h in halves
    }
    every = {
        frozenset((frozenset(c), frozenset(range(m)) - frozenset(c)))
        for c in combinations(range(m), m // 2)
    }
    assert seen == every


@given(st.integers(0, 10_000), st.sampled_from([2, 4, 6, 8]))
@settings(max_examples=20, deadline=None)
def test_mean_over_all_splits_is_alpha(seed, m):
    items = simulated(seed, n=40, m=m)
    mean = split_half(items, matrix="covariance")
    alpha = cronbach_alpha(items, ci="adf")
    assert mean.estimate == pytest.approx(alpha.estimate, abs=1e-12)
    assert mean.se == pytest.approx(alpha.se, rel=1e-9)


def test_named_halves():
    both = split_half(FIXTURE, halves=(["V1", "V3", "V5"], ["V2", "V4"]), ci=None)
    assert both.estimate == split_half(FIXTURE, halves="odd-even", ci=None).estimate
    first = split_half(FIXTURE, halves="first-last", ci=None, matrix="covariance")
    a, b = FIXTURE.iloc[:, :3].sum(axis=1), FIXTURE.iloc[:, 3:].sum(axis=1)
    assert first.estimate == pytest.approx(4 * a.cov(b) / (a + b).var())
    brown = split_half(
        FIXTURE, halves="first-last", formula="spearman-brown", matrix="covariance"
    )
    assert brown.estimate == pytest.approx(2 * a.corr(b) / (1 + a.corr(b)))


@pytest.mark.parametrize("formula", ["guttman", "spearman-brown"])
@pytest.mark.parametrize("matrix", ["correlation", "covariance"])
@pytest.mark.parametrize("halves", [None, "odd-even"])
def test_delta_method_and_bootstrap_agree(formula, matrix, halves):
    options = {"formula": formula, "matrix": matrix, "halves": halves}
    items = simulated(5, n=300, m=4) * [1, 2, 1, 3]
    delta = split_half(items, **options)
    drawn = split_half(items, ci="bootstrap", n_resamples=1000, **options)
    assert drawn.se == pytest.approx(delta.se, rel=0.1)
    assert drawn.ci_low == pytest.approx(delta.ci_low, abs=0.02)


def test_two_items_are_spearman_brown():
    pair = FIXTURE[["V2", "V5"]]
    r = pair.corr().iloc[0, 1]
    for formula in ("guttman", "spearman-brown"):
        found = split_half(pair, formula=formula)
        assert found.estimate == pytest.approx(2 * r / (1 + r), abs=1e-12)
        assert found.n_splits == 1
    z = split_half(pair, formula="spearman-brown", ci="fisher-z")
    low = np.tanh(np.arctanh(r) - 1.959963984540054 / np.sqrt(57))
    assert z.ci_low == pytest.approx(2 * low / (1 + low))
    assert z.se == pytest.approx(2 / (1 + r) ** 2 * (1 - r**2) / np.sqrt(60), rel=0.01)


def test_sampled_splits_are_improved_by_swaps(monkeypatch):
    r = np.corrcoef(simulated(6, m=10).T)
    best, worst = best_and_worst(r)
    monkeypatch.setattr("waistats.reliability.split_half.MOST_ITEMS", 4)
    high, low = best_and_worst(r, n_samples=50, seed=1)
    assert high.value == pytest.approx(best.value, abs=1e-12)
    assert low.value == pytest.approx(worst.value, abs=1e-12)
    start = sampled_splits(10, 1, 2)[0]
    assert lambda4(r, swapped(r, start)) >= lambda4(r, start)


def test_many_items_say_that_splits_are_sampled():
    found = split_half(simulated(7, m=24), n_samples=200)
    assert found.n_splits == 200
    assert any("200 random splits of 1352078" in note for note in found.notes)
    # all 2**23 splits, equal or not, are looked at for the best
    assert not any("searched for" in note for note in found.notes)
    many = split_half(simulated(7, m=30), n_samples=200)
    assert any("searched for from 430 starts" in note for note in many.notes)
    lambdas = guttman_lambdas(simulated(7, m=30))
    assert any("searched for" in note for note in lambdas.attrs["notes"])
    assert lambdas["estimate"][3] == pytest.approx(many.best, rel=1e-12)
    assert found.worst < found.mean < found.best
    again = split_half(simulated(7, m=24), n_samples=200)
    assert (again.best, again.mean) == (found.best, found.mean)
    assert "Best split" in str(found)


def test_perfect_correlation_gives_one():
    items = np.outer(np.arange(10.0), np.ones(4))
    assert guttman_lambdas(items)["estimate"].iloc[1:4].to_numpy() == pytest.approx(1)
    found = split_half(items)
    assert found.estimate == pytest.approx(1)
    assert found.se == pytest.approx(0, abs=1e-9)


def test_smallest_sample_and_constant_items():
    items = pd.DataFrame({"a": [1, 2, 4], "b": [2, 1, 5], "c": [3, 3, 3]})
    found = split_half(items)
    assert (found.n, found.n_items) == (3, 2)
    assert any("c" in note for note in found.notes)
    assert guttman_lambdas(items).attrs["notes"] == (
        "Excluded because everyone gave the same answer: c.",
    )


def test_wrong_halves_are_named():
    with pytest.raises(DataError, match="unknown items: 'V9'"):
        split_half(FIXTURE, halves=(["V9"], ["V2"]))
    with pytest.raises(DataError, match="one half only: V1"):
        split_half(FIXTURE, halves=(["V1", "V2"], ["V1", "V3", "V4", "V5"]))
    with pytest.raises(DataError, match="missing: V5"):
        split_half(FIXTURE, halves=(["V1", "V2"], ["V3", "V4"]))
    with pytest.raises(DataError, match="at least one item"):
        split_half(FIXTURE, halves=(list(FIXTURE), []))
    with pytest.raises(ModelError, match="pair of lists"):
        split_half(FIXTURE, halves=3)
    with pytest.raises(ModelError, match="halves must be one of"):
        split_half(FIXTURE, halves="even")
    with pytest.raises(ModelError, match="one split"):
        split_half(FIXTURE, ci="fisher-z")
    with pytest.raises(ModelError, match="cannot be resampled"):
        split_half(simulated(8, m=14), formula="spearman-brown", ci="bootstrap")
    with pytest.raises(DataError, match="at least 2 items with differing"):
        guttman_lambdas(FIXTURE.assign(V1=1)[["V1", "V2"]])
