"""The command `check`: what is wrong with a file, line by line."""

import pandas as pd
from hostile import run

from waistats.cli.app import main


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


def test_two_items_are_answers_and_other_files_are_called_neither(tmp_path, capsys):
    few, odd = tmp_path / "few.csv", tmp_path / "odd.csv"
    few.write_text("site,q1,q2\nA,1,2\nA,3,3\nA,2,4\nB,4,4\nB,1,1\nB,5,4\n")
    odd.write_text("place,trust,goals\nA,1,2\nA,2,3\nB,3,3\n")
    assert main(["check", str(few)]) == 0
    assert "6 rows, 2 items" in capsys.readouterr().out
    assert main(["check", str(odd)]) == 2
    told = capsys.readouterr().err
    assert "neither a table of coefficients" in told
    assert "--items" in told
    assert "--columns" in told
    assert main(["check", str(odd), "--items", "trust,goals"]) == 0
    assert main(["generalize", str(few)]) == 2
    assert "become coefficients with waistats alpha FILE" in capsys.readouterr().err


def test_a_hint_of_columns_can_be_typed_as_it_is(tmp_path, capsys):
    """It repeats what was renamed already; options given twice add up."""
    file = tmp_path / "alphas.csv"
    file.write_text("Study,alpha,N,items\nA,.9,100,12\nB,.8,90,12\nC,.85,80,12\n")
    assert main(["check", str(file), "--columns", "alpha=estimate"]) == 2
    told = capsys.readouterr().out
    assert "The table has Study, alpha, N, items." in told
    hint = "--columns alpha=estimate,Study=study_id,N=n,items=n_items"
    assert hint in told
    assert main(["check", str(file), *hint.split()]) == 0
    more = ["--columns", "Study=study_id,N=n", "--columns", "items=n_items"]
    assert main(["check", str(file), "--columns", "alpha=estimate", *more]) == 0
