"""The tables that come with waistats are the published ones."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import DataError
from waistats.datasets.bundled import GENERATED, list_datasets, load_dataset
from waistats.io._codebook import codebook
from waistats.rg.generalize import generalize
from waistats.rg.induction import induction_rate

REFERENCE = Path(__file__).parents[1] / "reference"
WAI_TOTALS = json.loads((REFERENCE / "wai_totals.json").read_text(encoding="utf-8"))


def test_wai_coefficients():
    wai = load_dataset("wai")
    assert len(wai) == 75
    assert wai["study_id"].nunique() == 27
    use = wai[wai["status"] == "poolable"]
    assert len(use) == 35
    assert use["study_id"].nunique() == 11
    assert use[["estimate", "n", "n_items"]].notna().all(axis=None)
    assert wai.loc[wai["status"] != "poolable", "reason"].notna().all()


def test_every_wai_row_has_evidence_and_can_be_found_again():
    wai = load_dataset("wai")
    assert wai["evidence"].notna().all()
    assert wai[["source_url", "doi", "seen_in"]].notna().any(axis=1).all()
    assert (wai.loc[wai["provenance"] == "secondary", "seen_in"].notna()).all()


def test_computed_coefficients_have_an_address_and_say_so():
    wai = load_dataset("wai")
    computed = wai["provenance"] == "computed"
    assert (computed == wai["evidence"].str.startswith("Computed by the coder")).all()
    assert set(wai.loc[computed, "study_id"]) == {
        "Meyer2023",
        "AffectDynamics",
        "RaterAnalysis2026",
    }
    # the commit is part of the address
    address = wai.loc[computed, "source_url"]
    assert address.str.contains(r"/blob/[0-9a-f]{40}/").all()


def test_modality_is_of_the_codebook_which_says_what_is_at_a_distance():
    wai = load_dataset("wai")
    field = next(f for f in wai_fields() if f["name"] == "modality")
    assert set(wai["modality"].dropna()) <= set(field["categories"])
    away = field["at_a_distance"]
    assert set(away) < set(field["categories"])
    for word in field["categories"]:
        assert word in field["description"]
    usable = wai[(wai["status"] == "poolable") & wai["modality"].isin(away)]
    assert usable["study_id"].value_counts().to_dict() == {
        "Meyer2023": 9,
        "Ribeiro2021": 1,
    }


def wai_fields():
    return codebook()["resources"][0]["schema"]["fields"]


def test_greek_rows_have_their_bound_and_the_turkish_its_journal():
    wai = load_dataset("wai").set_index("coefficient_id")
    for row in ("GreekWAI_unnamed_1", "GreekWAI_unnamed_2"):
        assert wai.loc[row, "estimate_low"] == 0.85 <= wai.loc[row, "estimate"]
        assert wai.loc[row, "status"] == "not_poolable"
    turkish = wai.loc[wai["study_id"] == "TurkishWAI2008", "seen_in"]
    assert turkish.str.contains(r"2008, 19\(4\), 398-408").all()


def test_pooled_totals_are_metafors_three_level_model():
    """metafor and clubSandwich: tests/reference/wai_totals.R."""
    study = generalize(load_dataset("wai"))
    assert study.sentence().startswith("Overall (total, k = 20, three levels, CR2)")
    assert study.overall.k == WAI_TOTALS["k"]
    row = study.pooled.row()
    for name in ("estimate", "ci_low", "ci_high"):
        assert row[name] == pytest.approx(WAI_TOTALS[name], abs=1e-7)


def test_quoted_alphas_say_from_where_and_flag_the_wrong_form():
    quoted = load_dataset("wai_induction")
    assert quoted["source_url"].notna().sum() >= 7
    both = quoted[["n_items", "source_n_items"]].notna().all(axis=1)
    assert (both == quoted["wrong_form"].notna()).all()
    other = quoted.loc[both, "n_items"] != quoted.loc[both, "source_n_items"]
    assert (other == quoted.loc[both, "wrong_form"]).all()
    assert quoted.loc[
        both & quoted["wrong_form"].fillna(False), "study_id"
    ].tolist() == ["spanish_platform"]
    precise = quoted["reliability_status"] == "induced_precise"
    assert quoted.loc[precise, "quoted"].notna().all()
    rate = induction_rate(quoted[quoted["kind"] == "study"], by=None)
    assert (rate.estimate, rate.to_frame()["k"].iloc[0]) == (1, 5)


def test_the_queue_holds_what_is_not_in_the_table():
    queue, wai = load_dataset("wai_queue"), load_dataset("wai")
    assert len(queue) == 85
    # one study of the table still lacks a form
    assert set(queue["study_id"]) & set(wai["study_id"]) == {"TraceyKokotovic1989"}
    known = queue[["authors", "doi", "source_url", "note"]].notna().any(axis=1)
    assert known.all()
    assert not queue["doi"].dropna().isin(wai["doi"].dropna()).any()


def test_recomputed_alphas_are_those_of_the_table():
    found, wai = load_dataset("wai_recomputed"), load_dataset("wai")
    printed = found.dropna(subset="reported")
    assert (printed["reported"] - printed["recomputed"]).abs().max() < 0.005
    meyer = wai[wai["sample_id"].isin(["Meyer2023_framework", "Meyer2023_nosystem"])]
    group = meyer["sample_id"].map(
        {"Meyer2023_framework": "framework", "Meyer2023_nosystem": "no_system"}
    )
    both = meyer.assign(group=group).merge(found, on=["study_id", "group", "scale"])
    assert len(both) == 8
    assert (both["estimate"] == both["recomputed"]).all()
    assert (both["n_x"] == both["n_y"]).all()
    # one alpha over mixed groups is above each group's
    for _, rows in found[found["scale"] == "total"].groupby("study_id"):
        alphas = rows[rows["coefficient_type"] == "alpha"].set_index("group")
        alone = alphas.drop(index="all")["recomputed"]
        assert (alphas.loc["all", "recomputed"] > alone).all()


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
        ("none", "no data set 'none'; there are wai"),
        (["wai"], "must be a string; got"),
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
