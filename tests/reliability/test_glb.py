"""The greatest lower bound: psych's glb.algebraic, its derivative, its limits."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import DataError, greatest_lower_bound, guttman_lambdas
from waistats.reliability.glb import bounds_of, largest_uniquenesses

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "coefficients_models.json").read_text())
FIVE = pd.read_csv(FOLDER / "fixture_items_60x5.csv")
THREE = pd.read_csv(FOLDER / "simulated_three_factors_300x12.csv")


@pytest.mark.parametrize(("name", "items"), [("five", FIVE), ("three", THREE)])
@pytest.mark.parametrize("matrix", ["covariance", "correlation"])
def test_psych(name, items, matrix):
    found = greatest_lower_bound(items, matrix=matrix, ci=None)
    assert found.estimate == pytest.approx(REFERENCE["glb"][name][matrix], abs=1e-7)


def test_items_that_are_not_reversed():
    s = np.array(REFERENCE["glb"]["agreement_covariance"])
    assert bounds_of(s) == pytest.approx(
        REFERENCE["glb"]["agreement"]["covariance"], abs=1e-7
    )


def test_the_solution_is_a_solution():
    s = THREE.cov().to_numpy()
    found = largest_uniquenesses(s)
    left = s - np.diag(found.uniquenesses)
    scale = np.trace(s)
    assert np.linalg.eigvalsh(left)[0] > -1e-10 * scale
    assert found.uniquenesses.min() >= 0
    # weak duality: no unique variances have a larger sum than tr(SX)
    assert np.linalg.eigvalsh(found.dual)[0] > -1e-9
    assert np.diagonal(found.dual).min() >= 1 - 1e-6
    assert (found.dual * s).sum() - found.uniquenesses.sum() < 1e-6 * scale


def test_the_dual_is_the_derivative():
    rng = np.random.default_rng(4)
    s = FIVE.cov().to_numpy()
    change = rng.normal(size=s.shape) * 1e-5
    change = change + change.T
    ahead = largest_uniquenesses(s + change).uniquenesses.sum()
    back = largest_uniquenesses(s - change).uniquenesses.sum()
    expected = 2 * (largest_uniquenesses(s).dual * change).sum()
    assert ahead - back == pytest.approx(expected, rel=1e-4)


def test_a_batch_is_each_matrix():
    many = np.stack([FIVE.cov().to_numpy(), FIVE.corr().to_numpy()])
    assert bounds_of(many) == pytest.approx(
        [float(bounds_of(s)) for s in many], abs=1e-10
    )
    assert np.isnan(bounds_of(np.ones((3, 3))))


def test_it_is_above_the_other_bounds():
    bound = greatest_lower_bound(THREE, matrix="correlation", ci=None).estimate
    lambdas = guttman_lambdas(THREE).set_index("term")["estimate"]
    assert bound > lambdas.drop("lambda4").max()
    assert bound >= lambdas["lambda4"] - 1e-9


def test_equal_loadings_give_the_reliability():
    s = np.full((6, 6), 1.0) + np.eye(6)
    assert bounds_of(s) == pytest.approx(36 / 42, abs=1e-9)


def test_intervals_agree():
    delta = greatest_lower_bound(THREE)
    drawn = greatest_lower_bound(THREE, ci="bootstrap", n_resamples=400)
    assert drawn.se == pytest.approx(delta.se, rel=0.15)
    assert delta.ci_low < delta.estimate < delta.ci_high
    assert "biased upward; with n = 300" in delta.notes[-1]


def test_what_is_refused():
    with pytest.raises(DataError, match="5 respondents and 8 items"):
        greatest_lower_bound(np.random.default_rng(1).normal(size=(5, 8)))
    with pytest.raises(DataError, match="differing answers"):
        greatest_lower_bound([[1, 2], [1, 3], [1, 4], [1, 1]])
