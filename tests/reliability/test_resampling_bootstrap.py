"""Resampling: exact sums, seeds, and limits against their definition."""

import numpy as np
import pytest
from scipy import stats

from waistats import ModelError
from waistats.reliability import _resampling as bs
from waistats.reliability._moments import alpha_influence, alpha_of


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.round(rng.normal(size=(80, 1)) + rng.normal(size=(80, 4)) + 4)


def test_sums_are_those_of_people_drawn_with_replacement(monkeypatch):
    monkeypatch.setattr(bs, "_BLOCK", 70)  # several blocks, the last one short
    features = np.column_stack([np.ones(20), 2.0 ** np.arange(20)])
    sums = bs.resampled_sums(features, 25, 4)
    assert (sums[:, 0] == 20).all()
    assert len(np.unique(sums[:, 1])) == 25
    rng = np.random.default_rng(4)
    first = rng.integers(0, 20, size=(3, 20), dtype=np.int64)
    np.testing.assert_array_equal(sums[:3, 1], (2.0**first).sum(axis=1))


def test_covariances_are_those_of_the_resamples(values):
    found = bs.resampled_covariances(values, 100, 9)
    drawn = np.random.default_rng(9).integers(0, 80, size=(100, 80), dtype=np.int64)
    for i in (0, 41, 99):
        np.testing.assert_allclose(found[i], np.cov(values[drawn[i]].T), atol=1e-12)


def test_alphas_need_no_cross_products(values):
    found = bs.resampled_alphas(values, 200, 9)
    expected = alpha_of(bs.resampled_covariances(values, 200, 9))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_seed_decides(values):
    one, same = (bs.resampled_covariances(values, 100, 1) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, bs.resampled_covariances(values, 100, 2))


def test_bootstrap_variance_is_near_the_influence_variance(values):
    alphas = alpha_of(bs.resampled_covariances(values, 4000, 5))
    influence = alpha_influence(values)
    expected = np.sqrt((influence**2).sum() / (80 * 79))
    assert alphas.std(ddof=1) == pytest.approx(expected, rel=0.1)


def test_percentile_limits_are_quantiles_of_what_is_defined():
    replicates = np.append(np.arange(101) / 100, [np.nan, -np.inf])
    low, high = bs.bootstrap_limits(replicates, 0.5, 0.9)
    assert (low, high) == pytest.approx((0.05, 0.95))


def test_bca_without_bias_or_skew_is_the_percentile_interval():
    replicates = np.arange(101) / 100
    symmetric = np.array([-1.0, 1.0, -2.0, 2.0])
    found = bs.bootstrap_limits(replicates, 0.5, 0.9, kind="bca", influence=symmetric)
    assert found == pytest.approx((0.05, 0.95))


def test_bca_levels_follow_efron():
    rng = np.random.default_rng(2)
    replicates, influence = rng.normal(size=5001), rng.exponential(size=40) - 1
    z0 = stats.norm.ppf((replicates < 0.1).mean())
    a = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    levels = [
        stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))
        for z in stats.norm.ppf([0.025, 0.975])
    ]
    found = bs.bootstrap_limits(replicates, 0.1, 0.95, kind="bca", influence=influence)
    assert found == pytest.approx(tuple(np.quantile(replicates, levels)))


def test_normal_limits_are_symmetric_on_the_log_scale():
    replicates = 1 - np.exp(-np.random.default_rng(1).normal(1.5, 0.2, size=4000))
    low, high = bs.bootstrap_limits(replicates, 0.75, 0.95, kind="normal")
    centre = -np.log(0.25)
    assert centre + np.log(1 - low) == pytest.approx(-np.log(1 - high) - centre)

    assert -np.log(1 - high) - centre == pytest.approx(
        stats.norm.ppf(0.975) * (-np.log(1 - replicates)).std(ddof=1)
    )


def test_what_cannot_be_done_is_said():
    with pytest.raises(ModelError, match="at least 100"):
        bs.check_resamples(99)
    with pytest.raises(ModelError, match="needs influence values"):
        bs.bootstrap_limits(np.arange(9.0), 4, 0.95, kind="bca")
    with pytest.raises(ModelError, match="one side"):
        bs.bootstrap_limits(np.arange(9.0), 99, 0.95, kind="bca", influence=np.ones(3))
    with pytest.raises(ModelError, match="did you mean 'percentile'"):
        bs.bootstrap_limits(np.arange(9.0), 4, 0.95, kind="percentiles")
