"""Codes among answers: every coefficient stops for them and has the same ways out."""

import inspect

import numpy as np
import pandas as pd
import pytest

import waistats as w
from waistats import DataError, ModelError
from waistats.reliability._answers import gated, read_answers


def scale(items: int = 6, n: int = 90, seed: int = 3) -> pd.DataFrame:
    """SIMULATED answers from 1 to 5."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 1)) + rng.normal(size=(n, items))
    names = [f"q{j + 1}" for j in range(items)]
    return pd.DataFrame(np.clip(np.round(values + 3), 1, 5), columns=names)


def coded(frame: pd.DataFrame, code: float = 99) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[3, frame.columns[0]] = code
    return frame


def binary(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.where(frame.isna() | (frame == 99), (frame > 3).astype(float))


def sessions(frame: pd.DataFrame) -> pd.DataFrame:
    who = np.arange(len(frame)) // 3
    return frame.assign(person=who, session=np.arange(len(frame)) % 3)


OTHER = scale(6, seed=4)
# how each function is called with answers, some of which are codes
CALLS = {
    "alpha_covariance": lambda x, **k: w.alpha_covariance(
        {"a": x.iloc[:, :3], "b": x.iloc[:, 3:]}, **k
    ),
    "compare_alphas": lambda x, **k: w.compare_alphas(x, OTHER, **k),
    "cronbach_alpha": w.cronbach_alpha,
    "greatest_lower_bound": w.greatest_lower_bound,
    "guttman_lambdas": w.guttman_lambdas,
    "intraclass_correlation": w.intraclass_correlation,
    "intraclass_correlations": w.intraclass_correlations,
    "item_statistics": w.item_statistics,
    "kr20": lambda x, **k: w.kr20(binary(x), **k),
    "loading_variation": w.loading_variation,
    "multilevel_reliability": lambda x, **k: w.multilevel_reliability(
        sessions(x), person="person", session="session", items=list(x), ci=None, **k
    ),
    "omega_categorical": lambda x, **k: w.omega_categorical(x, ci=None, **k),
    "omega_from_model": w.omega_from_model,
    "omega_hierarchical": lambda x, **k: w.omega_hierarchical(
        x, factors=2, ci=None, **k
    ),
    "omega_total": w.omega_total,
    "ordinal_alpha": lambda x, **k: w.ordinal_alpha(x, ci=None, **k),
    "ordinal_omega": lambda x, **k: w.ordinal_omega(x, ci=None, **k),
    "reliability_of_change": lambda x, **k: w.reliability_of_change(OTHER, x, **k),
    "smallest_detectable_change": w.smallest_detectable_change,
    "split_half": w.split_half,
    "spread_covariance": w.spread_covariance,
    "standardized_alpha": w.standardized_alpha,
    "stratified_alpha": lambda x, **k: w.stratified_alpha(
        {"a": x.iloc[:, :3], "b": x.iloc[:, 3:]}, **k
    ),
    "tau_equivalence": w.tau_equivalence,
    "test_retest": lambda x, **k: w.test_retest(x["q1"], x["q2"], **k),
    "two_item_reliability": lambda x, **k: w.two_item_reliability(x[["q1", "q2"]], **k),
}
# these score whole files, where the gate has more to ask: tests/reliability/by_study
OF_FILES = {
    *("inspect_responses", "item_statistics_by_study", "keyed_items", "score"),
    *("reliability_by_study", "summarize_responses", "read_responses"),
    "alpha_bounds",  # answers have a stated range there, and codes cannot be answers
}


def said(found: object) -> str:
    notes = getattr(found, "notes", None) or getattr(found, "attrs", {}).get("notes")
    return " ".join(notes or ())


def numbers(found: object) -> np.ndarray:
    if isinstance(found, float | np.ndarray):
        return np.asarray(found)
    frame = found if isinstance(found, pd.DataFrame) else found.to_frame()
    return frame.select_dtypes("number").to_numpy(dtype=float)


def test_every_function_with_the_option_is_called_here():
    functions = {name: getattr(w, name) for name in w.__all__}
    with_option = {
        name
        for name, function in functions.items()
        if callable(function)
        and not inspect.isclass(function)
        and "missing_codes" in inspect.signature(function).parameters
    }
    assert with_option - OF_FILES == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_codes_stop_and_both_ways_out_are_named_options(name):
    with pytest.raises(DataError) as stop:
        CALLS[name](coded(scale()))
    told = str(stop.value)
    assert "99 among answers" in told
    assert "q1, row 3: 99" in told or name in ("test_retest",)
    assert "missing_codes=(99,)" in told
    assert 'accept="missing_codes"' in told
    assert ".replace(" not in told


@pytest.mark.parametrize("name", CALLS)
def test_named_codes_are_blanks(name):
    found = CALLS[name](coded(scale()), missing_codes=99)
    blank = CALLS[name](coded(scale(), np.nan))
    # numpy adds in another order where memory lies otherwise
    np.testing.assert_allclose(numbers(found), numbers(blank), rtol=1e-11)
    if name not in ("loading_variation", "spread_covariance"):
        assert "set to missing, as stated (99)" in said(found)


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"kr20"}))
def test_accepted_codes_are_answers_and_it_is_said(name):
    frame = coded(scale())
    found = CALLS[name](frame, accept="missing_codes")
    with gated():
        expected = CALLS[name](frame)
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-11)
    if name not in ("loading_variation", "spread_covariance"):
        assert "Accepted by the user" in said(found)


def test_constant_items_and_codes_together():
    """The items that are left go through the gate once, with their own names."""
    frame = coded(scale()).assign(q4=3)
    found = w.omega_total(frame, missing_codes=99)
    assert found.n_items == 5
    assert sum("as stated" in note for note in found.notes) == 1
    assert w.omega_total(frame, accept="missing_codes").n_items == 5


def test_a_range_leaves_no_doubt():
    with pytest.raises(DataError, match="99"):
        w.alpha_bounds(coded(scale()), 1, 5)
    found = w.alpha_bounds(coded(scale()), 1, 5, missing_codes=99)
    assert found.n_missing == 1
    assert "as stated" in found.notes[0]


def test_misspelt_findings_and_words_are_refused():
    with pytest.raises(ModelError, match="missing_codes"):
        w.cronbach_alpha(scale(), accept="missing_code")
    with pytest.raises(ModelError, match=r"missing_codes= takes numbers"):
        w.cronbach_alpha(scale(), missing_codes="99")


def test_answers_that_were_accepted_in_the_frame_stay_accepted():
    frame = coded(scale())
    frame.attrs["accept"] = ("missing_codes",)
    assert read_answers(frame).values[3, 0] == 99
    assert np.isnan(read_answers(frame, missing_codes=99).values[3, 0])


def test_matched_scales_say_which_scale_holds_the_codes():
    first, second = scale().iloc[:60], coded(scale(seed=9)).iloc[:80]
    with pytest.raises(DataError, match=r"scale b: 99 among"):
        w.alpha_covariance({"a": first, "b": second})
    found = w.alpha_covariance({"a": first, "b": second}, missing_codes=(99,))
    assert any(note.startswith("b: 1 answer set") for note in found.notes)
    assert any("Matched by index: 80 respondents, 60" in note for note in found.notes)
