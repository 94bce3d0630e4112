"""The folder of computed coefficients is read again as it was written."""

import pandas as pd
import pytest

from waistats import DataError, reliability_by_study, simulate_responses
from waistats.rg.combine import has_covariance, read_intake, write_reliability


@pytest.fixture(scope="module")
def table():
    """SIMULATED coefficients with their covariance, and what was decided at intake."""
    answers = simulate_responses("WAI-SR", studies=3, n=40, seed=2)
    made = reliability_by_study(
        answers, study="study_id", instrument="WAI-SR", covariance=True
    )
    record = {"finding": "missing_codes", "severity": "note", "where": "wai1",
              "decision": "99, \"set\" to missing", "by": "user"}  # fmt: skip
    made.attrs["intake"] = [record]
    return made


def test_all_that_the_table_knows_is_written(table, tmp_path):
    written = write_reliability(table, tmp_path / "out")
    assert written == ["coefficients.csv", "covariance.csv", "intake.csv"]
    again = pd.read_csv(tmp_path / "out" / "coefficients.csv")
    assert again["estimate"].to_numpy() == pytest.approx(table["estimate"].to_numpy())
    pairs = pd.read_csv(tmp_path / "out" / "covariance.csv")
    assert len(pairs) > len(table)
    assert read_intake(tmp_path / "out" / "intake.csv") == table.attrs["intake"]


def test_what_it_does_not_know_is_no_file(table, tmp_path):
    bare = table.copy()
    bare.attrs = {}
    assert write_reliability(bare, tmp_path / "out") == ["coefficients.csv"]
    assert [p.name for p in (tmp_path / "out").glob("*.csv")] == ["coefficients.csv"]


def test_a_folder_is_replaced_only_when_asked(table, tmp_path):
    write_reliability(table, tmp_path / "out")
    with pytest.raises(DataError, match="already exists"):
        write_reliability(table, tmp_path / "out")
    one = pd.DataFrame(table.head(1).to_dict("list"))
    write_reliability(one, tmp_path / "out", force=True)
    assert len(pd.read_csv(tmp_path / "out" / "coefficients.csv")) == 1


def test_another_file_is_no_list_of_decisions(tmp_path):
    (tmp_path / "intake.csv").write_text("finding,by\na,b\n")
    with pytest.raises(DataError, match="columns are missing: severity, where, dec"):
        read_intake(tmp_path / "intake.csv")


def test_coefficients_with_a_gradient_have_a_covariance():
    assert has_covariance("alpha")
    assert not has_covariance("glb")
