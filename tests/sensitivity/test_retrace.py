"""Which analyses print what a study printed."""

import numpy as np
import pandas as pd
import pytest

from waistats import (
    ModelError,
    effect_sizes,
    fit_meta,
    fit_multilevel,
    load_dataset,
    multiverse,
    retrace,
    simulate_literature,
)
from waistats.sensitivity.retrace import PRIOR

CESD = {"mean": ".91", "ci": (".89", ".92")}


@pytest.fixture(scope="module")
def cesd():
    return load_dataset("cesd")


@pytest.fixture(scope="module")
def simulated():
    """SIMULATED coefficients of several studies, some with two."""
    table = simulate_literature(60, seed=4).table
    return table


def test_the_multiverse_is_retraced(cesd):
    """METHODS 12.11: 38 of the 106 specifications of the CES-D print .91 [.89, .92]."""
    frame = multiverse(cesd).to_frame()
    fits = (
        (frame["estimate"].round(2) == 0.91)
        & (frame["ci_low"].round(2) == 0.89)
        & (frame["ci_high"].round(2) == 0.92)
    )
    assert (fits.sum(), len(frame)) == (38, 106)
    found = retrace(cesd, CESD).matches
    found = found[found["printing"] == "rounded"]
    for row in frame[fits].itertuples():
        same = (
            (found["measure"] == ("raw" if row.measure == "alpha" else row.measure))
            & (found["model"] == row.model)
            & (found["interval"] == row.interval)
            & (found["exclusion"] == row.exclusion)
            & np.isclose(found["estimate"], row.estimate, atol=1e-9)
            & np.isclose(found["ci_low"], row.ci_low, atol=1e-9)
            & np.isclose(found["ci_high"], row.ci_high, atol=1e-9)
        )
        user_weights = row.interval == "knapp-hartung" and "weighted" in row.model
        assert same.any() or user_weights, row


def test_mibs_as_published():
    """Demir et al. (2022) print what REML on Bonett's scale gives."""
    fit = fit_meta(effect_sizes(load_dataset("mibs")), small_sample="wald")
    pooled = fit.predict().iloc[0]
    told = {
        "mean": f"{pooled['estimate']:.3f}",
        "ci": (f"{pooled['ci_low']:.3f}", f"{pooled['ci_high']:.3f}"),
        "tau2": f"{fit.tau2:.3f}",
        "Q": f"{fit.Q:.2f}",
        "k": 33,
    }
    found = retrace(load_dataset("mibs"), told)
    assert found.n_matches >= 1
    first = found.matches.iloc[0]
    assert (first["measure"], first["model"], first["interval"]) == (
        "bonett", "REML", "wald",
    )  # fmt: skip
    # Q and tau2 leave little room
    assert found.n_distinct <= 3


PLANTED = [
    {"measure": "bonett", "method": "REML", "small_sample": "knapp-hartung"},
    {"measure": "raw", "method": "DL", "small_sample": "wald"},
    {"measure": "hakstian-whalen", "method": "PM", "small_sample": "knapp-hartung"},
    {"measure": "fisher-z", "method": "CE", "small_sample": "wald"},
]


@pytest.mark.parametrize("plan", PLANTED, ids=lambda p: f"{p['measure']} {p['method']}")
@pytest.mark.parametrize("digits", [2, 3])
def test_a_planted_analysis_is_among_the_matches(plan, digits, simulated):
    used = simulated[simulated["reliability_status"] == "reported_own"]
    table = effect_sizes(used, measure=plan["measure"])
    fit = fit_meta(table, method=plan["method"], small_sample=plan["small_sample"])
    row = fit.predict().iloc[0]
    found = retrace(
        used,
        {
            "mean": f"{row['estimate']:.{digits}f}",
            "ci": tuple(f"{row[c]:.{digits}f}" for c in ("ci_low", "ci_high")),
            "I2": f"{fit.I2:.1f}",
        },
    )
    same = found.matches.query(
        "rows == 'all' and dependence == 'ignored' and exclusion == 'none' "
        f"and measure == '{plan['measure']}' and model == '{plan['method']}' "
        f"and interval == '{plan['small_sample']}' and mistake == 'none'"
    )
    assert len(same) >= 1
    assert found.simulated
    assert (found.to_frame()["provenance"] == "SIMULATED").all()


def test_a_planted_three_level_model():
    effects = effect_sizes(load_dataset("mibs"))
    fit = fit_multilevel(effects)
    robust = fit.robust().to_frame().iloc[0]
    limits = 1 - np.exp(-robust[["estimate", "ci_low", "ci_high"]].to_numpy(float))
    mean, low, high = (f"{x:.3f}" for x in limits)
    found = retrace(load_dataset("mibs"), {"mean": mean, "ci": (low, high)})
    hit = found.matches.query("dependence == 'multilevel' and interval == 'cr2'")
    assert "bonett" in set(hit["measure"])


def test_a_planted_mistake(cesd):
    table = effect_sizes(cesd)
    wrong = table.assign(vi=table["vi"] ** 2)
    fit = fit_meta(wrong, method="REML", small_sample="wald")
    row = fit.predict().iloc[0]
    told = {"mean": f"{row['estimate']:.4f}", "tau2": f"{fit.tau2:.5f}"}
    found = retrace(cesd, told)
    assert "variance-as-se" in set(found.matches["mistake"])


def test_one_scale_of_several():
    wai = load_dataset("wai")
    part = wai[(wai["scale"] == "total") & (wai["status"] == "poolable")]
    fit = fit_meta(effect_sizes(part), small_sample="wald")
    mean = float(fit.predict()["estimate"].iloc[0])
    told = {"mean": f"{mean:.5f}", "k": len(part)}
    assert "scale total" in set(retrace(wai, told).matches["rows"])


def test_nothing_fits(cesd):
    found = retrace(cesd, {"mean": ".99", "ci": (".98", ".995")})
    assert found.n_matches == 0
    assert len(found.nearest) == 10
    assert found.matches.empty
    assert "None of" in found.sentence()
    assert "mean" in found.sentence()
    assert found.nearest["distance"].is_monotonic_increasing


def test_cut_figures_fit_but_are_less_usual(cesd):
    value = float(fit_meta(effect_sizes(cesd)).predict()["estimate"].iloc[0])  # .90521
    found = retrace(cesd, {"mean": f"{value - 5e-5:.4f}"[:5]})
    assert "rounded" in set(found.matches["printing"])
    cut = retrace(cesd, {"mean": "0.9052"}).matches
    assert set(cut["printing"]) <= {"rounded", "truncated"}


def test_final_zeros_count(cesd):
    assert (
        retrace(cesd, {"mean": "0.90"}).n_matches
        < retrace(cesd, {"mean": "0.9"}).n_matches
    )


def test_the_prior_orders_and_sums_to_one(cesd):
    found = retrace(cesd, CESD)
    frame = found.to_frame()
    assert frame["prior"].sum() == pytest.approx(1)
    assert found.matches["prior"].is_monotonic_decreasing
    for choice in PRIOR:
        if choice != "printing":
            assert set(frame[choice]) <= set(PRIOR[choice]), choice


def test_specifications_with_the_same_numbers_are_named(cesd):
    frame = retrace(cesd, CESD).to_frame()
    for number, group in frame.groupby("same_as"):
        assert group.index[0] == number
        assert np.ptp(group["estimate"]) < 1e-7


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "must name the printed figures"),
        ({"men": ".9"}, "did you mean 'mean'"),
        ({"mean": "x"}, "a number as it was printed"),
        ({"mean": "inf"}, "must be finite"),
        ({"ci": ".9"}, "two limits"),
        ({"ci": (".92", ".89")}, "above the upper"),
    ],
)
def test_figures_that_cannot_be_read(told, words, cesd):
    with pytest.raises(ModelError, match=words):
        retrace(cesd, told)


def test_two_coefficients():
    table = pd.DataFrame(
        {"study_id": ["A", "B"], "estimate": [0.8, 0.9], "n": [50, 80], "n_items": 12}
    )
    assert retrace(table, {"mean": ".85"}).n_matches > 0
