"""The command `generalize`: a folder with a report, the same bytes, words and codes."""

import os
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hostile import run

from waistats import generalize, load_dataset
from waistats.cli.app import main


def test_generalize_writes_a_folder(mibs, tmp_path, capsys):
    out = tmp_path / "mein bericht ü"
    code = run(
        "generalize", mibs, "--columns", "alpha=estimate", "--moderators", "~ year",
        "--output", out, "--short", "--figure-format", "svg,png", "--theme", "grey",
        "--forest-columns", "year,estimate",
    )  # fmt: skip
    assert code == 0
    printed = capsys.readouterr().out
    assert "report.html, report-short.html, " in printed
    assert "does not name its instrument" not in printed
    short = (out / "report-short.html").read_text(encoding="utf-8")
    assert "--theme grey --forest-columns year,estimate --short" in short
    assert "these scores" not in short
    assert "alpha = .755, 95% CI [.695, .803]" in printed
    page = (out / "report.html").read_text(encoding="utf-8")
    assert str(tmp_path) not in page
    assert "https://" not in page.split("</head>")[0]
    for name in ("coefficients", "pooled_cells", "overall", "moderator_model"):
        assert (out / "tables" / f"{name}.csv").stat().st_size > 0
    for name in ("forest", "funnel", "box"):
        assert (out / "figures" / f"{name}.svg").exists()
        assert (out / "figures" / f"{name}.png").exists()
    again = run("generalize", mibs, "--columns", "alpha=estimate", "--output", out)
    assert again == 2
    assert "already exists" in capsys.readouterr().err
    wrong = ("generalize", mibs, "--columns", "alpha=estimate", "--figure-format")
    assert run(*wrong, "gif") == 2
    assert "--figure-format must be" in capsys.readouterr().err
    assert run(*wrong[:-1], "--forest-by", "jear") == 2
    assert (
        "--forest-by: the coefficients have no column 'jear'" in capsys.readouterr().err
    )
    forced = run(
        "generalize", mibs, "--columns", "alpha=estimate", "--output", out, "--force"
    )
    assert forced == 0
    assert not (out / "tables" / "moderator_model.csv").exists()
    assert sorted(os.listdir(tmp_path)) == ["mein bericht ü", "mibs.csv"]


def test_generalize_without_cells(mibs, tmp_path, capsys):
    words = ("generalize", mibs, "--columns", "alpha=estimate", "--by", "")
    assert run(*words, "--output", tmp_path / "out") == 0
    assert "alpha = .755" in capsys.readouterr().out


def test_generalize_removes_the_bias_of_the_scale(mibs, tmp_path, capsys):
    words = ("generalize", mibs, "--columns", "alpha=estimate")
    assert run(*words, "--bias", "exact", "--output", tmp_path / "out") == 0
    table = load_dataset("mibs")
    expected = generalize(table, bias="exact", title="mibs").sentence()
    alpha = expected.partition("alpha = ")[2]
    assert alpha in capsys.readouterr().out
    assert alpha not in generalize(table).sentence()
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "--bias exact" in page
    assert run(*words, "--bias", "most", "--output", tmp_path / "two") == 2
    assert "'exact'" in capsys.readouterr().err


def test_same_bytes(mibs, tmp_path):
    for name in ("a", "b"):
        code = run(
            "generalize",
            mibs,
            "--columns",
            "alpha=estimate",
            "--output",
            tmp_path / name,
        )
        assert code == 0
    files = sorted(
        p.relative_to(tmp_path / "a")
        for p in (tmp_path / "a").rglob("*")
        if p.is_file()
    )
    assert len(files) > 15
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (
            tmp_path / "b" / file
        ).read_bytes()


def bad_files(folder: Path):
    good = "study_id,estimate,n,n_items\nA,.9,100,12\nB,.8,50,12\n"
    files = {
        "empty.csv": b"",
        "header.csv": b"study_id,estimate,n,n_items\n",
        "misspelt.csv": good.replace("estimate", "estimte").encode(),
        "double.csv": b"study_id,estimate,estimate,n,n_items\nA,.9,.9,100,12\n",
        "text.csv": good.replace(".9", "high").encode(),
        "one.csv": good.replace(".9", "1").encode(),
        "small_n.csv": good.replace("100", "2").encode(),
        "fraction.csv": good.replace("100", "10.5").encode(),
        "blank.csv": good.replace("100", "").encode(),
        "items.csv": good.replace("100,12", "100,1").encode(),
        "infinite.csv": good.replace(".9", "inf").encode(),
        "junk.csv": bytes(range(256)) * 40,
        "fake.xlsx": b"not a workbook at all",
        "fake.sav": b"$FL2 but no more",
        "single.csv": b"study_id,estimate,n,n_items\nA,.9,100,12\n",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [*files, "absent.csv", "."]


def test_bad_input_is_said_in_words(tmp_path, capsys):
    names = bad_files(tmp_path)
    before = sorted(os.listdir(tmp_path))
    for name in names:
        code = run("generalize", tmp_path / name, "--output", tmp_path / "out")
        captured = capsys.readouterr()
        assert code == 2, name
        assert captured.err.startswith("Error: "), name
        assert "Traceback" not in captured.err
        assert len(captured.err) > 40
    assert sorted(os.listdir(tmp_path)) == before


def test_workbook_from_a_spreadsheet(tmp_path, capsys):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Study", "Alpha", "N", "Items"])
    for row in (["A", 0.91, 100, 12], ["B", 0.86, 80, 12], ["C", 0.93, 60, 12]):
        sheet.append(row)
    path = tmp_path / "codes.xlsx"
    book.save(path)
    pairs = "Study=study_id,Alpha=estimate,N=n,Items=n_items"
    out = tmp_path / "out"
    assert run("generalize", path, "--columns", pairs, "--output", out) == 0
    assert "k = 3" in capsys.readouterr().out


@pytest.mark.slow
def test_few_studies_with_several_coefficients_count_as_studies(tmp_path, capsys):
    cases = Path(__file__).parents[1] / "cases"
    out = tmp_path / "five"
    assert run("generalize", cases / "five_studies_six_each.csv", "--output", out) == 0
    printed = capsys.readouterr().out
    assert "three levels, CR2" in printed
    assert "95% CI [.860, .931]" in printed
    page = (out / "report.html").read_text(encoding="utf-8")
    # a number stays on the line of what it is
    assert "95% CI [.86, .93]" in page.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.slow
def test_a_contrast_of_one_study_is_not_said_to_explain(tmp_path, capsys):
    cases = Path(__file__).parents[1] / "cases"
    out = tmp_path / "one"
    code = run(
        "generalize", cases / "one_study_against_rest.csv", "--moderators", "~ setting",
        "--output", out,
    )  # fmt: skip
    assert code == 0
    capsys.readouterr()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "setting explains" not in page
    assert "explains differences" not in page
    frame = pd.read_csv(out / "tables" / "moderator_model.csv").set_index("term")
    assert frame.loc["setting[T.outpatient]", "basis"] == "model"
    assert frame.loc["setting[T.outpatient]", "p_value"] > 0.15


def test_sums_are_sent_to_the_command_that_takes_them(tmp_path, capsys):
    path = tmp_path / "site.json"
    path.write_text('{\n"format": "waistats response summaries",\n"version": 1}')
    assert main(["generalize", str(path)]) == 2
    assert (
        "sums of answers, not a table: waistats alpha FILE" in capsys.readouterr().err
    )
