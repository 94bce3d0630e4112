"""What models of reliability promise, and what they keep on data of known truth.

Question: how often do intervals cover and tests err, by model, measure and design?
Reads: nothing; all studies are SIMULATED (promises_simulation.py says how).
Writes: output/05_promises.csv, output/05_promises.svg.

``05_promises.py [runs] [dask]``: 1,000 runs a cell by default; on a dask cluster.
"""

# %%
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from contextlib import ExitStack
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from promises_simulation import cell, coverage_figure, pool, pool_sizes, settings
from tqdm import tqdm

import waistats as ws

OUTPUT = Path(__file__).parent / "output"


def simulate(runs: int) -> pd.DataFrame:
    """Return one row a cell and method, the same on any machine."""
    seeds = np.random.SeedSequence(20020601).spawn(2)
    parallel = joblib.Parallel(n_jobs=os.cpu_count(), return_as="generator")
    needed, cells = pool_sizes(), settings()
    drawn = parallel(
        joblib.delayed(pool)(n, m, seed)
        for (m, n), seed in zip(needed, seeds[0].spawn(len(needed)), strict=True)
    )
    drawn = tqdm(drawn, "pools", len(needed), disable=None)
    pools = dict(zip(needed, drawn, strict=True))
    rows = parallel(
        joblib.delayed(cell)(setting, seed, pools, runs)
        for setting, seed in zip(cells, seeds[1].spawn(len(cells)), strict=True)
    )
    found = tqdm(rows, "cells", len(cells), disable=None)
    return pd.DataFrame([row for part in found for row in part])


def main(runs: int = 1000, *, cluster: bool = False) -> None:
    OUTPUT.mkdir(exist_ok=True)
    with ExitStack() as stack:
        if cluster:
            from dask.distributed import Client

            stack.enter_context(Client(dashboard_address=None))
            stack.enter_context(joblib.parallel_config("dask"))
        frame = simulate(runs).assign(runs=runs, provenance="SIMULATED")
    frame.to_csv(OUTPUT / "05_promises.csv", index=False)
    ws.figures.save(coverage_figure(frame), OUTPUT / "05_promises.svg")
    print(frame.pivot_table("ci_coverage", ["measure", "model"], "test").round(3))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(*numbers, cluster="dask" in sys.argv)
