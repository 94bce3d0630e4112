"""Rows are selected and items reverse-scored in the query, as in memory."""

import numpy as np
import pandas as pd
import pytest

import waistats as w
from waistats import DataError, ModelError
from waistats.reliability.by_study import _data, _sources
from waistats.reliability.by_study._query_where import selected_rows
from waistats.reliability.by_study._sources import Source, open_source

pytest.importorskip("ibis")
pytest.importorskip("duckdb")

SLOW = pytest.mark.slow  # three times as long as Parquet: more is sought in its cells
ITEMS = [f"wai{j}" for j in range(1, 13)]


def answers(n: int = 400, seed: int = 5) -> pd.DataFrame:
    """SIMULATED answers to WAI-S, items 4 and 10 raw, and item 7 the wrong way."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 1)) + rng.normal(size=(n, 12))
    keyed = np.clip(np.round(values + 4.5), 1, 7)
    keyed[:, [3, 9]] = 8 - keyed[:, [3, 9]]
    frame = pd.DataFrame(keyed, columns=ITEMS).mask(rng.random((n, 12)) < 0.01)
    frame.insert(0, "study", rng.choice(["zeta", "beta", "mu"], n))
    frame.insert(1, "session", rng.choice([1.0, 3.0, 10.0, np.nan], n))
    frame.insert(2, "site", rng.choice(["Bern", "Köln", "NA", ""], n))
    frame.insert(3, "code", rng.choice(["1", "01", "2", "."], n))
    return frame


def wrong(frame: pd.DataFrame, *items: str) -> pd.DataFrame:
    return frame.assign(**{item: 8 - frame[item] for item in items})


@pytest.fixture
def queried(monkeypatch, tmp_path):
    """Write a frame to a file that is queried; nothing may be fetched row by row."""
    monkeypatch.setattr(_sources, "_WHOLE", 0)
    batches = []

    def none(*args, **kwargs):
        batches.append(args)
        raise AssertionError("rows were fetched")

    monkeypatch.setattr(_data, "study_batches", none)

    def write(frame: pd.DataFrame, kind: str = "parquet") -> str:
        path = tmp_path / f"answers.{kind}"
        if kind == "parquet":
            frame.to_parquet(path)
        else:
            frame.to_csv(path, index=False)
        return str(path)

    return write


CONDITIONS = [
    "session == 3",
    "session != 3",
    "session in (3, 10)",
    "session not in (3, 10)",
    "session >= 3",
    "session < 3 or session is missing",
    "not session == 3",
    "site == 'Bern'",
    "site != Bern",
    "site in ('Bern', 'Köln') and session > 1",
    "site is not missing",
    "code == 1",
    "code == '01'",
    "code != 1",
    "study == mu or (study == zeta and not session > 3)",
]


@pytest.mark.parametrize("where", CONDITIONS)
@pytest.mark.parametrize("kind", ["parquet", pytest.param("csv", marks=SLOW)])
def test_rows_are_selected_in_the_query_as_in_memory(queried, where, kind, monkeypatch):
    frame = answers()
    path = queried(frame, kind)
    found = w.reliability_by_study(path, study="study", instrument="WAI-S", where=where)
    monkeypatch.undo()
    expected = w.reliability_by_study(
        w.read_responses(path), study="study", instrument="WAI-S", where=where
    )
    columns = ["study_id", "scale", "estimate", "n", "n_excluded", "score_sd"]
    keys = ["study_id", "scale"]
    pd.testing.assert_frame_equal(
        found[columns].sort_values(keys, ignore_index=True),
        expected[columns].sort_values(keys, ignore_index=True),
        rtol=1e-12,
    )

    def told(table: pd.DataFrame) -> list[str]:
        return [note for note in table.attrs["notes"] if "rows were selected" in note]

    assert told(found) == told(expected) != []


def test_wrong_conditions_are_refused_in_the_same_words(queried):
    path = queried(answers())
    for where, words in {
        "sessions_ == 3": "no column 'sessions_'.*did you mean 'session'",
        "session == 99": "selects none of the 400 rows",
        "site > 3": "compares by size, but site holds words",
        "session > 'three'": "compares by size",
    }.items():
        with pytest.raises(DataError, match=words):
            w.reliability_by_study(path, study="study", items=ITEMS, where=where)


def test_dates_are_selected_in_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(_sources, "_WHOLE", 0)
    frame = answers(60)
    frame["day"] = pd.Timestamp("2026-01-01")
    frame.to_parquet(tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    assert isinstance(source, Source)
    assert selected_rows(source, "day is not missing") == (source, [])
    table = w.reliability_by_study(
        str(tmp_path / "a.parquet"),
        study="study",
        instrument="WAI-S",
        where="day is not missing",
    )
    assert any("60 of 60 rows were selected" in note for note in table.attrs["notes"])
    assert any(
        "fetched into memory, because where= needs them" in note
        for note in table.attrs["notes"]
    )


REVERSED = {
    "a form": {"instrument": "WAI-S"},
    "named items": {"items": ITEMS[:3] + ITEMS[4:8]},
    "a range": {"items": ITEMS[:3] + ITEMS[4:8], "response_range": (1, 7)},
    "two scales": {"scales": {"a": ITEMS[:3], "b": ITEMS[4:8]}},
}


@pytest.mark.parametrize("options", REVERSED.values(), ids=REVERSED)
@pytest.mark.parametrize("kind", ["parquet", pytest.param("csv", marks=SLOW)])
def test_items_are_reverse_scored_in_the_query(queried, options, kind, monkeypatch):
    frame = wrong(answers(), "wai7", "wai2")
    path = queried(frame, kind)
    call = {"study": "study", "reverse": ["wai7", "wai2"], **options}
    found = w.reliability_by_study(path, **call)
    products = w.item_statistics_by_study(path, **call)
    monkeypatch.undo()
    memory = w.read_responses(path)
    expected = w.reliability_by_study(memory, **call)
    columns = ["study_id", "scale", "estimate", "n", "score_mean", "score_sd"]
    pd.testing.assert_frame_equal(found[columns], expected[columns], rtol=1e-11)
    same = w.item_statistics_by_study(memory, **call)
    numbers = ["mean", "sd", "item_rest_correlation", "alpha_if_dropped"]
    pd.testing.assert_frame_equal(products[numbers], same[numbers], rtol=1e-9)

    def told(table: pd.DataFrame) -> list[str]:
        notes = [n for n in table.attrs["notes"] if "reverse-scored" in n]
        # a query names studies by their names, memory in order of appearance
        return [" ".join(sorted(note.replace(",", "").split())) for note in notes]

    assert told(found) == told(expected) != []


def test_codes_are_seen_before_items_are_reversed(queried):
    frame = wrong(answers(), "wai7")
    frame.loc[3, "wai7"] = 99
    path = queried(frame)
    call = {"study": "study", "instrument": "WAI-S", "reverse": ["wai7"]}
    with pytest.raises(DataError, match=r"wai7: 99 \(1 times\)"):
        w.reliability_by_study(path, **call)
    found = w.reliability_by_study(path, missing_codes=99, **call)
    assert (found["estimate"] > 0.6).all()
    with pytest.raises(ModelError, match="q9, which is not among the items"):
        w.reliability_by_study(path, study="study", items=ITEMS, reverse=["q9"])


@pytest.mark.parametrize(
    "options", [{"instrument": "WAI-S"}, {"items": ITEMS[:3] + ITEMS[4:9]}]
)
def test_alpha_once_reverse_scored_is_found_by_the_query(queried, options, monkeypatch):
    path = queried(wrong(answers(), "wai7"))
    found = w.reliability_by_study(path, study="study", **options)
    monkeypatch.undo()
    memory = w.reliability_by_study(w.read_responses(path), study="study", **options)

    def told(table: pd.DataFrame) -> list[str]:
        notes = [n for n in table.attrs["notes"] if "correlates negatively" in n]
        return [note.replace("the answers ", "") for note in notes]

    assert told(found) == told(memory)
    assert "reverse-scored, alpha would be" in told(found)[0]
    assert " instead of " in told(found)[0]


def test_what_is_fetched_is_said(monkeypatch, tmp_path):
    frame = answers()
    frame.insert(1, "person", range(len(frame)))
    frame.to_parquet(tmp_path / "a.parquet")
    path = str(tmp_path / "a.parquet")
    for options, why in (
        ({"person": "person"}, "person="),
        ({"ci": "adf"}, 'coefficient="alpha" with ci="adf"'),
        ({"missing": "pairwise"}, 'missing="pairwise"'),
        ({"covariance": True}, "covariance="),
    ):
        table = w.reliability_by_study(
            path, study="study", instrument="WAI-S", **options
        )
        notes = " ".join(table.attrs["notes"])
        assert (
            f"The answers of 400 rows were fetched into memory, because {why}" in notes
        )
        assert "were not checked" in notes
    plain = w.reliability_by_study(path, study="study", instrument="WAI-S")
    assert not any("fetched" in note for note in plain.attrs["notes"])
