"""Predicted reliability, probabilities of thresholds, and the table for practice."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import DataError, ModelError, effect_sizes, fit_meta
from waistats.meta.multilevel.fit import fit_multilevel
from waistats.practice import predict_reliability, threshold_probability
from waistats.rg.generalize import generalize

ROOT = Path(__file__).parents[2]
REFERENCE = json.loads(
    (ROOT / "tests/reference/practice_planning.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def cesd_table():
    return effect_sizes(pd.read_csv(ROOT / "data/cesd_bonett2010.csv"))


@pytest.fixture(scope="module")
def cesd(cesd_table):
    return fit_meta(cesd_table)


def simulated(k: int = 24, seed: int = 4) -> pd.DataFrame:
    """SIMULATED coefficients of two forms and two raters."""
    rng = np.random.default_rng(seed)
    form = np.where(np.arange(k) % 2 == 0, "WAI-SR", "WAI-36")
    rater = np.where(np.arange(k) % 4 < 2, "client", "therapist")
    m = np.where(form == "WAI-SR", 12, 36)
    n = rng.integers(60, 300, k)
    t = 2.3 + 0.4 * (form == "WAI-36") - 0.3 * (rater == "therapist")
    t = t + rng.normal(0, np.sqrt(0.03 + 2 * m / ((m - 1) * (n - 2))))
    return pd.DataFrame(
        {
            "study_id": [f"S{i}" for i in range(k)],
            "instrument": form,
            "rater": rater,
            "scale": "total",
            "estimate": 1 - np.exp(-t),
            "n": n,
            "n_items": m,
            "score_sd": rng.uniform(5, 10, k),
            "provenance": "SIMULATED",
        }
    )


def test_checked_numbers(cesd):
    with_tau2 = predict_reliability(cesd)
    assert with_tau2.pi_low[0] == pytest.approx(0.83422, abs=5e-6)
    assert with_tau2.pi_high[0] == pytest.approx(0.94616, abs=5e-6)
    found = predict_reliability(cesd, n=[30, 100, 300], prediction="metafor")
    np.testing.assert_allclose(found.estimate, 0.905208, atol=5e-7)
    np.testing.assert_allclose(found.pi_low, 0.838829, atol=5e-7)
    np.testing.assert_allclose(found.pi_high, 0.944249, atol=5e-7)
    np.testing.assert_allclose(found.observed_low, [0.784, 0.822, 0.833], atol=5e-4)
    np.testing.assert_allclose(found.observed_high, [0.958, 0.949, 0.946], atol=5e-4)
    np.testing.assert_allclose(
        found.observed_above[:, 2], [0.558, 0.575, 0.584], atol=5e-4
    )
    for c, p in ((0.80, 0.99975), (0.85, 0.98372), (0.90, 0.59835)):
        share = threshold_probability(cesd, c, include_uncertainty=False)
        assert share == pytest.approx(p, abs=5e-6)


def test_matches_metafor_and_r(cesd):
    r = REFERENCE
    found = predict_reliability(
        cesd, n=r["sizes"], thresholds=r["cuts"], prediction="metafor"
    )
    np.testing.assert_allclose(found.above[0], r["t"], rtol=1e-8)
    plain = threshold_probability(cesd, r["cuts"], include_uncertainty=False)
    np.testing.assert_allclose(plain, r["normal"], 1e-8)
    np.testing.assert_allclose(found.observed_above[:, 3], r["observed_90"], rtol=1e-8)
    np.testing.assert_allclose(found.observed_low, r["observed_low"], rtol=1e-8)
    np.testing.assert_allclose(found.observed_high, r["observed_high"], rtol=1e-8)
    np.testing.assert_allclose(
        threshold_probability(cesd, r["cuts"], prediction="metafor"), r["t"], 1e-8
    )
    share = threshold_probability(cesd, 0.90, method="calibrated")
    assert share == pytest.approx(r["calibrated_90"])


def test_moderators(cesd_table):
    fit = fit_meta(cesd_table, "~ n")
    found = predict_reliability(fit, new={"n": 200}, prediction="metafor")
    for name, value in REFERENCE["at_200"].items():
        np.testing.assert_allclose(getattr(found, name), value, rtol=1e-7)
    mean = predict_reliability(fit)
    assert "n was not given; its mean" in str(mean)
    at_mean = predict_reliability(fit, new={"n": cesd_table["n"].mean()})
    np.testing.assert_allclose(mean.estimate, at_mean.estimate)


def test_prediction_holds_in_new_populations():
    """SIMULATED: 95% of new populations, and of samples of 40, lie in the intervals."""
    rng = np.random.default_rng(12)
    k, m, n, new_n, inside = 20, 12, 80, 40, []
    v, w = 2 * m / ((m - 1) * (n - 2)), 2 * m / ((m - 1) * (new_n - 2))
    for _ in range(120):
        t = 2.2 + rng.normal(0, 0.4, k) + rng.normal(0, np.sqrt(v), k)
        table = pd.DataFrame({"study_id": range(k), "estimate": 1 - np.exp(-t)})
        fit = fit_meta(effect_sizes(table.assign(n=n, n_items=m)))
        row = predict_reliability(fit, n=new_n)
        true = 2.2 + rng.normal(0, 0.4, 40)
        shown = 1 - np.exp(-(true + rng.normal(0, np.sqrt(w), 40)))
        true = 1 - np.exp(-true)
        inside.append(
            (
                np.mean((true > row.pi_low) & (true < row.pi_high)),
                np.mean((shown > row.observed_low) & (shown < row.observed_high)),
            )
        )
    assert np.mean(inside, axis=0) == pytest.approx([0.95, 0.95], abs=0.025)


def test_limits_of_size(cesd):
    """A huge sample shows the true alpha; an infinitely precise model its own."""
    found = predict_reliability(cesd, n=10**9)
    np.testing.assert_allclose(found.observed_low, found.pi_low, rtol=1e-7)
    np.testing.assert_allclose(
        threshold_probability(cesd, 0.9, n=10**9),
        threshold_probability(cesd, 0.9),
        rtol=1e-7,
    )
    # the limit of the interval is exceeded with the matching probability
    limits = [found.pi_low[0], found.pi_high[0]]
    kind = {"prediction": "confidence-distribution"}
    found = threshold_probability(cesd, limits, **kind)
    np.testing.assert_allclose(found, [0.975, 0.025])
    # the calibrated ones are nearer to one half
    below, over = threshold_probability(cesd, limits)
    assert 0.93 < below < 0.975
    assert 0.025 < over < 0.07


@pytest.mark.parametrize("measure", ["bonett", "hakstian-whalen", "raw"])
def test_scales_agree(cesd_table, measure):
    base = cesd_table.drop(columns=["measure", "yi", "vi"])
    found = predict_reliability(fit_meta(effect_sizes(base, measure=measure)), n=100)
    assert found.estimate[0] == pytest.approx(0.905, abs=2e-3)
    assert found.observed_low[0] == pytest.approx(0.822, abs=0.03)
    assert found.observed_above[0, 2] == pytest.approx(0.575, abs=0.02)


def test_multilevel_sums_its_levels():
    table = effect_sizes(pd.read_csv(ROOT / "data/mibs_demir2022.csv"))
    fit = fit_multilevel(table)
    found = predict_reliability(fit, n=100, n_items=8)
    assert found.estimate[0] == pytest.approx(0.755285, abs=1e-6)
    row = fit.predict(back_transform=False).iloc[0]
    v = 2 * 8 / (7 * 98)
    half = (row["pi_high"] - row["estimate"]) / np.sqrt(fit.tau2 + fit.se**2)
    wide = half * np.sqrt(fit.tau2 + fit.se**2 + v)
    assert found.observed_low[0] == pytest.approx(1 - np.exp(-(row["estimate"] - wide)))
    assert "most common of" in str(predict_reliability(fit, n=100))


def test_study_answers_from_the_model_that_fits():
    study = generalize(simulated())
    overall = predict_reliability(study, n=50)
    assert overall.k == 24
    assert overall.to_frame()["provenance"].tolist() == ["SIMULATED"]
    assert "SIMULATED" in str(overall)
    cell = predict_reliability(study, "wai-sr", "Client", n=50)
    assert cell.k == 6
    assert cell.n_items[0] == 12
    row = study.cells.query("instrument == 'WAI-SR' and rater == 'client'").iloc[0]
    assert cell.estimate[0] == pytest.approx(row["estimate"], rel=1e-12)
    assert cell.pi_low[0] == pytest.approx(row["pi_low"], rel=1e-12)
    assert "From the 6 coefficients with instrument WAI-SR, rater client." in str(cell)
    model = generalize(simulated(), "~ instrument + rater")
    both = predict_reliability(model, "WAI-SR", "client")
    assert both.k == 24
    expected = model.moderator_model.predict(
        {"instrument": "WAI-SR", "rater": "client"}
    ).iloc[0]
    assert both.estimate[0] == pytest.approx(expected["estimate"], rel=1e-12)


def test_robust_interval_of_a_study():
    study = generalize(pd.read_csv(ROOT / "data/mibs_demir2022.csv"))
    row, found = study.summary().iloc[0], predict_reliability(study)
    assert study.pooled.robust is not None
    assert found.ci_low[0] == pytest.approx(row["ci_low"], rel=1e-9)
    assert found.ci_high[0] == pytest.approx(row["ci_high"], rel=1e-9)
    assert found.pi_low[0] == pytest.approx(row["pi_low"], rel=1e-9)


def test_facts_are_never_ignored():
    table = effect_sizes(simulated())
    fit = fit_meta(table, "~ rater")
    with pytest.raises(ModelError, match=r"values for rater \(client, therapist\)"):
        predict_reliability(fit)
    with pytest.raises(DataError, match="No fitted coefficient has rater 'observer'"):
        predict_reliability(fit, rater="observer")
    with pytest.raises(ModelError, match=r"Given twice.*rater"):
        predict_reliability(fit, rater="client", new={"rater": "client"})
    found = predict_reliability(fit, instrument="WAI-36", rater="client")
    assert "no moderator instrument: the prediction is for the mix" in found.closing()
    same = fit_meta(table[table["instrument"] == "WAI-36"])
    assert "mix" not in predict_reliability(same, instrument="WAI-36").closing()
    frame = pd.DataFrame({"rater": ["client", "therapist"]}, index=["x", "y"])
    two = predict_reliability(fit, new=frame, n=[40, 80])
    assert two.to_frame()["n"].tolist() == [40, 80]
    assert list(two.to_frame().index) == ["x", "y"]
    assert threshold_probability(fit, [0.8, 0.9], new=frame).shape == (2, 2)
    with pytest.raises(ModelError, match="3 sizes and 2 populations"):
        predict_reliability(fit, new=frame, n=[10, 20, 30])


def test_wrong_questions(cesd, cesd_table):
    with pytest.raises(DataError, match="threshold must be at least 0 and below 1"):
        threshold_probability(cesd, 90)
    with pytest.raises(DataError, match="n must be at least 3, but is 2"):
        predict_reliability(cesd, n=2)
    with pytest.raises(DataError, match="whole numbers"):
        predict_reliability(cesd, n=20.5)
    with pytest.raises(ModelError, match=r"fit_meta\(\).*got float"):
        predict_reliability(0.9)
    with pytest.raises(ModelError, match="leave n out"):
        threshold_probability(cesd, n=20, method="calibrated")
    omega = cesd_table.assign(coefficient_type="omega_total")
    with pytest.raises(ModelError, match="omega_total varies does not follow"):
        predict_reliability(fit_meta(omega), n=50)
    plain = fit_meta(cesd_table.drop(columns="measure"))
    with pytest.raises(ModelError, match="which scale they are on"):
        predict_reliability(plain)


def test_no_heterogeneity():
    table = pd.DataFrame({"study_id": list("ABCD"), "estimate": 0.9, "n": 50})
    fit = fit_meta(effect_sizes(table.assign(n_items=12)), small_sample="wald")
    assert fit.tau2 == 0
    assert threshold_probability(fit, 0.85, include_uncertainty=False) == 1
    assert threshold_probability(fit, 0.95, include_uncertainty=False) == 0
    # the mean is still estimated, and tau of four coefficients may be above 0
    assert 0.85 < threshold_probability(fit, 0.85) < 0.95
    mixture = threshold_probability(fit, 0.85, prediction="confidence-distribution")
    assert 0.99 < mixture < 1
    common = fit_meta(effect_sizes(table.assign(n_items=12)), method="CE")
    assert "has no heterogeneity" in str(predict_reliability(common))
