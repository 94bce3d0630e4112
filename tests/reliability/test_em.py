"""Maximum likelihood from incomplete answers: identities and what it refuses."""

import numpy as np
import pytest

from waistats import ConvergenceError, ModelError
from waistats.reliability import _em as mi
from waistats.reliability._moments import alpha_gradient, alpha_influence, alpha_of


@pytest.fixture(scope="module")
def holes() -> np.ndarray:
    rng = np.random.default_rng(6)
    values = rng.normal(size=(90, 1)) + rng.normal(size=(90, 4)) * [1, 2, 0.5, 1]
    values[rng.random((90, 4)) < 0.15] = np.nan
    return values[~np.isnan(values).all(axis=1)] + 40


def log_likelihood(values, mean, covariance):
    total = 0.0
    for row in values:
        seen = ~np.isnan(row)
        block = covariance[np.ix_(seen, seen)]
        deviation = row[seen] - mean[seen]
        total -= np.linalg.slogdet(block)[1] / 2
        total -= deviation @ np.linalg.solve(block, deviation) / 2
    return total / len(values)


def stacked(mean, covariance):
    row, column = np.triu_indices(len(mean))
    return np.concatenate([mean, covariance[row, column]])


def unstacked(theta, m=4):
    row, column = np.triu_indices(m)
    covariance = np.empty((m, m))
    covariance[row, column] = covariance[column, row] = theta[m:]
    return theta[:m], covariance


def test_the_fit_is_the_maximum(holes):
    fit = mi.fit_likelihood(holes, tuple("abcd"))
    theta = stacked(fit.mean, fit.covariance)
    best = log_likelihood(holes, fit.mean, fit.covariance)
    for i in range(len(theta)):
        for step in (-1e-3, 1e-3):
            moved = theta.copy()
            moved[i] += step
            assert log_likelihood(holes, *unstacked(moved)) < best


def test_information_is_minus_the_second_derivative(holes):
    fit = mi.fit_likelihood(holes, tuple("abcd"))
    theta = stacked(fit.mean, fit.covariance)
    q, h = len(theta), 1e-4

    def at(*moves):
        moved = theta.copy()
        for i, step in moves:
            moved[i] += step
        return log_likelihood(holes, *unstacked(moved))

    numeric = np.empty((q, q))
    for i, j in np.ndindex(q, q):
        corners = [at((i, a * h), (j, b * h)) * a * b for a in (1, -1) for b in (1, -1)]
        numeric[i, j] = -sum(corners) / (4 * h * h)
    np.testing.assert_allclose(fit.information, numeric, atol=2e-5)
    assert fit.is_identified


def test_influence_is_the_derivative_by_a_persons_weight(holes):
    patterns = mi.group_patterns(holes)
    n = len(holes)
    fit = mi.fit_likelihood(holes, tuple("abcd"))
    # gradient at divisor n - 1: smaller by (n - 1) / n, as everywhere
    found = fit.influence(alpha_gradient(fit.covariance * n / (n - 1)))
    assert abs(found.sum()) < 1e-7
    step = 1e-4
    for i in (0, 17, 60):
        weights = np.ones((2, n))
        weights[:, i] += [step, -step]
        up, down = alpha_of(mi.em_moments(patterns, weights)[1])
        numeric = n * (up - down) / (2 * step) * (n - 1) / n
        assert found[i] == pytest.approx(numeric, abs=1e-5)


def test_complete_answers_give_sample_moments_and_the_adf_variance():
    values = np.random.default_rng(4).normal(size=(50, 4)).cumsum(axis=1)
    fit = mi.fit_likelihood(values, tuple("abcd"))
    np.testing.assert_allclose(fit.mean, values.mean(axis=0), atol=1e-12)
    sample = np.cov(values.T)
    np.testing.assert_allclose(fit.covariance * 50 / 49, sample, atol=1e-11)
    np.testing.assert_allclose(
        fit.influence(alpha_gradient(sample)), alpha_influence(values), atol=1e-10
    )


def test_weights_are_people_counted_so_often(holes):
    patterns = mi.group_patterns(holes)
    counts = np.bincount(
        np.random.default_rng(1).integers(0, len(holes), len(holes)),
        minlength=len(holes),
    ).astype(float)
    repeated = np.repeat(holes, counts.astype(int), axis=0)
    alone = mi.em_moments(mi.group_patterns(repeated))
    weighted = mi.em_moments(patterns, np.stack([np.ones(len(holes)), counts]))
    np.testing.assert_allclose(weighted[0][1], alone[0], atol=1e-8)
    np.testing.assert_allclose(weighted[1][1], alone[1], atol=1e-8)


def test_origin_of_the_answers_does_not_matter(holes):
    one = mi.fit_likelihood(holes, tuple("abcd"))
    other = mi.fit_likelihood(holes - 1e6, tuple("abcd"))
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-8)


def test_items_never_answered_together_are_named():
    values = np.random.default_rng(0).normal(size=(40, 3))
    values[:20, 0] = values[20:, 2] = np.nan
    with pytest.raises(ModelError, match="these are not: a and c"):
        mi.fit_likelihood(values, tuple("abc"))


def test_sums_of_other_items_are_refused(holes):
    whole = holes[~np.isnan(holes).any(axis=1)]
    values = np.column_stack([whole, whole.sum(axis=1)])
    values[0, 0] = np.nan
    with pytest.raises((ModelError, ConvergenceError), match="sums or copies"):
        mi.fit_likelihood(values, tuple("abcde"))
