from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from waistats import DataError, ModelError
from waistats.datasets.simulate import simulate_responses
from waistats.instruments.forms import define_instrument, get_instrument
from waistats.instruments.scoring import keyed_items, score

OPEN = Path(__file__).parents[3] / "shared/data/open/steenstra_wai36_llm"
WORDS = (
    "Never",
    "Rarely",
    "Occasionally",
    "Sometimes",
    "Often",
    "Very Often",
    "Always",
)


def frame(values, prefix="wai"):
    values = np.asarray(values)
    return pd.DataFrame(
        values, columns=[f"{prefix}{i}" for i in range(1, values.shape[1] + 1)]
    )


@pytest.fixture
def open_wai():
    path = OPEN / "survey_wai_logs.csv"
    if not path.is_file():
        pytest.skip("the open WAI-36 data are not beside the checkout")
    data = pd.read_csv(path)
    items = [f"question{i}" for i in range(1, 37)]
    numbers = {word: i for i, word in enumerate(WORDS, start=1)}
    return data.assign(**{item: data[item].map(numbers) for item in items})


def alpha(items):
    covariance = np.cov(items, rowvar=False)
    m = len(covariance)
    return m / (m - 1) * (1 - np.trace(covariance) / covariance.sum())


def test_published_totals_are_reproduced(open_wai):
    scores = score(open_wai, "WAI-36")
    assert len(scores) == 277
    assert (scores["task"] == open_wai["total_wai_task"]).sum() == 277
    assert (scores["goal"] == open_wai["total_wai_goal"]).sum() == 277
    assert (scores["bond"] == open_wai["total_wai_bond"]).sum() == 105


def test_alpha_of_the_open_data_with_and_without_the_key(open_wai):
    keyed = keyed_items(open_wai, "WAI-36")
    assert alpha(keyed) == pytest.approx(0.988, abs=5e-4)
    assert alpha(open_wai[keyed.columns]) == pytest.approx(0.654, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "scale", "r", "keyed", "unreversed"),
    [
        ("WAI-S", "total", 0.45, 0.908, 0.721),
        ("WAI-S", "goal", 0.45, 0.766, -1.09),
        ("WAI-36", "total", 0.35, 0.951, 0.220),
    ],
)
def test_what_a_forgotten_key_does_to_alpha(name, scale, r, keyed, unreversed):
    form = get_instrument(name)
    items = form.scales[scale]
    m = len(items)
    matrix = np.full((m, m), r) + (1 - r) * np.eye(m)
    signs = np.where(np.isin(items, form.reverse), -1.0, 1.0)
    for use, expected in ((np.ones(m), keyed), (signs, unreversed)):
        turned = matrix * np.outer(use, use)
        value = m / (m - 1) * (1 - m / turned.sum())
        assert value == pytest.approx(expected, abs=5e-3 if expected < 0 else 5e-4)


def test_columns_are_the_contract_s_and_the_index_stays():
    data = frame([[1] * 12, [7] * 12]).set_index(pd.Index(["a", "b"]))
    scores = score(data, "WAI-S")
    assert list(scores.columns) == ["task", "bond", "goal", "total"]
    assert scores.loc["a"].tolist() == [4, 4, 16, 24]
    assert scores.loc["b"].tolist() == [28, 28, 16, 72]


def test_forms_without_subscales_have_a_total():
    form = define_instrument("SWLS", n_items=5, response_min=1, response_max=7)
    assert score(frame([[1, 2, 3, 4, 5]]), form).to_dict("list") == {"total": [15.0]}


def test_other_subscales_keep_their_names():
    data = frame([[4] * 19])
    assert list(score(data, "SWAI-T", provisional=True)) == [
        "rapport",
        "client_focus",
        "total",
    ]


@settings(max_examples=40, deadline=None)
@given(arrays(np.int64, (4, 12), elements=st.integers(1, 7)), st.randoms())
def test_order_of_columns_and_double_turning_do_not_matter(values, random):
    data = frame(values)
    shuffled = list(data.columns)
    random.shuffle(shuffled)
    pd.testing.assert_frame_equal(score(data, "WAI-S"), score(data[shuffled], "WAI-S"))
    twice = keyed_items(keyed_items(data, "WAI-S"), "WAI-S")
    np.testing.assert_array_equal(twice.to_numpy(), values)
    scores = score(data, "WAI-S")
    assert (scores["total"] == scores[["task", "bond", "goal"]].sum(axis=1)).all()
    assert scores["total"].between(12, 84).all()
    keyed = keyed_items(data, "WAI-S")
    pd.testing.assert_frame_equal(score(keyed, "WAI-S", already_keyed=True), scores)
    means = score(data, "WAI-S", method="mean")
    np.testing.assert_allclose(means["goal"] * 4, scores["goal"], rtol=1e-15)


def test_missing_answers_leave_a_score_empty_unless_a_share_is_allowed():
    values = np.full((3, 12), 6.0)
    values[0, 3] = np.nan
    values[1, [2, 4, 6]] = np.nan
    values[2] = np.nan
    data = frame(values)
    strict = score(data, "WAI-S")
    assert strict["total"].isna().all()
    assert strict["task"].tolist()[:2] == [24, 24]
    assert strict["goal"].isna().tolist() == [True, False, True]
    lenient = score(data, "WAI-S", max_missing=0.25)
    # goal: item 4 missing; the others, item 10 turned round, are 6, 2, 6
    assert lenient.loc[0, "goal"] == pytest.approx(4 * 14 / 3)
    assert np.isnan(lenient.loc[1, "bond"])
    # total: 9 of 12 items answered, two of them turned round to 2
    assert lenient.loc[1, "total"] == pytest.approx(12 * (7 * 6 + 2 * 2) / 9)
    assert lenient.loc[2].isna().all()


def test_imputation_keeps_the_mean_of_the_answered_items():
    values = np.array([[5.0, np.nan, 3.0, 4.0]])
    form = define_instrument("X", n_items=4, response_min=1, response_max=5)
    assert score(frame(values), form, max_missing=0.5, method="mean")["total"][0] == 4
    assert score(frame(values), form, max_missing=0.5)["total"][0] == 16


def test_every_wrong_answer_is_named_at_once():
    data = frame(np.full((3, 12), 4)).astype(object)
    data.loc[0, "wai2"] = 9
    data.loc[1, "wai5"] = "often"
    data.loc[2, "wai7"] = 2.5
    data.loc[2, "wai8"] = np.inf
    with pytest.raises(DataError) as error:
        score(data, "WAI-S")
    text = str(error.value)
    assert "whole numbers from 1 to 7" in text
    assert "4 are not" in text
    for part in (
        "wai2, row 0: 9",
        "wai5, row 1: 'often'",
        "wai7, row 2: 2.5",
        "wai8, row 2: inf",
    ):
        assert part in text


def test_fractions_pass_when_allowed():
    data = frame(np.full((1, 12), 2.5))
    assert score(data, "WAI-S", allow_fractions=True)["task"][0] == 10


def test_numbers_as_text_categories_and_nullable_integers_are_read():
    data = frame(np.full((2, 12), 3))
    expected = score(data, "WAI-S")
    pd.testing.assert_frame_equal(score(data.astype(str), "WAI-S"), expected)
    pd.testing.assert_frame_equal(score(data.astype("category"), "WAI-S"), expected)
    nullable = data.astype("Int64")
    nullable.loc[0, "wai1"] = pd.NA
    assert np.isnan(score(nullable, "WAI-S")["task"][0])


def test_dates_are_no_answers():
    data = frame(np.full((1, 12), 3)).astype(object)
    data["wai1"] = pd.to_datetime(["2020-03-01"])
    with pytest.raises(DataError, match="wai1, row 0: '2020-03-01'"):
        score(data, "WAI-S")


def test_an_empty_frame_gives_an_empty_frame():
    assert score(frame(np.empty((0, 12))), "WAI-S").shape == (0, 4)


def test_simulated_data_stay_labelled():
    data = frame(np.full((2, 12), 3)).assign(provenance="SIMULATED")
    assert set(score(data, "WAI-S")["provenance"]) == {"SIMULATED"}


def test_wrong_options_are_refused():
    data = frame(np.full((1, 12), 3))
    with pytest.raises(ModelError, match="method must be one of 'sum', 'mean'"):
        score(data, "WAI-S", method="median")
    with pytest.raises(ModelError, match="max_missing is a share"):
        score(data, "WAI-S", max_missing=1)
    with pytest.raises(DataError, match="only a card"):
        score(data, "WATOCI")


def test_score_finds_out_how_the_file_is_keyed():
    raw = simulate_responses("WAI-S", studies=1, n=150, seed=11)
    keyed = keyed_items(raw, "WAI-S")
    scores = score(raw, "WAI-S")
    pd.testing.assert_frame_equal(score(keyed, "WAI-S"), scores)
    assert "already reverse-scored" in score(keyed, "WAI-S").attrs["notes"][0]
    with pytest.raises(DataError, match="key_contradicted"):
        score(keyed, "WAI-S", already_keyed=False)
    mixed = raw.assign(wai4=8 - raw["wai4"])
    with pytest.raises(DataError, match=r"already: wai4; not yet: wai10"):
        score(mixed, "WAI-S")
    pd.testing.assert_frame_equal(score(mixed, "WAI-S", reverse="wai4"), scores)
    coded = raw.astype({"wai2": float})
    coded.loc[5, "wai2"] = 99
    with pytest.raises(DataError, match=r"missing_codes=\(99,\)"):
        score(coded, "WAI-S")
    assert np.isnan(score(coded, "WAI-S", missing_codes=99).loc[5, "total"])
