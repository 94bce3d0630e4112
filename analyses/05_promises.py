"""What models of reliability promise, and what they keep on data of known truth.

Question: how often do intervals cover and tests err, by model, measure and design?
Reads: nothing; all studies are SIMULATED (promises_simulation.py says how).
Writes: output/05_promises.csv, output/05_promises.svg.

``05_promises.py [runs] [dask] [small]``: 1,000 runs a cell by default; on a dask
cluster; only the cells of 5 and 10 normal samples, to 05_promises_small.
"""

# %%
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from contextlib import ExitStack
from pathlib import Path

import joblib
import promises_simulation as simulation

import waistats as ws

OUTPUT = Path(__file__).parent / "output"


def main(runs: int = 1000, *, cluster: bool = False, small: bool = False) -> None:
    OUTPUT.mkdir(exist_ok=True)
    with ExitStack() as stack:
        if cluster:
            from dask.distributed import Client

            own = "DASK_SCHEDULER_ADDRESS" not in os.environ
            options = {"dashboard_address": None} if own else {}
            client = stack.enter_context(Client(**options))
            client.upload_file(simulation.__file__)
            stack.enter_context(joblib.parallel_config("dask"))
        frame = simulation.simulate(runs, small=small)
        frame = frame.assign(runs=runs, provenance="SIMULATED")
    name = "05_promises_small" if small else "05_promises"
    frame.to_csv(OUTPUT / f"{name}.csv", index=False)
    ws.figures.save(simulation.coverage_figure(frame), OUTPUT / f"{name}.svg")
    print(frame.pivot_table("ci_coverage", ["measure", "model"], "test").round(3))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(*numbers, cluster="dask" in sys.argv, small="small" in sys.argv)
