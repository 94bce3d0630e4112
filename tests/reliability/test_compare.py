"""Tests of two alphas: checked numbers, their size, and the limits of the ratio."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waistats import DataError, ModelError, ReliabilityEstimate
from waistats.reliability._alpha_tests import matched_df
from waistats.reliability._many_alphas import (
    cube_root_test,
    hotelling,
    independent_test,
    jackknife_covariance,
    log_alpha_without_each,
    normal_covariance,
)
from waistats.reliability._moments import (
    alpha_influence,
    alpha_of,
    influence_variance,
    mean_and_covariance,
)
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.compare import compare_alphas
from waistats.reliability.covariance import alpha_covariance

FILE = Path(__file__).parents[1] / "reference" / "fixture_items_60x5.csv"


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


@pytest.fixture(scope="module")
def items() -> pd.DataFrame:
    return pd.read_csv(FILE)


def test_checked_values_of_different_people():
    one, two = published(0.91, 84, 36), published(0.79, 54, 12)
    feldt = compare_alphas(one, two, method="feldt")
    assert feldt.statistic == pytest.approx(7 / 3)
    assert (feldt.df, feldt.df2) == (83, 53)
    assert feldt.p_value == pytest.approx(0.00123, abs=5e-6)
    matched = compare_alphas(one, two, method="moment-matched")
    assert (matched.df, matched.df2) == pytest.approx((72.591, 52.086), abs=5e-4)
    assert matched.p_value == pytest.approx(0.001603, abs=5e-7)
    assert matched.ci_low < 7 / 3 < matched.ci_high
    assert matched.ci_low > 1


def test_the_order_changes_only_the_direction():
    one, two = published(0.91, 84, 36), published(0.79, 54, 12)
    for method in ("feldt", "moment-matched"):
        found = compare_alphas(one, two, method=method)
        back = compare_alphas(two, one, method=method)
        assert back.ratio == pytest.approx(1 / found.ratio)
        assert back.p_value == pytest.approx(found.p_value, rel=0.03)
    same = compare_alphas(one, one)
    assert same.p_value > 0.9


@pytest.mark.parametrize(("n1", "m1", "n2", "m2"), [(30, 4, 50, 8), (84, 36, 54, 12)])
def test_matched_degrees_of_freedom_match_mean_and_variance(n1, m1, n2, m2):
    df1, df2 = matched_df(n1, m1, n2, m2)
    a = stats.f(n1 - 1, (n1 - 1) * (m1 - 1))
    b = stats.f((n2 - 1) * (m2 - 1), n2 - 1)
    mean = a.mean() * b.mean()
    square = (a.var() + a.mean() ** 2) * (b.var() + b.mean() ** 2)
    assert stats.f(df1, df2).mean() == pytest.approx(mean)
    assert stats.f(df1, df2).var() == pytest.approx(square - mean**2)


def test_the_matched_test_keeps_its_level_where_feldts_does_not():
    rng = np.random.default_rng(6)
    n, m, runs = 40, 4, 200_000
    ratio = rng.f(n - 1, (n - 1) * (m - 1), runs) * rng.f(
        (n - 1) * (m - 1), n - 1, runs
    )
    sizes = {}
    for name, df in [("feldt", (n - 1, n - 1)), ("matched", matched_df(n, m, n, m))]:
        tail = np.minimum(stats.f.cdf(ratio, *df), stats.f.sf(ratio, *df))
        sizes[name] = (2 * tail < 0.05).mean()
    assert sizes["matched"] == pytest.approx(0.05, abs=0.0015)
    assert 0.08 < sizes["feldt"] < 0.09


def test_the_same_people_by_influence(items):
    found = compare_alphas(items.iloc[:, :3], items, paired=True, method="influence")
    v = alpha_covariance({"a": items.iloc[:, :3], "b": items})
    t = -np.log(1 - v.estimate)
    se = np.sqrt(v.bonett[0, 0] + v.bonett[1, 1] - 2 * v.bonett[0, 1])
    assert found.statistic == pytest.approx((t[0] - t[1]) / se)
    assert found.df == 59
    expected = 2 * stats.t.sf(abs(found.statistic), 59)
    assert found.p_value == pytest.approx(expected)
    half = stats.t.ppf(0.975, 59) * se
    limits = np.exp([t[0] - t[1] - half, t[0] - t[1] + half])
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(limits))


def test_the_same_people_by_feldt(items):
    one, two = items.iloc[:, :2], items.iloc[:, 2:]
    found = compare_alphas(one, two, paired=True, method="feldt")
    a, b = cronbach_alpha(one).estimate, cronbach_alpha(two).estimate
    r = np.corrcoef(one.sum(axis=1), two.sum(axis=1))[0, 1]
    t = (a - b) * np.sqrt(58) / np.sqrt(4 * (1 - a) * (1 - b) * (1 - r**2))
    assert found.statistic == pytest.approx(t)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), 58))
    printed = compare_alphas(
        published(a, 60, 2),
        published(b, 60, 3),
        paired=True,
        correlation=r,
        method="feldt",
    )
    assert printed.p_value == pytest.approx(found.p_value)
    assert np.isnan(found.ci_low)
    assert "Feldt (1980)" in str(found)


@pytest.mark.slow
def test_the_influence_test_keeps_its_level_with_ceiling():
    rng = np.random.default_rng(15)
    rejected = {"influence": 0, "feldt": 0}
    runs = 400
    for _ in range(runs):
        latent = rng.normal(size=(150, 1))
        values = 0.8 * latent + 0.6 * rng.normal(size=(150, 12))
        values = np.digitize(values, [-2.2, -1.6, -1.0, -0.3]).astype(float)
        for method in rejected:
            found = compare_alphas(
                values[:, :6], values[:, 6:], paired=True, method=method
            )
            rejected[method] += found.p_value < 0.05
    # three standard errors of 400 samples; Feldt's test leaves out a part
    assert abs(rejected["influence"] / runs - 0.06) < 0.036
    assert abs(rejected["feldt"] / runs - 0.25) < 0.065


def test_missing_answers_leave_the_shared_people(items):
    holes = items.astype(float)
    holes.iloc[:4, 0] = holes.iloc[4:9, 3] = np.nan
    one, two = holes.iloc[:, :2], holes.iloc[:, 2:]
    assert compare_alphas(one, two, paired=True, method="feldt").df == 49
    assert compare_alphas(one, two, paired=True, method="influence").df == 50
    assert compare_alphas(one, two, paired=True).df == 50


def test_what_cannot_be_compared_is_refused(items):
    one, two = published(0.91, 84, 36), published(0.79, 54, 12)
    with pytest.raises(ModelError, match="needs the items"):
        compare_alphas(one, two, paired=True, method="influence")
    with pytest.raises(ModelError, match="need correlation="):
        compare_alphas(one, two, paired=True)
    with pytest.raises(DataError, match="same n; got 84 and 54"):
        compare_alphas(one, two, paired=True, correlation=0.5)
    with pytest.raises(DataError, match="between -1 and 1"):
        compare_alphas(one, one, paired=True, correlation=1.0)
    with pytest.raises(ModelError, match="paired=True"):
        compare_alphas(one, two, correlation=0.4)
    with pytest.raises(ModelError, match="method must be one of"):
        compare_alphas(one, two, method="influence")
    with pytest.raises(DataError, match="must be below 1"):
        compare_alphas(published(1.0, 30, 4), two)
    with pytest.raises(ModelError, match="more than 5 respondents"):
        compare_alphas(one, published(0.5, 5, 4), method="moment-matched")
    with pytest.raises(ModelError, match="no F distribution has the mean"):
        compare_alphas(
            published(0.2, 8, 2), published(0.95, 8, 2), method="moment-matched"
        )
    with pytest.raises(DataError, match="same answers"):
        compare_alphas(items, items, paired=True)


def test_the_exact_law_is_the_default_and_has_no_order():
    """METHODS 12.1, row 4; the approximations depend on which alpha comes first."""
    one, two = published(0.80, 50, 10), published(0.85, 80, 10)
    found, back = compare_alphas(one, two), compare_alphas(two, one)
    assert found.p_value == pytest.approx(0.3033589, abs=5e-8)
    assert back.p_value == pytest.approx(found.p_value, rel=1e-12)
    assert back.ratio == pytest.approx(1 / found.ratio)
    # the table's limits are of (1 - A1) / (1 - A2)
    assert (back.ci_low, back.ci_high) == pytest.approx((0.7695091, 2.248035), rel=2e-7)
    assert found.ci_low == pytest.approx(1 / back.ci_high, rel=1e-9)
    assert found.difference_low == pytest.approx(-back.difference_high, rel=1e-9)
    assert found.difference_low < -0.05 < found.difference_high
    assert "CI of the difference" in str(found)
    assert np.isnan(found.df)


def test_several_alphas_as_published_and_in_cocron():
    """Feldt, Woodruff and Salih (1987), as cocron's tests cite them."""
    found = compare_alphas(
        published(0.784, 51, 5),
        published(0.875, 101, 5),
        published(0.936, 151, 5),
        method="feldt-woodruff-salih",
    )
    assert found.statistic == pytest.approx(22.926, abs=5e-4)
    assert found.df == 2
    r = np.array(
        [[1, 0.8, 0.6, 0.75], [0, 1, 0.65, 0.7], [0, 0, 1, 0.55], [0, 0, 0, 1]]
    )
    alphas = zip((0.857, 0.875, 0.800, 0.833), (50, 40, 35, 25), strict=True)
    same = compare_alphas(
        *(published(a, 100, m) for a, m in alphas),
        paired=True,
        correlation=r,
        method="feldt-woodruff-salih",
    )
    assert same.statistic == pytest.approx(10.66, abs=5e-3)
    assert same.p_value == pytest.approx(0.014, abs=5e-4)
    assert same.df == 3
    assert "chi-square(3) = 10.66, p = .014" in str(same)


def test_the_jackknife_is_leaving_out_one_by_one(items):
    one, two = items.iloc[:, :2], items.iloc[:, 2:]
    found = compare_alphas(one, two, paired=True)
    values = [
        np.log1p(-cronbach_alpha(two.drop(i), ci=None).estimate)
        - np.log1p(-cronbach_alpha(one.drop(i), ci=None).estimate)
        for i in items.index
    ]
    n = len(items)
    se = np.sqrt((n - 1) / n * ((values - np.mean(values)) ** 2).sum())
    assert found.statistic == pytest.approx(np.log(found.ratio) / se, rel=1e-9)
    assert found.df == n - 1


def alpha_in(values: np.ndarray) -> float:
    return float(alpha_of(mean_and_covariance(values)[1]))


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 30, 60])
def test_size_of_the_paired_default(n):
    """The influence test rejected .138 at n = 10 and .073 at n = 30.

    4,000 SIMULATED samples: three standard errors of .05 are .0103.
    """
    rng = np.random.default_rng(n)
    runs, rejected = 4000, {"jackknife": 0, "influence": 0}
    t = stats.t.ppf(0.975, n - 1)
    for _ in range(runs):
        values = rng.normal(size=(n, 1)) + rng.normal(size=(n, 12)) * 1.2
        one, two = values[:, :6], values[:, 6:]
        rest = 1 - alpha_in(one), 1 - alpha_in(two)
        ratio = np.log(rest[1] / rest[0])
        without = log_alpha_without_each(one) - log_alpha_without_each(two)
        by = {
            "jackknife": jackknife_covariance([without])[0, 0],
            "influence": influence_variance(
                alpha_influence(one) / rest[0] - alpha_influence(two) / rest[1]
            ),
        }
        for method, variance in by.items():
            rejected[method] += abs(ratio) > t * np.sqrt(variance)
    # the last sample, as the function tests it
    for method, variance in by.items():
        found = compare_alphas(one, two, paired=True, method=method)
        assert found.statistic == pytest.approx(ratio / np.sqrt(variance), rel=1e-9)
    assert abs(rejected["jackknife"] / runs - 0.05) < 0.0103
    # .12-.14, .07-.08 and .06 elsewhere; here with the errors of 4,000 samples
    expected = {10: 0.125, 30: 0.073, 60: 0.062}[n]
    assert abs(rejected["influence"] / runs - expected) < 0.0157


@pytest.mark.slow
def test_size_of_tests_of_three_alphas():
    """Equal alphas, 4,000 SIMULATED sets: three standard errors of .05 are .0103."""
    rng = np.random.default_rng(8)
    runs, n, m = 4000, 60, 5
    rejected = dict.fromkeys(
        ("dependent", "hotelling", "independent", "normal", "normal dependent"), 0
    )
    sizes, items = np.full(3, float(n)), np.full(3, float(m))
    for _ in range(runs):
        latent = rng.normal(size=(n, 1))
        parts = [latent + rng.normal(size=(n, m)) * 1.2 for _ in range(3)]
        alpha = np.array([alpha_in(part) for part in parts])
        r = np.corrcoef([part.sum(axis=1) for part in parts])
        p = {"dependent": cube_root_test(alpha, sizes, items, r)[2]}
        spread = jackknife_covariance([log_alpha_without_each(part) for part in parts])
        p["hotelling"] = hotelling(-np.log1p(-alpha), spread, n)[3]
        apart = np.array(
            [
                alpha_in(rng.normal(size=(n, 1)) + rng.normal(size=(n, m)) * 1.2)
                for _ in range(3)
            ]
        )
        p["independent"] = cube_root_test(apart, sizes, items)[2]
        p["normal"] = independent_test(apart, sizes, items)[2]
        spread = normal_covariance(float(n), items, r)
        p["normal dependent"] = hotelling(-np.log1p(-alpha), spread, n)[3]
        for name, value in p.items():
            rejected[name] += value < 0.05
    assert compare_alphas(*parts, paired=True).p_value == pytest.approx(p["hotelling"])
    found = compare_alphas(*parts, paired=True, method="feldt-woodruff-salih")
    assert found.p_value == pytest.approx(p["dependent"])
    # the published chi-square is too strict for different people, liberal for the same
    expected = {"independent": 0.0235, "dependent": 0.065}
    for name, count in rejected.items():
        size = expected.get(name, 0.05)
        error = 3 * np.sqrt(size * (1 - size) / runs)
        assert abs(count / runs - size) < error, (name, count / runs)
    printed = [published(float(a), n, m) for a in apart]
    assert compare_alphas(*printed).p_value == pytest.approx(p["normal"])
    printed = [published(float(a), n, m) for a in alpha]
    found = compare_alphas(*printed, paired=True, correlation=r)
    assert found.p_value == pytest.approx(p["normal dependent"])


def test_what_several_alphas_refuse(items):
    three = [published(0.8, 50, 5)] * 3
    with pytest.raises(ModelError, match="need correlation="):
        compare_alphas(*three, paired=True)
    with pytest.raises(DataError, match="3 x 3 matrix"):
        compare_alphas(*three, paired=True, correlation=np.ones((2, 2)))
    with pytest.raises(ModelError, match="needs the items of every alpha"):
        compare_alphas(*three, paired=True, method="jackknife")
    with pytest.raises(DataError, match="of the same items"):
        compare_alphas(items, items, items.iloc[:, :3], paired=True)
    with pytest.raises(ModelError, match="method must be one of"):
        compare_alphas(*three, method="exact")
