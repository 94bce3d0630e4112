"""Answers far from zero: a query and memory give the same numbers, and the right ones."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from waistats import DataError, reliability_by_study, summarize_responses

pytest.importorskip("duckdb")

ITEMS = ["a", "b", "c"]


def answers(offset: int, n: int = 90, seed: int = 3) -> np.ndarray:
    """Whole SIMULATED answers, spread over 1 to 7 above an offset."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n, 1)) + rng.normal(size=(n, 3))
    return np.clip(np.round(latent + 4), 1, 7).astype(np.int64) + offset


def exact_alpha(values: np.ndarray) -> float:
    """Alpha of whole numbers in rational arithmetic."""
    rows = [[Fraction(int(x)) for x in row] for row in values]

    def variance(column: list[Fraction]) -> Fraction:
        mean = sum(column, Fraction(0)) / len(column)
        return sum(((x - mean) ** 2 for x in column), Fraction(0)) / (len(column) - 1)

    items = sum((variance(list(c)) for c in zip(*rows, strict=True)), Fraction(0))
    total = variance([sum(row, Fraction(0)) for row in rows])
    m = values.shape[1]
    return float(Fraction(m, m - 1) * (1 - items / total))


def from_parquet(tmp_path: Path, columns: dict[str, pa.Array]) -> pd.DataFrame:
    path = tmp_path / "answers.parquet"
    pq.write_table(pa.table(columns), path)
    return reliability_by_study(str(path), study="study", items=ITEMS)


def in_memory(values: np.ndarray, study: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=ITEMS).assign(study=study)
    return reliability_by_study(frame, study="study", items=ITEMS)


STUDY = ["one"] * 40 + ["two"] * 50


@pytest.mark.parametrize(
    ("kind", "offset"),
    [
        (pa.int32(), 10**8),
        (pa.int64(), 10**8),
        (pa.int64(), 2**53 - 100),
        (pa.uint64(), 10**8),
        (pa.uint64(), 2**53 - 100),
        (pa.uint32(), 10**8),
        (pa.float64(), 10**8),
        (pa.decimal128(20, 3), 10**8),
        (pa.int8(), 0),
        (pa.uint16(), 60_000),
    ],
)
def test_a_query_and_memory_agree(tmp_path, kind, offset):
    values = answers(offset)
    columns = {"study": pa.array(STUDY)}
    for j, name in enumerate(ITEMS):
        column = values[:, j].tolist()
        if pa.types.is_decimal(kind):
            column = [Decimal(x) for x in column]
        columns[name] = pa.array(column, kind)
    queried = from_parquet(tmp_path, columns)
    memory = in_memory(values.astype(float), STUDY)
    for i, part in enumerate((values[:40], values[40:])):
        right = exact_alpha(part)
        assert queried.loc[i, "estimate"] == pytest.approx(right, rel=1e-12)
        assert memory.loc[i, "estimate"] == pytest.approx(right, rel=1e-12)
    for column in ("score_mean", "score_sd", "se", "ci_low"):
        assert queried[column].to_numpy() == pytest.approx(
            memory[column].to_numpy(), rel=1e-12
        )


def test_fractions_of_a_decimal_near_a_hundred_million(tmp_path):
    rng = np.random.default_rng(5)
    tenths = rng.integers(10, 70, size=(90, 1)) + rng.integers(0, 20, size=(90, 3))
    columns = {"study": pa.array(STUDY)}
    for j, name in enumerate(ITEMS):
        column = [Decimal(10**9 + int(x)) / 10 for x in tenths[:, j]]
        columns[name] = pa.array(column, pa.decimal128(18, 1))
    queried = from_parquet(tmp_path, columns)
    memory = in_memory((10**9 + tenths) / 10, STUDY)
    assert queried["estimate"].to_numpy() == pytest.approx(
        memory["estimate"].to_numpy(), rel=1e-12
    )


def test_missing_answers_and_long_tables_are_shifted_too(tmp_path):
    values = answers(10**8).astype(float)
    values[3, 1] = np.nan
    frame = pd.DataFrame(values, columns=ITEMS).assign(study=STUDY, who=range(90))
    memory = reliability_by_study(frame.drop(columns="who"), study="study", items=ITEMS)
    path = tmp_path / "wide.parquet"
    frame.drop(columns="who").to_parquet(path)
    wide = reliability_by_study(str(path), study="study", items=ITEMS)
    long = frame.melt(["study", "who"], var_name="item", value_name="answer").dropna()
    long.to_parquet(tmp_path / "long.parquet")
    tall = reliability_by_study(
        str(tmp_path / "long.parquet"),
        study="study",
        person="who",
        item="item",
        value="answer",
        items=ITEMS,
    )
    for found in (wide, tall):
        assert found["estimate"].to_numpy() == pytest.approx(
            memory["estimate"].to_numpy(), rel=1e-12
        )
        assert found["n"].tolist() == memory["n"].tolist() == [39, 50]


def test_one_query_for_the_gate_and_the_sums(tmp_path, monkeypatch):
    """One scale without a key: the gate's sums are those that alpha is made of."""
    import waistats.reliability.by_study._query_gate as gate
    import waistats.reliability.by_study._query_once as query

    asked = []

    def counted(expression):
        asked.append(expression)
        return fetch(expression)

    fetch = gate.fetch
    monkeypatch.setattr(gate, "fetch", counted)
    monkeypatch.setattr(query, "fetch", counted)
    values = answers(0)
    values[:, 2] = 8 - values[:, 2]
    frame = pd.DataFrame(values.astype(np.int8), columns=ITEMS).assign(study=STUDY)
    path = tmp_path / "answers.parquet"
    frame.to_parquet(path)
    found = reliability_by_study(str(path), study="study", items=ITEMS)
    # blanks of the study, ends of the items, sums by study
    assert len(asked) <= 3
    memory = reliability_by_study(frame, study="study", items=ITEMS)
    assert found["estimate"].to_numpy() == pytest.approx(memory["estimate"], rel=1e-12)
    empty = frame.astype({"a": float}).assign(a=np.nan)
    empty.to_parquet(path)
    assert (reliability_by_study(str(path), study="study", items=ITEMS)["n"] == 0).all()


def test_one_query_for_the_sums_that_leave_a_site(tmp_path, monkeypatch):
    """Cross-products come with the gate's sums: the answers are read once."""
    import waistats.reliability.by_study._query_gate as gate
    import waistats.reliability.by_study._query_once as query

    by_study = []
    fetch = gate.fetch

    def counted(expression):
        found = fetch(expression)
        by_study.append(len(found) > 1)
        return found

    monkeypatch.setattr(gate, "fetch", counted)
    monkeypatch.setattr(query, "fetch", counted)
    frame = pd.DataFrame(answers(0).astype(np.int8), columns=ITEMS).assign(study=STUDY)
    path = tmp_path / "answers.parquet"
    frame.to_parquet(path)
    found = summarize_responses(path, study="study", items=ITEMS)
    assert sum(by_study) == 1
    memory = summarize_responses(frame, study="study", items=ITEMS)
    for one, other in zip(found.parts[0].blocks, memory.parts[0].blocks, strict=True):
        assert one.n == other.n
    alpha, same = (reliability_by_study(of)["estimate"] for of in (found, memory))
    assert alpha.to_numpy() == pytest.approx(same.to_numpy(), rel=1e-12)


def test_answers_out_of_range_are_counted_by_study_only_where_there_are_any(tmp_path):
    """A declared range: the ends of the columns say whether more is to be asked."""
    frame = pd.DataFrame(answers(0).astype(np.int8), columns=ITEMS).assign(study=STUDY)
    path = tmp_path / "answers.parquet"
    frame.to_parquet(path)
    options = {"study": "study", "items": ITEMS}
    reliability_by_study(str(path), response_range=(-100, 100), **options)
    top = int(frame[ITEMS].max(axis=None))
    with pytest.raises(DataError, match="answers must be numbers from") as raised:
        reliability_by_study(str(path), response_range=(-100, top - 1), **options)
    n = int((frame[ITEMS] == top).to_numpy().sum())
    assert f"{n} " in str(raised.value)


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.float64])
@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("products", [False, True])
def test_sums_that_travel_together_are_those_of_memory(tmp_path, kind, form, products):
    """Whole numbers are packed, real ones are not; gaps break single scales."""
    rng = np.random.default_rng(8)
    latent = rng.normal(size=(600, 1))
    wide = np.clip(np.round(latent + rng.normal(size=(600, 12)) + 4), 1, 7)
    wide[:, [3, 9]] = 8 - wide[:, [3, 9]]
    names = [f"q{i}" for i in range(1, 13)]
    frame = pd.DataFrame(wide, columns=names).astype(kind)
    gaps = frame.convert_dtypes() if kind is not np.float64 else frame
    gaps = gaps.mask(rng.random((600, 12)) < 0.02)
    gaps.insert(0, "study", rng.choice(["a", "b", "c"], 600))
    path = tmp_path / "answers.parquet"
    gaps.to_parquet(path)
    options = {"study": "study", "items": "q"}
    if form:
        options |= {"instrument": "WAI-S"}
    if products:
        options |= {"coefficient": "standardized_alpha", "ci": None}
    if not form:
        options |= {"reverse": ["q4", "q10"]}
    queried = reliability_by_study(path, **options)
    memory = reliability_by_study(gaps, **options)
    for column in ("estimate", "n", "n_excluded", "score_mean", "score_sd"):
        if column in memory:
            assert queried[column].to_numpy(dtype=float) == pytest.approx(
                memory[column].to_numpy(dtype=float), rel=1e-12
            )


def test_a_file_that_misstates_its_ends_is_summed_one_by_one(tmp_path, monkeypatch):
    """Sums that ran over show, since products add up to squares no more."""
    import waistats.reliability.by_study._query_gate as gate

    frame = pd.DataFrame(answers(0).astype(np.int8), columns=ITEMS).assign(study=STUDY)
    path = tmp_path / "answers.parquet"
    frame.to_parquet(path)
    known = gate._known_ends

    def misstated(*given):
        found = known(*given)
        assert found is not None
        return replace(found, low=found.low * 0 + 1, high=found.high * 0 + 1, most=2)

    monkeypatch.setattr(gate, "_known_ends", misstated)
    found = reliability_by_study(path, study="study", items=ITEMS)
    for i, part in enumerate((answers(0)[:40], answers(0)[40:])):
        right = exact_alpha(part)
        assert found.loc[i, "estimate"] == pytest.approx(right, rel=1e-12)
