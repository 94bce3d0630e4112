"""Influence functions against their definition, published numbers and resampling."""

import numpy as np
import pytest

from waistats.reliability import _moments as inf
from waistats.reliability._moments import (
    alpha_of,
    mean_and_covariance,
    standardized_alpha_of,
)


def weighted(function, values, weights):
    mean = np.average(values, axis=0, weights=weights)
    centred = values - mean
    return function((centred * weights[:, None]).T @ centred / weights.sum())


def standardized(values):
    covariance = mean_and_covariance(values)[1]
    gradient = inf.standardized_alpha_gradient(covariance)
    return inf.gradient_influence(values, gradient)


@pytest.fixture(scope="module")
def skewed() -> np.ndarray:
    rng = np.random.default_rng(11)
    latent = rng.normal(size=(70, 1)) + rng.normal(size=(70, 5))
    return np.clip(np.round(latent + 4), 1, 5)


@pytest.mark.parametrize(
    ("function", "influence"),
    [
        (alpha_of, inf.alpha_influence),
        (standardized_alpha_of, standardized),
    ],
)
def test_influence_is_the_derivative_by_a_persons_weight(skewed, function, influence):
    n, step = len(skewed), 1e-5
    numeric = np.empty(n)
    for i in range(n):
        up, down = np.ones(n), np.ones(n)
        up[i] += step
        down[i] -= step
        difference = weighted(function, skewed, up) - weighted(function, skewed, down)
        numeric[i] = n * difference / (2 * step)
    found = influence(skewed)
    # covariances divided by n - 1 make the influences smaller by (n - 1) / n
    np.testing.assert_allclose(found, numeric * (n - 1) / n, atol=1e-7)
    assert abs(found.sum()) < 1e-10


def test_alpha_from_its_gradient(skewed):
    gradient = inf.alpha_gradient(mean_and_covariance(skewed)[1])
    np.testing.assert_allclose(
        inf.gradient_influence(skewed, gradient),
        inf.alpha_influence(skewed),
        atol=1e-12,
    )


def test_gradients_of_a_batch(skewed):
    batch = mean_and_covariance(np.stack([skewed, skewed**2]))[1]
    for gradient in (inf.alpha_gradient, inf.standardized_alpha_gradient):
        np.testing.assert_allclose(gradient(batch)[1], gradient(batch[1]), rtol=1e-12)


def test_pairwise_influence_of_complete_data_is_the_plain_one(skewed):
    gradient = inf.alpha_gradient(mean_and_covariance(skewed)[1])
    np.testing.assert_allclose(
        inf.pairwise_influence(skewed, gradient),
        inf.alpha_influence(skewed),
        atol=1e-12,
    )


def test_pairwise_influence_is_the_derivative_by_a_persons_weight(skewed):
    holes = skewed.copy()
    holes[:8, 1] = holes[5:12, 3] = holes[60:, 0] = np.nan

    def covariance(weights):
        matrix = np.empty((5, 5))
        for j, k in np.ndindex(5, 5):
            both = ~np.isnan(holes[:, [j, k]]).any(axis=1)
            share = weights[both] / weights[both].sum()
            one, other = holes[both, j], holes[both, k]
            matrix[j, k] = share @ (one * other) - (share @ one) * (share @ other)
        return matrix

    gradient = inf.alpha_gradient(covariance(np.ones(70)))
    found = inf.pairwise_influence(holes, gradient)
    assert abs(found.sum()) < 1e-10
    step = 1e-5
    for i in (0, 6, 30, 65):
        up, down = np.ones(70), np.ones(70)
        up[i] += step
        down[i] -= step
        difference = alpha_of(covariance(up)) - alpha_of(covariance(down))
        assert found[i] == pytest.approx(70 * difference / (2 * step), abs=1e-7)


def test_batches_are_samples_of_their_own(skewed):
    batch = np.stack([skewed, skewed[::-1] ** 2])
    found = inf.alpha_influence(batch)
    for i in range(2):
        np.testing.assert_allclose(found[i], inf.alpha_influence(batch[i]), rtol=1e-12)


def test_covariance_of_everyone_and_of_people_in_part_shared(skewed):
    columns = np.column_stack(
        [inf.alpha_influence(skewed[:, :3]), inf.alpha_influence(skewed)]
    )
    everyone = inf.influence_covariance(columns)
    np.testing.assert_allclose(everyone, columns.T @ columns / (70 * 69), rtol=1e-12)
    assert everyone[1, 1] == pytest.approx(inf.influence_variance(columns[:, 1]))
    present = np.ones((70, 2), dtype=bool)
    np.testing.assert_allclose(
        inf.influence_covariance(columns, present), everyone, rtol=1e-12
    )
    present[:35, 0] = present[35:, 1] = False
    assert inf.influence_covariance(columns, present)[0, 1] == 0
