"""The classic study: a SIMULATED one beside its truth, and beside what is printed."""

import pandas as pd
import pytest

from waistats import generalize, load_dataset, reliability_by_study
from waistats.datasets.simulated_studies import simulate_hanson_study
from waistats.rg.classic import beside_original, simulated_coefficients, truth_beside


@pytest.fixture(scope="module")
def simulation():
    return simulate_hanson_study()


@pytest.fixture(scope="module")
def table(simulation):
    return simulated_coefficients(simulation)


def test_coefficients_are_those_of_the_responses(simulation, table):
    assert (table["provenance"] == "SIMULATED").all()
    assert table["coefficient_id"].is_unique
    name, frame = next(iter(simulation.frames.items()))
    form = str(frame["instrument"].iloc[0])
    own = reliability_by_study(
        frame, study="study_id", instrument=form, scales=simulation.scales[name]
    )
    assert list(table["estimate"].head(len(own))) == list(own["estimate"])
    assert len(table) == 67


def test_each_cell_stands_beside_the_truth_it_was_drawn_from(simulation, table):
    beside = truth_beside(generalize(table), simulation)
    keys = ["instrument", "rater", "scale"]
    truth = simulation.cells.set_index(keys)["estimate"]
    found = beside.set_index(keys)
    assert (found["truth"] == truth.reindex(found.index)).all()
    within = found["truth"].between(found["ci_low"], found["ci_high"])
    assert (found["covered"] == within).all()
    assert (found["provenance"] == "SIMULATED").all()


def test_facts_of_the_original_stand_beside_the_counts_of_this_table():
    facts = beside_original(generalize(load_dataset("wai"))).set_index("fact")
    original = load_dataset("hanson2002").set_index("fact")["value"]
    assert facts.loc["versions of the WAI", "original"] == original["n_versions"]
    wai = load_dataset("wai")
    alphas = wai[wai["coefficient_type"] == "alpha"]
    valued = pd.to_numeric(alphas["estimate"], errors="coerce").notna()
    row = facts.loc["internal consistency estimates with a value"]
    assert row["here"] == str(valued.sum())
    mode = alphas.loc[valued, "estimate"].astype(float).round(2).mode()
    shown = facts.loc["modal reliability", "here"].split(", ")
    assert shown == [f"{value:.2f}".lstrip("0") for value in mode]
