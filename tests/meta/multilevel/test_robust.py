"""CR2, Satterthwaite and HTZ against clubSandwich, and exact identities."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from multilevel_cases import CASES, fitted, mibs_frame, two_level
from numpy.testing import assert_allclose
from scipy import stats

from waistats import DataError, ModelError, TestResult
from waistats.meta.multilevel.fit import fit_multilevel
from waistats.meta.multilevel.robust import hotelling, satterthwaite

DF = 1e-4


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if "robust" in c])
def test_coefficients_are_clubsandwichs(name):
    expected = {
        key: value if isinstance(value, list) else [value]
        for key, value in CASES[name]["robust"].items()
    }
    fit = fitted(CASES[name])
    parts, each = fit.robust().parts, np.eye(len(fit.beta))
    # clubSandwich gives numbers for contrasts that one cluster decides, too
    df, se = satterthwaite(parts, each), np.sqrt(np.diag(parts.cov))
    t, half = fit.beta / se, stats.t.ppf(0.975, df) * se
    found = {
        "se": se,
        "df": df,
        "p_value": 2 * stats.t.sf(np.abs(t), df),
        "ci_low": fit.beta - half,
        "ci_high": fit.beta + half,
    }
    decided = parts.decided(each)
    shown = fit.robust().to_frame()
    for column, values in found.items():
        assert shown[column][decided].isna().all()
        assert_allclose(shown[column][~decided], values[~decided], rtol=1e-12)
    assert_allclose(found["se"], expected["se"], rtol=1e-7)
    assert_allclose(found["df"], expected["df"], rtol=DF / 10)
    for column in ("p_value", "ci_low", "ci_high"):
        assert_allclose(found[column], expected[column], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    "name", [n for n, c in CASES.items() if "htz" in c.get("robust", {})]
)
def test_joint_tests_are_clubsandwichs(name):
    F, q, df, p = CASES[name]["robust"]["htz"]
    fit = fitted(CASES[name])
    parts, each = fit.robust().parts, np.eye(len(fit.beta))[1:]
    found = hotelling(parts, each, fit.beta)
    assert found == pytest.approx((F, q, df), rel=DF / 10)
    assert stats.f.sf(*found) == pytest.approx(p, rel=1e-6)
    shown = fit.robust().omnibus
    assert isinstance(shown, TestResult)
    if parts.decided(each).any():
        assert np.isnan([shown.statistic, shown.df_denominator, shown.p_value]).all()
    else:
        assert shown.statistic == pytest.approx(F, rel=1e-6)
        assert shown.p_value == pytest.approx(p, rel=1e-6)


def test_one_row_joint_test_is_the_t_test():
    fit = fitted(CASES["assink_mods"]).robust()
    frame = fit.to_frame().set_index("term").drop(index="x1")
    for term in frame.index:
        found = fit.test(term)
        assert found.statistic == pytest.approx(frame.loc[term, "statistic"] ** 2)
        assert found.df_denominator == pytest.approx(frame.loc[term, "df"])
        assert found.p_value == pytest.approx(frame.loc[term, "p_value"])


def test_sums_over_clusters_equal_the_sums_over_pairs():
    fit = fitted(CASES["assink_mods"])
    parts = fit.robust().parts
    C = np.eye(4)[1:]
    B, J = parts.bread, len(parts.scores)
    P = -np.einsum("jpr,rs,kts->jkpt", parts.cross, B, parts.cross)
    P[np.arange(J), np.arange(J)] += parts.own
    P = C @ P @ C.T
    total = P[np.arange(J), np.arange(J)].sum(axis=0)
    value, vector = np.linalg.eigh(total)
    root = (vector / np.sqrt(value)) @ vector.T
    P = root @ P @ root
    spread = np.trace(P, axis1=2, axis2=3) ** 2 + np.einsum("jkab,jkba->jk", P, P)
    eta = 3 * 4 / spread.sum()
    assert hotelling(parts, C, fit.beta)[2] == pytest.approx(eta - 2, rel=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_expected_covariance_is_the_models(seed):
    # CR2 is unbiased under the working model: its expectation is (X'M^-1X)^-1
    fit = fit_multilevel(two_level(np.random.default_rng(seed), x=True), "~ x")
    parts = fit.robust().parts
    expected = parts.own - parts.cross @ parts.bread @ parts.cross.mT
    assert_allclose(expected.sum(axis=0), fit.cov, rtol=1e-7, atol=1e-10)
    df = satterthwaite(parts, np.eye(2))
    assert (df > 0).all()
    assert (df <= len(parts.scores) - 1 + 1e-9).all()


def test_single_rows_as_clusters_with_equal_variances_are_the_classical_t():
    y = np.array([1.0, 1.4, 2.2, 0.8, 1.9, 1.1])
    frame = pd.DataFrame({"yi": y, "vi": 0.05})
    found = fit_multilevel(frame, levels=["coefficient_id"]).robust().to_frame()
    assert found.se[0] == pytest.approx(y.std(ddof=1) / np.sqrt(6))
    assert found.df[0] == pytest.approx(5)


def test_wider_clusters_may_be_named_or_given():
    frame = mibs_frame()
    frame["lab"] = (frame.study_id.astype(int) // 3).astype(str)
    fit = fit_multilevel(frame)
    by_name = fit.robust("lab")
    assert by_name.n_clusters == frame.lab.nunique()
    given_values = fit.robust(frame.lab.to_numpy())
    assert_allclose(by_name.cov, given_values.cov)
    assert not np.allclose(by_name.cov, fit.robust().cov)


def test_clusters_are_checked():
    fit = fit_multilevel(mibs_frame())
    with pytest.raises(ModelError, match="cut through groups of study_id"):
        fit.robust("coefficient_id")
    with pytest.raises(DataError, match="did you mean 'study_id'"):
        fit.robust("study")
    with pytest.raises(ModelError, match="at least 2 clusters"):
        fit.robust(np.zeros(33))
    with pytest.raises(ModelError, match="each of the 33 rows"):
        fit.robust(np.zeros(3))
    values = np.arange(33.0)
    values[4] = np.nan
    with pytest.raises(DataError, match="missing in rows 5"):
        fit.robust(values)
    correlated = fit_multilevel(
        mibs_frame(), levels=["coefficient_id"], within_correlation=0.4
    )
    with pytest.raises(ModelError, match="sampling errors are correlated"):
        correlated.robust("coefficient_id")


def test_prints_and_warns_of_few_clusters():
    fit = fitted(CASES["invented_mods"]).robust()
    text = str(fit)
    assert "CR2, 6 clusters of level_1, k = 14" in text
    assert "F(2, 2.35) = 125.2245, p = .0041" in text
    assert "df below 4 for Intercept, x1: too few clusters to trust" in text
    frame, *_ = (mibs_frame().assign(measure="bonett"),)
    shown = str(fit_multilevel(frame).robust())
    assert "too few" not in shown
    assert "On the alpha scale: .755" in shown


def test_predicted_means_have_their_own_df():
    fit = fitted(CASES["invented_mods"])
    robust = fit.robust()
    at = {"x0": np.log(12), "x1": 0.0}
    found = robust.predict(at, back_transform=False).iloc[0]
    x = np.array([[1, np.log(12), 0]])
    assert found.estimate == pytest.approx((x @ fit.beta)[0])
    assert found.se == pytest.approx(np.sqrt(x @ robust.cov @ x.T)[0, 0])
    assert found.df == pytest.approx(satterthwaite(robust.parts, x)[0])
    case = CASES["invented"]["robust"]
    mean = fitted(CASES["invented"]).robust().predict(back_transform=False)
    assert mean.ci_low[0] == pytest.approx(case["ci_low"])
    assert "se" not in robust.predict(at)


def test_a_cluster_that_decides_alone_leaves_no_standard_error():
    frame = mibs_frame().head(6).assign(study_id=list("AABBCC"))
    robust = fit_multilevel(frame, "~ study_id").robust()
    frame = robust.to_frame()
    assert frame[["se", "df", "p_value", "ci_low"]].isna().all(axis=None)
    assert frame.note[0].startswith("no robust test: A alone determines it")
    assert "No robust joint test" in str(robust)
