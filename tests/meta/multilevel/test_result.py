"""Results of several levels: components, comparisons, print."""

import numpy as np
import pytest
from multilevel_cases import CASES, as_list, fitted, mibs_frame, two_level
from numpy.testing import assert_allclose

from waistats import ModelError
from waistats.meta.fit import fit_meta
from waistats.meta.multilevel.fit import fit_multilevel

# metafor works at variances that dense scoring in R took to full convergence
ESTIMATE, COMPONENT, LIMIT = 1e-8, 1e-6, 1e-6


@pytest.fixture(scope="module", params=CASES)
def pair(request):
    return CASES[request.param], fitted(CASES[request.param])


def test_shares_errors_and_predictions(pair):
    case, fit = pair
    assert_allclose(fit.I2_by_level, as_list(case["I2"]), rtol=COMPONENT, atol=1e-8)
    assert pytest.approx(sum(as_list(case["I2"])), rel=1e-6, abs=1e-8) == fit.I2
    if case["sigma2_se"] is not None and all(fit.estimated):
        assert_allclose(fit.sigma2_se, as_list(case["sigma2_se"]), rtol=1e-6)
    if case["X"] is None:
        row = fit.predict(back_transform=False, prediction="metafor").iloc[0]
        if case["test"] == "t":
            assert_allclose([row.pi_low, row.pi_high], case["pi"], rtol=1e-7)
        assert_allclose(fit.weight_shares(), case["rowsum"], rtol=1e-6, atol=1e-8)


def test_component_tests_refit_without_each(pair):
    case, fit = pair
    tests = fit.component_tests()
    without = np.array(as_list(case["without"]))
    assert_allclose(
        tests["log_likelihood"][fit.estimated], without[fit.estimated], atol=1e-8
    )


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if "profile" in c])
def test_profile_limits(name):
    case = CASES[name]
    fit = fitted(case)
    expected = np.reshape(case["profile"], (-1, 2))
    found = fit.components
    assert list(found) == ["level", "sigma2", "ci_low", "ci_high", "I2"]
    assert_allclose(found[["ci_low", "ci_high"]], expected, rtol=LIMIT, atol=1e-9)


def test_total_interval_holds_the_estimate_and_ends_at_the_drop():
    fit = fitted(CASES["konstantopoulos"])
    frame = fit.heterogeneity_intervals()
    assert frame.index.tolist() == ["tau2", "tau", "I2", "H2"]
    assert (frame.ci_low < frame.estimate).all()
    assert (frame.estimate < frame.ci_high).all()
    # the highest likelihood on the line of this sum is lower by half the quantile
    from waistats.meta.multilevel._likelihood import log_likelihood

    share = np.linspace(0, 1, 20001)
    for end in ("ci_low", "ci_high"):
        total = frame.loc["tau2", end] / fit.problem.unit
        line = total * np.stack([share, 1 - share], axis=1)
        drop = (
            fit.maximum.at.log_likelihood[0] - log_likelihood(fit.problem, line).max()
        )
        assert 2 * drop == pytest.approx(3.841458820694124, abs=1e-6)


def test_nested_models_are_compared():
    frame = two_level(np.random.default_rng(1), x=True)
    full = fit_multilevel(frame, "~ x", method="ML")
    small = fit_multilevel(frame, method="ML")
    test = full.compare(small)
    expected = 2 * (full.log_likelihood - small.log_likelihood)
    assert test.statistic == pytest.approx(expected)
    assert test.df == 1
    fewer = fit_multilevel(frame, "~ x", levels=["coefficient_id"], method="ML")
    assert full.compare(fewer).statistic == pytest.approx(
        full.component_tests()["statistic"][0], abs=1e-9
    )
    correlated = fit_multilevel(frame, method="ML", within_correlation=0.3)
    with pytest.raises(ModelError, match="same V"):
        full.compare(correlated)
    # a one-level model has no correlation either
    one = fit_meta(frame, method="ML", small_sample="wald")
    assert small.compare(one).statistic >= 0
    with pytest.raises(ModelError, match="same V"):
        correlated.compare(one)


def test_prints_as_metafor_prints():
    frame = mibs_frame().assign(measure="bonett")
    text = str(fit_multilevel(frame, small_sample="wald"))
    for part in (
        "Multilevel Meta-Analysis Model (k = 33; method: REML)",
        "sigma^2.1    0.2612  0.5111        26",
        "study_id/coefficient_id",
        "Q(df = 32) = 584.8126, p < .0001",
        "On the alpha scale: .755, 95% CI [.699, .801]",
    ):
        assert part in text
    assert fit_multilevel(frame)._repr_html_().count("<table>") == 2
