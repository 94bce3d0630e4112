"""Item matrices pooled over studies: identities, a second implementation, the truth."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.optimize import minimize

from waistats import (
    DataError,
    ModelError,
    fit_meta,
    get_instrument,
    pool_covariances,
    simulate_responses,
    summarize_responses,
)
from waistats.reliability._moments import alpha_gradient, alpha_of
from waistats.rg._pool_vectors import (
    correlation_covariance,
    covariance_covariance,
    pool_vectors,
)
from waistats.rg.pooled_items import _coefficients, _row, _vector


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    return simulate_responses("WAI-SR", studies=8, n=100, tau=0.3, seed=1)


def one_factor(k: int, n: int, m: int, rng, spread: float):
    """SIMULATED normal answers: correlations of k studies, and their variance of f."""
    phi = np.exp(spread * rng.normal(size=k))
    f = np.sqrt(phi)[:, None, None] * rng.normal(size=(k, n, 1))
    x = 0.7 * f + np.sqrt(0.51) * rng.normal(size=(k, n, m))
    return np.array([np.corrcoef(part, rowvar=False) for part in x])


def test_the_covariance_of_correlations_is_the_delta_method():
    """Olkin and Siotani against derivatives of r by the covariances, numerically."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=(5, 9))
    s = a @ a.T
    low, off = np.tril_indices(5), np.tril_indices(5, -1)

    def correlations(elements):
        full = np.zeros((5, 5))
        full[low] = full.T[low] = elements
        sd = np.sqrt(np.diagonal(full))
        return (full / np.outer(sd, sd))[off]

    start = s[low]
    steps = np.eye(len(start)) * 1e-6
    slopes = np.array(
        [(correlations(start + d) - correlations(start - d)) / 2e-6 for d in steps]
    ).T
    wanted = slopes @ covariance_covariance(s) @ slopes.T
    sd = np.sqrt(np.diagonal(s))
    found = correlation_covariance(s / np.outer(sd, sd))
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_the_covariance_of_covariances_is_that_of_simulated_ones():
    rng = np.random.default_rng(5)
    s = np.array([[1, 0.5, 0.2], [0.5, 2, -0.3], [0.2, -0.3, 1.5]])
    root = np.linalg.cholesky(s)
    x = rng.normal(size=(20_000, 40, 3)) @ root.T
    x -= x.mean(axis=1, keepdims=True)
    made = np.einsum("rni,rnj->rij", x, x) / 39
    low = np.tril_indices(3)
    seen = np.cov(made[:, low[0], low[1]], rowvar=False) * 39
    scale = np.sqrt(np.outer(np.diagonal(seen), np.diagonal(seen)))
    assert np.abs(covariance_covariance(s) - seen).max() < 0.05 * scale.max()
    assert np.all(np.abs(covariance_covariance(s) - seen) < 0.04 * scale)


def vectors(k=7, p=3, seed=2):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(p, 3 * p))
    base = a @ a.T / 10
    sizes = rng.integers(4, 20, size=k)
    V = base / sizes[:, None, None]
    y = rng.normal(size=(k, p)) * 0.5 + np.array(
        [rng.multivariate_normal([0] * p, v) for v in V]
    )
    return y, V


def test_a_common_effect_is_statsmodels_gls():
    y, V = vectors()
    k, p = y.shape
    whole = np.zeros((k * p, k * p))
    for i in range(k):
        whole[i * p : (i + 1) * p, i * p : (i + 1) * p] = V[i]
    design = np.tile(np.eye(p), (k, 1))
    other = sm.GLS(y.ravel(), design, sigma=whole).fit()
    mine = pool_vectors(y, V, random=False)
    assert mine.mean == pytest.approx(other.params, rel=1e-10)
    # statsmodels estimates a scale; without it, its covariance is ours
    assert mine.covariance == pytest.approx(other.normalized_cov_params, rel=1e-10)


def test_random_effects_maximise_the_restricted_likelihood():
    """A second implementation: the likelihood written out, a general optimiser."""
    y, V = vectors()
    k, p = y.shape

    def deviance(log_tau2):
        design = np.tile(np.eye(p), (k, 1))
        whole = np.zeros((k * p, k * p))
        for i in range(k):
            at = slice(i * p, (i + 1) * p)
            whole[at, at] = V[i] + np.diag(np.exp(log_tau2))
        inverse = np.linalg.inv(whole)
        information = design.T @ inverse @ design
        beta = np.linalg.solve(information, design.T @ inverse @ y.ravel())
        rest = y.ravel() - design @ beta
        return (
            np.linalg.slogdet(whole)[1]
            + np.linalg.slogdet(information)[1]
            + rest @ inverse @ rest
        )

    best = minimize(deviance, np.log(np.full(p, 0.1)), tol=1e-10)
    mine = pool_vectors(y, V, random=True)
    assert mine.tau2 == pytest.approx(np.exp(best.x), rel=1e-4)
    assert deviance(np.log(mine.tau2)) <= best.fun + 1e-8


def test_one_element_is_the_univariate_model():
    y, V = vectors(k=9, p=1, seed=4)
    table = pd.DataFrame(
        {"study_id": [str(i) for i in range(9)], "yi": y[:, 0], "vi": V[:, 0, 0]}
    )
    other = fit_meta(table.assign(measure="raw"), small_sample="wald")
    mine = pool_vectors(y, V, random=True)
    assert mine.tau2[0] == pytest.approx(other.tau2, rel=1e-6)
    assert mine.mean[0] == pytest.approx(other.to_frame()["estimate"].iloc[0], rel=1e-8)


def test_the_robust_error_of_equal_studies_is_that_of_a_mean():
    y, V = vectors(k=9, p=4)
    V[:] = V[0]
    gradient = np.array([1.0, -2.0, 0.5, 3.0])
    se, df = pool_vectors(y, V, random=True).robust(gradient)
    assert se == pytest.approx((y @ gradient).std(ddof=1) / 3, rel=1e-6)
    assert df == pytest.approx(8, rel=1e-6)


@pytest.mark.parametrize("metric", ["correlation", "covariance"])
def test_derivatives_are_those_of_the_coefficients(answers, metric):
    """Omega by a factor model that fits: small steps of the matrix and a new fit."""
    form = get_instrument("WAI-SR")
    names = tuple(f"wai{i}" for i in form.items)
    factors = {
        scale: [f"wai{i}" for i in of]
        for scale, of in form.scales.items()
        if scale != "total"
    }
    lam = np.zeros((12, 3))
    for f, of in enumerate(factors.values()):
        lam[[names.index(name) for name in of], f] = np.linspace(0.5, 0.8, len(of))
    higher = np.array([0.9, 0.7, 0.8])
    phi = np.outer(higher, higher)
    np.fill_diagonal(phi, 1)
    s = lam @ phi @ lam.T
    np.fill_diagonal(s, 1.0)
    whole = metric == "covariance"
    at = np.tril_indices(12, 0 if whole else -1)

    def values(matrix):
        return _coefficients(matrix, names, metric, 500, factors, (), True)

    truth = values(s)
    loads = (lam @ higher).sum() ** 2 / s.sum()
    assert truth[2][1] == pytest.approx(loads, rel=1e-8)
    assert truth[1][1] == pytest.approx(1 - (1 - (lam**2).sum(1)).sum() / s.sum())
    rng = np.random.default_rng(1)
    for _ in range(3):
        change = rng.normal(size=len(at[0]))
        moved = np.zeros((12, 12))
        moved[at] = moved.T[at] = 1e-5 * change
        ends = values(s + moved), values(s - moved)
        for i, (_, _, gradient) in enumerate(truth):
            wanted = (ends[0][i][1] - ends[1][i][1]) / 2e-5
            assert _vector(gradient, at) @ change == pytest.approx(
                wanted, rel=1e-4, abs=1e-6
            )


@pytest.mark.slow
def test_coverage_where_all_correlations_move_together():
    """Robust intervals hold; the model's, with a diagonal tau2, do not."""
    rng = np.random.default_rng(11)
    k, n, m, spread = 10, 100, 6, 0.5
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    phi = np.exp(spread * nodes)
    r = float((weights / weights.sum()) @ (0.49 * phi / (0.49 * phi + 0.51)))
    truth = m * r / (1 + (m - 1) * r)
    at = np.tril_indices(m, -1)
    robust, model, runs = 0, 0, 300
    for _ in range(runs):
        matrices = one_factor(k, n, m, rng, spread)
        mean = matrices.mean(axis=0)
        V = np.broadcast_to(correlation_covariance(mean) / (n - 1), (k, 15, 15))
        fit = pool_vectors(matrices[:, at[0], at[1]], V, random=True)
        pooled = np.eye(m)
        pooled[at] = pooled.T[at] = fit.mean
        gradient = _vector(alpha_gradient(pooled), at)
        row = _row("alpha", float(alpha_of(pooled)), gradient, fit, "random", 0.95)
        robust += row["ci_low"] <= truth <= row["ci_high"]
        half = stats.norm.ppf(0.975) * row["se_model"] / (1 - row["estimate"])
        rest = (1 - row["estimate"]) * np.exp([half, -half])
        model += 1 - rest[0] <= truth <= 1 - rest[1]
    # three standard errors of .95 in 300 runs
    assert abs(robust / runs - 0.95) < 0.038, robust / runs
    assert model / runs < 0.80


@pytest.mark.slow
def test_coverage_of_omega_where_studies_differ():
    """Five studies whose true scores spread differently; omega of the mean matrix."""
    rng = np.random.default_rng(5)
    loadings, spread, n, k, runs = np.linspace(0.55, 0.8, 6), 0.5, 100, 5, 150
    items = [f"q{i}" for i in range(1, 7)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    parts = np.exp(spread * nodes)[:, None, None] * np.outer(loadings, loadings)
    parts = parts + np.diag(1 - loadings**2)
    sd = np.sqrt(np.diagonal(parts, axis1=1, axis2=2))
    parts = parts / (sd[:, :, None] * sd[:, None, :])
    mean = np.tensordot(weights / weights.sum(), parts, axes=1)

    def discrepancy(at: np.ndarray) -> float:
        model = np.outer(at[:6], at[:6]) + np.diag(np.exp(at[6:]))
        ratio = np.linalg.solve(model, mean)
        return np.linalg.slogdet(model)[1] + np.trace(ratio)

    start = np.concatenate([loadings, np.log(1 - loadings**2)])
    at = minimize(discrepancy, start, tol=1e-10).x
    truth = at[:6].sum() ** 2 / (at[:6].sum() ** 2 + np.exp(at[6:]).sum())
    hits = 0
    for _ in range(runs):
        phi = np.exp(spread * rng.normal(size=(k, 1, 1)))
        x = np.sqrt(phi) * rng.normal(size=(k, n, 1)) * loadings
        x = x + rng.normal(size=(k, n, 6)) * np.sqrt(1 - loadings**2)
        table = pd.DataFrame(x.reshape(k * n, 6), columns=items)
        table["site"] = np.repeat([f"S{i}" for i in range(k)], n)
        found = pool_covariances(table, study="site", items=items).to_frame()
        row = found.set_index("term").loc["omega_total"]
        hits += row["ci_low"] <= truth <= row["ci_high"]
    # three standard errors of .95 in 150 runs
    assert abs(hits / runs - 0.95) < 0.0534, hits / runs


def test_sums_give_what_answers_give(answers):
    direct = pool_covariances(answers, study="study_id", instrument="WAI-SR")
    sums = summarize_responses(answers, study="study_id", instrument="WAI-SR")
    mine = pool_covariances(sums)
    pd.testing.assert_frame_equal(direct.coefficients, mine.coefficients, rtol=1e-12)
    assert mine.k == 8
    assert mine.scale == "total"
    assert mine.simulated
    assert "SIMULATED" in str(mine)
    one = pool_covariances(sums, scale="bond", metric="covariance", effects="common")
    assert one.coefficients["term"].iloc[0] == "alpha"
    assert one.matrix.filter(items=one.matrix.index).shape == (4, 4)
    assert "too narrow" in str(one)


def test_copies_of_one_study_have_its_matrix(answers):
    one = answers[answers["study_id"] == "S01"]
    both = pd.concat([one.assign(study_id=name) for name in "AB"])
    found = pool_covariances(
        both, study="study_id", instrument="WAI-SR", metric="covariance",
        effects="common",
    )  # fmt: skip
    items = [f"wai{i}" for i in range(1, 13)]
    wanted = np.cov(one[items].to_numpy(), rowvar=False)
    assert found.matrix.loc[items, items].to_numpy() == pytest.approx(wanted, rel=1e-10)


def test_what_cannot_be_pooled_is_refused(answers):
    with pytest.raises(ModelError, match="at least 2 studies"):
        pool_covariances(
            answers[answers["study_id"] == "S01"], study="study_id", instrument="WAI-SR"
        )
    split = answers.assign(half=np.arange(len(answers)) % 2)
    with pytest.raises(ModelError, match="several samples"):
        pool_covariances(split, study="study_id", instrument="WAI-SR", by="half")
    with pytest.raises(ModelError, match="no scale 'x'"):
        pool_covariances(answers, study="study_id", instrument="WAI-SR", scale="x")
    flat = answers.copy()
    flat.loc[flat["study_id"] == "S02", "wai3"] = 3
    with pytest.raises(ModelError, match=r"does not vary in study S02.*covariance"):
        pool_covariances(flat, study="study_id", instrument="WAI-SR")
    with pytest.raises(DataError, match="every sample has fewer"):
        pool_covariances(answers, study="study_id", instrument="WAI-SR", min_n=500)
