"""The Word document holds the tables, figures and headings of the page."""

import io
import sys

import pytest

from waistats import ModelError, generalize, load_dataset
from waistats.report.blocks import Table, figures_of
from waistats.report.render_word import study_document
from waistats.report.sections import study_sections


@pytest.mark.slow
def test_word_report_holds_the_same_tables(literature, literature_sections, tmp_path):
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    sections = literature_sections
    content = study_document(literature, sections=sections)
    document = docx.Document(io.BytesIO(content))
    tables = [b for s in sections for b in s.blocks if isinstance(b, Table)]
    assert len(document.tables) == len(tables)
    for made, table in zip(document.tables, tables, strict=True):
        shown = [[cell.text for cell in row.cells] for row in made.rows]
        assert shown[0] == table.heads
        rows, order = table.rows(typeset=True), []
        for group, places in table.grouped():
            order += [[group] * len(table.heads)] if group is not None else []
            order += [rows[i] for i in places]
        assert shown[1:] == order
    figures = figures_of(sections)
    pictures = [shape._inline.docPr for shape in document.inline_shapes]
    assert [p.get("descr") for p in pictures] == [f.drawing.alt for f in figures]
    styles = [p.style.name for p in document.paragraphs]
    assert styles.count("Title") == 1
    headings = [p.text for p in document.paragraphs if p.style.name == "Heading 1"]
    assert headings == [s.title for s in sections] + ["Colophon"]
    room = document.sections[0]
    for shape in document.inline_shapes:
        assert shape.width <= room.page_width - room.left_margin - room.right_margin
    again = literature.report(tmp_path / "again.docx")
    assert again.read_bytes() == content


def test_word_breaks_no_number(literature, literature_sections):
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    content = study_document(literature, sections=literature_sections)
    for grid in docx.Document(io.BytesIO(content)).tables:
        # LibreOffice reads the grid, Word the cells
        widths = [column.width for column in grid.columns]
        assert [cell.width for cell in grid.rows[0].cells] == widths
        for row in grid.rows[1:]:
            for cell, width in zip(row.cells, widths, strict=True):
                runs = cell.paragraphs[0].runs
                text = "".join(run.text for run in runs)
                if text.replace(".", "").isdigit():
                    assert len(text) * 0.6 * runs[0].font.size < width


def test_word_takes_texts_that_xml_does_not():
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    study = generalize(load_dataset("cesd").assign(language="a\x00b\x0bc"))
    content = study_document(study, sections=study_sections(study, keep={"data"}))
    document = docx.Document(io.BytesIO(content))
    words = [p.text for p in document.paragraphs]
    assert any(r"Language a\x00b c" in text for text in words)


def test_word_without_python_docx(literature, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(ModelError, match=r"pip install 'waistats\[word\]'"):
        literature.report(tmp_path / "report.docx")
    assert list(tmp_path.iterdir()) == []
