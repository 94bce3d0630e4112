"""Alpha and sums of 1,000 studies from a Parquet file against the bare DuckDB query.

Run ``python benchmarks/at_scale.py [rows in millions]``, 5 by default. The answers are
SIMULATED. The bare query gives the variances of the items and of the total, and no
more; ours also look for codes, answers out of range and items that contradict their
scale, and of a form whether it is keyed. ``summarize_responses`` makes sums without
persons. Times are processor time of all threads, the best of several runs in turn, which
other work on the machine does not lengthen. Peak memory is that of a process of its
own, for a fifth of the rows and for all of them.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from waistats import reliability_by_study, summarize_responses
from waistats.reliability.by_study import _query_gate, _query_once

ITEMS = [f"q{i}" for i in range(1, 13)]
RUNS = 5
HERE = str(Path(__file__).parent)
CHILD = """
import sys
sys.path.insert(0, sys.argv[2])
from memory import peak_mb
from waistats import reliability_by_study
reliability_by_study(sys.argv[1], study="study", items="q")
print(peak_mb())
"""


def write_answers(path: Path, rows: int, *, studies: int = 1000) -> None:
    """Write SIMULATED answers, a million rows at a time."""
    rng = np.random.default_rng(7)
    schema = pa.schema([("study", pa.int32()), *((name, pa.int8()) for name in ITEMS)])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, 1_000_000):
            n = min(1_000_000, rows - start)
            latent = rng.normal(size=n).astype(np.float32)
            columns = [rng.integers(0, studies, n).astype(np.int32)]
            for _ in ITEMS:
                noise = rng.normal(size=n).astype(np.float32)
                columns.append(np.clip(np.round(latent + noise + 4), 1, 7))
            arrays = [pa.array(c.astype(np.int8)) for c in columns[1:]]
            writer.write_table(pa.table([pa.array(columns[0]), *arrays], schema=schema))


def bare_query(path: Path) -> list[tuple[float, ...]]:
    """Return the variances of the items and of the total by study."""
    items = ", ".join(f"var_samp({name})" for name in ITEMS)
    total = " + ".join(f"{name}::INTEGER" for name in ITEMS)
    return (
        duckdb.connect()
        .execute(
            f"SELECT study, count(*), {items}, var_samp({total}) "
            f"FROM read_parquet('{path}') GROUP BY study"
        )
        .fetchall()
    )


def seconds(function: Callable[[], object]) -> float:
    """Return the processor time of a call, of all its threads."""
    start = time.process_time()
    function()
    return time.process_time() - start


def queries(function: Callable[[], object]) -> int:
    """Return how many queries with a row a study a call asks."""
    asked = 0
    fetch = _query_once.fetch

    def counted(query: object) -> pd.DataFrame:
        nonlocal asked
        found = fetch(query)
        asked += len(found) > 1
        return found

    modules = (_query_once, _query_gate)
    try:
        for module in modules:
            module.fetch = counted
        function()
    finally:
        for module in modules:
            module.fetch = fetch
    return asked


def peak_memory(path: Path) -> float:
    """Return the peak memory of one call in a process of its own, in MB."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, str(path), HERE],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main() -> None:
    """Print times, their ratio, and peak memory."""
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    rows = int(millions * 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        whole, fifth = Path(folder, "all.parquet"), Path(folder, "fifth.parquet")
        write_answers(whole, rows)
        write_answers(fifth, rows // 5)
        study = {"study": "study", "response_range": (1, 7)}
        calls: dict[str, Callable[[], object]] = {
            "bare DuckDB query": lambda: bare_query(whole),
            "reliability_by_study": lambda: reliability_by_study(
                whole, study="study", items="q"
            ),
            "the same of the WAI-SR": lambda: reliability_by_study(
                whole, items="q", instrument="WAI-SR", **study
            ),
            "summarize_responses": lambda: summarize_responses(
                whole, study="study", items="q"
            ),
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(RUNS):  # in turn, so that all see the same load
            for name, call in calls.items():
                times[name].append(seconds(call))
        print(f"{rows:,} x 12 answers in 1,000 studies, Parquet; best of {RUNS}")
        bare = min(times["bare DuckDB query"])
        for name, of in times.items():
            print(f"{name:<24} {min(of):7.3f} s {min(of) / bare:6.2f} x")
        asked = queries(calls["summarize_responses"])
        print(f"summarize_responses: queries by study: {asked}")
        print(f"peak memory {rows // 5:>12,} rows {peak_memory(fifth):8.0f} MB")
        print(f"peak memory {rows:>12,} rows {peak_memory(whole):8.0f} MB")


if __name__ == "__main__":
    main()
