"""Correlates are correlations, and say why not."""

import numpy as np
import pytest
from scipy import stats

from waistats import DataError, correlates, load_dataset


def test_correlates_are_correlations():
    table = load_dataset("mibs")
    out = correlates(table, ["n", "year", "pubtype"]).set_index("characteristic")
    for name in ("n", "year"):
        r, p = stats.pearsonr(table[name], table["estimate"])
        assert out.loc[name, "estimate"] == pytest.approx(r)
        assert out.loc[name, "p_value"] == pytest.approx(p)
        limits = stats.pearsonr(table[name], table["estimate"]).confidence_interval()
        assert out.loc[name, "ci_low"] == pytest.approx(limits.low)
    dummy = (table["pubtype"] == "Thesis").astype(float)
    expected = stats.pearsonr(dummy, table["estimate"])[0]
    assert out.loc["pubtype = Thesis", "estimate"] == pytest.approx(expected)
    order = np.sort(out["p_value"])
    holm = np.maximum.accumulate(order * np.arange(3, 0, -1)).clip(max=1)
    np.testing.assert_allclose(np.sort(out["p_adjusted"]), holm)


def test_correlates_say_why_not():
    table = load_dataset("cesd").iloc[:3]
    out = correlates(table, ["n", "n_items", "instrument"]).set_index("characteristic")
    assert "fewer than 4" in out.loc["n", "note"]
    assert out["estimate"].isna().all()
    with pytest.raises(DataError, match=r"yeer \(did you mean 'year'\?\)"):
        correlates(load_dataset("mibs"), ["yeer"])
