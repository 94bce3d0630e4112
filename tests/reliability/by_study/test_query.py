"""Files and Ibis tables give what memory gives, from one query on any engine."""

import numpy as np
import pandas as pd
import pytest

from waistats import DataError
from waistats.instruments._key_decision import key_plan
from waistats.reliability.by_study import _query as batches, _query_gate as gate
from waistats.reliability.by_study._layout import Layout, plan_scales
from waistats.reliability.by_study._query import Answers
from waistats.reliability.by_study._query_once import once_query, plan_of
from waistats.reliability.by_study._sources import ibis_calls, open_source
from waistats.reliability.by_study.api import reliability_by_study

ibis = pytest.importorskip("ibis")

ITEMS = [f"wai{i}" for i in range(1, 13)]


@pytest.fixture
def answers() -> pd.DataFrame:
    """SIMULATED raw answers to a 12-item form; two items run the other way."""
    rng = np.random.default_rng(31)
    values = rng.normal(size=(400, 1)) + rng.normal(size=(400, 12))
    keyed = np.clip(np.round(values + 4.5), 1, 7).astype(int)
    keyed[:, [3, 9]] = 8 - keyed[:, [3, 9]]
    frame = pd.DataFrame(keyed, columns=ITEMS).astype("Int8")
    frame = frame.mask(rng.random((400, 12)) < 0.01)
    frame.insert(0, "study", rng.choice(["zeta", "beta", "mu ", "mu", "alpha"], 400))
    frame["rater"] = rng.choice(["client", "therapist"], 400)
    frame["provenance"] = "SIMULATED"
    return frame


@pytest.fixture
def parquet(answers, tmp_path) -> str:
    answers.to_parquet(tmp_path / "answers.parquet")
    return str(tmp_path / "answers.parquet")


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        found, expected, rtol=1e-11, check_dtype=False, check_column_type=False
    )


@pytest.mark.parametrize(
    "options",
    [
        {"items": "wai"},
        {"items": "wai", "by": "rater"},
        {"instrument": "WAI-S"},
        {"instrument": "WAI-S", "scales": ["bond", "total"], "ci": "bonett"},
        {
            "instrument": "WAI-S",
            "already_keyed": True,
            "ci": None,
            "accept": ("key_contradicted", "negative_alpha"),
        },
        {"instrument": "WAI-S", "already_keyed": {"beta": False}},
        {"items": "wai", "reverse": "wai4", "response_range": (1, 7)},
        {"instrument": "WAI-S", "missing_codes": 7, "accept": "negative_alpha"},
        {"instrument": "WAI-S", "where": "rater == client and wai1 < 7"},
        {"scales": {"a": ITEMS[:3], "b": ITEMS[2:9]}, "ci": "hakstian-whalen"},
        {"scales": {"b": ITEMS[:7]}, "ci": "normal-theory"},
        {"instrument": "WAI-S", "coefficient": "standardized_alpha", "ci": None},
        {
            "instrument": "WAI-S",
            "coefficient": "standardized_alpha",
            "ci": "normal-theory",
        },
        {"instrument": "WAI-S", "coefficient": "omega_total", "ci": "normal-theory"},
        {"instrument": "WAI-S", "coefficient": "omega_total", "ci": None},
        {"instrument": "WAI-S", "ci": "adf", "missing": "pairwise"},
        {"items": "wai", "coefficient": "omega_hierarchical", "ci": None},
        {"items": "wai", "coefficient": "split_half", "ci": "normal-theory"},
        {"items": "wai", "missing": "em"},
        {"items": "wai", "options": {"bias": "exact"}, "ci": "bonett"},
    ],
)
def test_a_parquet_file_gives_what_memory_gives(answers, parquet, options):
    expected = reliability_by_study(answers, study="study", **options)
    same(reliability_by_study(parquet, study="study", **options), expected)
    assert expected["study_id"].nunique() == 4


def test_sampling_covariance_from_a_file(answers, parquet):
    options = {"study": "study", "instrument": "WAI-S", "covariance": True}
    expected = reliability_by_study(answers, **options).attrs["V"]
    found = reliability_by_study(parquet, **options).attrs["V"]
    assert found == expected


def test_studies_are_fetched_in_batches(answers, parquet, monkeypatch):
    options = {"study": "study", "items": "wai", "ci": "adf", "covariance": True}
    expected = reliability_by_study(answers, **options)
    monkeypatch.setattr(batches, "_MOST", 100)
    found = reliability_by_study(parquet, **options)
    same(found, expected)
    assert found.attrs["V"] == expected.attrs["V"]
    packed = batches._packed(open_source(parquet), Layout(study="study"))
    assert len(packed) > 2
    # two spellings of one study stay together
    assert any({"mu ", "mu"} <= set(values) for values in packed)


def test_globs_keep_the_order_of_the_files(answers, tmp_path):
    for i in range(4):
        part = answers.iloc[100 * i : 100 * (i + 1)]
        part.to_parquet(tmp_path / f"part{i}.parquet")
        part.to_csv(tmp_path / f"part{i}.csv", index=False)
    expected = reliability_by_study(answers, study="study", items="wai")
    for kind in ("parquet", "csv"):
        found = reliability_by_study(
            str(tmp_path / f"part*.{kind}"), study="study", items="wai"
        )
        same(found, expected)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_files(answers, tmp_path, separator):
    answers.to_csv(tmp_path / "answers.csv", index=False, sep=separator)
    expected = reliability_by_study(answers, study="study", instrument="WAI-S")
    found = reliability_by_study(
        tmp_path / "answers.csv", study="study", instrument="WAI-S"
    )
    same(found, expected)


def test_csv_files_that_need_care_are_read_with_care(tmp_path):
    frame = pd.DataFrame(
        {"study": ["x"] * 5, "a": [1.5, 2, 3, 1, 2], "b": [1, 2, 3, 2, 2]}
    )
    expected = reliability_by_study(frame, study="study", items=["a", "b"])
    frame.to_csv(tmp_path / "decimal.csv", index=False, sep=";", decimal=",")
    found = reliability_by_study(
        tmp_path / "decimal.csv", study="study", items=["a", "b"]
    )
    same(found, expected)
    frame["b"] = frame["b"].map({1: "Never", 2: "Often", 3: "Always"})
    frame.to_csv(tmp_path / "words.csv", index=False)
    with pytest.raises(DataError, match="Never"):
        reliability_by_study(tmp_path / "words.csv", study="study", items=["a", "b"])
    frame.to_parquet(tmp_path / "words.parquet")
    with pytest.raises(DataError, match="items must be numeric, but b: 'Never'"):
        reliability_by_study(
            tmp_path / "words.parquet", study="study", items=["a", "b"]
        )


def test_other_files_are_read(answers, tmp_path):
    answers.to_excel(tmp_path / "answers.xlsx", index=False)
    expected = reliability_by_study(answers, study="study", items="wai")
    found = reliability_by_study(tmp_path / "answers.xlsx", study="study", items="wai")
    same(found, expected)


def test_an_ibis_table_is_in_order_of_the_studies(answers, parquet):
    with ibis_calls():
        table = ibis.duckdb.connect().read_parquet(parquet)
    found = reliability_by_study(table, study="study", instrument="WAI-S")
    assert found["study_id"].unique().tolist() == ["alpha", "beta", "mu", "zeta"]
    expected = reliability_by_study(answers, study="study", instrument="WAI-S")
    order = ["study_id", "coefficient_id"]
    same(
        found.sort_values(order, ignore_index=True),
        expected.sort_values(order, ignore_index=True),
    )
    adf = reliability_by_study(table, study="study", items="wai", ci="adf")
    assert adf["study_id"].tolist() == ["alpha", "beta", "mu", "zeta"]


def test_nan_is_missing(tmp_path):
    rng = np.random.default_rng(2)
    values = rng.normal(size=(60, 1)) + rng.normal(size=(60, 3))
    values[4, 1] = values[9, 2] = np.nan
    frame = pd.DataFrame(values, columns=["q1", "q2", "q3"]).assign(g=1)
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False, safe=False)
    arrays = [pa.array(frame[c].to_numpy(), from_pandas=False) for c in frame]
    pq.write_table(pa.table(arrays, names=table.column_names), tmp_path / "n.parquet")
    found = reliability_by_study(tmp_path / "n.parquet", study="g", items="q")
    assert found["n_excluded"].tolist() == [2]
    same(found, reliability_by_study(frame, study="g", items="q"))


def test_large_whole_numbers_are_exact(tmp_path):
    rng = np.random.default_rng(5)
    values = rng.integers(0, 7, (300, 4)) + 10_000_000
    frame = pd.DataFrame(values, columns=list("abcd")).assign(g="x")
    frame.to_parquet(tmp_path / "large.parquet")
    found = reliability_by_study(
        tmp_path / "large.parquet", study="g", items=list("abcd")
    )
    small = frame.assign(**{c: frame[c] - 10_000_000 for c in "abcd"})
    expected = reliability_by_study(small, study="g", items=list("abcd"))
    assert found["estimate"][0] == pytest.approx(expected["estimate"][0], abs=1e-9)


@pytest.mark.parametrize("named", [True, False])
def test_long_tables(answers, tmp_path, named):
    answers["person"] = range(400)
    expected = reliability_by_study(answers, study="study", instrument="WAI-S")
    long = answers.melt(
        ["study", "person", "rater", "provenance"], ITEMS, "item", "answer"
    ).dropna(subset="answer")
    long = long.sort_values("person", kind="stable")
    if not named:
        long["item"] = long["item"].str[3:].astype(int)
    long.to_parquet(tmp_path / "long.parquet")
    columns = {"person": "person", "item": "item", "value": "answer"}
    for ci in ("feldt", "adf"):
        found = reliability_by_study(
            tmp_path / "long.parquet",
            study="study",
            instrument="WAI-S",
            ci=ci,
            **columns,
        )
        expected = reliability_by_study(
            answers, study="study", instrument="WAI-S", ci=ci
        )
        same(found, expected)
    pd.concat([long, long.iloc[[7]]]).to_parquet(tmp_path / "twice.parquet")
    with pytest.raises(DataError, match="answer an item more than once in study"):
        reliability_by_study(
            tmp_path / "twice.parquet", study="study", instrument="WAI-S", **columns
        )


def test_answers_outside_the_form_are_named_by_study(answers, tmp_path):
    answers.loc[answers.index[answers["study"] == "beta"][:2], "wai2"] = 8
    answers.loc[answers.index[answers["study"] == "zeta"][0], "wai4"] = 0
    answers.to_parquet(tmp_path / "wrong.parquet")
    with pytest.raises(
        DataError, match=r"wai2: 2 \(study beta\), wai4: 1 \(study zeta\)"
    ):
        reliability_by_study(
            tmp_path / "wrong.parquet", study="study", instrument="WAI-S"
        )


@pytest.mark.parametrize("ci", ["feldt", "adf"])
def test_empty_studies_are_counted(answers, tmp_path, ci):
    answers["study"] = answers["study"].where(answers.index != 7)
    answers.loc[[11, 12], "study"] = " "
    answers.to_parquet(tmp_path / "empty.parquet")
    found = reliability_by_study(
        tmp_path / "empty.parquet", study="study", items="wai", ci=ci
    )
    expected = reliability_by_study(
        answers.drop(index=[7, 11, 12]), study="study", items="wai", ci=ci
    )
    same(found, expected)
    assert any("study in 3" in note for note in found.attrs["notes"])


def test_codes_are_found_in_a_query(answers, tmp_path):
    names = answers.index[answers["study"] == "beta"]
    answers.loc[names[:2], "wai2"] = 99
    answers.loc[names[5], "wai3"] = -9
    answers.to_parquet(tmp_path / "codes.parquet")
    path = tmp_path / "codes.parquet"
    for options in ({"instrument": "WAI-S"}, {"items": "wai"}):
        with pytest.raises(DataError, match=r"99, -9 among answers") as error:
            reliability_by_study(path, study="study", **options)
        assert "missing_codes=(99, -9)" in str(error.value)
        stated = {"study": "study", "missing_codes": (99, -9), **options}
        found = reliability_by_study(path, **stated)
        same(found, reliability_by_study(answers, **stated))
        blank = answers.replace({99: pd.NA, -9: pd.NA})
        same(found, reliability_by_study(blank, study="study", **options))


def test_the_key_is_decided_study_by_study_in_a_query(answers, tmp_path):
    """One study is reverse-scored already, the others are not."""
    mixed = answers.copy()
    here = mixed["study"] == "beta"
    for item in ("wai4", "wai10"):
        mixed[item] = mixed[item].where(~here, 8 - mixed[item])
    mixed.to_parquet(tmp_path / "mixed.parquet")
    found = reliability_by_study(
        tmp_path / "mixed.parquet", study="study", instrument="WAI-S"
    )
    same(found, reliability_by_study(mixed, study="study", instrument="WAI-S"))
    same(found, reliability_by_study(answers, study="study", instrument="WAI-S"))
    notes = " ".join(found.attrs["notes"])
    assert "already reverse-scored in beta, and were left as they are" in notes
    assert "not checked" in notes
    with pytest.raises(
        DataError,
        match=r"in beta the items wai4, wai10 correlate "
        "positively with",
    ):
        reliability_by_study(
            tmp_path / "mixed.parquet",
            study="study",
            instrument="WAI-S",
            already_keyed=False,
        )


def test_constant_items_and_small_studies(tmp_path):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.integers(1, 6, (42, 4)), columns=list("abcd"))
    frame["g"] = ["two"] * 2 + ["flat"] * 20 + ["fine"] * 20
    frame.loc[frame["g"] == "flat", "b"] = 3
    frame.to_parquet(tmp_path / "f.parquet")
    for coefficient in ("alpha", "omega_total"):
        options = {
            "study": "g",
            "items": list("abcd"),
            "coefficient": coefficient,
            "ci": "normal-theory",
        }
        expected = reliability_by_study(frame, **options)
        same(reliability_by_study(tmp_path / "f.parquet", **options), expected)


def test_what_cannot_be_opened_is_said(tmp_path):
    (tmp_path / "empty.csv").touch()
    nobody = pd.DataFrame({"study": [""], "a": [1], "b": [2]}).iloc[:0]
    nobody.to_parquet(tmp_path / "head.parquet")
    with pytest.raises(DataError, match="there are no respondents"):
        reliability_by_study(
            tmp_path / "head.parquet", study="study", items=["a", "b"], ci="adf"
        )
    (tmp_path / "fake.parquet").write_text("not parquet")
    (tmp_path / "other.csv").write_text("g,a,b\nx,1,2\n")
    for data, message in [
        (tmp_path / "none.parquet", "no such file"),
        (str(tmp_path / "*.sav"), "no such file"),
        (tmp_path, "is a folder; name its files"),
        (tmp_path / "fake.parquet", "cannot be read as Parquet"),
        (str(tmp_path / "[fo]*"), "of one kind"),
        (tmp_path / "empty.csv", "the file is empty"),
        (tmp_path / "head.parquet", "there are no respondents"),
        (3, "data must be a DataFrame"),
        ([[1, 2]], "data must be a DataFrame"),
        (tmp_path / "other.csv", r"study='study'"),
    ]:
        with pytest.raises(DataError, match=message):
            reliability_by_study(data, study="study", items=["a", "b"])


def test_without_ibis_files_are_read_into_memory(
    answers, parquet, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "waistats.reliability.by_study._sources.find_spec", lambda name: None
    )
    expected = reliability_by_study(answers, study="study", instrument="WAI-S")
    same(reliability_by_study(parquet, study="study", instrument="WAI-S"), expected)
    answers.to_csv(tmp_path / "a.csv", index=False)
    found = reliability_by_study(tmp_path / "a.csv", study="study", instrument="WAI-S")
    same(found, expected)


def whole_number_table() -> object:
    schema = {"study": "string", **dict.fromkeys(ITEMS, "int8")}
    return ibis.table(schema, name="responses")


@pytest.mark.parametrize("products", [False, True])
@pytest.mark.parametrize(
    "dialect", ["duckdb", "pyspark", "databricks", "trino", "bigquery", "snowflake"]
)
def test_the_query_compiles_for_other_engines(dialect, products):
    """One statement, grouped by study and completeness, with only sums in it."""
    table = whole_number_table()
    plan = plan_scales(ITEMS, instrument="WAI-S")
    answers = Answers(table=table, layout=Layout(study="study"), plan=plan, order=())
    columns = list(plan.form_columns)
    layout = key_plan(plan.form, columns).layout
    wanted = plan_of(answers, columns, layout, products=products)
    query = once_query(answers, wanted).query
    sql = str(ibis.to_sql(query, dialect=dialect)).upper()
    assert sql.count("GROUP BY") == 1
    # items: sum, square, product with their subscale; reversed ones with the form too
    reverse = len(plan.reversed)
    # products of the totals: of what is kept, what is reversed, and of both
    assert sql.count("SUM(") == 12 * 3 + reverse + len(wanted.squares) + (
        66 if products else 0
    )
    assert "JOIN" not in sql
    assert "OVER" not in sql


def test_an_integer_query_asks_for_whole_numbers():
    plan = plan_scales(ITEMS)
    answers = Answers(
        table=whole_number_table(), layout=Layout(study="study"), plan=plan, order=()
    )
    layout = gate._key_layout(plan, ITEMS)
    query = once_query(answers, plan_of(answers, ITEMS, layout, products=False)).query
    kinds = {name: str(kind) for name, kind in query.schema().items()}
    sums = [
        kind for name, kind in kinds.items() if name[0] in "squ" and name != "study"
    ]
    assert set(sums) == {"int64"}
    assert not any(name.startswith(("p", "w")) for name in kinds)


def test_reading_a_frame_needs_no_ibis(answers):
    assert open_source(answers) is answers


def test_nan_in_a_table_of_the_users_own_connection(tmp_path):
    """An engine may drop the test for NaN; what it lets through is noticed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(2)
    values = rng.normal(size=(60, 1)) + rng.normal(size=(60, 3))
    values[4, 1] = np.nan
    arrays = [pa.array(column, from_pandas=False) for column in values.T]
    study = pa.array(["x"] * 60)
    table = pa.table([*arrays, study], names=["q1", "q2", "q3", "g"])
    pq.write_table(table, tmp_path / "n.parquet")
    with ibis_calls():
        own = ibis.duckdb.connect().read_parquet(tmp_path / "n.parquet")
    found = reliability_by_study(own, study="g", items="q")
    frame = pd.DataFrame(values, columns=["q1", "q2", "q3"]).assign(g="x")
    same(found, reliability_by_study(frame, study="g", items="q"))


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "uint8", "bool"])
def test_no_kind_of_whole_number_overflows(kind, tmp_path):
    rng = np.random.default_rng(8)
    if kind == "bool":
        ends = (0, 1)
    elif kind == "int32":  # the ends of int32 are no answers, and their sums too large
        ends = (-(10**7), 10**7)
    else:
        ends = (np.iinfo(kind).min, np.iinfo(kind).max)
    values = rng.choice(ends, size=(80, 12)).astype(kind)
    values[:, 1] = values[:, 0]
    frame = pd.DataFrame(values, columns=ITEMS).assign(study="x")
    frame.to_parquet(tmp_path / "ends.parquet")
    found = reliability_by_study(tmp_path / "ends.parquet", study="study", items="wai")
    expected = reliability_by_study(frame, study="study", items="wai")
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9, check_dtype=False)
