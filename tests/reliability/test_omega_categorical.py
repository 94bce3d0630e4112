"""Categorical omega: semTools, a second implementation, simulation."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waistats import DataError, ModelError, omega_categorical
from waistats.reliability._categorical import (
    categorical_variances,
    fit_one_factor,
    green_yang,
    green_yang_gradient,
    loading_derivatives,
    own_variances,
    person_scores,
)
from waistats.reliability._polychoric import polychoric, polychoric_influence
from waistats.reliability.ordinal import categories

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "coefficients_categorical.json").read_text())
X = pd.read_csv(FOLDER / "simulated_three_factors_300x12.csv").to_numpy()
SETS = {
    "six": np.digitize(X[:, :6], [-1, 0, 1]),
    "skewed": np.digitize(X[:, :5], [-2, -1]),
    "binary": (X[:, :4] > 0).astype(int),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("method", ["dwls", "uls"])
@pytest.mark.parametrize("denominator", ["observed", "model"])
def test_semtools(name, method, denominator):
    found = omega_categorical(SETS[name], method=method, denominator=denominator)
    expected = REFERENCE[name][method]
    assert found.estimate == pytest.approx(expected[denominator], rel=1e-5)
    assert found.loadings["loading"].to_numpy() == pytest.approx(
        expected["loadings"], rel=2e-4
    )


def test_comprelsem():
    """semTools' newer function gives the same as its older one."""
    peer = json.loads((FOLDER / "two_level_semtools.json").read_text())
    found = omega_categorical(SETS["six"]).estimate
    assert found == pytest.approx(peer["categorical"], rel=1e-5)


def by_scipy(thresholds: np.ndarray, r: np.ndarray, lam: np.ndarray) -> float:
    """Green and Yang's formula, cell by cell with SciPy's bivariate normal."""

    def both(h: float, k: float, rho: float) -> float:
        if rho > 1 - 1e-9:
            return float(stats.norm.cdf(min(h, k)))
        return float(
            stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([h, k])
        )

    top = bottom = 0.0
    for j, own in enumerate(thresholds):
        for k, other in enumerate(thresholds):
            apart = stats.norm.cdf(own[1:-1]).sum() * stats.norm.cdf(other[1:-1]).sum()
            pairs = [(h, g) for h in own[1:-1] for g in other[1:-1]]
            top += sum(both(h, g, lam[j] * lam[k]) for h, g in pairs) - apart
            rho = 1.0 if j == k else r[j, k]
            bottom += sum(both(h, g, rho) for h, g in pairs) - apart
    return top / bottom


def test_a_second_implementation():
    codes, size = categories(SETS["skewed"].astype(float))
    fit = polychoric(codes, size)
    lam = np.linspace(0.5, 0.8, 5)
    found = green_yang(fit.thresholds, fit.correlation, lam)
    expected = by_scipy(fit.thresholds, fit.correlation, lam)
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_variances_are_those_of_many_answers():
    rng = np.random.default_rng(7)
    r = np.full((3, 3), 0.4) + 0.6 * np.eye(3)
    cuts = np.array([-0.5, 0.2, 1.0])
    answers = np.digitize(rng.multivariate_normal(np.zeros(3), r, 400_000), cuts)
    thresholds = np.tile(np.r_[-np.inf, cuts, np.inf], (3, 1))
    expected = np.cov(answers.T)
    found = categorical_variances(thresholds, r)
    assert found[0, 1] == pytest.approx(expected[0, 1:].mean(), rel=0.02)
    assert own_variances(thresholds) == pytest.approx(np.diagonal(expected), rel=0.01)


def test_influences_and_derivatives():
    codes, size = categories(SETS["six"].astype(float))
    fit = polychoric(codes, size)
    scores = person_scores(fit)
    rng = np.random.default_rng(2)
    gradient = rng.normal(size=(6, 6))
    gradient = gradient + gradient.T
    expected = polychoric_influence(fit, gradient)
    found = scores.correlations @ (2 * gradient[fit.pairs])
    assert found == pytest.approx(expected, abs=1e-10)
    weights = np.ones((6, 6))
    lam = fit_one_factor(fit.correlation, weights).loadings
    omega, by_threshold, by_r, by_loading = green_yang_gradient(
        fit.thresholds, fit.correlation, lam
    )
    step = 1e-6
    moved = fit.thresholds.copy()
    moved[2, 2] += step
    change = green_yang(moved, fit.correlation, lam) - omega
    assert by_threshold[2, 1] == pytest.approx(change / step, rel=1e-4)
    r = fit.correlation.copy()
    r[0, 1] += step
    r[1, 0] += step
    change = green_yang(fit.thresholds, r, lam) - omega
    assert by_r[0] == pytest.approx(change / step, rel=1e-4)
    other = fit_one_factor(r, weights).loadings
    slopes = loading_derivatives(fit.correlation, weights, lam)
    assert slopes[:, 0] == pytest.approx((other - lam) / step, rel=1e-3)
    longer = lam + step * (np.arange(6) == 3)
    change = green_yang(fit.thresholds, fit.correlation, longer) - omega
    assert by_loading[3] == pytest.approx(change / step, rel=1e-4)


@pytest.mark.parametrize("denominator", ["observed", "model"])
def test_the_delta_method_is_what_resamples_spread(denominator):
    items = SETS["six"]
    delta = omega_categorical(items, denominator=denominator)
    drawn = omega_categorical(items, denominator=denominator, ci="bootstrap")
    assert drawn.se == pytest.approx(delta.se, rel=0.12)
    assert drawn.ci_low == pytest.approx(delta.ci_low, abs=0.01)


def test_coverage_in_the_population():
    """SIMULATED five-point answers of one factor, n = 200: 95 % intervals."""
    rng = np.random.default_rng(4)
    lam, cuts = np.linspace(0.5, 0.8, 6), [-1.2, -0.4, 0.4, 1.2]
    thresholds = np.tile(np.r_[-np.inf, cuts, np.inf], (6, 1))
    r = np.outer(lam, lam)
    np.fill_diagonal(r, 1.0)
    truth = float(green_yang(thresholds, r, lam))
    hits, runs = 0, 200
    for _ in range(runs):
        latent = rng.normal(size=(200, 1)) * lam
        latent = latent + rng.normal(size=(200, 6)) * np.sqrt(1 - lam**2)
        found = omega_categorical(np.digitize(latent, cuts))
        hits += found.ci_low <= truth <= found.ci_high
    assert abs(hits / runs - 0.945) < 0.048


@pytest.mark.slow
def test_coverage_with_rare_categories():
    """The delta method covers .83 at n = 60, the default about .93.

    200 SIMULATED samples: three standard errors of .93 are .054.
    """
    rng = np.random.default_rng(9)
    lam, cuts = np.linspace(0.5, 0.8, 6), [-1.8, -1.3, -0.8, -0.2]
    thresholds = np.tile(np.r_[-np.inf, cuts, np.inf], (6, 1))
    r = np.outer(lam, lam)
    np.fill_diagonal(r, 1.0)
    truth = float(green_yang(thresholds, r, lam))
    hits = {"auto": 0, "adf": 0}
    runs = 200
    for _ in range(runs):
        latent = rng.normal(size=(60, 1)) * lam
        latent = latent + rng.normal(size=(60, 6)) * np.sqrt(1 - lam**2)
        for ci in hits:
            found = omega_categorical(np.digitize(latent, cuts), ci=ci, smooth=True)
            assert found.ci in ("jackknife", "adf", "")
            hits[ci] += found.ci_low <= truth <= found.ci_high
    assert abs(hits["auto"] / runs - 0.93) < 0.054
    assert hits["adf"] / runs < hits["auto"] / runs - 0.03


def test_twelve_items_take_less_than_a_tenth_of_a_second():
    rng = np.random.default_rng(1)
    latent = 0.7 * rng.normal(size=(400, 1)) + 0.7 * rng.normal(size=(400, 12))
    items = np.digitize(latent, [-1.5, -0.5, 0.3, 1.0])
    best = np.inf
    for _ in range(4):
        start = time.perf_counter()
        omega_categorical(items)
        best = min(best, time.perf_counter() - start)
    assert best < 0.1


def test_what_is_refused():
    with pytest.raises(DataError, match="at most 20 ordered"):
        omega_categorical(X[:, :4] + np.random.default_rng(1).normal(size=(300, 4)))
    with pytest.raises(DataError, match="at least 3 items"):
        omega_categorical(SETS["six"][:, :2])
    with pytest.raises(ModelError, match="method must be one of"):
        omega_categorical(SETS["six"], method="ml")
