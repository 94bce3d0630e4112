"""Spreadsheets as people leave them: right, or refused by the name of the cell."""

import datetime as dt

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
        assert "took it for a date" in words

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
        assert "first row must" in self.said(save(), capsys)

    def test_numbers_kept_as_text(self, sheet):
        page, save = sheet
        page["B2"], page["C2"] = "0,88", " 100 "
        table = read_coefficients(save())
        assert table["estimate"].iloc[0] == 0.88
        assert table["n"].iloc[0] == 100
