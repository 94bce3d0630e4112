"""The ends of what data can be, against sums of eighty decimal digits."""

import json
import tracemalloc
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats import (
    DataError,
    ModelError,
    back_transform,
    cronbach_alpha,
    effect_sizes,
    fit_meta,
    fit_multilevel,
    fit_subgroups,
    generalize,
    load_dataset,
)
from waistats.meta.fit_many import in_chunks
from waistats.meta.tau2 import METHODS
from waistats.reliability._intervals import feldt_limits

REFERENCE = Path(__file__).parents[1] / "reference" / "numerics_quantiles.json"
MEASURES = ("bonett", "hakstian-whalen", "raw", "fisher-z")


class Exact:
    """The sums of a pooled mean at a heterogeneity variance, to eighty digits."""

    def __init__(self, y, v, tau2: Decimal) -> None:
        self.w = [1 / (Decimal(x) + tau2) for x in v]
        self.sum = sum(self.w)
        self.mean = sum(w * Decimal(x) for w, x in zip(self.w, y, strict=True))
        self.mean /= self.sum
        r = [Decimal(x) - self.mean for x in y]
        self.Q = sum(w * x * x for w, x in zip(self.w, r, strict=True))
        self.squares = sum(w * w for w in self.w)
        self.uu = sum(w * w * x * x for w, x in zip(self.w, r, strict=True))
        self.df = len(self.w) - 1

    @property
    def typical(self) -> Decimal:
        return self.sum - self.squares / self.sum

    def rises(self, method: str) -> Decimal:
        """Return what is positive below the estimate and negative above it."""
        if method == "REML":
            return self.uu - self.typical
        if method == "ML":
            return self.uu - self.sum
        return self.Q - self.df


def exact_tau2(y, v, method: str) -> Decimal:
    """Return the estimators that need no iteration."""
    k = Decimal(len(y))
    at_zero = Exact(y, v, Decimal(0))
    if method == "DL":
        return max((at_zero.Q - at_zero.df) / at_zero.typical, Decimal(0))
    if method in ("HS", "HSk"):
        Q = at_zero.Q * (1 if method == "HS" else k / (k - 1))
        return max((Q - k) / at_zero.sum, Decimal(0))
    mean = sum(map(Decimal, y)) / k
    rss = sum((Decimal(x) - mean) ** 2 for x in y)
    if method == "HE":
        return max(rss / (k - 1) - sum(map(Decimal, v)) / k, Decimal(0))
    start = rss / k
    return start * Exact(y, v, start).Q / (k - 1)


def drawn(k: int, orders: float, seed: int) -> pd.DataFrame:
    """Return SIMULATED effects whose variances span some orders of magnitude."""
    rng = np.random.default_rng(seed)
    v = 10 ** rng.uniform(-orders / 2, orders / 2, k)
    tau2 = 10 ** rng.uniform(-orders / 2, orders / 2)
    return pd.DataFrame({"yi": rng.normal(2, np.sqrt(v + tau2)), "vi": v})


def check_against_digits(table: pd.DataFrame, method: str) -> None:
    """Check tau2 and the pooled mean of one fit."""
    y, v = table["yi"].to_numpy(), table["vi"].to_numpy()
    fit = fit_meta(table, method=method)
    with localcontext() as context:
        context.prec = 80
        tau2 = Decimal(fit.tau2)
        unit = len(y) / Exact(y, v, tau2).sum
        if method in ("DL", "HE", "HS", "HSk", "SJ"):
            error = abs(tau2 - exact_tau2(y, v, method))
            assert error <= Decimal("1e-10") * unit
        elif tau2 > 0:
            step = Decimal("1e-6") * unit
            below = Exact(y, v, max(tau2 - step, Decimal(0)))
            assert below.rises(method) > 0 > Exact(y, v, tau2 + step).rises(method)
        else:
            assert Exact(y, v, Decimal("1e-9") * unit).rises(method) <= 0
        pooled = Exact(y, v, tau2)
        error = abs(Decimal(float(fit.beta[0])) - pooled.mean)
        assert error <= Decimal("1e-12") * (abs(pooled.mean) + unit.sqrt())
        assert abs(Decimal(fit.Q) / Exact(y, v, Decimal(0)).Q - 1) < Decimal("1e-9")


@pytest.mark.parametrize("method", ["DL", "HE", "HS", "HSk", "SJ", "PM", "ML", "REML"])
@pytest.mark.parametrize("orders", [0, 3, 12])
def test_pooling_keeps_its_digits(method, orders):
    for seed, k in enumerate([2, 2, 3, 5, 20, 100]):
        check_against_digits(drawn(k, orders, seed), method)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["DL", "PM", "REML"])
def test_ten_thousand_coefficients_keep_their_digits(method):
    check_against_digits(drawn(10_000, 2, 1), method)


def test_memory_grows_with_k_and_not_with_its_square():
    table = drawn(10_000, 2, 1)
    fit_meta(table.head(100))
    tracemalloc.start()
    fit_meta(table).predict()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # one matrix of 10,000 by 10,000 numbers takes 800 MB
    assert peak < 30e6


def extreme_coefficients() -> pd.DataFrame:
    n = [3, 4, 30, 1000, 10**5, 10**7]
    alpha = [-3.0, 0.0, 0.5, 0.9, 0.999, 0.9999]
    return pd.DataFrame(
        {
            "study_id": [f"S{i}" for i in range(6)],
            "estimate": alpha,
            "n": n,
            "n_items": [2, 3, 4, 12, 36, 500],
        }
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_extreme_coefficients_come_back(measure):
    table = extreme_coefficients()
    if measure == "fisher-z":
        # defined above -1, and from four respondents on
        table = table.loc[1:]
    found = effect_sizes(table, measure=measure)
    assert np.isfinite(found["yi"]).all()
    assert (found["vi"] > 0).all()
    back = 1 - back_transform(found["yi"].to_numpy(), measure)
    assert back == pytest.approx(1 - table["estimate"].to_numpy(), rel=1e-11)


def test_bonett_variance_of_extreme_samples():
    table = extreme_coefficients()
    found = effect_sizes(table, bias="none")
    with localcontext() as context:
        context.prec = 50
        for vi, n, m in zip(found["vi"], table["n"], table["n_items"], strict=True):
            exact = Decimal(2 * m) / ((m - 1) * (n - 2))
            assert abs(Decimal(vi) / exact - 1) < Decimal("1e-15")


def test_two_respondents_are_refused():
    table = extreme_coefficients().assign(n=[2, 4, 30, 1000, 10**5, 10**7])
    with pytest.raises(DataError, match=r"n must be at least 3: 2 \(study_id S0\)"):
        effect_sizes(table)


@pytest.mark.parametrize("alpha", [-3.0, 0.5, 0.9999])
def test_limits_follow_f_at_the_ends(alpha):
    cases = pd.DataFrame(json.loads(REFERENCE.read_text())["cases"])
    for case in cases.itertuples():
        low, high = feldt_limits(alpha, case.n, case.m, case.level)
        limits = (1 - np.array([high, low])) / (1 - alpha)
        # scipy before 1.15 keeps nine digits; the quotient loses what 1 - limit has lost
        tolerance = 1e-9 + 1e-15 / (1 - alpha)
        assert limits == pytest.approx([case.low, case.high], rel=tolerance)


def parallel_items(scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(3)
    person = rng.integers(0, 40, (200, 1))
    return (person + rng.integers(0, 5, (200, 6))) * scale + shift


@pytest.mark.parametrize("scale", [1e-50, 1e-6, 1e6, 1e50])
def test_alpha_does_not_know_its_unit(scale):
    plain, scaled = (cronbach_alpha(parallel_items(s)) for s in (1.0, scale))
    assert scaled.estimate == pytest.approx(plain.estimate, rel=1e-13)
    assert scaled.ci_low == pytest.approx(plain.ci_low, rel=1e-13)


def test_alpha_of_small_differences_on_a_large_number():
    plain, shifted = (cronbach_alpha(parallel_items(shift=s)) for s in (0.0, 1e8))
    assert shifted.estimate == pytest.approx(plain.estimate, rel=1e-12)


def test_alpha_of_many_respondents_is_that_of_their_pattern():
    pattern = parallel_items()
    many = np.tile(pattern, (5_000, 1))
    assert cronbach_alpha(many).estimate == pytest.approx(
        cronbach_alpha(pattern).estimate, rel=1e-12
    )


def test_alpha_near_one_keeps_its_digits():
    """x + small errors, in integers, so that the variances are exact fractions."""
    rng = np.random.default_rng(4)
    x = rng.integers(0, 10_000, (50, 1)) + rng.integers(0, 150, (50, 10))
    with localcontext() as context:
        context.prec = 50

        def variance(values) -> Decimal:
            whole = [int(value) for value in values]
            mean = Decimal(sum(whole)) / len(whole)
            return sum((value - mean) ** 2 for value in whole) / (len(whole) - 1)

        parts = sum(variance(column) for column in x.T)
        exact = Decimal(10) / 9 * (1 - parts / variance(x.sum(axis=1)))
        found = Decimal(cronbach_alpha(x).estimate)
    assert 0.9998 < exact < 1
    assert abs((1 - found) / (1 - exact) - 1) < Decimal("1e-10")


def moderated(k: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    table = drawn(k, 1, 5)
    table["year"] = rng.integers(1990, 2022, k)
    table["centred"] = table["year"] - 2006.0
    table["group"] = rng.choice(["a", "b"], k)
    return table


def test_moderators_far_from_zero_keep_their_fit():
    table = moderated()
    far = fit_meta(table, "~ year + I(year**2)")
    near = fit_meta(table, "~ centred + I(centred**2)")
    assert far.tau2 == pytest.approx(near.tau2, rel=1e-8)
    # a variance is a small difference of large terms where the columns are far from 0
    for column, rel in (("estimate", 1e-9), ("ci_low", 1e-5), ("ci_high", 1e-5)):
        found, expected = far.predict()[column], near.predict()[column]
        assert found.to_numpy() == pytest.approx(expected.to_numpy(), rel=rel)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_moderators_in_any_unit_give_the_same_test(unit):
    table = moderated().assign(scaled=lambda t: t["centred"] * unit)
    plain, scaled = (fit_meta(table, f"~ {name}") for name in ("centred", "scaled"))
    assert scaled.beta[1] * unit == pytest.approx(plain.beta[1], rel=1e-10)
    assert scaled.to_frame()["p_value"].to_numpy() == pytest.approx(
        plain.to_frame()["p_value"].to_numpy(), rel=1e-9
    )


@pytest.mark.parametrize("fit", [fit_meta, fit_multilevel])
def test_what_cannot_be_told_apart_is_named(fit):
    rng = np.random.default_rng(6)
    table = moderated().assign(
        study_id=lambda t: [f"S{i // 2}" for i in range(len(t))],
        twice=lambda t: 2 * t["centred"] + 1,
        nearly=lambda t: t["centred"] + 1e-10 * rng.normal(size=len(t)),
        same=7.0,
        single="only",
        other=lambda t: t["group"].map({"a": "x", "b": "y"}),
    )
    for formula, named in {
        "~ centred + twice": "linear combinations of the other columns: twice",
        "~ centred + nearly": "linear combinations of the other columns: nearly",
        "~ same": "constant in these rows: same",
        "~ single": r"constant in these rows: single \(only\)",
        "~ group + other": r"linear combinations of the other columns: other\[T.y\]",
    }.items():
        with pytest.raises(ModelError, match=named):
            fit(table, formula)


def test_an_empty_cell_of_an_interaction_is_named():
    table = moderated()
    table["rater"] = np.where(table["group"] == "a", "client", "therapist")
    table.loc[0, "rater"] = "therapist"
    table.loc[0, "group"] = "a"
    with pytest.raises(ModelError, match=r"group\[T.b\]:rater"):
        fit_meta(table, "~ group * rater")


def test_more_coefficients_than_rows_are_refused():
    table = moderated(6).assign(level=list("abcdef"))
    with pytest.raises(ModelError, match="6 coefficients but only 5 usable rows"):
        fit_meta(table.head(5).assign(x=range(5)), "~ level + x")


def test_as_many_coefficients_as_rows_leave_no_heterogeneity():
    table = moderated(6).assign(level=list("abcdef"))
    fit = fit_meta(table, "~ level", small_sample="wald")
    assert fit.tau2 == 0
    assert fit.predict()["estimate"].notna().all()


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(20)), st.sampled_from(METHODS))
def test_order_of_rows_does_not_matter(order, method):
    table = drawn(20, 2, 7)
    plain, turned = (fit_meta(t, method=method) for t in (table, table.iloc[order]))
    assert turned.tau2 == pytest.approx(plain.tau2, rel=1e-8, abs=1e-12)
    assert turned.beta[0] == pytest.approx(plain.beta[0], rel=1e-11)


def test_order_of_rows_does_not_matter_to_a_study():
    table = load_dataset("wai")
    turned = table.sample(frac=1, random_state=1)
    plain, other = (generalize(t, "~ np.log(n_items)") for t in (table, turned))
    for name in ("overall", "moderator_model"):
        one, two = getattr(plain, name), getattr(other, name)
        assert one.beta == pytest.approx(two.beta, rel=1e-7)
        assert one.tau2 == pytest.approx(two.tau2, rel=1e-5)
    cells, others = plain.cells, other.cells
    keys = ["instrument", "rater", "scale"]
    pd.testing.assert_frame_equal(
        cells.sort_values(keys, ignore_index=True),
        others.sort_values(keys, ignore_index=True),
        rtol=1e-6,
    )


def test_order_of_rows_does_not_matter_to_subgroups():
    table = moderated()
    plain, turned = (fit_subgroups(t, "group") for t in (table, table.iloc[::-1]))
    one, two = (
        fits.to_frame().sort_values("term", ignore_index=True)
        for fits in (plain, turned)
    )
    pd.testing.assert_frame_equal(one, two, rtol=1e-8)


@pytest.mark.parametrize("method", ["DL", "REML", "PM"])
def test_threads_do_not_change_a_bit(method):
    rng = np.random.default_rng(8)
    v = rng.uniform(0.01, 0.3, (40, 3000))
    y = rng.normal(0, np.sqrt(v + 0.05))
    one, four = (
        in_chunks(y, v, np.ones((40, 1)), method, "knapp-hartung", threads)
        for threads in (1, 4)
    )
    for name in ("beta", "cov", "tau2", "Q"):
        assert np.array_equal(getattr(one, name), getattr(four, name))


@pytest.mark.parametrize("orders", [2, 12])
def test_one_coefficient_a_study_is_the_simple_model(orders):
    for seed in range(5):
        table = drawn(30, orders, seed).assign(
            study_id=[f"S{i}" for i in range(30)],
            coefficient_id=[f"S{i}-1" for i in range(30)],
        )
        simple = fit_meta(table)
        nested = fit_multilevel(table, levels=["study_id"])
        assert nested.sigma2.sum() == pytest.approx(simple.tau2, rel=1e-5)
        assert nested.beta == pytest.approx(simple.beta, rel=1e-6)
