"""The jackknife interval: refits without each respondent, and its coverage."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waistats import (
    ModelError,
    cronbach_alpha,
    greatest_lower_bound,
    omega_categorical,
    omega_total,
    ordinal_alpha,
    ordinal_omega,
    reliability_by_study,
    split_half,
    standardized_alpha,
    summarize_responses,
)
from waistats.reliability._moments import (
    alpha_influence,
    alpha_of,
    influence_variance,
    mean_and_covariance,
)
from waistats.reliability._resampling import alphas_without_each, jackknife_limits

STRONG_CEILING = (-2.4, -1.9, -1.3, -0.5)


def answers(n: int, m: int, seed: int, cuts: tuple[float, ...] = STRONG_CEILING) -> Any:
    """SIMULATED answers of one factor."""
    rng = np.random.default_rng(seed)
    loadings = np.linspace(0.6, 0.75, m)
    latent = rng.normal(size=(n, 1)) * loadings
    values = latent + rng.normal(size=(n, m)) * np.sqrt(1 - loadings**2)
    return np.digitize(values, cuts).astype(float)


def by_refits(function: Callable[..., Any], items: Any, **options: Any) -> list[float]:
    return [
        function(np.delete(items, i, axis=0), ci=None, **options).estimate
        for i in range(len(items))
    ]


def limits(values: list[float], estimate: float, scale: str) -> tuple[float, ...]:
    """Tukey's interval, written out."""
    a, n = np.array(values), len(values)

    def se(x: np.ndarray) -> float:
        return float(np.sqrt((n - 1) ** 2 / n * x.var(ddof=1)))

    t = stats.t.ppf(0.975, n - 1)
    if scale == "raw":
        return se(a), estimate - t * se(a), min(1.0, estimate + t * se(a))
    half = t * se(np.log(1 - a))
    rest = 1 - estimate
    return se(a), 1 - rest * np.exp(half), 1 - rest * np.exp(-half)


@pytest.mark.parametrize(
    ("function", "options", "scale"),
    [
        (cronbach_alpha, {}, "raw"),
        (standardized_alpha, {}, "raw"),
        (omega_total, {}, "bonett"),
        (omega_total, {"scale": "raw"}, "raw"),
        (greatest_lower_bound, {}, "bonett"),
        (split_half, {}, "bonett"),
        (ordinal_alpha, {"smooth": True}, "bonett"),
        (ordinal_alpha, {"smooth": True, "correct": 0.5}, "bonett"),
        (ordinal_omega, {"smooth": True}, "bonett"),
        (omega_categorical, {"smooth": True, "method": "uls"}, "bonett"),
    ],
)
def test_it_is_every_coefficient_without_each_respondent(function, options, scale):
    items = answers(45, 5, 2, (-1.5, -0.5, 0.5))
    found = function(items, ci="jackknife", **options)
    expected = limits(by_refits(function, items, **options), found.estimate, scale)
    assert found.ci == "jackknife"
    assert (found.se, found.ci_low, found.ci_high) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("missing", ["pairwise", "em"])
def test_with_missing_answers(missing):
    items = answers(40, 4, 3, (-1, 0, 1))
    items[[3, 9, 20], [0, 2, 3]] = np.nan
    found = cronbach_alpha(items, ci="jackknife", missing=missing)
    refits = by_refits(cronbach_alpha, items, missing=missing)
    expected = limits(refits, found.estimate, "raw")
    assert (found.se, found.ci_low, found.ci_high) == pytest.approx(expected, rel=1e-4)
    ordinal = ordinal_alpha(items, ci="jackknife", missing="pairwise")
    refits = by_refits(ordinal_alpha, items, missing="pairwise")
    assert ordinal.se == pytest.approx(limits(refits, 0.0, "raw")[0], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("m", [4, 12])
@pytest.mark.parametrize("n", [30, 60])
def test_coverage_of_alpha_with_a_strong_ceiling(n, m):
    """Where the distribution-free interval covers .84 to .88 (docs/intervals.md).

    2,000 SIMULATED samples: three standard errors of a coverage of .93 are .017.
    """
    runs = 2000
    whole = answers(400_000, m, 1)
    truth = float(alpha_of(mean_and_covariance(whole)[1]))
    # as many samples from one draw
    samples = answers(runs * n, m, 10 * n + m).reshape(runs, n, m)
    alpha = alpha_of(mean_and_covariance(samples)[1])
    spread = np.sqrt(influence_variance(alpha_influence(samples)))
    adf = np.abs(alpha - truth) <= 1.959964 * spread
    hits = 0
    for sample, a in zip(samples, alpha, strict=True):
        _, low, high = jackknife_limits(
            alphas_without_each(sample), float(a), 0.95, "raw"
        )
        hits += low <= truth <= high
    assert abs(hits / runs - 0.935) < 0.017
    assert adf.mean() < 0.905
    assert adf.mean() < hits / runs - 0.03


def test_coverage_of_alpha_with_normal_answers():
    """2,000 SIMULATED samples of 30: three standard errors of .945 are .0153."""
    rng = np.random.default_rng(5)
    runs, n, m = 2000, 30, 4
    samples = rng.normal(size=(runs, n, 1)) + rng.normal(size=(runs, n, m))
    hits = 0
    for sample in samples:
        a = float(alpha_of(mean_and_covariance(sample)[1]))
        _, low, high = jackknife_limits(alphas_without_each(sample), a, 0.95, "raw")
        hits += low <= 0.8 <= high
    assert abs(hits / runs - 0.945) < 0.0153


def test_an_interval_that_is_short_says_so():
    few, many = answers(60, 6, 1), answers(400, 6, 1)
    for ci in ("adf", "bootstrap"):
        notes = cronbach_alpha(few, ci=ci, n_resamples=200).notes
        assert any("here 60" in note and ".85 and .88" in note for note in notes)
        notes = cronbach_alpha(many, ci=ci, n_resamples=200).notes
        assert not any("With few respondents" in note for note in notes)
    # sixty respondents with heavy tails cannot show it, their ceiling does
    feldt = cronbach_alpha(answers(60, 6, 4)).notes
    assert any("69% of the answers are at one end" in note for note in feldt)
    feldt = cronbach_alpha(answers(2000, 6, 1)).notes
    assert any('interval is too short; use ci="jackknife" or' in n for n in feldt)
    binary = (answers(60, 6, 4) == 4).astype(float)
    assert not cronbach_alpha(binary).notes


def test_where_it_is_not_defined():
    # without the last respondent no total varies
    items = np.vstack([np.ones((9, 3)), [[2.0, 3.0, 2.0]]])
    found = cronbach_alpha(items, ci="jackknife")
    assert np.isnan(found.ci_low)
    assert any("Without one respondent" in note for note in found.notes)


def test_by_study_and_from_sums():
    frame = pd.DataFrame(answers(80, 4, 6), columns=list("abcd"))
    frame["study"] = np.repeat(["A", "B"], 40)
    table = reliability_by_study(
        frame, study="study", items=list("abcd"), ci="jackknife"
    )
    alone = cronbach_alpha(frame.loc[:39, list("abcd")], ci="jackknife")
    assert table["ci_low"][0] == pytest.approx(alone.ci_low)
    sums = summarize_responses(frame, study="study", items=list("abcd"))
    with pytest.raises(ModelError, match=r'ci="jackknife" needs the answers'):
        reliability_by_study(sums, ci="jackknife")
