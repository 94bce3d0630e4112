import numpy as np
import pandas as pd
import pytest

from waistats.datasets.simulated_studies import simulate_hanson_study
from waistats.instruments.forms import get_instrument
from waistats.instruments.scoring import keyed_items


@pytest.fixture(scope="module")
def study():
    return simulate_hanson_study()


def sample_alphas(study):
    rows = []
    for name, frame in study.frames.items():
        form = get_instrument(frame["instrument"].iloc[0])
        keyed = keyed_items(frame, form)
        for scale in study.scales[name]:
            columns = [f"wai{i}" for i in form.scales[scale]]
            for study_id, items in keyed[columns].groupby(frame["study_id"]):
                c = items.cov().to_numpy()
                m = len(c)
                alpha = m / (m - 1) * (1 - np.trace(c) / c.sum())
                rows.append((study_id, scale, len(items), alpha))
    return pd.DataFrame(rows, columns=["study_id", "scale", "n", "alpha"])


def test_the_study_has_the_known_shape(study):
    assert len(study.frames) == 5
    assert len(study.cells) == 12
    assert len(study.truth) == 67
    assert study.cells["k"].sum() == 67
    assert study.cells["estimate"].between(0.79, 0.97).all()


def test_everything_is_labelled_simulated(study):
    for frame in (*study.frames.values(), study.truth, study.cells, study.to_frame()):
        assert set(frame["provenance"]) == {"SIMULATED"}
    assert str(study).startswith("SIMULATED study")


def test_the_answers_belong_to_the_truth(study):
    table = sample_alphas(study).merge(
        study.truth, on=["study_id", "scale"], validate="one_to_one"
    )
    assert len(table) == 67
    assert (table["n_x"] == table["n_y"]).all()
    m, n = table["n_items"], table["n_x"]
    se = np.sqrt(2 * m / ((m - 1) * (n - 2)))
    z = (np.log1p(-table["population_alpha"]) - np.log1p(-table["alpha"])) / se
    assert z.abs().max() < 4
    assert 0.6 < z.std() < 1.5


def test_totals_have_the_truth_that_was_asked_for(study):
    totals = study.cells[study.cells["scale"] == "total"]
    np.testing.assert_allclose(
        totals["estimate"], [0.93, 0.91, 0.97, 0.92, 0.90], rtol=1e-9
    )
    np.testing.assert_allclose(totals["tau"], [0.3, 0.2, 0.25, 0.35, 0.25], rtol=1e-9)


def test_the_same_seed_gives_the_same_study(study):
    again = simulate_hanson_study(2002)
    for name, frame in study.frames.items():
        pd.testing.assert_frame_equal(frame, again.frames[name])
    other = simulate_hanson_study(1)
    assert not other.truth["population_alpha"].equals(study.truth["population_alpha"])
    assert len(other.truth) == 67
