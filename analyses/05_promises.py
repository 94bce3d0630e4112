"""What models of reliability promise, and what they keep on data of known truth.

Question: how often do intervals cover and tests err, by model, measure and design?
Reads: nothing; all studies are SIMULATED (promises_simulation.py says how).
Writes: output/05_promises.csv, output/05_promises.svg; with ``dependent``
        output/05_promises_dependent.csv and output/05_promises_levels.csv; with ``single``
        output/05_promises_prediction.csv and output/05_promises_probability.csv.

``05_promises.py [runs] [dask] [small] [dependent | single]``: 1,000 runs per cell by
default; on a dask cluster; a few cells only, to files with _small in their names;
studies that give several coefficients (promises_dependent.py); prediction intervals
and probabilities where they give one (promises_single.py).
"""

# %%
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from contextlib import ExitStack
from pathlib import Path

import joblib
import promises_dependent as several
import promises_simulation as simulation
import promises_single as alone

import waistats as ws

OUTPUT = Path(__file__).parent / "output"


def main(runs=1000, *, cluster=False, small=False, dependent=False, single=False):
    OUTPUT.mkdir(exist_ok=True)
    end = "_small" if small else ""
    with ExitStack() as stack:
        if cluster:
            from dask.distributed import Client

            own = "DASK_SCHEDULER_ADDRESS" not in os.environ
            options = {"dashboard_address": None} if own else {}
            client = stack.enter_context(Client(**options))
            client.upload_file(simulation.__file__)
            client.upload_file(several.__file__)
            client.upload_file(alone.__file__)
            stack.enter_context(joblib.parallel_config("dask"))
        if dependent or single:
            part = several if dependent else alone
            part.write(OUTPUT, runs, end, small=small)
            return
        frame = simulation.simulate(runs, small=small)
        frame = frame.assign(runs=runs, provenance="SIMULATED")
    name = f"05_promises{end}"
    frame.to_csv(OUTPUT / f"{name}.csv", index=False)
    ws.figures.save(simulation.coverage_figure(frame), OUTPUT / f"{name}.svg")
    print(frame.pivot_table("ci_coverage", ["measure", "model"], "test").round(3))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    words = {name: name for name in ("small", "dependent", "single")}
    words["cluster"] = "dask"
    main(*numbers, **{option: word in sys.argv for option, word in words.items()})
