"""Many data sets at once: masks, designs, pieces, and fits that are lost."""

import numpy as np
import pytest

from waistats import ConvergenceError, DataError, ModelError, fit_meta_many
from waistats.meta import fit_many as many


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


def test_masks_are_subsets():
    rng = np.random.default_rng(8)
    y, v = rng.normal(size=10), rng.uniform(0.05, 0.4, 10)
    X = np.column_stack([np.ones(10), rng.normal(size=10)])
    mask = rng.random((40, 10)) < 0.6
    mask[:, :4] = True
    mask[0, 2:] = False
    for design, p in ((None, 1), (X, 2)):
        fits = fit_meta_many(y, v, design, include=mask)
        for i in range(1, 40):
            m = mask[i]
            sub = fit_meta_many(y[m], v[m], None if design is None else design[m])
            np.testing.assert_allclose(fits.tau2[i], sub.tau2, atol=1e-12)
            np.testing.assert_allclose(fits.estimate[i], sub.estimate, rtol=1e-10)
            np.testing.assert_allclose(fits.se[i], sub.se, rtol=1e-8)
            np.testing.assert_allclose(fits.I2[i], sub.I2, atol=1e-8)
        if p == 2:
            assert fits.tau2[0] == 0  # two studies for two coefficients
    alone = fit_meta_many(y, v, include=np.eye(10, dtype=bool))
    np.testing.assert_allclose(alone.estimate, y, rtol=1e-14)
    none = fit_meta_many(y, v, include=np.zeros((1, 10), bool))
    assert np.isnan(none.estimate).all()


def test_subset_that_loses_a_level_is_nan():
    X = np.column_stack([np.ones(5), [0, 0, 0, 1, 1]])
    mask = np.array([[True, True, True, False, False], [True] * 5])
    fits = fit_meta_many([1, 2, 3, 2, 4], [0.1] * 5, X, include=mask)
    assert np.isnan(fits.estimate[0]).all()
    assert np.isfinite(fits.estimate[1]).all()


def test_pieces_and_threads_change_nothing(monkeypatch):
    rng = np.random.default_rng(2)
    y, v = batch_of("random", 20, 3000, rng)
    X = np.ones((20, 1))
    whole = many.fit_batch(y, v, X, "REML", "knapp-hartung")
    monkeypatch.setattr(many, "PIECE", 20 * 101)
    for threads in (1, 2, 5):
        pieces = many.in_chunks(y, v, X, "REML", "knapp-hartung", threads)
        np.testing.assert_allclose(pieces.tau2, whole.tau2, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(pieces.beta, whole.beta, rtol=1e-9)


def test_design_per_data_set():
    rng = np.random.default_rng(4)
    X = np.stack([np.column_stack([np.ones(8), rng.normal(size=8)]) for _ in range(6)])
    y, v = rng.normal(size=(6, 8)), rng.uniform(0.1, 1, (6, 8))
    together = fit_meta_many(y, v, X)
    for i in range(6):
        alone = fit_meta_many(y[i], v[i], X[i])
        np.testing.assert_allclose(together.estimate[i], alone.estimate, rtol=1e-10)
        np.testing.assert_allclose(together.tau2[i], alone.tau2, atol=1e-13)


def test_bad_arrays():
    with pytest.raises(DataError, match=r"Shapes do not fit: yi \(3,\), vi \(2,\)"):
        fit_meta_many([1, 2, 3], [1, 2])
    with pytest.raises(DataError, match=r"at \(1,\), \(2,\)"):
        fit_meta_many([1, np.nan, 3], [1, 1, -1])
    with pytest.raises(DataError, match="booleans"):
        fit_meta_many([1, 2], [1, 1], include=[1, 0])
    with pytest.raises(ModelError, match=r"did you mean 'REML'"):
        fit_meta_many([1, 2], [1, 1], method="REMML")


def test_lost_fit_is_named(monkeypatch):
    monkeypatch.setattr("waistats.meta._tau2_search.MAX_ITERATIONS", 1)
    with pytest.raises(ConvergenceError, match=r"REML.*\(1,\) of the batch"):
        fit_meta_many([[1, 1, 1], [0, 1, 5]], [0.1, 0.2, 0.4])
