"""One gate before every coefficient: no impossible value leaves it, and it says why."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import waistats as w
from waistats import DataError, WaistatsError
from waistats.reliability._moments import against_scale

CASES = Path(__file__).parents[1] / "cases"
IMPOSSIBLE = pd.read_csv(CASES / "pairwise_impossible.csv")
SINGLE = {
    "alpha": w.cronbach_alpha,
    "alpha, adf": lambda x, **k: w.cronbach_alpha(x, ci="adf", **k),
    "alpha, normal": lambda x, **k: w.cronbach_alpha(x, ci="normal-theory", **k),
    "standardized": w.standardized_alpha,
    "split half": w.split_half,
    "omega": w.omega_total,
    "omega, minres": lambda x, **k: w.omega_total(x, method="minres", **k),
    "hierarchical": lambda x, **k: w.omega_hierarchical(x, factors=2, **k),
    "model": w.omega_from_model,
    "glb": w.greatest_lower_bound,
    "ordinal alpha": w.ordinal_alpha,
    "ordinal omega": w.ordinal_omega,
}


def hostile() -> dict[str, tuple[np.ndarray, str]]:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(50, 3))
    apart = np.linalg.qr(rng.normal(size=(100, 5)))[0]
    apart = np.linalg.qr(apart - apart.mean(axis=0))[0]
    wide = np.round(rng.normal(size=(30, 12)) + rng.normal(size=(30, 1)))
    wide[rng.random(wide.shape) < 0.1] = np.nan
    long = np.round(rng.normal(size=(60, 36)) + rng.normal(size=(60, 1)))
    long[rng.random(long.shape) < 0.1] = np.nan
    return {
        "impossible": (IMPOSSIBLE.to_numpy(), "pairwise"),
        "few people": (rng.normal(size=(8, 12)), "listwise"),
        "as many as items": (np.round(rng.normal(size=(6, 6)) * 2), "listwise"),
        "no correlation": (apart, "listwise"),
        "copies": (np.repeat(one[:, :1], 4, axis=1), "listwise"),
        "sum is constant": (np.column_stack([one, -one.sum(axis=1)]), "listwise"),
        "opposite": (np.column_stack([one[:, 0], -one[:, 0], one[:, 1]]), "listwise"),
        "binary": ((one[:12] > 0).astype(float), "listwise"),
        "wide": (wide, "pairwise"),
        "long": (long, "pairwise"),
        "constant": (np.ones((20, 4)), "listwise"),
        "tiny": (one * 1e-50, "listwise"),
        "huge": (one * 1e50, "listwise"),
    }


@pytest.mark.parametrize("case", hostile())
@pytest.mark.parametrize("name", SINGLE)
def test_no_impossible_value_and_no_raw_error(name, case):
    items, missing = hostile()[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = SINGLE[name](items, missing=missing)
        except WaistatsError:
            return
    assert found.estimate <= 1 + 1e-12
    assert not found.se < 0
    if np.isfinite(found.ci_low):
        assert found.ci_low <= found.estimate + 1e-9
        assert found.estimate <= found.ci_high + 1e-9


@pytest.mark.parametrize("case", hostile())
def test_frames_of_items_too(case):
    items, missing = hostile()[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in (w.guttman_lambdas, w.item_statistics):
            try:
                found = function(items, missing=missing)
            except WaistatsError:
                continue
            if "estimate" in found:
                assert not (found["estimate"] > 1 + 1e-9).any()
            else:
                assert not (found["alpha_if_dropped"] > 1 + 1e-9).any()
                assert not (found["item_rest_correlation"].abs() > 1 + 1e-9).any()


def test_impossible_pairwise_covariances():
    """../shared/cases/pairwise_impossible.csv: alpha was 1.007 with se -.006."""
    with pytest.raises(
        DataError, match=r"positive semidefinite.*1\.007.*missing=\"em\""
    ):
        w.cronbach_alpha(IMPOSSIBLE, missing="pairwise")
    listwise = w.cronbach_alpha(IMPOSSIBLE)
    assert listwise.estimate < 1
    table = w.reliability_by_study(
        IMPOSSIBLE.assign(study="S"),
        study="study",
        items=list("abc"),
        missing="pairwise",
    )
    assert np.isnan(table.loc[0, "estimate"])
    assert np.isnan(table.loc[0, "se"])
    assert table.loc[0, "status"] == "not_poolable"
    assert "positive semidefinite" in table.loc[0, "reason"]


def test_indefinite_but_harmless_is_a_note():
    items, _ = hostile()["long"]
    found = w.cronbach_alpha(items, missing="pairwise")
    assert 0 < found.estimate < 1
    assert any("covariances are inconsistent" in note for note in found.notes)
    em = w.cronbach_alpha(np.where(np.isnan(items), 0, items))
    assert not any("inconsistent" in note for note in em.notes)


def test_lambda_6_needs_more_people_than_items():
    rng = np.random.default_rng(2)
    few = w.guttman_lambdas(rng.normal(size=(8, 8)) + rng.normal(size=(8, 1)))
    assert np.isnan(few["estimate"].iloc[5])
    assert "there are 8 and 8" in few.attrs["notes"][-1]
    enough = w.guttman_lambdas(rng.normal(size=(9, 8)) + rng.normal(size=(9, 1)))
    assert enough["estimate"].iloc[5] < 1
    with pytest.raises(DataError, match="8 respondents and 8 items"):
        w.omega_total(rng.normal(size=(8, 8)))


def test_items_without_correlation_have_no_omega():
    items, _ = hostile()["no correlation"]
    for name in ("omega", "omega, minres", "model"):
        with pytest.raises(DataError, match="do not correlate"):
            SINGLE[name](items)
    weak = np.random.default_rng(5).normal(size=(80, 4))
    found = w.omega_total(weak)
    assert any("can be chance alone" in note for note in found.notes)


def test_an_item_against_its_scale_is_named_by_every_coefficient():
    rng = np.random.default_rng(5)
    latent = rng.normal(size=(200, 1)) + rng.normal(size=(200, 6)) * 0.8
    items = np.clip(np.round(latent * 1.2 + 3), 1, 5)
    right = w.cronbach_alpha(items, ci=None).estimate
    items[:, 2] = 6 - items[:, 2]
    told = (
        f"Runs against the other items: 3; reverse-scored, alpha would be {right:.3f}."
    )
    told = told.replace("be 0.", "be .")
    for name, function in SINGLE.items():
        assert told in function(items).notes, name
    for function in (w.guttman_lambdas, w.item_statistics):
        assert told in function(items).attrs["notes"]


def test_half_of_the_items_reversed_are_found_by_the_axis():
    """METHODS 1.5: every item-rest correlation is negative, alpha below -1."""
    s = np.full((4, 4), 0.45) + 0.55 * np.eye(4)
    turn = np.array([1, -1, 1, -1.0])
    against = against_scale(s * np.outer(turn, turn), 100)
    assert against.tolist() == [False, True, False, True]
    assert not against_scale(s, 100).any()
    # nothing is said of correlations within their error
    assert not against_scale(np.eye(4) - 0.01 * (1 - np.eye(4)), 100).any()


def test_what_deletion_supposes_is_measured():
    """The note's example, made again with fewer SIMULATED people."""
    rng = np.random.default_rng(20)
    n = 20_000
    answers = rng.normal(size=(n, 1)) + rng.normal(size=(n, 8)) * 1.1
    full = w.cronbach_alpha(answers, ci=None).estimate
    skip = np.where(answers[:, 0] < -0.5, 0.35, 0.03)[:, None]
    answers[:, 5:][rng.random((n, 3)) < skip] = np.nan
    found = {
        name: w.cronbach_alpha(answers, missing=name, ci=None)
        for name in ("listwise", "pairwise", "em")
    }
    assert full == pytest.approx(0.867, abs=5e-4)
    assert found["listwise"].estimate == pytest.approx(0.848, abs=5e-4)
    assert found["pairwise"].estimate == pytest.approx(0.862, abs=5e-4)
    assert found["em"].estimate == pytest.approx(0.867, abs=5e-4)
    for name in ("listwise", "pairwise"):
        note = found[name].notes[-1]
        assert "missing completely at random" in note
        assert ".848 listwise and .862 pairwise instead of .867" in note
    assert not any("completely at random" in note for note in found["em"].notes)
