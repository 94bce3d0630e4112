"""Expected reliability of samples that induced it."""

import numpy as np
import pytest

from waistats import DataError, ModelError
from waistats.datasets.simulated_studies import simulate_literature
from waistats.io.readers import read_coefficients
from waistats.measures import effect_sizes
from waistats.meta.fit import fit_meta
from waistats.rg.induced_samples import expected_reliability

SHEET = read_coefficients(simulate_literature(60).table)
EFFECTS = effect_sizes(SHEET)
MODEL = fit_meta(EFFECTS, "~ np.log(n_items) + score_sd")


def test_predictions_are_those_of_the_equation():
    expected = expected_reliability(MODEL, SHEET)
    induced = SHEET[SHEET["reliability_status"] != "reported_own"]
    beta = MODEL.to_frame()["estimate"].to_numpy()
    lines = (
        beta[0] + beta[1] * np.log(induced["n_items"]) + beta[2] * induced["score_sd"]
    )
    assert list(expected.table["study_id"]) == list(induced["study_id"])
    assert expected.table["estimate"].to_numpy() == pytest.approx(
        1 - np.exp(-lines.to_numpy())
    )
    assert expected.inducing == pytest.approx(1 - np.exp(-lines.mean()))
    own = EFFECTS[EFFECTS["yi"].notna()]
    fitted = beta[0] + beta[1] * np.log(own["n_items"]) + beta[2] * own["score_sd"]
    assert expected.reporting == pytest.approx(1 - np.exp(-fitted.mean()))
    assert expected.shift == pytest.approx(expected.inducing - expected.reporting)
    assert set(expected.to_frame()["provenance"]) == {"SIMULATED"}
    assert "of SIMULATED data" in str(expected)


def test_rows_without_a_moderator_are_named():
    sheet = SHEET.copy()
    row = sheet.index[sheet["reliability_status"] == "omitted"][0]
    sheet.loc[row, "score_sd"] = np.nan
    expected = expected_reliability(MODEL, sheet)
    assert expected.left_out == (sheet.loc[row, "study_id"],)
    assert len(expected.table) == 35
    assert sheet.loc[row, "study_id"] in expected.closing()


def test_what_cannot_be_expected_is_refused():
    with pytest.raises(ModelError, match="no moderators"):
        expected_reliability(fit_meta(EFFECTS), SHEET)
    with pytest.raises(DataError, match="no column 'score_sd'"):
        expected_reliability(MODEL, SHEET.drop(columns="score_sd"))
    with pytest.raises(DataError, match="no inducing row has values of"):
        expected_reliability(MODEL, SHEET.assign(score_sd=np.nan))
