"""Influence functions against their definition, published numbers and resampling."""

import numpy as np
import pytest

from waistats.reliability import influence as inf
from waistats.reliability.moments import (
    alpha_of,
    mean_and_covariance,
    standardized_alpha_of,
)


def weighted(function, values, weights):
    mean = np.average(values, axis=0, weights=weights)
    centred = values - mean
    return function((centred * weights[:, None]).T @ centred / weights.sum())


@pytest.fixture(scope="module")
def skewed() -> np.ndarray:
    rng = np.random.default_rng(11)
    latent = rng.normal(size=(70, 1)) + rng.normal(size=(70, 5))
    return np.clip(np.round(latent + 4), 1, 5)


@pytest.mark.parametrize(
    ("function", "influence"),
    [
        (alpha_of, inf.alpha_influence),
        (standardized_alpha_of, inf.standardized_alpha_influence),
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
    covariance = mean_and_covariance(skewed)[1]
    m, trace, total = 5, np.trace(covariance), covariance.sum()
    gradient = m / (m - 1) * (trace * np.ones((m, m)) - total * np.eye(m)) / total**2
    np.testing.assert_allclose(
        inf.gradient_influence(skewed, gradient),
        inf.alpha_influence(skewed),
        atol=1e-12,
    )


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
