"""Omega from a stated model and tau-equivalence: lavaan, and the special cases."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import DataError, ModelError, omega_from_model, omega_total
from waistats.reliability._structure import Part, Unrestricted, fit_structure

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "coefficients_models.json").read_text())
THREE = pd.read_csv(FOLDER / "simulated_three_factors_300x12.csv")
NAMES = list(THREE.columns)
FACTORS = {"a": NAMES[:4], "b": NAMES[4:8], "c": NAMES[8:]}
PAIR = [("x2", "x6")]
MODELS = {
    "correlated": {"factors": FACTORS},
    "residual": {"factors": FACTORS, "correlated_residuals": PAIR},
    "second": {
        "factors": FACTORS,
        "correlated_residuals": PAIR,
        "second_order": True,
    },
    "single": {},
    "orthogonal": {"factors": FACTORS, "orthogonal": True},
}
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


@pytest.mark.parametrize("name", MODELS)
def test_lavaan(name):
    found = omega_from_model(THREE, ci=None, **MODELS[name])
    expected = REFERENCE[name]
    assert found.estimate == pytest.approx(expected["omega"], rel=1e-6)
    check_fit(found.fit.to_frame().iloc[0], expected["fit"])


@pytest.mark.parametrize("name", ["correlated", "residual"])
def test_parameters_and_robust_errors_of_lavaan(name):
    found = omega_from_model(THREE, ci=None, **MODELS[name]).parameters.set_index(
        "term"
    )
    rows = REFERENCE[name]["parameters"]
    assert len(rows) == len(found)
    for row in rows:
        same = row["lhs"] == row["rhs"]
        mark = "->" if row["op"] == "=~" else "with"
        term = row["lhs"] if same else f"{row['lhs']} {mark} {row['rhs']}"
        assert found.loc[term, "estimate"] == pytest.approx(row["est"], rel=RTOL)
        assert found.loc[term, "se"] == pytest.approx(row["se"], rel=RTOL)


def test_one_factor_is_omega_total():
    own, other = omega_from_model(THREE), omega_total(THREE)
    assert own.estimate == pytest.approx(other.estimate, rel=1e-10)
    assert own.se == pytest.approx(other.se, rel=1e-8)
    assert own.by_factor.loc[0, "se"] == pytest.approx(other.se, rel=1e-8)
    normal = omega_from_model(THREE, ci="normal-theory")
    assert normal.se == pytest.approx(
        omega_total(THREE, ci="normal-theory").se, rel=1e-8
    )


def test_second_order_is_three_correlations_in_other_words():
    free = omega_from_model(THREE, FACTORS, ci=None)
    second = omega_from_model(THREE, FACTORS, second_order=True, ci=None)
    assert second.estimate == pytest.approx(free.estimate, rel=1e-8)
    loadings = second.parameters.set_index("kind").loc["second-order loading"]
    by_name = dict(zip("abc", loadings["estimate"], strict=True))
    found = free.parameters.set_index("term")["estimate"]
    for first, other in ("ab", "ac", "bc"):
        product = by_name[first] * by_name[other]
        assert found[f"{first} with {other}"] == pytest.approx(product, rel=1e-7)
    assert 0 < second.omega_hierarchical < second.estimate


def test_the_interval_is_that_of_resamples():
    delta = omega_from_model(THREE, FACTORS)
    drawn = omega_from_model(THREE, FACTORS, ci="bootstrap", n_resamples=200)
    assert drawn.se == pytest.approx(delta.se, rel=0.2)
    assert delta.ci_low < delta.estimate < delta.ci_high


def test_the_unrestricted_structure_is_the_sample():
    s = THREE.iloc[:, :4].cov().to_numpy()
    structure = Unrestricted(m=4)
    fit = fit_structure(
        [Part(weight=100, matrix=s)], [structure], [structure.parameters(np.eye(4))]
    )
    assert fit.converged
    assert structure.matrix(fit.parameters[0]) == pytest.approx(s, rel=1e-8)


def test_reversed_factors_are_signed():
    turned = THREE.assign(**{name: -THREE[name] for name in FACTORS["b"]})
    found = omega_from_model(turned, FACTORS, ci=None)
    same = omega_from_model(THREE, FACTORS, ci=None).parameters.set_index("term")
    other = found.parameters.set_index("term")
    assert (other.filter(like="->", axis=0)["estimate"] > 0).all()
    assert other.loc["a with b", "estimate"] == pytest.approx(
        -same.loc["a with b", "estimate"], rel=1e-7
    )
    assert other.loc["a with c", "estimate"] == pytest.approx(
        same.loc["a with c", "estimate"], rel=1e-7
    )


def test_what_is_refused():
    with pytest.raises(DataError, match=r"x99"):
        omega_from_model(THREE, {"a": [*NAMES, "x99"]})
    with pytest.raises(DataError, match="these do not: x12"):
        omega_from_model(THREE, {"a": NAMES[:11]})
    with pytest.raises(DataError, match="cannot correlate with itself"):
        omega_from_model(THREE, correlated_residuals=[("x1", "x1")])
    with pytest.raises(ModelError, match="at least 3 factors"):
        omega_from_model(THREE, {"a": NAMES[:6], "b": NAMES[6:]}, second_order=True)
    with pytest.raises(ModelError, match="more than the 6 variances"):
        omega_from_model(
            THREE[NAMES[:3]], correlated_residuals=[("x1", "x2"), ("x2", "x3")]
        )
    with pytest.raises(ModelError, match="not identified"):
        omega_from_model(
            THREE[NAMES[:5]],
            {"a": NAMES[:3], "b": NAMES[3:5]},
            orthogonal=True,
        )
