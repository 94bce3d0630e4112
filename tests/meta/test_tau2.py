"""The heterogeneity variance: adversarial data, exact cases, batches."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from waistats import fit_meta, fit_meta_many
from waistats.meta import fit_many as many
from waistats.meta._heterogeneity import tau2_se
from waistats.meta._linalg import log_likelihood, weighted_fit
from waistats.meta.tau2 import ESTIMATORS, METHODS, check_method, estimate_tau2, solve_Q

KINDS = ("random", "logarithmic", "tied", "one huge", "outlier", "no tau2", "cauchy")


def batch_of(kind: str, k: int, size: int, rng: np.random.Generator):
    shape = (k, size)
    if kind == "random":
        v = rng.uniform(0.01, 0.3, shape)
        return rng.normal(0, np.sqrt(v + rng.choice([0, 0.01, 0.1, 1], size))), v
    if kind == "logarithmic":
        v = 10 ** rng.uniform(-6, 2, shape)
        return rng.normal(0, np.sqrt(v + 10 ** rng.uniform(-6, 1, size))), v
    if kind == "tied":
        v = np.repeat(rng.choice([0.01, 0.1, 1.0], (1, size)), k, 0)
        return np.round(rng.normal(0, 1, shape), 1), v
    if kind == "one huge":
        v = rng.uniform(0.05, 0.5, shape)
        v[0] = 1e-8
        return rng.normal(0, 0.5, shape), v
    if kind == "outlier":
        v, y = rng.uniform(0.01, 0.1, shape), rng.normal(0, 0.1, shape)
        y[0] += 10
        return y, v
    if kind == "no tau2":
        v = rng.uniform(0.01, 0.3, shape)
        return rng.normal(0, 0.1 * np.sqrt(v)), v
    v = 10 ** rng.uniform(-3, 0, shape)
    return rng.standard_cauchy(shape), v


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["REML", "ML"])
def test_likelihood_is_never_below_a_grid(kind, method):
    """100,000 data sets in all: every fit converges, and no grid point is higher."""
    rng = np.random.default_rng(list(f"{kind}{method}".encode()))
    sizes = {2: 1800, 3: 1800, 5: 1500, 10: 1200, 40: 750, 200: 150}
    beaten = 0
    for k, size in sizes.items():
        y, v = batch_of(kind, k, size, rng)
        X = np.ones((k, 1))
        found = estimate_tau2(y, v, X, method)
        assert found.converged.all()
        assert (found.tau2 >= 0).all()

        def value(t, y=y, v=v, X=X):
            fit = weighted_fit(y, v, X, t)
            return log_likelihood(fit, restricted=method == "REML")

        reached = value(found.tau2)
        low, top = v.min(0) / 1000, np.maximum(4 * y.var(0), v.max(0))
        grid = [low * (top / low) ** q for q in np.linspace(0, 1, 40)]
        best = np.max([value(t) for t in (np.zeros(size), *grid)], axis=0)
        beaten += int((best > reached + 1e-7 * (1 + np.abs(reached))).sum())
    # two maxima closer in height than the search's own grid shows: at most 1 in 1,000
    assert beaten <= sum(sizes.values()) / 1000


def test_reml_has_zero_score_or_stands_at_zero():
    rng = np.random.default_rng(1)
    y, v = batch_of("random", 12, 2000, rng)
    X = np.column_stack([np.ones(12), rng.normal(size=(12, 2))])
    tau2 = estimate_tau2(y, v, X, "REML").tau2
    h = 1e-5 * (tau2 + v.min(0))

    def value(t):
        return log_likelihood(weighted_fit(y, v, X, t), restricted=True)

    slope = (value(tau2 + h) - value(np.maximum(tau2 - h, 0))) / (2 * h)
    inner = tau2 > 2 * h
    scale = (1 / (v + tau2)).sum(0)
    assert (np.abs(slope[inner]) < 1e-4 * scale[inner]).all()
    assert (slope[tau2 == 0] <= 1e-4 * scale[tau2 == 0]).all()


@pytest.mark.parametrize("method", METHODS)
def test_equal_variances_have_a_closed_form(method):
    rng = np.random.default_rng(3)
    k, v = 9, 0.04
    y = rng.normal(0, 0.5, (k, 1))
    ss = ((y - y.mean()) ** 2).sum()
    s2 = ss / (k - 1)
    from scipy import stats

    expected = {
        "CE": 0.0,
        "HS": (ss / v - k) * v / k,
        "HSk": (ss / v * k / (k - 1) - k) * v / k,
        "ML": ss / k - v,
        "SJ": (ss / k) / (v + ss / k) * s2,
        "PMM": ss / stats.chi2.median(k - 1) - v,
    }.get(method, s2 - v)
    found = estimate_tau2(y, np.full((k, 1), v), np.ones((k, 1)), method)
    np.testing.assert_allclose(found.tau2, max(expected, 0), rtol=1e-12, atol=1e-15)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(2, 12),
    st.sampled_from(METHODS),
    st.integers(0, 2**32 - 1),
    st.floats(0.01, 100),
)
def test_scaling_and_order(k, method, seed, c):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.01, 1, k)
    y = rng.normal(0, 1, k)
    one = fit_meta_many(y, v, method=method)
    scaled = fit_meta_many(c * y, c**2 * v, method=method)
    np.testing.assert_allclose(
        scaled.tau2, c**2 * one.tau2, rtol=1e-7, atol=1e-9 * c**2
    )
    np.testing.assert_allclose(scaled.estimate, c * one.estimate, atol=1e-8 * c)
    order = rng.permutation(k)
    turned = fit_meta_many(y[order], v[order], method=method)
    np.testing.assert_allclose(turned.tau2, one.tau2, rtol=1e-7, atol=1e-10)


def test_q_profile_solves_its_equation():
    rng = np.random.default_rng(5)
    y, v = batch_of("random", 8, 50, rng)
    X = np.ones((8, 1))
    target = np.full(50, 5.0)
    found = solve_Q(y, v, X, target)
    rss = weighted_fit(y, v, X, found.tau2).rss
    inner = found.tau2 > 0
    assert inner.any()
    np.testing.assert_allclose(rss[inner], 5.0, rtol=1e-10)
    at_zero = weighted_fit(y, v, X, np.zeros(50)).rss
    assert (at_zero[~inner] <= 5.0).all()


def test_aliases():
    assert {check_method(name) for name in ("EE", "FE", "CE")} == {"CE"}


def test_variances_over_twelve_orders():
    """Raw alphas near 1 of samples of 4 to 10^7: one weight dwarfs the others."""
    for seed in range(480, 680):
        rng = np.random.default_rng(seed)
        k = int(rng.integers(3, 12))
        a = 1 - 10 ** rng.uniform(-4, 0.5, k)
        n = np.floor(10 ** rng.uniform(np.log10(4), 7, k))
        m = rng.integers(2, 100, k)
        v = (2 * m / (m - 1) * (1 - a) ** 2 / (n - 2))[:, None]
        X, y = np.ones((k, 1)), (a - a.mean())[:, None]
        found = many.fit_batch(a[:, None], v, X, "REML", "wald")
        assert found.converged.all()

        def value(t, v=v, X=X, y=y):
            fit = weighted_fit(y, v, X, np.array([t]))
            return float(log_likelihood(fit, restricted=True)[0])

        best = max(value(t) for t in 10 ** np.linspace(-8, 2, 60))
        reached = value(float(found.tau2[0]))
        assert best <= reached + 1e-5 * (1 + abs(reached))


SEARCHED = [name for name, entry in ESTIMATORS.items() if entry.iterative]


def drawn_data():
    """Effects and variances of every kind that one mean meets."""
    rng = np.random.default_rng(3)
    for _ in range(300):
        k = int(rng.integers(2, 30))
        spread = rng.choice([0.3, 1.5, 3.0])
        v = np.exp(rng.normal(0, spread, k)) * 0.02
        y = rng.normal(2, 1, k) * np.sqrt(v) + rng.normal(
            0, 10 ** rng.uniform(-3, 1), k
        )
        if rng.random() < 0.2:
            y = np.round(y, 1)
        yield y, v
    y, v = rng.normal(2, 0.4, 12), rng.uniform(0.01, 0.1, 12)
    yield np.full(12, 2.0), v
    yield y, np.full(12, 0.03)
    yield np.array([1.0, 3.0]), np.array([0.1, 0.1])
    yield np.array([1.0, 1.001]), np.array([1e-9, 4.0])
    yield y * 1e6, v * 1e12
    yield y * 1e-6, v * 1e-12
    yield np.append(y, 60.0), np.append(v, 0.05)
    yield np.append(y, 2.0), np.append(v, 1e-12)
    yield np.append(y, 9.0), np.append(v, 1e12)
    yield np.repeat([0.0, 5.0], 6), np.geomspace(1e-6, 1e2, 12)
    yield y * 1e-150, v * 1e-300
    yield np.zeros(12), np.geomspace(1e-8, 1e8, 12)


def both(y, v, method, monkeypatch):
    """Return what each path finds: the one in floats, and the one of a batch."""
    data = (y[:, None], v[:, None], np.ones((len(y), 1)), method)
    one = estimate_tau2(*data)
    with monkeypatch.context() as patch:
        patch.setattr("waistats.meta.tau2.estimate_alone", lambda *_: None)
        return one, estimate_tau2(*data)


@pytest.mark.parametrize("method", SEARCHED)
def test_one_data_set_is_searched_as_many_are(method, monkeypatch):
    """The search in floats, for one mean, finds what the search in arrays finds."""
    for y, v in drawn_data():
        one, two = both(y, v, method, monkeypatch)
        assert one.converged[0] == two.converged[0]
        assert one.climbs[0] == two.climbs[0]
        near = pytest.approx(two.tau2[0], rel=1e-9, abs=1e-9 * v.min(), nan_ok=True)
        assert one.tau2[0] == near, (y, v)


@pytest.mark.parametrize("method", SEARCHED)
def test_studies_left_out_are_left_out_on_both_paths(method, monkeypatch):
    rng = np.random.default_rng(8)
    y, v = rng.normal(2, 0.5, 10), rng.uniform(0.01, 0.1, 10)
    for left in range(9):
        out = np.arange(10) < left
        given = np.where(out, 0.0, y), np.where(out, np.inf, v)
        one, two = both(*given, method, monkeypatch)
        alone = estimate_tau2(
            y[~out][:, None], v[~out][:, None], np.ones((10 - left, 1)), method
        )
        for found in (one, two):
            assert found.tau2[0] == pytest.approx(alone.tau2[0], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_says_the_same_by_either_path(method, monkeypatch):
    rng = np.random.default_rng(5)
    y, v = rng.normal(2, 0.3, 15), rng.uniform(0.01, 0.05, 15)
    options = {"method": method, "prediction": "metafor"}
    one = fit_meta_many(y, v, **options)
    monkeypatch.setattr("waistats.meta.tau2.estimate_alone", lambda *_: None)
    monkeypatch.setattr("waistats.meta.fit_many.estimate_alone", lambda *_: None)
    two = fit_meta_many(y, v, **options)
    for name in ("estimate", "se", "tau2", "pi_low", "pi_high"):
        assert getattr(one, name) == pytest.approx(getattr(two, name), rel=1e-9), name


def test_the_registry_says_what_each_estimator_can():
    y, v = np.array([0.1, 0.5, 0.2, 0.9]), np.array([0.01, 0.02, 0.03, 0.04])
    X = np.ones((4, 1))
    for name in METHODS:
        entry = ESTIMATORS[name]
        assert (tau2_se(y, v, X, 0.05, name) > 0) == (entry.standard_error is not None)
        found = estimate_tau2(y[:, None], v[:, None], X, name)
        assert (found.n_iter > 0) == (entry.iterative and bool(found.tau2[0] > 0))
    with pytest.raises(KeyError):
        estimate_tau2(y[:, None], v[:, None], X, "HSK")
    with pytest.raises(TypeError):
        ESTIMATORS["new"] = ESTIMATORS["DL"]
    with pytest.raises(AttributeError):
        ESTIMATORS["DL"].iterative = True
    assert {check_method(name) for name in ("EE", "FE", "CE")} == {"CE"}


def test_help_names_every_estimator():
    assert [name for name in METHODS if f'"{name}"' not in fit_meta.__doc__] == []
