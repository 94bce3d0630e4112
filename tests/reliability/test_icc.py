"""Intraclass correlations and test-retest against psych, pingouin and cor.test."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from waistats import DataError, ModelError
from waistats.reliability._ratings import FORMS
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.icc import intraclass_correlation, intraclass_correlations

HERE = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((HERE / "coefficients.json").read_text(encoding="utf-8"))
DATA = json.loads((HERE / "coefficients_data.json").read_text(encoding="utf-8"))
RATINGS = np.array(DATA["ratings"])
SHROUT_FLEISS = np.array(
    [
        [9, 2, 5, 8],
        [6, 1, 3, 2],
        [8, 4, 6, 8],
        [7, 1, 2, 6],
        [10, 5, 6, 9],
        [6, 2, 4, 7],
    ]
)


def long_form(values):
    n, k = values.shape
    return pd.DataFrame(
        {
            "client": np.repeat(np.arange(n), k),
            "observer": np.tile(list("abcdefgh")[:k], n),
            "score": values.ravel(),
        }
    )


COLUMNS = {"targets": "client", "raters": "observer", "ratings": "score"}


def test_all_six_forms_are_psychs():
    found = intraclass_correlations(RATINGS)
    expected = REFERENCE["icc"]
    assert list(found["term"]) == expected["form"]
    for ours, theirs in [
        ("estimate", "estimate"),
        ("statistic", "statistic"),
        ("df1", "df1"),
        ("df2", "df2"),
        ("ci_low", "ci_low"),
        ("ci_high", "ci_high"),
    ]:
        np.testing.assert_allclose(found[ours], expected[theirs], rtol=1e-10)
    np.testing.assert_allclose(found["p_value"], expected["p_value"], rtol=1e-6)


def test_shrout_and_fleiss_table():
    found = intraclass_correlations(SHROUT_FLEISS)["estimate"].round(2).tolist()
    assert found == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]


@pytest.mark.parametrize("form", FORMS)
def test_pingouin_agrees(form):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pingouin

        table = pingouin.intraclass_corr(long_form(RATINGS), *COLUMNS.values())
    row = table.iloc[FORMS.index(form)]
    found = intraclass_correlation(long_form(RATINGS), form=form, **COLUMNS)
    assert found.estimate == pytest.approx(row["ICC"], rel=1e-9)
    # pingouin rounds its limits to two decimals
    limits = next(row[name] for name in row.index if name.startswith("CI95"))
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(limits), abs=0.0051)


@given(st.integers(0, 10_000), st.integers(3, 12), st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_consistency_of_k_raters_is_alpha(seed, n, k):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 1)) + rng.normal(size=(n, k))
    found = intraclass_correlation(values, form="3,k")
    alpha = cronbach_alpha(values, ci="feldt")
    assert found.estimate == pytest.approx(alpha.estimate, rel=1e-8, abs=1e-10)
    assert 1 / (1 - found.ci_low) == pytest.approx(1 / (1 - alpha.ci_low), rel=1e-8)
    assert 1 / (1 - found.ci_high) == pytest.approx(1 / (1 - alpha.ci_high), rel=1e-8)


def test_long_and_wide_are_the_same():
    frame = long_form(RATINGS).sample(frac=1, random_state=1)
    for form in FORMS:
        long = intraclass_correlation(frame, form=form, **COLUMNS)
        wide = intraclass_correlation(RATINGS, form=form)
        assert long.estimate == pytest.approx(wide.estimate, abs=1e-13)
    assert (long.n, long.n_items) == (20, 4)


@pytest.mark.parametrize("form", FORMS)
def test_standard_error_is_the_spread_of_simulated_estimates(form):
    rng = np.random.default_rng(2)
    estimates = []
    for _ in range(400):
        # many raters, because the level of few raters has a very skewed variance
        values = rng.normal(size=(60, 1)) + rng.normal(size=(60, 12))
        values += rng.normal(size=(1, 12)) * 0.5
        estimates.append(intraclass_correlation(values, form=form))
    spread = np.std([e.estimate for e in estimates])
    mean_se = np.mean([e.se for e in estimates])
    # 400 draws: the spread is known to about 4 %
    assert mean_se == pytest.approx(spread, rel=0.14)


def test_adding_a_level_to_a_rater_matters_for_agreement_only():
    moved = RATINGS + np.array([0, 0, 0, 3.0])
    for form in ("3,1", "3,k"):
        before = intraclass_correlation(RATINGS, form=form).estimate
        assert intraclass_correlation(moved, form=form).estimate == pytest.approx(
            before
        )
    for form in ("1,1", "2,1", "1,k", "2,k"):
        before = intraclass_correlation(RATINGS, form=form).estimate
        assert intraclass_correlation(moved, form=form).estimate < before - 0.05


def test_targets_without_all_ratings_are_left_out_and_named():
    frame = long_form(RATINGS).drop(index=5)
    frame.loc[9, "score"] = np.nan
    found = intraclass_correlation(frame, **COLUMNS)
    assert (found.n, found.n_excluded) == (18, 2)
    assert "Targets without all ratings, excluded: 1, 2." in found.notes
    whole = intraclass_correlation(np.delete(RATINGS, [1, 2], axis=0))
    assert found.estimate == pytest.approx(whole.estimate)


def test_perfect_agreement_is_one():
    values = np.outer(np.arange(5.0), np.ones(3))
    for form in FORMS:
        found = intraclass_correlation(values, form=form)
        assert (found.estimate, found.ci_low, found.ci_high) == pytest.approx((1, 1, 1))


def test_perfect_consistency_with_a_level():
    values = np.add.outer(np.arange(6.0), [0, 1, 2])
    assert intraclass_correlation(values, form="3,1").estimate == pytest.approx(1)
    found = intraclass_correlation(values, form="2,1")
    assert found.estimate < 1
    assert np.isfinite([found.ci_low, found.ci_high]).all()


def test_what_cannot_be_used_is_refused():
    frame = long_form(RATINGS)
    with pytest.raises(DataError, match=r"rated more often: 0 by a, 2 by b"):
        intraclass_correlation(pd.concat([frame, frame.iloc[[0, 9]]]), **COLUMNS)
    with pytest.raises(DataError, match=r"no such column: 'clent' \(did you mean"):
        intraclass_correlation(frame, **{**COLUMNS, "targets": "clent"})
    with pytest.raises(ModelError, match="missing: raters, ratings"):
        intraclass_correlation(frame, targets="client")
    with pytest.raises(DataError, match="must be a DataFrame"):
        intraclass_correlation(RATINGS, **COLUMNS)
    with pytest.raises(ModelError, match="form must be one of"):
        intraclass_correlation(RATINGS, form="4,1")
    with pytest.raises(DataError, match="do not vary"):
        intraclass_correlation(np.ones((4, 3)))
    with pytest.raises(DataError, match="at least 2 targets"):
        intraclass_correlation([[1, 2], [np.nan, 3]])
    nameless = frame.astype({"observer": object})
    nameless.loc[3, "observer"] = None
    with pytest.raises(DataError, match="rows have none: 3"):
        intraclass_correlation(nameless, **COLUMNS)
