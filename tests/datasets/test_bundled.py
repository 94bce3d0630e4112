"""The tables that come with waistats are the published ones."""

import re

import numpy as np
import pandas as pd
import pytest

from waistats.datasets.bundled import GENERATED, list_datasets, load_dataset
from waistats.errors import DataError


def test_wai_coefficients():
    wai = load_dataset("wai")
    assert len(wai) == 44
    assert wai["study_id"].nunique() == 22
    use = wai[wai["status"] == "poolable"]
    assert len(use) == 10
    assert use["study_id"].nunique() == 7
    assert use[["estimate", "n", "n_items"]].notna().all(axis=None)
    assert wai.loc[wai["status"] != "poolable", "reason"].notna().all()


def test_every_wai_row_has_evidence_and_can_be_found_again():
    wai = load_dataset("wai")
    assert wai["evidence"].notna().all()
    addressed = wai[["source_url", "doi", "seen_in"]].notna().any(axis=1)
    # one study is cited by journal, volume and pages: its page shows no address
    journal = wai["title"].str.contains(r"\d+\(\d+\):\d+-\d+", regex=True)
    assert (addressed | journal).all()
    assert (wai.loc[wai["provenance"] == "secondary", "seen_in"].notna()).all()


def test_cesd_is_the_published_table():
    cesd = load_dataset("cesd")
    assert cesd["estimate"].tolist() == [
        0.93,
        0.91,
        0.94,
        0.89,
        0.9,
        0.89,
        0.86,
        0.91,
        0.9,
    ]
    assert cesd["n"].tolist() == [103, 64, 118, 401, 215, 51, 175, 311, 492]
    assert set(cesd["n_items"]) == {20}
    assert cesd["study_id"].tolist() == [str(i) for i in range(1, 10)]
    assert cesd["source"].str.contains("Bonett").all()
    assert list(cesd["caregivers"]).count("women") == 3


def test_mibs_is_the_published_table():
    mibs = load_dataset("mibs")
    assert len(mibs) == 33
    assert mibs["study_id"].nunique() == 26
    assert mibs["coefficient_id"].tolist() == [str(i) for i in range(1, 34)]
    assert mibs["n_items"].value_counts().to_dict() == {8: 32, 7: 1}
    assert mibs["source"].str.contains("Demir").all()
    yi = -np.log(1 - mibs["estimate"])
    vi = 2 * mibs["n_items"] / ((mibs["n_items"] - 1) * (mibs["n"] - 2))
    q = (yi**2 / vi).sum() - (yi / vi).sum() ** 2 / (1 / vi).sum()
    # metafor 3.8-1: rma(measure="ABT", ...)$QE
    assert q == pytest.approx(584.813, abs=5e-4)


def test_hanson_facts_name_their_source():
    facts = load_dataset("hanson2002").set_index("fact")
    assert facts.loc["n_internal_consistency_estimates", "value"] == "67"
    assert facts.loc["modal_reliability", "value"] == "0.92"
    assert facts["source"].notna().all()


@pytest.mark.parametrize(
    "name", ["wai_coefficients", "cesd_bonett2010", "mibs_demir2022"]
)
def test_file_names_do_as_well(name):
    short = name.split("_")[0]
    pd.testing.assert_frame_equal(load_dataset(name), load_dataset(short))


def test_a_loaded_table_is_the_callers_own():
    mine = load_dataset("cesd")
    mine.loc[0, "estimate"] = 0
    assert load_dataset("cesd").loc[0, "estimate"] == 0.93


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("Wai", r"no data set 'Wai' \(did you mean 'wai'\?\)"),
        ("manylabs_swls", r"fetch_dataset\('manylabs_swls'\)"),
        ("manylabs/data_2.12.1", r"fetch_dataset\('manylabs/data_2.12.1'\)"),
        ("instruments", "list_instruments"),
        ("none", "no data set 'none'; load_dataset knows wai"),
        (["wai"], "is a text; got"),
    ],
)
def test_unknown_names_are_refused(name, match):
    with pytest.raises(DataError, match=match):
        load_dataset(name)


def test_the_list_is_complete_and_true():
    listed = list_datasets().set_index("name")
    assert list(listed) == ["kind", "rows", "description", "licence", "source"]
    assert listed.notna().all(axis=None)
    assert listed.index.is_unique
    for name, row in listed.iterrows():
        if row["kind"] != "remote":
            assert len(load_dataset(name)) == row["rows"]


@pytest.mark.parametrize("name", GENERATED)
def test_generated_data_say_simulated(name):
    frame = load_dataset(name)
    assert set(frame["provenance"]) == {"SIMULATED"}
    assert re.search("simulated", name, re.IGNORECASE)
    pd.testing.assert_frame_equal(frame, load_dataset(name))
