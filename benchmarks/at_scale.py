"""Alpha of 1,000 studies from a Parquet file against the bare DuckDB query.

Run ``python benchmarks/at_scale.py [rows in millions]``, 5 by default. The answers are
SIMULATED. Both use the same number of threads; the bare query gives the variances of
the items and of the total, and no more. Peak memory is that of a process of its own,
for a fifth of the rows and for all of them.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from waistats.reliability.by_study.api import reliability_by_study

ITEMS = [f"q{i}" for i in range(1, 13)]
RUNS = 5
CHILD = """
import resource, sys
from waistats.reliability.by_study.api import reliability_by_study
reliability_by_study(sys.argv[1], study="study", items="q")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
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
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def peak_memory(path: Path) -> float:
    """Return the peak memory of one call in a process of its own, in MB."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, str(path)],
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
        ours, bare = [], []
        for _ in range(RUNS):  # in turn, so that both see the same load
            bare.append(seconds(lambda: bare_query(whole)))
            ours.append(
                seconds(lambda: reliability_by_study(whole, study="study", items="q"))
            )
        print(f"{rows:,} x 12 answers in 1,000 studies, Parquet; best of {RUNS}")
        print(f"bare DuckDB query     {min(bare):7.3f} s")
        print(
            f"reliability_by_study  {min(ours):7.3f} s  {min(ours) / min(bare):.2f} x"
        )
        print(f"peak memory {rows // 5:>12,} rows {peak_memory(fifth):8.0f} MB")
        print(f"peak memory {rows:>12,} rows {peak_memory(whole):8.0f} MB")


if __name__ == "__main__":
    main()
