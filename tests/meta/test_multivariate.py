"""Several outcomes a study: against metafor, a dense likelihood, and by simulation."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import waistats as ws
from waistats.errors import DataError, ModelError
from waistats.meta._unstructured import (
    Stacked,
    entries,
    evaluate,
    filled,
    shapes,
    standardised,
)
from waistats.meta.multivariate_result import MultivariateResult

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "multivariate_metafor.json").read_text()
)
SETS = ("berkey1998", "simulated_scales")
# rma.mv stops about 1e-5 short of the maximum in variances; the likelihood is flat there
RTOL, LIKELIHOOD = 1e-4, 1e-8


def table(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    data = pd.DataFrame(REFERENCE[name]["data"])
    data = data.rename(columns={"study": "study_id"})
    data["coefficient_id"] = [str(i) for i in range(len(data))]
    return data, np.array(REFERENCE[name]["V"])


def fitted(name: str, **options: object) -> MultivariateResult:
    data, V = table(name)
    return ws.fit_multivariate(data, outcome="outcome", V=V, **options)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("case", range(8))
def test_equals_metafor(name: str, case: int) -> None:
    expected = REFERENCE[name]["fits"][case]
    fit = fitted(name, struct=expected["struct"], method=expected["method"])
    np.testing.assert_allclose(fit.beta, expected["beta"], rtol=RTOL, atol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.cov)), expected["se"], rtol=RTOL)
    np.testing.assert_allclose(
        fit.tau2, np.broadcast_to(expected["tau2"], fit.tau2.shape), rtol=RTOL
    )
    q = len(fit.outcomes)
    R = fit.correlations.to_numpy(dtype=float)[np.triu_indices(q, 1)]
    np.testing.assert_allclose(
        R, np.broadcast_to(expected["rho"], R.shape), rtol=RTOL, atol=1e-5
    )
    assert fit.log_likelihood >= expected["log_likelihood"] - LIKELIHOOD
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-6)
    assert pytest.approx(expected["Q"], rel=1e-9) == fit.Q
    assert fit.aic == pytest.approx(expected["aic"], abs=1e-5)
    assert fit.bic == pytest.approx(expected["bic"], abs=1e-5)
    robust = fit.robust().to_frame()
    np.testing.assert_allclose(robust["se"], expected["robust_se"], rtol=1e-4)
    np.testing.assert_allclose(robust["df"], expected["robust_df"], rtol=1e-4)


@pytest.mark.parametrize("name", SETS)
def test_moderators_have_a_coefficient_an_outcome(name: str) -> None:
    expected = REFERENCE[name]["with_year"]
    data, V = table(name)
    fit = ws.fit_multivariate(data, "~ year", outcome="outcome", V=V)
    q = len(fit.outcomes)
    order = [*range(0, 2 * q, 2), *range(1, 2 * q, 2)]
    np.testing.assert_allclose(fit.beta[order], expected["beta"], rtol=1e-4, atol=1e-6)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-6)
    assert fit.design.names[:2] == (fit.outcomes[0], f"{fit.outcomes[0]}:year")
    at = fit.predict({"year": 2}, back_transform=False)
    np.testing.assert_allclose(at["estimate"], fit.beta[::2] + 2 * fit.beta[1::2])


def dense(data: pd.DataFrame, V: np.ndarray, G: np.ndarray) -> float:
    """Return the restricted log-likelihood of the textbook, without shortcuts."""
    codes, names = pd.factorize(data["outcome"])
    study = pd.factorize(data["study_id"])[0]
    M = V + G[np.ix_(codes, codes)] * (study[:, None] == study)
    X = np.eye(len(names))[codes]
    W = np.linalg.inv(M)
    bread = X.T @ W @ X
    r = data["yi"].to_numpy() - X @ np.linalg.solve(bread, X.T @ W @ data["yi"])
    k, P = X.shape
    value = (k - P) * np.log(2 * np.pi) - np.linalg.slogdet(X.T @ X)[1]
    value += np.linalg.slogdet(M)[1] + np.linalg.slogdet(bread)[1] + r @ W @ r
    return -0.5 * float(value)


@pytest.mark.parametrize("name", SETS)
def test_the_maximum_is_that_of_the_dense_likelihood(name: str) -> None:
    data, V = table(name)
    fit = fitted(name)
    assert dense(data, V, fit.between) == pytest.approx(fit.log_likelihood, abs=1e-9)
    q = len(fit.outcomes)
    L = np.linalg.cholesky(fit.between)[np.tril_indices(q)]

    def minus(phi: np.ndarray) -> float:
        low = np.zeros((q, q))
        low[np.tril_indices(q)] = phi
        return -dense(data, V, low @ low.T)

    found = optimize.minimize(minus, L * 1.3, method="BFGS")
    assert -found.fun <= fit.log_likelihood + 1e-9
    assert -found.fun == pytest.approx(fit.log_likelihood, abs=1e-5)


@pytest.mark.parametrize("restricted", [True, False])
def test_derivatives_are_those_of_the_likelihood(restricted: bool) -> None:
    rng = np.random.default_rng(2)
    J, s, q, P = 5, 4, 3, 4
    half = rng.normal(size=(J, s, s))
    data = Stacked(
        y=rng.normal(size=(J, s)),
        X=rng.normal(size=(J, s, P)),
        Z=np.eye(q)[rng.integers(0, q, (J, s))],
        V=half @ half.mT + np.eye(s),
        k=J * s,
        restricted=restricted,
    )
    theta = np.array([0.7, 0.2, 0.9, -0.1, 0.3, 0.5])
    at = evaluate(data, theta)
    step = 1e-5
    for a in range(len(theta)):
        move = step * np.eye(len(theta))[a]
        up, down = evaluate(data, theta + move), evaluate(data, theta - move)
        assert (up.value - down.value) / (2 * step) == pytest.approx(
            at.score[a], abs=1e-6
        )
        np.testing.assert_allclose(
            (up.score - down.score) / (2 * step), at.hessian[a], atol=1e-6
        )


@pytest.mark.parametrize("struct", ["UN", "CS", "DIAG", "ID"])
def test_every_structure_is_a_covariance(struct: str) -> None:
    rng = np.random.default_rng(1)
    shape = shapes(3, struct)
    for _ in range(20):
        G = filled(entries(shape, rng.normal(size=shape.shape[1])), 3)
        assert np.linalg.eigvalsh(G)[0] > -1e-12
        if struct in {"CS", "ID"}:
            assert np.ptp(np.diag(G)) < 1e-12


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


def test_rows_of_one_outcome_each_are_one_level_models() -> None:
    data, V = table("simulated_scales")
    fit = ws.fit_multivariate(
        data, outcome="outcome", V=np.diag(np.diag(V)), struct="DIAG"
    )
    for i, name in enumerate(fit.outcomes):
        part = data[data["outcome"] == name]
        one = ws.fit_meta(part, small_sample="wald")
        assert fit.beta[i] == pytest.approx(one.beta[0], rel=1e-9)
        assert fit.tau2[i] == pytest.approx(one.tau2, rel=1e-7)


def test_row_order_and_labels_do_not_matter() -> None:
    data, V = table("simulated_scales")
    order = np.random.default_rng(0).permutation(len(data))
    mixed = ws.fit_multivariate(
        data.iloc[order], outcome="outcome", V=V[np.ix_(order, order)]
    )
    fit = fitted("simulated_scales")
    place = [mixed.outcomes.index(name) for name in fit.outcomes]
    np.testing.assert_allclose(mixed.beta[place], fit.beta, rtol=1e-8)
    np.testing.assert_allclose(
        mixed.between[np.ix_(place, place)], fit.between, rtol=1e-6
    )


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


def test_a_covariance_at_its_edge_is_said() -> None:
    rng = np.random.default_rng(5)
    u = rng.normal(size=8)
    rows = [
        {"study_id": f"S{j}", "coefficient_id": f"{j}{o}", "scale": o,
         "yi": 2 + size * u[j], "vi": 0.001}
        for j in range(8)
        for o, size in (("task", 0.5), ("bond", 0.3))
    ]  # fmt: skip
    fit = ws.fit_multivariate(pd.DataFrame(rows))
    assert fit.correlations.loc["task", "bond"] == pytest.approx(1.0, abs=1e-5)
    assert any("at its bound" in note for note in fit.notes)


def test_refusals_say_what_to_do() -> None:
    data, V = table("simulated_scales")
    with pytest.raises(DataError, match="not a column"):
        ws.fit_multivariate(data, V=V)
    one = data[data["outcome"] == "task"]
    with pytest.raises(ModelError, match="at least 2 outcomes"):
        ws.fit_multivariate(one, outcome="outcome")
    blank = data.assign(outcome=data["outcome"].mask(data.index == 3))
    with pytest.raises(DataError, match="rows 4 of the table"):
        ws.fit_multivariate(blank, outcome="outcome")
    apart = pd.DataFrame(
        {"study_id": list("ABCDEF"), "scale": ["task"] * 3 + ["bond"] * 3,
         "yi": [1.0, 1.2, 1.4, 2.0, 2.1, 2.5], "vi": 0.02}
    )  # fmt: skip
    with pytest.raises(ModelError, match="struct='CS' or 'DIAG'"):
        ws.fit_multivariate(apart)
    assert ws.fit_multivariate(apart, struct="DIAG").n_studies == 6
    with pytest.raises(ModelError, match="too few have bond"):
        ws.fit_multivariate(apart.iloc[:4], struct="DIAG")
    with pytest.raises(ModelError, match="struct must be one of"):
        ws.fit_multivariate(data, outcome="outcome", struct="UNR")


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
