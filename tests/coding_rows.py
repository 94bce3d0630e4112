"""Rows of a coding sheet, for its tests."""

import pandas as pd

from waistats.io._codebook import fields


def study(name, **changes):
    return {
        "study_id": name,
        "sample_id": f"{name}_1",
        "coefficient_id": f"{name}_1",
        "year": 2019,
        "provenance": "SIMULATED",
        "reliability_status": "reported_own",
        "instrument_label": "WAI-SR",
        "instrument": "WAI-SR",
        "n_items": 12,
        "response_min": 1,
        "response_max": 5,
        "scale": "total",
        "rater": "client",
        "coefficient_type": "alpha",
        "estimate": 0.91,
        "alpha_decimals": 2,
        "n": 80,
        "evidence": "SIMULATED",
    } | changes


def sheet_of(*rows):
    return (
        pd.DataFrame(rows)
        .reindex(columns=[f.name for f in fields("coding")])
        .astype(object)
    )
