"""Correlates are correlations and say why not; the regression is least squares with HC3."""

import numpy as np
import pytest
from scipy import stats

from waistats import (
    DataError,
    ModelError,
    classical_regression,
    correlates,
    load_dataset,
)


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
