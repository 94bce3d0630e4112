"""Limitations, from the data."""

import numpy as np
import pandas as pd
from report_studies import adversarial

from waistats import generalize, load_dataset
from waistats.report.limits import limitations


def test_limitations_come_from_the_data(wai, literature):
    words = " ".join(limitations(wai))
    said = (
        "All 18 cells have", "Of 75 reported coefficients, 40", "No sample size is known",
        "known of 13 coefficients", "29 coefficients was inferred", "COSMIN",
        "induction is not known", "19 were computed by the coder",
    )  # fmt: skip
    assert [s for s in said if s not in words] == []
    assert "SIMULATED" not in words
    assert "SIMULATED" in limitations(literature)[-1]
    assert "induction is not known" not in " ".join(limitations(literature))
    plain = " ".join(limitations(generalize(load_dataset("cesd"))))
    assert "COSMIN" not in plain


def test_cells_with_a_note_are_not_said_to_be_too_small():
    text = " ".join(limitations(adversarial("biased")))
    assert adversarial("biased").cells["note"].ne("").all()
    assert "too few studies to be pooled" not in text
    few = " ".join(limitations(adversarial("three")))
    assert "too few studies to be pooled" in few


def test_many_coefficients_left_biased_are_a_limit():
    """SIMULATED: the bias of 300 coefficients of small samples is 1.7 standard errors."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "study_id": [f"S{i}" for i in range(300)],
            "instrument": "WAI-SR",
            "scale": "total",
            "coefficient_type": "alpha",
            "estimate": (1 - np.exp(-1.9 - 0.05 * rng.normal(size=300))).round(3),
            "n": rng.integers(25, 60, 300),
            "n_items": 12,
            "provenance": "SIMULATED",
        }
    )
    said = {}
    for bias in ("none", "exact"):
        texts = limitations(generalize(table, bias=bias))
        said[bias] = any("bias of the Bonett scale" in text for text in texts)
    assert said == {"none": True, "exact": False}
