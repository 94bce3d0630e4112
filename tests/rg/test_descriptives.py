"""The classical description, correlations, regressions and length."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waistats import (
    DataError,
    ModelError,
    classical_regression,
    correlates,
    describe_coefficients,
    lengthening_factor,
    load_dataset,
    mean_inter_item_correlation,
    spearman_brown,
    stem_and_leaf,
)
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


def test_regression_is_ordinary_least_squares():
    table = load_dataset("mibs")
    out = classical_regression(table, "~ year + n")
    X = np.column_stack([np.ones(33), table["year"], table["n"]]).astype(float)
    y = table["estimate"].to_numpy()
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    frame = out.to_frame()
    np.testing.assert_allclose(frame["estimate"], beta, rtol=1e-8)
    fitted = X @ beta
    r2 = 100 * np.corrcoef(fitted, y)[0, 1] ** 2
    assert out.r2 == pytest.approx(r2)
    structure = np.corrcoef(fitted, X[:, 1])[0, 1]
    assert frame["structure"][1] == pytest.approx(structure)
    assert frame["standardized"][1] == pytest.approx(beta[1] * X[:, 1].std() / y.std())
    # HC3: residuals divided by 1 - leverage
    bread = np.linalg.inv(X.T @ X)
    hat = np.einsum("ij,jk,ik->i", X, bread, X)
    e = (y - fitted) / (1 - hat)
    cov = bread @ (X.T * e**2) @ X @ bread
    np.testing.assert_allclose(frame["se"], np.sqrt(np.diag(cov)), rtol=1e-6)


def test_weighted_regression_and_missing():
    table = load_dataset("mibs")
    table.loc[0, "year"] = np.nan
    out = classical_regression(table, "~ year", weights="n")
    assert (out.k, out.n_dropped) == (32, 1)
    assert "1 coefficient with missing predictors" in str(out)
    used = table.dropna(subset=["year"])
    expected = np.polyfit(used["year"], used["estimate"], 1, w=np.sqrt(used["n"]))
    assert out.to_frame()["estimate"][1] == pytest.approx(expected[0], rel=1e-6)
    with pytest.raises((DataError, ModelError)):
        classical_regression(table, "~ nothing")


def test_spearman_brown():
    # worked examples: .91 at 12 -> 36, .95 at 36 -> 12, .91 at 12 -> 4
    assert spearman_brown(0.91, 12, 36) == pytest.approx(0.9681, abs=5e-5)
    assert spearman_brown(0.95, 36, 12) == pytest.approx(0.8636, abs=5e-5)
    assert spearman_brown(0.91, 12, 4) == pytest.approx(0.7712, abs=5e-5)
    there_and_back = spearman_brown(spearman_brown([0.8, -0.02], 12, 36), 36, 12)
    np.testing.assert_allclose(there_and_back, [0.8, -0.02])
    with pytest.raises(DataError, match="cannot be projected"):
        spearman_brown(-0.6, 12, 36)
    with pytest.raises(DataError, match="positive"):
        spearman_brown(0.6, 0, 36)
    r = mean_inter_item_correlation(0.91, 12)
    assert 12 * r / (1 + 11 * r) == pytest.approx(0.91)
    f = lengthening_factor(0.8, 0.9)
    assert spearman_brown(0.8, 10, 10 * f) == pytest.approx(0.9)
