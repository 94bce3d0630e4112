"""Results of several outcomes: contrasts, predictions, profiles, print."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from multivariate_cases import SETS, fitted, table
from scipy import optimize, stats

import waistats as ws
from waistats import ModelError
from waistats.meta._unstructured import evaluate, standardised


def test_one_structure_within_another_and_its_test() -> None:
    whole, simple = fitted("simulated_scales"), fitted("simulated_scales", struct="CS")
    test = whole.compare(simple)
    assert test.df == 4
    assert test.statistic == pytest.approx(
        2 * (whole.log_likelihood - simple.log_likelihood)
    )
    with pytest.raises(ModelError, match="same method"):
        whole.compare(fitted("simulated_scales", struct="CS", method="ML"))


def test_contrasts_and_the_joint_test() -> None:
    fit = fitted("simulated_scales")
    frame = fit.contrasts()
    names = fit.outcomes
    assert frame["contrast"].iloc[0] == f"{names[0]} - {names[1]}"
    c = np.array([1.0, -1.0, 0.0])
    row, robust = frame.iloc[0], fit.robust()
    assert row.basis == "CR2"
    assert row.se == pytest.approx(float(np.sqrt(c @ robust.cov @ c)))
    assert row.p_value == pytest.approx(
        2 * stats.t.sf(abs(fit.beta[0] - fit.beta[1]) / row.se, row.df)
    )
    plain = fitted("simulated_scales", small_sample="wald").contrasts().iloc[0]
    assert plain.se == pytest.approx(float(np.sqrt(c @ fit.cov @ c)))
    assert np.isnan(plain.df)
    assert (frame["p_adjusted"] >= frame["p_value"]).all()
    C = np.array([[-1.0, 1, 0], [-1, 0, 1]])
    F = (C @ fit.beta) @ np.linalg.solve(C @ fit.cov @ C.T, C @ fit.beta) / 2
    assert fit.omnibus.statistic == pytest.approx(F)
    assert fit.omnibus.df_denominator == fit.df.min()
    # degrees of freedom are studies with an outcome less its one coefficient
    assert (fit.components["studies"] - 1).tolist() == fit.df.tolist()


def test_below_four_degrees_of_freedom_the_wider_interval() -> None:
    fit = fitted("berkey1998")
    robust, frame = fit.robust().to_frame(), fit.to_frame()
    own = np.sqrt(np.diag(fit.cov)) * stats.t.ppf(0.975, 4)
    assert (robust["df"] < 4).all()
    width = np.maximum((robust["ci_high"] - robust["ci_low"]) / 2, own)
    np.testing.assert_allclose((frame["ci_high"] - frame["ci_low"]) / 2, width)
    shown = fit.predict(back_transform=False)
    np.testing.assert_allclose(shown["ci_low"], frame["ci_low"])


def test_prediction_intervals_carry_the_uncertainty_of_tau2() -> None:
    """Of an outcome those of its own model, moved to the estimate of all outcomes."""
    data, V = table("simulated_scales")
    fit = ws.fit_multivariate(data, outcome="outcome", V=V)
    shown = fit.predict(back_transform=False, conf_level=0.9)
    for row in shown.itertuples():
        rows = data[data["outcome"] == row.outcome]
        alone = ws.fit_meta(rows).predict(back_transform=False, conf_level=0.9)
        low, high = float(alone["pi_low"][0]), float(alone["pi_high"][0])
        assert row.pi_high - row.pi_low == pytest.approx(high - low, rel=0.02)
        assert low < row.pi_low + (alone["estimate"][0] - row.estimate) + 0.05
    known = fit.predict(back_transform=False, conf_level=0.9, prediction="metafor")
    t = stats.t.ppf(0.95, fit.df)
    half = t * np.sqrt(np.diag(fit.cov) + fit.tau2)
    np.testing.assert_allclose(known["pi_high"] - known["estimate"], half)
    np.testing.assert_allclose(known["ci_low"], shown["ci_low"])
    with pytest.raises(ws.ModelError, match="prediction must be"):
        fit.predict(prediction="bootstrap")


@pytest.mark.slow
def test_prediction_intervals_cover_new_true_values() -> None:
    """SIMULATED: 10 studies of three outcomes with tau .1, where t covers .92."""
    rng = np.random.default_rng(4)
    held = []
    for _ in range(80):
        v = 8 / (3 * (rng.integers(30, 300, 10) - 2))
        R = np.full((3, 3), 0.6) + 0.4 * np.eye(3)
        u = rng.multivariate_normal(np.zeros(3), 0.01 * R, 10)
        e = rng.multivariate_normal(np.zeros(3), R, 10) * np.sqrt(v)[:, None]
        columns = {"study_id": np.repeat([f"S{i}" for i in range(10)], 3)}
        columns |= {"scale": ["task", "bond", "goal"] * 10}
        columns |= {"yi": (2 + u + e).ravel(), "vi": np.repeat(v, 3)}
        fit = ws.fit_multivariate(pd.DataFrame(columns), within_correlation=0.6)
        ends = fit.predict(back_transform=False)
        z = [stats.norm.cdf(ends[c], 2, 0.1) for c in ("pi_low", "pi_high")]
        held.append(np.mean(z[1] - z[0]))
    assert np.mean(held) > 0.93


def test_printed_on_the_alpha_scale_with_notes() -> None:
    data, V = table("simulated_scales")
    data["measure"] = "bonett"
    text = str(ws.fit_multivariate(data, outcome="outcome", V=V))
    assert "On the alpha scale" in text
    assert "r_task" in text
    assert "Test that the outcomes are equal" in text
    plain = ws.fit_multivariate(data, outcome="outcome")
    assert any("taken as independent" in note for note in plain.notes)
    assumed = ws.fit_multivariate(data, outcome="outcome", within_correlation=0.6)
    assert any("assumed to correlate" in note for note in assumed.notes)


@pytest.mark.slow
def test_intervals_of_few_studies_cover() -> None:
    rng = np.random.default_rng(7)
    G = np.array([[0.06, 0.04, 0.03], [0.04, 0.08, 0.04], [0.03, 0.04, 0.05]])
    mu = np.array([1.9, 1.7, 1.8])
    names, runs, J = ["task", "bond", "goal"], 200, 6
    covered = np.zeros(3)
    for _ in range(runs):
        rows, blocks = [], {}
        for j in range(J):
            n = rng.integers(40, 200)
            V = (0.6 + 0.4 * np.eye(3)) * 8 / (3 * (n - 2))
            y = rng.multivariate_normal(mu, G + V)
            blocks[f"S{j}"] = V
            rows += [
                {"study_id": f"S{j}", "scale": o, "coefficient_id": o, "yi": a, "vi": v}
                for o, a, v in zip(names, y, np.diag(V), strict=True)
            ]
        frame = ws.fit_multivariate(pd.DataFrame(rows), V=blocks).to_frame()
        covered += (frame["ci_low"] < mu) & (mu < frame["ci_high"])
    # 200 runs: two standard errors below .95
    assert (covered / runs > 0.92).all()


CONFINT = json.loads(
    (Path(__file__).parents[1] / "reference" / "multivariate_confint.json").read_text()
)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_profile_limits_are_those_of_metafor(name: str) -> None:
    found = fitted(name).heterogeneity_intervals()
    # rma.mv numbers the outcomes by the levels of its factor, in order of appearance
    for parameter, key in (("tau2", "tau2"), ("r", "rho")):
        mine = found[found["parameter"] == parameter]
        ends = mine[["estimate", "ci_low", "ci_high"]].to_numpy(dtype=float)
        theirs = np.array(CONFINT[name][key])
        # its optimizer stops short: a lower limit near 0 is its own
        np.testing.assert_allclose(ends, theirs, rtol=3e-3, atol=5e-5)
    tau = found[found["parameter"] == "tau"]
    tau2 = found[found["parameter"] == "tau2"]
    np.testing.assert_allclose(tau["ci_high"] ** 2, tau2["ci_high"], rtol=1e-12)


def test_profile_limits_lose_half_a_chi_square_quantile() -> None:
    """By a search without derivatives over what is left free."""
    fit = fitted("berkey1998")
    data, _, _, unit = standardised(
        fit.effects.yi, fit.effects.vi, fit.design.X, fit.V, (fit.outcome, fit.study),
        2, "REML",
    )  # fmt: skip
    best = evaluate(data, fit.between[np.tril_indices(2)] / unit).value

    def loss(sd: tuple[float, float], rho: float) -> float:
        theta = np.array([sd[0] ** 2, rho * sd[0] * sd[1], sd[1] ** 2])
        return 2 * (best - evaluate(data, theta).value)

    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000}
    rows = fit.heterogeneity_intervals().set_index(["parameter", "outcome"])
    names = list(fit.outcomes)
    rho = rows.loc[("r", ", ".join(names)), "ci_low"]
    least = min(
        optimize.minimize(
            lambda p: loss(np.abs(p), rho), start, method="Nelder-Mead", options=options
        ).fun
        for start in ((1.0, 1.0), (0.3, 2.0), (2.0, 0.3))
    )
    assert least == pytest.approx(stats.chi2.ppf(0.95, 1), abs=1e-4)
    for end in ("ci_low", "ci_high"):
        kept = rows.loc[("tau", names[0]), end] / np.sqrt(unit)
        least = min(
            optimize.minimize(
                lambda p, kept=kept: loss((kept, abs(p[0])), np.tanh(p[1])),
                start,
                method="Nelder-Mead",
                options=options,
            ).fun
            for start in ((1.0, 0.5), (2.0, 0.5), (1.0, 3.0))
        )
        assert least == pytest.approx(stats.chi2.ppf(0.95, 1), abs=1e-3)


@pytest.mark.parametrize("struct", ["CS", "DIAG", "ID"])
def test_profile_limits_of_simpler_structures(struct: str) -> None:
    found = fitted("berkey1998", struct=struct).heterogeneity_intervals()
    spread = found[found["parameter"] != "r"]
    assert (spread["ci_low"] <= spread["estimate"]).all()
    assert (spread["ci_high"] > spread["estimate"]).all()
    joint = found[found["parameter"] == "r"].iloc[0]
    assert np.isfinite(joint["ci_low"]) == (struct == "CS")
