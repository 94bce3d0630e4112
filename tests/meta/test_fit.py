"""fit_meta as a user meets it: formulas, exclusions, errors, printing."""

import numpy as np
import pandas as pd
import pytest

from waistats import DataError, ModelError, effect_sizes, fit_meta, load_dataset


@pytest.fixture(scope="module")
def mibs():
    return effect_sizes(load_dataset("mibs"))


@pytest.fixture(scope="module")
def cesd():
    return effect_sizes(load_dataset("cesd"))


def test_cesd_as_published(cesd):
    fit = fit_meta(cesd)
    assert fit.k == 9
    assert fit.estimate == pytest.approx(2.3560697, abs=1e-7)
    row = fit.predict(prediction="metafor").iloc[0]
    values = [row[c] for c in ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")]
    expected = [0.905208, 0.885234, 0.921706, 0.838829, 0.944249]
    assert values == pytest.approx(expected, abs=1e-6)
    assert list(fit.predict().columns) == [
        "estimate", "ci_low", "ci_high", "pi_low", "pi_high",
    ]  # fmt: skip


def test_wai_dependence_ignored():
    # the first 44 rows are the table of version 0.1, for which R gave the numbers
    fit = fit_meta(effect_sizes(load_dataset("wai").head(44)))
    row = fit.predict(prediction="metafor").iloc[0]
    assert fit.k == 10
    assert row["estimate"] == pytest.approx(0.9309, abs=5e-5)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.8907, 0.9563), abs=5e-5)
    assert (row["pi_low"], row["pi_high"]) == pytest.approx((0.7022, 0.9840), abs=5e-5)
    assert len(fit.excluded) == 34
    notes = " ".join(fit.notes)
    assert "more than one coefficient" in notes
    mixed = fit_meta(effect_sizes(load_dataset("wai")))
    assert "Scales are pooled together" in " ".join(mixed.notes)
    assert list(fit.excluded.columns) == ["study_id", "coefficient_id", "reason"]
    assert (fit.excluded["reason"] != "").all()


def test_formula_terms(mibs):
    fit = fit_meta(mibs, "~ year + C(pubtype, contr.treatment('Thesis'))")
    names = list(fit.to_frame()["term"])
    assert names[0] == "Intercept"
    assert names[1] == "year"
    assert "[T.Article]" in names[2]
    assert fit.omnibus.df == 2
    assert fit.omnibus.df_denominator == 30
    one = fit.test("year")
    assert one.statistic == pytest.approx(fit.to_frame()["statistic"][1] ** 2)


def test_interaction_and_spline(mibs):
    fit = fit_meta(mibs, "~ pubtype * year")
    assert "pubtype[T.Thesis]:year" in list(fit.to_frame()["term"])
    spline = fit_meta(mibs, "~ bs(year, df=4)")
    new = spline.predict({"year": [2010.0, 2015.0]})
    assert len(new) == 2
    assert new["estimate"].between(-1, 1).all()


def test_without_intercept(mibs):
    fit = fit_meta(mibs, "~ 0 + pubtype")
    means = fit_meta(mibs, "~ pubtype")
    assert list(fit.to_frame()["term"]) == ["pubtype[Article]", "pubtype[Thesis]"]
    assert fit.tau2 == pytest.approx(means.tau2, rel=1e-9)
    assert fit.beta[0] == pytest.approx(means.beta[0], rel=1e-9)


def test_column_named_as_a_function(mibs):
    """`scale` is a column of every coefficient table and a function of formulaic."""
    scales = ["total", "task", "bond"] * 11
    fit = fit_meta(mibs.assign(scale=scales), "~ scale")
    assert list(fit.to_frame()["term"])[1:] == ["scale[T.task]", "scale[T.total]"]
    with_function = fit_meta(mibs.drop(columns="scale"), "~ scale(year)")
    assert list(with_function.to_frame()["term"])[1] == "scale(year)"


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("~ {year + 1}", "braces"),
        ("~ __import__('os')", "double underscores"),
        ("estimate ~ year", "left side"),
        ("~ yeer", r"yeer \(did you mean 'year'\?\)"),
        ("~ year +", "cannot be read|cannot be computed"),
        ("~ np.nosuch(year)", "cannot be computed"),
        ("~ scale", r"constant in these rows: scale \(total\)"),
        ("", "must be a formula"),
    ],
)
def test_bad_formulas(mibs, formula, words):
    with pytest.raises((ModelError, DataError), match=words):
        fit_meta(mibs, formula)


def test_collinear_terms_are_named(mibs):
    frame = mibs.assign(since=mibs["year"] - 2000)
    with pytest.raises(ModelError, match=r"linear combinations.*(since|year)"):
        fit_meta(frame, "~ year + since")


def test_missing_moderators_are_refused(mibs):
    frame = mibs.copy()
    frame.loc[[3, 7], "year"] = np.nan
    ids = [frame["study_id"][3], frame["study_id"][7]]
    with pytest.raises(
        DataError, match=rf"year in study_id {ids[0]}, study_id {ids[1]}"
    ):
        fit_meta(frame, "~ year")


def test_too_few(cesd):
    with pytest.raises(ModelError, match="there is 1"):
        fit_meta(cesd.iloc[:1])
    with pytest.raises(ModelError, match="no degrees of freedom"):
        fit_meta(cesd.iloc[:2], "~ n")
    with pytest.raises(DataError, match="yi, vi"):
        fit_meta(load_dataset("cesd"))


def test_kinds_are_not_mixed(cesd):
    kinds = ["alpha"] * 8 + ["omega_total"]
    mixed = cesd.assign(coefficient_type=kinds)
    with pytest.raises(
        ModelError, match="Kinds of coefficients are mixed: alpha, omega"
    ):
        fit_meta(mixed)
    kr = cesd.assign(coefficient_type=["alpha"] * 8 + ["kr20"])
    assert fit_meta(kr).k == 9


def test_measures_are_not_mixed(cesd):
    mixed = cesd.assign(measure=["bonett"] * 8 + ["raw"])
    with pytest.raises(ModelError, match="different scales"):
        fit_meta(mixed)


def test_simulated_data_say_so(cesd):
    fit = fit_meta(cesd.assign(provenance="SIMULATED"))
    assert "SIMULATED" in str(fit)


def test_common_effect(cesd):
    fit = fit_meta(cesd, method="FE", small_sample="wald")
    assert fit.method == "CE"
    assert fit.tau2 == 0
    w = 1 / cesd["vi"]
    assert fit.se == pytest.approx(1 / np.sqrt(w.sum()))
    assert pytest.approx(100 * (fit.Q - 8) / fit.Q) == fit.I2
    assert fit.predict()["estimate"].iloc[0] == pytest.approx(0.901735, abs=1e-6)
    assert "Common-Effect Model (k = 9)" in str(fit)
    assert "scales its standard error" in str(fit_meta(cesd, method="CE"))


def test_row_order_changes_nothing(mibs):
    fit = fit_meta(mibs, "~ year + pubtype")
    turned = fit_meta(mibs.sample(frac=1, random_state=1), "~ year + pubtype")
    np.testing.assert_allclose(turned.beta, fit.beta, rtol=1e-9)
    assert turned.tau2 == pytest.approx(fit.tau2, rel=1e-9)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("method", "REMML", "did you mean 'REML'"),
        ("small_sample", "adhoc", "small_sample must be one of"),
        ("conf_level", 95, "conf_level must lie between 0 and 1"),
        ("weights", "nope", "weights must be"),
    ],
)
def test_bad_options(cesd, option, value, words):
    with pytest.raises(ModelError, match=words):
        fit_meta(cesd, **{option: value})


def test_a_doubled_column_is_named():
    table = pd.DataFrame(
        [["A", "B", 1.0, 0.1], ["C", "D", 1.2, 0.1]],
        columns=["study_id", "study_id", "yi", "vi"],
    )
    with pytest.raises(DataError, match="Columns occur twice: study_id"):
        fit_meta(table)
