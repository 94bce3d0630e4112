"""Every engine of Ibis is asked for what it has, and gives what memory gives."""

import functools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from waistats import DataError
from waistats.instruments._gate import GateOptions, declared_range
from waistats.io._long import LongColumns
from waistats.reliability.by_study import _query_gate as gate, _query_once as once
from waistats.reliability.by_study._layout import Layout, plan_scales
from waistats.reliability.by_study._query import Answers, sums_query, widened
from waistats.reliability.by_study._sources import Source, ibis_calls, tells_nan
from waistats.reliability.by_study.api import reliability_by_study

ibis = pytest.importorskip("ibis")

ITEMS = [f"wai{i}" for i in range(1, 13)]
NO_TEST = {"druid", "exasol", "flink", "mssql", "mysql", "singlestoredb", "sqlite"}
OPTIONS = {
    "items": {"items": "wai"},
    "form": {"instrument": "WAI-S"},
    "products": {
        "instrument": "WAI-S",
        "coefficient": "omega_total",
        "ci": "normal-theory",
    },
    "answers": {"instrument": "WAI-S", "ci": "adf"},
}
LONG = {"person": "person", "item": "item", "value": "answer"}


@functools.cache
def compilers() -> dict[str, object]:
    """Return the compiler of every dialect that Ibis writes."""
    import ibis.backends.sql.compilers as found

    known = [name for name in dir(found) if not name.startswith("_")]
    return {
        name: getattr(found, name).compiler
        for name in known
        if hasattr(getattr(found, name), "compiler")
    }


class Engine:
    """What tells an engine's operations, by Ibis's own method, without a connection."""

    def __init__(self, dialect: str) -> None:
        self.name = dialect
        self.compiler = compilers()[dialect]

    def has_operation(self, operation: type) -> bool:
        from ibis.backends.sql import SQLBackend

        return SQLBackend.has_operation.__func__(self, operation)


def table(dialect: str, columns: dict[str, str]) -> object:
    """Return a table of an engine that is not there."""
    import ibis.expr.operations as ops

    held = ops.DatabaseTable("t", ibis.schema(columns), source=Engine(dialect))
    return held.to_expr()


# Ibis 12 and its list of dialects; a new one shows here
DIALECTS = [
    "athena", "bigquery", "clickhouse", "databricks", "datafusion", "druid", "duckdb",
    "exasol", "flink", "impala", "materialize", "mssql", "mysql", "oracle", "postgres",
    "pyspark", "risingwave", "singlestoredb", "snowflake", "sqlite", "trino",
]  # fmt: skip


def test_the_dialects_are_those_of_ibis():
    assert set(compilers()) <= set(DIALECTS)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("options", [{"items": "wai"}, {"instrument": "WAI-S"}])
def test_the_queries_compile_for_every_dialect(dialect, options, monkeypatch):
    """Real numbers, which may be NaN: sums, products, gate, blanks, long tables."""
    if dialect not in compilers():
        pytest.skip(f"this version of Ibis does not write {dialect}")
    if dialect == "pyspark":
        # its options exist once the engine has been asked for
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PySpark warns of new versions of pandas
            pytest.importorskip("pyspark")
            assert ibis.pyspark is not None
    wide = table(dialect, {"study": "float64", **dict.fromkeys(ITEMS, "float64")})
    plan = plan_scales(ITEMS, **options)
    answers = Answers(
        table=wide,
        layout=Layout(study="study"),
        plan=plan,
        order=(),
        turned=plan.reversed,
        codes=(99.0,),
    )
    monkeypatch.setattr(once, "origins", lambda *_, **__: {})
    columns = list(plan.form_columns or plan.columns)
    limits = declared_range(plan.form, [], GateOptions())
    layout = gate._key_layout(plan, columns)
    keys = {"study": "string", "person": "int64", "item": "string"}
    named = LongColumns(person=("person",), item="item", value="answer")
    long = Layout(study="study", long=named)
    tall = Source(table=table(dialect, keys | {"answer": "float64"}))
    queries = [
        sums_query(answers),
        sums_query(answers, near=dict.fromkeys(ITEMS, 4.0), with_total=True),
        sums_query(replace(answers, besides=frozenset(ITEMS[:2]), both_ends=8.0)),
        gate._ends_query(answers, columns),
        gate._wrong_query(answers, columns, limits or (1.0, 7.0), whole=True),
        *(
            once.once_query(
                of, once.plan_of(of, columns, layout, products=products), with_ends=ends
            ).query
            for of in (answers, replace(answers, besides=frozenset(ITEMS[:2])))
            for products, ends in ((False, True), (True, False))
        ),
        widened(tall, long, {name: name for name in ITEMS}),
        wide.filter(~gate._blank(wide["study"])),
    ]
    told = [str(ibis.to_sql(query, dialect=dialect)).upper() for query in queries]
    tested = dialect not in NO_TEST
    assert tells_nan(wide) is tested
    if dialect in ("duckdb", "postgres", "pyspark"):
        assert "NAN" in told[0]
    elif not tested:
        assert not any("NAN" in sql for sql in told)


def simulated() -> pd.DataFrame:
    """Return SIMULATED raw answers to a 12-item form, real numbers with gaps."""
    rng = np.random.default_rng(31)
    values = rng.normal(size=(400, 1)) + rng.normal(size=(400, 12))
    keyed = np.clip(np.round(values + 4.5), 1, 7)
    keyed[:, [3, 9]] = 8 - keyed[:, [3, 9]]
    frame = pd.DataFrame(keyed, columns=ITEMS)
    frame = frame.mask(rng.random((400, 12)) < 0.01)
    frame.insert(0, "study", rng.choice(["zeta", "beta", "mu", "alpha"], 400))
    frame.insert(1, "person", range(400))
    return frame


def tall_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row an answer."""
    return frame.melt(["study", "person"], ITEMS, "item", "answer").dropna()


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Samples may stand in another order, numbers may not differ."""
    order = ["study_id", "coefficient_id"]
    for column in ("estimate", "ci_low", "ci_high", "n", "n_items"):
        np.testing.assert_allclose(
            found.sort_values(order)[column].to_numpy(dtype=float),
            expected.sort_values(order)[column].to_numpy(dtype=float),
            rtol=1e-12,
            atol=1e-12,
        )


@pytest.fixture
def opened(tmp_path):
    """Return frames as tables of an engine; connections end with the test."""
    connections = []

    def open_as(name: str, frame: pd.DataFrame) -> object:
        if name == "sqlite":
            path = tmp_path / "a.db"
            with closing(sqlite3.connect(path)) as written:
                frame.to_sql("t", written, index=False, if_exists="replace")
            connections.append(ibis.sqlite.connect(path))
            return connections[-1].table("t")
        if name == "polars":
            pytest.importorskip("polars")
            path = tmp_path / "a.parquet"
            frame.to_parquet(path, index=False)
            return ibis.polars.connect().read_parquet(path)
        connection = ibis.duckdb.connect()
        connections.append(connection)
        connection.con.register("given", frame)
        connection.con.execute("CREATE TABLE t AS SELECT * FROM given")
        return connection.table("t")

    yield open_as
    for connection in connections:
        connection.disconnect()


@pytest.mark.parametrize("name", ["duckdb", "polars", "sqlite"])
@pytest.mark.parametrize("case", [*OPTIONS, "long"])
def test_engines_give_what_memory_gives(name, case, opened):
    frame = simulated()
    options = OPTIONS.get(case, {"instrument": "WAI-S"})
    expected = reliability_by_study(frame, study="study", **options)
    more = LONG if case == "long" else {}
    given = tall_of(frame) if case == "long" else frame
    with ibis_calls():
        held = opened(name, given)
        found = reliability_by_study(held, study="study", **options, **more)
    same(found, expected)


SPARK = """
import json, sys
import ibis
from pyspark.sql import SparkSession
from waistats import reliability_by_study
session = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "2")
    .getOrCreate()
)
connection = ibis.pyspark.connect(session)
asked = json.loads(sys.argv[1])
for case, (path, options) in asked.items():
    table = connection.read_parquet(path)
    found = reliability_by_study(table, study="study", **options)
    found.to_csv(f"{case}.csv", index=False)
session.stop()
"""


@pytest.mark.slow
def test_spark_gives_what_memory_gives(tmp_path):
    if not find_spec("pyspark"):
        pytest.skip("PySpark is not installed")
    if os.name == "nt":
        pytest.skip("Spark on Windows needs Hadoop's own programs")
    if not shutil.which("java"):
        pytest.skip("PySpark needs Java, which is not there")
    frame = simulated()
    frame.to_parquet(tmp_path / "wide.parquet", index=False)
    tall_of(frame).to_parquet(tmp_path / "long.parquet", index=False)
    asked = {
        case: (str(tmp_path / "wide.parquet"), options)
        for case, options in OPTIONS.items()
        if case != "answers"
    }
    asked["long"] = (str(tmp_path / "long.parquet"), {"instrument": "WAI-S"} | LONG)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SPARK, json.dumps(asked)],
        cwd=tmp_path,
        check=True,
        timeout=300,
    )
    for case in asked:
        options = OPTIONS.get(case, {"instrument": "WAI-S"})
        expected = reliability_by_study(frame, study="study", **options)
        same(pd.read_csv(tmp_path / f"{case}.csv"), expected)


def test_what_an_engine_cannot_do_is_ours_to_say(opened, monkeypatch):
    """An engine that has no test for NaN, asked for one all the same."""
    held = opened("sqlite", simulated())
    monkeypatch.setattr(
        "waistats.reliability.by_study._sources.tells_nan", lambda column: True
    )
    with pytest.raises(
        DataError, match=r"failed on sqlite\. This engine lacks"
    ) as error:
        reliability_by_study(held, study="study", items="wai")
    assert "write the table to Parquet" in str(error.value)


def test_a_table_that_went_away_is_said(opened, tmp_path):
    held = opened("sqlite", simulated())
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("DROP TABLE t")
    with pytest.raises(DataError, match=r"failed on sqlite\. Check"):
        reliability_by_study(held, study="study", items="wai")
