"""Several outcomes a study: against metafor, a dense likelihood, and by simulation."""

import numpy as np
import pandas as pd
import pytest
from multivariate_cases import REFERENCE, SETS, fitted, table
from scipy import optimize

import waistats as ws
from waistats import DataError, ModelError
from waistats.meta._unstructured import Stacked, entries, evaluate, filled, shapes

# rma.mv stops about 1e-5 short of the maximum in variances; the likelihood is flat there
RTOL, LIKELIHOOD = 1e-4, 1e-8


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
