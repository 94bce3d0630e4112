"""Intervals and tests that count studies (METHODS 12.6). All data SIMULATED."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from multilevel_cases import CASES, fitted, two_level
from scipy import stats

from waistats import effect_sizes, fit_multilevel, generalize
from waistats.measures import back_transform

CASE = Path(__file__).parents[2] / "cases"


def read(name):
    return effect_sizes(pd.read_csv(CASE / f"{name}.csv"))


def test_five_studies_of_six_coefficients_each():
    # right_values.json: CR2 with Satterthwaite's df 3.998, within the tolerance of 4
    fit = fit_multilevel(read("five_studies_six_each"))
    row = fit.to_frame().iloc[0]
    assert row["basis"] == "CR2"
    assert row["df"] == pytest.approx(3.998, abs=5e-4)
    shown = fit.predict().iloc[0]
    assert [shown.ci_low, shown.ci_high] == pytest.approx([0.8596, 0.9309], abs=5e-5)
    study = generalize(pd.read_csv(CASE / "five_studies_six_each.csv"))
    ends = study.summary()[["ci_low", "ci_high"]].iloc[0].to_list()
    assert ends == pytest.approx([0.8596, 0.9309], abs=5e-5)
    assert "95% CI [.860, .931]" in study.sentence()
    # prediction: t on studies - 1 with the model's standard error
    half = stats.t.ppf(0.975, 4) * np.sqrt(fit.tau2 + fit.se**2)
    low = back_transform([fit.estimate - half], "bonett")[0]
    assert shown.pi_low == pytest.approx(low)
    assert fit.predict(prediction="metafor").pi_low[0] > shown.pi_low


def test_one_study_against_the_rest():
    fit = fit_multilevel(read("one_study_against_rest"), "~ setting")
    robust = fit.robust()
    frame = robust.to_frame().set_index("term")
    term = "setting[T.outpatient]"
    columns = ["se", "statistic", "df", "p_value", "ci_low", "ci_high"]
    assert frame.loc[term, columns].isna().all()
    assert "Study 01 alone determines it" in frame.loc[term, "note"]
    assert "the model's own: t(6) = 1.6267, p = .1549" in frame.loc[term, "note"]
    assert np.isnan(robust.omnibus.p_value)
    # what is printed is the model's own, labelled, on 8 - 2 studies
    row = fit.to_frame().set_index("term").loc[term]
    assert (row["basis"], row["df"]) == ("model", 6)
    t = fit.beta[1] / np.sqrt(fit.cov[1, 1])
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(t), 6))
    assert fit.omnibus.basis == "model"
    assert fit.omnibus.p_value == pytest.approx(row["p_value"])
    assert fit.decided_by() == "Study 01"
    assert "is determined by Study 01 alone" in str(fit)


def test_the_identity_fails_where_one_cluster_decides():
    fit = fit_multilevel(read("one_study_against_rest"), "~ setting")
    parts = fit.sandwich()
    for contrast in np.eye(2):
        seen = contrast @ parts.expected @ contrast
        assert seen < (1 - 1e-8) * (contrast @ fit.cov @ contrast)
    several = fit_multilevel(two_level(np.random.default_rng(3), x=True), "~ x")
    parts = several.sandwich()
    assert not parts.decided(np.eye(2)).any()
    np.testing.assert_allclose(parts.expected, several.cov, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name", ["invented", "invented_mods", "konstantopoulos"])
def test_the_rule(name):
    fit = fitted(CASES[name])
    if fit.small_sample == "wald":
        pytest.skip("fitted with the normal")
    p = len(fit.beta)
    own = stats.t.ppf(0.975, fit.n_clusters - p) * np.sqrt(np.diag(fit.cov))
    frame, robust = fit.to_frame(), fit.robust().to_frame()
    for j in range(p):
        half = (robust.ci_high[j] - robust.ci_low[j]) / 2
        enough = robust.df[j] >= 3.99
        expected = half if enough else max(half, own[j])
        shown = (frame.ci_high[j] - frame.ci_low[j]) / 2
        assert shown == pytest.approx(expected, rel=1e-9)
        assert (frame.basis[j] == "CR2") == (enough or half >= own[j])


def test_small_degrees_of_freedom_are_said():
    fit = fitted(CASES["invented_mods"])
    notes = " ".join(fit.notes)
    assert "Satterthwaite's df below 4" in notes
    assert "6 - 3 = 3 df" in notes
    assert str(fit).count("Satterthwaite's df below 4") == 1


def test_studies_that_leave_no_degrees_of_freedom():
    frame = two_level(np.random.default_rng(2), k=12, groups=2)
    frame["x"] = (frame.study_id == "S1").astype(float)
    fit = fit_multilevel(frame, "~ x")
    assert np.isnan(fit.df)
    assert fit.to_frame()[["df", "p_value", "ci_low"]].isna().all(axis=None)
    assert "so it has no test" in " ".join(fit.notes)
    one = fit_multilevel(frame[frame.study_id == "S0"])
    assert np.isnan(one.to_frame().ci_low[0])
    assert "come from one study" in " ".join(one.notes)


def test_samples_that_v_joins_are_one_cluster():
    frame = two_level(np.random.default_rng(4), k=30, groups=10)
    frame["sample_id"] = frame.study_id + frame.coefficient_id.astype(str)
    V = np.diag(frame.vi)
    order = frame.study_id.to_numpy()
    for i in range(30):
        for j in range(30):
            if i != j and order[i] == order[j]:
                V[i, j] = 0.4 * np.sqrt(frame.vi[i] * frame.vi[j])
    fit = fit_multilevel(frame, levels=["sample_id"], V=V)
    assert fit.n_clusters == frame.study_id.nunique()
    assert fit.df == frame.study_id.nunique() - 1
    assert not any("takes them as independent" in note for note in fit.notes)
    apart = fit_multilevel(frame, levels=["sample_id"])
    assert any("more than one coefficient" in note for note in apart.notes)


def test_true_values_of_dense_matrices():
    frame = two_level(np.random.default_rng(8), k=25, groups=6, x=True)
    fit = fit_multilevel(frame, "~ x", within_correlation=0.4)
    X, y, V = fit.design.X, fit.effects.yi, fit.V.toarray()
    G = sum(s * (c[:, None] == c) for s, c in zip(fit.sigma2, fit.codes, strict=True))
    pull = G @ np.linalg.inv(G + V)
    D = X - pull @ X
    center = X @ fit.beta + pull @ (y - X @ fit.beta)
    variance = np.diag(G - pull @ G + D @ fit.cov @ D.T)
    found = fit.true_values(0.9, back_transform=False)
    np.testing.assert_allclose(found.estimate, center, rtol=1e-9)
    half = stats.t.ppf(0.95, fit.n_clusters - 2) * np.sqrt(variance)
    np.testing.assert_allclose(found.ci_high - found.estimate, half, rtol=1e-8)


def one_study_literature(rng, sizes, tau, within, n=120):
    """Return SIMULATED effects of studies with several coefficients."""
    study = np.repeat(np.arange(len(sizes)), sizes)
    vi = 2 * 12 / (11 * (rng.integers(60, 300, len(sizes))[study] - 2))
    yi = 2.2 + rng.normal(0, tau, len(sizes))[study]
    yi = yi + rng.normal(0, within, len(study)) + rng.normal(0, np.sqrt(vi))
    names = [f"S{s}" for s in study]
    return pd.DataFrame(
        {
            "study_id": names,
            "coefficient_id": range(len(names)),
            "yi": yi,
            "vi": vi,
            "measure": "bonett",
            "provenance": "SIMULATED",
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "sizes", [(8, 8, 8), (1, 2, 15), (5,) * 5, (1, 1, 4, 20)], ids=str
)
def test_intervals_of_dependent_coefficients_cover(sizes):
    rng = np.random.default_rng(sum(sizes))
    hits = []
    for _ in range(150):
        fit = fit_multilevel(one_study_literature(rng, sizes, 0.25, 0.1))
        row = fit.to_frame().iloc[0]
        hits.append(row.ci_low < 2.2 < row.ci_high)
    # the promise is .93; two standard errors of 150 runs are .042
    assert np.mean(hits) > 0.93 - 0.042


@pytest.mark.slow
def test_one_study_against_seven_rejects_at_its_level():
    rng = np.random.default_rng(11)
    rejected = []
    for _ in range(150):
        table = one_study_literature(rng, (4,) * 8, 0.3, 0.05)
        table["setting"] = np.where(table.study_id == "S0", "in", "out")
        rejected.append(fit_multilevel(table, "~ setting").omnibus.p_value < 0.05)
    # clubSandwich's test rejects in 36% and more
    assert np.mean(rejected) < 0.05 + 0.036
