"""The difference of two alphas of the same people, and pairs of several alphas."""

import numpy as np
import pytest
from scipy import stats

from waistats import ReliabilityEstimate
from waistats.reliability._many_alphas import jackknife_covariance, normal_covariance
from waistats.reliability._moments import alpha_of, mean_and_covariance
from waistats.reliability._resampling import alphas_without_each
from waistats.reliability._two_alphas import paired_difference_limits
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.compare import compare_alphas

COVARIANCE = np.array([[0.05, 0.02], [0.02, 0.03]])


def published(estimate: float, n: int, n_items: int) -> ReliabilityEstimate:
    return ReliabilityEstimate(
        coefficient="alpha",
        estimate=estimate,
        se=np.nan,
        ci_low=np.nan,
        ci_high=np.nan,
        n=n,
        n_items=n_items,
    )


@pytest.mark.parametrize("transformed", [(1.2, 1.7), (2.3, 1.2), (1.5, 1.5)])
def test_the_limits_are_those_of_draws(transformed):
    """Oracle: three million draws of D and of S given D."""
    one, two = transformed
    low, high = paired_difference_limits(transformed, COVARIANCE, 29, 0.95)
    rng = np.random.default_rng(1)
    draws = 3_000_000
    of_d, slope = 0.05 + 0.03 - 0.04, (0.05 - 0.03) / 0.04
    rest = 0.05 + 0.03 + 0.04 - 0.02**2 / of_d
    away = np.sqrt(of_d) * rng.standard_t(29, draws)
    total = one + two + slope * away + np.sqrt(rest) * rng.standard_t(29, draws)
    difference = 2 * np.exp(-total / 2) * np.sinh((one - two + away) / 2)
    expected = np.quantile(difference, [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(expected), abs=4e-4)


@pytest.mark.parametrize("transformed", [(1.2, 1.7), (2.3, 1.2)])
def test_they_leave_out_zero_where_the_test_rejects(transformed):
    d, se = transformed[0] - transformed[1], np.sqrt(0.04)
    p = 2 * stats.t.sf(abs(d) / se, 9)
    limits = paired_difference_limits(transformed, COVARIANCE, 9, 1 - p)
    assert min(abs(x) for x in limits) < 1e-9
    swapped = paired_difference_limits(
        transformed[::-1], COVARIANCE[::-1, ::-1], 9, 1 - p
    )
    assert swapped == pytest.approx((-limits[1], -limits[0]), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 30])
@pytest.mark.parametrize("cuts", [None, (-2.6, -1.8, -1.0, 0.0)])
def test_coverage_of_the_difference(n, cuts):
    """600 SIMULATED samples of different alphas: three standard errors are .027."""
    rng = np.random.default_rng(n)
    scale = np.repeat([1.2, 0.7], 6)

    def draw(rows: int) -> np.ndarray:
        latent = rng.normal(size=(rows, 1)) + rng.normal(size=(rows, 12)) * scale
        return latent if cuts is None else np.digitize(latent, cuts).astype(float)

    def alpha(values: np.ndarray) -> float:
        return float(alpha_of(mean_and_covariance(values)[1]))

    whole = draw(400_000)
    truth = alpha(whole[:, :6]) - alpha(whole[:, 6:])
    hits, runs = 0, 600
    for _ in range(runs):
        values = draw(n)
        halves = values[:, :6], values[:, 6:]
        without = [-np.log1p(-alphas_without_each(half)) for half in halves]
        one, two = (-np.log1p(-alpha(half)) for half in halves)
        covariance = jackknife_covariance(without)
        low, high = paired_difference_limits((one, two), covariance, n - 1, 0.95)
        hits += low <= truth <= high
    assert abs(hits / runs - 0.95) < 0.027


def test_every_paired_method_gives_the_difference():
    rng = np.random.default_rng(2)
    latent = rng.normal(size=(60, 1))
    one = latent + rng.normal(size=(60, 4))
    two = latent + rng.normal(size=(60, 6)) * 0.9
    a = cronbach_alpha(one).estimate - cronbach_alpha(two).estimate
    for method in ("jackknife", "influence", "normal-theory", "feldt"):
        found = compare_alphas(one, two, paired=True, method=method)
        back = compare_alphas(two, one, paired=True, method=method)
        assert found.difference_low < a < found.difference_high
        assert back.difference_high == pytest.approx(-found.difference_low, rel=1e-8)
        rejects = not found.difference_low < 0 < found.difference_high
        assert rejects == (found.p_value < 0.05)
        assert "CI of the difference" in str(found)
    t, half = found.statistic, (found.difference_high - found.difference_low) / 2
    assert half == pytest.approx(a / t * stats.t.ppf(0.975, 58))


def test_pairs_of_independent_alphas_are_exact_and_adjusted():
    three = [
        published(0.784, 51, 5),
        published(0.875, 101, 5),
        published(0.936, 151, 5),
    ]
    found = compare_alphas(*three).pairs
    assert found["term_1"].tolist() == ["alpha1", "alpha1", "alpha2"]
    alone = compare_alphas(three[0], three[1], conf_level=1 - 0.05 / 3)
    row = found.iloc[0]
    assert row["p_value"] == alone.p_value
    assert (row["difference_low"], row["difference_high"]) == (
        alone.difference_low,
        alone.difference_high,
    )
    # Holm: the smallest of three times 3, the next times 2
    p = np.sort(found["p_value"].to_numpy()) * [3, 2, 1]
    expected = np.minimum(np.maximum.accumulate(p), 1)
    assert np.sort(found["p_adjusted"]) == pytest.approx(expected)
    assert "alpha1 - alpha2" in str(compare_alphas(*three))


def test_pairs_of_dependent_alphas():
    rng = np.random.default_rng(4)
    latent = rng.normal(size=(50, 1))
    parts = [latent + rng.normal(size=(50, 4)) * s for s in (1.4, 1.0, 0.8)]
    found = compare_alphas(*parts, paired=True).pairs
    alone = compare_alphas(parts[0], parts[2], paired=True, conf_level=1 - 0.05 / 3)
    assert found["p_value"][1] == pytest.approx(alone.p_value)
    assert found["difference_low"][1] == pytest.approx(alone.difference_low)
    feldt = compare_alphas(*parts, paired=True, method="feldt-woodruff-salih").pairs
    alone = compare_alphas(parts[1], parts[2], paired=True, method="normal-theory")
    assert feldt["p_value"][2] == pytest.approx(alone.p_value)
    parts += [latent + rng.normal(size=(50, 4)) for _ in range(3)]
    many = compare_alphas(*parts, paired=True)
    assert "15 pairs of alphas: see pairs." in str(many)


@pytest.mark.slow
def test_size_of_pairs_adjusted():
    """Three equal alphas of the same 40: any pair below .05 in at most .05 of samples.

    400 SIMULATED sets: .05 and three standard errors are .083.
    """
    rng = np.random.default_rng(11)
    runs, adjusted, simultaneous = 400, 0, 0
    for _ in range(runs):
        latent = rng.normal(size=(40, 1))
        parts = [latent + rng.normal(size=(40, 5)) * 1.2 for _ in range(3)]
        pairs = compare_alphas(*parts, paired=True).pairs
        adjusted += bool((pairs["p_adjusted"] < 0.05).any())
        outside = (pairs["difference_low"] > 0) | (pairs["difference_high"] < 0)
        simultaneous += bool(outside.any())
    assert 0.01 < adjusted / runs < 0.083
    assert simultaneous <= adjusted + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "m1", "m2", "spread", "feldt"),
    [(60, 6, 6, 1.2, 0.107), (60, 6, 6, 0.6, 0.245), (60, 3, 12, 1.0, 0.254)],
)
def test_size_of_normal_theory_and_of_feldts_test(n, m1, m2, spread, feldt):
    """Equal alphas of the same people, 3,000 SIMULATED samples.

    Three standard errors of .045 are .0114. Feldt's test leaves out a part.
    """
    rng = np.random.default_rng(m1 + n)
    runs, t = 3000, stats.t.ppf(0.975, n - 1)
    rejected = np.zeros(2)
    for _ in range(runs):
        latent = rng.normal(size=(n, 1))
        one = latent + rng.normal(size=(n, m1)) * spread * np.sqrt(m1 / m2)
        two = latent + rng.normal(size=(n, m2)) * spread
        a, b = (float(alpha_of(mean_and_covariance(part)[1])) for part in (one, two))
        r = np.corrcoef(one.sum(axis=1), two.sum(axis=1))
        c = normal_covariance(float(n), np.array([m1, m2], float), r)
        se = np.sqrt(c[0, 0] + c[1, 1] - 2 * c[0, 1])
        statistic = np.log((1 - b) / (1 - a)) / se
        rest = 4 * (1 - a) * (1 - b) * (1 - r[0, 1] ** 2) / (n - 2)
        rejected += [abs(statistic) > t, abs(a - b) > t * np.sqrt(rest)]
    found = compare_alphas(
        cronbach_alpha(one), cronbach_alpha(two), paired=True, correlation=r[0, 1]
    )
    assert found.statistic == pytest.approx(statistic)
    assert abs(rejected[0] / runs - 0.045) < 0.0114
    error = 3 * np.sqrt(2 * feldt * (1 - feldt) / runs)
    assert abs(rejected[1] / runs - feldt) < error
