"""Findings: every error of a coefficient table, and what deserves a second look."""

import pandas as pd
import pytest

from waistats import DataError
from waistats._files import data_path
from waistats.io.check import check_coefficients
from waistats.io.readers import read_coefficients
from waistats.measures import status_of

BASE = {
    "study_id": ["A", "B", "C"],
    "estimate": [0.91, 0.87, 0.92],
    "n": 50,
    "n_items": 12,
}


def table(**changes):
    return pd.DataFrame({**BASE, **changes})


def said(frame, **options):
    found = check_coefficients(frame, **options)
    return list(zip(found["severity"], found["finding"], strict=True))


def test_a_clean_table_has_no_findings():
    found = check_coefficients(table())
    assert found.empty
    assert list(found) == [
        "where",
        "row",
        "study_id",
        "column",
        "severity",
        "finding",
        "advice",
    ]


@pytest.mark.parametrize(
    ("changes", "severity", "finding"),
    [
        ({"estimate": [0.91, -0.12, 0.92]}, "warning", "estimate is negative"),
        ({"estimate": [0.91, 0.04, 0.92]}, "warning", "estimate is unusually low"),
        ({"estimate": [0.91, 0.996, 0.92]}, "warning", "estimate is nearly 1"),
        ({"estimate": [0.91, 0.9, 0.92]}, "note", "estimate has one decimal"),
        ({"n": [50, 8, 60]}, "warning", "n is below 10"),
        (
            {"ci_low": [0.8, 0.9, 0.8], "ci_high": [0.95, 0.99, 0.95]},
            "warning",
            "estimate lies outside its confidence limits",
        ),
        (
            {"coefficient_type": ["alpha", "icc", "alpha"]},
            "warning",
            "coefficient_type mixes alpha, icc",
        ),
        (
            {"scale": ["total", "bond", "total"]},
            "warning",
            "scale mixes totals and subscales (bond, total)",
        ),
        ({"instrument": ["WAI-S", "WAI-SR", "WAI-S"]}, "note", "instrument mixes"),
        (
            {"study_id": ["A", "A", "B"]},
            "warning",
            "study_id has several coefficients (A)",
        ),
        (
            {"study_id": ["A", "A", "B"], "sample_id": ["s", "s", "t"]},
            "warning",
            "sample_id has several coefficients (s)",
        ),
        (
            {"sample_id": ["s", "s", "t"]},
            "warning",
            "sample_id appears in several studies (s)",
        ),
        ({"study_id": ["A"] * 3}, "warning", "study_id has one study only"),
        (
            {"study_id": ["A", "B", "B"], "estimate": [0.91, 0.87, 0.87]},
            "warning",
            "study_id repeats another row in every column",
        ),
        (
            {"coefficent_type": ["alpha"] * 3},
            "warning",
            "coefficent_type is read as a moderator; did you mean 'coefficient_type'",
        ),
        (
            {"reason": ["only a range"] * 3},
            "warning",
            "status leaves no row that can be pooled",
        ),
    ],
)
def test_doubts_are_found_and_do_not_keep_a_table_from_being_read(
    changes, severity, finding
):
    frame = table(**changes)
    assert any(s == severity and f.startswith(finding) for s, f in said(frame))
    assert not any(s == "error" for s, _ in said(frame))
    assert len(read_coefficients(frame)) == 3


def test_samples_of_one_study_are_not_several_coefficients_of_one_sample():
    frame = table(study_id=["A", "A", "B"], sample_id=["A1", "A2", "B1"])
    assert said(frame) == []


def test_errors_come_first_with_row_and_advice():
    frame = table(estimate=[-0.12, 1.0, 0.92], n=[50, 50, 2])
    found = check_coefficients(frame)
    assert list(found["severity"]) == ["error", "error", "warning"]
    assert list(found["row"]) == [1, 2, 0]
    assert list(found["where"]) == ["row 1", "row 2", "row 0"]
    assert list(found["study_id"]) == ["B", "C", "A"]
    assert found["advice"].str.endswith(".").all()
    with pytest.raises(DataError, match="2 problems found"):
        read_coefficients(frame)


def test_missing_columns_are_findings():
    found = check_coefficients(pd.DataFrame({"study_id": ["A"], "alpha": [0.9]}))
    assert list(found["column"]) == ["estimate", "n", "n_items"]
    assert set(found["where"]) == {"table"}
    assert 'columns={"alpha": "estimate"}' in found["advice"][0]


def test_columns_are_renamed_before_checking():
    frame = table().rename(columns={"estimate": "alpha"})
    assert said(frame, columns={"alpha": "estimate"}) == []


def test_rows_with_a_reason_are_excused_from_ranges_but_not_from_being_numbers():
    frame = table(
        estimate=[0.91, None, 1.0],
        n=[50, None, "many"],
        n_items=[12, None, 0],
        status=["poolable", "not_poolable", None],
        reason=[None, None, "printed as 1.00"],
    )
    errors = [finding for severity, finding in said(frame) if severity == "error"]
    assert errors == ["n must be a number, but is 'many'"]
    assert list(~status_of(frame).claimed) == [False, True, True]


def test_duplicate_coefficient_ids_are_found_within_a_study():
    frame = table(study_id=["A", "A", "B"], coefficient_id=["1", "1", "1"])
    found = check_coefficients(frame).query("severity == 'error'")
    assert list(found["row"]) == [0, 1]


def test_nonnumeric_labels_of_rows_are_used():
    frame = table(n=[50, 1, 50]).set_index(pd.Index(["x", "y", "z"]))
    assert check_coefficients(frame)["where"][0] == "row y"


def test_existing_flags_are_kept():
    frame = table(estimate=[0.91, -0.12, 0.92], flag=["odd", "odd", None])
    read = read_coefficients(frame)
    assert list(read["flag"][:2]) == ["odd", "odd; negative"]


@pytest.mark.parametrize(
    "name", ["wai_coefficients", "cesd_bonett2010", "mibs_demir2022"]
)
def test_bundled_files_have_no_errors(name):
    found = check_coefficients(data_path(f"{name}.csv"))
    assert "error" not in set(found["severity"])
