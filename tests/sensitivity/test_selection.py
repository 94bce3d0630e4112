"""Selection at a threshold against metafor's step function, and its own likelihood."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from waistats import ModelError, effect_sizes, fit_meta, load_dataset
from waistats.measures import transform
from waistats.sensitivity._selection_likelihood import Selection, evaluate
from waistats.sensitivity.selection import threshold_selection

REFERENCE = Path(__file__).parents[1] / "reference" / "sensitivity_selection.json"
METAFOR = json.loads(REFERENCE.read_text("utf-8"))
CASES = {
    "cesd": ("cesd", "bonett", None),
    "mibs": ("mibs", "bonett", None),
    "mibs_75": ("mibs", "bonett", None),
    "mibs_mods": ("mibs", "bonett", "~ mother"),
    "mibs_hw": ("mibs", "hakstian-whalen", None),
}
# metafor's optimiser ends 4e-6 short of the maximum in the weight (its likelihood is
# within 1e-11); the profile limits, which it finds by root finding, are tighter
RTOL = 1e-5


def fitted(name: str, **options):
    source, measure, moderators = CASES[name]
    table = load_dataset(source)
    if "participants" in table:
        table["mother"] = table["participants"].str.contains("mother").astype(float)
    return fit_meta(effect_sizes(table, measure=measure), moderators, **options)


@pytest.mark.parametrize("name", list(CASES))
def test_one_threshold_is_metafors_step(name):
    wanted = METAFOR["selection"][name]
    found = threshold_selection(fitted(name), wanted["threshold"])
    beta = np.atleast_1d(wanted["beta"]).astype(float)
    beta[0] = wanted["estimate"]
    np.testing.assert_allclose(found.beta, beta, rtol=RTOL)
    se = np.sqrt(np.diag(found.cov))
    np.testing.assert_allclose(se, np.atleast_1d(wanted["se"]), rtol=RTOL)
    assert found.tau2 == pytest.approx(wanted["tau2"], rel=RTOL)
    assert found.tau2_se == pytest.approx(wanted["se_tau2"], rel=RTOL)
    assert found.weight == pytest.approx(wanted["weight"], rel=RTOL)
    assert found.weights_se[0] == pytest.approx(wanted["se_weight"], rel=RTOL)
    assert found.lrt.statistic == pytest.approx(wanted["lrt"], rel=1e-8)
    assert found.lrt.p_value == pytest.approx(wanted["lrt_p"], rel=1e-8)
    assert found.log_likelihood == pytest.approx(wanted["ll"], rel=1e-9)
    assert found.log_likelihood >= wanted["ll"] - 1e-12
    limits = [found.weights_low[0], found.weights_high[0]]
    np.testing.assert_allclose(limits, wanted["weight_interval"], rtol=1e-8)
    limits = [found.tau2_low, found.tau2_high]
    np.testing.assert_allclose(limits, wanted["tau2_interval"], rtol=1e-8)


def test_several_thresholds_are_metafors_steps_where_variances_are_equal():
    wanted = METAFOR["several"]
    k = len(wanted["alpha"])
    table = pd.DataFrame(
        {
            "study_id": [str(i) for i in range(k)],
            "estimate": wanted["alpha"],
            "n": wanted["n"],
            "n_items": wanted["n_items"],
            "provenance": "SIMULATED",
        }
    )
    found = threshold_selection(fit_meta(effect_sizes(table)), wanted["thresholds"])
    assert found.estimate == pytest.approx(wanted["estimate"], rel=RTOL)
    assert found.se == pytest.approx(wanted["se"], rel=RTOL)
    assert found.tau2 == pytest.approx(wanted["tau2"], rel=RTOL)
    np.testing.assert_allclose(found.weight, wanted["weights"][:0:-1], rtol=RTOL)
    assert found.lrt.statistic == pytest.approx(wanted["lrt"], rel=1e-8)
    assert found.lrt.df == wanted["lrt_df"] == 2
    assert found.counts.tolist() == [8, 17, 30]
    assert "SIMULATED" in str(found)


def test_published_numbers():
    mibs = threshold_selection(fitted("mibs"))
    assert mibs.estimate == pytest.approx(1.390054, abs=5e-7)
    assert mibs.tau2 == pytest.approx(0.216139, abs=5e-7)
    assert mibs.weight == pytest.approx(1.35315, abs=5e-6)
    assert mibs.unselected[0] == pytest.approx(1.333034, abs=5e-7)
    assert mibs.counts.tolist() == [14, 19]
    cesd = threshold_selection(fitted("cesd"), 0.90)
    assert cesd.counts.tolist() == [3, 6]
    assert cesd.estimate == pytest.approx(2.274740, abs=1e-6)
    assert cesd.weight == pytest.approx(0.41500, abs=5e-6)
    assert cesd.lrt.statistic == pytest.approx(0.609197, abs=5e-7)


def test_the_model_without_selection_is_maximum_likelihood():
    model = fitted("mibs", method="ML")
    found = threshold_selection(model)
    assert found.unselected[0] == pytest.approx(model.estimate, rel=1e-8)
    assert found.unselected[1] == pytest.approx(model.tau2, rel=1e-6)
    gain = found.log_likelihood - model.log_likelihood
    assert found.lrt.statistic == pytest.approx(2 * gain, rel=1e-7)


def test_the_interval_excludes_1_exactly_when_the_test_rejects():
    model = fitted("mibs_75")
    found = threshold_selection(model, 0.75)
    inside = threshold_selection(model, 0.75, conf_level=1 - found.lrt.p_value * 0.99)
    outside = threshold_selection(model, 0.75, conf_level=1 - found.lrt.p_value * 1.01)
    assert inside.weights_low[0] < 1 < outside.weights_low[0]


def test_no_grid_point_beats_the_maximum():
    model = fitted("mibs")
    found = threshold_selection(model)
    y, v = model.effects.yi, model.effects.vi
    cut = transform(0.7)
    below = y < cut - 1e-9
    best = -np.inf
    for mu in np.linspace(0.9, 1.9, 41):
        for tau2 in np.linspace(0.02, 0.6, 41):
            s = np.sqrt(v + tau2)
            above = stats.norm.sf((cut - mu) / s)
            density = stats.norm.logpdf(y, mu, s).sum()
            for w in (0.5, 1.0, 1.3531, 2.0):
                value = density + np.where(below, np.log(w), 0).sum()
                best = max(best, value - np.log(above + w * (1 - above)).sum())
    assert found.log_likelihood > best


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 2))
def test_derivatives_are_those_of_the_likelihood(seed, m, p):
    rng = np.random.default_rng(seed)
    k = 12
    cuts = np.sort(rng.normal(1.5, 0.3, m))
    y = rng.normal(1.5, 0.5, k)
    data = Selection(
        y=y,
        v=rng.uniform(0.01, 0.2, k),
        X=np.column_stack([np.ones(k), rng.normal(size=k)])[:, :p],
        cuts=cuts,
        zone=np.searchsorted(cuts, y, side="right"),
    )
    at = np.concatenate([[1.4, 0.1][:p], [0.4], rng.normal(0, 0.7, m)])
    here = evaluate(data, at)
    h = 1e-5
    for i in range(len(at)):
        step = h * np.eye(len(at))[i]
        up, down = evaluate(data, at + step), evaluate(data, at - step)
        slope = (up.value - down.value) / (2 * h)
        np.testing.assert_allclose(here.gradient[i], slope, rtol=1e-5, atol=1e-6)
        bend = (up.gradient - down.gradient) / (2 * h)
        np.testing.assert_allclose(here.hessian[i], bend, rtol=1e-5, atol=1e-5)


def test_selection_is_found_where_there_is_some():
    rng = np.random.default_rng(11)
    n = rng.integers(60, 400, 6_000)
    v = 2 * 12 / (11 * (n - 2))
    y = rng.normal(1.9, np.sqrt(0.1 + v))
    kept = rng.uniform(size=len(y)) < np.where(y < transform(0.8), 0.4, 1.0)
    table = pd.DataFrame(
        {"study_id": np.arange(kept.sum()).astype(str), "estimate": -np.expm1(-y[kept])}
    ).assign(n=n[kept], n_items=12)
    found = threshold_selection(fit_meta(effect_sizes(table)), 0.80)
    assert found.weight == pytest.approx(0.4, abs=0.05)
    assert found.estimate == pytest.approx(1.9, abs=0.02)
    assert found.unselected[0] > 1.96
    assert found.lrt.p_value < 1e-10


def test_a_common_effect_keeps_tau2_at_0():
    found = threshold_selection(fitted("cesd", method="CE"), 0.90)
    assert found.tau2 == 0
    assert np.isnan(found.tau2_low)
    assert found.lrt.df == 1


def test_it_prints_counts_test_and_alpha():
    text = str(threshold_selection(fitted("mibs")))
    assert "14 below .70, 19 from .70" in text
    assert "χ²(1) = 0.2617, p = .6090" in text
    assert "On the alpha scale: .751" in text
    assert "without selection .736" in text
    frame = threshold_selection(fitted("mibs")).to_frame()
    assert frame["term"].to_list() == ["Intercept", "tau2", "weight below .70"]


def test_a_model_with_moderators_has_no_single_mean():
    found = threshold_selection(fitted("mibs_mods"))
    with pytest.raises(ModelError, match="no single mean"):
        found.estimate  # noqa: B018


@pytest.mark.parametrize(
    ("threshold", "match"),
    [
        (0.5, "No coefficient lies below .500 .they run from .860 to .940"),
        (0.95, "No coefficient lies at or above .950"),
        ((0.865, 0.875, 0.9), "No coefficient lies from .865 to .875"),
        ((0.9, 0.9), "Thresholds must differ"),
        (1.0, "must be a reliability below 1"),
        ((), "must be a reliability below 1"),
    ],
)
def test_a_threshold_needs_both_sides(threshold, match):
    with pytest.raises(ModelError, match=match):
        threshold_selection(fitted("cesd"), threshold)


def test_what_is_not_defined_is_refused():
    table = load_dataset("cesd")
    corrected = fit_meta(effect_sizes(table, bias="bonett"))
    with pytest.raises(ModelError, match="bias-corrected"):
        threshold_selection(corrected, 0.9)
    with pytest.raises(ModelError, match="user weights"):
        threshold_selection(fitted("cesd", weights="equal"), 0.9)
    bare = fit_meta(effect_sizes(table)[["yi", "vi"]])
    with pytest.raises(ModelError, match="name their measure"):
        threshold_selection(bare, 0.9)
    with pytest.raises(ModelError, match="conf_level"):
        threshold_selection(fitted("cesd"), 0.9, conf_level=95)
