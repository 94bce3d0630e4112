"""Funnel asymmetry and trim and fill against metafor."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import (
    DataError,
    ModelError,
    effect_sizes,
    fit_meta,
    fit_multilevel,
    load_dataset,
)
from waistats.sensitivity._regressions import kendall, kendall_p
from waistats.sensitivity.small_study import (
    PREDICTORS,
    egger_test,
    pet_peese,
    rank_test,
)
from waistats.sensitivity.trim_and_fill import trim_and_fill

REFERENCE = Path(__file__).parents[1] / "reference" / "sensitivity_metafor.json"
METAFOR = json.loads(REFERENCE.read_text("utf-8"))
METHODS = {"REML": "REML", "DL": "DL", "EE": "CE"}
ADJUSTMENT = {"knha": "knapp-hartung", "z": "wald"}
CASES = [(name, fit) for name, s in METAFOR["sets"].items() for fit in s["fits"]]
MODELS = {"rma": "mixed", "lm": "classical"}


def table(name: str) -> pd.DataFrame:
    data = pd.DataFrame(METAFOR["sets"][name]["data"])
    return data.assign(study_id=[str(i + 1) for i in range(len(data))], n=data["ni"])


def fitted(name: str, fit: str, moderators=None):
    method, test = fit.split("_")
    return fit_meta(
        table(name),
        moderators,
        method=METHODS[method],
        small_sample=ADJUSTMENT[test],
    )


@pytest.fixture
def cesd():
    return fit_meta(effect_sizes(load_dataset("cesd")))


@pytest.mark.parametrize(("name", "fit"), CASES)
@pytest.mark.parametrize("moderators", [None, "~ x"])
def test_egger_is_metafors(name, fit, moderators):
    expected = METAFOR["sets"][name]["fits"][fit]["egger_x" if moderators else "egger"]
    model = fitted(name, fit, moderators)
    for theirs, ours in MODELS.items():
        for predictor in PREDICTORS:
            case = expected[f"{theirs}_{predictor}"]
            found = egger_test(model, ours, predictor)
            assert found.statistic == pytest.approx(case["statistic"], rel=1e-6)
            assert found.p_value == pytest.approx(case["p"], rel=1e-6)
            assert found.estimate == pytest.approx(case["slope"], rel=1e-6, abs=1e-9)
            if isinstance(case["df"], (int, float)):
                assert found.df == case["df"]
            else:
                assert np.isnan(found.df)
            if isinstance(case["limit"], float):
                limits = (found.limit, found.limit_low, found.limit_high)
                wanted = [case[n] for n in ("limit", "limit_low", "limit_high")]
                np.testing.assert_allclose(limits, wanted, rtol=1e-6, atol=1e-9)
            else:
                assert np.isnan(found.limit)


@pytest.mark.parametrize("name", list(METAFOR["sets"]))
def test_rank_test_is_metafors(name):
    expected = METAFOR["sets"][name]["rank"]
    found = rank_test(fit_meta(table(name)))
    assert found.statistic == found.estimate
    assert found.statistic == pytest.approx(expected["tau"], rel=1e-10)
    assert found.p_value == pytest.approx(expected["p"], rel=1e-8)


def test_published_numbers_of_the_cesd(cesd):
    on_se, on_n = egger_test(cesd), egger_test(cesd, predictor="n")
    assert (round(on_se.statistic, 3), round(on_se.p_value, 3)) == (0.630, 0.549)
    assert (round(on_n.statistic, 3), round(on_n.p_value, 3)) == (-0.803, 0.448)
    assert on_se.df == 7


def test_the_results_print(cesd):
    text = str(egger_test(cesd))
    assert "t(7) = 0.6300, p = .5487" in text
    assert "alpha .891 [.807, .938]" in text
    assert "Kendall's τ" in str(rank_test(cesd))
    frame = egger_test(cesd).to_frame()
    assert list(frame)[:4] == ["term", "estimate", "statistic", "df"]


def test_classical_egger_is_weighted_least_squares(cesd):
    import statsmodels.api as sm

    y, v = cesd.effects.yi, cesd.effects.vi
    lm = sm.WLS(y, sm.add_constant(np.sqrt(v)), weights=1 / v).fit()
    found = egger_test(cesd, "classical")
    assert found.statistic == pytest.approx(lm.tvalues[1], rel=1e-10)
    assert found.p_value == pytest.approx(lm.pvalues[1], rel=1e-9)


@pytest.mark.parametrize("measure", ["raw", "hakstian-whalen"])
def test_scales_whose_variance_holds_alpha_say_so(measure):
    model = fit_meta(
        effect_sizes(load_dataset("cesd"), measure=measure),
    )
    assert "asymmetric without any selection" in str(egger_test(model))
    assert egger_test(model, predictor="inverse_sqrt_n").notes == ()
    assert rank_test(model).notes
    assert pet_peese(model).notes


def test_interactions_do_not_hide_the_predictor():
    data = table("raudenbush").assign(group=list("ab" * 9 + "a"))
    found = egger_test(fit_meta(data, "~ group:x + group + x"))
    wide = data.assign(
        b=(data["group"] == "b").astype(float), s=np.sqrt(data["vi"])
    ).assign(bx=lambda d: d["b"] * d["x"])
    frame = fit_meta(wide, "~ b + x + bx + s").to_frame().set_index("term")
    assert found.statistic == pytest.approx(frame.loc["s", "statistic"], rel=1e-8)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda d: egger_test(fit_meta(d), "lm"), ModelError, "model must be one of"),
        (
            lambda d: egger_test(fit_meta(d), predictor="sei"),
            ModelError,
            "predictor must be one of .*did you mean 'se'",
        ),
        (
            lambda d: egger_test(fit_meta(d.assign(vi=0.1))),
            ModelError,
            "All 9 se are equal",
        ),
        (
            lambda d: rank_test(fit_meta(d.assign(vi=0.1))),
            ModelError,
            "sampling variances are equal",
        ),
        (
            lambda d: egger_test(fit_meta(d.drop(columns="n")), predictor="n"),
            ModelError,
            "needs the column n",
        ),
        (
            lambda d: egger_test(fit_meta(d.assign(n=[0, *[9] * 8])), predictor="n"),
            DataError,
            "n must be positive, but is not for study_id 1",
        ),
        (lambda d: egger_test(fit_meta(d[:2])), ModelError, "degrees of freedom"),
        (lambda d: pet_peese(fit_meta(d, "~ x")), ModelError, "without moderators"),
        (
            lambda d: pet_peese(fit_meta(d), predictor="n"),
            ModelError,
            "predictor must be one of",
        ),
        (lambda d: trim_and_fill(fit_meta(d, "~ x")), ModelError, "without moderators"),
        (
            lambda d: trim_and_fill(fit_meta(d), "L1"),
            ModelError,
            "estimator must be one of",
        ),
        (
            lambda d: trim_and_fill(fit_meta(d), side="top"),
            ModelError,
            "side must be one of",
        ),
        (
            lambda d: trim_and_fill(fit_meta(d.assign(vi=0.1))),
            ModelError,
            "give side='left' or side='right'",
        ),
    ],
)
def test_what_is_not_defined_is_refused(call, error, match):
    with pytest.raises(error, match=match):
        call(table("cesd"))


def test_pet_peese_is_two_regressions(cesd):
    import statsmodels.api as sm

    y, v = cesd.effects.yi, cesd.effects.vi
    found = pet_peese(cesd)
    for fit, x in ((found.pet, np.sqrt(v)), (found.peese, v)):
        lm = sm.WLS(y, sm.add_constant(x), weights=1 / v).fit()
        np.testing.assert_allclose(fit.beta, lm.params, rtol=1e-9)
        np.testing.assert_allclose(np.sqrt(np.diag(fit.cov)), lm.bse, rtol=1e-9)
    assert found.chosen == "PEESE"
    assert found.estimate == found.peese.beta[0]
    frame = found.to_frame()
    assert frame["chosen"].to_list() == [False, False, True, True]
    assert "PEESE, on the alpha scale: .896" in str(found)


def test_pet_is_kept_where_it_is_not_above_zero():
    rng = np.random.default_rng(2)
    v = rng.uniform(0.01, 0.2, 30)
    y = 2 * np.sqrt(v) + rng.normal(0, np.sqrt(v)) - 0.3
    found = pet_peese(fit_meta(pd.DataFrame({"yi": y, "vi": v})), model="mixed")
    assert found.chosen == "PET"
    assert found.ci_low < found.estimate < found.ci_high


def test_what_is_simulated_stays_so():
    data = table("mibs").assign(provenance="SIMULATED")
    found = trim_and_fill(fit_meta(data), "R0", side="left")
    assert found.k0 > 0
    assert found.fit.effects.simulated
    provenance = found.fit.effects.table["provenance"]
    assert provenance.str.contains("SIMULATED").all()


def test_the_page_is_what_its_script_finds():
    docs = Path(__file__).parents[2] / "docs"
    spec = importlib.util.spec_from_file_location("page", docs / "small_study.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    lines = (docs / "small_study.md").read_text("utf-8").splitlines()
    k = 20
    drawn = page.simulate(page.WORLDS[0], k, page.RUNS, seed=k)
    sizes = {}
    for name in ("Egger, mixed, se, Bonett scale", "Egger, mixed, se, raw alpha"):
        sizes[name] = page.TESTS[name](drawn)
        line = next(x for x in lines if x.startswith(f"| {name} |"))
        shown = [cell.strip() for cell in line.split("|")][3]
        assert shown == f"{sizes[name]:.2f}".removeprefix("0")
    bonett, raw = sizes.values()
    assert abs(bonett - 0.05) < 0.02
    assert raw > 0.5


@pytest.fixture(scope="module", params=["independent", "correlated"])
def levels(request):
    path = Path(__file__).parents[1] / "reference" / "sensitivity_multilevel.json"
    expected = json.loads(path.read_text("utf-8"))[request.param]
    table = load_dataset("mibs")
    mother = table["participants"].str.contains("mother").astype(float)
    effects = effect_sizes(table.assign(mother=mother))
    if request.param == "independent":
        return fit_multilevel(effects), expected["egger"]
    return fit_multilevel(effects, "~ mother", within_correlation=0.6), expected[
        "egger"
    ]


def test_egger_of_a_three_level_model(levels):
    fit, expected = levels
    found = egger_test(fit)
    assert found.estimate == pytest.approx(expected["b"][-1], rel=1e-6)
    # metafor's t is on k - p, which counts coefficients; the test shown is robust
    own = found.fit.beta[-1] / np.sqrt(found.fit.cov[-1, -1])
    assert own == pytest.approx(expected["t"][-1], rel=1e-6)
    assert found.statistic == pytest.approx(expected["cr2_t"][-1], rel=1e-6)
    robust = egger_test(fit, robust=True)
    assert robust.statistic == pytest.approx(expected["cr2_t"][-1], rel=1e-6)
    assert robust.df == pytest.approx(expected["cr2_df"][-1], rel=1e-5)
    assert robust.p_value == pytest.approx(expected["cr2_p"][-1], rel=1e-5)
    assert robust.notes == ()
    few = egger_test(fit_multilevel(fit.effects.table[:8]), robust=True)
    assert "too few clusters to trust" in str(few)
    classical = egger_test(fit, "classical")
    assert classical.df == fit.n_levels[fit.levels[0]] - len(fit.beta) - 1
    assert "It uses one per study" in classical.notes[0]


def test_pet_peese_of_a_three_level_model():
    fit = fit_multilevel(effect_sizes(load_dataset("mibs")))
    found = pet_peese(fit, "mixed")
    assert found.chosen == "PEESE"
    assert found.estimate == found.peese.to_frame()["estimate"][0]
    with pytest.raises(ModelError, match="robust=True needs"):
        egger_test(fit_meta(table("bcg")), robust=True)


@pytest.mark.parametrize("tied", [False, True])
def test_p_values_of_many_outcomes_are_those_of_one_at_a_time(tied: bool) -> None:
    rng = np.random.default_rng(5)
    v = rng.uniform(0.01, 0.2, 17)
    if tied:
        v[:4] = v[4]
    y = rng.normal(size=(17, 60))
    one = [kendall(column, v)[1] for column in y.T]
    np.testing.assert_array_equal(kendall_p(y, v), one)
