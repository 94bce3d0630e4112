"""Tests of two alphas: checked numbers, their size, and the limits of the ratio."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waistats.errors import DataError, ModelError
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.compare import alpha_covariance, compare_alphas, matched_df

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
    matched = compare_alphas(one, two)
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
    found = compare_alphas(items.iloc[:, :3], items, paired=True)
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
        published(a, 60, 2), published(b, 60, 3), paired=True, correlation=r
    )
    assert printed.p_value == pytest.approx(found.p_value)
    assert np.isnan(found.ci_low)
    assert "Feldt (1980)" in str(found)


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
    assert rejected["influence"] / runs < 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert rejected["feldt"] > rejected["influence"]


def test_missing_answers_leave_the_shared_people(items):
    holes = items.astype(float)
    holes.iloc[:4, 0] = holes.iloc[4:9, 3] = np.nan
    one, two = holes.iloc[:, :2], holes.iloc[:, 2:]
    assert compare_alphas(one, two, paired=True, method="feldt").df == 49
    assert compare_alphas(one, two, paired=True).df == 50


def test_what_cannot_be_compared_is_refused(items):
    one, two = published(0.91, 84, 36), published(0.79, 54, 12)
    with pytest.raises(ModelError, match="needs the items"):
        compare_alphas(one, two, paired=True, method="influence")
    with pytest.raises(ModelError, match="needs correlation="):
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
        compare_alphas(one, published(0.5, 5, 4))
    with pytest.raises(DataError, match="same answers"):
        compare_alphas(items, items, paired=True)
