"""Item statistics by study: those of each study alone, in memory and from a file."""

import numpy as np
import pandas as pd
import pytest

from waistats.reliability.by_study.items import item_statistics_by_study
from waistats.reliability.items import item_statistics

ITEMS = [f"wai{i}" for i in range(1, 13)]


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """SIMULATED answers, a few of them missing."""
    rng = np.random.default_rng(51)
    values = rng.normal(size=(200, 1)) + rng.normal(size=(200, 12)) + 4
    values = np.clip(np.round(values), 1, 7)
    values[rng.random((200, 12)) < 0.01] = np.nan
    frame = pd.DataFrame(values, columns=ITEMS)
    frame["study"] = ["tiny"] * 2 + ["b"] * 98 + ["a"] * 100
    frame["provenance"] = "SIMULATED"
    frame.loc[frame["study"] == "b", "wai5"] = 4
    return frame


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
@pytest.mark.parametrize("source", ["memory", "file"])
def test_every_study_is_as_it_is_alone(answers, source, tmp_path):
    data = answers
    if source == "file":
        pytest.importorskip("ibis")
        answers.to_parquet(tmp_path / "answers.parquet")
        data = tmp_path / "answers.parquet"
    scales = {"first": ITEMS[:4], "all": ITEMS}
    table = item_statistics_by_study(data, study="study", scales=scales)
    assert len(table) == 3 * (4 + 12)
    assert table["study_id"].unique().tolist() == ["tiny", "b", "a"]
    assert table["scale"].tolist()[:5] == ["first"] * 4 + ["all"]
    assert (table["provenance"] == "SIMULATED").all()
    names = ["mean", "sd", "item_rest_correlation", "alpha_if_dropped", "loading"]
    tiny = table[table["study_id"] == "tiny"]
    assert tiny[names].isna().all(axis=None)
    for study in ("a", "b"):
        for scale, columns in scales.items():
            part = answers.loc[answers["study"] == study, columns].dropna()
            alone = item_statistics(part)
            found = table[(table["study_id"] == study) & (table["scale"] == scale)]
            assert found["item"].tolist() == columns
            assert (found["n"] == len(part)).all()
            np.testing.assert_allclose(found[names], alone[names], rtol=1e-7, atol=1e-9)


def test_a_form_is_keyed(answers):
    options = {"study": "study", "instrument": "WAI-S", "scales": ["total"]}
    decided = item_statistics_by_study(answers.dropna(), **options)
    assert "already reverse-scored" in decided.attrs["notes"][0]
    assert (decided.loc[decided["n"] > 2, "item_rest_correlation"].dropna() > 0).all()
    table = item_statistics_by_study(
        answers.dropna(), already_keyed=False, accept="key_contradicted", **options
    )
    a = table[table["study_id"] == "a"].set_index("item")
    assert (a["instrument"] == "WAI-S").all()
    # these answers were not given in reverse, so turning them round shows
    assert (a.loc[["wai4", "wai10"], "item_rest_correlation"] < 0).all()
    assert (a.drop(["wai4", "wai10"])["item_rest_correlation"] > 0).all()
