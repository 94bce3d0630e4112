"""Time the sensitivity analyses against metafor in the same run.

Claims: leave-one-out, influence, cumulative, trim and fill and threshold selection are
faster than metafor's on the same data; all 2^20 - 1 subsets of 20 studies (GOSH) take
seconds. metafor is asked where Rscript and metafor are there, else said to be absent.
Ratios above 1 are in favour of waistats. Data are SIMULATED.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from memory import peak_mb

from waistats import cumulative, effect_sizes, fit_meta, influence, leave_one_out
from waistats.sensitivity.gosh import gosh
from waistats.sensitivity.selection import threshold_selection
from waistats.sensitivity.trim_and_fill import trim_and_fill

K = 50
SMALL = 20
R_SUBSETS = 1000
R_CODE = """
suppressMessages(library(metafor))
d <- read.csv(commandArgs(TRUE)[1])
best <- function(f, n) min(replicate(n, system.time(f())[["elapsed"]]))
fit <- rma(yi, vi, data = d, test = "knha")
shifted <- rma(yi + log(.3), vi, data = d, method = "ML")
few <- rma(yi, vi, data = d[1:%d, ])
out <- list(
  leave_one_out = best(function() leave1out(fit), 3),
  influence = best(function() influence(fit), 3),
  cumulative = best(function() cumul(fit), 3),
  trim_and_fill = best(function() trimfill(fit), 5),
  threshold_selection = best(function() selmodel(shifted, type = "stepfun",
    steps = .5, alternative = "greater"), 3),
  gosh = best(function() gosh(few, subsets = %d, progbar = FALSE), 1))
cat(sprintf('{%%s}', paste(sprintf('"%%s": %%.9g', names(out), unlist(out)),
                           collapse = ", ")))
"""


def simulated() -> pd.DataFrame:
    """Return a SIMULATED table of alphas."""
    rng = np.random.default_rng(7)
    n = rng.integers(40, 400, K)
    v = 2 * 12 / (11 * (n - 2))
    # small studies report higher alphas, so that trim and fill has something to fill
    y = rng.normal(1.2 + 2 * np.sqrt(v), np.sqrt(0.15 + v))
    table = pd.DataFrame({"study_id": [f"S{i}" for i in range(K)], "n": n})
    table["estimate"] = -np.expm1(-y)
    return effect_sizes(table.assign(n_items=12, provenance="SIMULATED"))


def best(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest time of several calls, in seconds."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def ours(data: pd.DataFrame) -> dict[str, float]:
    """Return our times of the same jobs."""
    fit = fit_meta(data)
    return {
        "leave_one_out": best(lambda: leave_one_out(fit), 20),
        "influence": best(lambda: influence(fit), 20),
        "cumulative": best(lambda: cumulative(fit), 20),
        "trim_and_fill": best(lambda: trim_and_fill(fit), 20),
        "threshold_selection": best(lambda: threshold_selection(fit), 10),
    }


def theirs(data: pd.DataFrame) -> dict[str, float]:
    """Return metafor's times; empty where R or metafor is not installed."""
    if shutil.which("Rscript") is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "data.csv"
        data.to_csv(table, index=False)
        command = ["Rscript", "-e", R_CODE % (SMALL, R_SUBSETS), str(table)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        print(f"R did not run: {run.stderr.strip()}")
        return {}
    return json.loads(run.stdout)


def main() -> None:
    """Print a line a job."""
    data = simulated()
    mine, r = ours(data), theirs(data)
    print(f"k = {K}; SIMULATED data; metafor is the peer")
    for name, seconds in mine.items():
        line = f"{name:<20} waistats {1000 * seconds:8.2f} ms"
        if name in r:
            line += (
                f"   metafor {1000 * r[name]:8.1f} ms   ratio {r[name] / seconds:.1f}"
            )
        print(line)
    few = fit_meta(data.iloc[:SMALL])
    start = time.perf_counter()
    cloud = gosh(few)
    took = time.perf_counter() - start
    rate = len(cloud.k) / took
    print(
        f"GOSH: {len(cloud.k):,} REML fits of {SMALL} studies in {took:.1f} s "
        f"({rate:,.0f} subsets a second; peak memory {peak_mb():.0f} MB)"
    )
    if "gosh" in r:
        peer = R_SUBSETS / r["gosh"]
        print(f"      metafor {peer:,.0f} subsets a second, ratio {rate / peer:.0f}")
    start = time.perf_counter()
    cloud.split()
    print(f"      which studies split the cloud: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
