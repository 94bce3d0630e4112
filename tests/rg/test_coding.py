"""The coding sheet: filled in, checked, mended and generalized."""

import hashlib

import openpyxl
import pandas as pd
import pytest
from coding_rows import sheet_of, study

from waistats import DataError
from waistats.datasets.bundled import load_dataset
from waistats.io._codebook import fields
from waistats.io.check import check_coefficients
from waistats.io.readers import read_coefficients
from waistats.measures import effect_sizes
from waistats.rg.coding import coding_codebook, coding_examples, write_template
from waistats.rg.generalize import generalize

FIELDS = {f.name: f for f in fields("coding")}


@pytest.fixture
def template(tmp_path):
    return write_template(tmp_path / "sheet.xlsx")


def fill(path, rows):
    """Type rows into the sheet as a student does, by the names in its first row."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    letters = {cell.value: cell.column_letter for cell in sheet[1]}
    for number, row in enumerate(rows, start=2):
        for name, value in row.items():
            sheet[f"{letters[name]}{number}"] = value
    book.save(path)
    return letters


def test_the_template_is_the_same_bytes_each_time(tmp_path):
    def digest(name):
        return hashlib.sha256(write_template(tmp_path / name).read_bytes()).digest()

    assert digest("a.xlsx") == digest("b.xlsx")
    assert digest("a.csv") == digest("b.csv")


def test_the_first_sheet_is_empty_and_the_first_row_names_the_columns(template):
    book = openpyxl.load_workbook(template)
    assert book.sheetnames == ["coding", "lists", "codebook", "examples"]
    sheet = book["coding"]
    assert [cell.value for cell in sheet[1]] == list(FIELDS)
    assert sheet.max_row == 1
    assert book["lists"].sheet_state == "hidden"


def test_the_csv_template_has_the_same_columns(tmp_path):
    text = write_template(tmp_path / "s.csv").read_text(encoding="utf-8-sig")
    assert text.strip().split(",") == list(FIELDS)


def test_the_queue_comes_as_rows_to_fill(tmp_path):
    written = write_template(tmp_path / "queue.xlsx", queue=True)
    book = openpyxl.load_workbook(written)
    rows = list(book["coding"].iter_rows(values_only=True))
    names, first = rows[0], dict(zip(rows[0], rows[1], strict=True))
    queue = load_dataset("wai_queue")
    assert len(rows) == 1 + len(queue)
    assert first["study_id"] == "GomezPenedo2020"
    assert (first["year"], first["n_sample"]) == (2020, 223)
    assert first["note"] == "at a distance"
    for empty in ("estimate", "n", "reliability_status", "evidence"):
        position = names.index(empty)
        assert all(row[position] is None for row in rows[1:])
    assert book["coding"].data_validations.count > 20
    as_csv = write_template(tmp_path / "queue.csv", queue=True)
    frame = pd.read_csv(as_csv, dtype=str, encoding="utf-8-sig")
    assert frame["study_id"].tolist() == queue["study_id"].tolist()
    assert frame.loc[0, "n_sample"] == "223"
    note = frame.set_index("study_id").loc["Bouchard2020", "note"]
    assert note.startswith("open access; at a distance; panic disorder")


def test_a_filled_queue_row_can_be_pooled(tmp_path):
    written = write_template(tmp_path / "queue.xlsx", queue=True)
    book = openpyxl.load_workbook(written)
    sheet = book["coding"]
    names = [cell.value for cell in sheet[1]]
    said = {
        "reliability_status": "reported_own", "instrument": "WAI-SR", "n_items": 12,
        "scale": "total", "rater": "client", "coefficient_type": "alpha",
        "estimate": 0.9, "n": 200, "page": "4", "confidence": "high",
        "evidence": "SIMULATED: an invented value for this test",
    }  # fmt: skip
    for name, value in said.items():
        sheet.cell(2, names.index(name) + 1, value)
    sheet.delete_rows(3, 200)
    book.save(written)
    found = check_coefficients(written)
    assert not (found["severity"] == "error").any(), found.to_string()
    assert len(effect_sizes(read_coefficients(written))) == 1


def test_every_category_has_a_drop_down_of_its_values(template):
    book = openpyxl.load_workbook(template)
    sheet, lists = book["coding"], book["lists"]
    letters = {cell.column_letter: cell.value for cell in sheet[1]}
    offered = {}
    for rule in sheet.data_validations.dataValidation:
        name = letters[str(rule.sqref).split("2:")[0]]
        if rule.type == "list":
            area = rule.formula1.removeprefix("lists!").replace("$", "")
            offered[name] = [row[0].value for row in lists[area]]
            assert lists[area][0][0].row == 2
            assert rule.showErrorMessage is not bool(FIELDS[name].examples)
    for name, field in FIELDS.items():
        if "enum" in field.constraints:
            assert offered[name] == list(field.constraints["enum"]), name
        elif field.type == "boolean":
            assert offered[name] == ["yes", "no"], name
        elif field.examples:
            assert offered[name] == list(field.examples), name
        else:
            assert name not in offered


def test_numbers_are_kept_from_being_dates(template):
    sheet = openpyxl.load_workbook(template)["coding"]
    letters = {cell.value: cell.column_letter for cell in sheet[1]}
    assert sheet.column_dimensions[letters["study_id"]].number_format == "@"
    rules = {
        str(r.sqref).split("2:")[0]: r for r in sheet.data_validations.dataValidation
    }
    assert rules[letters["estimate"]].operator == "lessThan"
    assert rules[letters["estimate"]].formula1 == "1"
    assert (rules[letters["n"]].type, rules[letters["n"]].formula1) == ("whole", "3")


def test_the_codebook_sheet_is_the_codebook(template):
    found = pd.read_excel(
        template, sheet_name="codebook", keep_default_na=False, engine="openpyxl"
    )
    expected = coding_codebook()
    assert list(found["variable"]) == list(expected["variable"])
    assert list(found["description"]) == list(expected["description"])
    assert found["allowed"].str.len().gt(0).all()


def test_columns_are_called_as_in_coefficient_tables():
    wai = load_dataset("wai")
    assert set(wai) - set(FIELDS) == {"status"}
    for name in ("study_id", "estimate", "n", "n_items", "se", "ci_low", "score_sd"):
        assert name in FIELDS
    codebook = coding_codebook().set_index("variable")
    assert codebook.loc["reliability_status", "required"]
    assert codebook.loc["alpha_decimals", "group"] == "coefficient"


@pytest.mark.parametrize(
    "name", [n for n, f in FIELDS.items() if "enum" in f.constraints]
)
def test_the_bundled_table_keeps_to_the_lists(name):
    wai = load_dataset("wai")
    if name in wai and name != "modality":
        assert set(wai[name].dropna()) <= set(FIELDS[name].constraints["enum"])


def test_examples_are_simulated_and_sound():
    examples = coding_examples()
    assert set(examples["provenance"]) == {"SIMULATED"}
    found = check_coefficients(examples)
    assert set(found["finding"]) == {"study_id has one study only"}
    read = read_coefficients(examples)
    assert list(read["status"]) == ["poolable", *["not_poolable"] * 3]
    assert read["reason"][1] == "only a range over scales is reported"
    assert read["reason"][3] == "induced by omission"


@pytest.mark.parametrize(
    ("name", "match"),
    [("s.ods", "ends in .xlsx or .csv; got '.ods'"), ("s", "got ''")],
)
def test_other_kinds_of_file_are_refused(tmp_path, name, match):
    with pytest.raises(DataError, match=match):
        write_template(tmp_path / name)


def test_a_filled_sheet_is_not_overwritten(template):
    with pytest.raises(DataError, match="already exists"):
        write_template(template)
    assert write_template(template, force=True) == template


def test_an_empty_template_says_that_data_are_missing(template):
    with pytest.raises(DataError, match="no rows below them"):
        read_coefficients(template)


def test_a_student_fills_checks_mends_and_generalizes(template):
    rows = [
        study("Kim2019", estimate=".80-.90"),
        study("Roy2020", instrument_label="WAI-S", estimate=0.88, n="61 complete"),
        study("Ito2021", estimate="0,93", n=120),
        study("Ana2022", reliability_status="omitted", estimate=None, n=None),
    ]
    letters = fill(template, rows)
    found = check_coefficients(template)
    errors = found[found["severity"] == "error"].set_index("where")
    e, n = letters["estimate"], letters["n"]
    assert set(errors.index) == {f"coding!{e}2", f"coding!{n}3"}
    assert "estimate_low" in errors.loc[f"coding!{e}2", "advice"]
    assert "column 'note'" in errors.loc[f"coding!{n}3", "advice"]
    with pytest.raises(DataError, match=f"coding!{e}2"):
        read_coefficients(template)

    rows[0] |= {"estimate": None, "estimate_low": 0.8, "estimate_high": 0.9}
    rows[0] |= {"reason": "only a range is reported"}
    rows[1] |= {"n": 61, "note": "complete cases"}
    rows.append(study("Lee2023", estimate=0.9, n=75))
    fill(template, rows)
    found = check_coefficients(template)
    assert "error" not in set(found["severity"])
    label = found[found["column"] == "instrument_label"]
    assert list(label["study_id"]) == ["Roy2020"]
    assert "The label WAI-S belongs to WAI-S (12 items" in label["finding"].iloc[0]
    read = read_coefficients(template)
    result = generalize(read)
    assert list(result.excluded["study_id"]) == ["Kim2019", "Ana2022"]
    assert list(result.excluded["reason"]) == [
        "only a range is reported",
        "induced by omission",
    ]
    used = result.effects[result.effects["yi"].notna()]
    assert list(used["study_id"]) == ["Roy2020", "Ito2021", "Lee2023"]
    assert result.simulated


@pytest.mark.parametrize(
    "words",
    [("yes", "no"), ("ja", "nein"), ("Oui", "NON"), ("si", "no"), (1, 0), (True, False),
     ("1", "0"), ("sí", "No"), ("да", "нет"), ("はい", "いいえ"), ("WAHR", "FALSCH")],
)  # fmt: skip
def test_yes_and_no_in_many_languages(template, words):
    rows = [study("A", open_data=words[0]), study("B", open_data=words[1])]
    fill(template, rows)
    assert read_coefficients(template)["open_data"].tolist() == [True, False]


def test_words_of_lists_are_read_in_any_spelling():
    rows = [
        study("A", coefficient_type="Alpha", reliability_status="Reported own"),
        study("B", coefficient_type="Test-Retest", administered_as=" Standalone "),
    ]
    read = read_coefficients(sheet_of(*rows))
    assert list(read["coefficient_type"]) == ["alpha", "test_retest"]
    assert read["reliability_status"].unique() == ["reported_own"]
    assert read["administered_as"][1] == "standalone"


def test_a_word_that_is_on_no_list_is_named_with_the_list():
    with pytest.raises(DataError, match=r"one of 'between', 'within', 'mixed', but is"):
        read_coefficients(sheet_of(study("A", level="both")))


def test_coding_fields_leave_other_tables_alone():
    frame = pd.DataFrame(
        {"study_id": ["A", "B"], "estimate": [0.91, 0.87], "n": 50, "n_items": 12,
         "design": ["RCT", "cohort"], "level": ["3", "4"], "date": ["x", "y"]}
    )  # fmt: skip
    assert check_coefficients(frame).empty
    assert read_coefficients(frame)["level"].tolist() == [3, 4]


def test_a_short_sheet_enforces_its_lists(tmp_path, capsys):
    from openpyxl import load_workbook

    from waistats.cli.app import main
    from waistats.rg.coding import CORE

    path = tmp_path / "core.xlsx"
    assert main(["template", str(path), "--core"]) == 0
    book = load_workbook(path)
    sheet = book["coding"]
    assert [cell.value for cell in sheet[1]] == list(CORE)
    assert len(CORE) == 20
    assert [cell.value for cell in book["examples"][1]] == list(CORE)
    rules = {
        str(rule.sqref).split(":")[0].rstrip("0123456789"): rule
        for rule in sheet.data_validations.dataValidation
    }
    assert all(rule.showErrorMessage for rule in rules.values())
    letters = {cell.value: cell.column_letter for cell in sheet[1]}
    for name in ("rater", "scale", "coefficient_type", "reliability_status"):
        assert rules[letters[name]].type == "list"
    # what is written into it can be read and pooled
    rows = [
        ("A", "reported_own", "WAI-S", "client", "total", "alpha", 0.9, 80, 12),
        ("B", "reported_own", "WAI-S", "client", "total", "alpha", 0.85, 90, None),
        ("C", "reported_own", "WAI-S", "client", "total", "alpha", 0.88, 70, 12),
    ]
    names = (
        "study_id", "reliability_status", "instrument", "rater", "scale",
        "coefficient_type", "estimate", "n", "n_items",
    )  # fmt: skip
    for i, row in enumerate(rows, start=2):
        for name, value in zip(names, row, strict=True):
            sheet[f"{letters[name]}{i}"] = value
    book.save(path)
    table = read_coefficients(path)
    assert list(table["n_items"]) == [12, 12, 12]
    assert any("n_items was blank" in note for note in table.attrs["notes"])
