"""Location-scale models: metafor, exact identities, and where no maximum exists."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from waistats import ConvergenceError, ModelError
from waistats.meta._log_variance import maximise
from waistats.meta.fit import fit_meta
from waistats.meta.location_scale import fit_location_scale

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference/models_metafor.json").read_text("utf-8")
)
SMALL = {"knha": "knapp-hartung", "z": "wald"}
# metafor runs off to a log variance below this where there is no maximum
GONE = -10


def table(name):
    frame = pd.DataFrame(REFERENCE["data"][name])
    return frame.assign(study_id=[f"S{i}" for i in range(len(frame))])


def name_of(case):
    return "{data} {mods} {scale} {method} {test}".format(**case)


def refit(case):
    return fit_location_scale(
        table(case["data"]),
        case["mods"],
        case["scale"],
        method=case["method"],
        small_sample=SMALL[case["test"]],
    )


def has_maximum(case):
    # the slope of bcg on x is steep, but its maximum is finite
    steep = case["data"] == "bcg" and case["scale"] == "~x"
    return steep or min(np.log(case["tau2"])) > GONE


FOUND = [case for case in REFERENCE["scale"] if has_maximum(case)]
LOST = [case for case in REFERENCE["scale"] if not has_maximum(case)]


def test_the_grid_is_complete():
    assert len(FOUND) == 32
    assert len(LOST) == 8


@pytest.mark.parametrize("case", FOUND, ids=name_of)
def test_against_metafor(case):
    fit = refit(case)
    frame = fit.to_frame()
    location, scale = (frame[frame.part == part] for part in ("location", "scale"))
    # metafor's optimiser and numerical Hessian limit these to about 1e-6 and 1e-3
    for ours, theirs, rtol in [
        (location.estimate, "beta", 1e-7),
        (location.se, "se", 1e-7),
        (location.p_value, "pval", 1e-6),
        (location.ci_low, "ci.lb", 1e-6),
        (location.ci_high, "ci.ub", 1e-6),
        (scale.se, "se.gamma", 5e-3),
        (scale.p_value, "pval.gamma", 5e-3),
        (fit.omnibus.statistic, "QM", 1e-6),
        (fit.omnibus.p_value, "QMp", 1e-6),
        (fit.scale_omnibus.statistic, "QS", 1e-4),
        (fit.scale_omnibus.p_value, "QSp", 1e-4),
        (fit.Q, "QE", 1e-9),
        (fit.log_likelihood, "ll", 1e-9),
        (fit.aic, "aic", 1e-9),
        (fit.bic, "bic", 1e-9),
        (fit.aicc, "aicc", 1e-9),
        (fit.tau2, "tau2", 1e-5),
        (fit.predict(back_transform=False).pi_low, "pi.lb", 1e-6),
        (fit.predict(back_transform=False).pi_high, "pi.ub", 1e-6),
    ]:
        np.testing.assert_allclose(ours, case[theirs], rtol, 1e-8, err_msg=theirs)
    # Newton steps on an independent likelihood in R are closer than metafor itself
    gap = np.abs(scale.estimate - case["gamma.newton"]) / scale.se
    assert gap.max() < 1e-7
    np.testing.assert_allclose(scale.se, case["se.newton"], 1e-6)


@pytest.mark.parametrize("case", LOST, ids=name_of)
def test_no_maximum_is_an_error_that_names_the_rows(case):
    gone = np.flatnonzero(np.log(case["tau2"]) < GONE)
    with pytest.raises(ConvergenceError, match=rf"study_id S{gone[0]}, .*heterogen"):
        refit(case)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("moderators", [None, "~ x + g"])
def test_constant_scale_is_the_ordinary_model(method, moderators):
    data = table("mibs")
    fit = fit_location_scale(data, moderators, method=method)
    plain = fit_meta(data, moderators, method=method)
    np.testing.assert_allclose(fit.tau2, plain.tau2, rtol=1e-9)
    np.testing.assert_allclose(fit.beta, plain.beta, rtol=1e-9)
    np.testing.assert_allclose(fit.beta_cov, plain.cov, rtol=1e-8)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-11)
    columns = ["estimate", "ci_low", "ci_high", "pi_low", "pi_high"]
    row = table("mibs").iloc[[3]]
    pd.testing.assert_frame_equal(
        fit.predict(row)[columns],
        plain.predict(row, prediction="metafor")[columns],
        rtol=1e-8,
    )


def test_a_mean_and_a_spread_for_each_group_are_separate_fits():
    data = table("mibs")
    fit = fit_location_scale(data, "~ 0 + g", "~ 0 + g")
    for i, (_, part) in enumerate(data.groupby("g")):
        alone = fit_meta(part)
        assert fit.beta[i] == pytest.approx(alone.estimate, rel=1e-9)
        assert np.exp(fit.gamma[i]) == pytest.approx(alone.tau2, rel=1e-8)


def test_units_of_effects_and_covariates():
    data = table("bangert")
    fit = fit_location_scale(data, "~ x", "~ z")
    scaled = data.assign(yi=3 * data.yi + 100, vi=9 * data.vi, z=1000 + 50 * data.z)
    other = fit_location_scale(scaled, "~ x", "~ z")
    assert other.gamma[1] == pytest.approx(fit.gamma[1] / 50, rel=1e-6)
    np.testing.assert_allclose(other.tau2, 9 * fit.tau2, rtol=1e-7)
    assert other.scale_omnibus.p_value == pytest.approx(fit.scale_omnibus.p_value)


def test_likelihood_ratio_and_settings():
    data = table("mibs")
    fit = fit_location_scale(data, scale="~ g")
    gain = 2 * (fit.log_likelihood - fit_meta(data).log_likelihood)
    assert fit.scale_likelihood_ratio.statistic == pytest.approx(gain, rel=1e-9)
    assert fit.scale_likelihood_ratio.df == 1
    tau = fit.predict_tau({"g": ["large", "small"]})
    np.testing.assert_allclose(tau.estimate[0] ** 2, fit.tau2[data.g == "large"])
    assert (tau.ci_low < tau.estimate).all()
    wide, narrow = (fit.predict({"g": g}, back_transform=False) for g in tau_order(tau))
    assert (wide.pi_high - wide.pi_low)[0] > (narrow.pi_high - narrow.pi_low)[0]
    assert fit.test("scale", "g").p_value == fit.scale_omnibus.p_value
    with pytest.raises(ModelError, match="part must be one of"):
        fit.test("spread")
    for text in ("Location-Scale Model (k = 33", "Test of Scale", "likelihood ratio"):
        assert text in str(fit)


def tau_order(tau):
    return (
        ["large", "small"] if tau.estimate[0] > tau.estimate[1] else ["small", "large"]
    )


def brute_force(y, v, X, Z):
    def minus(gamma):
        s = v + np.exp(np.clip(Z @ gamma, -60, 60))
        A = X.T @ (X / s[:, None])
        r = y - X @ np.linalg.solve(A, X.T @ (y / s))
        return 0.5 * (np.log(s).sum() + (r**2 / s).sum() + np.linalg.slogdet(A)[1])

    starts = [[-3, 0], [-1, 2], [-1, -2], [-5, 3], [-5, -3]]
    options = {"maxiter": 2000, "xatol": 1e-8, "fatol": 1e-12}
    ends = [minimize(minus, s, method="Nelder-Mead", options=options) for s in starts]
    best = min(ends, key=lambda end: end.fun)
    return minus, best.fun, (np.exp(Z @ best.x) / v).min() > 1e-5


def test_no_higher_maximum_is_missed():
    # SIMULATED data sets
    rng = np.random.default_rng(8)
    for i in range(25):
        k = int(rng.integers(8, 50))
        X = np.column_stack([np.ones(k), rng.normal(size=k)])
        z = rng.normal(size=k) if i % 2 else (rng.random(k) < 0.4).astype(float)
        Z = np.column_stack([np.ones(k), z])
        v = rng.uniform(0.01, 0.1, k)
        y = rng.normal(size=k) * np.sqrt(v + np.exp(Z @ [-3, rng.normal()]))
        found = maximise(y, v, X, Z, 0.05, restricted=True)
        minus, best, finite = brute_force(y, v, X, Z)
        if finite:
            assert found.converged
            assert minus(found.gamma) < best + 1e-7
        else:
            assert found.converged or found.fading.any()


def test_tests_of_the_scale_hold_their_level():
    # SIMULATED: one tau2 for all
    rng = np.random.default_rng(3)
    p = []
    for _ in range(80):
        v, z = rng.uniform(0.01, 0.05, 30), rng.normal(size=30)
        y = rng.normal(size=30) * np.sqrt(v + 0.06)
        data = pd.DataFrame({"study_id": range(30), "yi": y, "vi": v, "z": z})
        fit = fit_location_scale(data, scale="~ z")
        p.append((fit.scale_omnibus.p_value, fit.scale_likelihood_ratio.p_value))
    wald, ratio = (np.array(p) < 0.05).mean(axis=0)
    assert wald <= ratio <= 0.10


def test_two_studies_and_equal_variances():
    two = pd.DataFrame({"study_id": ["A", "B"], "yi": [1.0, 2.0], "vi": [0.1, 0.1]})
    fit = fit_location_scale(two)
    assert fit.tau2[0] == pytest.approx(0.4, rel=1e-9)
    assert fit.predict().shape == (2, 5)


def test_what_cannot_be_fitted():
    data = table("mibs")
    flat = data.assign(one=1)
    with pytest.raises(ModelError, match="constant in these rows: one"):
        fit_location_scale(flat, scale="~ one")
    with pytest.raises(ModelError, match="constant in these rows: one"):
        fit_location_scale(flat, "~ one", "~ g")
    with pytest.raises(ModelError, match=r"method must be one of 'REML', 'ML'"):
        fit_location_scale(data, scale="~ g", method="DL")
    with pytest.raises(ModelError, match="1 \\+ 2 coefficients needs at least 3 rows"):
        fit_location_scale(data.iloc[[0, 30]], scale="~ z")
    with pytest.raises(ConvergenceError, match="no heterogeneity in their setting"):
        fit_location_scale(data.assign(yi=1.0), scale="~ g")
    with pytest.raises(ModelError, match="needs an intercept and covariates"):
        _ = fit_location_scale(data).scale_likelihood_ratio


def test_repeated_studies_are_noted():
    table = pd.DataFrame(
        {
            "study_id": list("ABCDABCD"), "rater": ["client", "observer"] * 4,
            "yi": [2.1, 1.2, 2.4, 2.9, 1.9, 1.6, 2.6, 3.1], "vi": 0.02,
        }
    )  # fmt: skip
    fit = fit_location_scale(table, scale="~ rater")
    (note,) = fit.notes
    assert note.startswith("4 studies give more than one coefficient")
    assert note in str(fit)
    alone = fit_location_scale(table.assign(study_id=list("ABCDEFGH")), scale="~ rater")
    assert alone.notes == ()
