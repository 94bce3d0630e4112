"""Identifier columns absent, all blank or partly blank: every public call, one result."""

import numpy as np
import pandas as pd
import pytest

import waistats as ws
from waistats.provenance import SIMULATED


def _tables():
    rng = np.random.default_rng(8)
    studies = [f"S{i // 2}" for i in range(16)]
    plain = pd.DataFrame(
        {
            "study_id": studies,
            "scale": "total",
            "estimate": rng.uniform(0.75, 0.95, 16).round(3),
            "n": np.repeat(rng.integers(60, 200, 8), 2),
            "n_items": 12,
            "score_sd": rng.uniform(5, 9, 16).round(2),
            "score_mean": rng.uniform(40, 50, 16).round(1),
            "year": rng.integers(1995, 2020, 16),
            "coefficient_type": "alpha",
            "response_min": 1,
            "response_max": 7,
            "score_metric": "sum",
            "reliability_status": "reported_own",
            "provenance": SIMULATED,
        }
    )
    blank = plain.assign(sample_id=[None, "", np.nan, " "] * 4, coefficient_id=None)
    partly = plain.assign(sample_id=None, coefficient_id=[None, "c2", *[""] * 14])
    return plain, blank, partly


PLAIN, BLANK, PARTLY = _tables()


def _sized(table):
    return ws.effect_sizes(table)


def _one_each(table):
    return ws.effect_sizes(table.iloc[::2].reset_index(drop=True))


CALLS = {
    "read_coefficients": ws.read_coefficients,
    "check_coefficients": ws.check_coefficients,
    "effect_sizes": ws.effect_sizes,
    "describe_coefficients": ws.describe_coefficients,
    "fit_meta": lambda t: ws.fit_meta(_one_each(t)).to_frame(),
    "fit_meta ~ year": lambda t: ws.fit_meta(_one_each(t), "~ year").to_frame(),
    "fit_multilevel": lambda t: ws.fit_multilevel(_sized(t)).components,
    "fit_multilevel of given yi": lambda t: (
        ws.fit_multilevel(t.assign(yi=_sized(t)["yi"], vi=_sized(t)["vi"])).components
    ),
    "fit_multilevel, correlated": lambda t: ws.fit_multilevel(
        _sized(t), within_correlation=0.5
    ).to_frame(),
    "robust": lambda t: ws.fit_multilevel(_sized(t)).robust().to_frame(),
    "fit_location_scale": lambda t: ws.fit_location_scale(
        _one_each(t), scale="~ year"
    ).to_frame(),
    "fit_bayes": lambda t: ws.fit_bayes(_one_each(t)).to_frame(),
    "fit_varying_coefficient": lambda t: ws.fit_varying_coefficient(
        t.iloc[::2].reset_index(drop=True)
    ).to_frame(),
    "leave_one_out": lambda t: ws.leave_one_out(ws.fit_meta(_one_each(t))).drop(
        columns=["omitted"]
    ),
    "influence": lambda t: ws.influence(ws.fit_meta(_one_each(t))).select_dtypes(float),
    "cumulative": lambda t: ws.cumulative(ws.fit_meta(_one_each(t))).select_dtypes(
        float
    ),
    "multiverse": lambda t: ws.multiverse(t).to_frame(),
    "correlates": lambda t: ws.correlates(t, ["year", "score_sd"]),
    "induction_rate": lambda t: ws.induction_rate(t, by=None).to_frame(),
    "induction_rate of samples": lambda t: ws.induction_rate(
        t, by=None, unit="sample"
    ).to_frame(),
    "flow_counts": ws.flow_counts,
    "spread_analysis": lambda t: ws.spread_analysis(
        t.iloc[::2].reset_index(drop=True)
    ).to_frame(),
    "generalize": lambda t: ws.generalize(t).cells,
    "generalize, moderators": lambda t: ws.generalize(
        t, "~ year"
    ).moderator_model.to_frame(),
    "generalize, screen": lambda t: ws.generalize(t, candidates=["year"]).screen,
    "predict_reliability": lambda t: ws.predict_reliability(
        ws.generalize(t), n=50
    ).to_frame(),
}
NAMES = ["study_id", "sample_id", "coefficient_id"]


def _without_names(frame):
    """Return a frame without the identifiers, which are given back as they were."""
    frame = pd.DataFrame(frame)
    return frame.drop(columns=[c for c in NAMES if c in frame]).reset_index(drop=True)


@pytest.mark.parametrize("name", CALLS)
def test_blank_identifiers_change_nothing(name):
    call = CALLS[name]
    plain = _without_names(call(PLAIN))
    for other in (BLANK, PARTLY):
        pd.testing.assert_frame_equal(
            _without_names(call(other)), plain, check_dtype=False
        )


def test_ids_that_are_filled_differ():
    for table in (PLAIN, BLANK, PARTLY):
        ids = ws.effect_sizes(table)["coefficient_id"]
        assert ids.is_unique
        assert (ids != "").all()
    assert "sample_id" not in ws.effect_sizes(BLANK)


def test_a_blank_study_is_named():
    with pytest.raises(ws.DataError, match="study_id must not be blank: row 2"):
        ws.effect_sizes(PLAIN.assign(study_id=["A", None, *PLAIN["study_id"][2:]]))


def test_numeric_identifiers_take_their_shortest_form():
    effects = ws.effect_sizes(PLAIN.assign(study_id=np.arange(16) / 2))
    assert list(effects["study_id"][:4]) == ["0", "0.5", "1", "1.5"]
