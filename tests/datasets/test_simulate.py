import numpy as np
import pandas as pd
import pytest

from waistats import DataError, ModelError
from waistats.datasets.simulate import simulate_responses
from waistats.instruments.forms import define_instrument, get_instrument
from waistats.instruments.scoring import keyed_items, score


def alpha(items):
    covariance = np.cov(items, rowvar=False)
    m = len(covariance)
    return m / (m - 1) * (1 - np.trace(covariance) / covariance.sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "wanted", "ceiling"),
    [("WAI-SR", 0.90, 0.0), ("WAI-S", 0.80, 0.5), ("WAI-S", 0.97, 0.1)],
)
def test_a_million_respondents_have_the_alpha_asked_for(form, wanted, ceiling):
    data = simulate_responses(
        form, studies=1, n=1_000_000, reliability=wanted, ceiling=ceiling, seed=11
    )
    keyed = keyed_items(data, form).filter(like="wai").to_numpy()
    assert alpha(keyed) == pytest.approx(wanted, abs=0.001)
    if ceiling:
        top = get_instrument(form).response_max
        assert (keyed == top).mean() == pytest.approx(ceiling, abs=0.002)


def test_the_frame_has_the_shape_asked_for():
    data = simulate_responses("WAI-SR", studies=3, n=[5, 7, 9], seed=1)
    assert list(data.columns) == [
        "study_id",
        "person_id",
        *[f"wai{i}" for i in range(1, 13)],
        "provenance",
    ]
    assert data.groupby("study_id").size().to_dict() == {"S01": 5, "S02": 7, "S03": 9}
    assert data["person_id"].is_unique
    assert set(data["provenance"]) == {"SIMULATED"}
    items = data.filter(like="wai")
    assert items.isin(range(1, 6)).all(axis=None)
    assert (items.dtypes == np.int64).all()


def test_the_same_seed_gives_the_same_frame():
    make = {"studies": ["a", "b"], "n": range(20, 40), "tau": 0.3, "missing_rate": 0.1}
    one = simulate_responses("WAI-S", seed=3, **make)
    pd.testing.assert_frame_equal(one, simulate_responses("WAI-S", seed=3, **make))
    assert not one.equals(simulate_responses("WAI-S", seed=4, **make))
    assert one.groupby("study_id").size().between(20, 39).all()


def test_reversed_items_come_raw():
    data = simulate_responses("WAI-36", studies=1, n=2000, ceiling=0.4, seed=5)
    form = get_instrument("WAI-36")
    items = data.filter(like="wai")
    rest = score(data, "WAI-36")["total"]
    signs = items.corrwith(rest)
    negative = [int(name[3:]) for name in signs.index[signs < 0]]
    assert negative == list(form.reverse)
    assert alpha(items) < 0.4
    keyed = keyed_items(data, form).filter(like="wai")
    assert alpha(keyed) == pytest.approx(0.90, abs=0.02)


def test_items_of_one_subscale_correlate_more():
    data = simulate_responses("WAI-SR", studies=1, n=20_000, reliability=0.9, seed=6)
    form = get_instrument("WAI-SR")
    r = data.filter(like="wai").corr().to_numpy()
    of = {i: s for s, numbers in form.subscales.items() for i in numbers}
    same = np.array([[of[i] == of[j] for j in form.items] for i in form.items])
    off = ~np.eye(12, dtype=bool)
    assert r[same & off].mean() > r[~same].mean() + 0.03


def test_alphas_per_study_and_missing_share():
    wanted = [0.6, 0.8, 0.95]
    data = simulate_responses("WAI-SR", studies=3, n=20_000, reliability=wanted, seed=8)
    found = [alpha(g.filter(like="wai")) for _, g in data.groupby("study_id")]
    np.testing.assert_allclose(found, wanted, atol=0.01)
    assert data.attrs["population_alpha"] == dict(
        zip(["S01", "S02", "S03"], wanted, strict=True)
    )
    holes = simulate_responses("WAI-SR", studies=1, n=5000, missing_rate=0.2, seed=9)
    assert holes.filter(like="wai").isna().mean().mean() == pytest.approx(0.2, abs=0.01)
    assert holes["person_id"].notna().all()


def test_heterogeneity_is_on_the_bonett_scale():
    data = simulate_responses(
        "WAI-S", studies=4000, n=2, reliability=0.85, tau=0.3, seed=10
    )
    truth = np.array(list(data.attrs["population_alpha"].values()))
    values = -np.log1p(-truth)
    assert values.mean() == pytest.approx(-np.log(0.15), abs=0.02)
    assert values.std() == pytest.approx(0.3, abs=0.012)


def test_own_forms_are_simulated_too():
    form = define_instrument("SWLS", n_items=5, response_min=1, response_max=7)
    data = simulate_responses(form, studies=1, n=30_000, reliability=0.84, seed=12)
    assert [c for c in data if c.startswith("item")] == [
        f"item{i}" for i in range(1, 6)
    ]
    assert alpha(data.filter(like="item")) == pytest.approx(0.84, abs=0.008)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"studies": 0}, "studies must be 1 or more"),
        ({"studies": "ten"}, "a number or a list of names"),
        ({"studies": ["a", "a"]}, "distinct names; twice: a"),
        ({"n": 1}, "2 or more"),
        ({"n": 2.5}, "n must be a whole number"),
        ({"studies": 3, "n": [5, 5]}, "n has 2 numbers for 3 studies"),
        ({"n": range(0, 5)}, "n as a range"),
        ({"studies": 3, "reliability": [0.5]}, "1 number for 3 studies"),
    ],
)
def test_impossible_data_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        simulate_responses("WAI-S", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reliability": 1.0}, "at least 0 and below 1"),
        ({"reliability": -0.2}, "at least 0 and below 1"),
        ({"reliability": 0.9999}, "cannot be reached"),
        ({"tau": -1}, "tau is a standard deviation"),
        ({"ceiling": 1}, "ceiling is a share"),
        ({"missing_rate": -0.1}, "missing_rate is a share"),
    ],
)
def test_impossible_models_are_refused(options, message):
    with pytest.raises(ModelError, match=message):
        simulate_responses("WAI-S", **options)


def test_cards_cannot_be_simulated():
    with pytest.raises(DataError, match="only a card"):
        simulate_responses("WATOCI")
