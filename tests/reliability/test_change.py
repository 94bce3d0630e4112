"""Ratings with gaps, detectable change, limits of agreement, reliability of change."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waistats import (
    DataError,
    cronbach_alpha,
    intraclass_correlation,
    limits_of_agreement,
    reliability_of_change,
    smallest_detectable_change,
)
from waistats.reliability._rating_components import rating_components
from waistats.reliability._ratings import mean_squares

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "ratings_lme4.json").read_text())
FIVE = pd.read_csv(FOLDER / "fixture_items_60x5.csv").to_numpy(dtype=float)
GAPS = FIVE + np.array([0, 0.5, 1, 0.3, 0.8])
_i, _j = np.indices(GAPS.shape) + 1
GAPS[(7 * _i + 3 * _j) % 10 < 3] = np.nan


@pytest.mark.parametrize("model", "123")
def test_lme4(model):
    found = rating_components(GAPS, model)
    expected = REFERENCE[model]["components"]
    # lme4's optimiser stops at about five digits
    assert found.target == pytest.approx(expected["t"], rel=2e-5)
    assert found.error == pytest.approx(expected["Residual"], rel=2e-5)
    if model == "2":
        assert found.rater == pytest.approx(expected["r"], rel=2e-5)
    likelihood = REFERENCE[model]["log_likelihood"]
    assert found.log_likelihood == pytest.approx(likelihood, abs=1e-6)


@pytest.mark.parametrize("form", ["2,1", "3,1", "2,k", "3,k", "1,1", "1,k"])
def test_complete_ratings_are_the_analysis_of_variance(form):
    rng = np.random.default_rng(2)
    values = (
        rng.normal(size=(40, 1)) * 1.2 + rng.normal(size=5) + rng.normal(size=(40, 5))
    )
    plain = intraclass_correlation(values, form=form)
    likelihood = intraclass_correlation(values, form=form, missing="reml")
    assert likelihood.estimate == pytest.approx(plain.estimate, rel=1e-6)
    if not form.startswith("1"):
        assert likelihood.se == pytest.approx(plain.se, rel=1e-5)
    ours = likelihood.components.set_index("component")["variance"]
    theirs = plain.components.set_index("component")["variance"]
    for part in ("target", "error") if form[0] != "2" else ours.index:
        assert ours[part] == pytest.approx(theirs[part], rel=1e-5)


def test_gaps_keep_their_targets():
    frame = pd.DataFrame(GAPS)
    found = intraclass_correlation(frame, form="3,1", missing="reml")
    assert found.n == 60
    assert found.n_ratings == int(np.isfinite(GAPS).sum())
    long = frame.reset_index().melt("index", value_name="rating").dropna()
    same = intraclass_correlation(
        long, targets="index", raters="variable", ratings="rating", form="3,1",
        missing="reml",
    )  # fmt: skip
    assert same.estimate == pytest.approx(found.estimate, rel=1e-12)
    with pytest.raises(DataError, match='missing="reml"'):
        intraclass_correlation(frame, form="3,1")


def test_coverage_with_gaps():
    """SIMULATED ratings, a fifth missing: 95 % intervals of ICC(3,1)."""
    rng = np.random.default_rng(6)
    hits, runs = 0, 200
    for _ in range(runs):
        values = rng.normal(size=(30, 1)) + rng.normal(size=4) / 2
        values = values + rng.normal(size=(30, 4)) * 0.8
        values[rng.random(values.shape) < 0.2] = np.nan
        found = intraclass_correlation(values, form="3,1", missing="reml")
        hits += found.ci_low <= 1 / 1.64 <= found.ci_high
    assert abs(hits / runs - 0.95) < 0.047


def test_raters_who_share_no_target_are_refused():
    values = np.full((6, 4), np.nan)
    values[:3, :2] = np.random.default_rng(1).normal(size=(3, 2))
    values[3:, 2:] = np.random.default_rng(2).normal(size=(3, 2))
    with pytest.raises(DataError, match="rated no target in common"):
        intraclass_correlation(values, form="2,1", missing="reml")
    with pytest.raises(DataError, match="nothing to estimate error"):
        intraclass_correlation(
            [[1, np.nan], [np.nan, 2], [3, 4]], form="3,1", missing="reml"
        )


def test_detectable_change_from_mean_squares():
    squares = mean_squares(FIVE)
    found = smallest_detectable_change(FIVE, form="consistency")
    assert found.sem == pytest.approx(np.sqrt(squares.residual), rel=1e-6)
    assert found.sdc == pytest.approx(1.959964 * np.sqrt(2) * found.sem, rel=1e-6)
    assert found.sdc_group == pytest.approx(found.sdc / np.sqrt(60), rel=1e-9)
    # the residual mean square is exactly chi-square on 59 x 4
    df = 59 * 4
    limits = np.sqrt(squares.residual * df / stats.chi2(df).ppf([0.975, 0.025]))
    assert (found.sem_low, found.sem_high) == pytest.approx(tuple(limits), rel=1e-5)
    levels = FIVE + np.array([0, 0.5, 1, 0.3, 0.8])
    both = smallest_detectable_change(levels)
    squares = mean_squares(levels)
    rater = (squares.raters - squares.residual) / 60
    assert both.sem == pytest.approx(np.sqrt(rater + squares.residual), rel=1e-5)
    assert both.icc == pytest.approx(intraclass_correlation(levels).estimate, rel=1e-5)
    assert "Smallest detectable change (agreement)" in str(both)


def test_limits_of_agreement_are_exact():
    """A limit's interval holds the population's limit as often as it says."""
    rng = np.random.default_rng(3)
    hits, runs, n = 0, 4000, 8
    draws = rng.normal(1.0, 2.0, size=(runs, n))
    for row in draws:
        table = limits_of_agreement(row, np.zeros(n)).limits
        upper = table.iloc[2]
        hits += upper["ci_low"] <= 1 + 1.959964 * 2 <= upper["ci_high"]
    assert abs(hits / runs - 0.95) < 0.0104


def test_limits_of_agreement_say_when_they_depend_on_the_score():
    rng = np.random.default_rng(4)
    true = rng.normal(50, 10, size=100)
    one, two = true * 1.2 + rng.normal(size=100), true + rng.normal(size=100)
    found = limits_of_agreement(one, two)
    line = stats.linregress((one + two) / 2, one - two)
    assert found.slope == pytest.approx(line.slope)
    assert found.slope_p == pytest.approx(line.pvalue, abs=1e-12)
    assert "changes with the score" in str(found)
    gaps = one.copy()
    gaps[:3] = np.nan
    assert limits_of_agreement(gaps, two).n_excluded == 3


def test_reliability_of_change():
    rng = np.random.default_rng(5)
    n = 60_000
    level, gain = rng.normal(size=(2, n, 1))
    before = level + rng.normal(size=(n, 5))
    after = level + 0.8 * gain + rng.normal(size=(n, 5))
    found = reliability_of_change(before, after)
    # true change of the sums has variance (5 x .8)**2, error 10
    assert found.estimate == pytest.approx(16 / 26, abs=0.01)
    x, y = before[:80], after[:80]
    small = reliability_of_change(x, y)
    first, second = x.sum(axis=1), y.sum(axis=1)
    a, b = (cronbach_alpha(v, ci=None).estimate for v in (x, y))
    covariance = np.cov(first, second)
    top = a * covariance[0, 0] + b * covariance[1, 1] - 2 * covariance[0, 1]
    assert small.estimate == pytest.approx(
        top / (second - first).var(ddof=1), rel=1e-12
    )
    drawn = reliability_of_change(x, y, ci="bootstrap")
    assert drawn.se == pytest.approx(small.se, rel=0.15)
    with pytest.raises(DataError, match="do not vary"):
        reliability_of_change(x, x)
