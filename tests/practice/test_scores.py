"""What a reliability means for scores, groups and plans: METHODS' checked numbers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats import DataError, ModelError, effect_sizes, fit_meta
from waistats.practice import (
    disattenuate,
    interpret_reliability,
    kelley_true_score,
    reliable_change,
    restrict_range,
    sample_size_for_alpha,
    sample_size_for_correlation,
    standard_error_of_measurement,
)

ROOT = Path(__file__).parents[2]
REFERENCE = json.loads(
    (ROOT / "tests/reference/practice_planning.json").read_text(encoding="utf-8")
)
ALPHAS = st.floats(0.05, 0.99)


@pytest.fixture(scope="module")
def cesd():
    return fit_meta(effect_sizes(pd.read_csv(ROOT / "data/cesd_bonett2010.csv")))


def test_standard_errors():
    assert standard_error_of_measurement(9, 0.92) == pytest.approx(2.5455844, rel=1e-7)
    assert standard_error_of_measurement(0.75, 0.92) == pytest.approx(0.2121320, 1e-6)
    sem = standard_error_of_measurement
    assert sem(9, 0.92, of="estimation") == pytest.approx(2.442, abs=5e-4)
    assert sem(9, 0.92, of="prediction") == pytest.approx(3.527, abs=5e-4)
    np.testing.assert_allclose(sem([9, 0.75], [0.92, 1]), [2.5455844, 0], rtol=1e-7)


def test_kelley():
    row = kelley_true_score(36, 48, 9, 0.92).iloc[0]
    assert row["estimate"] == pytest.approx(36.96)
    assert row["se"] == pytest.approx(2.442, abs=5e-4)
    assert row["ci_high"] - row["estimate"] == pytest.approx(1.959964 * 2.441639, 1e-5)
    many = kelley_true_score(pd.Series([36, 60], index=["a", "b"]), 48, 9, 0.92)
    assert list(many.index) == ["a", "b"]
    assert many["estimate"].tolist() == pytest.approx([36.96, 59.04])


def test_reliable_change():
    assert reliable_change(9, 0.92) == pytest.approx(7.0558, abs=1e-4)
    assert reliable_change(9, 0.92, 8) == pytest.approx(2.2222, abs=1e-4)
    # the smallest reliable change has the index 1.96
    assert reliable_change(9, 0.92, reliable_change(9, 0.92)) == pytest.approx(1.959964)
    assert reliable_change(9, 0.92, conf_level=0.9) < reliable_change(9, 0.92)


def test_model_gives_estimate_and_both_limits(cesd):
    change = reliable_change(9, cesd)
    assert list(change.index) == ["estimate", "pi_low", "pi_high"]
    alpha = cesd.predict().iloc[0]
    for point in change.index:
        assert change[point] == pytest.approx(reliable_change(9, alpha[point]))
    several = standard_error_of_measurement(pd.Series([9, 0.75], ["sum", "mean"]), cesd)
    assert several.shape == (2, 3)
    assert list(several.index) == ["sum", "mean"]
    assert several.loc["sum", "pi_low"] == pytest.approx(
        9 * np.sqrt(1 - alpha["pi_low"])
    )


def test_negative_prediction_limit_counts_as_no_reliability():
    table = pd.DataFrame(
        {"study_id": list("ABC"), "estimate": [0.2, 0.9, 0.6], "n": 200, "n_items": 10}
    )
    fit = fit_meta(effect_sizes(table))
    assert fit.predict()["pi_low"].iloc[0] < 0
    assert standard_error_of_measurement(5, fit)["pi_low"] == 5


def test_restrict_range():
    assert restrict_range(9, 0.92, 6) == pytest.approx(0.82)
    assert restrict_range(9, 0.92, 12) == pytest.approx(0.955)
    there = restrict_range(9, [0.92, 0.8], 6)
    np.testing.assert_allclose(restrict_range(6, there[:1], 9), [0.92])


@given(ALPHAS, st.floats(0.1, 50), st.floats(1.0, 4.0))
@settings(max_examples=60, deadline=None)
def test_restrict_range_keeps_the_error(alpha, sd, factor):
    wider = restrict_range(sd, alpha, sd * factor)
    assert standard_error_of_measurement(sd * factor, wider) == pytest.approx(
        standard_error_of_measurement(sd, alpha), rel=1e-9
    )


def test_disattenuate():
    both = disattenuate(0.278, 0.92, 0.90)
    assert both.estimate == pytest.approx(0.3055, abs=5e-5)
    assert np.isnan(both.se)
    assert disattenuate(0.278, 0.92).estimate == pytest.approx(0.2898, abs=5e-5)
    full = disattenuate(0.278, 0.92, 0.90, se_r=0.05, se_x=0.01, se_y=0.02)
    rho = 0.278 / np.sqrt(0.92 * 0.90)
    brief = rho * np.sqrt(
        (0.05 / 0.278) ** 2 + 0.01**2 / (4 * 0.92**2) + 0.02**2 / (4 * 0.90**2)
    )
    assert full.se == pytest.approx(brief, rel=1e-12)
    by_n = disattenuate(0.278, 0.92, 0.90, n=100)
    known = disattenuate(0.278, 0.92, 0.90, se_r=(1 - 0.278**2) / np.sqrt(99))
    assert by_n.se == pytest.approx(known.se)
    assert "beyond 1" in disattenuate(0.9, 0.6, 0.7).closing()
    assert disattenuate(0.0, 0.9, n=50).se > 0
    assert len(disattenuate([0.2, 0.3], 0.9, n=50).to_frame()) == 2


def test_disattenuate_by_simulation():
    """The delta method against 20,000 SIMULATED samples with estimated reliabilities."""
    rng = np.random.default_rng(3)
    r = rng.normal(0.3, 0.05, 20_000)
    x, y = rng.normal(0.85, 0.02, 20_000), rng.normal(0.8, 0.03, 20_000)
    found = disattenuate(0.3, 0.85, 0.8, se_r=0.05, se_x=0.02, se_y=0.03)
    assert (r / np.sqrt(x * y)).std() == pytest.approx(found.se, rel=0.02)


def test_disattenuate_with_an_induced_alpha(cesd):
    found = disattenuate(0.28, cesd, n=100)
    assert found.alpha_x == pytest.approx(0.905208, abs=1e-6)
    # se^2 + tau^2 of the Bonett scale, brought to alpha
    v = (0.0829178**2 + 0.04610461) * (1 - 0.905208) ** 2
    same = disattenuate(0.28, found.alpha_x, n=100, se_x=np.sqrt(v))
    assert found.se == pytest.approx(same.se, rel=1e-5)
    assert "induced from 9" in str(found)
    with pytest.raises(ModelError, match="leave se_x out"):
        disattenuate(0.28, cesd, se_x=0.01)


def test_sample_sizes():
    size = sample_size_for_alpha
    assert size(0.90, 12, width=0.05) == 137
    assert size(0.85, 4, width=0.10) == 96
    assert size(0.90, 12, width=0.05, bias="none") == 139
    assert size(0.85, 4, width=0.10, bias="none") == 98
    assert size(0.88, 12, null=0.80) == 68
    assert size(0.85, 12, alpha2=0.90) == 211
    assert size(0.85, 12, alpha2=0.90, n_items2=4) > 211
    np.testing.assert_array_equal(
        size([0.90, 0.85], [12, 4], width=[0.05, 0.10]), [137, 96]
    )
    assert isinstance(size(0.90, 12, width=0.05), int)
    power = sample_size_for_correlation
    np.testing.assert_array_equal(
        power(0.30, [1, 0.92, 0.70], [1, 0.90, 0.90]), [85, 104, 137]
    )
    assert power(-0.30) == 85


def test_sample_size_at_the_prediction_limits(cesd):
    sizes = sample_size_for_alpha(cesd, 20, width=0.05)
    assert sizes["pi_high"] < sizes["estimate"] < sizes["pi_low"]
    low = cesd.predict()["pi_low"].iloc[0]
    assert sizes["pi_low"] == sample_size_for_alpha(low, 20, width=0.05)


@given(ALPHAS, st.integers(3, 40), st.floats(0.02, 0.2))
@settings(max_examples=80, deadline=None)
def test_size_for_width_reaches_the_width(alpha, m, width):
    n = sample_size_for_alpha(alpha, m, width=width, bias="none")

    def reached(n):
        v = 2 * m / ((m - 1) * (n - 2))
        return 2 * (1 - alpha) * np.sinh(1.959964 * np.sqrt(v))

    if n > 60:
        assert reached(n) <= width * 1.01
        assert reached(n - 3) > width * 0.99


def test_power_of_the_size_by_simulation():
    """SIMULATED alphas from their exact law: the test has the power it was sized for."""
    n, m, true, null = 68, 12, 0.88, 0.80
    rng = np.random.default_rng(5)
    df = n - 1, (n - 1) * (m - 1)
    f = (rng.chisquare(df[0], 40_000) / df[0]) / (rng.chisquare(df[1], 40_000) / df[1])
    rest = (1 - true) / f
    z = np.log((1 - null) / rest) / np.sqrt(2 * m / ((m - 1) * (n - 2)))
    assert np.mean(np.abs(z) > 1.959964) == pytest.approx(0.80, abs=0.02)


def test_interpret_reliability():
    words = interpret_reliability([0.6, 0.75, 0.84, 0.92, 0.97, np.nan])
    assert [w.split(",")[0] for w in words[:3]] == [
        "too low even for research",
        "good enough for research",
        "good enough for decisions about groups",
    ]
    assert "redundant" in words[4]
    assert "redundant" not in words[3]
    assert words[5] == "not known"
    assert interpret_reliability(0.70).startswith("good enough for research")


def test_series_keep_their_index():
    sds = pd.Series([9.0, 8.0], index=["A", "B"])
    alphas = pd.Series([0.9, 0.8], index=["A", "B"])
    for out in (
        standard_error_of_measurement(sds, alphas),
        reliable_change(sds, alphas),
        restrict_range(9, alphas, sds),
    ):
        assert list(out.index) == ["A", "B"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: standard_error_of_measurement(0, 0.9), "sd must be above 0, but is 0"),
        (
            lambda: standard_error_of_measurement(9, [0.9, 1.2, -0.1]),
            r"1.2 \(position 2\), -0.1 \(position 3\).*correlate negatively with the rest",
        ),
        (lambda: standard_error_of_measurement(9, "high"), "alpha must be numbers"),
        (lambda: reliable_change(9, 1, 3), "below 1, but is 1"),
        (lambda: restrict_range(9, 0.9, -1), "new_sd must be above 0"),
        (lambda: disattenuate(1.2, 0.9), "r must be at least -1 and at most 1"),
        (lambda: disattenuate(0.2, 0.0), "alpha_x must be above 0"),
        (lambda: disattenuate(0.2, 0.9, n=2), "n must be at least 3"),
        (
            lambda: sample_size_for_alpha(0.9, 1, width=0.1),
            "n_items must be at least 2",
        ),
        (lambda: sample_size_for_alpha(0.9, 12, width=1.5), "width must be above 0"),
        (lambda: sample_size_for_alpha(1, 12, width=0.1), "below 1, but is 1"),
        (lambda: sample_size_for_correlation(1), "rho must be above -1"),
        (lambda: kelley_true_score(3, 3, 1, 1.5), "at most 1, but is 1.5"),
    ],
)
def test_wrong_values_are_named(call, message):
    with pytest.raises(DataError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample_size_for_alpha(0.9, 12), "exactly one of.*got none"),
        (lambda: sample_size_for_alpha(0.9, 12, width=0.1, null=0.8), "width, null"),
        (lambda: sample_size_for_alpha(0.9, 12, null=0.9), "equal; no size"),
        (lambda: sample_size_for_alpha(0.9, 12, null=0.8, n_items2=4), "second group"),
        (lambda: sample_size_for_correlation(0.0), "rho is 0"),
        (lambda: disattenuate(0.2, 0.9, n=50, se_r=0.1), "n or se_r"),
        (lambda: standard_error_of_measurement(9, 0.9, of="x"), "of must be one"),
        (lambda: reliable_change(9, 0.9, conf_level=95), "conf_level"),
    ],
)
def test_wrong_questions_are_refused(call, message):
    with pytest.raises(ModelError, match=message):
        call()


def test_model_with_moderators_has_no_single_alpha():
    table = pd.read_csv(ROOT / "data/cesd_bonett2010.csv")
    fit = fit_meta(effect_sizes(table), "~ caregivers")
    with pytest.raises(ModelError, match="depends on the population"):
        reliable_change(9, fit)
