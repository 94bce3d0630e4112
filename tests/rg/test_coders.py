"""Agreement of two coders: kappa and ICC as in R, and every cell that differs."""

import json
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from coding_rows import sheet_of, study
from hypothesis import given, settings, strategies as st

from waistats import DataError
from waistats.reliability.icc import intraclass_correlation
from waistats.rg.coders import compare_coders
from waistats.rg.coding import write_template

PATH = Path(__file__).parents[1] / "reference" / "coding_agreement.json"
REFERENCE = json.loads(PATH.read_text(encoding="utf-8"))
# R's numbers are written with 15 digits
RTOL = 1e-12


def sheets(name, first, second):
    ids = [f"S{i}" for i in range(len(first))]
    return [pd.DataFrame({"study_id": ids, name: v}) for v in (first, second)]


def result(name, first, second, **options):
    agreement = compare_coders(*sheets(name, first, second), **options)
    return agreement.to_frame().set_index("variable").loc[name]


def test_kappa_is_that_of_psych():
    r = REFERENCE["kappa"]
    row = result("rater", r["first"], r["second"])
    assert row["coefficient"] == "kappa"
    assert row["estimate"] == pytest.approx(r["estimate"], rel=RTOL)
    assert row["se"] == pytest.approx(r["se"], rel=RTOL)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(r["ci"], rel=RTOL)
    assert row["agreement"] == pytest.approx(100 * 11 / 15)


def test_kappa_of_yes_and_no_is_that_of_psych():
    r = REFERENCE["kappa"]
    both = [["yes" if v == "a" else "no" for v in r[w]] for w in ("first", "second")]
    row = result("open_data", *both)
    assert row["estimate"] == pytest.approx(
        REFERENCE["kappa_two"]["estimate"], rel=RTOL
    )
    assert row["se"] == pytest.approx(REFERENCE["kappa_two"]["se"], rel=RTOL)


def test_icc_is_that_of_psych():
    r = REFERENCE["icc"]
    row = result("n", r["first"], r["second"])
    assert row["coefficient"] == "icc"
    assert row["estimate"] == pytest.approx(r["estimate"], rel=1e-10)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(r["ci"], rel=1e-8)
    own = intraclass_correlation(np.column_stack([r["first"], r["second"]]))
    assert row["se"] == own.se


def test_the_level_moves_the_limits():
    r = REFERENCE["kappa"]
    wide = result("rater", r["first"], r["second"], conf_level=0.99)
    assert wide["ci_low"] < r["ci"][0]
    with pytest.raises(Exception, match="conf_level"):
        compare_coders(*sheets("n", [1], [1]), conf_level=95)


@given(
    pairs=st.lists(st.tuples(*[st.sampled_from("abc")] * 2), min_size=3, max_size=30)
)
@settings(max_examples=40, deadline=None)
def test_kappa_by_hand_and_in_either_order(pairs):
    first, second = (list(v) for v in zip(*pairs, strict=True))
    row = result("rater", first, second)
    po = np.mean([a == b for a, b in pairs])
    pe = sum(first.count(c) * second.count(c) for c in "abc") / len(pairs) ** 2
    assert row["agreement"] == pytest.approx(100 * po)
    if pe == 1:
        assert np.isnan(row["estimate"])
        assert "not defined" in row["note"]
    else:
        assert row["estimate"] == pytest.approx((po - pe) / (1 - pe))
        other = result("rater", second, first)
        assert other["estimate"] == pytest.approx(row["estimate"])
        assert other["se"] == pytest.approx(row["se"])


def test_perfect_agreement():
    row = result("rater", list("aabb"), list("aabb"))
    assert (row["estimate"], row["agreement"]) == (1, 100)
    assert "perfect" in row["note"]
    number = result("n", [10, 20, 30], [10, 20, 30])
    assert number["estimate"] == 1
    same = result("n", [10, 10, 10], [10, 10, 10])
    assert np.isnan(same["estimate"])
    assert same["note"] == "every number is the same: not defined"


def test_disagreements_are_named_cell_by_cell(tmp_path):
    paths = []
    for coder, changes in (("AB", {}), ("CD", {"n": 75, "rater": "observer"})):
        path = write_template(tmp_path / f"{coder}.xlsx")
        book = openpyxl.load_workbook(path)
        page = book.worksheets[0]
        letters = {cell.value: cell.column_letter for cell in page[1]}
        for line, row in enumerate(
            [study("A", coder=coder), study("B", coder=coder, **changes)], start=2
        ):
            for name, value in row.items():
                page[f"{letters[name]}{line}"] = value
        book.save(path)
        paths.append(path)
    agreement = compare_coders(*paths)
    cells = agreement.disagreements.set_index("variable")
    assert list(cells.index) == ["rater", "n"]
    assert list(cells.loc["n", ["study_id", "first", "second"]]) == ["B", "80", "75"]
    assert cells.loc["n", "first_where"] == f"coding!{letters['n']}3"
    assert "coder" not in agreement.to_frame()["variable"].tolist()
    assert agreement.keys == ("study_id", "coefficient_id")
    assert "2 of 2 rows coded by both (100%)" in str(agreement)
    assert "2 cells differ" in agreement.closing()


def test_blanks_count_against_agreement_but_not_in_kappa():
    row = result("rater", ["a", "b", "a", None, None], ["a", "b", None, None, "b"])
    assert (row["k"], row["k_one_blank"]) == (2, 2)
    assert row["agreement"] == pytest.approx(50)
    assert row["estimate"] == 1
    assert (
        "rater"
        not in compare_coders(
            *sheets("rater", [None, None], [None, None]), keys=["study_id"]
        )
        .to_frame()["variable"]
        .tolist()
    )


def test_rows_that_one_coder_missed_are_listed():
    first = sheet_of(study("A"), study("B"), study("C"))
    second = sheet_of(study("B"), study("D"))
    agreement = compare_coders(first, second)
    assert (agreement.k_first, agreement.k_second, agreement.k_matched) == (3, 2, 1)
    left = agreement.unmatched[["study_id", "sheet", "where"]].to_numpy().tolist()
    assert left == [
        ["A", "first", "row 0"],
        ["C", "first", "row 2"],
        ["D", "second", "row 1"],
    ]
    assert "3 rows appear in one sheet only" in agreement.closing()


def test_rows_are_matched_by_what_they_are_where_ids_differ():
    first = sheet_of(study("A"), study("A", scale="bond", n_items=4, estimate=0.8))
    second = first.iloc[::-1].drop(columns="coefficient_id").reset_index(drop=True)
    agreement = compare_coders(first, second)
    assert agreement.keys == ("study_id", "sample_id", "scale")
    assert agreement.k_matched == 2
    assert agreement.disagreements.empty


def test_texts_are_compared_without_case_and_have_no_coefficient():
    row = result("treatment", ["CBT", "psychoanalysis"], ["cbt ", "analysis"])
    assert (row["kind"], row["agreement"], row["coefficient"]) == ("text", 50, "")
    assert row["note"] == "text: no coefficient"


@pytest.mark.parametrize(
    ("first", "second", "options", "match"),
    [
        ({"study_id": ["A"], "n": [5]}, {"study_id": ["B"], "n": [5]},
         {"keys": ["study_id"]}, "no row of first sheet is in second sheet"),
        ({"study_id": ["A", "A"], "n": [5, 6]}, {"study_id": ["A"], "n": [5]},
         {"keys": ["study_id"]}, r"identify every row, but row 1 \('A'\) repeat"),
        ({"study_id": ["A"], "n": [5]}, {"study_id": ["A"], "n": [5]},
         {"keys": ["studyid"]}, r"no key column 'studyid' \(did you mean 'study_id'"),
        ({"a": ["A"], "n": [5]}, {"b": ["A"], "n": [5]}, {}, "share no columns that"),
        ({"study_id": ["A"], "n": ["5-6"]}, {"study_id": ["A"], "n": [5]}, {},
         "first sheet: n must be a number, but is '5-6'"),
        ({"study_id": ["A"], "n": [5]}, {"study_id": ["A"], "n": [5]},
         {"variables": ["m"]}, "both sheets must have 'm'"),
    ],
)  # fmt: skip
def test_sheets_that_cannot_be_compared(first, second, options, match):
    with pytest.raises(DataError, match=match):
        compare_coders(pd.DataFrame(first), pd.DataFrame(second), **options)
