"""Counts of the flow chart: every box, nothing twice, nothing lost."""

import numpy as np
import pandas as pd
import pytest

from waistats import DataError
from waistats.datasets.bundled import load_dataset
from waistats.datasets.simulated_studies import simulate_literature
from waistats.io.readers import read_coefficients
from waistats.rg.flow import COLUMNS, flow_counts
from waistats.rg.prisma import check_screening

COUNTS = ["studies", "samples", "coefficients", "persons"]


def sheet():
    """Five studies: two report (one a range as well), two induce, one is no study."""
    rows = [
        # study, sample, status, estimate, n, n_sample, reason, decision
        ("A", "a", "reported_own", 0.90, 80, 90, None, None),
        ("A", "a", "reported_own", 0.85, 78, 90, None, None),
        ("A", "a", "reported_own", None, 80, 90, "only a range", None),
        ("B", "b1", "reported_own", 0.88, None, 40, None, None),
        ("B", "b2", "reported_own", 0.92, 60, None, None, None),
        ("C", "c", "induced_precise", 0.93, None, 70, None, None),
        ("D", None, "omitted", None, None, None, None, None),
        ("E", "e", "reported_own", 0.91, 55, None, "another form", "exclude"),
    ]
    names = ("study_id", "sample_id", "reliability_status", "estimate", "n", "n_sample",
             "reason", "screening_decision")  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(names))
    return frame.assign(n_items=12, scale="total", coefficient_type="alpha")


def boxes(table, **options):
    return flow_counts(table, **options).set_index("key")


def test_every_box_of_a_small_literature():
    made = boxes(sheet())
    expected = {
        #             studies, samples, coefficients, persons
        "coded": (5, 6, 7, 80 + 40 + 60 + 70 + 55),
        "other": (1, 1, 1, 55),
        "applied": (4, 5, 6, 250),
        "induced": (2, 2, 1, 70),
        "omitted": (1, 1, 0, pd.NA),
        "induced_vague": (0, 0, 0, 0),
        "induced_precise": (1, 1, 1, 70),
        "reported": (2, 3, 5, 180),
        "not_usable": (2, 2, 2, 120),
        "usable": (2, 2, 3, 140),
    }
    assert list(made.index) == list(expected)
    for key, counts in expected.items():
        assert made.loc[key, COUNTS].tolist() == list(counts), key
    assert made.loc["not_usable", "note"] == "no n (1); only a range (1)"
    assert made.loc["other", "note"] == "another form (1)"
    assert made.loc["usable", "note"] == "alpha, total (3)"
    assert made.loc["coded", "note"] == "n of 1 sample not known"
    assert list(made.index[made["side"]]) == [
        "other", "induced", "omitted", "induced_vague", "induced_precise", "not_usable",
    ]  # fmt: skip


def test_the_frame_is_what_the_figure_takes():
    frame = flow_counts(sheet())
    assert list(frame) == list(COLUMNS)
    assert frame["box"].is_unique
    assert frame["key"].is_unique
    parents = frame.set_index("key")["parent"]
    assert set(parents[1:]) <= set(parents.index)
    assert parents.iloc[0] == ""


def test_details_part_their_box():
    made = boxes(sheet(), detail=True)
    for key in ("not_usable", "usable", "other"):
        parts = made[made["parent"] == key]
        assert parts["coefficients"].sum() == made.loc[key, "coefficients"]
        assert parts["side"].all()
    assert made.loc["not_usable_1", "box"] == "Cannot be pooled: no n"


def test_a_simulated_literature_comes_out_right():
    literature = simulate_literature(60)
    made = boxes(read_coefficients(literature.table))
    assert made.loc["applied", "studies"] == 60
    for status, count in literature.counts.items():
        key = "reported" if status == "reported_own" else status
        assert made.loc[key, "studies"] == count
    assert made.loc["usable", COUNTS[:3]].tolist() == [24, 24, 24]
    own = literature.table["reliability_status"] == "reported_own"
    assert made.loc["usable", "persons"] == literature.table.loc[own, "n"].sum()
    induced = literature.table.loc[~own, "n_sample"].sum()
    assert made.loc["induced", "persons"] == induced
    assert set(made["provenance"]) == {"SIMULATED"}


@pytest.mark.parametrize("seed", range(4))
def test_branches_part_studies_and_coefficients(seed):
    table = simulate_literature(50, seed).table
    rng = np.random.default_rng(seed)
    out = rng.random(50) < 0.2
    table["screening_decision"] = np.where(out, "exclude", "include")
    table["reason"] = np.where(out, "theory", None)
    shuffled = table.sample(frac=1, random_state=seed)
    made = boxes(table)
    pd.testing.assert_frame_equal(made, boxes(shuffled))
    for name in COUNTS:
        here = made[name].fillna(0)
        assert here["coded"] == here["other"] + here["applied"]
        assert here["applied"] == here["induced"] + here["reported"]
        three = here["omitted"] + here["induced_vague"] + here["induced_precise"]
        assert here["induced"] == three
        assert here["reported"] == here["usable"] + here.get("not_usable", 0)


def test_a_quoted_value_is_never_pooled_even_beside_an_own_one():
    table = sheet().iloc[[0, 5]].assign(study_id="A", n=80)
    made = boxes(table)
    assert made.loc["reported", "studies"] == 1
    assert made.loc["usable", "coefficients"] == 1


def test_the_bundled_table():
    made = boxes(load_dataset("wai"))
    assert made.loc["usable", ["studies", "samples", "coefficients"]].tolist() == [
        11,
        15,
        35,
    ]
    assert made.loc["reported", ["studies", "coefficients"]].tolist() == [27, 75]
    assert "induced" not in made.index


def test_n_that_counts_no_persons_is_not_added_up():
    table = sheet().iloc[[0]].assign(n_unit="sessions", n_sample=None)
    assert boxes(table).loc["usable", "samples_without_n"] == 1
    assert pd.isna(boxes(table).loc["usable", "persons"])
    assert boxes(table.assign(n_sample=30)).loc["usable", "persons"] == 30


def test_the_search_comes_first():
    log = pd.DataFrame(
        {
            "source": ["PsycINFO", "PubMed", "PubMed", "PsycINFO", None],
            "decision": ["duplicate", "excluded_screening", "excluded_full_text",
                         "Included", "included"],
            "reason": [None, None, "theoretical", None, None],
        }
    )  # fmt: skip
    made = boxes(sheet(), screening=log)
    records = {"identified": 5, "duplicates": 1, "screened": 4, "screened_out": 1,
               "full_text": 3, "full_text_out": 1, "included": 2}  # fmt: skip
    assert made["records"].dropna().to_dict() == records
    assert made.loc["identified", "note"] == (
        "5 records; PsycINFO (2); PubMed (2); other sources (1)"
    )
    assert made.loc["full_text_out", "note"] == "1 record; theoretical (1)"
    assert made.loc["coded", "parent"] == "included"
    detailed = boxes(sheet(), screening=log, detail=True)
    assert detailed.loc["identified_2", ["box", "records"]].tolist() == [
        "Records identified: PubMed",
        2,
    ]


@pytest.mark.parametrize(
    ("log", "match"),
    [
        (pd.DataFrame({"stage": ["x"]}), "needs?|must be a table with the column"),
        (
            pd.DataFrame({"decision": ["kept", None]}),
            r"is kept \(row 1\), empty \(row 2",
        ),
        ([1], "must be a table"),
    ],
)
def test_a_log_that_cannot_be_read(log, match):
    with pytest.raises(DataError, match=match):
        flow_counts(sheet(), screening=log)


def test_unknown_statuses_are_refused():
    with pytest.raises(DataError, match=r"is maybe \(study_id A\)"):
        flow_counts(sheet().iloc[[0]].assign(reliability_status="maybe"))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("INCLUDED", "included"),
        ("Include", "included"),
        ("Excluded (full-text)", "excluded_full_text"),
        ("Excluded at full text", "excluded_full_text"),
        ("excluded - title/abstract", "excluded_screening"),
        ("Duplicate removed", "duplicate"),
        ("Not retrieved", "not_retrieved"),
    ],
)
def test_decisions_as_reviewers_spell_them(said, meant):
    log = pd.DataFrame(
        {
            "Study ID": ["a"],
            "Database": ["PsycINFO"],
            "Status": [said],
            "Reason for exclusion": ["no alpha"],
        }
    )
    (row,) = check_screening(log).to_dict("records")
    assert row == {
        "source": "PsycINFO",
        "reason": "no alpha",
        "decision": meant,
        "source_type": "database",
    }


@pytest.mark.parametrize(
    ("columns", "program"),
    [
        ({"Title": ["x"], "Covidence #": ["#12"]}, "Covidence"),
        ({"key": ["rayyan-1"], "title": ["x"]}, "Rayyan"),
    ],
)
def test_an_export_of_one_step_says_what_it_lacks(columns, program):
    with pytest.raises(
        DataError, match=f"export of {program} holds the records of one"
    ):
        check_screening(pd.DataFrame(columns))
    with pytest.raises(DataError, match=r"it has Title\.$"):
        check_screening(pd.DataFrame({"Title": ["x"]}))
