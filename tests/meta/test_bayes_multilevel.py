"""Bayes with two heterogeneities: two adaptive integrals, the one-level model, limits."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, stats

import waistats as ws
from waistats import ModelError

STUDIES = [3, 1, 2, 4, 2]


def example(seed: int = 1, sizes: list[int] | None = None) -> pd.DataFrame:
    """Return SIMULATED coefficients of a few studies."""
    rng = np.random.default_rng(seed)
    rows = []
    for j, size in enumerate(sizes or STUDIES):
        u = rng.normal(0, 0.3)
        for _ in range(size):
            v = 2 * 12 / (11 * (rng.integers(30, 200) - 2))
            y = 2 + u + rng.normal(0, 0.15) + rng.normal(0, np.sqrt(v))
            x = float(rng.normal())
            rows.append({"study_id": f"S{j}", "yi": y, "vi": v, "x": x})
    frame = pd.DataFrame(rows)
    frame["coefficient_id"] = [str(i) for i in range(len(frame))]
    return frame.assign(measure="bonett")


class Oracle:
    """The posterior by scipy's adaptive integration over both standard deviations."""

    def __init__(self, data: pd.DataFrame, V: np.ndarray, scale: float = 0.5) -> None:
        self.y, self.V, self.scale = data["yi"].to_numpy(), V, scale
        study = pd.factorize(data["study_id"])[0]
        self.same = (study[:, None] == study).astype(float)
        peak = optimize.minimize(
            lambda t: -self.log_density(abs(t[0]), abs(t[1])),
            [0.2, 0.2],
            method="Nelder-Mead",
        )
        self.peak = -peak.fun
        self.total = self.over(lambda *_: 1.0)

    def given(self, one: float, two: float) -> tuple[float, float, float, np.ndarray]:
        M = self.V + one**2 * self.same + two**2 * np.eye(len(self.y))
        W = np.linalg.inv(M)
        w = W.sum()
        mean = W.sum(axis=0) @ self.y / w
        r = self.y - mean
        value = -0.5 * (np.linalg.slogdet(M)[1] + np.log(w) + r @ W @ r)
        return float(value), float(mean), float(1 / w), W

    def log_density(self, one: float, two: float) -> float:
        value = self.given(one, two)[0]
        return value - 0.5 * (one**2 + two**2) / self.scale**2

    def over(self, what) -> float:
        def inside(two: float, one: float) -> float:
            density = np.exp(self.log_density(one, two) - self.peak)
            return density * what(one, two)

        found, _ = integrate.dblquad(inside, 0, 2.5, 0, 2.5, epsabs=1e-10, epsrel=1e-9)
        return found

    def mean(self, what) -> float:
        return self.over(what) / self.total


@pytest.fixture(scope="module")
def few() -> tuple[pd.DataFrame, np.ndarray, Oracle]:
    data = example()
    V = np.diag(data["vi"].to_numpy())
    study = pd.factorize(data["study_id"])[0]
    root = np.sqrt(np.diag(V))
    V = np.where(
        study[:, None] == study, 0.6 * np.outer(root, root), 0.0
    ) + 0.4 * np.diag(np.diag(V))
    return data, V, Oracle(data, V)


@pytest.mark.slow
def test_moments_and_probabilities_equal_adaptive_integrals(few) -> None:
    data, V, oracle = few
    fit = ws.fit_bayes_multilevel(data, V=V)
    frame = fit.to_frame().set_index("term")
    mean = oracle.mean(lambda a, b: oracle.given(a, b)[1])
    square = oracle.mean(
        lambda a, b: oracle.given(a, b)[2] + oracle.given(a, b)[1] ** 2
    )
    assert frame.loc["Intercept", "mean"] == pytest.approx(mean, abs=1e-7)
    assert frame.loc["Intercept", "sd"] == pytest.approx(
        np.sqrt(square - mean**2), abs=1e-7
    )
    between = oracle.mean(lambda a, _: a)
    within = oracle.mean(lambda _, b: b)
    assert frame.loc["tau_study_id", "mean"] == pytest.approx(between, abs=1e-7)
    assert frame.loc["tau_coefficient_id", "mean"] == pytest.approx(within, abs=1e-7)


@pytest.mark.slow
def test_quantiles_hold_their_probability(few) -> None:
    data, V, oracle = few
    fit = ws.fit_bayes_multilevel(data, V=V)
    frame = fit.to_frame().set_index("term")
    low = frame.loc["Intercept", "ci_low"]

    def below(a: float, b: float) -> float:
        _, mean, variance, _ = oracle.given(a, b)
        return float(stats.norm.cdf(low, mean, np.sqrt(variance)))

    assert oracle.mean(below) == pytest.approx(0.025, abs=1e-7)
    far = fit.predict(back_transform=False).loc[0, "pi_high"]

    def beyond(a: float, b: float) -> float:
        _, mean, variance, _ = oracle.given(a, b)
        return float(stats.norm.sf(far, mean, np.sqrt(variance + a**2 + b**2)))

    assert oracle.mean(beyond) == pytest.approx(0.025, abs=1e-7)
    middle = frame.loc["tau_study_id", "estimate"]
    inside, _ = integrate.dblquad(
        lambda b, a: np.exp(oracle.log_density(a, b) - oracle.peak),
        0,
        middle,
        0,
        2.5,
        epsabs=1e-10,
        epsrel=1e-9,
    )
    assert inside / oracle.total == pytest.approx(0.5, abs=1e-6)


@pytest.mark.slow
def test_shrunken_values_equal_adaptive_integrals(few) -> None:
    data, V, oracle = few
    fit = ws.fit_bayes_multilevel(data, V=V)
    from waistats.meta._bayes_levels import shrunken

    for outer, row in ((False, 5), (True, 3)):
        mean, sd, _ = shrunken(fit.model, fit.posterior, outer=outer)
        weight = fit.posterior.weight
        got = float(mean[row] @ weight)
        square = float((mean[row] ** 2 + sd[row] ** 2) @ weight)
        study = pd.factorize(data["study_id"])[0]

        def given(a: float, b: float, outer=outer, row=row, study=study):
            _, mu, variance, W = oracle.given(a, b)
            if outer:
                K, own = a**2 * (study == row).astype(float), a**2
            else:
                K = a**2 * oracle.same[row] + b**2 * np.eye(len(study))[row]
                own = a**2 + b**2
            KW = K @ W
            left = 1 - KW.sum()
            at = mu + KW @ (oracle.y - mu)
            return at, own - KW @ K + left**2 * variance

        expected = oracle.mean(lambda a, b, given=given: given(a, b)[0])
        assert got == pytest.approx(expected, abs=1e-7)
        second = oracle.mean(
            lambda a, b, given=given: given(a, b)[0] ** 2 + given(a, b)[1]
        )
        assert square == pytest.approx(second, abs=1e-6)


def test_one_level_is_the_one_level_model() -> None:
    data = example().drop_duplicates("study_id")
    one = ws.fit_bayes(data)
    same = ws.fit_bayes_multilevel(data, levels=("study_id",))
    a, b = one.to_frame(), same.to_frame()
    columns = ["estimate", "mean", "sd", "ci_low", "ci_high"]
    np.testing.assert_allclose(a[columns], b[columns], rtol=1e-7)
    np.testing.assert_allclose(one.predict(), same.predict(), rtol=1e-7)
    assert one.log_bayes_factor == pytest.approx(same.log_bayes_factor, abs=1e-8)
    np.testing.assert_allclose(
        one.studies()["estimate"], same.studies()["estimate"], rtol=1e-7
    )
    np.testing.assert_allclose(
        one.studies()["shrinkage"], same.coefficients()["shrinkage"], rtol=1e-7
    )
    assert one.probability(0.85) == pytest.approx(same.probability(0.85), abs=1e-9)


@pytest.mark.parametrize("prior", ["half-normal", "half-cauchy", "uniform"])
def test_more_nodes_change_nothing(prior: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = example(3)
    from waistats.meta import _bayes_levels as kernel

    fit = ws.fit_bayes_multilevel(data, prior=prior)
    with monkeypatch.context() as patch:
        patch.setattr(kernel, "NODES", 100)
        finer = ws.fit_bayes_multilevel(data, prior=prior).to_frame()
    numbers = ["estimate", "mean", "sd", "ci_low", "ci_high"]
    np.testing.assert_allclose(fit.to_frame()[numbers], finer[numbers], rtol=2e-6)


def test_moderators_and_a_prior_of_the_mean() -> None:
    data = example(2)
    fit = ws.fit_bayes_multilevel(data, "~ x")
    reml = ws.fit_multilevel(data, "~ x")
    assert fit.to_frame()["term"].tolist()[:2] == ["Intercept", "x"]
    np.testing.assert_allclose(fit.to_frame()["mean"][:2], reml.beta, atol=0.1)
    assert len(fit.predict({"x": [0.0, 1.0]})) == 2
    tight = ws.fit_bayes_multilevel(data, mu_prior=(1.0, 1e-4))
    assert tight.to_frame().loc[0, "mean"] == pytest.approx(1.0, abs=1e-3)
    loose = ws.fit_bayes_multilevel(data, mu_prior=(1.0, 1e4))
    flat = ws.fit_bayes_multilevel(data)
    assert loose.to_frame().loc[0, "mean"] == pytest.approx(
        flat.to_frame().loc[0, "mean"], abs=1e-5
    )


def test_frames_and_words() -> None:
    data = example()
    fit = ws.fit_bayes_multilevel(data, within_correlation=0.6)
    studies, coefficients = fit.studies(), fit.coefficients()
    assert studies["k"].tolist() == STUDIES
    assert len(coefficients) == len(data)
    assert studies["shrinkage"].between(0, 1).all()
    near, far = (fit.predict(of=of).loc[0, "pi_low"] for of in ("study", "coefficient"))
    assert far < near
    assert fit.probability(0.8, of="mean") > fit.probability(0.8, of="coefficient")
    text = str(fit)
    assert "tau_study_id half-normal 0.5" in text
    assert "With the scales of the priors times factor" in text
    assert "assumed to correlate .60" in text
    alone = ws.fit_bayes_multilevel(data.drop_duplicates("study_id"))
    assert any("decided by the priors alone" in note for note in alone.notes)


def test_refusals() -> None:
    data = example()
    with pytest.raises(ModelError, match="at most 2 levels"):
        ws.fit_bayes_multilevel(data, levels=("x", "study_id", "coefficient_id"))
    with pytest.raises(ModelError, match="one for each of the 2 levels"):
        ws.fit_bayes_multilevel(data, prior_scale=(0.1, 0.2, 0.3))
    with pytest.raises(ModelError, match="prior_scale must be positive"):
        ws.fit_bayes_multilevel(data, prior_scale=(0.1, -1))
    with pytest.raises(ModelError, match="of must be one of"):
        ws.fit_bayes_multilevel(data).predict(of="new")


def test_sixty_coefficients_in_twenty_studies_take_less_than_a_second() -> None:
    data = example(4, [3] * 20)
    ws.fit_bayes_multilevel(data, within_correlation=0.6)
    start = time.process_time()
    fit = ws.fit_bayes_multilevel(data, within_correlation=0.6)
    fit.to_frame(), fit.predict()
    assert time.process_time() - start < 1
