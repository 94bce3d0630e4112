"""Checks where studies give several coefficients: their model, their rule, their power."""

import numpy as np
import pandas as pd
import pytest

import waistats as ws
from waistats.meta._design import build_design
from waistats.meta.multilevel import fit as multilevel
from waistats.meta.multilevel.robust import sandwich, satterthwaite
from waistats.sensitivity import _power, _refit
from waistats.sensitivity._dependence import one_a_study
from waistats.sensitivity._regressions import nested_p


def literature(
    rng: np.random.Generator, sizes: list[int], between: float, within: float
) -> pd.DataFrame:
    """Return SIMULATED effects without any selection; rows of a study share n."""
    rows = []
    for j, size in enumerate(sizes):
        u = rng.normal(0, between)
        n = int(np.exp(rng.uniform(np.log(30), np.log(400))))
        v = 2 * 12 / (11 * (n - 2))
        shared = rng.normal()
        for c in range(size):
            e = np.sqrt(v) * (np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal())
            y = 1.8 + u + rng.normal(0, within) + e
            rows.append((f"S{j:02d}", f"{c}", 1 - np.exp(-y), n, 12))
    names = ["study_id", "coefficient_id", "estimate", "n", "n_items"]
    return ws.effect_sizes(pd.DataFrame(rows, columns=names))


@pytest.fixture(scope="module")
def some() -> pd.DataFrame:
    sizes = [3, 1, 4, 2, 5, 1, 2, 3, 1, 4]
    return literature(np.random.default_rng(1), sizes, 0.25, 0.1)


@pytest.fixture(scope="module")
def nested(some):
    return ws.fit_multilevel(some, within_correlation=0.5)


def test_one_coefficient_a_study_by_the_rule(some):
    table = some.assign(
        n=np.where(some["coefficient_id"] == "1", some["n"] + 50, some["n"])
    )
    fit, notes = one_a_study(ws.fit_multilevel(table), "This")
    used = fit.effects.table
    assert used["study_id"].is_unique
    several = used["study_id"].map(some["study_id"].value_counts()) > 1
    assert (used["coefficient_id"] == np.where(several, "1", "0")).all()
    assert notes[0].startswith("This has no version for studies that give several")
    assert "10 of 26" in notes[0]
    alone = ws.fit_meta(some.drop_duplicates("study_id"))
    assert one_a_study(alone, "This") == (alone, ())


def test_tests_without_a_multilevel_version_use_it(some, nested):
    first = ws.fit_meta(some.drop_duplicates("study_id"))
    for result in (ws.fit_meta(some), nested):
        found = ws.rank_test(result)
        assert found.statistic == pytest.approx(ws.rank_test(first).statistic)
        assert "one per study" in str(found)
    selected = ws.threshold_selection(nested, 0.8)
    assert selected.counts.sum() == 10
    assert selected.estimate == pytest.approx(
        ws.threshold_selection(first, 0.8).estimate, rel=1e-8
    )
    filled = ws.trim_and_fill(nested)
    assert filled.original.k == 10
    assert "one per study" in str(filled)
    # what is asked of a one-level model is done, and its assumption said
    whole = ws.threshold_selection(ws.fit_meta(some), 0.8)
    assert whole.counts.sum() == 26
    assert "as independent" in whole.notes[0]


def test_regressions_of_repeated_studies_are_multilevel(some):
    found = ws.egger_test(ws.fit_meta(some))
    same = ws.egger_test(ws.fit_multilevel(some))
    assert found.p_value == pytest.approx(same.p_value, rel=1e-6)
    assert found.statistic == pytest.approx(same.statistic, rel=1e-6)
    assert "the regression is multilevel" in found.notes[0]
    assert same.notes == ()
    assert ws.pet_peese(ws.fit_meta(some)).model == "mixed"
    alone = ws.fit_meta(some.drop_duplicates("study_id"))
    assert ws.pet_peese(alone).model == "classical"


def test_many_nested_tests_are_each_one(nested):
    table = nested.effects.table.assign(x=np.sqrt(nested.effects.vi))
    design = build_design("~ 1 + x", table)
    fit = multilevel.fit_levels(
        nested.effects, design, nested.V, nested.levels, list(nested.codes),
        method="REML", small_sample="t", conf_level=0.95,
    )  # fmt: skip
    y = np.random.default_rng(2).normal(size=(nested.k, 5))
    p = nested_p(nested, fit, 1, y)
    X, codes = design.X, list(fit.codes)
    WX = fit.weighted_design(nested.sigma2)
    bread = np.linalg.inv(X.T @ WX)
    from scipy import stats

    for column, got in zip(y.T, p, strict=True):
        beta = bread @ WX.T @ column
        parts = sandwich(
            X, column - X @ beta, fit.V, codes, nested.sigma2, bread, codes[0]
        )
        df = satterthwaite(parts, np.array([[0.0, 1.0]]))[0]
        robust = 2 * stats.t.sf(abs(beta[1]) / np.sqrt(parts.cov[1, 1]), df)
        own = 2 * stats.t.sf(abs(beta[1]) / np.sqrt(bread[1, 1]), 10 - 2)
        expected = robust if df >= 3.99 else max(robust, own)
        assert got == pytest.approx(expected, rel=1e-9)


def test_what_is_withheld_is_what_a_sampler_withholds(some, nested):
    cut = 1.5
    rng = np.random.default_rng(3)
    one = ws.fit_meta(some.drop_duplicates("study_id"))
    drawn = _power._single(one, cut, 4000, rng)
    y = one.beta[0] + np.sqrt(one.effects.vi + one.tau2)[:, None] * rng.normal(
        size=(one.k, 40_000)
    )
    seen = (y > cut) | (rng.uniform(size=y.shape) < _power.KEPT)
    expected = np.array([row[keep].mean() for row, keep in zip(y, seen, strict=True)])
    np.testing.assert_allclose(drawn.mean(axis=1), expected, atol=0.03)
    # of studies: the whole study is seen or not
    drawn = _power._several(nested, cut, 4000, rng)
    code, k = nested.codes[0], nested.k
    size = 40_000
    u = rng.normal(0, np.sqrt(nested.sigma2[0]), (code.max() + 1, size))[code]
    z = rng.normal(size=(code.max() + 1, size))[code]
    e = np.sqrt(nested.effects.vi)[:, None] * (
        np.sqrt(0.5) * z + np.sqrt(0.5) * rng.normal(size=(k, size))
    )
    y = nested.beta[0] + u + rng.normal(0, np.sqrt(nested.sigma2[1]), (k, size)) + e
    kept = (y > cut) | (rng.uniform(size=y.shape) < _power.KEPT)
    for j in range(int(code.max()) + 1):
        rows = code == j
        whole = kept[rows].all(axis=0)
        np.testing.assert_allclose(
            drawn[rows].mean(axis=1), y[rows][:, whole].mean(axis=1), atol=0.03
        )
    plain = _power._several(nested, -np.inf, 4000, rng)
    pair = np.flatnonzero(code == code[0])[:2]
    shared = nested.sigma2[0] + 0.5 * nested.effects.vi[pair].mean()
    assert np.cov(plain[pair])[0, 1] == pytest.approx(shared, rel=0.15)


def test_power_is_said_and_the_same_every_time(some, nested):
    one = ws.fit_meta(some.drop_duplicates("study_id"))
    for result in (one, nested):
        found = ws.egger_test(result)
        assert 0 <= found.power.power <= 1
        assert found.power == ws.egger_test(result).power
        assert "it would find withheld alphas below .80" in str(found)
    unknown = ws.fit_meta(one.effects.table.drop(columns="measure"))
    assert np.isnan(ws.egger_test(unknown).power.power)
    assert "Power" not in str(ws.egger_test(unknown))
    high = one.effects.table.assign(yi=one.effects.yi + 3)
    assert "hardly any" in ws.rank_test(ws.fit_meta(high)).power.phrase()


def test_strong_selection_of_small_studies_is_found_in_larger_literatures():
    rng = np.random.default_rng(5)
    few = ws.fit_meta(literature(rng, [1] * 8, 0.25, 0.0))
    many = ws.fit_meta(literature(rng, [1] * 200, 0.25, 0.0))
    assert ws.egger_test(many).power.power > ws.egger_test(few).power.power
    assert ws.egger_test(many).power.size == pytest.approx(0.05, abs=0.04)


def test_refits_are_made_once(nested, monkeypatch):
    calls = []
    real = _refit.refit_rows
    monkeypatch.setattr(
        _refit, "refit_rows", lambda *args, **kw: calls.append(1) or real(*args, **kw)
    )
    frame = ws.leave_one_out(nested, "study_id", robust=True)
    assert len(calls) == len(frame) == 10
    keep = nested.codes[0] != 0
    alone = real(nested, keep).robust().to_frame().iloc[0]
    assert frame.loc[0, "ci_low"] == pytest.approx(alone.ci_low, rel=1e-10)
    own = ws.leave_one_out(nested, "study_id")
    shown = real(nested, keep).to_frame().iloc[0]
    assert own.loc[0, "se"] == pytest.approx(shown.se, rel=1e-10)
    assert own.loc[0, "ci_high"] == pytest.approx(shown.ci_high, rel=1e-10)


def test_gosh_takes_whole_studies(nested):
    cloud = ws.gosh(nested, subsets=25, seed=1, by="study_id")
    assert len(cloud.studies) == 10
    code = nested.codes[0]
    for b in (0, 7):
        inside = np.array([cloud.includes(s)[b] for s in cloud.studies])
        assert cloud.k[b] == inside[code].sum()
        expected = _refit.refit_rows(nested, inside[code]).beta[0]
        assert cloud.estimate[0, b] == pytest.approx(expected, rel=1e-9)


def test_the_study_checks_its_own_model(some):
    study = ws.generalize(some.drop(columns=["yi", "vi", "measure"]))
    frame = study.robustness.set_index("check")
    notes = frame["note"]
    assert "multilevel" in notes["Regression test on the standard error"]
    assert "one coefficient per study (10 of 26)" in notes["Rank test"]
    assert notes["Rank test"].endswith("of cases")
    pd.testing.assert_series_equal(
        study.influence["cook_d"], ws.influence(study.overall)["cook_d"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[5] * 8, [1, 1, 2, 3, 6, 8, 1, 2, 4, 10]])
def test_tests_hold_their_size_on_dependent_coefficients(sizes):
    rng = np.random.default_rng(11)
    runs, rejected = 250, np.zeros(2)
    for _ in range(runs):
        data = literature(rng, sizes, 0.3, 0.1)
        fit = ws.fit_multilevel(data, within_correlation=0.5)
        rejected += [
            ws.egger_test(fit).p_value < 0.05,
            ws.rank_test(fit).p_value < 0.05,
        ]
    # .07 and two Monte Carlo standard errors
    assert (rejected / runs <= 0.10).all()
