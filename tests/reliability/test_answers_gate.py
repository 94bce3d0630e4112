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


def near_two_to_the_52(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return SIMULATED answers, and the same with a constant that float64 just holds."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(50, 1)) + rng.normal(size=(50, 5))
    answers = np.clip(np.round(3 + latent), 1, 5)
    return answers, answers + 2.0**52


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (w.cronbach_alpha, {}),
        (w.cronbach_alpha, {"ci": "adf"}),
        (w.cronbach_alpha, {"ci": "jackknife"}),
        (w.cronbach_alpha, {"ci": "bootstrap", "n_resamples": 200}),
        (w.cronbach_alpha, {"missing": "pairwise"}),
        (w.cronbach_alpha, {"missing": "em"}),
        (w.standardized_alpha, {}),
        (w.omega_total, {}),
        (w.omega_total, {"missing": "em"}),
        (w.split_half, {}),
        (w.greatest_lower_bound, {}),
    ],
)
def test_a_constant_changes_nothing_however_large(function, options):
    """The mean of such numbers is rounded; alpha was .965 instead of .765."""
    answers, large = near_two_to_the_52()
    if "missing" in options:
        answers[3, 1] = answers[8, 2] = large[3, 1] = large[8, 2] = np.nan
    one, two = function(answers, **options), function(large, **options)
    assert two.estimate == pytest.approx(one.estimate, abs=1e-10)
    assert two.se == pytest.approx(one.se, rel=1e-7)
    assert (two.ci_low, two.ci_high) == pytest.approx(
        (one.ci_low, one.ci_high), rel=1e-7
    )


def test_a_constant_changes_nothing_elsewhere():
    answers, large = near_two_to_the_52()
    one, two = w.item_statistics(answers), w.item_statistics(large)
    for column in ("sd", "skew", "item_rest_correlation", "alpha_if_dropped"):
        np.testing.assert_allclose(two[column], one[column], rtol=1e-10)
    one, two = (w.intraclass_correlation(x) for x in (answers, large))
    np.testing.assert_allclose(
        two.to_frame().select_dtypes("number"), one.to_frame().select_dtypes("number")
    )


def test_numbers_too_small_to_square_are_refused():
    answers, _ = near_two_to_the_52()
    with pytest.raises(DataError, match=r"their squares are lost\. Multiply them"):
        w.cronbach_alpha(answers * 1e-150)


@pytest.mark.parametrize("ci", ["jackknife", "bootstrap"])
def test_what_is_left_out_may_leave_nothing(ci):
    """No warning escapes where some resamples have no coefficient."""
    rng = np.random.default_rng(3)
    three = np.round(rng.normal(size=(3, 4)) * 2)
    odd = np.vstack([np.full((30, 4), 3.0), [[1.0, 2.0, 3.0, 4.0]]])
    opposite = np.column_stack([np.arange(9.0), -np.arange(9.0) + (np.arange(9) == 4)])
    for items in (three, odd, opposite):
        for function in (w.cronbach_alpha, w.standardized_alpha, w.split_half):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                try:
                    found = function(items, ci=ci, n_resamples=100)
                except WaistatsError:
                    continue
            assert found.estimate <= 1


def test_a_total_that_does_not_vary_has_no_halves():
    items = np.array([[1.0, 5], [2, 4], [5, 1], [3, 3], [4, 2]])
    with pytest.raises(DataError, match="does not vary"):
        w.split_half(np.hstack([items, items]))


def test_categorical_omega_of_items_without_a_factor():
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    with pytest.raises(WaistatsError, match="not identified"):
        w.omega_categorical(np.tile(signs, (10, 1)))
    odd = np.vstack([np.full((30, 4), 3.0), [[1.0, 2.0, 3.0, 4.0]]])
    notes = w.omega_categorical(odd).notes
    assert any("at its limit of one" in note for note in notes)
    rng = np.random.default_rng(2)
    chance = np.digitize(rng.normal(size=(200, 5)), [-1, 0, 1])
    for function in (w.omega_categorical, w.ordinal_omega):
        try:
            notes = function(chance).notes
        except WaistatsError:
            continue
        assert any("can be chance alone" in note for note in notes)
