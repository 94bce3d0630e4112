"""One covariance kernel: numpy and pandas as oracles, exact identities."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats.reliability import _moments as mo


@pytest.fixture
def likert() -> np.ndarray:
    return np.random.default_rng(5).integers(1, 8, (40, 6)).astype(float)


def test_batch_equals_numpy(likert):
    batch = np.stack([likert, likert[::-1] ** 2])
    mean, covariance = mo.mean_and_covariance(batch)
    for i in range(2):
        np.testing.assert_allclose(mean[i], batch[i].mean(axis=0), rtol=1e-14)
        np.testing.assert_allclose(covariance[i], np.cov(batch[i].T), rtol=1e-12)


def test_listwise_counts_n_where_it_computes(likert):
    likert[3, 2] = likert[7, 0] = likert[7, 1] = np.nan
    found = mo.listwise_moments(likert)
    kept = np.delete(likert, [3, 7], axis=0)
    assert (found.n, found.n_excluded, found.n_most) == (38, 2, 38)
    np.testing.assert_allclose(found.covariance, np.cov(kept.T), rtol=1e-12)


def test_pairwise_equals_pandas_and_gives_the_range_of_n(likert):
    likert[:5, 2] = likert[3:9, 0] = likert[12, :] = np.nan
    found = mo.pairwise_moments(likert)
    frame = pd.DataFrame(likert)
    np.testing.assert_allclose(found.covariance, frame.cov(), rtol=1e-12)
    np.testing.assert_allclose(found.mean, frame.mean(), rtol=1e-14)
    assert (found.n, found.n_most, found.n_excluded) == (30, 39, 1)


def test_pairwise_of_complete_data_is_listwise(likert):
    one, other = mo.pairwise_moments(likert), mo.listwise_moments(likert)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-12)
    assert (one.n, one.n_most) == (other.n, other.n)


def test_an_item_without_answers_leaves_nan(likert):
    likert[:, 4] = np.nan
    found = mo.pairwise_moments(likert)
    assert found.n == 0
    assert np.isnan(found.covariance[4]).all()
    assert np.isfinite(np.delete(np.delete(found.covariance, 4, 0), 4, 1)).all()


def test_sums_give_the_same_covariance(likert):
    batch = np.stack([likert, likert + 2])
    sums = batch.sum(axis=1)
    products = np.swapaxes(batch, 1, 2) @ batch
    expected = mo.mean_and_covariance(batch)[1]
    found = mo.covariance_from_sums(np.array([40, 40]), sums, products)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    squares = (batch**2).sum(axis=1)
    np.testing.assert_allclose(
        mo.variance_from_sums(np.array([40, 40]), sums, squares),
        np.diagonal(expected, axis1=1, axis2=2),
        rtol=1e-12,
    )


def test_sums_of_a_constant_item_leave_no_variance_of_rounding():
    values = np.column_stack([np.full(7, 0.1), np.arange(7.0)])
    covariance = mo.covariance_from_sums(7, values.sum(axis=0), values.T @ values)
    np.testing.assert_array_equal(covariance[0], [0, 0])
    assert mo.variance_from_sums(7, values.sum(0), (values**2).sum(0))[0] == 0


def test_too_few_respondents_have_no_covariance():
    assert np.isnan(mo.listwise_moments(np.ones((1, 3))).covariance).all()
    one = np.array([[1.0, 2.0]])
    assert np.isnan(mo.covariance_from_sums(1, one[0], one.T @ one)).all()


def test_alpha_of_a_batch_and_of_no_variance(likert):
    covariance = np.stack([np.cov(likert.T), np.zeros((6, 6))])
    alpha = mo.alpha_of(covariance)
    direct = 6 / 5 * (1 - likert.var(0, ddof=1).sum() / likert.sum(1).var(ddof=1))
    assert alpha[0] == pytest.approx(direct, rel=1e-12)
    assert np.isnan(alpha[1])
    opposite = np.column_stack([likert[:, 0], 0.3 - likert[:, 0]])
    assert np.isnan(mo.alpha_of(np.cov(opposite.T)))


def test_correlation_is_undefined_without_variance():
    matrix = mo.correlation(np.array([[4.0, 2.0, 0], [2, 9, 0], [0, 0, 0]]))
    np.testing.assert_allclose(matrix[:2, :2], [[1, 1 / 3], [1 / 3, 1]])
    assert np.isnan(matrix[2]).all()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    m=st.integers(2, 8),
    shift=st.floats(-50, 50),
    scale=st.floats(0.1, 20),
)
def test_alpha_ignores_order_origin_and_unit(seed, m, shift, scale):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(25, m)) + rng.normal(size=(25, 1))
    alpha = mo.alpha_of(mo.listwise_moments(values).covariance)
    changed = shift + scale * values[:, rng.permutation(m)][rng.permutation(25)]
    again = mo.alpha_of(mo.listwise_moments(changed).covariance)
    assert again == pytest.approx(alpha, abs=1e-10)


@pytest.mark.parametrize("origin", [0, 10**7, 10**8])
def test_whole_numbers_are_exact_however_large(origin):
    small = np.random.default_rng(4).integers(0, 7, (300, 3))
    values = small + origin
    products = values.T @ values
    found = mo.covariance_from_sums(np.array(300), values.sum(axis=0), products)
    np.testing.assert_allclose(found, np.cov(small.T), rtol=1e-14, atol=1e-15)
