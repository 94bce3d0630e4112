"""Deletions against metafor and clubSandwich, and against fitting by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats import DataError, ModelError, effect_sizes, fit_meta, load_dataset
from waistats.meta.multilevel.fit import fit_multilevel
from waistats.sensitivity.deletion import cumulative, influence, leave_one_out

REFERENCE = Path(__file__).parents[1] / "reference"
METAFOR = json.loads((REFERENCE / "sensitivity_metafor.json").read_text("utf-8"))
LEVELS = json.loads((REFERENCE / "sensitivity_multilevel.json").read_text("utf-8"))
METHODS = {"REML": "REML", "DL": "DL", "EE": "CE"}
ADJUSTMENT = {"knha": "knapp-hartung", "z": "wald"}
CASES = [(name, fit) for name, s in METAFOR["sets"].items() for fit in s["fits"]]
REFITS = {
    "estimate": "estimate",
    "se": "se",
    "ci_low": "ci.lb",
    "ci_high": "ci.ub",
    "Q": "Q",
    "Q_p": "Qp",
    "tau2": "tau2",
    "I2": "I2",
}
DIAGNOSTICS = {
    "rstudent": "rstudent",
    "dffits": "dffits",
    "cook_d": "cook.d",
    "cov_ratio": "cov.r",
    "tau2_deleted": "tau2.del",
    "Q_deleted": "QE.del",
    "hat": "hat",
    "weight": "weight",
}


def numbers(values) -> np.ndarray:
    values = np.atleast_1d(np.asarray(values, dtype=object))
    return np.array([np.nan if v in {"NA", "NaN"} else float(v) for v in values])


def agree(found, expected, rtol=1e-6, atol=1e-8):
    np.testing.assert_allclose(
        np.asarray(found, dtype=float), numbers(expected), rtol=rtol, atol=atol
    )


def table(name: str) -> pd.DataFrame:
    data = pd.DataFrame(METAFOR["sets"][name]["data"])
    return data.assign(study_id=[str(i + 1) for i in range(len(data))], n=data["ni"])


def fitted(name: str, fit: str, moderators=None, **options):
    method, test = fit.split("_")
    return fit_meta(
        table(name),
        moderators,
        method=METHODS[method],
        small_sample=ADJUSTMENT[test],
        **options,
    )


def refits_agree(frame, expected):
    for ours, theirs in REFITS.items():
        if len(expected[theirs]):
            agree(frame[ours], expected[theirs])


def test_the_reference_is_complete():
    assert set(METAFOR["sets"]) == {"cesd", "mibs", "raudenbush", "bcg"}
    assert len(CASES) == 12


@pytest.mark.parametrize(("name", "fit"), CASES)
def test_leave_one_out_is_metafors(name, fit):
    expected = METAFOR["sets"][name]["fits"][fit]
    frame = leave_one_out(fitted(name, fit))
    assert list(frame) == [
        *("omitted", "estimate", "se", "ci_low", "ci_high", "tau2", "I2", "Q", "Q_p")
    ]
    refits_agree(frame, expected["leave_one_out"])
    weighted = leave_one_out(fitted(name, fit, weights="n"))
    refits_agree(weighted, expected["leave_one_out_weighted"])


@pytest.mark.parametrize(("name", "fit"), CASES)
@pytest.mark.parametrize("kind", ["influence", "influence_x", "influence_weighted"])
def test_influence_is_metafors(name, fit, kind):
    expected = METAFOR["sets"][name]["fits"][fit][kind]
    options = {"weights": "n"} if kind == "influence_weighted" else {}
    model = fitted(name, fit, "~ x" if kind == "influence_x" else None, **options)
    frame = influence(model)
    for ours, theirs in DIAGNOSTICS.items():
        agree(frame[ours], expected[theirs])
    for term, values in zip(model.design.names, expected["dfbs"], strict=True):
        agree(frame[f"dfbetas_{term}"], values)
    assert frame["influential"].astype(int).to_list() == expected["flag"]


@pytest.mark.parametrize(("name", "fit"), CASES)
def test_cumulative_is_metafors(name, fit):
    expected = METAFOR["sets"][name]["fits"][fit]
    model = fitted(name, fit)
    refits_agree(cumulative(model), expected["cumulative"])
    refits_agree(cumulative(model, "n"), expected["cumulative_n"])


def test_published_numbers_of_the_cesd():
    model = fit_meta(effect_sizes(load_dataset("cesd")))
    alphas = leave_one_out(model, back_transform=True)["estimate"]
    assert alphas.min() == pytest.approx(0.89959, abs=5e-6)
    assert alphas.max() == pytest.approx(0.90956, abs=5e-6)
    rstudent = influence(model)["rstudent"]
    assert rstudent[2] == pytest.approx(2.383, abs=5e-4)
    assert rstudent[6] == pytest.approx(-2.010, abs=5e-4)


def test_deletion_equals_fitting_the_rest():
    data = table("raudenbush")
    model = fit_meta(data, "~ x")
    frame = leave_one_out(model)
    assert list(frame["term"][:2]) == ["Intercept", "x"]
    rest = fit_meta(data.drop(index=4), "~ x")
    found = frame[frame["omitted"] == "5"]
    np.testing.assert_allclose(found["estimate"], rest.beta, rtol=1e-10)
    np.testing.assert_allclose(found["se"] ** 2, np.diag(rest.cov), rtol=1e-9)
    np.testing.assert_allclose(found["Q_p"], rest.Q_p, rtol=1e-9)


def test_a_column_leaves_out_its_groups():
    data = table("raudenbush").assign(lab=list("aabbccddeeffgghhiij"))
    frame = leave_one_out(fit_meta(data), by="lab")
    assert frame["omitted"].to_list() == list("abcdefghij")
    rest = fit_meta(data[data["lab"] != "c"])
    assert frame["estimate"][2] == pytest.approx(rest.estimate, rel=1e-10)
    groups = influence(fit_meta(data), by="lab")
    assert groups["k"].sum() == 19
    assert groups["tau2_deleted"][2] == pytest.approx(rest.tau2, rel=1e-8)


def test_groups_of_one_are_rows():
    model = fit_meta(table("cesd"))
    rows, groups = influence(model), influence(model, by="study_id")
    np.testing.assert_allclose(groups["chi2"], rows["rstudent"] ** 2, rtol=1e-10)
    for name in ("cook_d", "cov_ratio", "dfbetas_Intercept", "weight"):
        np.testing.assert_allclose(groups[name], rows[name], rtol=1e-10)


def test_a_row_that_decides_a_coefficient_alone_leaves_nothing_to_compare():
    data = table("cesd").assign(only=[1.0, *[0.0] * 8])
    model = fit_meta(data, "~ only")
    first = influence(model).iloc[0]
    assert np.isnan(first["cook_d"])
    assert first["hat"] == pytest.approx(1)
    assert first["influential"]
    assert leave_one_out(model)["estimate"][:2].isna().all()
    assert leave_one_out(model)["estimate"][2:].notna().all()


def test_dependent_rows_are_named_by_both_ids():
    model = fit_meta(effect_sizes(load_dataset("mibs")))
    frame = leave_one_out(model)
    assert frame["omitted"][0] == "1/1"
    assert frame["omitted"].is_unique
    assert len(leave_one_out(model, by="study_id")) == 26
    table = load_dataset("wai")
    alphas = effect_sizes(table[table["coefficient_type"] == "alpha"])
    assert leave_one_out(fit_meta(alphas))["omitted"][0] == "Hunik2020_1"


def test_two_studies_as_metafor_has_them():
    model = fit_meta(pd.DataFrame({"yi": [0.1, 0.5], "vi": [0.02, 0.03]}))
    frame = leave_one_out(model)
    agree(frame["se"], [0.1732050808, 0.1414213562], rtol=1e-9)
    agree(frame["ci_high"], [0.8394757, 0.3771808], rtol=1e-6)
    agree(influence(model)["cook_d"], [1.1333333333, 0.8823529412], rtol=1e-9)


def test_a_perfect_fit_is_no_warning():
    model = fit_meta(pd.DataFrame({"yi": [0.3] * 3, "vi": [0.02, 0.03, 0.04]}))
    assert not influence(model)["influential"].any()
    # without any spread the ad-hoc form leaves the standard error of a common effect
    left = np.array([1 / 0.03 + 1 / 0.04, 1 / 0.02 + 1 / 0.04, 1 / 0.02 + 1 / 0.03])
    agree(leave_one_out(model)["se"], np.sqrt(1 / left), rtol=1e-9)


# --- cumulative ---


def test_cumulative_keeps_the_rows_without_an_order():
    data = table("bcg")
    frame = cumulative(fit_meta(data))
    assert frame["added"].to_list() == data["study_id"].to_list()
    assert frame["k"].to_list() == list(range(1, 14))
    full = fit_meta(data)
    assert frame["estimate"].iloc[-1] == pytest.approx(full.estimate, rel=1e-12)
    assert frame["ci_high"].iloc[-1] == pytest.approx(full.to_frame()["ci_high"][0])


def test_cumulative_orders():
    data = table("bcg")
    model = fit_meta(data)
    up, down = cumulative(model, "n"), cumulative(model, "n", descending=True)
    assert up["order"].is_monotonic_increasing
    assert down["added"].to_list() == up["added"].to_list()[::-1]
    precise = cumulative(model, "precision")
    assert precise["added"][0] == data["study_id"][data["vi"].idxmin()]
    given = cumulative(model, data["x"].to_numpy())
    assert given["added"].to_list() == [
        *data.sort_values("x", kind="stable")["study_id"]
    ]


def test_an_order_by_text_and_with_ties_is_stable():
    data = table("cesd").assign(wave=list("bababcabc"))
    added = cumulative(fit_meta(data), "wave")["added"].to_list()
    assert added == ["2", "4", "7", "1", "3", "5", "8", "6", "9"]


def test_an_order_may_have_a_value_for_rows_left_out():
    data = table("cesd")
    data.loc[3, "yi"] = np.nan
    frame = cumulative(fit_meta(data), np.arange(9)[::-1])
    assert frame["added"].to_list() == ["9", "8", "7", "6", "5", "3", "2", "1"]


@pytest.mark.parametrize(
    ("order", "error", "match"),
    [
        ("yera", ModelError, "did you mean 'year'"),
        ("year", DataError, "order has missing values for study_id 3"),
        ([1, 2], ModelError, r"one value per row \(9\); got 2"),
    ],
)
def test_bad_orders_are_refused(order, error, match):
    data = table("cesd").assign(year=[2000, 2001, None, *range(2003, 2009)])
    with pytest.raises(error, match=match):
        cumulative(fit_meta(data), order)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: leave_one_out(table("cesd")), "needs the result of .*got DataFrame"),
        (lambda: influence(3), "needs the result of .*got int"),
        (lambda: cumulative(fit_meta(table("bcg"), "~ x")), "without moderators"),
        (lambda: leave_one_out(fit_meta(table("bcg")), by="labb"), "by must be a col"),
        (lambda: leave_one_out(fit_meta(table("bcg")), robust=True), "fit_multilevel"),
        (
            lambda: leave_one_out(fit_meta(table("bcg")), back_transform=True),
            "name their measure",
        ),
        (
            lambda: leave_one_out(fit_meta(table("bcg").assign(one=1)), by="one"),
            "one has one value",
        ),
    ],
)
def test_what_is_not_defined_is_refused(call, match):
    with pytest.raises(ModelError, match=match):
        call()


def test_a_blank_group_is_refused():
    data = table("bcg").assign(lab=[None, *"abcdefghijkl"])
    with pytest.raises(DataError, match="lab is missing for study_id 1"):
        leave_one_out(fit_meta(data), by="lab")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-2, 4), min_size=4, max_size=9),
    st.integers(0, 10**6),
    st.floats(0.05, 20),
)
def test_order_shift_and_scale(yi, seed, scale):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"yi": yi, "vi": rng.uniform(0.01, 0.4, len(yi))})
    base = leave_one_out(fit_meta(data))
    moved = data.assign(yi=3 + scale * data["yi"], vi=scale**2 * data["vi"])
    other = leave_one_out(fit_meta(moved))
    np.testing.assert_allclose(
        other["estimate"], 3 + scale * base["estimate"], rtol=1e-5, atol=1e-5 * scale
    )
    np.testing.assert_allclose(
        other["tau2"], scale**2 * base["tau2"], rtol=1e-4, atol=1e-6 * scale**2
    )


# --- multilevel ---


@pytest.fixture(scope="module", params=["independent", "correlated"])
def levels(request):
    table = load_dataset("mibs")
    mother = table["participants"].str.contains("mother").astype(float)
    effects = effect_sizes(table.assign(mother=mother))
    if request.param == "independent":
        return fit_multilevel(effects), LEVELS["independent"]
    fit = fit_multilevel(effects, "~ mother", within_correlation=0.6)
    return fit, LEVELS["correlated"]


def stacked(parts, name):
    return np.concatenate([np.atleast_1d(part[name]) for part in parts])


def test_rows_left_out_of_a_three_level_model(levels):
    fit, expected = levels
    # the model's own standard errors; the default ones count studies
    frame = leave_one_out(replace(fit, small_sample="wald", df=None))
    for ours, theirs in (("estimate", "b"), ("se", "se")):
        agree(frame[ours], stacked(expected["rows"], theirs), atol=1e-7)
    first = frame.iloc[:: len(fit.beta)]
    sigma2 = np.array([part["sigma2"] for part in expected["rows"]])
    agree(first["sigma2_study_id"], sigma2[:, 0], atol=1e-7)
    agree(first["sigma2_coefficient_id"], sigma2[:, 1], atol=1e-7)
    agree(first["Q"], stacked(expected["rows"], "Q"), rtol=1e-9)
    agree(first["Q_p"], stacked(expected["rows"], "Q_p"), rtol=1e-9)
    np.testing.assert_allclose(first["tau2"], sigma2.sum(axis=1), rtol=1e-6)


def test_studies_left_out_with_robust_errors(levels):
    fit, expected = levels
    frame = leave_one_out(fit, by="study_id", robust=True)
    agree(frame["estimate"], stacked(expected["studies"], "b"), atol=1e-7)
    se = stacked(expected["studies"], "cr2_se")
    known = frame["se"].notna().to_numpy()
    agree(frame["se"][known], se[known], atol=1e-7)
    # without one of the few studies of fathers another alone decides the intercept;
    # clubSandwich prints a standard error even so
    fathers = load_dataset("mibs").query("not participants.str.contains('mother')")
    assert set(frame["omitted"][~known]) <= set(fathers["study_id"])
    plain = leave_one_out(replace(fit, small_sample="wald", df=None), by="study_id")
    agree(plain["se"], stacked(expected["studies"], "se"), atol=1e-7)


def test_influence_of_rows_of_a_three_level_model(levels):
    fit, expected = levels
    frame = influence(fit)
    for name in ("rstudent", "cook_d", "hat", "weight"):
        if isinstance(expected[name], list):
            agree(frame[name], expected[name], atol=1e-6)
    for term, values in zip(fit.design.names, expected["dfbetas"], strict=True):
        agree(frame[f"dfbetas_{term}"], values, atol=1e-6)


def test_influence_of_studies_of_a_three_level_model(levels):
    fit, expected = levels
    frame = influence(fit, by="study_id")
    frame = frame.iloc[np.argsort(frame["omitted"].astype(int))]
    agree(frame["chi2"], expected["study_chi2"])
    agree(frame["cook_d"], expected["study_cook_d"], atol=1e-6)
    for term, values in zip(fit.design.names, expected["study_dfbetas"], strict=True):
        agree(frame[f"dfbetas_{term}"], values, atol=1e-6)


def test_one_level_of_rows_is_the_plain_model():
    data = table("raudenbush")
    plain = fit_meta(data, small_sample="wald")
    nested = fit_multilevel(data, levels=("study_id",), small_sample="wald")
    one, other = influence(plain), influence(nested)
    for name in ("rstudent", "cook_d", "cov_ratio", "hat", "weight"):
        np.testing.assert_allclose(other[name], one[name], rtol=1e-5, atol=1e-8)
    frame = cumulative(nested)
    assert frame["estimate"].isna().to_list() == [True, *[False] * 18]
    expected = cumulative(plain)["estimate"]
    np.testing.assert_allclose(frame["estimate"][1:], expected[1:], rtol=1e-6)
