"""Equal loadings: the test against lavaan, and its size."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import cronbach_alpha, tau_equivalence

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "coefficients_models.json").read_text())
THREE = pd.read_csv(FOLDER / "simulated_three_factors_300x12.csv")
NAMES = list(THREE.columns)
# lavaan stops at a relative change of 1e-10 of its discrepancy
RTOL = 2e-5
MEASURES = {
    "chi_square": "chisq",
    "df": "df",
    "p_value": "pvalue",
    "chi_square_scaled": "chisq.scaled",
    "scaling": "chisq.scaling.factor",
    "rmsea": "rmsea",
    "rmsea_low": "rmsea.ci.lower",
    "rmsea_high": "rmsea.ci.upper",
    "cfi": "cfi",
    "tli": "tli",
    "srmr": "srmr_bentler",
}


def check_fit(found: pd.Series, expected: dict) -> None:
    for ours, theirs in MEASURES.items():
        assert found[ours] == pytest.approx(expected[theirs], rel=RTOL, abs=1e-7), ours


def test_tau_equivalence_as_lavaan():
    found = tau_equivalence(THREE[NAMES[:4]])
    expected = REFERENCE["tau_equivalence"]
    models = found.models.set_index("term")
    names = {
        "parallel": "parallel",
        "tau-equivalent": "tau",
        "congeneric": "congeneric",
    }
    for ours, theirs in names.items():
        check_fit(models.loc[ours], expected["fit"][theirs])
    assert found.df == 3
    assert found.chi_square == pytest.approx(expected["plain"], rel=RTOL)
    assert found.p_value == pytest.approx(expected["plain_p"], rel=1e-4)
    assert found.chi_square_scaled == pytest.approx(expected["scaled"], rel=1e-4)
    assert found.p_value_scaled == pytest.approx(expected["scaled_p"], rel=1e-3)
    alpha = cronbach_alpha(THREE[NAMES[:4]], ci=None).estimate
    assert found.alpha == pytest.approx(alpha, rel=1e-12)
    # under tau-equivalence omega is nearly alpha
    assert models.loc["tau-equivalent", "omega"] == pytest.approx(alpha, abs=0.02)
    assert "Equal loadings: chi-square(3) = 21.46, p < .001" in str(found)


def test_size_of_the_test_of_equal_loadings():
    """Tau-equivalent normal items, n = 150: .064 of 1,000 rejected at .05."""
    rng = np.random.default_rng(16)
    plain = scaled = 0
    for _ in range(300):
        values = rng.normal(size=(150, 1)) + rng.normal(size=(150, 4)) * [1, 2, 1, 0.7]
        found = tau_equivalence(values)
        plain += found.p_value < 0.05
        scaled += found.p_value_scaled < 0.05
    assert abs(plain / 300 - 0.064) < 0.043
    assert abs(scaled / 300 - 0.064) < 0.043
