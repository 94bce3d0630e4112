"""The classical description, correlations, regressions and length."""

import numpy as np
import pandas as pd
import pytest

from waistats import DataError, describe_coefficients, load_dataset, stem_and_leaf
from waistats.rg.descriptives import mode


def test_cells_of_the_published_coefficients():
    table = describe_coefficients(load_dataset("wai"))
    cells = table.set_index(["instrument", "rater", "scale", "coefficient_type"])
    row = cells.loc[("WAI-S", "client", "total", "alpha")]
    assert (row["k"], row["k_poolable"], row["n"]) == (7, 6, 433)
    values = [0.82, 0.86, 0.98, 0.91, 0.93, 0.9028, 0.8973]
    assert row["mean"] == pytest.approx(np.mean(values))
    assert row["sd"] == pytest.approx(np.std(values, ddof=1))
    assert row["median"] == 0.9028
    # an inter-rater coefficient never joins the alphas
    assert ("WAI-SR", "observer", "total", "icc") in cells.index
    assert table["k_poolable"].max() == 6
    empty = cells.loc[("WAI-36", "observer", "total", "alpha")]
    assert empty["k"] == 0
    assert np.isnan(empty["mean"])


def test_quantiles_and_counts():
    values = [0.80, 0.84, 0.90, 0.90, 0.95]
    table = pd.DataFrame(
        {"study_id": list("AABCD"), "estimate": values, "n": 10, "n_items": 12}
    )
    row = describe_coefficients(table).iloc[0]
    assert (row["k"], row["k_studies"]) == (5, 4)
    assert [row[c] for c in ("min", "q1", "median", "q3", "max")] == pytest.approx(
        np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    )
    assert row["mode"] == 0.90


def test_mode():
    assert mode([0.911, 0.914, 0.95]) == 0.91
    assert mode([0.9, 0.9, 0.8, 0.8]) == 0.9
    assert np.isnan(mode([0.9, 0.8]))
    assert mode([0.7]) == 0.7


def test_stem_and_leaf():
    shown = stem_and_leaf([0.79, 0.91, 0.92, 0.97, 0.999])
    assert shown.split("\n") == [".7 | 9", ".8 |", ".9 | 1279"]
    assert stem_and_leaf([0.29, 0.3]).split("\n") == [".2 | 9", ".3 | 0"]
    with pytest.raises(DataError):
        stem_and_leaf([np.nan])
