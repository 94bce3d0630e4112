"""Spread or error: the bivariate model, the common metric, the verdict."""

import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from spread_made import simulated

from waistats import ConvergenceError, DataError, ModelError, SpreadResult, effect_sizes
from waistats.meta import bivariate
from waistats.meta.bivariate import evaluate, maximise, prepare, slope_likelihood
from waistats.reliability.by_study.api import reliability_by_study
from waistats.rg._spread_result import judge
from waistats.rg._spread_rows import sampling_blocks, spread_covariance
from waistats.rg.spread import loading_variation, spread_analysis

ROOT = Path(__file__).parents[2]
REFERENCE = json.loads(
    (ROOT / "tests/reference/spread_bivariate.json").read_text(encoding="utf-8")
)
CASES = REFERENCE["cases"]
NAMES = [f"{c['data']}{'-x' if c['mods'] else ''}" for c in CASES]
# metafor's optimiser stops early; above its log-likelihood lies at most this much
LIKELIHOOD_GAP = 1e-5


def table_of(name: str) -> pd.DataFrame:
    s = REFERENCE["data"][name]
    columns = {"estimate": s["alpha"], "score_sd": s["sd"], "n": s["n"]}
    frame = pd.DataFrame({**columns, "n_items": s["m"], "x": s["x"]})
    return frame.assign(
        study_id=[f"S{i + 1}" for i in range(len(frame))], provenance="SIMULATED"
    )


@cache
def fitted(name: str, mods: bool) -> SpreadResult:
    return spread_analysis(table_of(name), "~ x" if mods else None, metric="as_given")


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_matches_metafor(case):
    found = fitted(case["data"], case["mods"])
    gap = found.bivariate.log_likelihood - case["ll"]
    assert -1e-9 < gap < LIKELIHOOD_GAP
    np.testing.assert_allclose(np.diag(found.sigma), case["tau2"], rtol=1e-3)
    assert found.correlation == pytest.approx(case["rho"], abs=1e-4)
    # metafor's order is all outcomes a term, ours all terms an outcome
    beta = found.bivariate.beta.T.ravel()
    np.testing.assert_allclose(beta, case["beta"], rtol=1e-4, atol=1e-5)
    order = np.arange(len(beta)).reshape(2, -1).T.ravel()
    se = np.sqrt(np.diag(found.bivariate.cov))[order]
    np.testing.assert_allclose(se, case["se"], rtol=1e-3)
    np.testing.assert_allclose(found.error.beta, case["error_b"], rtol=1e-8)
    assert found.error.tau2 == pytest.approx(case["error_tau2"], rel=1e-7, abs=1e-9)
    assert pytest.approx(case["error_QE"], rel=1e-8) == found.error.Q
    if case["error_tau2_ci"]:
        limits = found.to_frame().set_index("term").loc["tau2_error"]
        np.testing.assert_allclose(
            [limits["ci_low"], limits["ci_high"]], case["error_tau2_ci"], atol=1e-6
        )


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_likelihood_is_metafors(case):
    """At metafor's own estimates, constants included."""
    found = fitted(case["data"], case["mods"])
    y = found.table[["yi", "log_variance"]].to_numpy()
    data = prepare(y, sampling_blocks(found.table), found.alpha.design.X)
    first, second = case["tau2"]
    theta = np.array([first, case["rho"] * np.sqrt(first * second), second])
    value = evaluate(data, theta / data.unit).value + data.constant
    assert value == pytest.approx(case["ll"], abs=1e-9)


def test_identity_of_the_three_quantities():
    """Log error variance is log score variance minus transformed alpha, row by row."""
    found = spread_analysis(simulated(15, 0.4, 0.2, 3), metric="as_given")
    table = found.table
    np.testing.assert_allclose(
        table["log_error_variance"], table["log_variance"] - table["yi"], rtol=1e-12
    )
    np.testing.assert_allclose(
        table["sem"], table["sd"] * np.sqrt(1 - table["estimate"]), rtol=1e-12
    )


def test_units_shift_only_the_means():
    table = simulated(15, 0.4, 0.2, 3)
    one = spread_analysis(table, metric="as_given")
    two = spread_analysis(
        table.assign(score_sd=table["score_sd"] * 7.3), metric="as_given"
    )
    np.testing.assert_allclose(two.sigma, one.sigma, rtol=1e-6)
    assert two.slope_low == pytest.approx(one.slope_low, rel=1e-6)
    shift = two.bivariate.beta[1, 0] - one.bivariate.beta[1, 0]
    assert shift == pytest.approx(2 * np.log(7.3), rel=1e-6)
    back = spread_analysis(table.iloc[::-1], metric="as_given")
    np.testing.assert_allclose(back.sigma, one.sigma, rtol=1e-6)


@pytest.mark.slow
def test_promise_of_the_slope():
    """SIMULATED: if only true variance differs, slope 1 and no error heterogeneity."""
    slopes, taus, rejected = [], [], []
    for seed in range(50):
        table = effect_sizes(simulated(15, 0.4, 0, seed))
        y = np.column_stack([table["yi"], 2 * np.log(table["score_sd"])])
        data = prepare(y, sampling_blocks(table), np.ones((15, 1)))
        fit = maximise(data)
        slopes.append(bivariate.slope_of(fit))
        fall = 2 * (fit.log_likelihood - slope_likelihood(data, 1.0))
        rejected.append(fall > 3.841458820694124)
        taus.append(fit.sigma[0, 0])
    assert np.median(slopes) == pytest.approx(1, abs=0.02)
    assert np.subtract(*np.percentile(slopes, [75, 25])) < 0.1
    assert np.mean(rejected) < 0.12
    # a true-score SD of .4 on the log scale, nearly all of the score variance
    assert np.mean(taus) == pytest.approx(0.14, abs=0.03)


@pytest.mark.parametrize(
    ("sd_true", "sd_error", "finding"),
    [(0.5, 0, "spread"), (0, 0, "homogeneous"), (0.5, 0.5, "both"), (0, 0.6, "error")],
)
def test_findings(sd_true, sd_error, finding):
    found = spread_analysis(simulated(30, sd_true, sd_error, 11), metric="as_given")
    assert found.finding == finding
    assert found.verdict in str(found)
    assert "SIMULATED" in found.heading()
    assert set(found.to_frame()["provenance"]) == {"SIMULATED"}
    if finding == "spread":
        assert "score spread, not measurement quality" in found.verdict
        assert found.slope_low < 1 < found.slope_high
        assert found.to_frame().set_index("term").loc["tau2_error", "ci_high"] < 0.02
    if finding == "homogeneous":
        # regression would have found a slope near 1
        assert np.isinf(found.slope_low)


def test_common_sampling_error_is_no_slope():
    """Homogeneous SIMULATED studies: least squares sees a slope, the model does not."""
    found = spread_analysis(simulated(40, 0, 0, 21), metric="as_given")
    ols = np.polyfit(found.table["log_variance"], found.table["yi"], 1)[0]
    assert ols > 0.6
    assert found.test_zero.p_value > 0.05


def test_item_data():
    """Covariance from answers: METHODS' checked numbers."""
    items = pd.read_csv(ROOT / "tests/reference/fixture_items_60x5.csv")
    V = spread_covariance(items)
    np.testing.assert_allclose(
        V, [[0.0521682778, 0.0411342], [0.0411342, 0.0383660]], rtol=2e-6
    )
    with_gap = items.astype(float)
    with_gap.iloc[0, 0] = np.nan
    np.testing.assert_allclose(
        spread_covariance(with_gap), spread_covariance(items[1:])
    )
    with pytest.raises(DataError, match="there are 2"):
        spread_covariance(items[:2])
    with pytest.raises(DataError, match="copies"):
        spread_covariance(np.repeat(items.to_numpy()[:, :1], 3, axis=1))


def answers(seed: int = 2, k: int = 8, n: int = 60) -> pd.DataFrame:
    """SIMULATED answers of k studies to 6 items from 1 to 5."""
    rng = np.random.default_rng(seed)
    spread = np.exp(rng.normal(0, 0.4, k))
    frames = []
    for i in range(k):
        true = rng.normal(3, 0.9 * spread[i], (n, 1))
        shown = np.clip(np.rint(true + rng.normal(0, 0.8, (n, 6))), 1, 5)
        frame = pd.DataFrame(shown, columns=[f"q{j + 1}" for j in range(6)])
        frames.append(frame.assign(study=f"S{i}"))
    return pd.concat(frames, ignore_index=True)


def test_from_responses():
    data = answers()
    table = reliability_by_study(data, study="study", items="q")
    found = spread_analysis(table, response_min=1, response_max=5)
    sums = data.groupby("study")[[f"q{j + 1}" for j in range(6)]].sum()
    assert len(sums) == found.k == 8
    totals = data.drop(columns="study").sum(axis=1).groupby(data["study"]).std()
    np.testing.assert_allclose(found.table["sd"], 100 * totals / 24, rtol=1e-10)
    assert "inferred from their means" in str(found)
    V = np.stack([spread_covariance(g.drop(columns="study")) for _, g in
                  data.groupby("study")])  # fmt: skip
    free = spread_analysis(table, response_min=1, response_max=5, V=V)
    np.testing.assert_allclose(free.alpha.effects.vi, V[:, 0, 0])
    np.testing.assert_allclose(free.spread.effects.vi, V[:, 1, 1])
    assert free.k == 8


def test_forms_give_their_range():
    table = simulated(12, 0.4, 0, 5).assign(instrument="WAI-SR")
    sums = spread_analysis(table, score_metric="sum")
    np.testing.assert_allclose(sums.table["sd"], table["score_sd"] / 48 * 100)
    means = table.assign(score_sd=table["score_sd"] / 12, score_metric="item_mean")
    mixed = pd.concat([table.assign(score_metric="sum")[:6], means[6:]])
    np.testing.assert_allclose(spread_analysis(mixed).table["sd"], sums.table["sd"])
    np.testing.assert_allclose(spread_analysis(mixed).sigma, sums.sigma, rtol=1e-6)


def test_excluded_rows_say_why():
    table = simulated(10, 0.4, 0, 5).assign(
        instrument="WAI-SR", score_metric="sum", coefficient_type="alpha"
    )
    table.loc[1, "score_sd"] = np.nan
    table.loc[2, "coefficient_type"] = "omega_total"
    table.loc[3, "instrument"] = "XYZ"
    table["status"] = "poolable"
    table["reason"] = ""
    table.loc[4, ["status", "reason"]] = ["not_poolable", "only a range"]
    table.loc[5, "score_metric"] = ""
    table.loc[5, "score_sd"] = 1.2
    found = spread_analysis(table)
    assert found.k == 5
    why = found.excluded.set_index("study_id")["reason"]
    assert why["S2"] == "no standard deviation"
    assert why["S3"] == "coefficient_type omega_total, not alpha"
    assert why["S4"].startswith("response range not known")
    assert why["S5"] == "only a range"
    assert why["S6"].startswith("not known whether scores are sums")
    assert "5 coefficients excluded" in str(found)
    assert "Descriptive only" in str(found)


def test_one_scale():
    table = simulated(8, 0.4, 0, 5)
    both = pd.concat([table.assign(scale="total"), table.assign(scale="bond")])
    found = spread_analysis(both, metric="as_given")
    assert found.k == 8
    assert set(found.excluded["reason"]) == {"scale bond, not total"}
    assert "Of 2 scales only total" in str(found)
    assert spread_analysis(both, scale="bond", metric="as_given").k == 8
    with pytest.raises(ModelError, match="bond, total, not 'goal'"):
        spread_analysis(both, scale="goal", metric="as_given")
    other = pd.concat([table.assign(scale="task"), table.assign(scale="bond")])
    with pytest.raises(ModelError, match="choose one with scale="):
        spread_analysis(other, metric="as_given")


def test_variance_factor_and_ceiling_note():
    table = simulated(30, 0.5, 0.02, 5)
    plain = spread_analysis(table, metric="as_given")
    wide = spread_analysis(table, metric="as_given", variance_factor=1.3)
    assert pytest.approx(plain.error.Q / 1.3) == wide.error.Q
    assert plain.error.Q_p < 0.05 <= wide.error.Q_p
    assert "artefact of scores at the ceiling" in plain.closing()
    assert "artefact" not in wide.closing()


def test_lengths_are_named_and_modelled():
    table = pd.concat(
        [simulated(10, 0.4, 0, 6, m=12), simulated(10, 0.4, 0, 7, m=36)]
    ).assign(study_id=[f"S{i}" for i in range(20)])
    found = spread_analysis(table, metric="as_given")
    assert "different length" in found.closing()
    held = spread_analysis(table, "~ np.log(n_items)", metric="as_given")
    assert "different length" not in held.closing()
    assert "are residual" in held.closing()


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({"score_sd": None}, {}, DataError, "score_sd"),
        ({}, {}, ModelError, r"Only 0 samples.*8 rows: response range not known"),
        ({}, {"response_min": 1}, ModelError, "response_max together"),
        (
            {},
            {"response_min": 1, "response_max": 1},
            DataError,
            "response_min must be below",
        ),
        (
            {"score_sd": 9.0},
            {"score_metric": "item_mean", "response_min": 1, "response_max": 5},
            DataError,
            r"larger than the range of answers allows: 9 item_mean \(study_id S1\)",
        ),
        ({"score_metric": "T"}, {"response_min": 1, "response_max": 5}, DataError,
         "score_metric must be 'sum' or 'item_mean', but is T"),
        ({"study_id": "S1"}, {"metric": "as_given"}, DataError,
         "several time points: S1"),
        ({"score_sd": "wide"}, {"metric": "as_given"}, DataError, "'wide'"),
        ({"estimate": 1.0}, {"metric": "as_given"}, DataError, "below 1"),
        ({}, {"metric": "z"}, ModelError, "metric must be one of"),
        ({}, {"metric": "as_given", "variance_factor": 0}, ModelError, "positive"),
        ({}, {"metric": "as_given", "V": np.eye(2)}, DataError, r"shape \(8, 2, 2\)"),
        ({}, {"metric": "as_given", "V": np.ones((8, 2, 2))}, DataError,
         "positive definite, but is not for study_id S1"),
        ({}, {"metric": "as_given", "conf_level": 95}, ModelError, "conf_level"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(change, options, error, message):
    table = simulated(8, 0.4, 0, 5)
    for column, value in change.items():
        if value is None:
            table = table.drop(columns=column)
        else:
            table[column] = value
    with pytest.raises(error, match=message):
        spread_analysis(table, **options)


def test_two_samples_are_too_few():
    with pytest.raises(ModelError, match="Only 2 samples"):
        spread_analysis(simulated(2, 0.4, 0, 5), metric="as_given")
    assert spread_analysis(simulated(3, 0.4, 0, 5), metric="as_given").k == 3


def test_extreme_data():
    """Nearly equal, and wildly different, SIMULATED studies still have a maximum."""
    table = simulated(8, 0.4, 0, 5)
    same = table.assign(estimate=0.9, score_sd=9.0)
    found = spread_analysis(same, metric="as_given")
    assert found.finding == "homogeneous"
    assert np.isnan(found.slope)
    assert (found.slope_low, found.slope_high) == (-np.inf, np.inf)
    wild = table.assign(
        estimate=[-0.5, 0.99, 0.3, 0.9, 0.999, 0.1, 0.7, 0.5],
        score_sd=[0.01, 900, 3, 40, 2, 1e4, 5, 9],
    )
    far = spread_analysis(wild, metric="as_given")
    assert np.isfinite(far.slope)
    assert far.bivariate.log_likelihood == pytest.approx(
        spread_analysis(wild[::-1], metric="as_given").bivariate.log_likelihood
    )
    large = table.assign(n=table["n"] * 10**6)
    assert np.isfinite(spread_analysis(large, metric="as_given").slope)


def test_open_data():
    """74 sites of the Satisfaction With Life Scale: both spread and error differ."""
    path = ROOT.parent / "shared/data/open/manylabs/data_2.12.1_clean.csv"
    if not path.exists():
        pytest.skip("the open data set manylabs/data_2.12.1 is not there")
    data = pd.read_csv(path)
    items = [f"and1.3_{i}" for i in range(1, 6)]
    table = reliability_by_study(data, study="g", items=items)
    found = spread_analysis(table, response_min=1, response_max=7)
    # metafor's rma of the transformed alphas
    assert found.alpha.tau2 == pytest.approx(0.04270279098, rel=1e-8)
    assert found.k == 74
    assert found.finding == "both"
    assert 0 < found.slope_low < 1 < found.slope_high


def congeneric(k=60, seed=5, c2=None):
    """SIMULATED samples in which only the spread of true scores differs (METHODS 12.8)."""
    rng = np.random.default_rng(seed)
    m, loadings = 12, np.linspace(0.5, 1.5, 12)
    phi = rng.choice([0.3, 0.5, 0.9], k)
    n = rng.integers(400, 900, k)
    theta = 7.2
    rows = []
    for one, size in zip(phi, n, strict=True):
        true = rng.normal(0, np.sqrt(one), size)
        items = true[:, None] * loadings
        items = items + rng.normal(0, np.sqrt(theta / m), (size, m))
        S = np.cov(items, rowvar=False)
        alpha = m / (m - 1) * (1 - np.trace(S) / S.sum())
        rows.append((alpha, np.sqrt(S.sum())))
    alpha, sd = np.array(rows).T
    table = pd.DataFrame(
        {
            "study_id": [f"S{i}" for i in range(k)],
            "estimate": alpha,
            "score_sd": sd,
            "n": n,
            "n_items": m,
            "c2": 13 / 132,
            "provenance": "SIMULATED",
        }
    )
    return spread_analysis(table, metric="as_given", c2=c2)


def test_the_identity_of_congeneric_items():
    # s^2 (1 - alpha) = theta + T c2 / (m - 1), checked values of METHODS 12.8
    m, loadings, theta, c2 = 12, np.linspace(0.5, 1.5, 12), 7.2, 13 / 132
    assert loadings.var() / loadings.mean() ** 2 == pytest.approx(c2)
    for phi, expected in ((0.3, 7.58678), (0.5, 7.84463), (0.9, 8.36033)):
        S = phi * np.outer(loadings, loadings) + theta / m * np.eye(m)
        s2 = S.sum()
        alpha = m / (m - 1) * (1 - np.trace(S) / s2)
        assert s2 * (1 - alpha) == pytest.approx(expected, abs=5e-6)
        T = m**2 * loadings.mean() ** 2 * phi
        assert s2 * (1 - alpha) == pytest.approx(theta + T * c2 / (m - 1))
        # the correction gives theta back
        g = c2 / (m - 1)
        assert s2 * (1 - alpha / (1 - g)) == pytest.approx(theta)


def test_unequal_loadings_look_like_error_and_the_correction_undoes_it():
    plain, corrected, column = (congeneric(c2=c2) for c2 in (None, 13 / 132, "c2"))
    assert plain.error.Q_p < 0.001
    assert plain.finding == "both"
    assert corrected.error.Q_p > 0.01
    assert corrected.finding == "spread"
    assert pytest.approx(corrected.error.Q) == column.error.Q
    # theta is 7.2 in every sample
    typical = np.exp(corrected.error.predict(back_transform=False)["estimate"][0])
    assert typical == pytest.approx(7.2, rel=0.02)
    # the caution stands in every verdict
    assert "only for items with equal loadings" in plain.verdict
    assert "corrected for loadings" in corrected.verdict
    with pytest.raises(DataError, match="leave some error variance"):
        congeneric(c2=5.0)
    with pytest.raises(DataError, match="column 'none' was not found"):
        congeneric(c2="none")


def test_compensated_needs_a_test_of_spread():
    result = SimpleNamespace
    alpha = result(Q_p=0.5, Q_df=9, conf_level=0.95)
    error = result(Q_p=0.001)
    wide, narrow = result(Q_p=0.01), result(Q_p=0.4)
    assert judge(alpha, wide, error, None, 0.2) == "compensated"
    few = result(Q_p=0.5, Q_df=3, conf_level=0.95)
    assert judge(few, wide, error, None, 0.2) == "unclear"
    assert judge(alpha, narrow, error, None, 0.2) == "unclear"


def test_loading_variation_of_many_people():
    rng = np.random.default_rng(2)
    loadings = np.linspace(0.5, 1.5, 12)
    people = rng.normal(size=(4000, 1)) * loadings + rng.normal(0, 0.8, (4000, 12))
    assert loading_variation(people) == pytest.approx(13 / 132, rel=0.1)
    with pytest.raises(DataError, match="same sign"):
        loading_variation(people * np.where(np.arange(12) == 3, -1, 1))


def test_equal_alphas_give_a_slope_of_none_or_say_that_there_is_no_maximum():
    """Alphas of .85 in all samples: their variance of none stopped the search."""
    found = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        table = pd.DataFrame(
            {
                "study_id": list("ABCDEFGH"), "estimate": 0.85, "n_items": 12,
                "n": rng.integers(40, 200, 8), "score_sd": rng.uniform(6, 12, 8),
            }
        )  # fmt: skip
        options = {"score_metric": "sum", "response_min": 1, "response_max": 5}
        try:
            result = spread_analysis(table, **options)
        except ConvergenceError:
            continue
        found += 1
        assert result.slope_low < result.slope < result.slope_high
        assert result.slope == pytest.approx(0, abs=0.02)
    assert found >= 2


def test_four_samples_make_no_verdict():
    table = pd.DataFrame(
        {
            "study_id": list("ABCD"), "estimate": [0.95, 0.60, 0.90, 0.70], "n": 200,
            "n_items": 12, "score_sd": [8.0, 9.0, 8.5, 9.5],
        }
    )  # fmt: skip
    found = spread_analysis(table, score_metric="sum", response_min=1, response_max=5)
    assert found.error.Q_p < 0.001
    assert found.finding == "unclear"
    assert "differs across" not in str(found)
