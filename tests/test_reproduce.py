"""The main job."""

import pandas as pd
import pytest

from waistats.cli import main
from waistats.reproduce import steps


@pytest.fixture(scope="module")
def made():
    *_, (_, last) = steps()
    return last


def test_agrees_with_metafor(made):
    relative = (made.check["difference"] / made.check["metafor"]).abs()
    # metafor's numbers were noted to 7 significant digits at best, tau2 to 5
    assert relative.max() < 2e-5
    assert len(made.check) == 15


def test_simulated_study_has_the_shape_of_the_original(made):
    table = made.simulated.coefficients
    assert len(table) == 67
    assert (table["provenance"] == "SIMULATED").all()
    cells = made.simulated.cells
    assert len(cells) == 12
    assert cells.groupby(["instrument", "rater"]).ngroups == 5
    assert made.simulated.simulated


def test_truth_is_recovered(made):
    # 95 % intervals of 12 cells; fewer than 9 covered has probability below 1 in 500
    assert made.truth["covered"].sum() >= 9
    assert (made.truth["estimate"] - made.truth["truth"]).abs().max() < 0.06


def test_original_facts_stand_beside(made):
    facts = made.original.set_index("fact")["original"]
    assert facts["versions of the WAI"] == "5"
    assert facts["modal reliability"] == ".92"
    assert facts["lowest mean of a scale"] == ".79"


@pytest.mark.slow
def test_reproduce_writes_the_same_bytes_anywhere(tmp_path, capsys):
    for name in ("a", "anderswo ü"):
        assert main(["reproduce", "--output", str(tmp_path / name)]) == 0
    printed = capsys.readouterr().out
    assert "alpha = .929" in printed
    first, second = tmp_path / "a", tmp_path / "anderswo ü"
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert sum(f.suffix == ".svg" for f in files) >= 4
    assert sum(f.suffix == ".csv" for f in files) >= 4
    for file in files:
        content = (first / file).read_bytes()
        assert content == (second / file).read_bytes(), file
        assert str(tmp_path).encode() not in content
    page = (first / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 4
    truth = pd.read_csv(first / "tables" / "simulated_truth.csv")
    assert (truth["provenance"] == "SIMULATED").all()
    simulated = pd.read_csv(first / "tables" / "simulated_coefficients.csv")
    assert (simulated["provenance"] == "SIMULATED").all()
