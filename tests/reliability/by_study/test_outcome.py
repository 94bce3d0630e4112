"""What the coefficients give away: all at once, how many of how many, and ways out."""

import re

import numpy as np
import pandas as pd
import pytest

import waistats as w
from waistats import DataError
from waistats._caller import TERMINAL, calling

ITEMS = [f"wai{j}" for j in range(1, 13)]


def studies(k: int, n: int = 12, seed: int = 3) -> pd.DataFrame:
    """SIMULATED answers to WAI-S, of which small studies have chance results."""
    rng = np.random.default_rng(seed)
    values = 0.5 * rng.normal(size=(k * n, 1)) + rng.normal(size=(k * n, 12))
    keyed = np.clip(np.round(values + 4.5), 1, 7)
    keyed[:, [3, 9]] = 8 - keyed[:, [3, 9]]
    frame = pd.DataFrame(keyed, columns=ITEMS)
    frame.insert(0, "site", np.repeat([f"S{i:03}" for i in range(k)], n))
    return frame


CALL = {"study": "site", "instrument": "WAI-S", "already_keyed": False}


def test_many_negative_alphas_are_all_named_at_once():
    frame = studies(60)
    accepted = w.reliability_by_study(frame, accept="negative_alpha", **CALL)
    negative = accepted[accepted["estimate"] < 0]
    assert 6 < len(negative) <= 60
    with pytest.raises(DataError) as stop:
        w.reliability_by_study(frame, **CALL)
    told = str(stop.value)
    assert f"alpha is negative in {len(negative)} of 240 coefficients" in told
    for name in negative["coefficient_id"]:
        assert f"({name})" in told
    assert 'pool them with the others: accept="negative_alpha"' in told
    assert "leave these studies out with where=" in told
    # accepted: kept, and said
    notes = " ".join(accepted.attrs["notes"])
    assert f"Accepted by the user: all {len(negative)} are pooled" in notes
    records = [r for r in accepted.attrs["intake"] if r["finding"] == "negative_alpha"]
    assert [r["by"] for r in records] == ["user"]


def test_a_few_are_left_out_with_the_named_condition():
    frame = pd.concat([studies(3, n=200), studies(1, n=12, seed=10).assign(site="S 9")])
    frame = frame.reset_index(drop=True)
    with pytest.raises(DataError) as stop:
        w.reliability_by_study(frame, **CALL)
    told = str(stop.value)
    where = re.search(r'where="((?:[^"\\]|\\.)*)"', told)[1].replace("\\", "")
    assert where == 'site not in ("S 9")'
    left = w.reliability_by_study(frame, where=where, **CALL)
    assert (left["estimate"] > 0).all()
    assert left["study_id"].nunique() == 3
    with calling(TERMINAL), pytest.raises(DataError) as stop:
        w.reliability_by_study(frame, **CALL)
    assert """--where 'site not in ("S 9")'""" in str(stop.value)
    assert "--accept negative_alpha" in str(stop.value)


def test_an_accepted_gap_is_said():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(40, 1)) + rng.normal(size=(40, 4))
    frame = pd.DataFrame(values.round(1), columns=["q1", "q2", "q3", "q10"])
    frame["site"] = "A"
    with pytest.raises(DataError, match="q1-q3"):
        w.reliability_by_study(frame, study="site")
    table = w.reliability_by_study(frame, study="site", accept="item_gap")
    assert table.loc[0, "n_items"] == 4
    [record] = [r for r in table.attrs["intake"] if r["finding"] == "item_gap"]
    assert record["by"] == "user"
    assert "they are taken as items" in " ".join(table.attrs["notes"])
