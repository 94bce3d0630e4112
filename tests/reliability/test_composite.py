"""Totals of scales: the textbook formula, identities between the coefficients."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waistats import DataError, ModelError
from waistats.reliability._moments import influence_variance
from waistats.reliability.alpha import (
    cronbach_alpha,
    standardized_alpha,
    two_item_reliability,
)
from waistats.reliability.composite import composite_reliability, stratified_alpha

FILE = Path(__file__).parents[1] / "reference" / "fixture_items_60x5.csv"


@pytest.fixture
def scales() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(9)
    general = rng.normal(size=(150, 1))
    found = {}
    for name, m in (("task", 4), ("bond", 3), ("goal", 5)):
        own = general + 0.8 * rng.normal(size=(150, 1))
        values = np.round(own + rng.normal(size=(150, m)) + 4)
        found[name] = pd.DataFrame(values, columns=[f"{name}{j}" for j in range(m)])
    return found


def test_stratified_alpha_is_the_textbook_formula(scales):
    total = sum(items.sum(axis=1) for items in scales.values())
    error = sum(
        items.sum(axis=1).var() * (1 - cronbach_alpha(items).estimate)
        for items in scales.values()
    )
    found = stratified_alpha(scales)
    assert found.estimate == pytest.approx(1 - error / total.var(), rel=1e-12)
    assert (found.n, found.n_items) == (150, 12)
    plain = cronbach_alpha(pd.concat(scales.values(), axis=1))
    assert found.estimate > plain.estimate


def test_one_scale_is_cronbachs_alpha(scales):
    for ci in ("adf", "normal-theory", "bootstrap"):
        found = stratified_alpha({"task": scales["task"]}, ci=ci, n_resamples=200)
        alpha = cronbach_alpha(scales["task"], ci=ci, n_resamples=200)
        for name in ("estimate", "se", "ci_low", "ci_high"):
            assert getattr(found, name) == pytest.approx(getattr(alpha, name), rel=1e-9)


def test_the_standard_error_is_that_of_influence(scales):
    found = stratified_alpha(scales)
    values = np.column_stack([items.to_numpy() for items in scales.values()])
    n = len(values)

    def at(weights):
        def variance(x):
            mean = np.average(x, weights=weights, axis=0)
            return np.average((x - mean) ** 2, weights=weights, axis=0)

        error, start = 0.0, 0
        for items in scales.values():
            part = values[:, start : start + items.shape[1]]
            start += items.shape[1]
            m = part.shape[1]
            whole, own = variance(part.sum(axis=1)), variance(part).sum()
            error += whole * (1 - m / (m - 1) * (1 - own / whole))
        return 1 - error / variance(values.sum(axis=1))

    step, influence = 1e-4, np.empty(n)
    for i in range(n):
        up, down = np.ones(n), np.ones(n)
        up[i] += step
        down[i] -= step
        influence[i] = n * (at(up) - at(down)) / (2 * step) * (n - 1) / n
    assert found.se == pytest.approx(np.sqrt(influence_variance(influence)), rel=1e-6)
    boot = stratified_alpha(scales, ci="bootstrap")
    assert boot.se == pytest.approx(found.se, rel=0.15)


def test_weights_and_composites_from_published_numbers(scales):
    weights = {"task": 1.0, "bond": 2.0, "goal": 0.5}
    sums = pd.DataFrame({k: items.sum(axis=1) for k, items in scales.items()})
    alphas = {k: cronbach_alpha(items).estimate for k, items in scales.items()}
    found = stratified_alpha(scales, weights=weights)
    composite = composite_reliability(
        alphas,
        sd=sums.std().to_dict(),
        correlation=sums.corr(),
        n=150,
        n_items=12,
        weights=weights,
    )
    assert composite.estimate == pytest.approx(found.estimate, rel=1e-10)
    assert np.isnan(composite.se)
    by_name = composite_reliability(
        alphas,
        sd=sums.std().to_dict(),
        correlation=sums[["goal", "task", "bond"]].corr(),
        n=150,
        n_items=12,
        weights=weights,
    )
    assert by_name.estimate == composite.estimate


def test_missing_answers_of_a_total(scales):
    scales["bond"].iloc[:7, 1] = np.nan
    assert stratified_alpha(scales).n == 143
    em = stratified_alpha(scales, missing="em")
    assert em.n == 150
    assert em.estimate == pytest.approx(stratified_alpha(scales).estimate, abs=0.02)


def test_totals_that_make_no_sense_are_refused(scales):
    with pytest.raises(
        DataError, match="two scales of one total, but task0, task1 are"
    ):
        stratified_alpha({"a": scales["task"], "b": scales["task"][["task0", "task1"]]})
    with pytest.raises(DataError, match="at least 2 items"):
        stratified_alpha({"a": scales["task"][["task0"]], "b": scales["bond"]})
    with pytest.raises(ModelError, match="weights must name each scale"):
        stratified_alpha(scales, weights={"task": 1})
    with pytest.raises(ModelError, match="mapping of scale to items"):
        stratified_alpha(scales["task"])
    good = {"sd": {"a": 1, "b": 2}, "correlation": np.eye(2), "n": 50, "n_items": 8}
    for change, message in [
        ({"sd": {"a": 1}}, "sd must name each scale"),
        ({"sd": {"a": 1, "b": 0}}, "sd of b 0"),
        ({"correlation": np.eye(3)}, "row and a column for each"),
        ({"correlation": [[1, 0.5], [0.4, 1]]}, "symmetric"),
        ({"correlation": [[1, 1.5], [1.5, 1]]}, "eigenvalues"),
        ({"n": 2}, "n must be at least 3"),
    ]:
        with pytest.raises(DataError, match=message):
            composite_reliability({"a": 0.8, "b": 0.9}, **(good | change))
    with pytest.raises(DataError, match=r"b 1\.2"):
        composite_reliability({"a": 0.8, "b": 1.2}, **good)


def test_two_items_are_the_standardized_alpha_of_two():
    pair = pd.read_csv(FILE)[["V1", "V2"]]
    found = two_item_reliability(pair)
    assert found.estimate == pytest.approx(standardized_alpha(pair).estimate)
    r = stats.pearsonr(pair["V1"], pair["V2"]).statistic
    limits = stats.pearsonr(pair["V1"], pair["V2"]).confidence_interval(0.95)
    expected = [2 * x / (1 + x) for x in limits]
    assert [found.ci_low, found.ci_high] == pytest.approx(expected)
    assert found.estimate == pytest.approx(2 * r / (1 + r))
    adf = two_item_reliability(pair, ci="adf")
    assert adf.se == pytest.approx(standardized_alpha(pair).se)
    with pytest.raises(DataError, match="takes two items; got 5"):
        two_item_reliability(pd.read_csv(FILE))
    with pytest.raises(DataError, match="both items must vary"):
        two_item_reliability([[1, 2], [2, 2], [3, 2]])
    with pytest.raises(DataError, match="does not vary"):
        two_item_reliability([[1, 3], [2, 2], [3, 1]])
    few = two_item_reliability([[1, 2], [2, 2], [3, 5]])
    assert "at least 4" in few.notes[0]
    assert two_item_reliability([[1, 2], [2, 3], [3, 4], [4, 5]]).ci_low == 1
