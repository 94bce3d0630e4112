"""Omega hierarchical against lavaan's bifactor model and psych's Schmid-Leiman."""

import json
from pathlib import Path

import numpy as np
import pytest

from waistats import DataError, ModelError
from waistats.reliability._bifactor import exploratory, omega_gradient, schmid_leiman
from waistats.reliability.omega_hierarchical import omega_hierarchical

HERE = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((HERE / "coefficients.json").read_text(encoding="utf-8"))
DATA = json.loads((HERE / "coefficients_data.json").read_text(encoding="utf-8"))
ITEMS = np.array(DATA["bifactor"])
GROUPS = {"task": "123", "bond": "456", "goal": "789"}


def test_bifactor_is_lavaans_with_its_standard_errors():
    expected = REFERENCE["bifactor"]
    found = omega_hierarchical(ITEMS, groups=GROUPS)
    assert found.estimate == pytest.approx(expected["omega_h"], abs=1e-6)
    assert found.omega_total == pytest.approx(expected["omega_t"], abs=1e-6)
    assert found.se == pytest.approx(expected["se_robust"], rel=1e-5)
    normal = omega_hierarchical(ITEMS, groups=GROUPS, ci="normal-theory")
    assert normal.se == pytest.approx(expected["se_normal"], rel=1e-5)
    sd = ITEMS.std(axis=0)
    general = found.loadings["general"] * sd
    np.testing.assert_allclose(general, expected["general"], atol=1e-5)
    own = found.loadings[list(GROUPS)].sum(axis=1) * sd
    np.testing.assert_allclose(np.abs(own), np.abs(expected["group"]), atol=1e-5)


def test_schmid_leiman_is_the_full_optimum_of_psychs_steps():
    expected = REFERENCE["schmid"]["tight"]
    found = omega_hierarchical(ITEMS)
    assert found.estimate == pytest.approx(expected["omega_h"], abs=1e-7)
    assert found.omega_total == pytest.approx(expected["omega_t"], abs=1e-8)
    general = found.loadings["general"]
    np.testing.assert_allclose(general, expected["general"], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [("minres", {}), ("ml", {"method": "ml"}), ("two", {"factors": 2})],
)
def test_schmid_leiman_is_psychs(name, options):
    expected = REFERENCE["schmid"][name]
    found = omega_hierarchical(ITEMS, **options)
    # psych stops its searches early
    assert found.estimate == pytest.approx(expected["omega_h"], abs=1e-5)
    assert found.omega_total == pytest.approx(expected["omega_t"], abs=1e-5)
    np.testing.assert_allclose(
        found.loadings["general"], expected["general"], atol=1e-4
    )
    np.testing.assert_allclose(found.loadings["uniqueness"], expected["u2"], atol=2e-4)


@pytest.mark.parametrize("method", ["minres", "ml"])
def test_gradient_is_the_derivative(method):
    # where the model holds, expected and observed information are the same
    loadings, psi = exploratory(np.corrcoef(ITEMS.T), 3, method)
    r = loadings @ loadings.T + np.diag(psi)
    r /= np.sqrt(np.outer(np.diagonal(r), np.diagonal(r)))
    gradient = omega_gradient(r, schmid_leiman(r, 3, method), method)
    change = np.random.default_rng(1).normal(size=r.shape) * 1e-4
    change = change + change.T
    np.fill_diagonal(change, 0)

    def omega(matrix):
        return schmid_leiman(matrix, 3, method).general.sum() ** 2 / matrix.sum()

    slope = (omega(r + change) - omega(r - change)) / 2
    assert (gradient * change).sum() == pytest.approx(slope, rel=1e-3)


def test_bootstraps_agree_with_the_delta_method():
    exploratory_omega = omega_hierarchical(ITEMS)
    drawn = omega_hierarchical(ITEMS, ci="bootstrap", n_resamples=150, seed=2)
    assert drawn.se == pytest.approx(exploratory_omega.se, rel=0.25)
    known = omega_hierarchical(ITEMS, groups=GROUPS)
    drawn = omega_hierarchical(ITEMS, groups=GROUPS, ci="bootstrap", n_resamples=600)
    assert drawn.se == pytest.approx(known.se, rel=0.15)


def test_a_true_bifactor_model_is_found_again():
    rng = np.random.default_rng(3)
    z = np.linalg.qr(rng.normal(size=(200, 10)) - 0.0)[0]
    z = np.linalg.qr(np.column_stack([np.ones(200), z]))[0][:, 1:11]
    general = np.full(10, 0.7)
    group = np.zeros((10, 3))
    for j in range(3):
        group[3 * j : 3 * j + 3, j] = 0.4
    psi = 1 - general**2 - (group**2).sum(1)
    sigma = np.outer(general, general) + group @ group.T + np.diag(psi)
    items = z @ np.linalg.cholesky(sigma).T
    found = omega_hierarchical(items, groups=GROUPS)
    assert found.estimate == pytest.approx(49 / sigma.sum(), abs=1e-7)
    # the tenth item is in no group
    np.testing.assert_allclose(found.loadings["general"], 0.7, atol=1e-6)
    assert found.loadings.loc[9, ["task", "bond", "goal"]].eq(0).all()


def test_a_model_that_is_not_identified_is_refused():
    with pytest.raises(ModelError, match="not identified"):
        omega_hierarchical(ITEMS[:, :6], groups={"a": "123", "b": "456"})


def test_two_factors_and_reversed_items_are_said():
    two = omega_hierarchical(ITEMS, factors=2)
    assert any("Two factors do not identify" in note for note in two.notes)
    assert np.isfinite(two.se)
    turned = ITEMS.copy()
    turned[:, 2] *= -1
    found = omega_hierarchical(turned)
    assert any("Loading of opposite sign: 3" in n for n in found.notes)
    drawn = omega_hierarchical(turned, ci="bootstrap", n_resamples=200)
    assert found.se == pytest.approx(drawn.se, rel=0.4)


def test_printed_result_names_both_omegas():
    text = str(omega_hierarchical(ITEMS, groups=GROUPS))
    assert "Omega total of the same model .893" in text
    assert "bifactor model with known groups" in text


def test_wrong_options_are_refused():
    with pytest.raises(DataError, match=r"unknown items: 'x'"):
        omega_hierarchical(ITEMS, groups={"a": ["1", "2", "x"]})
    with pytest.raises(DataError, match="one group only: 2"):
        omega_hierarchical(ITEMS, groups={"a": "123", "b": "245"})
    with pytest.raises(ModelError, match=r"fewer: b \(2\)"):
        omega_hierarchical(ITEMS, groups={"a": "123", "b": "45"})
    with pytest.raises(ModelError, match="factors must be at least 2"):
        omega_hierarchical(ITEMS, factors=1)
    with pytest.raises(ModelError, match="5 items do not identify 3 factors"):
        omega_hierarchical(ITEMS[:, :5])
    with pytest.raises(ModelError, match="method must be one of 'ml'"):
        omega_hierarchical(ITEMS, groups=GROUPS, method="minres")
