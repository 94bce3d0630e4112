"""The command `alpha`: answers to coefficients."""

import numpy as np
import pandas as pd
import pyreadstat
from hostile import run

from waistats import simulate_responses
from waistats.cli.app import main


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


def test_misspelt_study_column_is_suggested(tmp_path, capsys):
    path = tmp_path / "x.csv"
    path.write_text("site,a,b\nX,1,2\nX,2,2\n")
    assert run("alpha", path, "--study", "sit", "--items", "a,b") == 2
    assert "did you mean 'site'" in capsys.readouterr().err


def test_a_column_that_is_not_there_is_answered_by_those_that_are(tmp_path, capsys):
    file = tmp_path / "answers.csv"
    file.write_text("Klinik,q1,q2\nA,1,2\nA,2,2\nB,3,4\nB,4,4\n")
    assert main(["alpha", str(file), "--study", "site", "--items", "q"]) == 2
    told = capsys.readouterr().err
    assert "no column 'site'. The columns are Klinik, q1, q2." in told
