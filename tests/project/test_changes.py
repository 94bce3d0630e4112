"""What a run changed: steps that sum to the shift, and the conclusion."""

import pytest

from waistats import effect_sizes, fit_meta
from waistats.project._changes import compare_runs, result_of
from waistats.rg.generalize import generalize


def test_the_steps_sum_to_the_shift_whatever_changed(sheet):
    before = generalize(sheet.head(10))
    rows = sheet.iloc[3:16].reset_index(drop=True)
    rows.loc[0, "n"] = rows.loc[0, "n"] + 100
    after = generalize(rows, method="DL")

    def analyse(table):
        return generalize(table, method="DL")

    found = compare_runs(
        before.coefficients, result_of(before), after.coefficients, after, analyse, 0.8
    )
    shift = result_of(after)["estimate"] - result_of(before)["estimate"]
    assert found.to_frame()["shift"].sum() == pytest.approx(shift, abs=1e-12)
    # the method step is REML against DL on the same rows
    used = before.main_rows
    fits = {m: fit_meta(effect_sizes(used), method=m) for m in ("REML", "DL")}
    ends = [float(f.predict()["estimate"].iloc[0]) for f in fits.values()]
    if not used["study_id"].duplicated().any():
        assert found.to_frame().loc[0, "shift"] == pytest.approx(ends[1] - ends[0])


def test_the_conclusion(sheet):
    study = generalize(sheet.head(10))
    result = result_of(study)
    low = {**result, "estimate": 0.5, "ci_low": 0.4, "ci_high": 0.6}
    table = study.coefficients
    found = compare_runs(table, low, table, study, lambda _: study, 0.70)
    assert found.conclusion_changed
    assert "The conclusion changes" in str(found)
    same = compare_runs(table, result, table, study, lambda _: study, 0.70)
    assert not same.conclusion_changed
    assert "The conclusion stays" in str(same)
    assert same.coefficients.empty
