"""The command `summarize`: sums are sent instead of answers."""

import pandas as pd
import pytest
from hostile import run

from waistats import reliability_by_study, simulate_responses


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
