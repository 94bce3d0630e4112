"""The multiverse, worst cases and the fail-safe N."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waistats import (
    DataError,
    ModelError,
    effect_sizes,
    fit_meta,
    fit_multilevel,
    load_dataset,
)
from waistats.measures import back_transform
from waistats.meta.varying import fit_varying_coefficient
from waistats.sensitivity._multiverse_tables import mean_per_study, one_per_study
from waistats.sensitivity.deletion import influence
from waistats.sensitivity.multiverse import multiverse


@pytest.fixture(scope="module")
def mibs() -> pd.DataFrame:
    return load_dataset("mibs")


@pytest.fixture(scope="module")
def found(mibs):
    return multiverse(mibs)


def pick(frame: pd.DataFrame, **choices) -> pd.Series:
    for name, value in choices.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def test_every_defensible_combination_is_there_once(found):
    frame = found.to_frame()
    choices = ["measure", "model", "interval", "dependence", "exclusion"]
    assert not frame[choices].duplicated().any()
    # 4 measures x (7 models x 2 intervals - CE with Knapp-Hartung), varying, multilevel
    flat, nested = 4 * (7 * 2 - 1) + 1, 4 * 2 + 4
    assert len(frame) == 3 * (3 * flat + nested)
    assert len(found.skipped) == 0
    columns = ["k", "n_studies", "estimate", "ci_low", "ci_high", "pi_low", "pi_high"]
    assert list(frame) == [*choices, *columns, "tau2", "I2"]
    assert not frame.query("model == 'CE' and interval != 'wald'").size


def test_rows_are_the_fits_they_name(found, mibs):
    frame = found.frame
    row = pick(
        frame,
        measure="bonett",
        model="REML",
        interval="knapp-hartung",
        dependence="ignored",
        exclusion="none",
    )
    expected = fit_meta(effect_sizes(mibs)).predict().iloc[0]
    names = ["estimate", "ci_low", "ci_high", "pi_low", "pi_high"]
    np.testing.assert_allclose(row[names].astype(float), expected[names], rtol=1e-9)

    row = pick(
        frame,
        measure="hakstian-whalen",
        model="n-weighted",
        interval="wald",
        dependence="one",
        exclusion="small-n",
    )
    table = one_per_study(mibs)
    table = table[table["n"] >= 50]
    expected = fit_meta(
        effect_sizes(table, measure="hakstian-whalen"),
        small_sample="wald",
        weights="n",
    )
    np.testing.assert_allclose(
        row[names].astype(float),
        expected.predict().iloc[0][names],
        rtol=1e-9,
    )
    assert row["k"] == row["n_studies"] == len(table)

    fit = fit_multilevel(effect_sizes(mibs))
    # the model's own, t on studies - 1
    half = stats.t.ppf(0.975, mibs["study_id"].nunique() - 1) * fit.se
    own = pd.DataFrame(
        {
            "estimate": back_transform([fit.estimate], "bonett"),
            "ci_low": back_transform([fit.estimate - half], "bonett"),
            "ci_high": back_transform([fit.estimate + half], "bonett"),
        }
    )
    for kind, limits in (
        (("multilevel", "t"), own),
        (("multilevel-robust", "cr2"), fit.robust().predict()),
    ):
        row = pick(
            frame,
            measure="bonett",
            dependence=kind[0],
            interval=kind[1],
            exclusion="none",
        )
        np.testing.assert_allclose(
            row[["estimate", "ci_low", "ci_high"]].astype(float),
            limits.iloc[0][["estimate", "ci_low", "ci_high"]],
            rtol=1e-7,
        )
    # the published three-level mean
    assert row["estimate"] == pytest.approx(0.755285, abs=5e-7)

    row = pick(
        frame,
        model="varying-coefficient",
        dependence="ignored",
        exclusion="none",
    )
    expected = fit_varying_coefficient(mibs).predict().iloc[0]
    assert row["estimate"] == pytest.approx(expected["estimate"])
    assert np.isnan(row["tau2"])


def test_outliers_are_told_by_studentised_residuals(found, mibs):
    rstudent = influence(fit_meta(effect_sizes(mibs)))["rstudent"]
    kept = int((rstudent.abs() <= 1.96).sum())
    rows = found.frame.query("dependence == 'ignored' and exclusion == 'outliers'")
    assert rows["k"].unique().tolist() == [kept]


def test_means_of_studies_have_the_variance_of_a_mean():
    table = pd.DataFrame(
        {
            "study_id": ["A", "A", "A", "B"],
            "sample_id": ["1", "1", "2", "1"],
            "estimate": [0.8, 0.9, 0.7, 0.85],
            "n": [50, 50, 80, 60],
            "n_items": 12,
        }
    )
    yi, vi = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.04, 0.09, 0.01, 0.02])
    mean = mean_per_study(table, yi, vi, 0.5)
    assert mean["yi"].to_list() == [2.0, 4.0]
    # A: one pair shares a sample, correlated .5; the third is independent
    expected = (0.04 + 0.09 + 0.01 + 2 * 0.5 * 0.2 * 0.3) / 9
    np.testing.assert_allclose(mean["vi"], [expected, 0.02])
    assert mean["n"].to_list() == [60, 60]


def test_one_per_study_is_the_largest_and_first_of_ties(mibs):
    one = one_per_study(mibs)
    assert one["study_id"].is_unique
    assert one["study_id"].to_list() == list(dict.fromkeys(mibs["study_id"]))
    twelve = mibs[mibs["study_id"] == "12"]
    chosen = one[one["study_id"] == "12"]
    assert chosen["n"].iloc[0] == twelve["n"].max()
    assert one["coefficient_id"].iloc[0] == "1"


def test_the_sentence_says_what_matters(found):
    text = found.sentence()
    assert "In 513 specifications the pooled alpha lies between .691 and .814" in text
    assert "The conclusion depends on the choices: 99% put it at or above .70" in text
    assert "What matters most is the model: on average" in text
    assert found.spread == pytest.approx(np.ptp(found.frame["estimate"]))
    bands = found.bands()
    assert bands["threshold"].to_list() == [0.70, 0.80, 0.90]
    above = (found.frame["ci_low"] >= 0.70).mean() * 100
    assert bands["ci_low"][0] == pytest.approx(above)


def test_a_table_where_nothing_matters_says_so():
    small = multiverse(load_dataset("cesd"))
    assert set(small.frame["dependence"]) == {"ignored"}
    assert small.spread < 0.01
    # .900 to .908 are .90 and .91 in print
    assert "They differ by less than .01." in small.sentence()
    kept = small.frame[small.frame["estimate"].between(0.9001, 0.9049)]
    closer = dataclasses.replace(small, frame=kept.reset_index(drop=True))
    assert "No choice matters for an alpha of two decimals." in closer.sentence()
    assert small.skipped["reason"].to_list() == ["it excludes no coefficient"]
    assert "1 specification skipped" in str(small)


def test_choices_are_shares_of_variance(found):
    choices = found.choices()
    assert set(choices["choice"]) == {"measure", "model", "dependence", "exclusion"}
    assert choices["difference"].is_monotonic_decreasing
    row = pick(choices, choice="dependence")
    means = found.frame.groupby("dependence")["estimate"].mean()
    assert row["difference"] == pytest.approx(means.max() - means.min())
    assert row["high"] == means.idxmax()
    assert choices["share"].between(0, 100).all()


def test_it_stays_short_in_print_and_in_notebooks(found):
    assert len(str(found).splitlines()) < 25
    assert len(found._repr_html_()) < 6_000


def test_fewer_choices_and_other_estimators(mibs):
    found = multiverse(
        mibs,
        measures=["bonett"],
        models=["ML", "SJ"],
        intervals=["wald"],
        dependence=["ignored"],
        exclude=["none"],
    )
    assert found.frame["model"].to_list() == ["ML", "SJ"]


def test_coefficients_other_than_alpha_leave_the_varying_model_out():
    table = load_dataset("cesd")
    table["coefficient_type"], table["se"] = "omega_total", 0.01
    found = multiverse(table, exclude=["none"])
    assert "varying-coefficient" not in set(found.frame["model"])
    assert found.skipped["reason"].str.contains("alphas only").all()
    assert len(found.skipped) == 1


def test_simulated_data_say_so():
    table = load_dataset("cesd").assign(provenance="SIMULATED")
    assert "SIMULATED" in str(multiverse(table, exclude=["none"], models=["DL"]))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"measures": ["bonnet"]}, "did you mean 'bonett'"),
        ({"models": "REML"}, "models must be a sequence"),
        ({"exclude": []}, "exclude must be a sequence"),
        ({"within_correlation": 2}, "within_correlation must lie from 0 to 1"),
        ({"conf_level": 95}, "conf_level"),
    ],
)
def test_unknown_options_are_refused(mibs, options, match):
    with pytest.raises(ModelError, match=match):
        multiverse(mibs, **options)


def test_a_bad_table_is_refused_as_everywhere(mibs):
    with pytest.raises(DataError, match=r"estimate must be below 1: 1\.2"):
        multiverse(mibs.assign(estimate=[1.2, *mibs["estimate"][1:]]))
