"""What was given to a figure or table: its model, its pooled row, its frames."""

import numpy as np
import pandas as pd
import pytest

from waistats import (
    ModelError,
    effect_sizes,
    fit_meta,
    fit_multilevel,
    generalize,
    load_dataset,
)
from waistats.rg.as_model import (
    as_independent,
    as_model,
    as_pooled,
    has_model,
    left_out_by,
    of_study,
    pooled_row,
)
from waistats.sensitivity.trim_and_fill import trim_and_fill

ENDS = ["estimate", "ci_low", "ci_high", "pi_low", "pi_high"]


@pytest.fixture(scope="module")
def cesd():
    return generalize(load_dataset("cesd"))


@pytest.fixture(scope="module")
def mibs():
    return generalize(load_dataset("mibs"))


def test_everything_that_holds_a_model_gives_it(cesd):
    fit = fit_meta(effect_sizes(load_dataset("cesd")))
    filled = trim_and_fill(fit)
    assert as_model(fit) is fit
    assert as_model(cesd) is cesd.overall
    assert as_model(cesd.pooled) is cesd.pooled.fit
    assert as_model(filled) is filled.fit
    levels = fit_multilevel(effect_sizes(load_dataset("mibs")))
    assert as_model(levels) is levels
    assert all(map(has_model, (fit, cesd, cesd.pooled, filled, levels)))


def test_what_holds_none_is_refused(cesd):
    for other in ("model", 3, None, load_dataset("cesd")):
        assert not has_model(other)
        assert as_pooled(other) is None
        with pytest.raises(ModelError, match="A fitted model is needed"):
            as_model(other)
    with pytest.raises(ModelError, match="no overall model: too few studies"):
        as_model(generalize(load_dataset("cesd").head(2)))


def test_frames_of_a_study_are_taken_by_name(cesd):
    assert of_study(cesd, "conf_level", 0.5) == cesd.conf_level
    frame = pd.DataFrame()
    assert of_study(frame, "levels", frame) is frame


def test_studies_are_left_out_where_they_give_several_rows(cesd, mibs):
    assert left_out_by(cesd) is None
    assert left_out_by(mibs) == "study_id"
    assert as_independent(mibs) is mibs.pooled.independent
    assert as_independent(mibs) is not mibs.overall


def test_the_row_of_a_study_is_the_one_that_it_prints(mibs):
    row = pooled_row(mibs, back_transform=True)
    printed = mibs.pooled.row()
    assert row[ENDS].tolist() == [printed[name] for name in ENDS]
    assert pooled_row(mibs)["estimate"] == pytest.approx(mibs.overall.estimate)


def test_limits_that_say_nothing_are_withheld_unless_asked_for():
    table = pd.DataFrame(
        {
            "study_id": list("ABC"), "estimate": [0.98, 0.55, 0.90], "n": [40, 60, 80],
            "n_items": 12,
        }
    )  # fmt: skip
    fit = fit_meta(effect_sizes(table))
    row = pooled_row(fit, back_transform=True)
    assert np.isfinite(row["estimate"])
    assert row[["ci_low", "pi_low"]].isna().all()
    whole = pooled_row(fit, back_transform=True, withhold=False)
    expected = fit.predict().iloc[0]
    assert whole[ENDS].tolist() == expected[ENDS].tolist()
