"""Tables as files: the same bytes, nothing run, nothing lost."""

import csv
import io
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
from table_made import read_contents

from waistats import ModelError, tables
from waistats.tables._build import spec
from waistats.tables._docx import _points, _widths, room
from waistats.tables._gt import to_gt


def sheet(frame, **options):
    return to_gt(spec(frame, explain=False, **options))


NASTY = pd.DataFrame(
    {
        "study_id": ["=1+1", "+2", "@x", "-a", "A & B <i>", "100% _$", "[x]"],
        "estimate": [0.91, -0.12, 1.0, np.nan, 0.996, 0.5, 0.0],
        "n": [1234, 5, 60, 70, 80, 90, 100],
    }
)


@pytest.fixture
def nasty():
    return sheet(NASTY, name="nasty", caption="A <title> & more", notes=["x < y", ""])


class TestFiles:
    def test_the_same_bytes_each_time(self, model, tmp_path):
        for suffix in ("html", "csv", "tex", "xlsx", "docx"):
            paths = [tmp_path / f"{i}.{suffix}" for i in "ab"]
            for path in paths:
                tables.save_table(tables.pooled(model), path)
            assert paths[0].read_bytes() == paths[1].read_bytes()

    def test_html_escapes_what_was_given(self, nasty, tmp_path):
        page = tables.save_table(nasty, tmp_path / "t.html").read_text(encoding="utf-8")
        assert "A &amp; B &lt;i&gt;" in page
        assert "A &lt;title&gt; &amp; more" in page
        assert "<i>Note.</i> x &lt; y" in page
        assert 'id="waistats-nasty"' in page
        assert "http" not in page.replace("http://www.w3.org", "")

    def test_contents_survive_the_way_through_html(self, nasty):
        contents = read_contents(nasty)
        assert contents.title == "A <title> & more"
        assert contents.heads == ["Study", "Estimate", "N"]
        assert contents.right == [False, True, True]
        assert [row[0] for row in contents.rows] == list(NASTY["study_id"])
        assert contents.rows[0] == ["=1+1", ".910", "1,234"]
        assert contents.notes == ["Note. x < y"]

    def test_csv_runs_no_formula(self, nasty, tmp_path):
        path = tables.save_table(nasty, tmp_path / "t.csv")
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        assert [row[0] for row in rows[1:5]] == ["'=1+1", "'+2", "'@x", "'-a"]
        assert rows[2][1] == "-.120"

    def test_xlsx_opens_with_numbers_and_no_formula(self, nasty, tmp_path):
        from openpyxl import load_workbook

        path = tables.save_table(nasty, tmp_path / "t.xlsx")
        book = load_workbook(path)
        page = book.active
        assert page["A1"].value == "A <title> & more"
        assert [cell.value for cell in page[2]] == ["Study", "Estimate", "N"]
        assert page["A3"].value == "=1+1"
        assert page["A3"].data_type == "s"
        assert page["B3"].value == pytest.approx(0.91)
        assert page["B3"].number_format == ".000"
        assert page["C3"].value == 1234
        assert page["B6"].value == "–"
        assert book.properties.created.year == 2000

    def test_docx_opens_with_a_real_table(self, nasty, tmp_path):
        from docx import Document

        path = tables.save_table(nasty, tmp_path / "t.docx")
        document = Document(str(path))
        (grid,) = document.tables
        assert [cell.text for cell in grid.rows[0].cells] == ["Study", "Estimate", "N"]
        assert grid.rows[5].cells[0].text == "A & B <i>"
        assert document.paragraphs[0].text == "A <title> & more"
        assert "Note. x < y" in [p.text for p in document.paragraphs]
        with zipfile.ZipFile(path) as archive:
            assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}

    def test_latex_is_balanced_and_escaped(self, nasty, model):
        text = tables.to_latex(nasty)
        assert r"A \& B $<$i$>$ & .996 & 80 \\" in text
        assert r"100\% \_\$ & .500 & 90 \\" in text
        assert "{[}x{]} & .000" in text
        for table in (nasty, tables.pooled(model)):
            text = tables.to_latex(table)
            assert text.count(r"\begin{") == text.count(r"\end{")
            assert text.isascii()

    def test_groups_become_rows_that_span(self, tmp_path):
        frame = NASTY.assign(g=["a", "a", "a", "b", "b", "b", "b"])
        table = sheet(frame, name="g", caption="T", groups="g")
        assert read_contents(table).rows[0] == ["a"]
        assert r"\multicolumn{3}{l}{b}" in tables.to_latex(table)
        for suffix in ("xlsx", "docx", "csv"):
            tables.save_table(table, tmp_path / f"t.{suffix}")

    def test_a_table_that_the_user_changed(self, model):
        table = tables.pooled(model).tab_header("Mine").tab_source_note("More.")
        contents = read_contents(table)
        assert contents.title == "Mine"
        assert contents.notes[0].endswith(" More.")

    def test_unknown_suffix(self, nasty, tmp_path):
        with pytest.raises(ModelError, match=r"\.html, \.csv, \.tex, \.txt, \.xlsx"):
            tables.save_table(nasty, tmp_path / "t.pdf")

    def test_no_warning_leaks(self, nasty):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tables.to_html(nasty)


def test_importing_tables_loads_no_heavy_library():
    code = (
        "import sys, waistats.tables; "
        "sys.exit(any(m in sys.modules for m in "
        "('great_tables', 'openpyxl', 'docx', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("columns", [4, 8, 10])
def test_names_stay_on_one_line_and_numbers_whole_in_tables_of_many_columns(columns):
    names = [f"Okafor & Eriksen ({2000 + i})" for i in range(9)]
    frame = pd.DataFrame({"study_id": names})
    for j in range(columns // 2):
        frame[f"setting_{j}"] = "outpatient"
        frame[f"x{j}"] = 1000.25
    table = spec(frame, name="t", caption="T")
    points = _points(table, room())
    widths = _widths(table, room(), points)
    em = points / 72 * 2.54
    assert not table.wide
    assert sum(widths) <= room() + 0.01
    # Times' letters are .45 em wide on average, digits .5
    assert widths[0] > len(names[0]) * 0.45 * em
    assert min(widths[2::2]) > len("1000.25") * 0.5 * em
