"""Rules for coding sheets: each pitfall of coding is found where it stands."""

import datetime as dt

import numpy as np
import openpyxl
import pandas as pd
import pytest
from coding_rows import sheet_of, study

from waistats import DataError
from waistats.datasets.bundled import load_dataset
from waistats.io._codebook import number_advice
from waistats.io._plausibility import rounding_error, score_limits
from waistats.io._rules import Rows, with_status
from waistats.io.check import check_coefficients
from waistats.io.readers import read_coefficients
from waistats.measures import status_of


def found(*rows, severity=None):
    frame = check_coefficients(sheet_of(*rows))
    if severity is not None:
        frame = frame[frame["severity"] == severity]
    return frame


def said(*rows, severity=None):
    return list(found(*rows, severity=severity)["finding"])


def other(**changes):
    """Return a second sound study, so that no rule speaks of it."""
    return study("Z", n=203, estimate=0.87, **changes)


def test_a_sound_sheet_has_no_findings():
    assert said(study("A"), other()) == []


# --- contradictions -------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "column", "finding"),
    [
        ({"induced_source_doi": "10.1037/0022-0167.36.2.223"}, "reliability_status",
         "cannot be 'reported_own' where induced_source_doi names another study"),
        ({"reliability_status": "omitted"}, "reliability_status",
         "does not go with a coefficient in the row, but is 'omitted'"),
        ({"reliability_status": "induced_vague"}, "reliability_status",
         "does not go with a coefficient in the row, but is 'induced_vague'"),
        ({"reliability_status": None}, "reliability_status", "must be filled"),
        ({"reliability_status": "own"}, "reliability_status",
         "must be one of 'reported_own'"),
        ({"screening_decision": "exclude"}, "reason",
         "must be filled where screening_decision is 'exclude'"),
        ({"coefficient_type": None}, "coefficient_type",
         "must be filled where a coefficient is reported"),
        ({"induced_source_doi": "https://doi.org/10.1/a", "estimate": None,
          "reliability_status": "omitted"}, "induced_source_doi", "must be of the form"),
    ],
)  # fmt: skip
def test_contradictions_are_errors(changes, column, finding):
    errors = found(study("A", **changes), other(), severity="error")
    assert list(errors["column"]) == [column]
    assert finding in errors["finding"].iloc[0]
    assert list(errors["study_id"]) == ["A"]
    with pytest.raises(DataError, match=column):
        read_coefficients(sheet_of(study("A", **changes), other()))


def test_a_status_column_cannot_make_an_induced_row_poolable():
    rows = sheet_of(study("A", reliability_status="induced_precise"), other())
    rows["status"] = ["poolable", "poolable"]
    with pytest.raises(DataError, match="'poolable' where the reliability is induced"):
        read_coefficients(rows)


def test_induced_and_excluded_rows_are_told_why():
    frame = read_coefficients(
        sheet_of(
            study("A"),
            study("B", reliability_status="induced_precise",
                  induced_source_doi="10.1/a"),
            study("C", reliability_status="induced_vague", estimate=None, n=None),
            study("D", screening_decision="exclude", reason="another form"),
        )
    )  # fmt: skip
    assert list(~status_of(frame).claimed) == [False, True, True, True]
    assert list(frame["reason"][1:]) == [
        "induced by precise report of 10.1/a",
        "induced by vague report",
        "another form",
    ]
    assert frame["estimate"][1] == 0.91
    again = with_status(frame)
    assert list(again["reason"][1:]) == list(frame["reason"][1:])


# --- doubts ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "severity", "finding"),
    [
        # the figure of another study
        ({"evidence": "alpha of .93 (Horvath & Greenberg, 1989)"}, "warning",
         "evidence names an earlier study (Horvath & Greenberg, 1989"),
        ({"reliability_status": "induced_precise", "estimate": None,
          "induced_source_doi": "10.1/a"}, "warning", "estimate is empty where"),
        ({"reliability_status": "induced_precise"}, "note", "induced_source_doi is empty"),
        ({"provenance": "primary", "doi": "10.1/a", "evidence": None}, "note",
         "evidence or address is missing"),
        ({"provenance": "primary"}, "note", "evidence or address is missing"),
        # label and form
        ({"instrument_label": "WAI-S"}, "warning", "instrument_label disagrees"),
        ({"instrument_label": "WAI-S", "scale": "bond", "n_items": 4}, "warning",
         "instrument_label disagrees"),
        ({"n_items": 10, "instrument_label": None}, "warning",
         "n_items is 10, but WAI-SR has 12 in its total"),
        ({"scale": "bond", "n_items": 3}, "warning",
         "n_items is 3, but WAI-SR has 4 in its bond"),
        ({"response_max": 7, "instrument_label": None}, "warning",
         "response_max and response_min say 1 to 7, but WAI-SR is answered from 1 to 5"),
        # scores
        ({"score_mean": 61}, "warning", "score_mean is 61, but sums lie from 12 to 60"),
        ({"score_mean": 46, "score_metric": "item_mean"}, "warning",
         "score_mean is 46, but item means lie from 1 to 5"),
        ({"score_mean": 4.2, "score_metric": "sum"}, "warning", "score_mean is 4.2, but"),
        ({"score_sd": 25}, "warning", "score_sd is 25, more than the 24.2"),
        ({"score_sd": 0}, "warning", "score_sd is 0: the scores do not vary"),
        # rounding
        ({"estimate": 0.97, "n": 300}, "note", "estimate may be off by more than half"),
        ({"estimate": 0.9, "alpha_decimals": 1}, "note", "estimate has one decimal"),
        ({"estimate": 0.912}, "warning", "alpha_decimals is less than the decimals"),
        # the sample
        ({"n_sample": 60}, "warning", "n is larger than n_sample"),
        ({"rater": "therapist", "n_therapists": 12}, "note", "n counts ratings by fewer"),
        ({"n_unit": "sessions"}, "note", "n_unit counts repeated ratings"),
        ({"level": "mixed"}, "note", "level mixes differences between persons"),
        ({"is_average": "ja"}, "warning", "is_average says that the figure averages"),
        ({"coefficient_type": "icc"}, "warning", "coefficient_type has no sampling"),
        ({"n": 999}, "warning", "n looks like a code for a missing value, but is 999"),
        ({"mean_age": 0}, "warning", "mean_age looks like a code for a missing value"),
        ({"score_mean": 999}, "warning", "score_mean looks like a code"),
        # inferred facts
        ({"n_items_derived": "sí"}, "note",
         "n_items_derived says that n_items was inferred, not printed, in 1 row"),
    ],
)  # fmt: skip
def test_doubts(changes, severity, finding):
    rows = (study("A", **changes), other())
    assert any(text.startswith(finding) for text in said(*rows, severity=severity))
    assert said(*rows, severity="error") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"evidence": "alpha of .93 in 2018, see Kim (2019)"},
        {"evidence": "Kim (2012) is the first author", "authors": "Kim, J."},
        {"instrument_label": "WAI"},
        {"instrument_label": "WAI-S", "version_conflict": "yes"},
        {"n_items": 10, "modified": "two items dropped"},
        {"score_mean": 46.1, "score_sd": 8.3},
        {"score_mean": 3.9, "score_sd": 0.7, "score_metric": "item_mean"},
        {"estimate": 0.9},
        {"coefficient_type": "icc", "se": 0.04},
        {"coefficient_type": "test_retest"},
        {"rater": "self", "instrument": "CES-D", "instrument_label": "CES-D",
         "n_items": 20, "response_min": 0, "response_max": 3},
        {"scale": "task_goal", "n_items": 8},
    ],
)  # fmt: skip
def test_what_is_in_order_is_not_doubted(changes):
    told = found(study("A", **changes), other())
    assert list(told[told["row"].notna()]["finding"]) == []


def test_the_label_rule_is_that_of_the_forms():
    text = said(
        study("A", instrument="WAI-S", response_max=7, instrument_label="WAI-SR"),
        other(),
    )
    label = next(t for t in text if t.startswith("instrument_label"))
    assert "WAI-S. Also possible" in label or "answers 1 to 7: WAI-S" in label
    assert "The label WAI-SR belongs to WAI-SR" in label


def test_rounding_is_measured_in_standard_errors():
    frame = pd.DataFrame({"estimate": [0.97], "n": [60], "n_items": [12]})
    rows = Rows(
        frame=frame,
        table=None,
        sound=np.ones(1, bool),
        own=np.ones(1, bool),
        poolable=np.ones(1, bool),
    )
    # half a hundredth at .97 is 1/6 on the Bonett scale, whose variance is 24/(11*58)
    expected = (0.005 / 0.03) / np.sqrt(24 / (11 * 58))
    assert rounding_error(rows, np.array([2.0])) == pytest.approx(expected)
    exact = -np.log(1 - 0.975) + np.log(1 - 0.97)
    assert exact / np.sqrt(24 / (11 * 58)) == pytest.approx(expected, rel=0.1)


def test_limits_of_scores_come_from_the_row_first():
    nothing = {"response_min": np.nan, "response_max": np.nan, "n_items": np.nan}
    assert np.isnan(score_limits(None, nothing | {"scale": ""})).all()


# --- the same twice -------------------------------------------------------------


def test_samples_of_two_studies_are_found():
    rows = [study("A"), study("B"), other()]
    doubts = found(*rows, severity="warning")
    assert list(doubts["study_id"]) == ["B"]
    assert doubts["finding"].iloc[0] == "estimate and n are those of A (row 0)"
    assert "induced_precise" in doubts["advice"].iloc[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 81},
        {"estimate": 0.92},
        {"scale": "bond", "n_items": 4},
        {"rater": "observer"},
    ],
)
def test_different_samples_are_not_the_same(changes):
    text = said(study("A"), study("B", **changes), other())
    assert not any("are those of" in t for t in text)


def test_scores_and_addresses_of_two_studies_are_compared():
    first = study("A", score_mean=46.1, score_sd=8.3, doi="10.1/A")
    second = study("B", score_mean=46.1, score_sd=8.3, estimate=0.9, doi="10.1/a")
    text = said(first, second, other())
    assert "score_mean with its SD and n is that of A (row 0)" in text
    assert "doi is that of A (row 0)" in text


def test_a_shared_sample_id_is_told_once():
    rows = [study("A", sample_id="s"), study("B", sample_id="s"), other()]
    assert said(*rows, severity="warning") == [
        "sample_id appears in several studies (s)"
    ]


def test_two_ends_of_a_range_are_not_two_coefficients():
    rows = [
        study("A", estimate=0.85),
        study("A", estimate=0.93, coefficient_id="A_2"),
        other(),
    ]
    text = said(*rows, severity="warning")
    assert (
        "estimate is a second row of the same sample, form, rater, scale and session"
        in text
    )
    rows[1]["session_number"] = 5
    assert not any("second one" in t for t in said(*rows))


@pytest.mark.parametrize(
    ("column", "values", "severity"),
    [
        ("alpha_kind", ("raw", "ordinal"), "warning"),
        ("administered_as", ("standalone", "extracted"), "note"),
        ("level", ("between", "within"), "warning"),
    ],
)
def test_mixtures(column, values, severity):
    rows = [study("A", **{column: values[0]}), other(**{column: values[1]})]
    mixed = f"{column} mixes {', '.join(sorted(values))}"
    assert mixed in said(*rows, severity=severity)


def test_simulated_rows_are_not_mixed_with_real_ones():
    real = other(provenance="primary", doi="10.1/a")
    assert "provenance mixes SIMULATED and real coefficients" in said(study("A"), real)


def test_spellings_of_one_word_are_told():
    text = said(study("A", setting="Out-patient"), other(setting="outpatient"))
    assert "setting is written in several ways (Out-patient, outpatient)" in text


# --- cells that are no number ---------------------------------------------------


@pytest.mark.parametrize(
    ("column", "cell", "word"),
    [
        ("estimate", ".80-.90", "range"),
        ("estimate", ".80 – .90", "range"),
        ("estimate", "alpha .80 to .90", "range"),
        ("estimate", "0,80 bis 0,90", "range"),
        ("estimate", ">.90", "bound"),
        ("estimate", "≥ .90", "bound"),
        ("estimate", "above .90", "bound"),
        ("estimate", "ca. .90", "bound"),
        ("estimate", "91%", "without the symbol"),
        ("estimate", ".93 (Horvath & Greenberg, 1989)", "another study"),
        ("estimate", ".93a", "column 'note'"),
        ("estimate", "high", "plain number"),
        ("n", "80-90", "range is not one number"),
        ("n", "<100", "bound is not a number"),
        ("n", "82*", "column 'note'"),
        ("n", "82 (complete cases 2019)", "column 'note'"),
        ("n", dt.datetime(2024, 8, 12), "read it as a date"),
        ("n", 3.5, "plain number"),
    ],
)
def test_advice_fits_the_cell(column, cell, word):
    assert word in number_advice(column, cell)


@pytest.mark.parametrize("cell", [".80-.90", ">.90", "91%", ".93 (Kim, 2019)", ".93a"])
def test_none_of_them_is_read_as_a_number(cell):
    with pytest.raises(DataError, match="must be a number"):
        read_coefficients(sheet_of(study("A", estimate=cell), other()))


def book(folder, rows, then=None):
    made = openpyxl.Workbook()
    page = made.active
    page.title = "Sheet1"
    for row in rows:
        page.append(row)
    if then is not None:
        then(page)
    made.save(folder / "a.xlsx")
    return folder / "a.xlsx"


HEAD = ["study_id", "estimate", "n", "n_items", "modified", "year"]
GOOD = [["A", 0.91, 80, 12, None, 2001], ["B", 0.87, 54, 12, "short", 2002]]


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([HEAD, *GOOD, ["C", dt.date(2024, 3, 9), 50, 12, None, 2003]],
         r"the date or time 2024-03-09.*\(Sheet1!B4, study_id C\)"),
        ([HEAD, *GOOD, ["C", 0.9, "50 (of 60)", 12, None, 2003]],
         r"'50 \(of 60\)' \(Sheet1!C4, study_id C\)"),
        ([HEAD, *GOOD, ["C", 0.9, 50, 12, "#REF!", 2003]],
         r"modified must be a value, but is '#REF!' \(Sheet1!E4, study_id C\)"),
        ([HEAD, *GOOD, ["C", 0.9, 50, 12, None, "#VALUE!"]], r"'#VALUE!' \(Sheet1!F4"),
        ([HEAD, ["Study", "Alpha", "N", "Items", "", "Year"], *GOOD],
         "row 2 looks like a second row of column names"),
        ([HEAD, *GOOD, [], ["Note. n is approximate."]],
         r"is the only filled cell in its row, but is 'Note. n is approximate.' "
         r"\(Sheet1!A5\)"),
        ([["My coding sheet"], [], HEAD, *GOOD], "Sheet1, row 1 holds one cell only"),
    ],
)  # fmt: skip
def test_sheets_are_refused_in_words_that_name_the_cell(tmp_path, rows, match):
    with pytest.raises(DataError, match=f"(?s){match}"):
        read_coefficients(book(tmp_path, rows))


def test_dates_are_read_where_they_belong_and_named_where_not():
    rows = [study("A", date=dt.datetime(2024, 5, 17)), other(date="2024-06-01")]
    assert list(read_coefficients(sheet_of(*rows))["date"]) == [
        "2024-05-17",
        "2024-06-01",
    ]
    rows[0]["session"] = dt.datetime(2024, 2, 1)
    with pytest.raises(
        DataError, match="session must be a text, but is the date 2024-02-01"
    ):
        read_coefficients(sheet_of(*rows))


def test_merged_cells_and_formulas_are_named(tmp_path):
    rows = [HEAD, *GOOD]
    path = book(tmp_path, rows, lambda page: page.merge_cells("A2:A3"))
    with pytest.raises(DataError, match=r"merged \(Sheet1!A2:A3\)"):
        read_coefficients(path)
    path = book(tmp_path, [HEAD, *GOOD, ["C", "=B2", 50, 12, None, 2003]])
    with pytest.raises(DataError, match=r"without a saved value: Sheet1!B4"):
        read_coefficients(path)


def test_decimal_commas_of_a_sheet_are_read(tmp_path):
    rows = [HEAD, *GOOD, ["C", "0,9", "50", "12", None, 2003]]
    assert read_coefficients(book(tmp_path, rows))["estimate"][2] == 0.9


# --- the bundled table ----------------------------------------------------------


def untraceable(frame):
    """Return the rows that cannot be found again: no address, or no evidence."""
    addressed = frame[["source_url", "doi", "seen_in"]].notna().any(axis=1)
    journal = frame["title"].fillna("").str.contains(r"\d+\(\d+\):\d+-\d+", regex=True)
    blank = frame["evidence"].fillna("").str.strip() == ""
    return list(frame.loc[~(addressed | journal) | blank, "coefficient_id"])


def test_every_bundled_row_has_address_and_evidence():
    assert untraceable(load_dataset("wai")) == []


@pytest.mark.parametrize("column", ["evidence", "source_url"])
def test_a_bundled_row_without_them_is_refused(column):
    wai = load_dataset("wai")
    row = wai[
        wai["doi"].isna() & wai["source_url"].notna() & wai["seen_in"].isna()
    ].index[0]
    wai[column] = wai[column].astype(object)
    wai.loc[row, column] = None
    assert untraceable(wai) == [wai.loc[row, "coefficient_id"]]
