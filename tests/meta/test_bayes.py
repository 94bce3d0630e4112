"""The Bayesian model: published numbers, brute-force integration, REML, its limits."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import special, stats

from waistats import DataError, ModelError
from waistats.datasets.bundled import load_dataset
from waistats.measures import back_transform, effect_sizes
from waistats.meta import _distributions as quadrature
from waistats.meta._posterior import PRIORS
from waistats.meta.bayes import fit_bayes
from waistats.meta.fit import fit_meta

ROOT = Path(__file__).parents[2]
CESD = effect_sizes(load_dataset("cesd"))


def frame_of(yi, vi, **columns):
    ids = [f"S{i}" for i in range(len(yi))]
    return pd.DataFrame({"study_id": ids, "yi": yi, "vi": vi, **columns})


def test_nine_caregiver_studies():
    # 1,000 nodes in R, a grid and 2,000,000 draws agree; tau low: adaptive quadrature
    fit = fit_bayes(CESD)
    mu, tau = fit.to_frame().itertuples(index=False)
    assert mu.term == "Intercept"
    assert tau.term == "tau"
    got = [mu.estimate, mu.mean, mu.sd, mu.ci_low, mu.ci_high]
    expected = [2.3547157, 2.3560793, 0.0977511, 2.1632275, 2.5553329]
    np.testing.assert_allclose(got, expected, atol=6e-8)
    got = [tau.estimate, tau.mean, tau.ci_low, tau.ci_high]
    np.testing.assert_allclose(
        got, [0.2346182, 0.2493198, 0.1122052, 0.4721120], atol=6e-8
    )
    row = fit.predict().iloc[0].to_numpy()
    expected = [0.9050795, 0.8850465, 0.9223336, 0.8321876, 0.9468369]
    np.testing.assert_allclose(row, expected, atol=6e-8)
    assert fit.probability(0.90) == pytest.approx(0.5867482, abs=6e-8)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [(0.25, [0.2167672, 0.8868493, 0.9209139]), (1, [0.2407248, 0.8842985, 0.9228933])],
)
def test_other_scales(scale, expected):
    fit = fit_bayes(CESD, prior_scale=scale)
    row = fit.predict().iloc[0]
    np.testing.assert_allclose([fit.tau, row.ci_low, row.ci_high], expected, atol=6e-8)


def panels(edges, nodes):
    """Return Gauss-Legendre nodes and weights of neighbouring intervals."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    pairs = list(itertools.pairwise(edges))
    at = np.concatenate([a + (b - a) * (x + 1) / 2 for a, b in pairs])
    return at, np.concatenate([w * (b - a) / 2 for a, b in pairs])


def brute_force(y, v, prior, A, mu_prior, end):
    """Return nodes and masses of the joint posterior of mu and tau, and its evidence.

    Densities are multiplied study by study; nothing is integrated in closed form.
    """
    # panels are finer where the density bends
    mu, mu_w = panels([-4, 0, 1, 1.8, 2.2, 2.6, 3, 4, 5, 9], 60)
    tau, tau_w = panels([0, *np.geomspace(1e-3, end, 12)], 40)
    densities = {
        "half-normal": stats.halfnorm(scale=A),
        "half-cauchy": stats.halfcauchy(scale=A),
        "uniform": stats.uniform(0, A),
    }
    log_mu = 0 if mu_prior is None else stats.norm.logpdf(mu, *mu_prior)
    logs = np.zeros((len(mu), len(tau))) + np.reshape(log_mu, (-1, 1))
    zero = np.zeros(len(mu)) + log_mu
    for yi, vi in zip(y, v, strict=True):
        logs += stats.norm.logpdf(yi, mu[:, None], np.sqrt(vi + tau**2))
        zero += stats.norm.logpdf(yi, mu, np.sqrt(vi))
    mass = np.exp(logs) * densities[prior].pdf(tau) * mu_w[:, None] * tau_w
    factor = mass.sum() / (np.exp(zero) @ mu_w)
    return mu[:, None], tau, mass / mass.sum(), factor


@pytest.mark.parametrize("mu_prior", [None, (2.0, 0.3)])
@pytest.mark.parametrize("prior", PRIORS)
def test_against_two_dimensional_integration(prior, mu_prior):
    y, v = CESD.yi.to_numpy(), CESD.vi.to_numpy()
    A = 2.0 if prior == "uniform" else 0.5
    end = 2.0 if prior == "uniform" else 12.0
    mu, tau, mass, factor = brute_force(y, v, prior, A, mu_prior, end)
    fit = fit_bayes(CESD, prior=prior, mu_prior=mu_prior, conf_level=0.80)
    frame = fit.to_frame()
    np.testing.assert_allclose(
        frame["mean"], [(mass * mu).sum(), (mass * tau).sum()], atol=1e-6
    )
    spread = np.sqrt((mass * mu**2).sum() - frame["mean"][0] ** 2)
    assert frame.sd[0] == pytest.approx(spread, abs=1e-5)
    assert fit.bayes_factor == pytest.approx(factor, rel=1e-6)
    far = fit.predict(back_transform=False).iloc[0]
    for p, column in [(0.1, "pi_low"), (0.9, "pi_high")]:
        below = mass * special.ndtr((far[column] - mu) / tau)
        assert below.sum() == pytest.approx(p, abs=1e-6)
    pull = v[3] / (v[3] + tau**2)
    own = (mass * (pull * mu + (1 - pull) * y[3])).sum()
    post = fit.posterior
    mean = post.shrunken(y, v, fit.design.X)[0][3] @ post.weight
    assert mean == pytest.approx(own, abs=1e-6)
    above = mass * special.ndtr((mu - np.log(5)) / tau)
    assert fit.probability(0.80) == pytest.approx(above.sum(), abs=1e-6)


def conditional_cdf(y, v, tau, mass, point):
    """Return P(mu < point), by the normal law of mu given tau."""
    w = 1 / (v[:, None] + tau**2)
    center = (w * y[:, None]).sum(0) / w.sum(0)
    return mass.sum(0) @ special.ndtr((point - center) * np.sqrt(w.sum(0)))


@pytest.mark.parametrize("prior", PRIORS)
def test_quantiles_against_integration(prior):
    y, v = CESD.yi.to_numpy(), CESD.vi.to_numpy()
    A, end = (2.0, 2.0) if prior == "uniform" else (0.5, 12.0)
    _, tau, mass, _ = brute_force(y, v, prior, A, None, end)
    frame = fit_bayes(CESD, prior=prior).to_frame()
    for p, column in [(0.025, "ci_low"), (0.5, "estimate"), (0.975, "ci_high")]:
        below = conditional_cdf(y, v, tau, mass, frame[column][0])
        assert below == pytest.approx(p, abs=1e-6)
        # tau's own law, integrated up to the quantile by a rule of its own
        t = frame[column][1]
        x, w = np.polynomial.legendre.leggauss(200)
        inner, inner_w = t * (x + 1) / 2, w * t / 2
        density = marginal(y, v, inner, prior, A) @ inner_w
        whole = sum(
            marginal(y, v, a + (b - a) * (x + 1) / 2, prior, A) @ (w * (b - a) / 2)
            for a, b in [(0, 0.5), (0.5, 2), (2, 8), (8, 50)]
        )
        assert density / whole == pytest.approx(p, abs=1e-6)


def marginal(y, v, tau, prior, A):
    w = 1 / (v[:, None] + tau**2)
    center = (w * y[:, None]).sum(0) / w.sum(0)
    logs = 0.5 * np.log(w).sum(0) - 0.5 * np.log(w.sum(0))
    logs -= 0.5 * (w * (y[:, None] - center) ** 2).sum(0)
    density = {
        "half-normal": stats.halfnorm(scale=A),
        "half-cauchy": stats.halfcauchy(scale=A),
        "uniform": stats.uniform(0, A),
    }[prior].pdf(tau)
    return np.exp(logs) * density


def test_moderators_against_three_dimensional_integration():
    y, v = CESD.yi.to_numpy(), CESD.vi.to_numpy()
    women = (CESD.caregivers == "women").to_numpy()
    x, w = np.polynomial.legendre.leggauss(90)
    grids = [(0.2, 4.3), (-3.0, 3.6), (0.0, 3.0)]
    a, b, t = (low + (high - low) * (x + 1) / 2 for low, high in grids)
    wa, wb, wt = (w * (high - low) / 2 for low, high in grids)
    logs = np.zeros((90, 90, 90))
    for yi, vi, one in zip(y, v, women, strict=True):
        mean = a[:, None, None] + one * b[:, None]
        s = vi + t**2
        logs -= 0.5 * np.log(s) + 0.5 * (yi - mean) ** 2 / s
    mass = np.exp(logs - 0.5 * (t / 0.5) ** 2) * wa[:, None, None] * wb[:, None] * wt
    mass /= mass.sum()
    frame = fit_bayes(CESD, "~ caregivers").to_frame()
    expected = [
        (mass * a[:, None, None]).sum(),
        (mass * b[:, None]).sum(),
        (mass * t).sum(),
    ]
    np.testing.assert_allclose(frame["mean"], expected, atol=1e-6)


@pytest.mark.parametrize("prior", PRIORS)
def test_twice_the_nodes_give_the_same(prior, monkeypatch):
    tables = [CESD, CESD.head(2), CESD.assign(yi=2.0), frame_of([1, 2, 9], [1e-6] * 3)]
    before = [fit_bayes(t, prior=prior, prior_scale=0.5).to_frame() for t in tables]
    monkeypatch.setattr(quadrature, "NODES", 400)
    quadrature.rule.cache_clear()
    try:
        for table, frame in zip(tables, before, strict=True):
            again = fit_bayes(table, prior=prior, prior_scale=0.5).to_frame()
            pd.testing.assert_frame_equal(frame, again, rtol=1e-8, atol=1e-10)
    finally:
        quadrature.rule.cache_clear()


def test_many_studies_agree_with_reml():
    # SIMULATED
    rng = np.random.default_rng(5)
    gaps = []
    for k in (50, 5000):
        v = rng.uniform(0.01, 0.05, k)
        data = frame_of(2 + rng.normal(size=k) * np.sqrt(v + 0.09), v)
        fit, reml = fit_bayes(data, prior_scale=0.5), fit_meta(data)
        gaps.append(abs(fit.tau / reml.tau - 1))
        row = fit.to_frame().iloc[0]
        assert row.estimate == pytest.approx(reml.estimate, abs=0.02 * reml.se)
    assert gaps[1] < 5e-4
    assert row.ci_low == pytest.approx(reml.to_frame().ci_low[0], abs=0.02 * reml.se)
    assert row.sd == pytest.approx(reml.se, rel=0.01)


def test_studies_are_pulled_to_the_mean():
    fit = fit_bayes(CESD)
    studies = fit.studies()
    mean = fit.predict().estimate[0]
    between = np.sort([studies.observed, studies.estimate, [mean] * 9], axis=0)[1]
    np.testing.assert_array_equal(between, studies.estimate)
    assert studies.shrinkage.between(0, 1).all()
    # the smallest study is pulled most
    assert studies.shrinkage.idxmax() == CESD.n.idxmin()
    assert (studies.ci_low < studies.estimate).all()
    wide = fit.studies(conf_level=0.99)
    assert (wide.ci_low < studies.ci_low).all()


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.001, 1)), min_size=2, max_size=8),
    st.sampled_from(PRIORS),
)
def test_properties(rows, prior):
    y, v = (np.array(column) for column in zip(*rows, strict=True))
    fit = fit_bayes(frame_of(y, v), prior=prior, prior_scale=0.7)
    moved = fit_bayes(frame_of(3 * y + 5, 9 * v), prior=prior, prior_scale=2.1)
    ours, theirs = (f.predict(back_transform=False).iloc[0] for f in (fit, moved))
    for column in ("estimate", "ci_low", "ci_high", "pi_low", "pi_high"):
        assert theirs[column] == pytest.approx(3 * ours[column] + 5, rel=1e-6, abs=1e-6)
    assert moved.log_bayes_factor == pytest.approx(fit.log_bayes_factor, abs=1e-8)
    assert ours.pi_low <= ours.ci_low <= ours.estimate <= ours.ci_high <= ours.pi_high
    assert fit.posterior.weight.sum() == pytest.approx(1)


def test_two_studies_and_no_heterogeneity():
    two = fit_bayes(CESD.head(2), prior="half-cauchy").to_frame()
    assert np.isinf(two.sd).all()
    assert np.isfinite(two[["estimate", "mean", "ci_low", "ci_high"]]).all(axis=None)
    flat = fit_bayes(frame_of([2.0] * 6, [0.02] * 6), prior_scale=0.5)
    assert flat.bayes_factor < 0.5
    assert flat.tau < 0.1
    assert flat.to_frame().estimate[0] == pytest.approx(2.0, abs=1e-12)
    far = fit_bayes(frame_of([0.0, 100.0, 200.0] * 9, [1e-4] * 27), prior_scale=0.5)
    assert np.isinf(far.bayes_factor)
    assert "exp(" in str(far)


def test_default_scales_say_the_same_on_every_measure():
    assert fit_bayes(CESD).prior.scale == pytest.approx(0.5, rel=1e-12)
    assert fit_bayes(CESD, prior="uniform").prior.scale == pytest.approx(2, rel=1e-12)
    table = load_dataset("cesd")
    slopes = {"raw": 0.1, "hakstian-whalen": np.cbrt(0.1) / 3, "fisher-z": 0.1 / 0.19}
    for measure, slope in slopes.items():
        fit = fit_bayes(effect_sizes(table, measure=measure))
        assert fit.prior.scale == pytest.approx(0.5 * slope, rel=1e-9)
        ends = fit.predict().iloc[0]
        assert ends.estimate == pytest.approx(0.905, abs=0.002)
        ours = fit.probability(0.80, of="mean")
        assert ours == pytest.approx(1, abs=1e-3)


def test_prior_prediction_on_the_alpha_scale():
    frame = fit_bayes(CESD).prior_predictive(0.90).set_index("probability")
    assert frame.tau[0.5] == pytest.approx(0.337, abs=5e-4)
    assert frame.tau[0.95] == pytest.approx(0.98, abs=5e-4)
    ends = (1 - frame.pi_low) / (1 - frame.pi_high)
    assert ends[0.5] == pytest.approx(3.8, abs=0.06)
    assert ends[0.95] == pytest.approx(47, abs=0.5)
    assert frame.pi_low[0.95] == pytest.approx(0.32, abs=0.003)
    assert frame.pi_high[0.95] == pytest.approx(0.985, abs=0.0005)
    # the prior's quantiles are those of scipy
    for prior, law in [
        ("half-normal", stats.halfnorm(scale=0.5)),
        ("half-cauchy", stats.halfcauchy(scale=0.5)),
        ("uniform", stats.uniform(0, 0.5)),
    ]:
        tau = fit_bayes(CESD, prior=prior, prior_scale=0.5).prior_predictive().tau
        np.testing.assert_allclose(tau, law.ppf([0.05, 0.25, 0.5, 0.75, 0.95]))


def test_predictions_with_moderators():
    fit = fit_bayes(CESD, "~ caregivers")
    frame = fit.predict({"caregivers": ["women", "mixed"]})
    assert frame.shape == (2, 5)
    above = fit.probability(0.90, {"caregivers": ["women", "mixed"]})
    assert above[0] > above[1]
    assert "estimate" in fit.sensitivity(new={"caregivers": "women"})
    assert "estimate" not in fit.sensitivity()
    on_model = fit.predict(CESD, back_transform=False)
    assert on_model.index.equals(CESD.index)
    np.testing.assert_allclose(
        back_transform(on_model.ci_low, "bonett"), fit.predict().ci_low
    )


def test_sensitivity_to_the_prior():
    frame = fit_bayes(CESD.head(3)).sensitivity()
    assert frame.prior.tolist()[:3] == ["half-normal"] * 3
    np.testing.assert_allclose(frame.tau[:3], [0.138, 0.193, 0.239], atol=5e-4)
    own = fit_bayes(CESD).sensitivity([("uniform", 1.5)])
    again = fit_bayes(CESD, prior="uniform", prior_scale=1.5)
    assert own.tau[0] == pytest.approx(again.tau, rel=1e-12)
    assert own.bayes_factor[0] == pytest.approx(again.bayes_factor)


def test_printed():
    text = str(fit_bayes(CESD, mu_prior=(2, 1)))
    for part in (
        "Bayesian Random-Effects Model (k = 9)",
        "tau half-normal 0.5; Intercept normal(2, sd 1)",
        "Bayes factor for heterogeneity",
        "new population [",
        "Under these priors of tau",
    ):
        assert part in text


def test_what_cannot_be_fitted():
    unknown = frame_of([1.0, 2.0], [0.1, 0.1])
    with pytest.raises(ModelError, match="no default prior; give prior_scale"):
        fit_bayes(unknown)
    with pytest.raises(ModelError, match=r"prior must be one of .* 'half-normal'\?"):
        fit_bayes(CESD, prior="halfnormal")
    with pytest.raises(ModelError, match="prior_scale must be positive and finite"):
        fit_bayes(CESD, prior_scale=0)
    with pytest.raises(ModelError, match="mean and a positive standard deviation"):
        fit_bayes(CESD, mu_prior=(2, -1))
    with pytest.raises(ModelError, match="the formula has none"):
        fit_bayes(CESD, "~ 0 + caregivers", mu_prior=(2, 1))
    with pytest.raises(ModelError, match="threshold must be below 1"):
        fit_bayes(CESD).probability(90)
    with pytest.raises(ModelError, match="constant in these rows: n_items"):
        fit_bayes(CESD, "~ n_items")
    with pytest.raises(DataError, match="vi positive"):
        fit_bayes(CESD.assign(vi=0.0))


def test_the_page_on_priors_is_what_the_program_says():
    spec = importlib.util.spec_from_file_location("priors", ROOT / "docs/priors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs/priors.md").read_text("utf-8") == module.page()
