"""Pooled numbers of a study and of its cells: kinds, notes, limits that say nothing."""

import numpy as np
import pandas as pd
import pytest

from waistats import (
    effect_sizes,
    fit_meta,
    generalize,
    load_dataset,
    predict_reliability,
)
from waistats.rg.pooling import pool, pooled_cells


def mixed() -> pd.DataFrame:
    """SIMULATED: alpha of one rater, alpha and KR-20 of the other."""
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "study_id": [f"S{i}" for i in range(10)],
            "rater": ["client"] * 5 + ["therapist"] * 5,
            "coefficient_type": ["alpha"] * 7 + ["kr20"] * 3,
            "estimate": rng.uniform(0.8, 0.95, 10).round(3),
            "n": rng.integers(60, 200, 10),
            "n_items": 12,
        }
    )


def test_kr20_is_pooled_with_alpha_in_cells_as_in_the_headline():
    table = mixed()
    study = generalize(table, by=["rater"])
    assert study.pooled.fit.k == 10
    assert "3 of 10 are KR-20" in study.pooled.note
    cells = study.cells.set_index("rater")
    assert cells["k"].to_dict() == {"client": 5, "therapist": 5}
    # the cell is the model of its rows, of both kinds
    own = pool(effect_sizes(table[table["rater"] == "therapist"]))
    assert cells.loc["therapist", "estimate"] == pytest.approx(
        own.interval()["estimate"], rel=1e-12
    )
    assert "3 of 5 are KR-20" in cells.loc["therapist", "note"]
    assert "KR-20" not in cells.loc["client", "note"]
    # another kind stays by itself
    other = table.assign(coefficient_type=["alpha"] * 7 + ["omega_total"] * 3, se=0.02)
    apart = pooled_cells(effect_sizes(other), ["rater"])
    assert sorted(apart["coefficient_type"]) == ["alpha", "alpha", "omega_total"]


@pytest.fixture
def exploding() -> pd.DataFrame:
    return effect_sizes(
        pd.DataFrame(
            {
                "study_id": list("abc"), "estimate": [0.999, 0.9, 0.2],
                "n": [500, 400, 90], "n_items": 12,
            }
        )
    )  # fmt: skip


def test_limits_that_explode_are_withheld_with_the_reason(exploding):
    pooled = pool(exploding)
    raw = pooled.fit.predict().iloc[0]
    assert raw.ci_low < -10
    ends = pooled.interval()
    assert np.isfinite(ends["estimate"])
    for name in ("ci_low", "ci_high", "pi_low", "pi_high"):
        assert np.isnan(ends[name])
    assert "The confidence interval is withheld (too few studies" in pooled.note
    assert "The prediction interval is withheld (too few studies" in pooled.note
    row = pooled.row()
    assert row["note"] == pooled.note
    # on the model's scale, where nothing explodes, they are the same ones
    assert np.isnan(pooled.interval(back_transform=False)["ci_low"])


@pytest.mark.parametrize("back_transform", [True, False])
def test_a_bare_prediction_says_which_limits_are_withheld(exploding, back_transform):
    """Its numbers are there, on either scale, as a program needs them."""
    frame = fit_meta(exploding).predict(back_transform=back_transform)
    assert np.isfinite(frame[["ci_low", "ci_high"]].to_numpy()).all()
    first, second = frame.attrs["notes"]
    assert first.startswith("The confidence interval says nothing (too few studies")
    assert second.startswith("The prediction interval says nothing (too few studies")
    sound = fit_meta(effect_sizes(load_dataset("cesd"))).predict()
    assert "notes" not in sound.attrs


def test_a_fit_and_a_prediction_withhold_the_same(exploding):
    fit = fit_meta(exploding)
    sentence = fit.alpha_sentence()
    assert sentence.count("withheld (too few studies: it would reach below -0.5)") == 2
    assert f"On the alpha scale: {sentence}" in str(fit)
    found = predict_reliability(fit, n=50)
    assert np.isnan([found.ci_low[0], found.pi_low[0], found.observed_low[0]]).all()
    assert np.isfinite(found.estimate).all()
    text = " ".join(found.notes)
    assert "too few studies" in text
    assert text in " ".join(str(found).split("\n"))


def test_columns_of_cells_may_be_one_name_and_absent_ones_are_said():
    table = mixed().assign(instrument="WAI-S")
    one, many = generalize(table, by="rater"), generalize(table, by=["rater"])
    pd.testing.assert_frame_equal(one.cells, many.cells)
    study = generalize(table, by=["rater", "instument"])
    said = "by=: there is no column 'instument' (did you mean 'instrument'?); it was "
    assert any(note.startswith(said) for note in study.notes)
    assert not any("there is no column" in note for note in one.notes)
