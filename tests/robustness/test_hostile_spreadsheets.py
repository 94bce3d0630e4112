"""Spreadsheets as people leave them: right, or refused by the name of the cell."""

import datetime as dt
import re
import zipfile

import openpyxl
import pytest
from hostile import run

from waistats import read_coefficients


class TestSpreadsheets:
    @pytest.fixture
    def sheet(self, tmp_path):
        book = openpyxl.Workbook()
        page = book.active
        page.append(["study_id", "estimate", "n", "n_items"])
        for i in range(3):
            page.append([f"S{i}", 0.9 - i / 50, 100 + i, 12])

        def save():
            path = tmp_path / "blätter mit leer.xlsx"
            book.save(path)
            return path

        return page, save

    def said(self, path, capsys):
        assert run("check", path) == 2
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err + printed.out
        return printed.out + printed.err

    def test_a_sound_sheet_passes(self, sheet, capsys):
        assert run("check", sheet[1]()) == 0
        assert "0 errors" in capsys.readouterr().out

    def test_dates_in_columns_of_numbers(self, sheet, capsys):
        page, save = sheet
        page["B2"], page["C3"] = dt.date(2024, 5, 1), dt.datetime(2024, 5, 1, 10)
        page["D4"] = dt.time(12, 30)
        words = self.said(save(), capsys)
        for cell in ("B2", "C3", "D4"):
            assert cell in words
        assert "read it as a date" in words

    def test_formulas_without_a_value(self, sheet, capsys):
        page, save = sheet
        page["B2"], page["C4"] = "=1-0.1", "=SUM(C2:C3)"
        words = self.said(save(), capsys)
        assert "B2" in words
        assert "C4" in words
        assert "formulas without a saved value" in words

    def test_failed_formulas(self, sheet, capsys):
        page, save = sheet
        page["B2"] = "#DIV/0!"
        words = self.said(save(), capsys)
        assert "B2" in words
        assert "The formula failed" in words

    def test_merged_cells_and_heads_of_two_rows(self, sheet, capsys):
        page, save = sheet
        page.insert_rows(1)
        page["B1"] = "Reliability"
        page.merge_cells("B1:C1")
        assert "B1:C1" in self.said(save(), capsys)
        page.unmerge_cells("B1:C1")
        words = self.said(save(), capsys)
        assert "names of the columns seem to be in row 2" in words
        assert "--skip-rows 1" in words

    def test_numbers_kept_as_text(self, sheet):
        page, save = sheet
        page["B2"], page["C2"] = "0,88", " 100 "
        table = read_coefficients(save())
        assert table["estimate"].iloc[0] == 0.88
        assert table["n"].iloc[0] == 100

    def test_hidden_rows_are_refused(self, sheet, capsys):
        page, save = sheet
        page.row_dimensions[3].hidden = True
        # an empty row hides nothing
        page.row_dimensions[9].hidden = True
        words = self.said(save(), capsys)
        assert "rows are hidden (Sheet, row 3)" in words

    def test_hidden_columns_are_read(self, sheet):
        page, save = sheet
        page.column_dimensions["C"].hidden = True
        assert list(read_coefficients(save())["n"]) == [100, 101, 102]

    def test_truth_values_are_no_numbers(self, sheet, capsys):
        page, save = sheet
        page["B2"], page["D3"] = True, False
        words = self.said(save(), capsys)
        assert "B2" in words
        assert "D3" in words

    def test_percentages_and_currencies_are_their_numbers(self, sheet):
        page, save = sheet
        page["B2"].number_format = "0%"
        page["C2"].number_format = '#,##0 "EUR"'
        table = read_coefficients(save())
        assert table["estimate"].iloc[0] == 0.9
        assert table["n"].iloc[0] == 100

    def test_outer_blanks_are_no_part_of_names(self, sheet):
        page, save = sheet
        page["A1"], page["B1"], page["A2"] = " study_id", "estimate ", " S0 "
        page["A3"] = "\u00a0S1\u00a0"
        table = read_coefficients(save())
        assert list(table["study_id"]) == ["S0", "S1", "S2"]

    def test_names_twice(self, sheet, capsys):
        page, save = sheet
        page["E1"] = "n "
        assert "'n' in columns 3, 5" in self.said(save(), capsys)

    def test_values_without_a_name(self, sheet, capsys):
        page, save = sheet
        page["F3"] = "see note"
        assert "column F holds values but has no name" in self.said(save(), capsys)

    def test_notes_below_the_table(self, sheet, capsys):
        page, save = sheet
        page["A7"] = "Source: own coding"
        words = self.said(save(), capsys)
        assert "A7" in words
        assert "Notes do not belong below the table" in words

    def test_no_cell_at_all(self, sheet, capsys):
        page, save = sheet
        page.delete_rows(1, 9)
        assert "is empty" in self.said(save(), capsys)

    def test_names_alone(self, sheet, capsys):
        page, save = sheet
        page.delete_rows(2, 9)
        assert "no rows below them" in self.said(save(), capsys)

    def test_a_formula_that_failed_and_was_saved(self, sheet, capsys):
        page, save = sheet
        page["C3"] = "=1/0"
        path = save()
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        name = "xl/worksheets/sheet1.xml"
        cell = re.compile(rb'<c r="C3"[^>]*>.*?</c>', re.S)
        failed = b'<c r="C3" t="e"><f>1/0</f><v>#DIV/0!</v></c>'
        parts[name], count = cell.subn(failed, parts[name])
        assert count == 1
        with zipfile.ZipFile(path, "w") as archive:
            for part, content in parts.items():
                archive.writestr(part, content)
        words = self.said(path, capsys)
        assert "'#DIV/0!'" in words
        assert "C3" in words
        assert "The formula failed" in words
