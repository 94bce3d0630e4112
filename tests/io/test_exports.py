"""Exports of survey programs are read as they come."""

import json

import openpyxl
import pandas as pd
import pytest

from waistats import DataError, reliability_by_study
from waistats.io.readers import read_responses

SCALE = ["Seldom", "Sometimes", "Fairly often", "Very often", "Always"]


def quoted_lines(rows) -> str:
    return "\n".join(
        ",".join('"' + str(cell).replace('"', '""') + '"' for cell in row)
        for row in rows
    )


def qualtrics_rows():
    names = ["StartDate", "Status", "ResponseId", "site", "Q1_1", "Q1_2"]
    return [
        names,
        ["Start Date", "Response Type", "Response ID", "Which clinic?", "one", "two"],
        [json.dumps({"ImportId": name}) for name in names],
        ["2026-03-01", "IP Address", "R_1", "North", "Always", "Seldom"],
        ["2026-03-01", "Survey Preview", "R_2", "North", "Sometimes", "Seldom"],
        ["2026-03-02", "IP Address", "R_3", "South", "Seldom", "Always"],
    ]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_qualtrics_header_rows_are_no_people(tmp_path, kind):
    path = tmp_path / f"q.{kind}"
    if kind == "csv":
        path.write_text("\ufeff" + quoted_lines(qualtrics_rows()), encoding="utf-8")
    else:
        book = openpyxl.Workbook()
        for row in qualtrics_rows():
            book.active.append(row)
        book.save(path)
    read = read_responses(path, labels=SCALE)
    assert read["Q1_1"].tolist() == [5, 2, 1]
    assert read.attrs["column_labels"]["site"] == "Which clinic?"
    notes = " ".join(read.attrs["notes"])
    assert "recognized as an export of Qualtrics: the 2 rows below the names" in notes
    assert "1 row contains test answers (Status is a preview)" in notes
    assert read.attrs["file_rows"][0] == (0, 4)


def test_old_qualtrics_files_have_one_row_of_texts(tmp_path):
    rows = [row for row in qualtrics_rows() if "ImportId" not in row[0]]
    path = tmp_path / "q.csv"
    path.write_text(quoted_lines(rows))
    assert len(read_responses(path, labels=SCALE)) == 3


def test_sosci_labels_are_no_person(tmp_path):
    path = tmp_path / "sosci.csv"
    path.write_text(
        "CASE\tSERIAL\tREF\tQUESTNNR\tMODE\tSTARTED\tWA01_01\tWA01_02\n"
        "Interview-Nummer (fortlaufend)\tSeriennummer\tReferenz\tFragebogen\tModus\t"
        "Zeitpunkt\tWir stimmen überein\tIch vertraue\n"
        "12\t\t\tbase\tinterview\t2026-01-02\t3\t4\n"
        "13\t\t\tbase\tinterview\t2026-01-02\t5\t-9\n",
        encoding="utf-16",
    )
    read = read_responses(path)
    assert read["WA01_01"].tolist() == [3, 5]
    assert read.attrs["column_labels"]["WA01_02"] == "Ich vertraue"


def test_redcap_events_are_named(tmp_path):
    path = tmp_path / "redcap.csv"
    path.write_text(
        "record_id,redcap_event_name,site,wai1,wai2\n"
        "1,session_3_arm_1,North,3,4\n1,session_10_arm_1,North,4,4\n"
        "2,session_3_arm_1,North,2,1\n2,session_10_arm_1,North,1,2\n"
        "3,session_3_arm_1,North,5,4\n3,session_10_arm_1,North,5,5\n"
    )
    read = read_responses(path)
    notes = " ".join(read.attrs["notes"])
    assert "persons (record_id) have several rows, one per event" in notes
    table = reliability_by_study(
        read, study="site", by="redcap_event_name", person="record_id", items="wai"
    )
    assert table["n"].tolist() == [3, 3]


def test_limesurvey_codes_and_unsubmitted_rows(tmp_path):
    path = tmp_path / "lime.csv"
    path.write_text(
        '"id","submitdate","lastpage","startlanguage","site","WAI[1]","WAI[2]"\n'
        '"1","2026-01-02","3","en","North","A1","A2"\n'
        '"2","","1","en","North","A3",""\n'
        '"3","2026-01-02","3","en","South","A5","A4"\n'
    )
    read = read_responses(path)
    assert read["WAI[1]"].tolist() == [1, 3, 5]
    assert read["WAI[2]"].isna().tolist() == [False, True, False]
    notes = " ".join(read.attrs["notes"])
    assert "1 of 3 rows were not submitted" in notes
    assert "codes such as A1 are read as 1" in notes


def test_google_forms_have_commas_in_their_headers(tmp_path):
    path = tmp_path / "forms.csv"
    items = ["How often, in general [We agree]", "How often, in general [I trust her]"]
    rows = [["Timestamp", "Clinic", *items]]
    rows += [[f"2026/01/0{i}", "North", i, 6 - i] for i in range(1, 6)]
    path.write_text(quoted_lines(rows))
    read = read_responses(path, items=items)
    assert read[items[0]].tolist() == [1, 2, 3, 4, 5]


def test_titles_above_the_names(tmp_path):
    path = tmp_path / "title.csv"
    path.write_text(
        "Alliance in our clinics\n\nExported 2026-03-01\nsite,q1,q2\nA,1,2\nB,3,4\n"
    )
    with pytest.raises(
        DataError, match=r"line 1 is a title .*line 4. Give skip_rows=3"
    ):
        read_responses(path)
    assert read_responses(path, skip_rows=3)["q1"].tolist() == [1, 3]
    book = openpyxl.Workbook()
    for row in [["Alliance"], ["2026"], ["site", "q1", "q2"], ["A", 1, 2], ["B", 3, 4]]:
        book.active.append(row)
    book.save(tmp_path / "title.xlsx")
    with pytest.raises(DataError, match=r"in row 3: give skip_rows=2"):
        read_responses(tmp_path / "title.xlsx")
    assert read_responses(tmp_path / "title.xlsx", skip_rows=2)["q2"].tolist() == [2, 4]
    with pytest.raises(DataError, match=r"nothing is left after skip_rows=99"):
        read_responses(path, skip_rows=99)


def test_further_sheets_with_the_same_columns_are_named(tmp_path):
    with pd.ExcelWriter(tmp_path / "years.xlsx") as book:
        for name in ("2023", "2024", "2025"):
            frame = pd.DataFrame({"site": ["A", "B"], "q1": [1, 2], "q2": [2, 3]})
            frame.to_excel(book, sheet_name=name, index=False)
        pd.DataFrame({"notes": ["x"]}).to_excel(book, sheet_name="read me", index=False)
    read = read_responses(tmp_path / "years.xlsx")
    (note,) = read.attrs["notes"]
    assert "sheet '2023' was read; sheets '2024', '2025' have the same columns" in note
    assert "notes" not in read_responses(tmp_path / "years.xlsx", sheet="2024").attrs


def cover_and_answers(path, cover):
    answers = {
        "site": ["A", "A", "B", "B"],
        **{f"q{i}": [1, 2, 3, i] for i in (1, 2, 3)},
    }
    with pd.ExcelWriter(path) as book:
        cover.to_excel(book, sheet_name="Read me", index=False)
        pd.DataFrame(answers).to_excel(book, sheet_name="Answers 2024", index=False)
    return path


COVERS = {
    "words": pd.DataFrame({"README": ["Answers of two clinics.", "1 = never"]}),
    "codebook": pd.DataFrame(
        {"variable": ["site", "q1"], "low": [None, 1], "high": [None, 5]}
    ),
    "ragged": pd.DataFrame([["Contact", ""], ["", "see below"]], columns=["x", " "]),
}


@pytest.mark.parametrize("cover", COVERS.values(), ids=COVERS)
def test_the_sheet_of_the_answers_is_named(tmp_path, cover):
    path = cover_and_answers(tmp_path / "book.xlsx", cover)
    there = (
        r"Sheet 'Answers 2024' holds answers: choose it with sheet=\"Answers 2024\"\.$"
    )
    with pytest.raises(DataError, match=there):
        read_responses(path)
    with pytest.raises(DataError, match=there):
        read_responses(path, items=["q1", "q3"])
    with pytest.raises(DataError, match=there):
        reliability_by_study(path, study="site", items=["q1", "q2"])
    assert len(read_responses(path, sheet="Answers 2024")) == 4


def test_a_cover_sheet_can_be_read_by_its_name(tmp_path):
    path = cover_and_answers(tmp_path / "book.xlsx", COVERS["words"])
    assert list(read_responses(path, sheet="Read me")) == ["README"]
    with pytest.raises(
        DataError, match=r"has no numbered items\. Sheet 'Answers 2024'"
    ):
        # no sheet has this column
        reliability_by_study(path, study="clinic", items=["q1", "q2"])


def test_no_other_sheet_is_named_where_the_first_has_answers(tmp_path):
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        for name, prefix in (("client", "C"), ("other", "T")):
            frame = pd.DataFrame({"site": ["A", "B"], f"{prefix}1": 1, f"{prefix}2": 2})
            frame.to_excel(book, sheet_name=name, index=False)
    assert "C1" in read_responses(tmp_path / "book.xlsx")
