"""Alpha and omega of two levels by maximum likelihood: lavaan, coverage."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import ModelError, multilevel_reliability
from waistats.reliability._two_level import TERMS, two_level

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "two_level_lavaan.json").read_text())
DATA = pd.read_csv(FOLDER / "simulated_two_level.csv")
ITEMS = list("abcde")


def test_lavaan():
    found = two_level(DATA[ITEMS].to_numpy(), DATA["p"].to_numpy())
    # lavaan's EM stops at about four digits of the covariances
    for ours, name in ((found.between, "between"), (found.within, "within")):
        assert ours == pytest.approx(np.array(REFERENCE[name]), rel=2e-4)
    expected = [
        REFERENCE["alpha_between"],
        REFERENCE["alpha_within"],
        REFERENCE["omega_between"]["est"],
        REFERENCE["omega_within"]["est"],
    ]
    assert found.estimates == pytest.approx(expected, rel=2e-5)
    assert found.ses[2] == pytest.approx(REFERENCE["omega_between"]["se"], rel=1e-4)
    assert found.ses[3] == pytest.approx(REFERENCE["omega_within"]["se"], rel=1e-4)


def test_semtools():
    """`reliability` of semTools on lavaan's model of both levels."""
    peer = json.loads((FOLDER / "two_level_semtools.json").read_text())
    found = two_level(DATA[ITEMS].to_numpy(), DATA["p"].to_numpy())
    names = ("alpha_between", "alpha_within", "omega_between", "omega_within")
    expected = [peer[name] for name in names]
    # its alphas are of lavaan's first step, which stops at three digits
    assert found.estimates[:2] == pytest.approx(expected[:2], rel=3e-4)
    assert found.estimates[2:] == pytest.approx(expected[2:], rel=2e-6)


def test_the_likelihood_is_at_least_lavaans():
    found = two_level(DATA[ITEMS].to_numpy(), DATA["p"].to_numpy())
    ours = np.array(found.log_likelihoods)
    theirs = np.array(
        [REFERENCE["log_likelihood_saturated"], REFERENCE["log_likelihood_factor"]]
    )
    # the constants, and the Jacobian of the persons' means, do not depend on parameters
    assert ours[0] - ours[1] == pytest.approx(theirs[0] - theirs[1], abs=2e-4)
    assert ours[0] - ours[1] >= 0


def test_they_stand_beside_the_moment_estimates():
    result = multilevel_reliability(
        DATA, person="p", session="s", items=ITEMS, n_resamples=100
    )
    table = result.to_frame().set_index("term")
    assert list(table.index[-4:]) == list(TERMS)
    for level in ("between", "within"):
        moments, likely = table.loc[f"alpha_{level}"], table.loc[f"alpha_{level}_ml"]
        assert abs(moments["estimate"] - likely["estimate"]) < 2 * likely["se"]
        assert likely["ci_low"] < likely["estimate"] < likely["ci_high"]


@pytest.mark.slow
def test_coverage():
    """SIMULATED persons with 1 to 5 sessions: 95 % intervals of all four."""
    rng = np.random.default_rng(3)
    persons, m, runs = 80, 4, 100
    own, within = np.full(m, 0.8), np.full(m, 0.6)
    truth = {}
    for name, lam, rest in (("between", own, 0.16), ("within", within, 0.64)):
        # equal loadings: alpha is omega
        common = lam.sum() ** 2
        truth[name] = common / (common + m * rest)
    hits = np.zeros(4)
    for _ in range(runs):
        size = rng.integers(1, 6, persons)
        person = np.repeat(np.arange(persons), size)
        values = (rng.normal(size=(persons, 1)) * own) + rng.normal(
            size=(persons, m)
        ) * 0.4
        values = values[person] + rng.normal(size=(len(person), 1)) * within
        values = values + rng.normal(size=(len(person), m)) * 0.8
        found = two_level(values, person)
        rest = -np.log1p(-found.estimates)
        half = 1.959964 * found.ses / (1 - found.estimates)
        for i, level in enumerate(("between", "within") * 2):
            hits[i] += abs(rest[i] + np.log(1 - truth[level])) < half[i]
    assert (np.abs(hits / runs - 0.94) < 0.06).all()


def test_what_is_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(ModelError, match="more than 6 persons"):
        two_level(rng.normal(size=(10, 6)), np.repeat(np.arange(5), 2))
