"""fit_multilevel against metafor's rma.mv, its special cases and bad input."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from multilevel_cases import CASES, as_list, fitted, mibs_frame, table_of, two_level
from numpy.testing import assert_allclose

from waistats import DataError, ModelError
from waistats.meta._contrasts import model_contrasts, wald_test
from waistats.meta.fit import fit_meta
from waistats.meta.multilevel.fit import fit_multilevel

# metafor works at variances that dense scoring in R took to full convergence
ESTIMATE, COMPONENT, LIMIT = 1e-8, 1e-6, 1e-6


@pytest.fixture(scope="module", params=CASES)
def pair(request):
    return CASES[request.param], fitted(CASES[request.param])


def test_variances_and_likelihood_are_metafors(pair):
    case, fit = pair
    assert_allclose(fit.sigma2, as_list(case["sigma2"]), rtol=COMPONENT, atol=1e-10)
    assert fit.log_likelihood == pytest.approx(case["ll"], abs=1e-9)
    assert fit.log_likelihood >= case["ll_metafor"] - 1e-10
    for name in ("aic", "bic", "aicc"):
        if case["name"] != "two":
            assert getattr(fit, name) == pytest.approx(case[name], rel=1e-6)


def test_coefficients_are_metafors(pair):
    # the model's own tests, and with test="t" on metafor's k - p, which counts
    # coefficients; what is printed counts studies, see test_intervals
    case, fit = pair
    df = None if case["test"] == "z" else float(fit.k - len(fit.beta))
    frame = model_contrasts(np.eye(len(fit.beta)), fit.beta, fit.cov, df, 0.95)
    frame = frame.to_frame()
    for column, key in (
        ("estimate", "b"),
        ("se", "se"),
        ("statistic", "statistic"),
        ("p_value", "p_value"),
        ("ci_low", "ci_low"),
        ("ci_high", "ci_high"),
    ):
        assert_allclose(
            frame[column], as_list(case[key]), rtol=ESTIMATE, atol=ESTIMATE / 10
        )
    assert pytest.approx(case["Q"], rel=1e-8, abs=1e-10) == fit.Q
    assert fit.Q_p == pytest.approx(case["Q_p"], rel=1e-7)
    if case["name"] != "perfect":
        columns = fit.design.moderator_columns
        test = wald_test(fit.beta, fit.cov, columns, df, "", simulated=False)
        assert test.statistic == pytest.approx(case["QM"], rel=1e-7)
        assert test.p_value == pytest.approx(case["QM_p"], rel=1e-6, abs=1e-12)


def test_published_values_of_the_invented_table():
    fit = fitted(CASES["invented"])
    assert fit.beta[0] == pytest.approx(2.2168132, abs=1e-7)
    assert fit.aic == pytest.approx(26.9833073, abs=1e-7)
    assert fit.bic == pytest.approx(28.6781553, abs=1e-7)
    assert fit.aicc == pytest.approx(29.6499739, abs=1e-7)
    assert fit.typical_variance == pytest.approx(0.02074433, abs=1e-8)
    tests = fit.component_tests()
    assert_allclose(tests["statistic"], [1.272733, 55.979389], atol=1e-6)
    assert_allclose(tests["p_value"], tests["p_value_chi2"] / 2)
    with_moderators = fitted(CASES["invented_mods"])
    assert pytest.approx(94.1, abs=0.05) == with_moderators.R2


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("formula", [None, "~ x"])
def test_one_level_is_fit_meta(method, formula):
    frame = two_level(np.random.default_rng(5), x=True)
    fit = fit_multilevel(
        frame, formula, levels=["coefficient_id"], method=method, small_sample="wald"
    )
    meta = fit_meta(frame, formula, method=method, small_sample="wald")
    pd.testing.assert_frame_equal(fit.to_frame(), meta.to_frame(), rtol=1e-9)
    for name in [
        "tau2",
        "tau2_se",
        "I2",
        "H2",
        "Q",
        "log_likelihood",
        "aic",
        "bic",
        "aicc",
    ]:
        assert getattr(fit, name) == pytest.approx(getattr(meta, name), rel=1e-8)
    assert pytest.approx(meta.R2, rel=1e-7, nan_ok=True) == fit.R2
    pd.testing.assert_frame_equal(
        fit.heterogeneity_intervals(), meta.heterogeneity_intervals(), rtol=1e-8
    )
    assert_allclose(fit.weight_shares(), meta.weight_shares(), rtol=1e-8)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_order_of_rows_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    frame = two_level(rng, x=True)
    V = np.diag(frame.vi.to_numpy()) + 0.01 * np.equal.outer(
        frame.study_id.to_numpy(), frame.study_id.to_numpy()
    )
    fit = fit_multilevel(frame, "~ x", V=V)
    order = rng.permutation(len(frame))
    again = fit_multilevel(frame.iloc[order], "~ x", V=V[np.ix_(order, order)])
    pd.testing.assert_frame_equal(fit.to_frame(), again.to_frame(), rtol=1e-8)
    assert_allclose(fit.sigma2, again.sigma2, rtol=1e-7, atol=1e-12)
    pd.testing.assert_frame_equal(
        fit.robust().to_frame(), again.robust().to_frame(), rtol=1e-7
    )


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 1e3))
@settings(max_examples=15, deadline=None)
def test_scaling_scales_the_answer(seed, scale):
    frame = two_level(np.random.default_rng(seed))
    fit = fit_multilevel(frame)
    scaled = frame.assign(yi=frame.yi * scale, vi=frame.vi * scale**2)
    again = fit_multilevel(scaled)
    assert_allclose(again.sigma2, fit.sigma2 * scale**2, rtol=1e-7, atol=1e-12)
    assert_allclose(again.beta, fit.beta * scale, rtol=1e-9)
    assert pytest.approx(fit.I2, rel=1e-7) == again.I2
    shifted = fit_multilevel(frame.assign(yi=frame.yi + 100 * scale))
    assert_allclose(shifted.sigma2, fit.sigma2, rtol=1e-6, atol=1e-10)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_no_point_of_a_grid_is_higher(seed):
    from waistats.meta.multilevel._likelihood import log_likelihood

    rng = np.random.default_rng(seed)
    k = int(rng.integers(4, 30))
    frame = two_level(rng, k=k, groups=int(rng.integers(2, k)))
    frame["vi"] *= np.exp(rng.normal(0, 2, k))
    try:
        fit = fit_multilevel(frame)
    except ModelError:
        return
    L = fit.problem.n_levels
    axes = np.meshgrid(*[np.r_[0, np.geomspace(1e-4, 1e4, 25)]] * L)
    grid = np.stack([axis.ravel() for axis in axes], axis=1)
    highest = log_likelihood(fit.problem, grid).max()
    assert fit.maximum.at.log_likelihood[0] >= highest - 1e-9


def test_forms_of_V_are_one():
    rng = np.random.default_rng(3)
    frame = two_level(rng, k=20, groups=6)
    study = frame.study_id.to_numpy()
    sd = np.sqrt(frame.vi.to_numpy())
    R = np.where(np.equal.outer(study, study), 0.6, 0)
    np.fill_diagonal(R, 1)
    V = R * np.outer(sd, sd)
    expected = fit_multilevel(frame, within_correlation=0.6)
    by_study = {
        name: V[np.ix_(study == name, study == name)] for name in np.unique(study)
    }
    order = np.argsort(study, kind="stable")
    blocks = [by_study[name] for name in np.unique(study)]
    for table, form in (
        (frame, V),
        (frame, pd.DataFrame(V)),
        (frame, by_study),
        (frame.iloc[order], blocks),
    ):
        fit = fit_multilevel(table, V=form)
        assert_allclose(fit.sigma2, expected.sigma2, rtol=1e-8)
        assert_allclose(fit.beta, expected.beta, rtol=1e-10)


def test_samples_of_a_study_are_independent_where_the_table_has_them():
    case = CASES["invented_che"]
    frame, *_ = table_of({**CASES["invented"]})
    sample = [1, 1, 1, 2, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9]
    frame = frame.rename(columns={"level_1": "study_id", "level_2": "coefficient_id"})
    fit = fit_multilevel(frame.assign(sample_id=sample), within_correlation=0.6)
    assert_allclose(fit.sigma2, case["sigma2"], rtol=COMPONENT)
    assert fit.beta[0] == pytest.approx(2.2163807, abs=1e-7)
    per_study = fit_multilevel(frame, within_correlation=0.6)
    assert per_study.beta[0] != pytest.approx(fit.beta[0], abs=1e-4)


def test_excluded_rows_are_listed_and_V_skips_them():
    frame = mibs_frame()
    frame["reason"] = ""
    frame.loc[3, ["yi", "vi"]] = np.nan
    frame.loc[3, "reason"] = "no n"
    V = np.diag(np.nan_to_num(frame.vi, nan=9.0))
    V[3] = V[:, 3] = np.nan
    fit = fit_multilevel(frame, V=V)
    left = frame.drop(index=3)
    assert_allclose(fit.sigma2, fit_multilevel(left).sigma2, rtol=1e-9)
    assert fit.excluded.reason.tolist() == ["no n"]
    assert "1 coefficient excluded" in str(fit)
    blocks = {
        name: np.diag(np.nan_to_num(rows.vi, nan=1.0))
        for name, rows in frame.groupby("study_id")
    }
    assert_allclose(fit_multilevel(frame, V=blocks).sigma2, fit.sigma2, rtol=1e-9)


def test_levels_that_cannot_be_told_apart_are_held_with_a_note():
    frame = mibs_frame().drop_duplicates("study_id")
    fit = fit_multilevel(frame)
    meta = fit_meta(frame)
    assert fit.tau2 == pytest.approx(meta.tau2, rel=1e-8)
    assert fit.sigma2[1] == 0
    assert "groups the rows as" in str(fit)
    assert fit.components["ci_high"].isna().tolist() == [False, True]
    one_study = fit_multilevel(frame.assign(study_id="A"))
    assert one_study.sigma2[0] == 0
    assert one_study.sigma2[1] == pytest.approx(meta.tau2, rel=1e-8)
    assert "not identifiable" in str(one_study)


def test_coefficient_ids_are_optional_and_may_be_blank():
    frame = mibs_frame()
    expected = fit_multilevel(frame).sigma2
    absent = frame.drop(columns="coefficient_id")
    assert_allclose(fit_multilevel(absent).sigma2, expected, rtol=1e-12)
    blank = frame.assign(coefficient_id=None)
    assert_allclose(fit_multilevel(blank).sigma2, expected, rtol=1e-12)
    within = frame.assign(
        coefficient_id=frame.groupby("study_id").cumcount().astype(str)
    )
    assert_allclose(fit_multilevel(within).sigma2, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "options", "error", "match"),
    [
        ({}, {"levels": ["study"]}, DataError, "did you mean 'study_id'"),
        ({}, {"levels": []}, ModelError, "levels must name columns"),
        ({}, {"levels": ["study_id", "study_id"]}, ModelError, "must differ"),
        ({}, {"within_correlation": 1.0}, ModelError, "below 1"),
        ({}, {"within_correlation": -0.1}, ModelError, "at least 0"),
        ({}, {"method": "DL"}, ModelError, "method must be one of 'REML', 'ML'"),
        ({}, {"small_sample": "knapp-hartung"}, ModelError, "small_sample"),
        ({}, {"V": np.eye(3)}, DataError, r"each of the 33 rows.*\(3, 3\)"),
        ({}, {"V": np.zeros((33, 2))}, DataError, "square"),
        ({}, {"V": np.zeros((33, 33))}, DataError, "above 0 on its diagonal"),
        ({}, {"V": np.ones((33, 33))}, DataError, "positive definite"),
        ({}, {"V": np.triu(np.ones((33, 33)))}, DataError, "not symmetric in row 1"),
        ({}, {"V": np.full((33, 33), np.nan)}, DataError, "missing or infinite"),
        ({}, {"V": {"1": np.eye(2)}}, DataError, "no block for study_id 10, 11"),
        ({}, {"V": np.eye(33), "within_correlation": 0.5}, ModelError, "not both"),
        ({"study_id": None}, {}, DataError, "is empty in rows 1, 2"),
        ({"study_id": "A", "coefficient_id": 1}, {}, DataError, "is repeated for A/1"),
    ],
)
def test_bad_input_is_refused(change, options, error, match):
    with pytest.raises(error, match=match):
        fit_multilevel(mibs_frame().assign(**change), **options)


def test_block_of_the_wrong_size_is_named():
    frame = mibs_frame()
    blocks = {name: np.eye(len(rows)) for name, rows in frame.groupby("study_id")}
    blocks["1"] = np.eye(3)
    with pytest.raises(DataError, match=r"study_id 1 \(3 for 2 rows\)"):
        fit_multilevel(frame, V=blocks)


def test_large_tables_fit_fast_and_in_linear_memory():
    import tracemalloc

    peaks = []
    for k in (2500, 5000):
        rng = np.random.default_rng(0)
        frame = two_level(rng, k=k, groups=k // 5, x=True)
        tracemalloc.start()
        fit = fit_multilevel(frame, "~ x", within_correlation=0.5)
        fit.robust()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert fit.beta[0] == pytest.approx(2, abs=0.1)
    assert peaks[1] < 2.6 * peaks[0]
    # a single k x k matrix is 200 MB
    assert peaks[1] < 100e6


def test_covariance_from_item_data_is_taken_as_it_comes():
    from waistats import alpha_covariance, effect_sizes, reliability_by_study

    rng = np.random.default_rng(11)
    frames = []
    for study in range(6):
        trait = rng.normal(size=(60, 1)) + 0.3 * study * rng.normal(size=(60, 1))
        items = trait + rng.normal(size=(60, 6))
        frame = pd.DataFrame(items, columns=[f"q{i}" for i in range(1, 7)])
        frames.append(frame.assign(study=f"S{study}", provenance="SIMULATED"))
    answers = pd.concat(frames, ignore_index=True)
    scales = {"first": ["q1", "q2", "q3"], "last": ["q4", "q5", "q6"]}
    scales["total"] = scales["first"] + scales["last"]
    table = reliability_by_study(answers, study="study", scales=scales, covariance=True)
    effects = effect_sizes(table)
    fit = fit_multilevel(effects, "~ scale", V=table.attrs["V"])
    assert "those given as V" in str(fit)
    by_hand = {
        name: alpha_covariance({s: rows[columns] for s, columns in scales.items()})
        for name, rows in answers.groupby("study")
    }
    again = fit_multilevel(effects, "~ scale", V=by_hand)
    assert_allclose(again.beta, fit.beta, rtol=1e-9)
    assert_allclose(again.sigma2, fit.sigma2, rtol=1e-6, atol=1e-9)
    assert "SIMULATED" in str(fit)
    raw = reliability_by_study(
        answers, study="study", scales=scales, covariance="raw"
    ).attrs["V"]
    assert "is V on the scale of yi?" in str(fit_multilevel(effects, V=raw))


def test_assumed_correlation_is_said():
    text = str(fit_multilevel(mibs_frame(), within_correlation=0.6))
    assert "Sampling errors of one study are assumed to correlate .60." in text


def test_more_coefficients_than_rows_are_refused():
    frame = mibs_frame().head(3).assign(x=[1.0, 2, 4])
    with pytest.raises(ModelError, match="3 coefficients fitted to 3 rows"):
        fit_multilevel(frame, "~ x + I(x**2)")


def test_single_coefficients_among_many_and_tied_values():
    frame = pd.DataFrame(
        {
            "study_id": list("AABCDDDE"),
            "yi": [1.0, 1, 2, 1, 2, 2, 1, 1],
            "vi": [0.1, 0.1, 0.2, 0.1, 0.2, 0.1, 0.1, 1e-6],
        }
    )
    fit = fit_multilevel(frame)
    assert np.isfinite(fit.log_likelihood)
    free = fit.maximum.at.score[0][fit.maximum.sigma2[0] > 0]
    assert_allclose(free, 0, atol=1e-7)
    assert (fit.maximum.at.score[0][fit.maximum.sigma2[0] == 0] <= 0).all()
