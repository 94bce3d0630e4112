"""What results say of their own intervals, against what was simulated."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waistats import effect_sizes, fit_meta, fit_multilevel, generalize, load_dataset
from waistats.meta._promises import (
    mean_notes,
    measured,
    prediction_coverage,
    probability_notes,
)

ITEMS = 12


def simulated(k: int, tau: float, n: int, seed: int, **options) -> pd.DataFrame:
    """SIMULATED alphas by their exact law."""
    rng = np.random.default_rng(seed)
    error = np.log(rng.f(n - 1, (n - 1) * (ITEMS - 1), k))
    alpha = -np.expm1(-(1.9 + rng.normal(0, tau, k) + error))
    table = pd.DataFrame({"study_id": [f"S{i}" for i in range(k)], "estimate": alpha})
    return effect_sizes(table.assign(n=n, n_items=ITEMS), **options)


def test_the_bias_of_the_scale_is_said_where_it_costs_coverage():
    fit = fit_meta(simulated(100, 0.1, 30, 1))
    (note,) = fit.notes
    assert "The bias of the Bonett scale, about -0.03" in note
    assert 'bias="exact" removes it' in note
    assert note in str(fit)
    assert fit_meta(simulated(100, 0.1, 30, 1, bias="exact")).notes == ()
    assert fit_meta(simulated(8, 0.3, 100, 1)).notes == ()
    hakstian = fit_meta(simulated(100, 0.1, 30, 1, measure="hakstian-whalen"))
    assert not any("bias" in note for note in hakstian.notes)
    assert hakstian.notes == mean_notes(hakstian)


def test_the_coverage_that_is_said_is_the_one_that_is_found():
    """Intervals of SIMULATED tables cover what their notes say, within its error."""
    said, covered = [], []
    for seed in range(150):
        fit = fit_meta(simulated(80, 0.1, 30, seed))
        (note,) = fit.notes
        said.append(float(note.split("covers about ")[1].split("%")[0]))
        row = fit.predict(back_transform=False).iloc[0]
        covered.append(row.ci_low < 1.9 < row.ci_high)
    error = 100 * np.sqrt(0.7 * 0.3 / 150)
    assert np.mean(said) == pytest.approx(100 * np.mean(covered), abs=3 * error)


def test_a_multilevel_model_says_the_same():
    table = pd.concat(
        [simulated(40, 0.1, 30, 2), simulated(40, 0.1, 30, 3)], ignore_index=True
    )
    table["coefficient_id"] = [str(i) for i in range(len(table))]
    assert any(
        "bias of the Bonett scale" in note for note in fit_multilevel(table).notes
    )


def test_metafors_interval_stands_beside_one_that_is_wide():
    table = simulated(10, 0.0, 100, 7)
    fit = fit_meta(table)
    assert fit.tau == 0
    (note,) = fit.prediction_notes()
    row = fit.predict(prediction="metafor").iloc[0]
    limits = f"[{row.pi_low:.3f}, {row.pi_high:.3f}]".replace("0.", ".")
    assert limits in note
    own, old = prediction_coverage(10, 0.0)
    assert f"holds {100 * own:.1f}% of new populations" in note
    assert f"and holds {100 * old:.1f}%" in note
    assert note in str(fit)
    study = generalize(table)
    assert note in study.pooled.notes
    assert generalize(table, prediction="metafor").pooled.notes == ()
    # where tau is known to be large nothing needs saying
    assert fit_meta(effect_sizes(load_dataset("cesd"))).prediction_notes() == ()


def test_measured_coverage_is_looked_up_at_the_nearest_number_of_studies():
    cells = pd.DataFrame(measured()["prediction"])
    row = cells[cells["k"] == 20].sort_values("ratio").iloc[-1]
    assert prediction_coverage(21, row["ratio"])[0] == pytest.approx(row["default"])
    assert prediction_coverage(20, 99.0)[0] == pytest.approx(row["default"])
    assert (cells["default"] >= 0.93).all()


def test_a_prediction_interval_holds_what_is_looked_up():
    """SIMULATED: k = 10 and tau of a fifth of the standard errors."""
    n, tau = 60, 0.05
    inside = []
    for seed in range(150):
        row = (
            fit_meta(simulated(10, tau, n, seed)).predict(back_transform=False).iloc[0]
        )
        ends = stats.norm.cdf([row.pi_low, row.pi_high], 1.9, tau)
        inside.append(ends[1] - ends[0])
    se = np.sqrt(2 * ITEMS / ((ITEMS - 1) * (n - 2)))
    own, _ = prediction_coverage(10, tau / se)
    assert np.mean(inside) == pytest.approx(own, abs=0.02)


def several(studies: int, each: int, seed: int = 1) -> pd.DataFrame:
    """SIMULATED alphas, several of each study."""
    table = pd.concat([simulated(studies, 0.2, 60, seed + i) for i in range(each)])
    names = [str(i) for i in range(len(table))]
    return table.reset_index(drop=True).assign(coefficient_id=names)


def unequal(k: int, seed: int = 1, **options) -> pd.DataFrame:
    """SIMULATED alphas of samples of 20, 50, 100 and 300 by turns."""
    sizes = np.resize([20, 50, 100, 300], k)
    parts = [simulated(1, 0.3, int(n), seed + i) for i, n in enumerate(sizes)]
    table = pd.concat(parts, ignore_index=True)
    table["study_id"] = [f"S{i}" for i in range(k)]
    return effect_sizes(table.drop(columns=["yi", "vi", "measure"]), **options)


def test_few_and_very_unequal_samples_are_said_to_cover_less():
    fit = fit_meta(unequal(5))
    (note,) = mean_notes(fit)
    cells = pd.DataFrame(measured()["mean"]).query(
        "measure == 'bonett' and method == 'random' and test == 'knapp-hartung'"
    )
    row = cells[(cells["k"] == 5) & (cells["low"] < 0.93)].iloc[0]
    assert f"covered {100 * row['low']:.1f}% to {100 * row['high']:.1f}%" in note
    assert "simulations of 5 studies" in note
    assert note in str(fit)
    assert note in generalize(unequal(5)).pooled.notes
    # samples of like size, and more of them, cover what they say
    assert mean_notes(fit_meta(simulated(5, 0.3, 60, 1))) == ()
    assert mean_notes(fit_meta(unequal(12))) == ()
    assert mean_notes(fit_meta(unequal(12), small_sample="wald")) != ()
    assert mean_notes(fit_meta(unequal(12), method="CE")) != ()
    assert mean_notes(fit_meta(unequal(12, measure="raw"))) != ()
    assert mean_notes(fit_meta(unequal(5), conf_level=0.9)) == ()


def test_an_interval_of_unequal_samples_covers_what_its_note_says():
    """SIMULATED: tau .3, five samples of 20 to 300."""
    covered = []
    for seed in range(0, 4000, 10):
        row = fit_meta(unequal(5, seed)).predict(back_transform=False).iloc[0]
        covered.append(row.ci_low < 1.9 < row.ci_high)
    cells = pd.DataFrame(measured()["mean"]).query("measure == 'bonett' and k == 5")
    low = cells[(cells["test"] == "knapp-hartung") & (cells["method"] == "random")]
    error = np.sqrt(0.91 * 0.09 / len(covered))
    assert np.mean(covered) == pytest.approx(low["low"].min(), abs=3.5 * error)


def test_predictions_of_few_studies_with_several_coefficients_say_what_they_hold():
    fit = fit_multilevel(several(5, 3))
    (note,) = fit.prediction_notes()
    low, high = next(r["pi"] for r in measured()["levels"] if r["studies"] == 5)
    assert low < 0.93
    assert f"held {100 * low:.1f}% to {100 * high:.1f}% of new coefficients" in note
    assert note in str(fit)
    assert note in generalize(several(5, 3)).pooled.notes
    assert fit_multilevel(several(14, 3)).prediction_notes() == ()
    # no interval of a mean falls short
    assert all(row["ci"][0] >= 0.93 for row in measured()["levels"])


def test_probabilities_say_how_far_they_were_off():
    table = pd.DataFrame(measured()["probability"]).set_index("k")
    (note,) = probability_notes(fit_meta(simulated(6, 0.3, 60, 1)))
    assert "simulations of 5 studies;" in note
    assert f"within {table.loc[5, 'gap']:.2f}".replace("0.", ".") in note
    first, second = table.loc[5, "half"]
    assert f"stated as .50 to .60 were {-first:.2f}".replace(" 0.", " .") in note
    assert f"stated as .60 to .70 {-second:.2f} too low".replace(" 0.", " .") in note
    levels = pd.DataFrame(measured()["probability_levels"]).set_index("studies")
    (note,) = probability_notes(fit_multilevel(several(5, 3)))
    assert "simulations of 4 studies that give several coefficients" in note
    assert f"within {levels.loc[4, 'gap']:.2f}".replace("0.", ".") in note
    # stated probabilities below .7 are too low, not too high
    for frame in (table, levels):
        assert all(gap < 0 for gaps in frame["half"] for gap in gaps)
