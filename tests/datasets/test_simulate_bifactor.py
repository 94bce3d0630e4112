from itertools import product

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import multivariate_normal

from waistats import ModelError
from waistats.datasets.simulate import (
    base_thresholds,
    draw_answers,
    group_variance,
    hermite_coefficients,
    make_model,
    population_alpha,
    scattered_alphas,
    solve_general,
)


def model(n_items=12, categories=7, ceiling=0.0, groups=3):
    thresholds = base_thresholds(n_items, categories, ceiling, 0.5)
    group = [i % groups if groups else -1 for i in range(n_items)]
    return make_model(group, thresholds, 0.4)


@pytest.mark.parametrize("r", [0.05, 0.4, 0.85, 0.98])
def test_covariance_of_ordinal_answers_is_that_of_the_bivariate_normal(r):
    thresholds = base_thresholds(2, 5, 0.3, 0.5)
    a, b = hermite_coefficients(thresholds)
    series = np.sum(a * b * r ** np.arange(1, len(a) + 1))
    both = sum(
        multivariate_normal.cdf([-x, -y], cov=[[1, r], [r, 1]])
        for x, y in product(*thresholds)
    )
    above = ndtr(-thresholds).sum(axis=1)
    assert series == pytest.approx(both - above[0] * above[1], abs=1e-9)


def test_alpha_of_two_halves_follows_from_its_definition():
    own = model()
    general = np.array([0.4])
    within = general + group_variance(general, 0.4)
    a = own.coefficients
    powers = np.arange(1, a.shape[1] + 1)
    covariance = np.diag(own.variances)
    for i, j in product(range(12), range(12)):
        if i != j:
            r = within if own.group[i] == own.group[j] else general
            covariance[i, j] = np.sum(a[i] * a[j] * r**powers)
    expected = 12 / 11 * (1 - np.trace(covariance) / covariance.sum())
    assert population_alpha(own, general)[0] == pytest.approx(expected, rel=1e-12)
    four = [0, 3, 6, 9]
    part = covariance[np.ix_(four, four)]
    expected = 4 / 3 * (1 - np.trace(part) / part.sum())
    assert population_alpha(own, general, four)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("ceiling", [0.01, 0.3, 0.7])
@pytest.mark.parametrize("categories", [2, 5, 7])
def test_ceiling_is_the_share_asked_for(ceiling, categories):
    thresholds = base_thresholds(12, categories, ceiling, 0.5)
    assert ndtr(-thresholds[:, -1]).mean() == pytest.approx(ceiling, abs=1e-12)


def test_without_ceiling_answers_are_symmetric():
    thresholds = base_thresholds(36, 7, 0, 0.5)
    mean_cut = thresholds.mean(axis=0)
    np.testing.assert_allclose(mean_cut, -mean_cut[::-1], atol=1e-12)


@pytest.mark.parametrize("groups", [0, 3])
@pytest.mark.parametrize("ceiling", [0, 0.6])
def test_the_alpha_asked_for_is_solved(groups, ceiling):
    own = model(groups=groups, ceiling=ceiling)
    wanted = np.array([0, 1e-6, 0.3, 0.79, 0.92, 0.97, 0.985])
    general = solve_general(own, wanted)
    assert np.all(np.diff(general) > 0)
    np.testing.assert_allclose(population_alpha(own, general), wanted, atol=1e-12)


def test_an_alpha_out_of_reach_is_refused():
    with pytest.raises(ModelError, match=r" .9990 cannot be reached.*highest is .9"):
        solve_general(model(), np.array([0.5, 0.999]))


def test_scattered_alphas_lie_on_the_bonett_scale():
    alphas = scattered_alphas(0.9, 0.5, np.array([-1.0, 0.0, 2.0, -100.0]))
    expected = [1 - 0.1 * np.exp(0.5), 0.9, 1 - 0.1 * np.exp(-1), 0]
    np.testing.assert_allclose(alphas, expected, rtol=1e-14)


def test_latent_answers_have_unit_variance():
    own = model(categories=2)
    drawn = draw_answers(own, np.full(200_000, 0.6), np.random.default_rng(1))
    np.testing.assert_allclose(
        drawn.mean(axis=0), ndtr(-own.thresholds[:, 0]), atol=0.005
    )
