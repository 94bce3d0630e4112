"""fit_meta against metafor 3.8 on eight data sets, every estimator."""

import json
from fractions import Fraction
from operator import mul
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import fit_meta, fit_meta_many
from waistats.meta.tau2 import METHODS, check_method

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference/meta_fit.json").read_text(encoding="utf-8")
)
EXTRA = REFERENCE["extra"]
FORMULA = {"mean": None, "x": "~ x", "g": "~ g"}
TEST = {"z": "wald", "knha": "knapp-hartung", "adhoc": "knapp-hartung-adhoc"}
# metafor stops an iteration at a change of 1e-12 in tau2 and uniroot at 1e-14
RTOL, ATOL = 1e-8, 1e-8


def table(name: str) -> pd.DataFrame:
    data = REFERENCE["data"][name]
    columns = {"yi": data["y"], "vi": data["v"]}
    columns |= {c: data[c] for c in ("x", "g") if c in data}
    frame = pd.DataFrame(columns)
    frame["study_id"] = [f"S{i}" for i in range(len(frame))]
    return frame


def case_id(case):
    return "-".join(case[c] for c in ("data", "method", "test", "model"))


def check(ours, theirs, rtol=RTOL, atol=ATOL):
    if theirs is None or theirs == "NA":
        return
    expected = np.array(
        [np.nan if v is None else v for v in np.atleast_1d(theirs)], dtype=float
    )
    np.testing.assert_allclose(np.atleast_1d(ours), expected, rtol=rtol, atol=atol)


def check_collapsed(case, result):
    assert result.small_sample == "knapp-hartung-adhoc"
    assert any("knapp-hartung-adhoc" in note for note in result.notes)
    check(result.tau2, case["tau2"], rtol=1e-7)
    check(result.beta, case["b"])
    plain = fit_meta_many(
        result.effects.yi, result.effects.vi, result.design.X, method=case["method"]
    )
    if case["data"] != "perfect":
        check(plain.se, case["se"], rtol=1e-7)
        # no factor below 1 remains
        wald = np.sqrt(np.diag(result.cov))
        assert np.all(wald > np.atleast_1d(case["se"]))


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=case_id)
def test_matches_metafor(case):
    result = fit_meta(
        table(case["data"]),
        FORMULA[case["model"]],
        method=case["method"],
        small_sample=TEST[case["test"]],
    )
    frame = result.to_frame()
    if result.small_sample != TEST[case["test"]]:
        # Q is far below its df: the ad-hoc form is used and said, metafor's is narrower
        check_collapsed(case, result)
        return
    # se of tau2 amplifies tau2's own tolerance where tau2 is close to 0
    check(result.tau2, case["tau2"], rtol=1e-7)
    check(result.tau2_se, case["se.tau2"], rtol=1e-6)
    check(frame["estimate"], case["b"])
    if case["data"] == "perfect" and case["model"] == "x":
        # residuals are rounding noise: metafor calls them 0, so do we
        assert result.Q < 1e-20
        return
    check(frame["se"], case["se"], rtol=1e-7)
    check(frame["p_value"], case["pval"], rtol=1e-6)
    check(frame["ci_low"], case["ci.lb"], rtol=1e-7)
    check(frame["ci_high"], case["ci.ub"], rtol=1e-7)
    # metafor forms P, which costs digits with extreme weights: see test_Q_is_exact
    check(result.Q, case["QE"], rtol=1e-7)
    check(result.Q_p, case["QEp"], rtol=1e-7)
    check(result.omnibus.statistic, case["QM"], rtol=1e-6)
    check(result.omnibus.p_value, case["QMp"], rtol=1e-6)
    check(result.I2, case["I2"], rtol=1e-7, atol=1e-6)
    check(result.H2, case["H2"], rtol=1e-7)
    likelihood = case["ll.REML"] if case["method"] == "REML" else case["ll.ML"]
    loose = 1e-7 if case["data"] == "imbalance" else RTOL
    criteria = [result.log_likelihood, result.aic, result.bic, result.aicc]
    check(
        criteria, [likelihood, *(case[c] for c in ("aic", "bic", "aicc"))], rtol=loose
    )
    if case["method"] != "EE" and np.isfinite(result.R2):
        check(result.R2, case["R2"], rtol=1e-6, atol=1e-5)


def test_Q_is_exact():
    """With weights from 0.25 to 10^6, against rational arithmetic."""
    frame = table("imbalance")
    y, x, v = (
        [Fraction(str(value)) for value in frame[column]]
        for column in ("yi", "x", "vi")
    )
    w = [1 / value for value in v]
    s, sx, sy = sum(w), sum(map(mul, w, x)), sum(map(mul, w, y))
    sxx = sum(a * b * b for a, b in zip(w, x, strict=True))
    sxy = sum(a * b * c for a, b, c in zip(w, x, y, strict=True))
    slope = (s * sxy - sx * sy) / (s * sxx - sx * sx)
    intercept = (sy - slope * sx) / s
    exact = sum(
        a * (b - intercept - slope * c) ** 2 for a, b, c in zip(w, y, x, strict=True)
    )
    check(fit_meta(frame, "~ x").Q, float(exact), rtol=1e-13)


def test_grid_of_references_is_complete():
    seen = {(c["data"], c["method"], c["test"]) for c in REFERENCE["cases"]}
    methods = {c["method"] for c in REFERENCE["cases"]}
    # SJIT is PM at its limit, where metafor stops on the way
    assert set(map(check_method, methods)) == set(METHODS) - {"SJIT"}
    assert len({c["data"] for c in REFERENCE["cases"]}) == 8
    absent = [
        (d, m, t)
        for d in REFERENCE["data"]
        for m in methods
        for t in ("z", "knha")
        if (d, m, t) not in seen
    ]
    assert absent == []


def test_batch_is_the_single_fit():
    for name in REFERENCE["data"]:
        frame = table(name)
        for method in ("REML", "DL", "PM", "ML", "SJ", "CE"):
            many = fit_meta_many(frame["yi"], frame["vi"], method=method)
            one = fit_meta(frame, method=method)
            check(many.estimate, one.estimate, rtol=1e-13)
            check(many.tau2, one.tau2, rtol=1e-13)
            check([many.Q, many.I2], [one.Q, one.I2], rtol=1e-12)


def test_adhoc_never_narrows():
    result = fit_meta(table("tau2_zero"), small_sample="knapp-hartung-adhoc")
    check(result.se, EXTRA["adhoc"]["se"])


def test_predictions():
    cesd = fit_meta(table("cesd"))
    cesd = cesd.predict(back_transform=False, prediction="metafor").iloc[0]
    names = {"estimate": "pred", "se": "se", "ci_low": "ci.lb", "pi_low": "pi.lb"}
    for ours, theirs in (names | {"ci_high": "ci.ub", "pi_high": "pi.ub"}).items():
        check(cesd[ours], EXTRA["predict"][theirs])
    result = fit_meta(table("bcg"), "~ x + g")
    new = pd.DataFrame({"x": [30, 50], "g": ["systematic", "random"]})
    ours = result.predict(new, prediction="metafor")
    for name, theirs in (names | {"ci_high": "ci.ub", "pi_high": "pi.ub"}).items():
        if name != "se":
            check(ours[name], EXTRA["predict_mods"][theirs], rtol=1e-7)
    gvif = result.vif().set_index("term")["vif"]
    check(gvif["x"], EXTRA["vif"]["bcg$ablat"][0]["vif"], rtol=1e-7)
    test = result.test("g")
    check(test.statistic, EXTRA["anova_alloc"]["QM"], rtol=1e-7)
    check(test.p_value, EXTRA["anova_alloc"]["QMp"], rtol=1e-7)


def test_likelihood_ratio():
    full = fit_meta(table("bcg"), "~ x", method="ML")
    reduced = fit_meta(table("bcg"), method="ML")
    test = full.compare(reduced)
    check(test.statistic, EXTRA["lrt"]["LRT"])
    check(test.p_value, EXTRA["lrt"]["pval"])


@pytest.mark.parametrize("name", list(EXTRA["qprofile"]))
def test_q_profile(name):
    reference = EXTRA["qprofile"][name]
    ours = fit_meta(table(name), small_sample="wald").heterogeneity_intervals()
    assert list(ours.index) == ["tau2", "tau", "I2", "H2"]
    # uniroot's tolerance is absolute, so tiny limits agree less well relatively
    check(ours["ci_low"], reference["ci.lb"], rtol=1e-6, atol=1e-6)
    check(ours["ci_high"], reference["ci.ub"], rtol=1e-6, atol=1e-6)


def test_user_weights():
    frame = table("bcg").assign(w=EXTRA["weights"]["values"])
    weighted = fit_meta(frame, weights="w")
    check(weighted.estimate, EXTRA["weights"]["b"])
    check(weighted.se, EXTRA["weights"]["se"])
    equal = fit_meta(frame, weights="equal", small_sample="wald")
    check(equal.estimate, EXTRA["unweighted"]["b"])
    check(equal.estimate, frame["yi"].mean(), rtol=1e-13)
    check(equal.se, EXTRA["unweighted"]["se"])
