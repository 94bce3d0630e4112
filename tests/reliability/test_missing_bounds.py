"""Bounds over missing answers: every completion tried, and the search against that."""

from itertools import product

import numpy as np
import pytest

from waistats import DataError, ModelError
from waistats.reliability import missing_bounds as completions
from waistats.reliability._moments import alpha_of, mean_and_covariance
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.missing_bounds import alpha_bounds


def incomplete(seed: int, n: int, m: int, holes: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 1)) + rng.normal(size=(n, m)) + 2.5
    values = np.clip(np.round(values), 1, 4)
    rows = rng.permutation(n)[:holes]
    values[rows, rng.integers(0, m, holes)] = np.nan
    return values


def brute_force(values: np.ndarray, answers: range) -> tuple[float, float]:
    holes = np.isnan(values)
    fills = np.array(list(product(answers, repeat=int(holes.sum()))), dtype=float)
    matrices = np.repeat(values[None], len(fills), axis=0)
    matrices[:, holes] = fills
    alphas = alpha_of(mean_and_covariance(matrices)[1])
    return np.nanmin(alphas), np.nanmax(alphas)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_the_bounds_are_those_of_all_completions(seed, exact, monkeypatch):
    if not exact:
        monkeypatch.setattr(completions, "MOST_COMPLETIONS", 1)
    values = incomplete(seed, 9, 4, 6)
    low, high = brute_force(values, range(1, 5))
    found = alpha_bounds(values, 1, 4)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-10)
    assert found.n_missing == 6
    assert ("search" in str(found)) is not exact


def test_bounds_are_reached_and_hold_every_treatment():
    values = incomplete(3, 60, 5, 20)
    found = alpha_bounds(values, 1, 4)
    for bound, matrix in ((found.low, found.lowest), (found.high, found.highest)):
        assert cronbach_alpha(matrix, ci=None).estimate == pytest.approx(bound)
        given = ~np.isnan(values)
        np.testing.assert_array_equal(matrix[given], values[given])
        assert set(np.unique(matrix)) <= {1, 2, 3, 4}
    rng = np.random.default_rng(0)
    for _ in range(50):
        guess = np.where(np.isnan(values), rng.integers(1, 5, values.shape), values)
        assert found.low <= cronbach_alpha(guess, ci=None).estimate <= found.high
    frame = found.to_frame()
    assert frame["estimate"].tolist() == [found.low, found.high]
    again = alpha_bounds(values, 1, 4)
    assert (again.low, again.high) == (found.low, found.high)


def test_nothing_missing_leaves_alpha():
    values = np.nan_to_num(incomplete(1, 30, 4, 3), nan=2)
    found = alpha_bounds(values, 1, 4)
    alpha = cronbach_alpha(values, ci=None).estimate
    assert found.low == found.high == pytest.approx(alpha)
    assert found.notes == ()


def test_people_without_answers_are_left_out_and_said():
    values = incomplete(2, 12, 4, 3)
    values[:2] = np.nan
    found = alpha_bounds(values, 1, 4)
    assert found.n == 10
    assert "2 respondents without any answer" in found.notes[0]


def test_finer_steps_widen_the_bounds():
    values = incomplete(5, 10, 4, 2)
    coarse, fine = alpha_bounds(values, 1, 4), alpha_bounds(values, 1, 4, step=0.5)
    assert fine.low <= coarse.low
    assert fine.high >= coarse.high


def test_what_cannot_be_bounded_is_refused():
    values = incomplete(5, 10, 4, 2)
    with pytest.raises(DataError, match=r"between 1 and 3, but 4 is 4 \(row 3\)"):
        alpha_bounds(values, 1, 3)
    with pytest.raises(ModelError, match="response_min must be below"):
        alpha_bounds(values, 4, 1)
    with pytest.raises(ModelError, match="in whole steps"):
        alpha_bounds(values, 1, 4, step=0.7)
    with pytest.raises(DataError, match="at least 3 respondents"):
        alpha_bounds(values[:2], 1, 4)
    with pytest.raises(DataError, match="does not vary"):
        alpha_bounds(np.full((5, 3), 2.0), 1, 4)
