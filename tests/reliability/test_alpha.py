"""Alpha against psych and lavaan, exact identities, and awkward responses."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from waistats import DataError, ModelError
from waistats.reliability.alpha import (
    ALPHA_INTERVALS,
    cronbach_alpha,
    kr20,
    standardized_alpha,
)

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "alpha_reference.json").read_text(encoding="utf-8"))
COMPLETE = [name for name in REFERENCE["cases"] if not name.endswith("pairwise")]


def items_of(case: dict) -> np.ndarray:
    return np.array(case["items"], dtype=float)


@pytest.fixture(scope="module")
def fixture() -> np.ndarray:
    return items_of(REFERENCE["cases"]["fixture"])


@pytest.fixture(scope="module")
def ceiling() -> np.ndarray:
    return items_of(REFERENCE["cases"]["ceiling"])


# psych works in double precision too, in another order of sums
RTOL = 1e-10


@pytest.mark.parametrize("name", COMPLETE)
def test_psych_agrees(name):
    case = REFERENCE["cases"][name]
    found = cronbach_alpha(items_of(case), ci="feldt")
    assert found.estimate == pytest.approx(case["alpha"], rel=RTOL)
    assert found.n == case["n"]
    limits = (case["feldt_low"], case["feldt_high"])
    assert (found.ci_low, found.ci_high) == pytest.approx(limits, rel=1e-9)
    normal = cronbach_alpha(items_of(case), ci="normal-theory")
    assert normal.se == pytest.approx(case["ase"], rel=1e-8)
    standard = standardized_alpha(items_of(case))
    assert standard.estimate == pytest.approx(case["standardized"], rel=RTOL)


@pytest.mark.parametrize("name", ["missing_pairwise", "holes_pairwise"])
def test_psych_agrees_on_pairwise_deletion(name):
    case = REFERENCE["cases"][name]
    found = cronbach_alpha(items_of(case), missing="pairwise")
    assert found.estimate == pytest.approx(case["alpha"], rel=RTOL)
    standard = standardized_alpha(items_of(case), missing="pairwise")
    assert standard.estimate == pytest.approx(case["standardized"], rel=RTOL)


@pytest.mark.parametrize("name", list(REFERENCE["em"]))
def test_lavaan_agrees_on_maximum_likelihood(name):
    case = REFERENCE["em"][name]
    items = items_of(case)
    n = len(items)
    robust = cronbach_alpha(items, missing="em", ci="adf")
    # lavaan's optimiser stops at about 1e-7 of the parameters
    assert robust.estimate == pytest.approx(case["alpha"], abs=1e-6)
    assert robust.n == n
    ratio = np.sqrt(n / (n - 1))  # lavaan divides by n, the ADF variance by n - 1
    assert robust.se * ratio == pytest.approx(case["se_robust"], rel=1e-4)
    normal = cronbach_alpha(items, missing="em", ci="normal-theory")
    assert normal.se == pytest.approx(case["se_normal"], rel=1e-4)


def test_checked_values_of_the_fixture(fixture):
    assert cronbach_alpha(fixture).estimate == pytest.approx(0.7061508157, abs=5e-11)
    adf = cronbach_alpha(fixture, ci="adf")
    assert adf.se == pytest.approx(0.06711625873, abs=5e-12)
    half = stats.norm.ppf(0.975) * adf.se
    limits = (adf.estimate - half, adf.estimate + half)
    assert (adf.ci_low, adf.ci_high) == pytest.approx(limits)
    van_zyl = cronbach_alpha(fixture, ci="normal-theory")
    assert van_zyl.se == pytest.approx(0.0600679803, abs=5e-11)
    constant = np.column_stack([fixture, np.full(60, 3)])
    assert cronbach_alpha(constant).estimate == pytest.approx(0.6779047830, abs=5e-11)
    unreversed = fixture.copy()
    unreversed[:, 0] = 6 - unreversed[:, 0]
    assert cronbach_alpha(unreversed).estimate == pytest.approx(0.4537977254, abs=5e-11)


def test_checked_values_with_missing_answers():
    holes = items_of(REFERENCE["em"]["holes"])
    em = cronbach_alpha(holes, missing="em")
    assert em.estimate == pytest.approx(0.7159045, abs=5e-8)
    assert em.se == pytest.approx(0.0662199, abs=5e-8)
    assert em.ci == "adf"
    assert any("No n makes the feldt interval right" in note for note in em.notes)
    listwise = cronbach_alpha(holes)
    assert listwise.estimate == pytest.approx(0.7420110, abs=5e-8)
    assert (listwise.n, listwise.n_excluded) == (42, 18)
    pairwise = cronbach_alpha(holes, missing="pairwise")
    assert pairwise.estimate == pytest.approx(0.7192074, abs=5e-8)
    assert pairwise.n == 48
    assert any("48 to 54 respondents a pair" in note for note in pairwise.notes)


def test_the_interval_uses_the_n_that_was_used():
    """12 people of whom 9 are complete: not the n from before deletion."""
    rng = np.random.default_rng(2)
    items = np.round(rng.normal(size=(12, 1)) + rng.normal(size=(12, 11)) + 3)
    items[[1, 5, 8], [2, 0, 7]] = np.nan
    found = cronbach_alpha(items)
    assert (found.n, found.n_excluded) == (9, 3)
    low = 1 - (1 - found.estimate) * stats.f.ppf(0.975, 8, 80)
    assert found.ci_low == pytest.approx(low)
    assert "3 respondents with missing answers excluded" in str(found)


def test_pingouin_agrees(ceiling):
    import pingouin

    alpha, limits = pingouin.cronbach_alpha(pd.DataFrame(ceiling))
    found = cronbach_alpha(pd.DataFrame(ceiling))
    assert found.estimate == pytest.approx(alpha, rel=1e-12)
    # pingouin rounds its limits to three decimals
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(limits), abs=5.1e-4)


def test_pingouins_own_example_with_missing_answers():
    """Its documented interval, .581-.933, is that of 12 people; 9 are complete."""
    import pingouin

    answers = pingouin.read_dataset("cronbach_wide_missing")
    alpha, limits = pingouin.cronbach_alpha(answers, nan_policy="listwise")
    found = cronbach_alpha(answers)
    assert found.estimate == pytest.approx(alpha, rel=1e-12)
    assert tuple(limits) == (0.581, 0.933)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.533, 0.947), abs=5e-4)
    assert found.n == 9


@pytest.mark.parametrize("missing", ["listwise", "pairwise", "em"])
@pytest.mark.parametrize("ci", ALPHA_INTERVALS)
def test_complete_answers_make_every_treatment_the_same(fixture, ci, missing):
    one = cronbach_alpha(fixture, ci=ci, n_resamples=200)
    other = cronbach_alpha(fixture, ci=ci, missing=missing, n_resamples=200)
    assert one.to_frame().equals(other.to_frame())
    assert one.ci_low < one.estimate < one.ci_high < 1


@pytest.mark.parametrize("missing", ["pairwise", "em"])
@pytest.mark.parametrize("kind", ["percentile", "bca", "normal"])
def test_bootstrap_with_missing_answers(missing, kind):
    holes = items_of(REFERENCE["em"]["holes"])
    adf = cronbach_alpha(holes, ci="adf", missing=missing)
    found = cronbach_alpha(
        holes, ci="bootstrap", kind=kind, missing=missing, n_resamples=400
    )
    assert found.se == pytest.approx(adf.se, rel=0.25)
    assert found.ci_low < found.estimate < found.ci_high
    assert "400 resamples" in found.notes[-1]


def test_bootstrap_is_reproducible_and_near_the_other_intervals(ceiling):
    one, same = (cronbach_alpha(ceiling, ci="bootstrap", seed=7) for _ in range(2))
    assert one.to_frame().equals(same.to_frame())
    other = cronbach_alpha(ceiling, ci="bootstrap", seed=8)
    assert other.ci_low != one.ci_low
    adf = cronbach_alpha(ceiling, ci="adf")
    assert one.se == pytest.approx(adf.se, rel=0.15)


def test_standard_errors_are_those_of_the_methods(fixture):
    alpha = cronbach_alpha(fixture)
    bonett = cronbach_alpha(fixture, ci="bonett")
    expected = (1 - alpha.estimate) * np.sqrt(2 * 5 / (4 * 58))
    assert alpha.se == bonett.se == pytest.approx(expected)
    none = cronbach_alpha(fixture, ci=None)
    assert none.ci == ""
    assert np.isnan([none.se, none.ci_low, none.ci_high]).all()


def test_the_log_scale_keeps_limits_below_one():
    items = np.random.default_rng(3).normal(size=(6, 1)) + np.zeros((6, 3))
    items += 0.4 * np.random.default_rng(4).normal(size=(6, 3))
    raw = cronbach_alpha(items, ci="normal-theory")
    log = cronbach_alpha(items, ci="normal-theory", scale="bonett")
    assert raw.se == log.se
    assert raw.ci_high > 1 > log.ci_high


def test_bonett_bias_moves_the_interval_up(fixture):
    plain = cronbach_alpha(fixture, ci="bonett")
    exact = cronbach_alpha(fixture, ci="bonett", bias="exact")
    corrected = cronbach_alpha(fixture, ci="bonett", bias="bonett")
    assert plain.ci_low < exact.ci_low < corrected.ci_low
    assert 1 - corrected.ci_high == pytest.approx((1 - plain.ci_high) * 59 / 60)


def test_kr20_is_alpha_of_dichotomous_items():
    items = items_of(REFERENCE["cases"]["binary"])
    found, alpha = kr20(items), cronbach_alpha(items)
    assert found.coefficient == "kr20"
    assert (found.estimate, found.ci_low) == (alpha.estimate, alpha.ci_low)
    p, total = items.mean(axis=0), items.sum(axis=1)
    textbook = 8 / 7 * (1 - (p * (1 - p)).sum() / total.var())
    assert found.estimate == pytest.approx(textbook, rel=1e-12)
    wrong = pd.DataFrame(items, columns=list("abcdefgh"))
    wrong.loc[3, "b"], wrong.loc[5, "h"] = 2, 0.5
    with pytest.raises(DataError, match=r"b is 2 \(row 3\), h is 0.5 \(row 5\)"):
        kr20(wrong)


def test_two_items_are_spearman_brown(fixture):
    pair = fixture[:, :2]
    r = np.corrcoef(pair.T)[0, 1]
    assert standardized_alpha(pair).estimate == pytest.approx(2 * r / (1 + r))


def test_three_respondents_are_enough_and_two_are_not():
    items = [[1, 2, 2], [2, 2, 3], [4, 5, 3]]
    assert cronbach_alpha(items).n == 3
    with pytest.raises(DataError, match=r"at least 3 respondents .* there are 2 of 2"):
        cronbach_alpha(items[:2])
    with pytest.raises(DataError, match="there is 1 of 3"):
        cronbach_alpha([[1, 2], [2, None], [None, 3]])


@pytest.mark.parametrize("missing", ["pairwise", "em"])
def test_too_few_pairs_are_refused(missing):
    items = np.array([[1, 2, np.nan], [2, 1, np.nan], [3, 5, 1], [np.nan, 2, 2]])
    with pytest.raises((DataError, ModelError), match="pair"):
        cronbach_alpha(items, missing=missing)


def test_copies_give_exactly_one():
    column = np.random.default_rng(0).normal(size=30)
    items = np.column_stack([column] * 4)
    for ci in ALPHA_INTERVALS:
        found = cronbach_alpha(items, ci=ci, n_resamples=200)
        assert found.estimate == 1.0
        assert (found.ci_low, found.ci_high) == pytest.approx((1, 1), abs=1e-6)
        assert "exactly 1" in " ".join(found.notes)
    assert standardized_alpha(items * [1, 2, 3, 4]).estimate == 1.0
    items[0, 0] = np.nan
    with pytest.raises(ModelError, match="singular"):
        cronbach_alpha(items, missing="em")


def test_a_negative_alpha_is_kept_and_said():
    rng = np.random.default_rng(1)
    latent = rng.normal(size=(50, 1))
    items = np.hstack([latent, -latent]) + rng.normal(size=(50, 2))
    found = cronbach_alpha(items)
    assert found.estimate < 0
    assert "reverse-scored" in " ".join(found.notes)
    assert found.ci_low < found.estimate < found.ci_high


def test_no_variance_is_refused_in_words():
    with pytest.raises(DataError, match="does not vary"):
        cronbach_alpha(np.full((10, 4), 3.0))
    column = np.arange(10.0)
    with pytest.raises(DataError, match="does not vary"):
        cronbach_alpha(np.column_stack([column, 9 - column]))


def test_a_constant_item_is_kept_and_named(fixture):
    frame = pd.DataFrame(fixture, columns=list("abcde")).assign(f=5)
    found = cronbach_alpha(frame)
    assert found.n_items == 6
    assert "psych would drop such items): f." in found.notes[0]
    with pytest.raises(DataError, match="do not: f"):
        standardized_alpha(frame)
    frame.loc[3, "a"] = np.nan
    em = cronbach_alpha(frame, missing="em", ci="bootstrap", n_resamples=100)
    near = cronbach_alpha(frame, missing="em")
    assert em.estimate == near.estimate
    assert em.se == pytest.approx(near.se, rel=0.3)


def test_an_item_without_answers_is_named(fixture):
    frame = pd.DataFrame(fixture, columns=list("abcde")).assign(c=np.nan)
    for missing in ("listwise", "pairwise", "em"):
        with pytest.raises(DataError, match="these have none: c"):
            cronbach_alpha(frame, missing=missing)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ci": "feld"}, "did you mean 'feldt'"),
        ({"conf_level": 95}, "conf_level must lie between 0 and 1"),
        ({"missing": "pairwse"}, "did you mean 'pairwise'"),
        ({"bias": "yes"}, "bias must be one of"),
        ({"scale": "log"}, "scale must be one of"),
        ({"ci": "bootstrap", "n_resamples": 5}, "n_resamples must be at least 100"),
        ({"ci": "bootstrap", "kind": "basic"}, "kind must be one of"),
    ],
)
def test_options_that_do_not_exist_are_refused(fixture, options, message):
    with pytest.raises(ModelError, match=message):
        cronbach_alpha(fixture, **options)


def test_formulas_of_raw_alpha_are_not_for_the_standardized_one(fixture):
    with pytest.raises(ModelError, match="ci must be one of 'adf'"):
        standardized_alpha(fixture, ci="feldt")


def test_standardized_alpha_intervals_agree(fixture):
    adf = standardized_alpha(fixture)
    boot = standardized_alpha(fixture, ci="bootstrap", kind="bca")
    normal = standardized_alpha(fixture, ci="normal-theory")
    assert boot.se == pytest.approx(adf.se, rel=0.15)
    assert normal.se == pytest.approx(adf.se, rel=0.3)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(5, 60),
    m=st.integers(2, 9),
    shift=st.floats(-9, 9),
    scale=st.floats(0.1, 9),
)
def test_order_origin_and_unit_do_not_matter(seed, n, m, shift, scale):
    rng = np.random.default_rng(seed)
    items = rng.normal(size=(n, 1)) + rng.normal(size=(n, m))
    changed = shift + scale * items[rng.permutation(n)][:, rng.permutation(m)]
    for ci in ("feldt", "adf", "normal-theory"):
        one, other = cronbach_alpha(items, ci=ci), cronbach_alpha(changed, ci=ci)
        assert other.estimate == pytest.approx(one.estimate, abs=1e-9)
        assert other.ci_low == pytest.approx(one.ci_low, abs=1e-8)
        assert other.se == pytest.approx(one.se, abs=1e-8)


def test_input_is_left_alone(fixture):
    frame = pd.DataFrame(fixture)
    before = frame.copy()
    cronbach_alpha(frame, ci="bootstrap", n_resamples=100)
    pd.testing.assert_frame_equal(frame, before)
