"""Trim and fill against metafor, and what it says of filled rows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import effect_sizes, fit_meta, load_dataset
from waistats.sensitivity.trim_and_fill import trim_and_fill

REFERENCE = Path(__file__).parents[1] / "reference" / "sensitivity_metafor.json"
METAFOR = json.loads(REFERENCE.read_text("utf-8"))
METHODS = {"REML": "REML", "DL": "DL", "EE": "CE"}
ADJUSTMENT = {"knha": "knapp-hartung", "z": "wald"}
CASES = [(name, fit) for name, s in METAFOR["sets"].items() for fit in s["fits"]]


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


@pytest.mark.parametrize(("name", "fit"), CASES)
def test_trim_and_fill_is_metafors(name, fit):
    expected = METAFOR["sets"][name]["fits"][fit]["trim_and_fill"]
    model = fitted(name, fit)
    assert len(expected) == 9
    for case, wanted in expected.items():
        estimator, side = case.split("_")
        found = trim_and_fill(model, estimator, None if side == "auto" else side)
        assert (found.k0, found.side) == (wanted["k0"], wanted["side"])
        if isinstance(wanted["se_k0"], str):
            assert np.isnan(found.k0_se)
        else:
            assert found.k0_se == pytest.approx(wanted["se_k0"], rel=1e-10)
        numbers = [found.fit.estimate, found.fit.se, found.fit.tau2, found.fit.Q]
        wished = [wanted[n] for n in ("estimate", "se", "tau2", "Q")]
        np.testing.assert_allclose(numbers, wished, rtol=1e-6, atol=1e-9)
        marked = found.fit.effects.table["filled"].to_numpy(dtype=bool)
        assert marked.sum() == found.k0
        if found.k0:
            filled = found.fit.effects.yi[marked]
            np.testing.assert_allclose(filled, wanted["filled"], rtol=1e-6)
        if estimator == "R0":
            assert found.p_value == pytest.approx(wanted["p_k0"])


def test_filled_rows_say_that_they_are_imputed():
    model = fit_meta(effect_sizes(load_dataset("mibs")))
    found = trim_and_fill(model, "R0", side="left")
    table = found.fit.effects.table
    assert found.k0 == table["filled"].sum() > 0
    last = table.iloc[-1]
    assert last["study_id"] == last["coefficient_id"] == f"Filled {found.k0}"
    assert last["provenance"] == "imputed by trim and fill"
    assert last["estimate"] == pytest.approx(1 - np.exp(-last["yi"]))
    assert found.fit.k == 33 + found.k0
    assert len(found.fit.excluded) == 0
    assert "Filled, on the alpha scale" in str(found)
    assert found.to_frame()["k"].to_list() == [33, 33 + found.k0]


def test_a_mirrored_funnel_lacks_the_other_side():
    data = table("mibs")
    left = trim_and_fill(fit_meta(data), "R0", side="left")
    mirror = data.assign(yi=-data["yi"])
    right = trim_and_fill(fit_meta(mirror), "R0", side="right")
    assert left.k0 == right.k0
    assert right.fit.estimate == pytest.approx(-left.fit.estimate, rel=1e-9)


def test_user_weights_are_kept():
    data = table("raudenbush")
    found = trim_and_fill(fit_meta(data, weights="n"), side="left")
    assert found.fit.weights is not None
    assert len(found.fit.weights) == found.fit.k
