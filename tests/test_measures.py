"""Coefficients to yi, vi and back, against checked cases and metafor's escalc."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats import DataError, ModelError, back_transform, effect_sizes
from waistats.measures import MEASURES, bonett_bias, slope, transform

# metafor 3.8-1 escalc(measure = ARAW, AHW, ABT); a, m, n, then v, T, v, T, v
CASES = [
    (0.91, 36, 84, 2.032055749e-4, 0.55185952534, 5.560333594e-4, 2.4079456087),
    (0.79, 12, 54, 1.850349650e-3, 0.40560780472, 1.6296558983e-3, 1.5606477483),
    (0.93, 4, 231, 5.705967977e-5, 0.58787147002, 2.192317088e-4, 2.6592600369),
    (-0.20, 4, 20, 0.2133333333, -0.06265856918, 0.0180293027206, -0.1823215568),
    (0.0, 12, 30, 0.07792207792, 0.0, 0.0084890586821, 0.0),
]
BONETT_V = (0.02508710801, 0.04195804196, 0.01164483261, 0.1481481481, 0.07792207792)
CASES = [(*case, v) for case, v in zip(CASES, BONETT_V, strict=True)]


def table(**changes):
    columns = {
        "study_id": list("ABCDE"),
        "estimate": [c[0] for c in CASES],
        "n_items": [c[1] for c in CASES],
        "n": [c[2] for c in CASES],
    }
    return pd.DataFrame(columns | changes)


@pytest.mark.parametrize(
    ("measure", "t", "v"),
    [("raw", None, 3), ("hakstian-whalen", 4, 5), ("bonett", 6, 7)],
)
def test_checked_cases(measure, t, v):
    out = effect_sizes(table(), measure=measure)
    expected = [c[0] if t is None else c[t] for c in CASES]
    np.testing.assert_allclose(out["yi"], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(out["vi"], [c[v] for c in CASES], rtol=1e-9)
    assert (out["measure"] == measure).all()
    assert list(out["study_id"]) == list("ABCDE")
    assert list(out["coefficient_id"]) == ["1", "2", "3", "4", "5"]


@settings(deadline=None, max_examples=200)
@given(st.floats(-20, 0.99999), st.sampled_from(MEASURES[:3]))
def test_back_transform_inverts(a, measure):
    assert back_transform(transform(a, measure), measure) == pytest.approx(a, abs=1e-9)


def test_back_transform_is_not_clipped():
    assert back_transform(-0.1) == pytest.approx(1 - np.exp(0.1))
    assert back_transform(-0.1, "hakstian-whalen") == pytest.approx(1 - 1.1**3)
    series = back_transform(pd.Series([0.0, 1.0], index=["a", "b"]))
    assert list(series.index) == ["a", "b"]


@pytest.mark.parametrize("measure", MEASURES)
def test_slope_is_the_derivative(measure):
    a, h = np.array([0.2, 0.7, 0.95]), 1e-6
    numeric = (transform(a + h, measure) - transform(a - h, measure)) / (2 * h)
    np.testing.assert_allclose(slope(a, measure), numeric, rtol=1e-6)


def test_bias_terms():
    # exact bias by the F law: a simulation of 40,000 draws at n = 30, m = 4 gave -.0233
    assert bonett_bias(30, 4, "exact") == pytest.approx(-0.0233, abs=1e-4)
    assert bonett_bias(30, 4, "bonett") == pytest.approx(-np.log(30 / 29))
    plain, corrected = effect_sizes(table()), effect_sizes(table(), bias="bonett")
    n = np.array([c[2] for c in CASES])
    np.testing.assert_allclose(corrected["yi"] - plain["yi"], np.log(n / (n - 1)))
    with pytest.raises(
        ModelError, match="bias='exact' is defined for measure='bonett'"
    ):
        effect_sizes(table(), measure="raw", bias="exact")


def test_exact_bias_is_what_the_f_law_gives():
    rng = np.random.default_rng(1)
    d1, d2 = 29, 29 * 3
    ratio = rng.f(d2, d1, 400_000)  # (1 - a) / (1 - alpha) on (d2, d1)
    assert -np.log(ratio).mean() == pytest.approx(bonett_bias(30, 4, "exact"), abs=2e-3)


def test_other_kinds_need_their_own_variance():
    frame = pd.DataFrame(
        {
            "study_id": ["A", "B", "C"],
            "coefficient_type": ["omega_total", "icc", "test_retest"],
            "estimate": [0.9, 0.8, 0.7],
            "n": [100, 50, 60],
            "n_items": [12, 12, 12],
            "se": [0.02, np.nan, np.nan],
            "ci_low": [np.nan, 0.70, np.nan],
            "ci_high": [np.nan, 0.88, np.nan],
        }
    )
    out = effect_sizes(frame)
    assert out["vi"][0] == pytest.approx((0.02 / 0.1) ** 2)
    z = 1.959963984540054
    width = np.log(0.30) - np.log(0.12)
    assert out["vi"][1] == pytest.approx((width / (2 * z)) ** 2)
    assert effect_sizes(frame, measure="fisher-z")["vi"][2] == pytest.approx(1 / 57)
    lost = frame.assign(se=np.nan, ci_low=np.nan)
    aside = effect_sizes(lost)
    assert list(aside["yi"].isna()) == [True, True, False]
    assert aside["reason"][0] == (
        "sampling variance unknown: a standard error, confidence limits, or the "
        "loadings of its items would settle it"
    )
    assert aside["reason"][1].endswith(
        "confidence limits, or the form of the ICC (such as ICC(3,k)) and the number of "
        "raters would settle it"
    )
    assert aside["reason"][2] == ""


def test_reported_variance_of_alpha():
    out = effect_sizes(table(se=0.02), variance="reported")
    a = np.array([c[0] for c in CASES])
    np.testing.assert_allclose(out["vi"], (0.02 / (1 - a)) ** 2)


def test_rows_with_a_reason_stay_empty():
    frame = table(
        status=["poolable", "not_poolable", None, "poolable", "poolable"],
        reason=[None, "only a bound", None, "no n", None],
    )
    frame.loc[1, "estimate"] = np.nan
    frame.loc[3, ["n", "n_items"]] = np.nan
    out = effect_sizes(frame)
    assert list(out["yi"].notna()) == [True, False, True, False, True]
    assert list(out["vi"].notna()) == [True, False, True, False, True]
    assert out["reason"][1] == "only a bound"


def test_every_bad_row_is_named_at_once():
    frame = table(estimate=[1.0, np.nan, 0.9, np.inf, 1.2], n=[2, 10, 20.5, 30, None])
    with pytest.raises(DataError) as caught:
        effect_sizes(frame)
    words = str(caught.value)
    for part in (
        "estimate must be below 1: 1 (study_id A), 1.2 (study_id E)",
        "estimate must not be blank: study_id B",
        "estimate must be finite: inf (study_id D)",
        "n must be at least 3: 2 (study_id A)",
        "n must be a whole number: 20.5 (study_id C)",
        "n must not be blank: study_id E",
    ):
        assert part in words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_items": 1}, "n_items must be at least 2"),
        ({"n": "many"}, r"n must be a number, but is 'many' \(study_id A\)"),
    ],
)
def test_bad_columns(change, words):
    with pytest.raises(DataError, match=words):
        effect_sizes(table(**change))


def test_missing_columns_are_suggested():
    with pytest.raises(DataError, match=r"estimate \(did you mean 'estimat'\?\)"):
        effect_sizes(table().rename(columns={"estimate": "estimat"}))
    with pytest.raises(DataError, match="has no rows"):
        effect_sizes(table().iloc[:0])
    with pytest.raises(DataError, match="is a DataFrame; got list"):
        effect_sizes([1, 2])
    with pytest.raises(ModelError, match="measure must be one of"):
        effect_sizes(table(), measure="bonnet")
