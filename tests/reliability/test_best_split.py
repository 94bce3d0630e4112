"""The best split of all: against every split one by one."""

import time
from itertools import product

import numpy as np
import pytest

from waistats.reliability._best_split import best_split


def one_by_one(r: np.ndarray) -> float:
    m = len(r)
    signs = np.array([s for s in product([1.0, -1.0], repeat=m) if abs(sum(s)) < m])
    return float((1 - np.einsum("si,ij,sj->s", signs, r, signs) / r.sum()).max())


def covariance(m: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(40, 1)) * rng.normal(size=m) + rng.normal(size=(40, m))
    return np.cov(values.T)


@pytest.mark.parametrize("m", [2, 3, 4, 7, 10])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_split_is_looked_at(m, seed):
    r = covariance(m, seed)
    found = best_split(r)
    assert found.exhaustive
    assert found.n_splits == 2 ** (m - 1) - 1
    assert 0 < found.half.sum() < m
    assert found.value == pytest.approx(one_by_one(r), rel=1e-12)


def test_unequal_halves_can_be_best():
    """METHODS 12.2: {1} against the rest gives the reliability, .90."""
    loadings = np.array([3.0, 1, 1, 1])
    found = best_split(np.outer(loadings, loadings) + np.eye(4))
    assert found.value == pytest.approx(0.9, abs=1e-14)
    assert found.half.tolist() == [True, False, False, False]


def test_the_search_finds_what_trying_all_finds():
    for seed in range(8):
        r = covariance(14, seed)
        searched = best_split(r, most_items=1)
        assert not searched.exhaustive
        assert searched.value == pytest.approx(best_split(r).value, rel=1e-12)


def test_twenty_items_take_less_than_a_second():
    r = covariance(20, 5)
    start = time.perf_counter()
    assert best_split(r).exhaustive
    assert time.perf_counter() - start < 1
