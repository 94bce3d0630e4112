"""The varying-coefficient model: published examples, its formulas, its limits."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from waistats import DataError, ModelError
from waistats.datasets.bundled import load_dataset
from waistats.measures import effect_sizes
from waistats.meta.fit import fit_meta
from waistats.meta.varying import fit_varying_coefficient

# Examples printed in the documentation of the R package vcmeta (Bonett), to its digits.
FOUR = pd.DataFrame(
    {
        "study_id": list("ABCD"),
        "estimate": [0.91, 0.89, 0.90, 0.89],
        "n": [583, 470, 546, 680],
        "n_items": 10,
        "first": [1, 0, 0, 0],
    }
)
SETS = pd.DataFrame(
    {
        "study_id": list("ABCD"),
        "estimate": [0.89, 0.87, 0.73, 0.71],
        "n": [120, 170, 150, 135],
        "n_items": 10,
        "group": ["A", "A", "B", "B"],
    }
)


def limits(frame):
    return frame[["estimate", "se", "ci_low", "ci_high"]].to_numpy()


def test_mean_of_the_published_example():
    expected = [[0.8975, 0.003256081, 0.8911102, 0.9038592]]
    got = limits(fit_varying_coefficient(FOUR).to_frame())
    np.testing.assert_allclose(got, expected, atol=5e-8)


def test_single_studies_of_the_published_example():
    expected = [
        [0.9100, 0.005566064, 0.8985763, 0.9204108],
        [0.8900, 0.007579900, 0.8743616, 0.9041013],
        [0.9000, 0.006391375, 0.8868623, 0.9119356],
        [0.8900, 0.006297549, 0.8771189, 0.9018203],
    ]
    fit = fit_varying_coefficient(FOUR, by="study_id")
    np.testing.assert_allclose(limits(fit.to_frame())[:4], expected, atol=5e-8)


def test_difference_of_groups_of_the_published_example():
    frame = fit_varying_coefficient(SETS, by="group").to_frame()
    expected = [
        [0.88, 0.01068845, 0.8581268, 0.8999386],
        [0.72, 0.02515130, 0.6684484, 0.7668524],
        [0.16, 0.02732821, 0.1082933, 0.2152731],
    ]
    assert list(frame.term) == ["A", "B", "A - B"]
    assert list(frame.k) == [2, 2, 4]
    np.testing.assert_allclose(limits(frame), expected, atol=5e-8)


def test_regression_of_the_published_example_with_our_sign():
    frame = fit_varying_coefficient(FOUR, "~ first").to_frame()
    expected = [
        [2.2408328, 0.03675883, 2.16878684, 2.3128788],
        [0.1689006, 0.07204625, 0.02769259, 0.3101087],
    ]
    np.testing.assert_allclose(limits(frame), expected, atol=5e-8)
    np.testing.assert_allclose(frame.statistic, [60.960391, 2.344336], rtol=1e-6)
    assert frame.term.tolist() == ["Intercept", "first"]


def test_nine_caregiver_studies():
    row = fit_varying_coefficient(load_dataset("cesd")).predict().iloc[0]
    expected = [0.903333, 0.895264, 0.912194]
    np.testing.assert_allclose(row.to_numpy(), expected, atol=5e-7)


def test_each_study_has_its_own_number_of_items():
    table = FOUR.assign(n_items=[4, 12, 12, 36])
    a, n, m = (table[c].to_numpy(float) for c in ("estimate", "n", "n_items"))
    A = ((m.mean() - 2) * 3) ** 0.25
    v = 2 * m * (1 - a) ** 2 / ((m - 1) * (n - 2 - A))
    frame = fit_varying_coefficient(table).to_frame()
    assert frame.se[0] == pytest.approx(np.sqrt(v.sum()) / 4, rel=1e-13)
    hn = 4 / (1 / n).sum()
    z = stats.norm.ppf(0.95)
    half = z * frame.se[0] / (1 - a.mean())
    low = 1 - np.exp(np.log(1 - a.mean()) - np.log(hn / (hn - 1)) + half)
    ninety = fit_varying_coefficient(table, conf_level=0.90).to_frame()
    assert ninety.ci_low[0] == pytest.approx(low, rel=1e-13)


def test_order_of_rows_and_effect_columns_do_not_matter():
    fresh = fit_varying_coefficient(SETS, by="group").to_frame()
    shuffled = effect_sizes(SETS.iloc[::-1], measure="raw")
    again = fit_varying_coefficient(shuffled, by="group").to_frame()
    pd.testing.assert_frame_equal(fresh, again)


def test_contrasts():
    table = pd.concat([SETS, FOUR.assign(group="C")], ignore_index=True)
    table["study_id"] = [f"S{i}" for i in range(len(table))]
    fit = fit_varying_coefficient(table, by="group")
    one = fit.contrast({"A": 1}).iloc[0]
    assert [one.ci_low, one.ci_high] == pytest.approx([fit.ci_low[0], fit.ci_high[0]])
    there, back = fit.contrast({"A": 1, "C": -1}), fit.contrast({"C": 1, "A": -1})
    assert there.ci_low[0] == pytest.approx(-back.ci_high[0], rel=1e-13)
    half = fit.contrast({"A": 0.5, "C": 0.5, "B": -1})
    assert half.term[0] == "0.5 A + 0.5 C - B"
    value = (fit.estimate[0] + fit.estimate[2]) / 2 - fit.estimate[1]
    assert half.estimate[0] == pytest.approx(value)
    assert half.ci_low[0] < value < half.ci_high[0]
    assert len(fit.differences()) == 3
    with pytest.raises(ModelError, match=r"No such groups: a \(did you mean 'A'\?\)"):
        fit.contrast({"a": 1})


def test_regression_predicts_on_both_scales():
    fit = fit_varying_coefficient(FOUR, "~ first")
    on_model = fit.predict({"first": [0, 1]}, back_transform=False)
    alpha = fit.predict(pd.DataFrame({"first": [0, 1]}, index=["no", "yes"]))
    assert list(alpha.index) == ["no", "yes"]
    np.testing.assert_allclose(1 - np.exp(-on_model.ci_low), alpha.ci_low)
    np.testing.assert_allclose(fit.predict().estimate[0], alpha.estimate["yes"])
    assert fit.omnibus.statistic == pytest.approx(2.344336**2, rel=1e-6)
    assert "χ²(1)" in str(fit)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-0.5, 0.97), st.integers(30, 900), st.integers(2, 40)),
        min_size=2,
        max_size=12,
    )
)
def test_unweighted_common_effect_is_never_below_the_mean(rows):
    a, n, m = zip(*rows, strict=True)
    table = pd.DataFrame(
        {"study_id": range(len(a)), "estimate": a, "n": n, "n_items": m}
    )
    fit = fit_varying_coefficient(table)
    assert fit.ci_low[0] < fit.ci_high[0]
    common = fit_meta(
        effect_sizes(table), method="CE", small_sample="wald", weights="equal"
    )
    assert common.predict().estimate[0] >= np.mean(a) - 1e-12


def test_covers_the_mean_of_different_populations():
    # SIMULATED: (1 - alpha) / (1 - a) follows F for normal parallel items
    rng = np.random.default_rng(4)
    truth, n, m, runs = np.array([0.7, 0.8, 0.85, 0.9, 0.93]), 60, 8, 2000
    a = 1 - (1 - truth) / rng.f(n - 1, (n - 1) * (m - 1), (runs, 5))
    table = pd.DataFrame({"study_id": range(a.size), "estimate": a.ravel(), "n": n})
    table = table.assign(n_items=m, run=np.repeat(range(runs), 5))
    fit = fit_varying_coefficient(table, by="run")
    covered = (fit.ci_low <= truth.mean()) & (truth.mean() <= fit.ci_high)
    assert 0.935 <= covered.mean() <= 0.965


def test_left_out_rows_are_listed():
    fit = fit_varying_coefficient(load_dataset("wai"), by="rater")
    assert len(fit.excluded) == 40
    assert (fit.excluded.reason != "").all()
    assert "40 coefficients excluded" in str(fit)


def test_what_cannot_be_averaged():
    with pytest.raises(ModelError, match=r"by= .* or moderators= .*, not both"):
        fit_varying_coefficient(SETS, "~ group", by="group")
    with pytest.raises(DataError, match=r"by='grup' is not a column .*'group'"):
        fit_varying_coefficient(SETS, by="grup")
    blank = SETS.assign(group=["A", None, "B", None])
    with pytest.raises(DataError, match="group is blank for study_id B, D"):
        fit_varying_coefficient(blank, by="group")
    omega = SETS.assign(coefficient_type="omega", se=0.02)
    with pytest.raises(ModelError, match=r"those of alpha; the table also has omega"):
        fit_varying_coefficient(omega)
    small = SETS.assign(n=[120, 4, 3, 150])
    with pytest.raises(DataError, match=r"4 \(study_id B\), 3 \(study_id C\)"):
        fit_varying_coefficient(small)
    with pytest.raises(ModelError, match="constant in these rows: n_items"):
        fit_varying_coefficient(SETS, "~ n_items")
    with pytest.raises(ModelError, match="conf_level must lie"):
        fit_varying_coefficient(SETS, conf_level=95)
    with pytest.raises(ModelError, match="at least 2"):
        fit_varying_coefficient(SETS.head(1))


def test_repeated_studies_and_mixed_scales_are_noted():
    table = pd.DataFrame(
        {
            "study_id": list("ABCABC"), "scale": ["total"] * 3 + ["task"] * 3,
            "estimate": [0.9, 0.85, 0.8, 0.88, 0.92, 0.79], "n": 80, "n_items": 12,
        }
    )  # fmt: skip
    sizes = table.assign(n=[60, 80, 100, 120, 140, 160])
    for fit in (
        fit_varying_coefficient(table),
        fit_varying_coefficient(sizes, "~ n"),
    ):
        assert any("more than one coefficient" in note for note in fit.notes)
        assert any("Scales are pooled together" in note for note in fit.notes)
        assert all(note in str(fit) for note in fit.notes)
