"""From human item responses to pooled alpha, against psych and metafor."""

import pytest

from waistats import (
    cronbach_alpha,
    effect_sizes,
    fetch_dataset,
    fit_meta,
    reliability_by_study,
)


def pooled(name, prefix):
    data = fetch_dataset(name)
    items = [c for c in data if c.startswith(prefix)]
    alphas = reliability_by_study(data, study="g", items=items)
    return alphas, fit_meta(effect_sizes(alphas))


def test_life_satisfaction(open_cache):
    """metafor 3.8-1, REML, Knapp-Hartung, threshold 1e-12."""
    alphas, fit = pooled("manylabs/data_2.12.1", "and1.3")
    assert len(alphas) == 74
    assert (alphas["scale"] == "total").all()
    frame = fit.to_frame().iloc[0]
    assert frame["estimate"] == pytest.approx(1.80712492728, abs=1e-8)
    assert frame["ci_low"] == pytest.approx(1.74125974315, abs=1e-8)
    assert frame["ci_high"] == pytest.approx(1.87299011140, abs=1e-8)
    assert fit.tau2 == pytest.approx(0.04270279098, abs=1e-9)
    assert pytest.approx(60.79546, abs=1e-5) == fit.I2
    assert pytest.approx(213.521935, abs=1e-6) == fit.Q
    row = fit.predict(prediction="metafor").iloc[0]
    assert row["estimate"] == pytest.approx(0.83587467, abs=1e-8)
    assert row["pi_low"] == pytest.approx(0.75093601, abs=1e-8)
    assert row["pi_high"] == pytest.approx(0.89184657, abs=1e-8)


def test_attitude_to_art(open_cache):
    alphas, fit = pooled("manylabs/data_1.12.3.1", "iat")
    assert len(alphas) == 36
    assert alphas["n_excluded"].sum() > 0
    row = fit.predict(prediction="metafor").iloc[0]
    expected = (0.89594764, 0.88607771, 0.90496248, 0.83295154, 0.93518711)
    assert tuple(row) == pytest.approx(expected, abs=1e-8)
    assert fit.tau2 == pytest.approx(0.05238236, abs=1e-8)
    assert pytest.approx(77.83409, abs=1e-5) == fit.I2


def test_unreversed_items_show(open_cache):
    data = fetch_dataset("manylabs/data_3.7.2")
    items = [c for c in data if c.startswith("nfc")]
    assert cronbach_alpha(data[items]).estimate == pytest.approx(-0.15, abs=0.005)
    alphas = reliability_by_study(data, study="g", items=items)
    fit = fit_meta(effect_sizes(alphas))
    assert fit.predict()["estimate"].iloc[0] == pytest.approx(-0.121, abs=5e-4)
    turned = data.assign(**{i: 6 - data[i] for i in (items[1], items[2], items[5])})
    assert cronbach_alpha(turned[items]).estimate == pytest.approx(0.67, abs=0.005)
