"""generalize(): cells, dependence, moderators, combination, errors."""

import numpy as np
import pandas as pd
import pytest

from waistats import (
    MultilevelResult,
    effect_sizes,
    figures,
    fit_multilevel,
    generalize,
    load_dataset,
    tables,
)
from waistats.rg.pooling import pool


def cells_table(k=12, seed=1):
    """A SIMULATED coefficient table with three scales and two raters per study."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(k):
        rater = "client" if i % 2 else "therapist"
        for scale, m in (("total", 12), ("task", 4), ("bond", 4)):
            t = (2.3 if scale == "total" else 1.6) + rng.normal(0, 0.3)
            rows.append(
                {
                    "study_id": f"S{i}",
                    "instrument": "WAI-SR",
                    "rater": rater,
                    "scale": scale,
                    "estimate": 1 - np.exp(-t),
                    "n": int(rng.integers(40, 200)),
                    "n_items": m,
                    "year": 2000 + i,
                    "provenance": "SIMULATED",
                }
            )
    return pd.DataFrame(rows)


def test_moderators_are_screened_by_the_rules():
    screen = generalize(cells_table()).screen.set_index("moderator")
    assert screen.loc["rater", "p_value"] > 0
    assert screen.loc["rater", "n_levels"] == 2
    assert screen.loc["year", "k"] == 12
    assert "descriptive only" in screen.loc["instrument", "note"]
    tested = screen["p_value"].notna()
    adjusted = screen.loc[tested, "p_adjusted"] >= screen.loc[tested, "p_value"]
    assert adjusted.all()
    small = generalize(cells_table(k=6)).screen.set_index("moderator")
    assert "fewer than 10" in small.loc["year", "note"]


def scored(sums=True):
    """Twelve totals on a 1-7 form of 12 items, half of them given as item means."""
    table = cells_table().query("scale == 'total'").reset_index(drop=True)
    spread = np.linspace(6, 17, len(table))
    means = np.full(len(table), 60.0)
    if not sums:
        spread[::2], means[::2] = spread[::2] / 12, means[::2] / 12
    facts = {"n_items": 12, "response_min": 1, "response_max": 7}
    return table.assign(score_sd=spread, score_mean=means, **facts)


def test_scores_are_screened_on_one_metric():
    sums = generalize(scored()).screen.set_index("moderator")
    mixed = generalize(scored(sums=False)).screen.set_index("moderator")
    columns = ["k", "statistic", "p_value", "tau2"]
    expected = sums.loc["score_sd", columns].astype(float)
    np.testing.assert_allclose(
        mixed.loc["score_sd", columns].astype(float), expected, rtol=1e-8
    )
    assert mixed.loc["score_sd", "note"].startswith("per cent of the possible score")
    # the spread of these scores rises by year
    assert "the same contrast as score_sd" in sums.loc["year", "note"]
    first, second = (
        generalize(t).correlates.set_index("characteristic").loc["score_sd"]
        for t in (scored(), scored(sums=False))
    )
    assert second["estimate"] == pytest.approx(first["estimate"])
    assert second["note"] == "per cent of the possible score"


def test_scores_of_unknown_metric_are_left_out():
    table = scored().drop(columns=["response_min", "response_max"])
    table["instrument"] = "own form"
    one = generalize(table).screen.set_index("moderator").loc["score_sd"]
    assert one["note"].startswith("on the metric of the one form")
    assert one["k"] == 12
    several = table.assign(n_items=[12, 36] * 6)
    several = generalize(several).screen.set_index("moderator").loc["score_sd"]
    assert several["k"] == 0
    assert several["note"].endswith("metric of 12 not known)")
    some = scored()
    some.loc[0, ["response_min", "response_max"]] = np.nan
    some = generalize(some.assign(instrument="own form")).screen
    row = some.set_index("moderator").loc["score_sd"]
    assert (row["k"], row["k_missing"]) == (11, 1)
    assert row["note"].startswith(
        "per cent of the possible score; metric of 1 not known"
    )


def test_a_study_leaves_studies_out_everywhere():
    study = generalize(load_dataset("mibs"))
    left = study.leave_one_out
    assert len(left) == 26
    assert "26 refits" in figures.alt_text(figures.leave_one_out(study))
    table = tables.leave_one_out(study).as_raw_html()
    assert 26 <= table.count("<tr") < 33
    # a model leaves out its rows, as waistats.leave_one_out does
    assert "33 refits" in figures.alt_text(figures.leave_one_out(study.overall))


def test_the_multiverse_holds_the_studys_own_model():
    study = generalize(load_dataset("mibs"), within_correlation=0.6)
    frame = study.multiverse.to_frame()
    own = frame.query(
        "measure == 'bonett' and dependence == 'multilevel' and exclusion == 'none' "
        "and interval == 't'"
    ).iloc[0]
    assert own["estimate"] == pytest.approx(study.overall.predict().iloc[0]["estimate"])
    assert own["tau2"] == pytest.approx(study.overall.tau2, rel=1e-6)
    free = generalize(load_dataset("mibs")).overall
    assert abs(own["tau2"] - free.tau2) > 1e-4


def test_moderator_model_and_equation():
    study = generalize(cells_table(), "~ rater + year")
    model = study.moderator_model
    assert model.k == 12
    assert study.equation.startswith("alpha = 1 − exp(−(")
    assert "× year" in study.equation
    whole = generalize(cells_table(), "~ scale")
    assert whole.moderator_model.k == 36
    assert isinstance(whole.moderator_model, MultilevelResult)


def test_pool_picks_the_model():
    effects = effect_sizes(load_dataset("mibs"))
    pooled = pool(effects)
    assert pooled.dependent
    direct = fit_multilevel(effects)
    assert pooled.fit.estimate == pytest.approx(direct.estimate)
    row = pooled.row()
    robust = direct.robust().predict().iloc[0]
    assert row["ci_low"] == pytest.approx(robust["ci_low"])
    one = pool(effect_sizes(load_dataset("cesd")))
    assert not one.dependent
    assert one.robust is None
    few = pool(effects[effects["study_id"].isin(["1", "12", "19"])])
    assert few.robust is None
    assert "Too few studies for a robust interval" in few.note


def test_leave_one_out_leaves_studies():
    study = generalize(load_dataset("mibs"))
    left = study.leave_one_out
    assert len(left) == 26
    keep = study.effects[study.effects["study_id"] != "12"]
    direct = fit_multilevel(keep).predict().iloc[0]
    row = left.set_index("omitted").loc["12"]
    assert row["estimate"] == pytest.approx(direct["estimate"], abs=1e-7)


def test_shrunken_lies_between():
    study = generalize(load_dataset("cesd"))
    fit = study.pooled.independent
    share = fit.effects.vi / (fit.effects.vi + fit.tau2)
    expected = share * fit.estimate + (1 - share) * fit.effects.yi
    np.testing.assert_allclose(-np.log(1 - study.shrunken["estimate"]), expected)
