"""The command line end to end: exit codes, words, whole output."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest

from waistats import (
    generalize,
    load_dataset,
    reliability_by_study,
    simulate_responses,
)
from waistats.cli.app import main


@pytest.fixture
def mibs(tmp_path):
    path = tmp_path / "mibs.csv"
    table = load_dataset("mibs").rename(columns={"estimate": "alpha"})
    table.to_csv(path, index=False)
    return path


def run(*arguments):
    return main([str(a) for a in arguments])


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


def test_alpha_from_sav(tmp_path, capsys):
    responses = simulate_responses("WAI-SR", studies=3, n=40, seed=1)
    items = [c for c in responses if c.startswith("wai")]
    labels = {i: dict(enumerate(["Seldom", "B", "C", "D", "Always"], 1)) for i in items}
    path = tmp_path / "klinik.sav"
    pyreadstat.write_sav(responses, str(path), variable_value_labels=labels)
    assert run("alpha", path, "--study", "study_id", "--instrument", "WAI-SR") == 0
    printed = capsys.readouterr().out
    assert printed.count("total") == 3
    assert printed.count("bond") == 3
    out = tmp_path / "out"
    named = ",".join(items[:4])
    assert (
        run("alpha", path, "--study", "study_id", "--items", named, "--output", out)
        == 0
    )
    table = pd.read_csv(out / "coefficients.csv")
    assert list(table["n_items"]) == [4, 4, 4]
    assert (table["provenance"] == "SIMULATED").all()
    assert run("generalize", out / "coefficients.csv", "--output", tmp_path / "rg") == 0
    assert "SIMULATED" in capsys.readouterr().out


def test_worded_responses(tmp_path, capsys):
    words = ["Never", "Rarely", "Sometimes", "Often", "Always"]
    rng = np.random.default_rng(2)
    base = rng.integers(0, 5, (60, 1))
    answers = np.clip(base + rng.integers(-1, 2, (60, 3)), 0, 4)
    frame = pd.DataFrame(np.array(words)[answers], columns=["a", "b", "c"])
    frame.insert(0, "study", ["x", "y"] * 30)
    path = tmp_path / "worte.csv"
    frame.to_csv(path, index=False, sep=";")
    code = run(
        "alpha",
        path,
        "--study",
        "study",
        "--items",
        "a,b,c",
        "--labels",
        ",".join(words),
    )
    assert code == 0
    assert "total" in capsys.readouterr().out


def test_check(mibs, tmp_path, capsys):
    assert run("check", mibs, "--columns", "alpha=estimate") == 0
    assert "0 errors" in capsys.readouterr().out
    bad = pd.read_csv(mibs)
    bad["alpha"] = bad["alpha"].astype(object)
    bad.loc[1, "alpha"], bad.loc[4, "alpha"], bad.loc[5, "n"] = "1.2", "x", 2
    bad.to_csv(mibs, index=False)
    assert run("check", mibs, "--columns", "alpha=estimate") == 2
    printed = capsys.readouterr().out
    for place in ("line 3", "line 6", "line 7"):
        assert place in printed


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frob"], "No such command"),
        (["alpha", "x.csv"], "--study"),
        (["alpha", "x.csv", "--study", "s"], "--items or --instrument"),
        (["generalize", "x.csv", "--columns", "alpha"], "pairs such as"),
        (["data", "fetch", "nothing"], "nothing"),
        (["generalize", "x.csv", "--nosuch"], "No such option"),
    ],
)
def test_wrong_calls(arguments, words, capsys, tmp_path, monkeypatch):
    # a file that is not there is said first
    (tmp_path / "x.csv").write_text("s,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_misspelt_study_column_is_suggested(tmp_path, capsys):
    path = tmp_path / "x.csv"
    path.write_text("site,a,b\nX,1,2\nX,2,2\n")
    assert run("alpha", path, "--study", "sit", "--items", "a,b") == 2
    assert "did you mean 'site'" in capsys.readouterr().err


def test_data_commands(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("WAISTATS_CACHE", str(tmp_path))
    assert run("data", "list") == 0
    printed = capsys.readouterr().out
    assert "wai (bundled" in printed
    assert "SIMULATED" in printed
    assert run("data", "path") == 0
    assert str(tmp_path) in capsys.readouterr().out


def test_version_and_help(capsys):
    assert run("--version") == 0
    assert "waistats 0.2.0" in capsys.readouterr().out
    assert run("--help") == 0
    # each command is told in a line that a terminal of 80 columns does not cut
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


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
def test_module_runs_as_a_program(mibs, tmp_path):
    command = [sys.executable, "-m", "waistats", "check", str(mibs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "estimate" in done.stdout + done.stderr


@pytest.mark.slow
def test_few_studies_with_several_coefficients_count_as_studies(tmp_path, capsys):
    cases = Path(__file__).parents[1] / "cases"
    out = tmp_path / "five"
    assert run("generalize", cases / "five_studies_six_each.csv", "--output", out) == 0
    printed = capsys.readouterr().out
    assert "three levels, CR2" in printed
    assert "95% CI [.860, .931]" in printed
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "95% CI [.86, .93]" in page


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


def test_sums_are_sent_instead_of_answers(tmp_path, capsys):
    answers = simulate_responses("WAI-SR", studies=4, n=40, reliability=0.9, seed=3)
    for i, names in enumerate((["S01", "S02"], ["S03", "S04"])):
        part = answers[answers["study_id"].isin(names)]
        part.drop(columns="person_id").to_csv(tmp_path / f"{i}.csv", index=False)
        args = ["--study", "study_id", "--instrument", "WAI-SR", "--moments", "4"]
        out = tmp_path / f"site-{i}.json"
        assert run("summarize", tmp_path / f"{i}.csv", *args, "--output", out) == 0
        assert run("summarize", tmp_path / f"{i}.csv", *args, "--output", out) == 2
        assert "--force" in capsys.readouterr().err
    sites = [tmp_path / "site-0.json", tmp_path / "site-1.json"]
    assert run("alpha", *sites, "--ci", "adf", "--output", tmp_path / "out") == 0
    assert "S04" in capsys.readouterr().out
    found = pd.read_csv(tmp_path / "out" / "coefficients.csv")
    direct = reliability_by_study(
        answers, study="study_id", instrument="WAI-SR", ci="adf"
    )
    assert found["ci_low"].to_numpy() == pytest.approx(direct["ci_low"].to_numpy())
    assert (tmp_path / "out" / "covariance.csv").is_file()
    assert run("alpha", *sites, "--items", "a,b") == 2
    assert "--items cannot be used with summaries" in capsys.readouterr().err
    assert run("alpha", tmp_path / "0.csv", tmp_path / "1.csv", "--study", "x") == 2
    assert "one file of answers" in capsys.readouterr().err
