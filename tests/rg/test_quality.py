import pandas as pd
import pytest

from waistats.rg.quality import has_quality, rate_quality, study_quality


def sheet(**columns):
    return pd.DataFrame({"study_id": ["A"], "estimate": [0.85]} | columns)


@pytest.mark.parametrize(
    ("one", "each", "flaws", "kind", "quality", "criterion"),
    [
        ("yes", "yes", "", "alpha", "very good", "+"),
        ("no", "yes", "", "alpha", "doubtful", "?"),
        ("", "yes", "", "alpha", "doubtful", "?"),
        ("yes", "no", "", "alpha", "inadequate", "+"),
        ("yes", "yes", "few persons", "alpha", "doubtful", "+"),
        ("yes", "yes", "important: items dropped", "alpha", "inadequate", "+"),
        ("yes", "yes", "", "split_half", "doubtful", "+"),
        ("", "", "", "alpha", "not rated", "?"),
    ],
)
def test_the_lowest_standard_counts(one, each, flaws, kind, quality, criterion):
    table = sheet(
        unidim_checked=[one],
        per_subscale_reported=[each],
        flaws=[flaws],
        coefficient_type=[kind],
    )
    rated = rate_quality(table).iloc[0]
    assert (rated["quality"], rated["criterion"]) == (quality, criterion)


def test_a_check_on_too_few_persons_shows_no_dimension():
    table = sheet(unidim_checked=["yes"], n_adequate=["no"])
    assert rate_quality(table)["separate"].iloc[0] == "doubtful"
    low = sheet(unidim_checked=["yes"]).assign(estimate=0.6)
    assert rate_quality(low)["criterion"].iloc[0] == "-"


def test_a_study_has_the_lowest_rating_of_its_coefficients():
    table = pd.DataFrame(
        {
            "study_id": ["A", "A", "B"],
            "estimate": [0.9, 0.6, 0.8],
            "unidim_checked": ["yes", "yes", None],
            "per_subscale_reported": ["yes", "yes", None],
        }
    )
    frame = study_quality(table)
    assert frame["quality"].tolist() == ["very good", "not rated"]
    assert frame["criterion"].tolist() == ["-", "?"]
    assert has_quality(table)
    assert not has_quality(table[["study_id"]])
