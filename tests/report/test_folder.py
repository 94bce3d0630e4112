"""A report as a folder: page, Word document, tables and figures."""

import pytest
from lxml import html
from report_words import text_of

from waistats import generalize, load_dataset, read_coefficients
from waistats.cli.app import main
from waistats.datasets.simulated_studies import simulate_literature
from waistats.report.blocks import words_of
from waistats.report.folder import study_tables
from waistats.report.sections import study_sections


@pytest.mark.slow
def test_command_line_writes_word_and_says_how(tmp_path, capsys):
    table = tmp_path / "meine tabelle.csv"
    load_dataset("cesd").rename(columns={"estimate": "alpha"}).to_csv(
        table, index=False
    )
    out = tmp_path / "out"
    options = ["--columns", "alpha=estimate", "--method", "DL", "--title", "a b"]
    arguments = [str(table), *options, "--word", "--output", str(out)]
    assert main(["generalize", *arguments]) == 0
    assert "report.html, report.docx," in capsys.readouterr().out
    assert (out / "report.docx").read_bytes()[:2] == b"PK"
    page = (out / "report.html").read_text(encoding="utf-8")
    said = text_of(html.fromstring(page).xpath("//footer")[0])
    assert said.endswith(
        "Call: waistats generalize 'meine tabelle.csv' --columns alpha=estimate "
        "--method DL --title 'a b'"
    )
    assert str(tmp_path) not in page
    names = sorted(p.stem for p in (out / "figures").iterdir())
    assert {p.suffix for p in (out / "figures").iterdir()} == {".svg"}
    drawn = page.count("<figcaption>")
    assert len(names) == drawn >= 7


def test_every_further_coder_is_compared(literature):
    table = read_coefficients(simulate_literature().table)
    study = generalize(table, coders=[table.head(20), table.head(30)])
    assert [a.k_matched for a in study.agreements] == [20, 30]
    assert study.agreement is study.agreements[0]
    words = " ".join(words_of(study_sections(study, keep={"quality"})))
    assert "Coders 1 and 2." in words
    assert "Coders 1 and 3." in words
    tables = study_tables(study)
    assert {"agreement", "agreement_coder_3"} <= set(tables)
