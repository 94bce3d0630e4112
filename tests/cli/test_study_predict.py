"""`waistats predict` at the command line: what it refuses, in the words of its options."""

import numpy as np
import pandas as pd
import pytest

from waistats.cli.app import main


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "study_id": [f"S{i}" for i in range(12)],
            "instrument": ["WAI-SR", "WAI-36"] * 6,
            "rater": ["client"] * 6 + ["therapist"] * 6,
            "estimate": rng.uniform(0.85, 0.95, 12).round(3),
            "n": rng.integers(60, 200, 12),
            "n_items": [12, 36] * 6,
            "mean_age": np.linspace(25, 45, 12),
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def typed(capsys, *words):
    code = main(["predict", *(str(word) for word in words)])
    out, err = capsys.readouterr()
    return code, out, " ".join(err.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--n", "2"], "n must be"),
        (["--n", "ten"], "ten"),
        (["--n", "30.5"], "whole numbers"),
        (["--instrument", "WAI-99"], "No fitted coefficient has instrument 'WAI-99'"),
        (["--rater", "nobody"], "client"),
        (["--new", "mean_age=35"], "mean_age"),
        (["--new", "mean_age"], "mean_age"),
        (["--moderators", "~ therapy"], "therapy"),
        (["--prediction", "bayes"], "confidence-distribution"),
        (["--conf-level", "2"], "conf"),
        (["--n", "30", "--n-items", "1"], "n_items"),
    ],
)
def test_refusals_name_what_is_wrong(table, capsys, options, words):
    code, out, said = typed(capsys, table, *options)
    assert code == 2
    assert words in said
    assert "Traceback" not in said
    assert "Expected reliability" not in out


def test_a_prediction_says_what_its_probabilities_are(table, capsys):
    code, out, _ = typed(capsys, table, "--n", "100")
    assert code == 0
    assert "above: probability that alpha exceeds .70, .80, .90" in " ".join(
        out.split()
    )
    code, _, said = typed(capsys, table, "--output", table)
    assert code == 2
    assert "--force" in said
